"""What a new cluster contains before anybody has asked for anything."""

from __future__ import annotations

from minikctl.api.errors import ApiError
from minikctl.apiserver.request import Context
from minikctl.apiserver.server import APIServer

NAMESPACES = ("default", "kube-system", "kube-public", "kube-node-lease")


def bootstrap(api: APIServer) -> None:
    """Create the system's own objects where they are missing. Safe to call at every start."""
    kind = api.kind("namespaces")
    for name in NAMESPACES:
        try:
            api.create(kind, "", {"metadata": {"name": name}}, Context(actor="kube-apiserver"))
        except ApiError as e:
            if e.reason != "AlreadyExists":
                raise
