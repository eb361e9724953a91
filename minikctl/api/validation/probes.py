"""Probes and lifecycle hooks. Source: Kubernetes `validateProbe`, `validateHandler`."""

from __future__ import annotations

import re
from collections.abc import Callable

from minikctl.api.errors import field_forbidden, field_invalid, field_not_supported, field_required
from minikctl.api.meta import Obj
from minikctl.api.validation.common import Errors, all_nonnegative
from minikctl.api.validation.ports import port_number_or_name

_HEADER = re.compile("[-A-Za-z0-9]+")
_HEADER_MESSAGE = (
    "a valid HTTP header must consist of alphanumeric characters or '-' "
    "(e.g. 'X-Header-Name', regex used for validation is '[-A-Za-z0-9]+')"
)
_SCHEMES = ["HTTP", "HTTPS"]
_NUMBERS = ("initialDelaySeconds", "timeoutSeconds", "periodSeconds", "successThreshold", "failureThreshold")


def validate(container: Obj, grace: int, path: str) -> Errors:
    """The lifecycle hooks and probes of a container that runs for long."""
    errors: Errors = []
    for hook in ("postStart", "preStop"):
        action = (container.get("lifecycle") or {}).get(hook)
        if action is not None:
            errors += _handler(action, ("exec", "httpGet", "tcpSocket", "sleep"), grace, f"{path}.lifecycle.{hook}")
    for name in ("livenessProbe", "readinessProbe", "startupProbe"):
        probe = container.get(name)
        if probe is None:
            continue
        errors += _probe(probe, grace, f"{path}.{name}")
        if name == "readinessProbe":
            if probe.get("terminationGracePeriodSeconds") is not None:
                at = f"{path}.{name}.terminationGracePeriodSeconds"
                value = probe["terminationGracePeriodSeconds"]
                errors.append(field_invalid(at, value, "must not be set for readinessProbes"))
        elif probe.get("successThreshold", 1) != 1:
            at = f"{path}.{name}.successThreshold"
            errors.append(field_invalid(at, probe["successThreshold"], "must be 1"))
    return errors


def _probe(probe: Obj, grace: int, path: str) -> Errors:
    errors = _handler(probe, ("exec", "httpGet", "tcpSocket", "grpc"), grace, path)
    errors += all_nonnegative(probe, _NUMBERS, path)
    own_grace = probe.get("terminationGracePeriodSeconds")
    if own_grace is not None and own_grace <= 0:
        errors.append(field_invalid(f"{path}.terminationGracePeriodSeconds", own_grace, "must be greater than 0"))
    return errors


def _handler(owner: Obj, kinds: tuple[str, ...], grace: int, path: str) -> Errors:
    """Exactly one kind of action."""
    errors: Errors = []
    given = [kind for kind in kinds if owner.get(kind) is not None]
    if not given:
        return [field_required(path, "must specify a handler type")]
    checks: dict[str, Callable[[Obj, str], Errors]] = {
        "exec": _exec,
        "httpGet": _http_get,
        "tcpSocket": lambda action, at: port_number_or_name(action.get("port", 0), f"{at}.port"),
        "grpc": lambda action, at: port_number_or_name(action.get("port", 0), f"{at}.port"),
        "sleep": lambda action, at: _sleep(action, grace, at),
    }
    errors += checks[given[0]](owner[given[0]], f"{path}.{given[0]}")
    errors += [field_forbidden(f"{path}.{kind}", "may not specify more than 1 handler type") for kind in given[1:]]
    return errors


def _exec(action: Obj, path: str) -> Errors:
    return [] if action.get("command") else [field_required(f"{path}.command")]


def _http_get(action: Obj, path: str) -> Errors:
    errors = [] if action.get("path") else [field_required(f"{path}.path")]
    errors += port_number_or_name(action.get("port", 0), f"{path}.port")
    if action.get("scheme") not in _SCHEMES:
        errors.append(field_not_supported(f"{path}.scheme", action.get("scheme") or "", _SCHEMES))
    for header in action.get("httpHeaders") or []:
        if not _HEADER.fullmatch(header.get("name") or ""):
            errors.append(field_invalid(f"{path}.httpHeaders", header.get("name") or "", _HEADER_MESSAGE))
    return errors


def _sleep(action: Obj, grace: int, path: str) -> Errors:
    """KEP-3960, KEP-4818: zero seconds are fine."""
    seconds = action.get("seconds") or 0
    if 0 <= seconds <= grace:
        return []
    why = f"must be non-negative and less than terminationGracePeriodSeconds ({grace})"
    return [field_invalid(path, seconds, why)]
