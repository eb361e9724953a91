"""LimitRange."""

from minikctl.kubectl.describe import Subject
from minikctl.kubectl.describe.policy_tables import LIMITS_HEAD, LIMITS_LINE, limits
from minikctl.kubectl.describe.writer import Writer

GROUP = ""


def describe(about: Subject, w: Writer) -> None:
    w.field(0, "Name", about.obj["metadata"]["name"])
    w.field(0, "Namespace", about.obj["metadata"].get("namespace", ""))
    w.line(0, LIMITS_HEAD)
    w.line(0, LIMITS_LINE)
    limits(about.obj, w)
