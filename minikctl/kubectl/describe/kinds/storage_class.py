"""StorageClass."""

from minikctl.kubectl.describe import Subject
from minikctl.kubectl.describe.values import labels, yes_no
from minikctl.kubectl.describe.writer import Writer

GROUP = "storage.k8s.io"
_DEFAULT = ("storageclass.kubernetes.io/is-default-class", "storageclass.beta.kubernetes.io/is-default-class")


def describe(about: Subject, w: Writer) -> None:
    storage = about.obj
    annotations = storage["metadata"].get("annotations") or {}
    w.field(0, "Name", storage["metadata"]["name"])
    w.field(0, "IsDefaultClass", "Yes" if any(annotations.get(a) == "true" for a in _DEFAULT) else "No")
    w.field(0, "Annotations", labels(annotations))
    w.field(0, "Provisioner", storage.get("provisioner", ""))
    w.field(0, "Parameters", labels(storage.get("parameters")))
    w.field(0, "AllowVolumeExpansion", yes_no(storage.get("allowVolumeExpansion")))
    options = storage.get("mountOptions") or []
    w.line(0, "MountOptions:" if options else "MountOptions:\t<none>")
    for option in options:
        w.line(1, option)
    for title, field in (("ReclaimPolicy", "reclaimPolicy"), ("VolumeBindingMode", "volumeBindingMode")):
        if storage.get(field) is not None:
            w.field(0, title, storage[field])
    if storage.get("allowedTopologies") is not None:
        _topologies(storage["allowedTopologies"], w)
    about.events(w)


def _topologies(terms: list[dict[str, list[dict[str, object]]]], w: Writer) -> None:
    w.write(0, "AllowedTopologies:\t")
    w.end("" if terms else "<none>")
    for i, term in enumerate(terms):
        w.write(1, f"Term {i}:\t")
        expressions = term.get("matchLabelExpressions") or []
        if not expressions:
            w.end("<none>")
        for j, expression in enumerate(expressions):
            if j:
                w.write(1, "\t")
            values = expression.get("values")
            shown = f" [{', '.join(values)}]" if isinstance(values, list) and values else ""
            w.line(0, f"{expression.get('key', '')} in{shown}")
