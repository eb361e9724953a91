"""Labels, annotations, taints, tolerations and other lists that run over several lines under one title."""

from __future__ import annotations

from collections.abc import Iterable

from minikctl.api.meta import LAST_APPLIED, Obj, controller_of
from minikctl.kubectl.describe.writer import Writer

LONGEST_ANNOTATION = 140


def multiline(w: Writer, title: str, lines: list[str], indent: str = "") -> None:
    """`Title:<tab>first`, the others below it; `<none>` when there are none."""
    w.write(0, f"{indent}{title}:\t")
    if not lines:
        w.end("<none>")
        return
    for i, line in enumerate(lines):
        if i:
            w.write(0, indent)
            w.write(0, "\t")
        w.line(0, line)


def labels(w: Writer, title: str, values: dict[str, str] | None, indent: str = "") -> None:
    multiline(w, title, [f"{k}={v}" for k, v in sorted((values or {}).items())], indent)


def annotation_lines(w: Writer, title: str, values: dict[str, str] | None) -> None:
    """Long ones and those of several lines stand below their key; what kubectl apply keeps there is not shown."""
    shown = sorted((k, v) for k, v in (values or {}).items() if k != LAST_APPLIED)
    w.write(0, f"{title}:\t")
    if not shown:
        w.end("<none>")
        return
    for i, (key, value) in enumerate(shown):
        if i:
            w.write(0, "\t")
        value = value.removesuffix("\n")
        size = len(value.encode()) + len(key.encode()) + 2
        if size <= LONGEST_ANNOTATION and "\n" not in value:
            w.line(0, f"{key}: {value}")
            continue
        w.line(0, f"{key}:")
        for line in value.split("\n"):
            w.line(0, f"\t  {shorten(line, LONGEST_ANNOTATION - 2)}")


def shorten(text: str, longest: int) -> str:
    return text if len(text) <= longest else text[:longest] + "..."


def head(w: Writer, obj: Obj, *, namespace: bool = True) -> None:
    """Name, namespace, labels and annotations: how most descriptions begin."""
    metadata = obj["metadata"]
    w.field(0, "Name", metadata.get("name", ""))
    if namespace:
        w.field(0, "Namespace", metadata.get("namespace", ""))
    labels_and_annotations(w, obj)


def labels_and_annotations(w: Writer, obj: Obj) -> None:
    metadata = obj.get("metadata") or {}
    labels(w, "Labels", metadata.get("labels"))
    annotation_lines(w, "Annotations", metadata.get("annotations"))


def controlled_by(w: Writer, obj: Obj) -> None:
    owner = controller_of(obj)
    if owner:
        w.field(0, "Controlled By", f"{owner['kind']}/{owner['name']}")


def taint_text(taint: Obj) -> str:
    """`key=value:effect`, as taints are written on command lines."""
    key, value, effect = taint.get("key", ""), taint.get("value", ""), taint.get("effect", "")
    if not effect:
        return f"{key}={value}:" if value else key
    return f"{key}={value}:{effect}" if value else f"{key}:{effect}"


def taints(w: Writer, title: str, values: Iterable[Obj] | None) -> None:
    ordered = sorted(values or [], key=lambda t: f"{t.get('effect', '')},{t.get('key', '')}")
    multiline(w, title, [taint_text(t) for t in ordered])


def tolerations(w: Writer, title: str, values: Iterable[Obj] | None) -> None:
    multiline(w, title, [_toleration(t) for t in sorted(values or [], key=lambda t: t.get("key", ""))])


def _toleration(toleration: Obj) -> str:
    text: str = toleration.get("key", "")
    if toleration.get("value"):
        text += f"={toleration['value']}"
    if toleration.get("effect"):
        text += f":{toleration['effect']}"
    if toleration.get("operator") == "Exists" and not toleration.get("value"):
        text += " op=Exists" if text else "op=Exists"
    if toleration.get("tolerationSeconds") is not None:
        text += f" for {toleration['tolerationSeconds']}s"
    return text
