"""ResourceQuota."""

from minikctl.kubectl.describe import Subject
from minikctl.kubectl.describe.policy_tables import in_style_of, quota_rows, quota_scopes
from minikctl.kubectl.describe.writer import Writer

GROUP = ""


def describe(about: Subject, w: Writer) -> None:
    w.field(0, "Name", about.obj["metadata"]["name"])
    w.field(0, "Namespace", about.obj["metadata"].get("namespace", ""))
    quota_scopes(about.obj, w, 0, " * ")
    w.line(0, "Resource\tUsed\tHard")
    w.line(0, "--------\t----\t----")
    for name, used, hard in quota_rows(about.obj):
        w.line(0, f"{name}\t{in_style_of(used, hard)}\t{hard}")
