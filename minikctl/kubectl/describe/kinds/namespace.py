"""Namespace, with its quotas and limits."""

from minikctl.kubectl.describe import Subject, metadata
from minikctl.kubectl.describe.policy_tables import LIMITS_HEAD, LIMITS_LINE, limits, quota_rows, quota_scopes
from minikctl.kubectl.describe.values import rfc1123
from minikctl.kubectl.describe.writer import Writer

GROUP = ""


def describe(about: Subject, w: Writer) -> None:
    namespace = about.obj
    status = namespace.get("status") or {}
    w.field(0, "Name", namespace["metadata"]["name"])
    metadata.labels_and_annotations(w, namespace)
    w.field(0, "Status", status.get("phase", ""))
    if status.get("conditions"):
        w.line(0, "Conditions:")
        w.line(1, "Type\tStatus\tLastTransitionTime\tReason\tMessage")
        w.line(1, "----\t------\t------------------\t------\t-------")
        for c in status["conditions"]:
            cells = (c.get("type", ""), c.get("status", ""), rfc1123(c.get("lastTransitionTime")))
            w.line(1, "\t".join((*cells, c.get("reason", ""), c.get("message", ""))))
    name = namespace["metadata"]["name"]
    w.line(0, "")
    _quotas(about, name, w)
    w.line(0, "")
    _limits(about, name, w)


def _quotas(about: Subject, name: str, w: Writer) -> None:
    quotas = about.client.list("resourcequotas", name)["items"]
    if not quotas:
        w.line(0, "No resource quota.")
        return
    w.line(0, "Resource Quotas")
    for quota in sorted(quotas, key=lambda q: q["metadata"]["name"]):
        w.field(1, "Name", quota["metadata"]["name"])
        quota_scopes(quota, w, 1, "* ")
        w.line(1, "Resource\tUsed\tHard")
        w.line(1, "--------\t---\t---")
        for row in quota_rows(quota):
            w.line(1, "\t".join(row))


def _limits(about: Subject, name: str, w: Writer) -> None:
    found = about.client.list("limitranges", name)["items"]
    if not found:
        w.line(0, "No LimitRange resource.")
        return
    w.line(0, "Resource Limits")
    w.line(0, f" {LIMITS_HEAD}")
    w.line(0, f" {LIMITS_LINE}")
    for limit_range in found:
        limits(limit_range, w, " ")
