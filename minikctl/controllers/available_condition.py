"""available-condition-controller: whether the Service behind an API group answers, as the APIService's status.

It looks when the Service or its endpoints change, and every thirty seconds at what discovery says; sooner at one that
has begun to be silent.
Source: kube-aggregator `controllers/status/remote`.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from minikctl.api.durations import parse_time
from minikctl.api.errors import ApiError
from minikctl.api.meta import Obj, Objects, find_condition, labels_of, name, namespace, timestamp
from minikctl.controllers.base import Controller, cause_of

PERIOD_SECONDS = 30.0
SERVICE_NAME = "kubernetes.io/service-name"
LOCAL = ("True", "Local", "Local APIServices are always available")
PASSED = ("True", "Passed", "all checks passed")

Verdict = tuple[str, str, str]
"""(status, reason, message) of the condition Available."""


class AvailableConditionController(Controller):
    name = "available-condition-controller"

    def setup(self) -> None:
        self.api_services = self.watch("apiservices", on_update=self._updated, on_delete=lambda _obj: None)
        self.services = self.watch("services", lambda s: self._concern(s, name(s)))
        self.slices = self.watch(
            "endpointslices.discovery.k8s.io", lambda s: self._concern(s, labels_of(s).get(SERVICE_NAME, ""))
        )

    def _updated(self, old: Obj, new: Obj) -> None:
        if old.get("spec") != new.get("spec"):  # its status is this controller's own report
            self.enqueue(new)

    def _concern(self, obj: Obj, service: str) -> None:
        for one in self.api_services.list():
            reference = one["spec"].get("service") or {}
            if (reference.get("namespace"), reference.get("name")) == (namespace(obj), service):
                self.queue.add(name(one), cause_of(obj))

    def sync(self, object_key: str) -> float | None:
        found = self.api_services.by_key(object_key)
        if found is None:
            return None
        verdict = self._judge(found["spec"])
        before = (found.get("status") or {}).get("conditions") or []
        conditions = with_verdict(before, verdict, timestamp(self.clock.now()))
        if conditions is None:
            conditions = before
        else:
            status = {**(found.get("status") or {}), "conditions": conditions}
            self.client.update("apiservices", {**found, "status": status}, subresource="status")
        if not found["spec"].get("service"):
            return None
        return PERIOD_SECONDS if verdict == PASSED else retry_after(conditions, self.clock.now())

    def _judge(self, spec: Obj) -> Verdict:
        reference = spec.get("service")
        if not reference:
            return LOCAL
        place, service = reference["namespace"], reference["name"]
        mine = [s for s in self.slices.list(place) if labels_of(s).get(SERVICE_NAME) == service]
        bad = behind(reference, self.services.by_key(f"{place}/{service}"), mine)
        if bad is not None:
            return bad
        path = f"/apis/{spec['group']}/{spec['version']}"
        try:
            self.client.raw(path)
        except ApiError as e:
            where = f"https://{service}.{place}.svc:{reference.get('port') or 443}{path}"
            return "False", "FailedDiscoveryCheck", f"failing or missing response from {where}: {e.message}"
        return PASSED


def retry_after(conditions: Objects, now: datetime) -> float:
    """Seconds until a Service that did not answer is asked again: as many as it has been silent, 1 to 30. Pure."""
    since = (find_condition(conditions, "Available") or {}).get("lastTransitionTime")
    silent = (now - parse_time(since)).total_seconds() if since else 0.0
    return min(max(silent, 1.0), PERIOD_SECONDS)


def behind(reference: Obj, service: Obj | None, slices: Iterable[Obj]) -> Verdict | None:
    """What is wrong with the Service and its endpoints; None when they can be asked. Pure."""
    what = f'service/{reference["name"]} in "{reference["namespace"]}"'
    if service is None:
        return "False", "ServiceNotFound", f"{what} is not present"
    if (service["spec"].get("type") or "ClusterIP") != "ClusterIP":
        return None
    number = reference.get("port") or 443
    port = next((p for p in service["spec"].get("ports") or [] if p.get("port") == number), None)
    if port is None:
        return "False", "ServicePortError", f"{what} is not listening on port {number}"
    pieces = list(slices)
    if not pieces:
        return "False", "EndpointsNotFound", f"cannot find endpointslices for {what}"
    title = port.get("name") or ""
    if not any(_leads(piece, title) for piece in pieces):
        text = f'endpointslices for {what} have no addresses with port name "{title}"'
        return "False", "MissingEndpoints", text
    return None


def _leads(piece: Obj, port: str) -> bool:
    ready = any((e.get("conditions") or {}).get("ready") is not False for e in piece.get("endpoints") or [])
    return ready and any((p.get("name") or "") == port and p.get("port") for p in piece.get("ports") or [])


def with_verdict(before: Objects, verdict: Verdict, now: str) -> Objects | None:
    """The conditions; None when they say so already. Pure."""
    status, reason, message = verdict
    known = find_condition(before, "Available") or {}
    if (known.get("status"), known.get("reason"), known.get("message")) == verdict:
        return None
    since = known.get("lastTransitionTime") if known.get("status") == status else now
    new = {"type": "Available", "status": status, "lastTransitionTime": since, "reason": reason, "message": message}
    return [*(c for c in before if c.get("type") != "Available"), new]


CONTROLLER = AvailableConditionController
