"""CustomResourceDefinition: a kind of the user's own."""

from minikctl.api.crd.naming import CLEANUP_FINALIZER, TERMINATING, set_condition
from minikctl.api.errors import FieldError
from minikctl.api.kind import Kind
from minikctl.api.meta import Obj


def default(obj: Obj) -> None:
    spec = obj["spec"]
    names = spec.get("names") or {}
    kind = names.get("kind") or ""
    if not names.get("singular") and kind:
        names["singular"] = kind.lower()
    if not names.get("listKind") and kind:
        names["listKind"] = f"{kind}List"
    conversion = spec.setdefault("conversion", {"strategy": "None"})
    service = ((conversion.get("webhook") or {}).get("clientConfig") or {}).get("service")
    if service is not None:
        service.setdefault("port", 443)


def _stored_versions(obj: Obj) -> list[str]:
    return [v["name"] for v in obj["spec"].get("versions") or [] if v.get("storage")][:1]


def prepare_for_create(obj: Obj) -> None:
    obj["status"] = {
        "conditions": None,
        "acceptedNames": {"plural": "", "kind": ""},
        "storedVersions": _stored_versions(obj),
    }


def prepare_for_update(obj: Obj, old: Obj) -> None:
    """A version that was once the storage version stays on the list until somebody has migrated its objects."""
    status = dict(old.get("status") or {})
    known = status.get("storedVersions") or []
    status["storedVersions"] = known + [v for v in _stored_versions(obj) if v not in known]
    obj["status"] = status


def prepare_for_delete(obj: Obj) -> None:
    """Its objects go first: the definition waits for that under a finalizer."""
    metadata = obj["metadata"]
    finalizers = metadata.get("finalizers") or []
    if CLEANUP_FINALIZER not in finalizers:
        metadata["finalizers"] = [*finalizers, CLEANUP_FINALIZER]
    obj["status"] = set_condition(
        obj.get("status") or {},
        TERMINATING,
        "True",
        "InstanceDeletionPending",
        "CustomResourceDefinition marked for deletion; CustomResource deletion will begin soon",
        metadata["deletionTimestamp"],
    )


def validate(obj: Obj) -> list[FieldError]:
    from minikctl.api.validation import custom_resource_definition

    return custom_resource_definition.validate(obj)


def validate_update(obj: Obj, old: Obj) -> list[FieldError]:
    from minikctl.api.validation import custom_resource_definition

    return custom_resource_definition.validate_update(obj, old)


def warnings(obj: Obj) -> list[str]:
    from minikctl.api.validation import custom_resource_definition

    return [f'unrecognized format "{name}"' for name in custom_resource_definition.unknown_formats(obj)]


KIND = Kind(
    group="apiextensions.k8s.io",
    version="v1",
    kind="CustomResourceDefinition",
    plural="customresourcedefinitions",
    type="apiextensions/v1.CustomResourceDefinition",
    namespaced=False,
    short_names=("crd", "crds"),
    categories=("api-extensions",),
    subresources=("status",),
    has_generation=True,
    prepare_for_delete=prepare_for_delete,
    default=default,
    prepare_for_create=prepare_for_create,
    prepare_for_update=prepare_for_update,
    validate=validate,
    validate_update=validate_update,
    warnings=warnings,
)
