"""The rows of `get`: what the states of objects look like in a table."""

from datetime import UTC, datetime
from typing import Any

import pytest

from tests.api.building import container, kind, made, pod_spec, workload

NOW = datetime(2026, 5, 1, 12, 0, 0, tzinfo=UTC)
BORN = "2026-05-01T11:55:00Z"
AGO_90 = "2026-05-01T11:58:30Z"


def cells(word: str, obj: dict[str, Any], *, wide: bool = False) -> list[Any]:
    k = kind(word)
    born = {**obj, "metadata": {"creationTimestamp": BORN, **obj["metadata"]}}
    row = k.row(born, NOW)
    return [c for c, column in zip(row, k.columns, strict=True) if wide or not column.priority]


def headings(word: str, *, wide: bool = False) -> str:
    return " ".join(c.name.upper().replace(" ", "-") for c in kind(word).columns if wide or not c.priority)


@pytest.mark.parametrize(
    ("word", "narrow", "wide"),
    [
        ("pods", "NAME READY STATUS RESTARTS AGE", " IP NODE NOMINATED-NODE READINESS-GATES"),
        ("deploy", "NAME READY UP-TO-DATE AVAILABLE AGE", " CONTAINERS IMAGES SELECTOR"),
        ("rs", "NAME DESIRED CURRENT READY AGE", " CONTAINERS IMAGES SELECTOR"),
        ("rc", "NAME DESIRED CURRENT READY AGE", " CONTAINERS IMAGES SELECTOR"),
        ("sts", "NAME READY AGE", " CONTAINERS IMAGES"),
        ("ds", "NAME DESIRED CURRENT READY UP-TO-DATE AVAILABLE NODE-SELECTOR AGE", " CONTAINERS IMAGES SELECTOR"),
        ("jobs", "NAME STATUS COMPLETIONS DURATION AGE", " CONTAINERS IMAGES SELECTOR"),
        ("cj", "NAME SCHEDULE TIMEZONE SUSPEND ACTIVE LAST-SCHEDULE AGE", " CONTAINERS IMAGES SELECTOR"),
        ("no", "NAME STATUS ROLES AGE VERSION", " INTERNAL-IP EXTERNAL-IP OS-IMAGE KERNEL-VERSION CONTAINER-RUNTIME"),
        ("ns", "NAME STATUS AGE", ""),
        ("controllerrevisions", "NAME CONTROLLER REVISION AGE", ""),
        ("podtemplates", "NAME CONTAINERS IMAGES POD-LABELS", ""),
    ],
)
def test_headings(word: str, narrow: str, wide: str) -> None:
    assert (headings(word), headings(word, wide=True)) == (narrow, narrow + wide)


def test_headings_of_events_are_mixed() -> None:
    assert headings("events") == "LAST-SEEN TYPE REASON OBJECT MESSAGE"
    wide = "LAST-SEEN TYPE REASON OBJECT SUBOBJECT SOURCE MESSAGE FIRST-SEEN COUNT NAME"
    assert headings("events", wide=True) == wide == headings("events.events.k8s.io", wide=True)


# ---------------------------------------------------------------------- pods


def running(name: str = "c", **fields: Any) -> dict[str, Any]:
    return {"name": name, "ready": True, "restartCount": 0, "state": {"running": {}}, **fields}


def waiting(reason: str, name: str = "c", **fields: Any) -> dict[str, Any]:
    return {"name": name, "ready": False, "restartCount": 0, "state": {"waiting": {"reason": reason}}, **fields}


def ended(code: int = 0, name: str = "c", **fields: Any) -> dict[str, Any]:
    return {"name": name, "restartCount": 0, "state": {"terminated": {"exitCode": code, **fields}}}


