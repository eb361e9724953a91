"""Values that a container can take from its own pod: fields (`metadata.name`) and resources (`limits.cpu`).

Used by `describe` and by `set env --list --resolve`. Source: kubectl `util/fieldpath` and `util/resource`.
"""

from __future__ import annotations

from minikctl.api import quantity
from minikctl.api.meta import Obj
from minikctl.api.names import qualified_name
from minikctl.util.jsonio import go_json


class ValueProblem(ValueError):
    """The reference names nothing that can be known here; the message is kubectl's."""


def field_value(obj: Obj, path: str) -> str:
    """The text of a metadata field. Raises ValueProblem for paths that only the kubelet can resolve."""
    metadata = obj.get("metadata") or {}
    if path.endswith("']") and "['" in path.removesuffix("']"):
        field, _, key = path.removesuffix("']").partition("['")
        if field:
            return _subscripted(metadata, path, field, key)
    if path in ("metadata.annotations", "metadata.labels"):
        values = metadata.get(path.rpartition(".")[2]) or {}
        return "\n".join(f"{k}={go_json(v)}" for k, v in sorted(values.items()))
    if path in ("metadata.name", "metadata.namespace", "metadata.uid"):
        return str(metadata.get(path.rpartition(".")[2], ""))
    raise ValueProblem(f"unsupported fieldPath: {path}")


def _subscripted(metadata: Obj, path: str, field: str, key: str) -> str:
    if field not in ("metadata.annotations", "metadata.labels"):
        raise ValueProblem(f'fieldPath "{path}" does not support subscript')
    problems = qualified_name(key.lower() if field == "metadata.annotations" else key)
    if problems:
        raise ValueProblem(f"invalid key subscript in {path}: {';'.join(problems)}")
    return str((metadata.get(field.rpartition(".")[2]) or {}).get(key, ""))


def resource_value(container: Obj, selector: Obj) -> str:
    """An amount of the container's own resources in units of the divisor, rounded up. Raises ValueProblem."""
    name = selector.get("resource", "")
    kind, _, resource = name.partition(".")
    known = resource in ("cpu", "memory", "ephemeral-storage") or resource.startswith("hugepages-")
    if kind not in ("limits", "requests") or not known:
        raise ValueProblem(f"Unsupported container resource : {name}")
    amount = ((container.get("resources") or {}).get(kind) or {}).get(resource, "0")
    divisor = selector.get("divisor") or "0"
    unit = quantity.milli if resource == "cpu" else quantity.value
    each = unit(divisor) or unit("1")
    return str(-(-unit(amount) // each))
