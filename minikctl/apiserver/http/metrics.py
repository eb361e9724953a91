"""/metrics: what the server has done, in Prometheus' text format and under Kubernetes' names."""

from __future__ import annotations

import time
from collections import Counter

from minikctl.apiserver.cache import WatchCache
from minikctl.apiserver.http.routing import Target

BUCKETS = (0.005, 0.025, 0.05, 0.1, 0.2, 0.4, 0.6, 0.8, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0)
Labels = tuple[tuple[str, str], ...]


class Metrics:
    """Counts requests; renders on demand."""

    def __init__(self, cache: WatchCache):
        self._cache = cache
        self._requests: Counter[Labels] = Counter()
        self._seconds: dict[Labels, list[float]] = {}
        self._inflight = 0

    def begin(self) -> float:
        self._inflight += 1
        return time.monotonic()

    def end(self, started: float, method: str, target: Target | None, code: int) -> None:
        self._inflight -= 1
        verb = target.verb.upper() if target else method
        resource = target.resource if target else ""
        group, version = (target.group, target.version) if target else ("", "")
        self._requests[
            (("code", str(code)), ("group", group), ("resource", resource), ("verb", verb), ("version", version))
        ] += 1
        if verb == "WATCH":
            return
        row = self._seconds.setdefault((("resource", resource), ("verb", verb)), [0.0] * (len(BUCKETS) + 2))
        took = time.monotonic() - started
        row[-2] += 1
        row[-1] += took
        for i, bound in enumerate(BUCKETS):
            if took <= bound:
                row[i] += 1

    def text(self) -> bytes:
        lines = [
            "# HELP apiserver_request_total Requests by verb, resource and code.",
            "# TYPE apiserver_request_total counter",
        ]
        lines += [f"apiserver_request_total{_labels(k)} {n}" for k, n in sorted(self._requests.items())]
        name = "apiserver_request_duration_seconds"
        lines += [f"# HELP {name} How long requests took, watches left out.", f"# TYPE {name} histogram"]
        for labels, row in sorted(self._seconds.items()):
            for i, bound in enumerate(BUCKETS):
                lines.append(f"{name}_bucket{_labels((*labels, ('le', f'{bound:g}')))} {row[i]:g}")
            lines.append(f"{name}_bucket{_labels((*labels, ('le', '+Inf')))} {row[-2]:g}")
            lines += [f"{name}_sum{_labels(labels)} {row[-1]:.6f}", f"{name}_count{_labels(labels)} {row[-2]:g}"]
        lines += [
            "# HELP apiserver_longrunning_requests Open watches.",
            "# TYPE apiserver_longrunning_requests gauge",
            f'apiserver_longrunning_requests{{verb="WATCH"}} {self._cache.open_watches()}',
            "# HELP apiserver_current_inflight_requests Requests being answered.",
            "# TYPE apiserver_current_inflight_requests gauge",
            f"apiserver_current_inflight_requests {self._inflight}",
        ]
        return ("\n".join(lines) + "\n").encode()


def _labels(labels: Labels) -> str:
    shown = ",".join(f'{k}="{v}"' for k, v in labels)
    return f"{{{shown}}}" if shown else ""