def pod(*containers: dict[str, Any], init: tuple[dict[str, Any], ...] = (), **parts: Any) -> dict[str, Any]:
    sidecars = parts.pop("sidecars", ())
    names = parts.pop("names", None) or [c["name"] for c in containers] or ["c"]
    spec: dict[str, Any] = {"containers": [container(name=n) for n in names]}
    if init:
        policy = {"restartPolicy": "Always"}
        spec["initContainers"] = [container(name=c["name"], **(policy if c["name"] in sidecars else {})) for c in init]
    status: dict[str, Any] = {"phase": parts.pop("phase", "Running"), "containerStatuses": list(containers)}
    status["initContainerStatuses"] = list(init)
    status |= parts.pop("status", {})
    return {"metadata": {"name": "p", **parts}, "spec": spec, "status": status}


READY = {"conditions": [{"type": "Ready", "status": "True"}]}
INITIALIZED = {"conditions": [{"type": "Initialized", "status": "True"}]}
GATED = {"conditions": [{"type": "PodScheduled", "status": "False", "reason": "SchedulingGated"}]}
DELETED: dict[str, Any] = {"deletionTimestamp": BORN}


@pytest.mark.parametrize(
    ("subject", "ready", "status"),
    [
        (pod(phase="Pending"), "0/1", "Pending"),
        (pod(phase="Pending", status=GATED), "0/1", "SchedulingGated"),
        (pod(running()), "1/1", "Running"),
        (pod(running(), running("d", ready=False)), "1/2", "Running"),
        (pod(waiting("ContainerCreating"), phase="Pending"), "0/1", "ContainerCreating"),
        (pod(waiting("ImagePullBackOff"), phase="Pending"), "0/1", "ImagePullBackOff"),
        (pod(waiting("CrashLoopBackOff")), "0/1", "CrashLoopBackOff"),
        (pod(ended(0, reason="Completed"), phase="Succeeded"), "0/1", "Completed"),
        (pod(ended(1, reason="Error"), phase="Failed"), "0/1", "Error"),
        (pod(ended(137, reason="OOMKilled")), "0/1", "OOMKilled"),
        (pod(ended(3)), "0/1", "ExitCode:3"),
        (pod(ended(0, signal=9)), "0/1", "Signal:9"),
        (pod(ended(0, reason="Completed"), running("d"), status=READY), "1/2", "Running"),
        (pod(ended(0, reason="Completed"), running("d")), "1/2", "NotReady"),
        (pod(waiting("First"), waiting("Second", "d")), "0/2", "First"),
        (pod(phase="Failed", status={"reason": "Evicted"}), "0/1", "Evicted"),
        (pod(running(), **DELETED), "1/1", "Terminating"),
        (pod(running(), status={"reason": "NodeLost"}, **DELETED), "1/1", "Unknown"),
        (pod(ended(0, reason="Completed"), phase="Succeeded", **DELETED), "0/1", "Completed"),
    ],
)
def test_the_status_of_a_pod(subject: dict[str, Any], ready: str, status: str) -> None:
    assert cells("pods", subject)[:3] == ["p", ready, status]


@pytest.mark.parametrize(
    ("init", "more", "ready", "status"),
    [
        ((ended(0, "i"), waiting("PodInitializing", "j")), {}, "0/1", "Init:1/2"),
        ((running("i"), waiting("PodInitializing", "j")), {}, "0/1", "Init:0/2"),
        ((ended(1, "i", reason="Error"),), {}, "0/1", "Init:Error"),
        ((ended(2, "i"),), {}, "0/1", "Init:ExitCode:2"),
        ((ended(0, "i"), ended(0, "j", signal=15)), {}, "0/1", "PodInitializing"),
        ((waiting("CrashLoopBackOff", "i"),), {}, "0/1", "Init:CrashLoopBackOff"),
        ((ended(0, "i"),), {}, "0/1", "PodInitializing"),
        ((running("i", started=True),), {"sidecars": ("i",)}, "1/2", "PodInitializing"),
        ((running("i", started=True, ready=False),), {"sidecars": ("i",)}, "0/2", "PodInitializing"),
        ((running("i", started=False),), {"sidecars": ("i",)}, "0/2", "Init:0/1"),
    ],
)
def test_the_status_of_a_pod_that_starts(
    init: tuple[dict[str, Any], ...], more: dict[str, Any], ready: str, status: str
) -> None:
    subject = pod(waiting("PodInitializing"), init=init, phase="Pending", **more)
    assert cells("pods", subject)[1:3] == [ready, status]


