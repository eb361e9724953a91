"""The pods of jobs and cron jobs."""

from __future__ import annotations

from minikctl.api.meta import Obj


def pod_template(name: str, image: str, command: list[str], restart: str) -> Obj:
    """One container called as the job."""
    container: Obj = {"name": name, "image": image}
    if command:
        container["command"] = command
    return {"spec": {"containers": [container], "restartPolicy": restart}}
