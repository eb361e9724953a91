"""Secret: data that is not for everybody's eyes, base64-encoded, of a type that says which keys it has.

Source: Kubernetes concept "Secrets", `ValidateSecret`.
"""

from datetime import datetime

from minikctl.api.durations import since
from minikctl.api.errors import FieldError, field_invalid, field_required, field_too_long
from minikctl.api.kind import AGE, NAME, Cell, Column, Kind
from minikctl.api.kinds.config_map import MAX_BYTES, frozen_errors
from minikctl.api.meta import Obj, annotations_of
from minikctl.api.names import config_key

OPAQUE = "Opaque"
TOKEN = "kubernetes.io/service-account-token"
TLS = "kubernetes.io/tls"
DOCKER_CONFIG = {"kubernetes.io/dockercfg": ".dockercfg", "kubernetes.io/dockerconfigjson": ".dockerconfigjson"}
ACCOUNT_NAME = "kubernetes.io/service-account.name"
_ANY_OF = {"kubernetes.io/basic-auth": ("username", "password")}
_ALL_OF = {"kubernetes.io/ssh-auth": ("ssh-privatekey",), TLS: ("tls.crt", "tls.key")}


def default(obj: Obj) -> None:
    """stringData is a way to write data in plain text; it is never stored."""
    plain = obj.pop("stringData", None)
    if plain:
        import base64

        encoded = {k: base64.b64encode(v.encode()).decode() for k, v in plain.items()}
        obj["data"] = dict(sorted({**(obj.get("data") or {}), **encoded}.items()))
    if not obj.get("type"):
        obj["type"] = OPAQUE


def _size(encoded: str) -> int:
    return len(encoded) * 3 // 4 - encoded[-2:].count("=")


def validate(obj: Obj) -> list[FieldError]:
    data = obj.get("data") or {}
    errors = [field_invalid(f"data[{key}]", key, m) for key in sorted(data) for m in config_key(key)]
    if sum(_size(v or "") for v in data.values()) > MAX_BYTES:
        errors.append(field_too_long("data", MAX_BYTES))
    return errors + _validate_type(obj, data)


def _validate_type(obj: Obj, data: Obj) -> list[FieldError]:
    kind = obj.get("type", "")
    if kind == TOKEN:
        if not annotations_of(obj).get(ACCOUNT_NAME):
            return [field_required(f"metadata.annotations[{ACCOUNT_NAME}]")]
    elif kind in DOCKER_CONFIG:
        return _validate_docker_config(data, DOCKER_CONFIG[kind])
    elif kind in _ANY_OF:
        if not any(key in data for key in _ANY_OF[kind]):
            return [field_required(f"data[{key}]") for key in _ANY_OF[kind]]
    elif kind in _ALL_OF:
        return [field_required(f"data[{key}]") for key in _ALL_OF[kind] if key not in data]
    return []


def _validate_docker_config(data: Obj, key: str) -> list[FieldError]:
    import base64

    from minikctl.api.validation.go_json import parse_error

    if key not in data:
        return [field_required(f"data[{key}]")]
    why = parse_error(base64.b64decode(data[key] or ""))
    return [field_invalid(f"data[{key}]", "<secret contents redacted>", why)] if why else []


def validate_update(obj: Obj, old: Obj) -> list[FieldError]:
    errors = []
    if obj.get("type") != old.get("type"):
        errors.append(field_invalid("type", obj.get("type"), "field is immutable"))
    return errors + frozen_errors(obj, old, "data")


def warnings(obj: Obj) -> list[str]:
    """A TLS pair that cannot be one: the server reads the certificate first, then the key."""
    import base64

    if obj.get("type") != TLS:
        return []
    data = obj.get("data") or {}
    for key, what in (("tls.crt", "certificate"), ("tls.key", "key")):
        if b"-----BEGIN " not in base64.b64decode(data.get(key) or ""):
            return [f"tls: failed to find any PEM data in {what} input"]
    return []


def row(obj: Obj, now: datetime) -> list[Cell]:
    meta = obj["metadata"]
    return [meta["name"], obj.get("type", ""), len(obj.get("data") or {}), since(meta.get("creationTimestamp"), now)]


KIND = Kind(
    group="",
    version="v1",
    kind="Secret",
    plural="secrets",
    type="core/v1.Secret",
    default=default,
    validate=validate,
    validate_update=validate_update,
    warnings=warnings,
    selectable_fields=lambda obj: {"type": obj.get("type", "")},
    columns=(NAME, Column("Type"), Column("Data"), AGE),
    row=row,
)