@pytest.mark.parametrize(
    ("subject", "restarts"),
    [
        (pod(running()), "0"),
        (pod(running(restartCount=3)), "3"),
        (pod(running(restartCount=3, lastState={"terminated": {"finishedAt": AGO_90}})), "3 (90s ago)"),
        (
            pod(
                running(restartCount=1, lastState={"terminated": {"finishedAt": BORN}}),
                running("d", restartCount=1, lastState={"terminated": {"finishedAt": AGO_90}}),
            ),
            "2 (90s ago)",
        ),
        (pod(waiting("PodInitializing"), init=(waiting("CrashLoopBackOff", "i", restartCount=4),)), "4"),
        (pod(running(), init=({**ended(0, "i"), "restartCount": 4},)), "0"),
        (pod(running(), init=(running("i", started=True, restartCount=2),), sidecars=("i",)), "2"),
    ],
)
def test_restarts(subject: dict[str, Any], restarts: str) -> None:
    assert cells("pods", subject)[3] == restarts


def test_the_wide_columns_of_a_pod() -> None:
    assert cells("pods", pod(phase="Pending"), wide=True)[4:] == ["5m", "<none>", "<none>", "<none>", "<none>"]
    subject = pod(running(), status={"podIP": "10.0.0.1", "nominatedNodeName": "n2", **INITIALIZED})
    subject["spec"] |= {"nodeName": "n1", "readinessGates": [{"conditionType": "a"}, {"conditionType": "Initialized"}]}
    assert cells("pods", subject, wide=True)[5:] == ["10.0.0.1", "n1", "n2", "1/2"]


# ---------------------------------------------------------------------- workloads

STATUS = {"replicas": 3, "readyReplicas": 2, "updatedReplicas": 3, "availableReplicas": 1}


@pytest.mark.parametrize(
    ("word", "spec", "status", "row"),
    [
        ("deploy", workload(replicas=3), STATUS, ["x", "2/3", 3, 1, "5m", "c", "nginx:1.25", "app=x"]),
        ("deploy", workload(replicas=0), {}, ["x", "0/0", 0, 0, "5m", "c", "nginx:1.25", "app=x"]),
        ("rs", workload(replicas=4), STATUS, ["x", 4, 3, 2, "5m", "c", "nginx:1.25", "app=x"]),
        ("rc", workload(selector={"app": "x"}), STATUS, ["x", 1, 3, 2, "5m", "c", "nginx:1.25", "app=x"]),
        ("sts", workload(), STATUS, ["x", "2/1", "5m", "c", "nginx:1.25"]),
        (
            "ds",
            workload(),
            {
                "desiredNumberScheduled": 5,
                "currentNumberScheduled": 4,
                "numberReady": 3,
                "updatedNumberScheduled": 2,
                "numberAvailable": 1,
            },
            ["x", 5, 4, 3, 2, 1, "<none>", "5m", "c", "nginx:1.25", "app=x"],
        ),
    ],
)
def test_workloads(word: str, spec: dict[str, Any], status: dict[str, Any], row: list[Any]) -> None:
    assert cells(word, {**made(word, spec=spec), "status": status}, wide=True) == row


def condition(*types: str) -> dict[str, Any]:
    return {"conditions": [{"type": t, "status": "True"} for t in types]}


JOB = {"template": {"spec": pod_spec(restartPolicy="Never")}}


