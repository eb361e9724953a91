"""APIService: who serves an API group's version: this server, or a Service behind it."""

from datetime import datetime

from minikctl.api.durations import since
from minikctl.api.errors import FieldError, field_invalid, field_required
from minikctl.api.kind import AGE, NAME, Cell, Column, Kind
from minikctl.api.meta import Obj, find_condition
from minikctl.api.names import dns_1035_label, dns_subdomain, path_segment, port_number


def default(obj: Obj) -> None:
    service = obj["spec"].get("service")
    if service is not None:
        service.setdefault("port", 443)


def validate(obj: Obj) -> list[FieldError]:
    spec = obj.get("spec") or {}
    group, version = spec.get("group") or "", spec.get("version") or ""
    errors: list[FieldError] = []
    name, wanted = obj["metadata"].get("name", ""), f"{version}.{group}"
    if name != wanted and not path_segment(name):
        errors.append(field_invalid("metadata.name", name, f'must be `spec.version+"."+spec.group`: "{wanted}"'))
    if not group and version != "v1":
        errors.append(field_required("spec.group", "only v1 may have an empty group and it better be legacy kube"))
    errors += [field_invalid("spec.group", group, m) for m in dns_subdomain(group)] if group else []
    errors += [field_invalid("spec.version", version, m) for m in dns_1035_label(version)]
    for field, limit in (("groupPriorityMinimum", 20000), ("versionPriority", 1000)):
        value = spec.get(field, 0)
        if not 0 < value <= limit:
            errors.append(field_invalid(f"spec.{field}", value, f"must be positive and less than {limit}"))
    return errors + _validate_service(spec)


def _validate_service(spec: Obj) -> list[FieldError]:
    service, bundle, insecure = spec.get("service"), spec.get("caBundle") or "", bool(spec.get("insecureSkipTLSVerify"))
    errors: list[FieldError] = []
    if service is None:
        if bundle:
            shown = f"{len(bundle) * 3 // 4} bytes"
            errors.append(field_invalid("spec.caBundle", shown, "local APIServices may not have a caBundle"))
        if insecure:
            why = "local APIServices may not have insecureSkipTLSVerify"
            errors.append(field_invalid("spec.insecureSkipTLSVerify", insecure, why))
        return errors
    errors += [field_required(f"spec.service.{field}") for field in ("namespace", "name") if not service.get(field)]
    port = service.get("port", 0)
    problems = port_number(port)
    if problems:
        errors.append(field_invalid("spec.service.port", port, "port is not valid: " + ", ".join(problems)))
    if insecure and bundle:
        why = "may not be true if caBundle is present"
        errors.append(field_invalid("spec.insecureSkipTLSVerify", insecure, why))
    return errors


def row(obj: Obj, now: datetime) -> list[Cell]:
    service, meta = (obj.get("spec") or {}).get("service"), obj["metadata"]
    where = f"{service.get('namespace', '')}/{service.get('name', '')}" if service else "Local"
    available = find_condition((obj.get("status") or {}).get("conditions") or [], "Available")
    shown = "Unknown" if available is None else str(available.get("status"))
    if available is not None and shown != "True":
        shown += f" ({available.get('reason', '')})"
    return [meta["name"], where, shown, since(meta.get("creationTimestamp"), now)]


KIND = Kind(
    group="apiregistration.k8s.io",
    version="v1",
    kind="APIService",
    plural="apiservices",
    type="apiregistration/v1.APIService",
    namespaced=False,
    categories=("api-extensions",),
    subresources=("status",),
    validate_name=path_segment,
    default=default,
    validate=validate,
    columns=(NAME, Column("Service"), Column("Available"), AGE),
    row=row,
)
