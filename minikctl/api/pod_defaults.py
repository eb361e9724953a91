"""Defaults of pods and pod templates.

Source: Kubernetes `pkg/apis/core/v1/defaults.go` and `zz_generated.defaults.go`. A template gets the defaults of its
parts; only a pod itself gets enableServiceLinks, requests from limits and host ports, so that those can change without
changing every template that is stored. All functions change what they are given.
"""

from __future__ import annotations

from typing import Any

from minikctl.api import quantity
from minikctl.api.image_name import default_pull_policy
from minikctl.api.meta import Obj

TERMINATION_GRACE = 30
FILE_MODE = 0o644
TOKEN_SECONDS = 3600
_POD_LEVEL = ("cpu", "memory")


def default_pod(pod: Obj) -> None:
    """A Pod, complete."""
    spec = pod["spec"] = pod.get("spec") or {}
    default_pod_spec(spec)
    for container in _all_containers(spec):
        _requests_from_limits(container.get("resources"))
    _default_pod_level(spec)
    if spec.get("enableServiceLinks") is None:
        spec["enableServiceLinks"] = True
    if spec.get("hostNetwork"):
        for container in _all_containers(spec):
            for port in container.get("ports") or []:
                if not port.get("hostPort"):
                    port["hostPort"] = port.get("containerPort", 0)


def default_template(template: Obj) -> None:
    """A PodTemplateSpec."""
    spec = template["spec"] = template.get("spec") or {}
    default_pod_spec(spec)


def default_pod_spec(spec: Obj) -> None:
    """What pods and templates have in common."""
    for volume in spec.get("volumes") or []:
        _default_volume(volume)
    for container in [*_all_containers(spec), *(spec.get("ephemeralContainers") or [])]:
        _default_container(container)
    _set(spec, "restartPolicy", "Always")
    if spec.get("terminationGracePeriodSeconds") is None:
        spec["terminationGracePeriodSeconds"] = TERMINATION_GRACE
    _set(spec, "dnsPolicy", "ClusterFirst")
    account = spec.get("serviceAccountName") or spec.get("serviceAccount")
    if account:  # the old name of the field says the same
        spec["serviceAccountName"] = spec["serviceAccount"] = account
    if spec.get("securityContext") is None:
        spec["securityContext"] = {}
    _set(spec, "schedulerName", "default-scheduler")
    _round_up(spec.get("overhead"))
    for kind in ("requests", "limits"):
        _round_up((spec.get("resources") or {}).get(kind))


def _all_containers(spec: Obj) -> list[Obj]:
    return [*(spec.get("initContainers") or []), *(spec.get("containers") or [])]


def _set(owner: Obj, field: str, value: Any) -> None:
    """Fill a field that is missing or zero."""
    if not owner.get(field):
        owner[field] = value


# ---------------------------------------------------------------------- containers


def _default_container(container: Obj) -> None:
    for port in container.get("ports") or []:
        _set(port, "protocol", "TCP")
    for variable in container.get("env") or []:
        source = variable.get("valueFrom") or {}
        _default_field_ref(source)
        if source.get("fileKeyRef") and source["fileKeyRef"].get("optional") is None:
            source["fileKeyRef"]["optional"] = False
    resources = container.get("resources") or {}
    _round_up(resources.get("limits"))
    _round_up(resources.get("requests"))
    for name in ("livenessProbe", "readinessProbe", "startupProbe"):
        if container.get(name) is not None:
            _default_probe(container[name])
    for handler in (container.get("lifecycle") or {}).values():
        _default_http_get(handler.get("httpGet"))
    _set(container, "terminationMessagePath", "/dev/termination-log")
    _set(container, "terminationMessagePolicy", "File")
    if not container.get("imagePullPolicy"):
        container["imagePullPolicy"] = default_pull_policy(container.get("image") or "")


def _default_field_ref(source: Obj) -> None:
    if source.get("fieldRef"):
        _set(source["fieldRef"], "apiVersion", "v1")