@pytest.mark.parametrize(
    ("spec", "status", "meta", "row"),
    [
        ({}, {}, {}, ["Running", "0/1", ""]),
        ({}, {"startTime": AGO_90, "succeeded": 0}, {}, ["Running", "0/1", "90s"]),
        ({"completions": 3}, {"startTime": BORN, "completionTime": AGO_90, "succeeded": 3, **condition("Complete")}, {}, ["Complete", "3/3", "3m30s"]),
        ({"parallelism": 2}, {"succeeded": 1}, {}, ["Running", "1/1 of 2", ""]),
        ({}, condition("Failed", "FailureTarget"), {}, ["Failed", "0/1", ""]),
        ({}, condition("FailureTarget"), {}, ["FailureTarget", "0/1", ""]),
        ({"suspend": True}, condition("Suspended"), {}, ["Suspended", "0/1", ""]),
        ({}, {}, DELETED, ["Terminating", "0/1", ""]),
    ],
)  # fmt: skip
def test_jobs(spec: dict[str, Any], status: dict[str, Any], meta: dict[str, Any], row: list[str]) -> None:
    job = made("jobs", spec={**JOB, **spec})
    subject = {**job, "status": status, "metadata": {**job["metadata"], **meta}}
    assert cells("jobs", subject)[1:4] == row


def test_cron_jobs() -> None:
    cron_job = made("cj", spec={"schedule": "0 0 1 1 *", "jobTemplate": {"spec": JOB}})
    assert cells("cj", cron_job) == ["x", "0 0 1 1 *", "<none>", "False", 0, "<none>", "5m"]
    cron_job["spec"] |= {"timeZone": "UTC", "suspend": True}
    busy = {**cron_job, "status": {"active": [{}], "lastScheduleTime": AGO_90}}
    assert cells("cj", busy)[2:6] == ["UTC", "True", 1, "90s"]


# ---------------------------------------------------------------------- the others


def node(labels: dict[str, str] | None = None, ready: str = "", **spec: Any) -> dict[str, Any]:
    conditions = [{"type": "Ready", "status": ready}] if ready else []
    info = {"kubeletVersion": "v1.36.2", "osImage": "Debian"}
    addresses = [{"type": "Hostname", "address": "n"}, {"type": "InternalIP", "address": "10.0.0.9"}]
    return {
        "metadata": {"name": "n", "labels": labels or {}},
        "spec": spec,
        "status": {"conditions": conditions, "nodeInfo": info, "addresses": addresses},
    }


@pytest.mark.parametrize(
    ("subject", "status", "roles"),
    [
        (node(ready="True"), "Ready", "<none>"),
        (node(ready="False"), "NotReady", "<none>"),
        (node(ready="Unknown"), "NotReady", "<none>"),
        (node(), "Unknown", "<none>"),
        (node(ready="True", unschedulable=True), "Ready,SchedulingDisabled", "<none>"),
        (node({"node-role.kubernetes.io/worker": "", "node-role.kubernetes.io/db": "x"}), "Unknown", "db,worker"),
        (node({"kubernetes.io/role": "old"}), "Unknown", "old"),
    ],
)
def test_nodes(subject: dict[str, Any], status: str, roles: str) -> None:
    assert cells("nodes", subject) == ["n", status, roles, "5m", "v1.36.2"]


def test_the_wide_columns_of_a_node() -> None:
    assert cells("nodes", node(), wide=True)[5:] == ["10.0.0.9", "<none>", "Debian", "<unknown>", "<unknown>"]


