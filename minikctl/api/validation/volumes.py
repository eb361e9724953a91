"""A pod's volumes: one source each. Source: Kubernetes `ValidateVolumes`, `validateVolumeSource`."""

from __future__ import annotations

from minikctl.api.errors import field_duplicate, field_forbidden, field_invalid, field_required
from minikctl.api.meta import Obj
from minikctl.api.names import dns_subdomain
from minikctl.api.validation import volume_sources
from minikctl.api.validation.common import Errors, label


def validate(volumes: list[Obj], pod_name: str, path: str) -> tuple[dict[str, Obj], Errors]:
    """The volumes with a good name, by name, and what is wrong. `pod_name`: "" for a template."""
    errors: Errors = []
    good: dict[str, Obj] = {}
    created = {f"{pod_name}-{v.get('name')}" for v in volumes if v.get("ephemeral") is not None and pod_name}
    for i, volume in enumerate(volumes):
        at, name = f"{path}[{i}]", volume.get("name") or ""
        found = _source(volume, pod_name, at)
        found += label(name, f"{at}.name") if name else [field_required(f"{at}.name")]
        if name in good:
            found.append(field_duplicate(f"{at}.name", name))
        if not found:
            good[name] = volume
        errors += found
        claim = (volume.get("persistentVolumeClaim") or {}).get("claimName")
        if claim and claim in created:
            why = "must not reference a PVC that gets created for an ephemeral volume"
            errors.append(field_invalid(f"{at}.persistentVolumeClaim.claimName", claim, why))
    return good, errors


def _source(volume: Obj, pod_name: str, path: str) -> Errors:
    given = [kind for kind in volume_sources.CHECKS if volume.get(kind) is not None]
    if not given:
        return [field_required(path, "must specify a volume type")]
    first = given[0]
    errors = volume_sources.CHECKS[first](volume[first], f"{path}.{volume_sources.SHOWN.get(first, first)}")
    errors += [field_forbidden(f"{path}.{kind}", "may not specify more than 1 volume type") for kind in given[1:]]
    if first == "ephemeral" and pod_name and volume.get("name"):
        claim = f"{pod_name}-{volume['name']}"
        for message in dns_subdomain(claim):
            errors.append(field_invalid(f"{path}.name", volume["name"], f'PVC name "{claim}": {message}'))
    return errors
