"""Containers: what a pod's and a template's have in common, and their state when they run."""

from __future__ import annotations

from typing import Any

from minikctl.api.meta import Obj
from minikctl.kubectl.describe.probes import probe
from minikctl.kubectl.describe.values import go, or_none, rfc1123, yes_no
from minikctl.kubectl.describe.writer import Writer
from minikctl.kubectl.pod_values import ValueProblem, field_value, resource_value


def containers(
    title: str,
    values: list[Obj] | None,
    w: Writer,
    space: str = "",
    *,
    statuses: list[Obj] | None = None,
    pod: Obj | None = None,
) -> None:
    """All containers under a title. `pod` resolves field references; templates have none."""
    known = {s["name"]: s for s in statuses or []}
    w.line(0, f"{space}{title}:{'' if values else ' <none>'}")
    for container in values or []:
        status = known.get(container["name"])
        _basics(container, status, space, w)
        _words("Command", container.get("command"), w)
        _words("Args", container.get("args"), w)
        if status is not None:
            _state(status, w)
        resources(container.get("resources"), w, 2)
        for name in ("liveness", "readiness", "startup"):
            if container.get(f"{name}Probe") is not None:
                w.field(2, name.capitalize(), probe(container[f"{name}Probe"]))
        if container.get("envFrom"):
            _env_from(container["envFrom"], w)
        _env(container, pod, w)
        _mounts(container, w)


def _basics(container: Obj, status: Obj | None, space: str, w: Writer) -> None:
    w.line(1, f"{' ' if space else ''}{container['name']}:")
    if status is not None:
        w.field(2, "Container ID", status.get("containerID", ""))
    w.field(2, "Image", container.get("image", ""))
    if status is not None:
        w.field(2, "Image ID", status.get("imageID", ""))
    ports = container.get("ports") or []
    for title, field in (("Port", "containerPort"), ("Host Port", "hostPort")):
        text = ", ".join(_port(p, field) for p in ports)
        w.field(2, f"{title}s" if "," in text else title, or_none(text))
    profile = (container.get("securityContext") or {}).get("seccompProfile")
    if profile is not None:
        w.field(2, "SeccompProfile", profile.get("type", ""))
        if profile.get("type") == "Localhost":
            w.field(3, "LocalhostProfile", profile.get("localhostProfile", ""))


def _port(port: Obj, field: str) -> str:
    text = f"{port.get(field, 0)}/{port.get('protocol', '')}"
    return f"{text} ({port['name']})" if port.get("name") else text


def _words(title: str, words: list[str] | None, w: Writer) -> None:
    if not words:
        return
    w.line(2, f"{title}:")
    for word in words:
        for line in word.split("\n"):
            w.line(3, line)


def resources(values: Obj | None, w: Writer, level: int) -> None:
    """Limits and requests."""
    for title in ("limits", "requests"):
        quantities = (values or {}).get(title) or {}
        if quantities:
            w.line(level, f"{title.capitalize()}:")
        for name, amount in sorted(quantities.items()):
            w.field(level + 1, name, amount)


def _state(status: Obj, w: Writer) -> None:
    _one_state("State", status.get("state") or {}, w)
    last = status.get("lastState") or {}
    if last.get("terminated") is not None:
        _one_state("Last State", last, w)
    w.field(2, "Ready", yes_no(status.get("ready", False)))
    w.field(2, "Restart Count", status.get("restartCount", 0))


def _one_state(title: str, state: Obj, w: Writer) -> None:
    running, ended = state.get("running"), state.get("terminated")
    if running is not None:
        w.field(2, title, "Running")
        w.field(3, "Started", rfc1123(running.get("startedAt")))
    elif state.get("waiting") is not None or ended is None:
        w.field(2, title, "Waiting")
        reason = (state.get("waiting") or {}).get("reason")
        if reason:
            w.field(3, "Reason", reason)
    else:
        w.field(2, title, "Terminated")
        for name in ("reason", "message"):
            if ended.get(name):
                w.field(3, name.capitalize(), ended[name])
        w.field(3, "Exit Code", ended.get("exitCode", 0))
        if ended.get("signal", 0) > 0:
            w.field(3, "Signal", ended["signal"])
        w.field(3, "Started", rfc1123(ended.get("startedAt")))
        w.field(3, "Finished", rfc1123(ended.get("finishedAt")))


def _env_from(sources: list[Obj], w: Writer) -> None:
    w.line(2, "Environment Variables from:")
    for source in sources:
        kind, ref = "", {}
        if source.get("configMapRef") is not None:
            kind, ref = "ConfigMap", source["configMapRef"]
        elif source.get("secretRef") is not None:
            kind, ref = "Secret", source["secretRef"]
        prefix = source.get("prefix")
        shown = f"{kind} with prefix '{prefix}'" if prefix else kind
        w.line(3, f"{ref.get('name', '')}\t{shown}\tOptional: {go(bool(ref.get('optional')))}")


def _env(container: Obj, pod: Obj | None, w: Writer) -> None:
    variables = container.get("env") or []
    w.line(2, "Environment:" if variables else "Environment:\t<none>")
    for variable in variables:
        origin = variable.get("valueFrom")
        if origin is None:
            first, *rest = (variable.get("value") or "").split("\n")
            w.line(3, f"{variable['name']}:\t{first}")
            for line in rest:
                w.line(3, f"\t{line}")
        else:
            text = _reference(origin, container, pod)
            if text is not None:
                w.line(3, f"{variable['name']}:\t{text}")


def _reference(origin: Obj, container: Obj, pod: Obj | None) -> str | None:
    if (field := origin.get("fieldRef")) is not None:
        value = _or_empty(field_value, pod, field.get("fieldPath", "")) if pod is not None else ""
        return f"{value} ({field.get('apiVersion', '')}:{field.get('fieldPath', '')})"
    if (amount := origin.get("resourceFieldRef")) is not None:
        value, name = _or_empty(resource_value, container, amount), amount.get("resource", "")
        if value == "0" and name in ("limits.cpu", "limits.memory"):
            value = "node allocatable"
        return f"{value} ({name})"
    if (secret := origin.get("secretKeyRef")) is not None:
        what = f"in secret '{secret.get('name', '')}'"
        return f"<set to the key '{secret.get('key', '')}' {what}>\tOptional: {go(bool(secret.get('optional')))}"
    if (config := origin.get("configMapKeyRef")) is not None:
        what = f"of config map '{config.get('name', '')}'"
        return f"<set to the key '{config.get('key', '')}' {what}>\tOptional: {go(bool(config.get('optional')))}"
    return None


def _or_empty(function: Any, *arguments: Any) -> str:
    try:
        return str(function(*arguments))
    except ValueProblem:
        return ""


def _mounts(container: Obj, w: Writer) -> None:
    mounts = container.get("volumeMounts") or []
    none = "" if mounts else "\t<none>"
    w.line(2, f"Mounts:{none}")
    for mount in sorted(mounts, key=lambda m: m.get("mountPath", "")):
        flags = "ro" if mount.get("readOnly") else "rw"
        if mount.get("subPath"):
            flags += f',path="{mount["subPath"]}"'
        w.line(3, f"{mount.get('mountPath', '')} from {mount.get('name', '')} ({flags})")
    devices = container.get("volumeDevices") or []
    if devices:
        w.line(2, f"Devices:{none}")
        for device in sorted(devices, key=lambda d: d.get("devicePath", "")):
            w.line(3, f"{device.get('devicePath', '')} from {device.get('name', '')}")
