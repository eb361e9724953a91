"""Asking for operations: what `minikctl app` writes into an Application, and waiting for how it ends."""

from __future__ import annotations

import time
from typing import Any

from minikctl.api.errors import ApiError
from minikctl.api.meta import Obj
from minikctl.client import Client
from minikctl.cluster.gitops.application import APPLICATIONS
from minikctl.cluster.gitops.operation import RUNNING, SUCCEEDED
from minikctl.kubectl.command import Invocation
from minikctl.util.errors import UsageError

SECONDS = 0.1


def application(call: Invocation) -> tuple[str, str, Obj]:
    """(namespace, name, the Application) that the command line names. Raises UsageError, ApiError."""
    if call.client.kind(APPLICATIONS) is None:
        raise UsageError("this cluster has no Applications; `minikctl cluster addons enable gitops` brings them")
    if not call.args:
        raise call.usage_error("no application is named")
    namespace = call.namespace if call.namespace_given else "argocd"
    return namespace, call.args[0], call.client.get(APPLICATIONS, call.args[0], namespace)


def operate(call: Invocation, namespace: str, name: str, sync: dict[str, Any], seconds: float) -> Obj:
    """Ask for a synchronisation and wait for its end; its operationState. Raises UsageError when it fails."""
    client: Client = call.client
    app = client.get(APPLICATIONS, name, namespace)
    if app.get("operation"):
        raise UsageError("another operation is already in progress")
    wanted = {**app, "operation": {"initiatedBy": {"username": "admin"}, "sync": sync}}
    client.update(APPLICATIONS, wanted)
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        try:
            app = client.get(APPLICATIONS, name, namespace)
        except ApiError as e:
            raise UsageError(f"the application has gone: {e.message}") from None
        state = (app.get("status") or {}).get("operationState") or {}
        if not app.get("operation") and state.get("phase") not in (None, RUNNING):
            if state["phase"] != SUCCEEDED:
                raise UsageError(f"Operation has completed with phase: {state['phase']}: {state.get('message', '')}")
            return dict(state)
        time.sleep(SECONDS)
    raise UsageError(f"timed out (waiting for the operation to end, {seconds:.0f}s)")
