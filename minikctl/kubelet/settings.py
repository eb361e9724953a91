"""What can be set about a kubelet: the part of Kubernetes' KubeletConfiguration that means something here.

A node's is in `<state>/nodes/<node>/config.yaml`, as a machine's is in /var/lib/kubelet/config.yaml; what it does not say
is taken from `<state>/nodes/config.yaml`, and else Kubernetes' defaults hold. Some differ, because the machine is somebody's
own: a pod may have 4096 processes, and pods are evicted for lack of disk when 500 MiB are free, not 10 %; images go when
the disk is used by 95 %, not 85 %.

Source: `kubelet.config.k8s.io/v1beta1`, Kubernetes concept "Node-pressure Eviction".
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from minikctl.api import quantity
from minikctl.api.durations import parse_go_duration
from minikctl.runtime.cri_log import MAX_FILES, MAX_SIZE
from minikctl.util.errors import UsageError

FOLDER, FILE, MANIFESTS = "nodes", "config.yaml", "manifests"
EVICTION_HARD = {"memory.available": "100Mi", "nodefs.available": "500Mi", "imagefs.available": "500Mi"}
POD_PIDS = 4096
MANY_PULLS = 20


@dataclass(frozen=True)
class Settings:
    """Named as the fields of KubeletConfiguration; durations in seconds, sizes in bytes.

    eviction_hard, eviction_soft: signal → threshold, a quantity or a part like `10%`.
    """

    pod_pids_limit: int = POD_PIDS
    container_log_max_size: int = MAX_SIZE
    container_log_max_files: int = MAX_FILES
    eviction_hard: Mapping[str, str] = field(default_factory=lambda: dict(EVICTION_HARD))
    eviction_soft: Mapping[str, str] = field(default_factory=dict)
    eviction_soft_grace_period: Mapping[str, float] = field(default_factory=dict)
    eviction_minimum_reclaim: Mapping[str, str] = field(default_factory=dict)
    eviction_pressure_transition_period: float = 300.0
    eviction_max_pod_grace_period: int = 0
    shutdown_grace_period: float = 0.0
    shutdown_grace_period_critical_pods: float = 0.0
    shutdown_grace_period_by_pod_priority: tuple[tuple[int, float], ...] = ()
    """(priority, seconds)."""
    static_pod_path: str = ""
    """Empty: `<state>/nodes/<node>/manifests`."""
    max_container_restart_period: float = 300.0
    image_gc_high_threshold_percent: int = 95
    image_gc_low_threshold_percent: int = 90
    image_minimum_gc_age: float = 120.0
    serialize_image_pulls: int = 1
    max_parallel_image_pulls: int = 0
    """Of those that are not serialized; 0 for any number."""

    @property
    def image_pulls_at_a_time(self) -> int:
        return 1 if self.serialize_image_pulls else self.max_parallel_image_pulls or MANY_PULLS


_DURATIONS = (
    "image_minimum_gc_age",
    "eviction_pressure_transition_period",
    "shutdown_grace_period",
    "shutdown_grace_period_critical_pods",
)


def parse(content: Mapping[str, Any]) -> Settings:
    """Settings from a KubeletConfiguration. Fields that mean nothing here are passed over. Raises UsageError."""
    given: dict[str, Any] = {}
    for one in fields(Settings):
        key = _camel(one.name)
        if key in content and content[key] is not None:
            try:
                given[one.name] = _value(one.name, content[key])
            except (ValueError, TypeError, AttributeError, KeyError) as e:
                raise UsageError(f"{key}: {e}") from None
    period = (content.get("crashLoopBackOff") or {}).get("maxContainerRestartPeriod")
    if period is not None:
        given["max_container_restart_period"] = parse_go_duration(str(period))
    if "pod_pids_limit" in given and given["pod_pids_limit"] < 0:
        given["pod_pids_limit"] = 0
    return Settings(**given)


def _value(name: str, value: Any) -> Any:
    if name in _DURATIONS:
        return float(parse_go_duration(str(value)))
    if name == "container_log_max_size":
        return quantity.value(str(value))
    if name == "shutdown_grace_period_by_pod_priority":
        return tuple((int(one["priority"]), float(one["shutdownGracePeriodSeconds"])) for one in value)
    if name == "eviction_soft_grace_period":
        return {k: float(parse_go_duration(str(v))) for k, v in value.items()}
    if isinstance(value, Mapping):
        return {str(k): str(v) for k, v in value.items()}
    return str(value) if name == "static_pod_path" else int(value)


def _camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join("GC" if word == "gc" else word.capitalize() for word in rest)


def load(state_dir: Path, node: str) -> Settings:
    """A node's settings. Raises UsageError that names the file."""
    content: dict[str, Any] = {}
    for path in (state_dir / FOLDER / FILE, state_dir / FOLDER / node / FILE):
        try:
            text = path.read_text()
        except OSError:
            continue
        import yaml

        try:
            found = yaml.safe_load(text) or {}
        except yaml.YAMLError as e:
            raise UsageError(f"{path}: {str(e).splitlines()[0]}") from None
        if not isinstance(found, dict):
            raise UsageError(f"{path}: this is no KubeletConfiguration")
        content |= found
    try:
        return parse(content)
    except UsageError as e:
        raise UsageError(f"{state_dir / FOLDER}: {e}") from None


def manifests(state_dir: Path, node: str, settings: Settings) -> Path:
    """The folder of a node's static pods."""
    return Path(settings.static_pod_path) if settings.static_pod_path else state_dir / FOLDER / node / MANIFESTS
