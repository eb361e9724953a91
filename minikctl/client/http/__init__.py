"""The client over the wire: the same `Client` protocol on any Kubernetes API server.

Nothing here is imported by a command on the local files. Errors of the server are `ApiError`s; a server that cannot be
reached is `Unreachable`, in the words of Go's `net/http` and kubectl.
"""

from minikctl.client.http.client import HttpClient
from minikctl.client.http.endpoint import Endpoint, ExecPlugin, Impersonation

__all__ = ["Endpoint", "ExecPlugin", "HttpClient", "Impersonation"]
