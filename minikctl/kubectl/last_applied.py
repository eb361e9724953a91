"""The annotation in which `apply` keeps what it was given last: the basis of its three-way patches.

Source: kubectl `pkg/util/apply.go`.
"""

from __future__ import annotations

from minikctl.api.meta import LAST_APPLIED, Obj, annotations_of, with_metadata
from minikctl.kubectl.printers import json_out


def original(obj: Obj) -> str:
    """The configuration that was applied last, as JSON text; `""` when there is none."""
    return str(annotations_of(obj).get(LAST_APPLIED) or "")


def configuration(obj: Obj, *, typed: bool = False) -> str:
    """The object as the annotation keeps it: one line of JSON without the annotation itself.

    typed: keys stand in Go's order already; else they are sorted, and annotations are there even if empty.
    """
    return json_out.dumps(bare(obj, typed=typed), sort_keys=not typed, indent=None) + "\n"


def bare(obj: Obj, *, typed: bool = False) -> Obj:
    """The object without the annotation."""
    kept = {k: v for k, v in annotations_of(obj).items() if k != LAST_APPLIED}
    return with_metadata(obj, annotations=kept if kept or not typed else None)


def annotated(obj: Obj, *, typed: bool = False) -> Obj:
    """A copy that carries its own configuration."""
    annotations = {**annotations_of(obj), LAST_APPLIED: configuration(obj, typed=typed)}
    return with_metadata(obj, annotations=annotations)


def patch(text: str) -> Obj:
    """The merge patch that sets the annotation, and nothing else."""
    return {"metadata": {"annotations": {LAST_APPLIED: text}}}


def kept_current(obj: Obj, *, save: bool, typed: bool = False) -> Obj:
    """With `save`, or when the object has the annotation already, a copy whose annotation is up to date."""
    return annotated(obj, typed=typed) if save or original(obj) else obj