def _default_probe(probe: Obj) -> None:
    _default_http_get(probe.get("httpGet"))
    if probe.get("grpc") is not None and probe["grpc"].get("service") is None:
        probe["grpc"]["service"] = ""
    _set(probe, "timeoutSeconds", 1)
    _set(probe, "periodSeconds", 10)
    _set(probe, "successThreshold", 1)
    _set(probe, "failureThreshold", 3)


def _default_http_get(action: Obj | None) -> None:
    if action is not None:
        _set(action, "path", "/")
        _set(action, "scheme", "HTTP")


def _round_up(amounts: dict[str, str] | None) -> None:
    """Resources are counted in thousandths at the finest."""
    for name, text in (amounts or {}).items():
        if text[-1:] in ("n", "u") and amounts is not None:
            amounts[name] = quantity.from_milli(quantity.milli(text))


def _requests_from_limits(resources: Obj | None) -> None:
    if resources and resources.get("limits"):
        filled = {**resources["limits"], **(resources.get("requests") or {})}
        resources["requests"] = dict(sorted(filled.items()))


def _default_pod_level(spec: Obj) -> None:
    """Resources of the pod as a whole: requests follow from its containers', or from its limits (KEP-2837)."""
    whole = spec.get("resources")
    if not whole or not whole.get("limits"):
        return
    requests = dict(whole.get("requests") or {})
    for name in _POD_LEVEL:
        asked = [_amount(c, name) for c in spec.get("containers") or []]
        asked += [_amount(c, name) for c in spec.get("initContainers") or [] if c.get("restartPolicy") == "Always"]
        given = [a for a in asked if a]
        if name not in requests and given:
            total = given[0]
            for more in given[1:]:
                total = quantity.add(total, more)
            requests[name] = total
    whole["requests"] = dict(sorted({**whole["limits"], **requests}.items()))


def _amount(container: Obj, name: str) -> str:
    return str(((container.get("resources") or {}).get("requests") or {}).get(name, ""))


# ---------------------------------------------------------------------- volumes


_VOLUME_FIELDS: dict[str, dict[str, Any]] = {
    "hostPath": {"type": ""},
    "secret": {"defaultMode": FILE_MODE},
    "configMap": {"defaultMode": FILE_MODE},
    "downwardAPI": {"defaultMode": FILE_MODE},
    "projected": {"defaultMode": FILE_MODE},
    "iscsi": {"iscsiInterface": "default"},
    "rbd": {"pool": "rbd", "user": "admin", "keyring": "/etc/ceph/keyring"},
    "azureDisk": {"cachingMode": "ReadWrite", "fsType": "ext4", "readOnly": False, "kind": "Shared"},
    "scaleIO": {"fsType": "xfs", "storageMode": "ThinProvisioned"},
}
"""Volume type → the fields that are filled in when they are missing."""


def _default_volume(volume: Obj) -> None:
    if not any(k != "name" and v is not None for k, v in volume.items()):
        volume["emptyDir"] = {}
        return
    for kind, fields in _VOLUME_FIELDS.items():
        source = volume.get(kind)
        if source is not None:
            for field, value in fields.items():
                if source.get(field) is None:
                    source[field] = value
    _default_files(volume.get("downwardAPI"))
    for projection in (volume.get("projected") or {}).get("sources") or []:
        _default_files(projection.get("downwardAPI"))
        token = projection.get("serviceAccountToken")
        if token is not None and token.get("expirationSeconds") is None:
            token["expirationSeconds"] = TOKEN_SECONDS
    image = volume.get("image")
    if image is not None and not image.get("pullPolicy"):
        image["pullPolicy"] = default_pull_policy(image.get("reference") or "")
    claim = (volume.get("ephemeral") or {}).get("volumeClaimTemplate")
    if claim:
        claim["spec"] = claim.get("spec") or {}
        claim["spec"].setdefault("volumeMode", "Filesystem")


def _default_files(source: Obj | None) -> None:
    for item in (source or {}).get("items") or []:
        _default_field_ref(item)
