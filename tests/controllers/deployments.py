"""What tests of Deployments do and ask, on a ControlPlane."""

from __future__ import annotations

from minikctl.api.meta import Obj, Objects, condition
from tests.support.control_plane import ControlPlane

DEPLOY, RS = "deployments.apps", "replicasets.apps"
REVISION = "deployment.kubernetes.io/revision"


def create(plane: ControlPlane, obj: Obj, kind: str = DEPLOY) -> Obj:
    return plane.cluster.client.create(kind, obj, "default")


def patch(plane: ControlPlane, change: Obj, kind: str = DEPLOY, name: str = "web") -> Obj:
    return plane.cluster.client.patch(kind, name, change, "default")


def set_image(plane: ControlPlane, image: str) -> Obj:
    containers = [{"name": "main", "image": image}]
    return patch(plane, {"spec": {"template": {"spec": {"containers": containers}}}})


def get(plane: ControlPlane, name: str = "web") -> Obj:
    return plane.cluster.client.get(DEPLOY, name, "default")


def sets(plane: ControlPlane) -> dict[str, Obj]:
    """ReplicaSets by their image."""
    found = plane.cluster.client.list(RS, "default")["items"]
    return {rs["spec"]["template"]["spec"]["containers"][0]["image"]: rs for rs in found}


def sizes(plane: ControlPlane) -> dict[str, int]:
    return {image: rs["spec"]["replicas"] for image, rs in sets(plane).items()}


def pods(plane: ControlPlane) -> Objects:
    found: Objects = plane.cluster.client.list("pods", "default")["items"]
    return found


def events(plane: ControlPlane, reason: str = "ScalingReplicaSet") -> list[str]:
    listed = plane.cluster.client.list("events", "default")["items"]
    found = [e for e in listed if e["reason"] == reason]
    return [e["message"] for e in sorted(found, key=lambda e: int(e["metadata"]["resourceVersion"]))]


def reason(plane: ControlPlane, kind: str = "Progressing") -> str:
    found = condition(get(plane), kind)
    return str(found.get("reason")) if found else ""
