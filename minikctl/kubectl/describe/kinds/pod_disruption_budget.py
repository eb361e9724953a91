"""PodDisruptionBudget."""

from minikctl.api.selectors import format_label_selector
from minikctl.kubectl.describe import Subject
from minikctl.kubectl.describe.writer import Writer

GROUP = "policy"


def describe(about: Subject, w: Writer) -> None:
    budget = about.obj
    spec, status = budget.get("spec") or {}, budget.get("status") or {}
    w.field(0, "Name", budget["metadata"]["name"])
    w.field(0, "Namespace", budget["metadata"].get("namespace", ""))
    if spec.get("minAvailable") is not None:
        w.field(0, "Min available", spec["minAvailable"])
    elif spec.get("maxUnavailable") is not None:
        w.field(0, "Max unavailable", spec["maxUnavailable"])
    selector = spec.get("selector")
    w.field(0, "Selector", "<unset>" if selector is None else format_label_selector(selector))
    w.line(0, "Status:")
    for title, field in (
        ("Allowed disruptions", "disruptionsAllowed"),
        ("Current", "currentHealthy"),
        ("Desired", "desiredHealthy"),
        ("Total", "expectedPods"),
    ):
        w.field(2, title, status.get(field, 0))
    about.events(w)