@pytest.mark.parametrize(
    ("event", "last", "first", "count", "source"),
    [
        ({"firstTimestamp": BORN, "lastTimestamp": AGO_90, "count": 4, "source": {"component": "kubelet", "host": "n1"}}, "90s", "5m", 4, "kubelet, n1"),
        ({"firstTimestamp": None, "lastTimestamp": None, "eventTime": "2026-05-01T11:55:00.000000Z", "reportingComponent": "a", "reportingInstance": "b"}, "5m", "5m", 1, "a, b"),
        ({"eventTime": "2026-05-01T11:55:00.000000Z", "series": {"count": 9, "lastObservedTime": "2026-05-01T11:58:30.000000Z"}}, "90s", "5m", 9, ""),
        ({}, "<unknown>", "<unknown>", 1, ""),
    ],
)  # fmt: skip
def test_events(event: dict[str, Any], last: str, first: str, count: int, source: str) -> None:
    about = {"kind": "Pod", "name": "web", "fieldPath": "spec.containers{c}"}
    whole = {"type": "Normal", "reason": "R", "message": " text\n", "involvedObject": about, **event}
    row = cells("events", {"metadata": {"name": "web.1"}, **whole}, wide=True)
    assert row == [last, "Normal", "R", "pod/web", "spec.containers{c}", source, "text", first, count, "web.1"]


def test_one_event_in_two_versions() -> None:
    from minikctl.api.kinds.events_v1_event import from_core, to_core

    core = made("events", reason="R", message="m", count=2, involvedObject={"kind": "Pod", "name": "web"})
    new = from_core(core)
    assert (new["apiVersion"], new["note"], new["deprecatedCount"]) == ("events.k8s.io/v1", "m", 2)
    assert new["regarding"] == core["involvedObject"]
    assert to_core(new) == core
    assert cells("events.events.k8s.io", new) == cells("events", core)


def test_namespaces_revisions_and_templates() -> None:
    assert cells("ns", made("ns", "team")) == ["team", "Active", "5m"]
    owner = {"apiVersion": "apps/v1", "kind": "StatefulSet", "name": "db", "controller": True, "uid": "1"}
    revision = {"metadata": {"name": "db-1", "ownerReferences": [owner]}, "revision": 3}
    assert cells("controllerrevisions", revision) == ["db-1", "statefulset.apps/db", 3, "5m"]
    assert cells("controllerrevisions", {"metadata": {"name": "r"}})[1:3] == ["<none>", 0]
    template = {"metadata": {"labels": {"b": "2", "a": "1"}}, "spec": pod_spec()}
    assert cells("podtemplates", made("podtemplates", template=template)) == ["x", "c", "nginx:1.25", "a=1,b=2"]


@pytest.mark.parametrize(
    ("word", "obj", "fields"),
    [
        (
            "pods",
            {
                "spec": {"nodeName": "n", "hostNetwork": True, "schedulerName": "s", "restartPolicy": "Never"},
                "status": {"phase": "Running", "podIPs": [{"ip": "10.0.0.1"}]},
            },
            {
                "spec.nodeName": "n",
                "spec.restartPolicy": "Never",
                "spec.schedulerName": "s",
                "spec.serviceAccountName": "",
                "spec.hostNetwork": "true",
                "status.phase": "Running",
                "status.podIP": "10.0.0.1",
                "status.nominatedNodeName": "",
            },
        ),
        ("nodes", {"spec": {}}, {"spec.unschedulable": "false"}),
        ("jobs", {"status": {"succeeded": 3}}, {"status.successful": "3"}),
        ("rs", {"status": {"replicas": 2}}, {"status.replicas": "2"}),
        ("ns", {"metadata": {"name": "a"}, "status": {"phase": "Active"}}, {"status.phase": "Active", "name": "a"}),
    ],
)
def test_selectable_fields(word: str, obj: dict[str, Any], fields: dict[str, str]) -> None:
    assert kind(word).selectable_fields(obj) == fields


def test_events_are_selected_by_what_they_are_about() -> None:
    event = {"involvedObject": {"kind": "Pod", "name": "a"}, "reason": "R", "source": {"component": "k"}, "type": "T"}
    fields = kind("events").selectable_fields(event)
    assert {k: v for k, v in fields.items() if v} == {
        "involvedObject.kind": "Pod",
        "involvedObject.name": "a",
        "reason": "R",
        "source": "k",
        "type": "T",
    }
