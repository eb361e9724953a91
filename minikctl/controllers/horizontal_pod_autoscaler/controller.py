"""The controller: every 15 seconds, from metrics to a number of replicas, with all that keeps it from jumping.

Source: Kubernetes `pkg/controller/podautoscaler/horizontal.go`.
"""

from __future__ import annotations

from minikctl.api.errors import ApiError
from minikctl.api.kind import Kind
from minikctl.api.meta import Obj, Objects, find_condition, key, namespace, timestamp
from minikctl.api.selectors import SelectorError, parse_label_selector
from minikctl.controllers.base import Controller
from minikctl.controllers.horizontal_pod_autoscaler import behavior, metrics
from minikctl.controllers.horizontal_pod_autoscaler.behavior import Memory, Why
from minikctl.controllers.horizontal_pod_autoscaler.custom import EXTERNAL
from minikctl.controllers.horizontal_pod_autoscaler.metrics import Found, Situation
from minikctl.controllers.horizontal_pod_autoscaler.replicas import Unknown
from minikctl.util.jsonio import JSONError, loads

PERIOD_SECONDS = 15.0
Failure = tuple[str, str, str]
"""Why a metric is unknown: reason, message, and the message with what was tried."""
ABLE, ACTIVE, LIMITED = "AbleToScale", "ScalingActive", "ScalingLimited"


