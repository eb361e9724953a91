from __future__ import annotations

from typing import Any

import pytest

from minikctl.api import kinds
from minikctl.kubectl.rollout_status import status
from minikctl.util.errors import UsageError
from tests.kubectl.objects import deployment, set_status, with_history
from tests.support.cluster import TestCluster

Obj = dict[str, Any]


def workload(kind: str, spec: Obj, state: Obj, generation: int = 1, annotations: Obj | None = None) -> Obj:
    metadata = {"name": "web", "generation": generation, "annotations": annotations or {}}
    return {"kind": kind, "metadata": metadata, "spec": spec, "status": {"observedGeneration": 1, **state}}


START = 'Waiting for deployment "web" rollout to finish:'
ROLLING = {"updateStrategy": {"type": "RollingUpdate"}}
PARTITIONED = {"replicas": 3, "updateStrategy": {"type": "RollingUpdate", "rollingUpdate": {"partition": 1}}}


@pytest.mark.parametrize(
    ("kind", "spec", "state", "line", "done"),
    [
        (
            "Deployment",
            {"replicas": 3},
            {"updatedReplicas": 1},
            f"{START} 1 out of 3 new replicas have been updated...",
            False,
        ),
        (
            "Deployment",
            {"replicas": 2},
            {"updatedReplicas": 2, "replicas": 3},
            f"{START} 1 old replicas are pending termination...",
            False,
        ),
        (
            "Deployment",
            {"replicas": 2},
            {"updatedReplicas": 2, "replicas": 2, "availableReplicas": 1},
            f"{START} 1 of 2 updated replicas are available...",
            False,
        ),
        (
            "Deployment",
            {"replicas": 2},
            {"updatedReplicas": 2, "replicas": 2, "availableReplicas": 2},
            'deployment "web" successfully rolled out',
            True,
        ),
        (
            "DaemonSet",
            ROLLING,
            {"desiredNumberScheduled": 3, "updatedNumberScheduled": 1},
            'Waiting for daemon set "web" rollout to finish: 1 out of 3 new pods have been updated...',
            False,
        ),
        (
            "DaemonSet",
            ROLLING,
            {"desiredNumberScheduled": 3, "updatedNumberScheduled": 3, "numberAvailable": 2},
            'Waiting for daemon set "web" rollout to finish: 2 of 3 updated pods are available...',
            False,
        ),
        (
            "DaemonSet",
            ROLLING,
            {"desiredNumberScheduled": 3, "updatedNumberScheduled": 3, "numberAvailable": 3},
            'daemon set "web" successfully rolled out',
            True,
        ),
        ("StatefulSet", PARTITIONED, {"readyReplicas": 1}, "Waiting for 2 pods to be ready...", False),
        (
            "StatefulSet",
            PARTITIONED,
            {"readyReplicas": 3, "updatedReplicas": 1},
            "Waiting for partitioned roll out to finish: 1 out of 2 new pods have been updated...",
            False,
        ),
        (
            "StatefulSet",
            PARTITIONED,
            {"readyReplicas": 3, "updatedReplicas": 2},
            "partitioned roll out complete: 2 new pods have been updated...",
            True,
        ),
        (
            "StatefulSet",
            {"replicas": 1, **ROLLING},
            {"readyReplicas": 1, "updatedReplicas": 1, "updateRevision": "b", "currentRevision": "a"},
            "waiting for statefulset rolling update to complete 1 pods at revision b...",
            False,
        ),
        (
            "StatefulSet",
            {"replicas": 1, **ROLLING},
            {"readyReplicas": 1, "currentReplicas": 1, "updateRevision": "b", "currentRevision": "b"},
            "statefulset rolling update complete 1 pods at revision b...",
            True,
        ),
    ],
)
def test_status_lines(kind: str, spec: Obj, state: Obj, line: str, done: bool) -> None:
    found = kinds.by_gvk("apps", "v1", kind)
    assert found is not None
    assert status(found, workload(kind, spec, state)) == (line, done)


@pytest.mark.parametrize(
    ("kind", "line"),
    [
        ("Deployment", "Waiting for deployment spec update to be observed..."),
        ("DaemonSet", "Waiting for daemon set spec update to be observed..."),
        ("StatefulSet", "Waiting for statefulset spec update to be observed..."),
    ],
)
def test_a_change_that_no_controller_has_seen(kind: str, line: str) -> None:
    found = kinds.by_gvk("apps", "v1", kind)
    assert found is not None
    assert status(found, workload(kind, ROLLING, {}, generation=2)) == (line, False)


def test_a_rollout_that_takes_too_long_has_failed() -> None:
    found = kinds.by_gvk("apps", "v1", "Deployment")
    assert found is not None
    state = {"conditions": [{"type": "Progressing", "status": "False", "reason": "ProgressDeadlineExceeded"}]}
    with pytest.raises(UsageError, match='deployment "web" exceeded its progress deadline'):
        status(found, workload("Deployment", {"replicas": 1}, state))


