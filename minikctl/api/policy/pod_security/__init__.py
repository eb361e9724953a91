"""Pod Security Standards: which pods the levels `baseline` and `restricted` allow. Pure functions.

`policy_of(labels)` reads a namespace's labels; `evaluate(level, metadata, spec)` says what of a pod breaks a level.
Source: KEP-2579, `pod-security-admission`; concept "Pod Security Standards".
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache

from minikctl.api.errors import FieldError, field_invalid
from minikctl.api.meta import Obj
from minikctl.api.policy.pod_security import baseline, restricted
from minikctl.api.policy.pod_security.checks import Check, CheckPod, Finding

PREFIX = "pod-security.kubernetes.io/"
PRIVILEGED, BASELINE, RESTRICTED = LEVELS = "privileged", "baseline", "restricted"
LATEST = 1 << 30
NEWEST = 36
"""The minor version of Kubernetes whose rules `latest` means."""
_VERSION = re.compile(r"v1\.(0|[1-9][0-9]*)\Z")


@dataclass(frozen=True, slots=True)
class Level:
    """`restricted:v1.30`: a level as Kubernetes 1.<version> had it."""

    level: str = PRIVILEGED
    version: int = LATEST

    def __str__(self) -> str:
        return f"{self.level}:" + ("latest" if self.version == LATEST else f"v1.{self.version}")

    @property
    def strictness(self) -> int:
        return LEVELS.index(self.level)


@dataclass(frozen=True, slots=True)
class Policy:
    """What a namespace refuses, notes and warns of."""

    enforce: Level = Level()
    audit: Level = Level()
    warn: Level = Level()

    @property
    def is_privileged(self) -> bool:
        return {self.enforce.level, self.audit.level, self.warn.level} == {PRIVILEGED}


def policy_of(labels: Mapping[str, str]) -> tuple[Policy, list[FieldError]]:
    """The policy, usable in any case, and what is wrong with the labels.

    What cannot be read means restricted when it comes to enforcing, and nothing when it comes to warnings.
    """
    errors: list[FieldError] = []
    modes: dict[str, Level] = {}
    for mode in ("enforce", "audit", "warn"):
        level, version = labels.get(PREFIX + mode), labels.get(f"{PREFIX}{mode}-version")
        found = Level()
        if level is not None:
            if level not in LEVELS:
                why = "must be one of " + ", ".join(LEVELS)
                errors.append(field_invalid(f"metadata.labels[{PREFIX}{mode}]", level, why))
                level = RESTRICTED if mode == "enforce" else PRIVILEGED
            found = replace(found, level=level)
        if version is not None:
            number = _minor(version)
            if number is None:
                why = 'must be "latest" or "v1.x"'
                errors.append(field_invalid(f"metadata.labels[{PREFIX}{mode}-version]", version, why))
            found = replace(found, version=LATEST if number is None else number)
        modes[mode] = found
    enforce, warn = modes["enforce"], modes["warn"]
    if PREFIX + "warn" not in labels and labels.get(PREFIX + "enforce") in LEVELS and enforce.level != PRIVILEGED:
        given = f"{PREFIX}warn-version" in labels
        warn = Level(enforce.level, warn.version if given else enforce.version)
    return Policy(enforce, modes["audit"], warn), errors


def _minor(version: str) -> int | None:
    if version == "latest":
        return LATEST
    match = _VERSION.match(version)
    return int(match[1]) if match else None


@cache
def _checks(level: str, version: int) -> tuple[CheckPod, ...]:
    """What is checked at a level: baseline's first, but for those that a stricter one replaces."""

    def at(checks: tuple[Check, ...]) -> list[tuple[Check, CheckPod]]:
        found = ((c, c.at(version)) for c in sorted(checks, key=lambda c: c.id))
        return [(c, run) for c, run in found if run is not None]

    strict = at(restricted.CHECKS) if level == RESTRICTED else []
    replaced = {c.replaces for c, _ in strict}
    return tuple([run for c, run in at(baseline.CHECKS) if c.id not in replaced] + [run for _, run in strict])


def evaluate(level: Level, metadata: Obj, spec: Obj) -> list[Finding]:
    """All that the level does not allow of a pod (or of a pod's template)."""
    if level.level == PRIVILEGED:
        return []
    found = (check(metadata, spec) for check in _checks(level.level, min(level.version, NEWEST)))
    return [f for f in found if f is not None]


def reasons(findings: list[Finding]) -> str:
    """`host namespaces, privileged`."""
    return ", ".join(f.reason for f in findings)


def details(findings: list[Finding]) -> str:
    """`host namespaces (hostNetwork=true), privileged (container "a" must not …)`."""
    return ", ".join(f"{f.reason} ({f.detail})" if f.detail else f.reason for f in findings)
