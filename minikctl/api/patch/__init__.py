"""Patches as pure functions: JSON Patch, JSON merge patch, Kubernetes' strategic merge patch and its three-way forms."""
