"""Real container images: a store of them, archives, registries, and the folders that containers have as their root.

Sources: OCI Image Format Specification, OCI Distribution Specification, Docker Image Specification v1.2 and v1.3.
"""
