"""PersistentVolumeClaim."""

from minikctl.api.meta import Obj, owner_references
from minikctl.kubectl.describe import Subject, metadata
from minikctl.kubectl.describe.values import age, go, rfc1123, storage_class
from minikctl.kubectl.describe.volumes import capacity_and_modes
from minikctl.kubectl.describe.writer import Writer

GROUP = ""


def describe(about: Subject, w: Writer) -> None:
    claim = about.obj
    meta, status = claim["metadata"], claim.get("status") or {}
    w.field(0, "Name", meta["name"])
    w.field(0, "Namespace", meta.get("namespace", ""))
    w.field(0, "StorageClass", storage_class(claim))
    if meta.get("deletionTimestamp"):
        w.field(0, "Status", f"Terminating (lasts {age(meta['deletionTimestamp'], about.now)})")
    else:
        w.field(0, "Status", status.get("phase", ""))
    w.field(0, "Volume", (claim.get("spec") or {}).get("volumeName", ""))
    metadata.labels_and_annotations(w, claim)
    w.field(0, "Finalizers", go(meta.get("finalizers") or []))
    capacity_and_modes(claim, w)
    metadata.multiline(w, "Used By", sorted(_users(about)))
    if status.get("conditions"):
        w.line(0, "Conditions:")
        w.line(1, "Type\tStatus\tLastProbeTime\tLastTransitionTime\tReason\tMessage")
        w.line(1, "----\t------\t-----------------\t------------------\t------\t-------")
        for c in status["conditions"]:
            w.line(1, _condition(c))
    about.events(w)


def _condition(c: Obj) -> str:
    times = f"{rfc1123(c.get('lastProbeTime'))} \t{rfc1123(c.get('lastTransitionTime'))}"
    return f"{c.get('type', '')} \t{c.get('status', '')} \t{times} \t{c.get('reason', '')} \t{c.get('message', '')}"


def _users(about: Subject) -> list[str]:
    """Pods that mount the claim, or that own it (ephemeral volumes)."""
    meta = about.obj["metadata"]
    owners = {r.get("uid") for r in owner_references(about.obj) if r.get("kind") == "Pod"}
    names = []
    for pod in about.client.list("pods", meta.get("namespace", ""))["items"]:
        volumes = (pod.get("spec") or {}).get("volumes") or []
        mounts = sum((v.get("persistentVolumeClaim") or {}).get("claimName") == meta["name"] for v in volumes)
        names += [pod["metadata"]["name"]] * (mounts or (pod["metadata"].get("uid") in owners))
    return names