class HorizontalPodAutoscalerController(Controller):
    name = "horizontal-pod-autoscaler"

    def setup(self) -> None:
        self.hpas = self.watch("horizontalpodautoscalers.autoscaling", on_update=self._updated, on_delete=self._deleted)
        self.pods = self.informers.informer("pods")
        self.memories: dict[str, Memory] = {}

    def _updated(self, old: Obj, new: Obj) -> None:
        if old.get("spec") != new.get("spec"):  # its status is this controller's own report
            self.enqueue(new)

    def _deleted(self, hpa: Obj) -> None:
        self.memories.pop(key(hpa), None)

    # ------------------------------------------------------------------ sync

    def sync(self, object_key: str) -> float | None:
        hpa = self.hpas.by_key(object_key)
        if hpa is None:
            return None
        turn = _Turn(hpa, timestamp(self.clock.now()))
        self._scale(turn, self.memories.setdefault(object_key, Memory()))
        self._write_status(turn)
        return PERIOD_SECONDS

    def _scale(self, turn: _Turn, memory: Memory) -> None:
        try:
            kind, scale = self._target(turn.hpa)
        except ApiError as e:
            self.recorder.warning(turn.hpa, "FailedGetScale", e.message)
            text = f"the HPA controller was unable to get the target's current scale: {e.message}"
            turn.set(ABLE, "False", ("FailedGetScale", text))
            return
        turn.set(ABLE, "True", ("SucceededGetScale", "the HPA controller was able to get the target's current scale"))
        current = int(scale.get("spec", {}).get("replicas") or 0)
        turn.status["currentReplicas"] = current
        if not memory.recommended:
            memory.recommend(self.clock.monotonic(), current, 0)
        decision = self._decide(turn, memory, scale, current)
        if decision is None:
            return
        desired, reason = decision
        if desired != current and not self._rescale(turn, memory, kind, scale, desired, reason):
            return
        turn.status["desiredReplicas"] = desired

    def _target(self, hpa: Obj) -> tuple[Kind, Obj]:
        """Raises ApiError."""
        ref = hpa["spec"]["scaleTargetRef"]
        kind = self.client.kind_of(ref.get("apiVersion") or "v1", ref["kind"])
        if kind is None:
            group = (ref.get("apiVersion") or "").partition("/")
            text = f'no matches for kind "{ref["kind"]}" in version "{"/".join(p for p in (group[0], group[2]) if p)}"'
            raise ApiError(404, "NotFound", text)
        return kind, self.client.get(kind, ref["name"], namespace(hpa), subresource="scale")

    def _decide(self, turn: _Turn, memory: Memory, scale: Obj, current: int) -> tuple[int, str] | None:
        """(replicas, why); None when nobody can say."""
        hpa, least = turn.hpa, behavior.minimum(turn.hpa)
        if current == 0 and least != 0:
            text = "scaling is disabled since the replica count of the target is zero"
            turn.set(ACTIVE, "False", ("ScalingDisabled", text))
            turn.status.pop("currentMetrics", None)
            return 0, ""
        if current > int(hpa["spec"]["maxReplicas"]):
            return int(hpa["spec"]["maxReplicas"]), "Current number of replicas above Spec.MaxReplicas"
        if current < least:
            return least, "Current number of replicas below Spec.MinReplicas"
        found = self._metrics(turn, scale, current)
        if found is None:
            return None
        wanted, title = found
        normal = behavior.normalize(hpa, memory, current, wanted, self.clock.monotonic())
        turn.set(ABLE, "True", normal.able)
        turn.set(LIMITED, "False" if normal.limited == behavior.WITHIN else "True", normal.limited)
        above = f"{title} above target"
        return normal.replicas, above if wanted > current else "All metrics below target"

    # ------------------------------------------------------------------ metrics

    def _metrics(self, turn: _Turn, scale: Obj, current: int) -> tuple[int, str] | None:
        """(the most that any metric asks for, its name); None when that cannot be trusted."""
        try:
            situation = self._situation(turn.hpa, scale, current)
        except Unknown as e:
            self.recorder.warning(turn.hpa, "InvalidSelector", str(e))
            turn.set(ACTIVE, "False", ("InvalidSelector", str(e)))
            return None
        results: list[Found] = []
        failures: list[Failure] = []
        shown: Objects = []
        for metric in turn.hpa["spec"].get("metrics") or []:
            try:
                results.append(metrics.evaluate(metric, situation))
                shown.append(results[-1].status)
            except Unknown as e:
                shown.append({"type": ""})  # keeps the others in their places
                failures.append((metrics.failure_reason(metric), str(e), metrics.in_full(metric, e)))
                self.recorder.warning(turn.hpa, failures[-1][0], str(e))
        turn.show(shown)
        highest = max(results, key=lambda r: r.replicas, default=None)
        if highest is None or (failures and highest.replicas < current):
            self._tell_unknown(turn, failures, len(results) + len(failures))
            return None
        text = f"the HPA was able to successfully calculate a replica count from {highest.title}"
        turn.set(ACTIVE, "True", ("ValidMetricFound", text))
        return highest.replicas, highest.title

    def _tell_unknown(self, turn: _Turn, failures: list[Failure], count: int) -> None:
        nothing = ("InvalidMetricSourceType", "no metrics are given", "no metrics are given")
        reason, message, full = failures[0] if failures else nothing
        turn.set(ACTIVE, "False", (reason, f"the HPA was unable to compute the replica count: {message}"))
        text = f"invalid metrics ({len(failures)} invalid out of {count}), first error is: {full}"
        self.recorder.warning(turn.hpa, "FailedComputeMetricsReplicas", text)

    def _situation(self, hpa: Obj, scale: Obj, current: int) -> Situation:
        """Raises Unknown when the target does not say which pods are its own."""
        text = scale.get("status", {}).get("selector") or ""
        if not text:
            raise Unknown("the HPA target's scale is missing a selector")
        try:
            selector = parse_label_selector(text)
        except SelectorError as e:
            raise Unknown(f"couldn't convert selector into a corresponding internal selector object: {e}") from None
        answers: list[Objects] = []

        def ask() -> Objects:
            if not answers:
                answers.append(self._ask(namespace(hpa), text))
            return answers[0]

        members = self.pods.list(namespace(hpa), selector)
        return Situation(
            members,
            ask,
            current,
            behavior.tolerances(hpa),
            self.clock.now(),
            namespace(hpa),
            text,
            int(scale.get("status", {}).get("replicas") or 0),
            self._fetch,
            self._resource,
        )

    def _fetch(self, group: str, path: str) -> Objects:
        """The items at a path of an adapter's API. Raises Unknown."""
        api = group.partition(".")[0]
        services = self.client.list("apiservices")["items"]
        mine = [s["spec"] for s in services if s["spec"].get("group") == group]
        if not mine:
            why = f"no {api} metrics API ({group}) registered"
            if group == EXTERNAL:  # asked for without looking what there is
                title = path.partition("?")[0].rpartition("/")[2]
                why = f"the server could not find the requested resource (get {title}.{group})"
            raise Unknown(f"unable to fetch metrics from {api} metrics API: {why}")
        version = max(mine, key=lambda spec: int(spec.get("versionPriority") or 0))["version"]
        try:
            found = loads(self.client.raw(f"/apis/{group}/{version}{path}"))
        except ApiError as e:
            raise Unknown(f"unable to fetch metrics from {api} metrics API: {e.message}") from None
        except JSONError as e:
            raise Unknown(f"unable to fetch metrics from {api} metrics API: {e}") from None
        items: Objects = (found.get("items") if isinstance(found, dict) else None) or []
        return items

    def _resource(self, api_version: str, kind: str) -> tuple[str, bool]:
        """Raises Unknown."""
        found = self.client.kind_of(api_version, kind)
        if found is None:
            raise Unknown(f'no matches for kind "{kind}" in version "{api_version}"')
        return found.resource, found.namespaced

    def _ask(self, in_namespace: str, selector: str) -> Objects:
        try:
            found: Objects = self.client.list("pods.metrics.k8s.io", in_namespace, label_selector=selector)["items"]
        except ApiError as e:
            what = " (get pods.metrics.k8s.io)" if e.reason == "NotFound" else ""
            raise Unknown(f"unable to fetch metrics from resource metrics API: {e.message}{what}") from None
        return found

    # ------------------------------------------------------------------ doing it

    def _rescale(self, turn: _Turn, memory: Memory, kind: Kind, scale: Obj, desired: int, reason: str) -> bool:
        """False when it failed; that is told."""
        current = int(scale.get("spec", {}).get("replicas") or 0)
        try:
            self.client.update(kind, {**scale, "spec": {"replicas": desired}}, subresource="scale")
        except ApiError as e:
            text = f"New size: {desired}; reason: {reason}; error: {e.message}"
            self.recorder.warning(turn.hpa, "FailedRescale", text)
            text = f"the HPA controller was unable to update the target scale: {e.message}"
            turn.set(ABLE, "False", ("FailedUpdateScale", text))
            return False
        text = f"the HPA controller was able to update the target scale to {desired}"
        turn.set(ABLE, "True", ("SucceededRescale", text))
        self.recorder.normal(turn.hpa, "SuccessfulRescale", f"New size: {desired}; reason: {reason}")
        memory.note(self.clock.monotonic(), desired - current, behavior.longest_period(turn.hpa))
        turn.status["lastScaleTime"] = turn.stamp
        return True

    def _write_status(self, turn: _Turn) -> None:
        if turn.status != (turn.hpa.get("status") or {}):
            self.client.update(self.hpas.kind, {**turn.hpa, "status": turn.status}, subresource="status")


class _Turn:
    """One sync in progress: the autoscaler, and the status that it is to have."""

    def __init__(self, hpa: Obj, stamp: str):
        self.hpa, self.stamp = hpa, stamp
        self.status: Obj = {"desiredReplicas": 0, **(hpa.get("status") or {})}

    def set(self, kind: str, status: str, why: Why) -> None:
        """Set a condition."""
        conditions: Objects = self.status.get("conditions") or []
        known = find_condition(conditions, kind)
        changed = known is None or known.get("status") != status
        new = {
            "type": kind,
            "status": status,
            "lastTransitionTime": self.stamp if changed else (known or {}).get("lastTransitionTime"),
            "reason": why[0],
            "message": why[1],
        }
        listed = [new if c is known else c for c in conditions] if known else [*conditions, new]
        self.status["conditions"] = listed

    def show(self, current: Objects) -> None:
        """The values of the metrics."""
        if current:
            self.status["currentMetrics"] = current
        else:
            self.status.pop("currentMetrics", None)