def test_status_follows_until_it_is_over(cluster: TestCluster) -> None:
    cluster.client.create("deployments.apps", deployment("web", replicas=1), "default")
    set_status(cluster, "deployments.apps", "web", {"observedGeneration": 1})
    result = cluster.cli("rollout", "status", "deploy/web", "--timeout=200ms")
    assert result.out == f"{START} 0 out of 1 new replicas have been updated...\n"
    assert result.err == "error: timed out waiting for the condition\n"
    state = {"observedGeneration": 1, "replicas": 1, "updatedReplicas": 1, "availableReplicas": 1, "readyReplicas": 1}
    set_status(cluster, "deployments.apps", "web", state)
    result = cluster.cli("rollout", "status", "deploy/web")
    assert (result.code, result.out) == (0, 'deployment "web" successfully rolled out\n')
    result = cluster.cli("rollout", "status", "deploy/web", "--revision=7")
    assert result.err == "error: desired revision (7) is different from the running revision (0)\n"


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (["status"], "error: required resource not specified"),
        (["status", "pod/x"], 'Error from server (NotFound): pods "x" not found'),
        (["status", "deploy/web", "--revision=-1"], "error: revision must be a positive integer: -1"),
        (["status", "sa/default"], "error: no status viewer has been implemented for ServiceAccount"),
        (["history", "deploy/web", "--revision=9"], "error: unable to find the specified revision"),
        (
            ["history", "sa/default"],
            'error: error retrieving history for "ServiceAccount", no visitor method exists for { ServiceAccount}',
        ),
        (["undo", "rs/web-hash3"], 'error: no rollbacker has been implemented for "ReplicaSet.apps"'),
        (["undo", "deploy/web", "--to-revision=9"], "error: unable to find specified revision 9 in history"),
        (["undo", "deploy/new"], 'error: no rollout history found for deployment "new"'),
        (["resume", "deploy/web"], 'error: deployments.apps "web" is not paused'),
        (["pause", "rs/web-hash3"], 'error: replicasets.apps "web-hash3" pausing is not supported'),
        (["restart", "sa/default"], 'error: serviceaccounts "default" restarting is not supported'),
    ],
)
def test_what_cannot_be_done(cluster: TestCluster, argv: list[str], message: str) -> None:
    with_history(cluster)
    cluster.client.create("deployments.apps", deployment("new"), "default")
    result = cluster.cli("rollout", *argv)
    assert (result.code, result.err) == (1, message + "\n")


def test_history(cluster: TestCluster) -> None:
    with_history(cluster)
    result = cluster.cli("rollout", "history", "deploy/web")
    assert result.out == (
        "deployment.apps/web \nREVISION  CHANGE-CAUSE\n1         <none>\n2         to version 2\n3         <none>\n\n"
    )
    result = cluster.cli("rollout", "history", "deploy/web", "--revision=2")
    assert result.out == (
        "deployment.apps/web with revision #2\nPod Template:\n  Labels:\tapp=web\n\tpod-template-hash=hash2\n"
        "  Annotations:\tkubernetes.io/change-cause: to version 2\n  Containers:\n   main:\n    Image:\tnginx:2\n"
        "    Port:\t<none>\n    Host Port:\t<none>\n    Environment:\t<none>\n    Mounts:\t<none>\n  Volumes:\t<none>\n"
        "  Node-Selectors:\t<none>\n  Tolerations:\t<none>\n\n"
    )
    path = "jsonpath={.spec.template.spec.containers[0].image}"
    assert cluster.cli("rollout", "history", "deploy/web", "--revision=1", "-o", path).out == "nginx:1"


def image(cluster: TestCluster) -> str:
    spec = cluster.client.get("deployments.apps", "web", "default")["spec"]["template"]["spec"]
    return str(spec["containers"][0]["image"])


@pytest.mark.parametrize(
    ("flags", "message", "expected"),
    [
        ([], "rolled back", "nginx:2"),
        (["--to-revision=1"], "rolled back", "nginx:1"),
        (["--to-revision=3"], "skipped rollback (current template already matches revision 3)", "nginx:3"),
        (["--to-revision=1", "--dry-run=server"], "rolled back (server dry run)", "nginx:3"),
    ],
)
def test_undo(cluster: TestCluster, flags: list[str], message: str, expected: str) -> None:
    with_history(cluster)
    result = cluster.cli("rollout", "undo", "deploy/web", *flags)
    assert (result.out, result.err) == (f"deployment.apps/web {message}\n", "")
    assert image(cluster) == expected
    template = cluster.client.get("deployments.apps", "web", "default")["spec"]["template"]
    assert "pod-template-hash" not in template["metadata"]["labels"]


