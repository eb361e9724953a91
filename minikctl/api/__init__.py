"""The pure layer: what Kubernetes objects are. No files, clocks or processes; every function is a table test away."""
