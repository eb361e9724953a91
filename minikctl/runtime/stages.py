"""What becomes of the containers of a simulated pod, in kwok's words: labels and annotations of the pod.

    annotations:
      pod-complete.stage.kwok.x-k8s.io/delay: 5s                  the containers end well after five seconds …
      pod-complete.stage.kwok.x-k8s.io/jitter-delay: 8s           … or after some time up to eight
    labels:
      pod-container-running-failed.stage.kwok.x-k8s.io: "true"    they fail instead:
    annotations:
      pod-container-running-failed.stage.kwok.x-k8s.io/delay, /jitter-delay    after which time
      pod-container-running-failed.stage.kwok.x-k8s.io/container-name          which one (all, unless it is given)
      pod-container-running-failed.stage.kwok.x-k8s.io/exit-code, /reason      and how (1, Error)

A container that is restarted goes through the same again. Pure but for the chance that is handed in. Source: kwok,
stages pod-fast and pod-chaos. Delays before a pod is created or ready are not served: a pod is ready at once.
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass

from minikctl.api.durations import parse_go_duration

COMPLETE, FAIL = "pod-complete.stage.kwok.x-k8s.io", "pod-container-running-failed.stage.kwok.x-k8s.io"


@dataclass(frozen=True, slots=True)
class Ending:
    """After how many seconds a container ends, between two numbers, and how. container: empty for all."""

    least: float
    most: float
    exit_code: int = 0
    reason: str = ""
    container: str = ""

    def seconds(self, rng: random.Random) -> float:
        return rng.uniform(self.least, self.most)


def endings(labels: Mapping[str, str], annotations: Mapping[str, str]) -> tuple[Ending, ...]:
    """In the order in which they are looked at: the first that concerns a container counts. What cannot be read is as
    if it were not there."""
    found = []
    if labels.get(FAIL) == "true":
        least, most = _times(annotations, FAIL) or (0.0, 0.0)
        code = annotations.get(f"{FAIL}/exit-code") or "1"
        found.append(
            Ending(
                least,
                most,
                int(code) if code.isdigit() and 0 < int(code) < 256 else 1,
                annotations.get(f"{FAIL}/reason") or "Error",
                annotations.get(f"{FAIL}/container-name") or "",
            )
        )
    if times := _times(annotations, COMPLETE):
        found.append(Ending(*times))
    return tuple(found)


def of_container(known: tuple[Ending, ...], name: str) -> Ending | None:
    return next((e for e in known if e.container in ("", name)), None)


def _times(annotations: Mapping[str, str], stage: str) -> tuple[float, float] | None:
    """(least, most) seconds."""
    try:
        least = float(parse_go_duration(annotations[f"{stage}/delay"]))
        jitter = annotations.get(f"{stage}/jitter-delay")
        return least, max(least, float(parse_go_duration(jitter))) if jitter else least
    except (KeyError, ValueError):
        return None
