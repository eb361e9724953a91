"""minikctl: a Kubernetes that you can pip install and read."""

__version__ = "0.1.0"

KUBERNETES_VERSION = "v1.36.3"
"""The Kubernetes release whose API, messages and behaviour this version follows."""
