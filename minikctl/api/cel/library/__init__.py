"""Kubernetes' CEL functions, one file a library: each has `FUNCTIONS`."""
