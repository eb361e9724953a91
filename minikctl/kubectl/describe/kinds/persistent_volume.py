"""PersistentVolume."""

from minikctl.api.meta import Obj
from minikctl.kubectl.describe import Subject, metadata
from minikctl.kubectl.describe.values import access_modes, age, go, storage_class
from minikctl.kubectl.describe.volumes import source
from minikctl.kubectl.describe.writer import Writer

GROUP = ""


def describe(about: Subject, w: Writer) -> None:
    volume = about.obj
    meta, spec, status = volume["metadata"], volume.get("spec") or {}, volume.get("status") or {}
    metadata.head(w, volume, namespace=False)
    w.field(0, "Finalizers", go(meta.get("finalizers") or []))
    w.field(0, "StorageClass", storage_class(volume))
    if meta.get("deletionTimestamp"):
        w.field(0, "Status", f"Terminating (lasts {age(meta['deletionTimestamp'], about.now)})")
    else:
        w.field(0, "Status", status.get("phase", ""))
    claim = spec.get("claimRef")
    w.field(0, "Claim", "" if claim is None else f"{claim.get('namespace', '')}/{claim.get('name', '')}")
    w.field(0, "Reclaim Policy", spec.get("persistentVolumeReclaimPolicy", ""))
    w.field(0, "Access Modes", access_modes(spec.get("accessModes")))
    if spec.get("volumeMode") is not None:
        w.field(0, "VolumeMode", spec["volumeMode"])
    w.field(0, "Capacity", (spec.get("capacity") or {}).get("storage", "0"))
    _node_affinity((spec.get("nodeAffinity") or {}).get("required"), w)
    w.field(0, "Message", status.get("message", ""))
    w.line(0, "Source:")
    source(spec, w, persistent=True)
    about.events(w)


def _node_affinity(required: Obj | None, w: Writer) -> None:
    w.write(0, "Node Affinity:\t")
    if required is None:
        w.end("<none>")
        return
    w.end()
    w.write(1, "Required Terms:\t")
    terms = required.get("nodeSelectorTerms") or []
    w.end("" if terms else "<none>")
    for i, term in enumerate(terms):
        w.write(2, f"Term {i}:\t")
        expressions = term.get("matchExpressions") or []
        if not expressions:
            w.end("<none>")
        for j, expression in enumerate(expressions):
            if j:
                w.write(2, "\t")
            text = f"{expression.get('key', '')} {expression.get('operator', '').lower()}"
            values = expression.get("values")
            w.line(0, f"{text} [{', '.join(values)}]" if values else text)
