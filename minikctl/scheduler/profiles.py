"""How the scheduler is set up: KubeSchedulerConfiguration (kubescheduler.config.k8s.io/v1), as far as it is known here.

profiles[]          schedulerName; plugins.<point>.enabled/disabled (multiPoint, filter, score, …); pluginConfig
podInitialBackoffSeconds, podMaxBackoffSeconds

Everything else is refused in one line, so that no setting is silently without effect. Source: reference "Scheduler
Configuration".
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from minikctl.api.meta import Obj
from minikctl.scheduler.framework import Framework, Plugin
from minikctl.scheduler.plugins import all_plugins
from minikctl.scheduler.queue import INITIAL_BACKOFF, MAX_BACKOFF

DEFAULT = "default-scheduler"
KEY = "config.yaml"
GROUP = "kubescheduler.config.k8s.io/"
_KNOWN = frozenset(
    {"apiVersion", "kind", "profiles", "podInitialBackoffSeconds", "podMaxBackoffSeconds", "leaderElection"}
)
_POINTS: Mapping[str, tuple[str, ...]] = {
    "preEnqueue": ("pre_enqueue",),
    "preFilter": ("pre_filter", "filter"),
    "filter": ("pre_filter", "filter"),
    "postFilter": ("post_filter",),
    "preScore": ("pre_score", "score", "normalize"),
    "score": ("pre_score", "score", "normalize"),
    "reserve": ("reserve", "unreserve"),
    "permit": ("permit",),
    "preBind": ("pre_bind", "prepared"),
}
"""What is left out when a plugin is disabled at a point: a Filter is nothing without its PreFilter."""


@dataclass(frozen=True)
class Configuration:
    """Frameworks by the name that pods call their scheduler."""

    frameworks: Mapping[str, Framework] = field(default_factory=dict)
    initial_backoff: float = INITIAL_BACKOFF
    max_backoff: float = MAX_BACKOFF


def default(plugins: Sequence[Plugin] | None = None) -> Configuration:
    return Configuration({DEFAULT: Framework(all_plugins() if plugins is None else plugins, DEFAULT)})


def parse(text: str) -> Configuration:
    """From YAML. Raises ValueError with one line that says what is wrong."""
    import yaml

    try:
        content = yaml.safe_load(text)
    except yaml.YAMLError as e:
        raise ValueError(f"{KEY}: {' '.join(str(e).split())}") from None
    if not isinstance(content, dict) or content.get("kind") != "KubeSchedulerConfiguration":
        raise ValueError(f"{KEY}: not a KubeSchedulerConfiguration")
    if not str(content.get("apiVersion")).startswith(GROUP):
        raise ValueError(f"{KEY}: apiVersion must be {GROUP}v1")
    _refuse_unknown(content, _KNOWN, "")
    try:
        return _read(content)
    except (AttributeError, KeyError, TypeError) as e:
        raise ValueError(f"{KEY}: not of the shape of a KubeSchedulerConfiguration: {e}") from None


def _read(content: Obj) -> Configuration:
    frameworks: dict[str, Framework] = {}
    given = content.get("profiles") or [{}]
    if not isinstance(given, list):
        raise TypeError("profiles is not a list")
    for i, profile in enumerate(given):
        _refuse_unknown(profile, {"schedulerName", "plugins", "pluginConfig"}, f"profiles[{i}].")
        name = profile.get("schedulerName") or DEFAULT
        if name in frameworks:
            raise ValueError(f"profiles[{i}].schedulerName: {name} is there twice")
        frameworks[name] = Framework(_plugins(profile), name)
    initial = float(content.get("podInitialBackoffSeconds") or INITIAL_BACKOFF)
    return Configuration(frameworks, initial, max(initial, float(content.get("podMaxBackoffSeconds") or MAX_BACKOFF)))


def _refuse_unknown(content: Obj, known: frozenset[str] | set[str], path: str) -> None:
    for key in content:
        if key not in known:
            raise ValueError(f"{path}{key}: not known to this scheduler")


def _plugins(profile: Obj) -> list[Plugin]:
    plugins = {p.name: p for p in all_plugins()}
    for given in profile.get("pluginConfig") or []:
        name, arguments = given["name"], given.get("args") or {}
        configure = _plugin(plugins, name).configure
        if configure is None:
            raise ValueError(f"pluginConfig: {name} takes no arguments here")
        plugins[name] = configure({k: v for k, v in arguments.items() if k not in ("apiVersion", "kind")})
    for point, changes in (profile.get("plugins") or {}).items():
        if point != "multiPoint" and point not in _POINTS:
            raise ValueError(f"plugins.{point}: not known to this scheduler")
        for each in changes.get("disabled") or []:
            for name in list(plugins) if each["name"] == "*" else [each["name"]]:
                plugins[name] = _without(_plugin(plugins, name), point)
        for each in changes.get("enabled") or []:
            plugins[each["name"]] = _with(_plugin(plugins, each["name"]), point, each)
    return list(plugins.values())


def _plugin(plugins: Mapping[str, Plugin], name: str) -> Plugin:
    if name not in plugins:
        raise ValueError(f"no plugin is called {name}; there are {', '.join(sorted(plugins))}")
    return plugins[name]


def _without(plugin: Plugin, point: str) -> Plugin:
    points = [p for p in _POINTS if point in (p, "multiPoint")]
    left_out = dict.fromkeys(part for p in points for part in _POINTS[p])
    return replace(plugin, **left_out)  # type: ignore[arg-type]


def _with(plugin: Plugin, point: str, given: Obj) -> Plugin:
    """Back again where `*` had taken it away, with another weight if one is given."""
    (original,) = [p for p in all_plugins() if p.name == plugin.name]
    points = [p for p in _POINTS if point in (p, "multiPoint")]
    parts = {part: getattr(plugin, part) or getattr(original, part) for p in points for part in _POINTS[p]}
    return replace(plugin, **parts, weight=int(given.get("weight") or plugin.weight))
