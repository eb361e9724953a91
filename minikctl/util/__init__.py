"""The ground layer: helpers that know nothing of Kubernetes."""
