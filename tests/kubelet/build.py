"""Short ways to make pods and runtime states for tables."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from minikctl.api.meta import Obj
from minikctl.kubelet.pod_worker import spec_hash
from minikctl.runtime.interface import (
    EXITED,
    READY,
    RUNNING,
    ContainerStatus,
    PodState,
    SandboxStatus,
)

T0 = datetime(2026, 5, 1, 12, tzinfo=UTC)


def container(name: str = "app", image: str = "nginx:1.25", **more: Any) -> Obj:
    return {"name": name, "image": image, **more}


def pod(*containers: Obj, inits: tuple[Obj, ...] = (), policy: str = "Always", **spec: Any) -> Obj:
    full: Obj = {"containers": list(containers) or [container()], "restartPolicy": policy, "nodeName": "node-1", **spec}
    if inits:
        full["initContainers"] = list(inits)
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "web", "namespace": "default", "uid": "u1", "generation": 1},
        "spec": full,
        "status": {"phase": "Pending"},
    }


def sandbox(state: str = READY, attempt: int = 0, ip: str = "127.9.0.2") -> SandboxStatus:
    return SandboxStatus(f"s{attempt}", "u1", "web", "default", attempt, state, ip, T0)


def run(
    name: str = "app",
    *,
    attempt: int = 0,
    code: int | None = None,
    of: Obj | None = None,
    box: str = "s0",
    init: bool = False,
    after: float = 0.0,
) -> ContainerStatus:
    """A run of a container: running, or ended with `code`."""
    ended = code is not None
    return ContainerStatus(
        id=f"{name}{attempt}",
        name=name,
        attempt=attempt,
        sandbox_id=box,
        state=EXITED if ended else RUNNING,
        image="docker.io/library/nginx:1.25",
        image_ref="docker.io/library/nginx@sha256:1",
        created_at=T0,
        started_at=T0 + timedelta(seconds=after),
        finished_at=T0 + timedelta(seconds=after + 1) if ended else None,
        exit_code=code or 0,
        reason=("Error" if code else "Completed") if ended else "",
        spec_hash=spec_hash(of) if of else "",
        init=init,
    )


def state(*runs: ContainerStatus, box: SandboxStatus | None = None) -> PodState:
    return PodState("u1", (box or sandbox(),), runs)


NOTHING = PodState("u1")