def test_undo_brings_the_change_cause_back(cluster: TestCluster) -> None:
    with_history(cluster)
    cluster.cli("annotate", "deploy/web", "kubernetes.io/change-cause=now", "deployment.kubernetes.io/revision=3")
    cluster.cli("rollout", "undo", "deploy/web")
    annotations = cluster.client.get("deployments.apps", "web", "default")["metadata"]["annotations"]
    assert annotations == {"kubernetes.io/change-cause": "to version 2", "deployment.kubernetes.io/revision": "3"}


def test_undo_on_the_client_only_shows_where_to(cluster: TestCluster) -> None:
    with_history(cluster)
    result = cluster.cli("rollout", "undo", "deploy/web", "--dry-run=client")
    assert result.out.startswith("deployment.apps/web Pod Template:\n  Labels:\tapp=web\n")
    assert result.out.endswith("  Tolerations:\t<none>\n (dry run)\n")
    assert image(cluster) == "nginx:3"


def test_pause_resume_restart(cluster: TestCluster) -> None:
    with_history(cluster)
    assert cluster.cli("rollout", "pause", "deploy/web").out == "deployment.apps/web paused\n"
    assert cluster.client.get("deployments.apps", "web", "default")["spec"]["paused"] is True
    for argv, why in (
        (["pause", "deploy/web"], "is already paused"),
        (["restart", "deploy/web"], "can't restart paused deployment (run rollout resume first)"),
    ):
        assert cluster.cli("rollout", *argv).err == f'error: deployments.apps "web" {why}\n'
    assert "you cannot rollback a paused deployment" in cluster.cli("rollout", "undo", "deploy/web").err
    assert cluster.cli("rollout", "resume", "deploy/web").out == "deployment.apps/web resumed\n"
    assert "paused" not in cluster.client.get("deployments.apps", "web", "default")["spec"]
    assert cluster.cli("rollout", "restart", "deploy", "web").out == "deployment.apps/web restarted\n"
    template = cluster.client.get("deployments.apps", "web", "default")["spec"]["template"]
    assert list(template["metadata"]["annotations"]) == ["kubectl.kubernetes.io/restartedAt"]


def controller_revision(owner: Obj, number: int, image: str) -> Obj:
    spec = owner["spec"]["template"]["spec"]
    template = {
        "metadata": owner["spec"]["template"]["metadata"],
        "spec": {**spec, "containers": [{**spec["containers"][0], "image": image}]},
        "$patch": "replace",
    }
    reference = {
        "apiVersion": "apps/v1",
        "kind": owner["kind"],
        "name": "db",
        "uid": owner["metadata"]["uid"],
        "controller": True,
    }
    return {
        "apiVersion": "apps/v1",
        "kind": "ControllerRevision",
        "metadata": {"name": f"db-{number}", "labels": {"app": "db"}, "ownerReferences": [reference]},
        "data": {"spec": {"template": template}},
        "revision": number,
    }


@pytest.mark.parametrize(("kind", "word"), [("StatefulSet", "sts"), ("DaemonSet", "ds")])
def test_workloads_whose_history_is_in_controller_revisions(cluster: TestCluster, kind: str, word: str) -> None:
    plural = f"{kind.lower()}s.apps"
    obj = {**deployment("db", "mysql:2"), "kind": kind}
    obj["spec"] = {k: v for k, v in obj["spec"].items() if k != "replicas"}
    obj["metadata"]["annotations"] = {"kubectl.kubernetes.io/last-applied-configuration": "{}"}
    made = cluster.client.create(plural, obj, "default")
    assert (
        cluster.cli("rollout", "history", f"{word}/db").out == f"{kind.lower()}.apps/db \nNo rollout history found.\n"
    )
    for number in (1, 2):
        cluster.client.create(
            "controllerrevisions.apps", controller_revision(made, number, f"mysql:{number}"), "default"
        )
    lines = cluster.cli("rollout", "history", f"{word}/db").out.splitlines()
    assert lines == [f"{kind.lower()}.apps/db ", "REVISION  CHANGE-CAUSE", "1         <none>", "2         <none>", ""]
    assert "    Image:\tmysql:1\n" in cluster.cli("rollout", "history", f"{word}/db", "--revision=1").out
    result = cluster.cli("rollout", "undo", f"{word}/db")
    assert result.out == f"{kind.lower()}.apps/db rolled back\n"
    assert result.err.startswith(f"Warning: resource {kind.lower()}s/db was previously managed with 'kubectl apply'.")
    spec = cluster.client.get(plural, "db", "default")["spec"]["template"]["spec"]
    assert spec["containers"][0]["image"] == "mysql:1"
    skipped = cluster.cli("rollout", "undo", f"{word}/db", "--to-revision=1").out
    assert skipped == f"{kind.lower()}.apps/db skipped rollback (current template already matches revision 1)\n"


def test_the_group_alone_shows_its_help(cluster: TestCluster) -> None:
    result = cluster.cli("rollout")
    assert result.out.startswith("Manage the rollout of one or many resources.\n")
    assert result.code == 1
    assert cluster.cli("rollout", "stop").err.startswith('error: unknown command "stop"')
