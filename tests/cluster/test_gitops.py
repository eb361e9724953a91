"""Applications: what a repository says, what is there, and how one becomes the other."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from minikctl.api.meta import Obj
from minikctl.cluster import addons
from minikctl.cluster.gitops import health, render
from minikctl.cluster.gitops.application import APPLICATIONS
from minikctl.cluster.gitops.controller import ApplicationController
from minikctl.cluster.gitops.operation import retry_delay
from minikctl.cluster.gitops.repository import Repositories, SourceError
from minikctl.controllers.deployment import CONTROLLER as DeploymentController
from minikctl.controllers.garbage_collector import CONTROLLER as GarbageCollector
from minikctl.controllers.replica_set import CONTROLLER as ReplicaSetController
from minikctl.util.clock import FakeClock
from tests.support.cluster import TestCluster
from tests.support.control_plane import ControlPlane
from tests.support.fake_kubelet import FakeKubelet
from tests.support.waiting import eventually

GIT = shutil.which("git")
HELM = shutil.which("helm") or str(Path("~/.cache/reference-clients/helm").expanduser())
pytestmark = pytest.mark.skipif(not GIT, reason="git is not installed")

WEB = """
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  replicas: 1
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec: {containers: [{name: web, image: nginx}]}
"""


def config_map(name: str, value: str = "1", **notes: str) -> str:
    shown = "".join(f'\n    {k.replace("__", "/").replace("_", "-")}: "{v}"' for k, v in notes.items())
    annotations = f"\n  annotations:{shown}" if notes else ""
    return f'apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: {name}{annotations}\ndata: {{v: "{value}"}}\n'


class Repo:
    """A repository of the test's own."""

    def __init__(self, root: Path):
        self.root = root
        root.mkdir()
        self.git("init", "-q", "-b", "main")

    def git(self, *words: str) -> str:
        who = {"GIT_CONFIG_GLOBAL": "/dev/null", "HOME": str(self.root)}
        for role in ("AUTHOR", "COMMITTER"):
            who |= {f"GIT_{role}_NAME": "t", f"GIT_{role}_EMAIL": "t@example.com"}
        command = ["git", "-C", str(self.root), *words]
        return subprocess.run(command, env={**os.environ, **who}, check=True, capture_output=True, text=True).stdout

    def commit(self, **files: str | None) -> str:
        """`a__b_yaml="…"` is a/b.yaml; None removes it. The commit."""
        for key, content in files.items():
            path = self.root / key.replace("__", "/").replace("_yaml", ".yaml").replace("_tpl", ".tpl")
            if content is None:
                path.unlink()
                continue
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(content)
        self.git("add", "-A")
        self.git("commit", "-q", "--allow-empty", "-m", "x")
        return self.git("rev-parse", "HEAD").strip()


class Case:
    def __init__(self, root: Path):
        self.cluster = TestCluster(root / "state", clock=FakeClock())
        self.client = self.cluster.client
        self.repo = Repo(root / "repo")
        addons.enable(self.client, addons.find("gitops"), eventually)
        repositories = Repositories(root / "mirrors")
        classes: Any = [lambda c: ApplicationController(c, repositories), DeploymentController, ReplicaSetController]
        classes.append(GarbageCollector)
        kubelet = FakeKubelet(self.client, clock=self.cluster.clock)
        self.plane = ControlPlane(self.cluster, classes, kubelet=kubelet)

    def app(self, policy: Obj | None = None, path: str = "app", finalizers: bool = False, **spec: Any) -> None:
        meta: Obj = {"name": "guestbook", "namespace": "argocd"}
        if finalizers:
            meta["finalizers"] = ["resources-finalizer.argocd.argoproj.io"]
        source = {"repoURL": str(self.repo.root), "path": path, **spec.pop("source", {})}
        whole = {
            "project": "default",
            "source": source,
            "destination": {"server": "https://kubernetes.default.svc", "namespace": "default"},
            **({"syncPolicy": policy} if policy else {}),
            **spec,
        }
        body = {"apiVersion": "argoproj.io/v1alpha1", "kind": "Application", "metadata": meta, "spec": whole}
        self.client.create(APPLICATIONS, body, "argocd")
        self.settle()

    def settle(self, seconds: float = 3.0) -> None:
        self.plane.settle(seconds)

    def get(self) -> Obj:
        return self.client.get(APPLICATIONS, "guestbook", "argocd")

    @property
    def status(self) -> Obj:
        status: Obj = self.get().get("status") or {}
        return status

    def state(self) -> tuple[str, str]:
        return self.status["sync"]["status"], self.status["health"]["status"]

    def sync(self, **sync: Any) -> Obj:
        self.client.update(APPLICATIONS, {**self.get(), "operation": {"sync": sync}})
        self.settle()
        found: Obj = self.status["operationState"]
        return found

    def maps(self) -> dict[str, str]:
        items = self.client.list("configmaps", "default")["items"]
        return {o["metadata"]["name"]: o["data"]["v"] for o in items}

    def conditions(self) -> dict[str, str]:
        return {c["type"]: c["message"] for c in self.status.get("conditions") or []}

    def rest(self) -> int:
        """How many writes happen in half a minute in which nothing happens."""
        before = self.cluster.store.current_rv()
        self.settle(30)
        return self.cluster.store.current_rv() - before


@pytest.fixture
def case(tmp_path: Path) -> Iterator[Case]:
    made = Case(tmp_path)
    yield made
    made.cluster.close()


AUTO = {"automated": {"prune": True, "selfHeal": True}}


# ---------------------------------------------------------------------- comparing


def test_nothing_is_done_unasked(case: Case) -> None:
    revision = case.repo.commit(app__a_yaml=config_map("a"))
    case.app()
    assert case.state() == ("OutOfSync", "Missing") and case.maps() == {}
    assert case.status["sync"]["revision"] == revision
    assert case.rest() == 0


def test_a_synchronisation_makes_it_so(case: Case) -> None:
    revision = case.repo.commit(app__a_yaml=config_map("a"), app__web_yaml=WEB)
    case.app()
    state = case.sync()
    assert (state["phase"], state["message"]) == ("Succeeded", "successfully synced (all tasks run)")
    assert case.state() == ("Synced", "Healthy")
    assert [(h["id"], h["revision"]) for h in case.status["history"]] == [(0, revision)]
    made = case.client.get("configmaps", "a", "default")
    tracked = made["metadata"]["annotations"]["argocd.argoproj.io/tracking-id"]
    assert tracked == "guestbook:/ConfigMap:default/a"
    assert case.status["summary"] == {"images": ["nginx"]}
    assert "operation" not in case.get()
    assert case.rest() == 0


def test_what_others_set_does_not_count(case: Case) -> None:
    case.repo.commit(app__web_yaml=WEB)
    case.app(AUTO)
    patch = {"metadata": {"labels": {"mine": "1"}, "annotations": {"deployment.kubernetes.io/x": "2"}}}
    case.client.patch("deployments.apps", "web", patch, "default")
    case.settle()
    assert case.state() == ("Synced", "Healthy")


def test_differences_that_are_to_be_ignored(case: Case) -> None:
    case.repo.commit(app__web_yaml=WEB)
    rule = {"group": "apps", "kind": "Deployment", "jsonPointers": ["/spec/replicas"]}
    case.app({"automated": {}}, ignoreDifferences=[rule])
    case.client.patch("deployments.apps", "web", {"spec": {"replicas": 3}}, "default")
    case.settle(10)
    assert case.state() == ("Synced", "Healthy")
    assert case.client.get("deployments.apps", "web", "default")["spec"]["replicas"] == 3


# ---------------------------------------------------------------------- by itself


def test_automated_follows_the_branch(case: Case) -> None:
    case.repo.commit(app__a_yaml=config_map("a"))
    case.app({"automated": {}})
    assert case.maps() == {"a": "1"}
    case.repo.commit(app__a_yaml=config_map("a", "2"), app__b_yaml=config_map("b"))
    case.settle(10)
    assert case.maps() == {"a": "2", "b": "1"} and case.state()[0] == "Synced"
    assert case.status["operationState"]["operation"]["initiatedBy"] == {"automated": True}
    assert len(case.status["history"]) == 2


def test_without_prune_what_is_gone_from_the_repository_stays(case: Case) -> None:
    case.repo.commit(app__a_yaml=config_map("a"), app__b_yaml=config_map("b"))
    case.app({"automated": {}})
    case.repo.commit(app__b_yaml=None)
    case.settle(10)
    assert set(case.maps()) == {"a", "b"} and case.state()[0] == "OutOfSync"
    assert [r["name"] for r in case.status["resources"] if r.get("requiresPruning")] == ["b"]
    assert case.rest() == 0
    case.sync(prune=True)
    assert set(case.maps()) == {"a"} and case.state()[0] == "Synced"


def test_prune(case: Case) -> None:
    keep = config_map("c", argocd_argoproj_io="x").replace("argocd-argoproj-io", "argocd.argoproj.io/sync-options")
    keep = keep.replace('"x"', '"Prune=false"')
    case.repo.commit(app__a_yaml=config_map("a"), app__b_yaml=config_map("b"), app__c_yaml=keep)
    case.app(AUTO)
    case.repo.commit(app__b_yaml=None, app__c_yaml=None)
    case.settle(10)
    assert set(case.maps()) == {"a", "c"}


def test_never_everything_at_once_unless_it_may(case: Case) -> None:
    case.repo.commit(app__a_yaml=config_map("a"))
    case.app(AUTO)
    case.repo.commit(app__a_yaml=None, app__README="")
    case.settle(10)
    assert set(case.maps()) == {"a"}
    assert "auto-sync will wipe out all resources" in case.conditions()["SyncError"]
    spec = {"spec": {"syncPolicy": {"automated": {"allowEmpty": True}}}}
    case.client.patch(APPLICATIONS, "guestbook", spec, "argocd")
    case.settle(10)
    assert case.maps() == {}


def test_self_heal(case: Case) -> None:
    case.repo.commit(app__a_yaml=config_map("a"), app__b_yaml=config_map("b"))
    case.app(AUTO)
    case.client.patch("configmaps", "a", {"data": {"v": "by hand"}}, "default")
    case.client.delete("configmaps", "b", "default")
    case.settle(10)
    assert case.maps() == {"a": "1", "b": "1"} and case.state()[0] == "Synced"


def test_without_self_heal_a_change_by_hand_is_only_shown(case: Case) -> None:
    case.repo.commit(app__a_yaml=config_map("a"))
    case.app({"automated": {}})
    case.client.patch("configmaps", "a", {"data": {"v": "by hand"}}, "default")
    case.settle(10)
    assert case.maps() == {"a": "by hand"} and case.state()[0] == "OutOfSync"


def test_a_failed_attempt_is_not_repeated_for_the_same_commit(case: Case) -> None:
    case.repo.commit(app__a_yaml=config_map("a").replace('{v: "1"}', '{"not a key": "1"}'))
    case.app(AUTO)
    assert case.status["operationState"]["phase"] == "Failed"
    assert case.conditions()["SyncError"].startswith(
        f"Failed sync attempt to {case.status['sync']['revision']}: one or"
    )
    assert case.rest() == 0
    case.repo.commit(app__a_yaml=config_map("a"))
    case.settle(10)
    assert case.state()[0] == "Synced" and case.conditions() == {}


def test_retries(case: Case) -> None:
    case.repo.commit(app__a_yaml=config_map("a").replace("metadata:", "metadata:\n  namespace: later"))
    retry = {"limit": 5, "backoff": {"duration": "5s", "factor": 2, "maxDuration": "3m"}}
    case.app({"automated": {}, "retry": retry})
    assert case.status["operationState"]["phase"] == "Running"
    assert "Retrying attempt #1" in case.status["operationState"]["message"]
    case.client.create("namespaces", {"metadata": {"name": "later"}})
    case.settle(20)
    assert case.state()[0] == "Synced" and case.status["operationState"]["retryCount"] == 1


@pytest.mark.parametrize(("attempt", "seconds"), [(0, 5.0), (1, 10.0), (3, 40.0), (9, 180.0)])
def test_retry_delays(attempt: int, seconds: float) -> None:
    assert retry_delay({}, attempt) == seconds


# ---------------------------------------------------------------------- order


def test_waves_wait_for_each_other(case: Case) -> None:
    wave = {"argocd_argoproj_io__sync_wave": "1"}
    second = config_map("second", **wave).replace("argocd-argoproj-io", "argocd.argoproj.io")
    case.repo.commit(app__web_yaml=WEB, app__second_yaml=second)
    kubelet, case.plane.kubelet = case.plane.kubelet, None
    case.app({"automated": {}})
    assert case.maps() == {}
    assert case.status["operationState"]["message"] == "waiting for healthy state of apps/Deployment/web"
    case.plane.kubelet = kubelet
    case.settle(10)
    assert case.maps() == {"second": "1"} and case.state() == ("Synced", "Healthy")


HOOK = """
apiVersion: batch/v1
kind: Job
metadata:
  {name}
  annotations: {{argocd.argoproj.io/hook: {phase}, argocd.argoproj.io/hook-delete-policy: {policy}}}
spec:
  template:
    spec: {{restartPolicy: Never, containers: [{{name: c, image: busybox}}]}}
"""


def hook(phase: str, name: str = "name: migrate", policy: str = "BeforeHookCreation") -> str:
    return HOOK.format(phase=phase, name=name, policy=policy)


def finish(case: Case, kind: str = "Complete") -> str:
    """End the one Job that there is."""
    [job] = case.client.list("jobs.batch", "default")["items"]
    early = [{"type": "SuccessCriteriaMet" if kind == "Complete" else "FailureTarget", "status": "True"}]
    now = "2026-01-01T00:00:00Z"
    conditions = [*early, {"type": kind, "status": "True", "message": "it ended"}]
    status = {"conditions": conditions, "startTime": now, "uncountedTerminatedPods": {}}
    if kind == "Complete":
        status["completionTime"] = now
    case.client.patch("jobs.batch", job["metadata"]["name"], {"status": status}, "default", subresource="status")
    case.settle()
    return str(job["metadata"]["name"])


def test_hooks_before_and_after(case: Case) -> None:
    case.repo.commit(
        app__a_yaml=config_map("a"),
        app__pre_yaml=hook("PreSync"),
        app__post_yaml=hook("PostSync", "generateName: after-"),
    )
    case.app({"automated": {}})
    assert case.maps() == {}
    assert case.status["operationState"]["message"] == "waiting for completion of hook batch/Job/migrate"
    assert finish(case) == "migrate"
    assert case.maps() == {"a": "1"} and case.status["operationState"]["phase"] == "Running"
    case.client.delete("jobs.batch", "migrate", "default")
    assert finish(case).startswith(f"after-{case.status['sync']['revision'][:7]}-postsync-")
    assert case.status["operationState"]["phase"] == "Succeeded" and case.state() == ("Synced", "Healthy")
    assert [r["name"] for r in case.status["resources"]] == ["a"]


def test_a_hook_that_fails_stops_it(case: Case) -> None:
    case.repo.commit(app__a_yaml=config_map("a"), app__pre_yaml=hook("PreSync", policy="HookFailed"))
    case.app({"automated": {}})
    finish(case, "Failed")
    assert case.maps() == {} and case.status["operationState"]["phase"] == "Failed"
    assert "Job migrate: it ended" in case.status["operationState"]["message"]
    assert case.client.list("jobs.batch", "default")["items"] == []


def test_a_hook_runs_anew_each_time(case: Case) -> None:
    case.repo.commit(app__a_yaml=config_map("a"), app__pre_yaml=hook("PreSync"))
    case.app({"automated": {}})
    finish(case)
    first = case.client.get("jobs.batch", "migrate", "default")["metadata"]["uid"]
    case.repo.commit(app__a_yaml=config_map("a", "2"))
    case.settle(10)
    assert case.client.get("jobs.batch", "migrate", "default")["metadata"]["uid"] != first
    finish(case)
    assert case.maps() == {"a": "2"}


# ---------------------------------------------------------------------- sources


def test_kustomize_with_options(case: Case) -> None:
    case.repo.commit(
        base__kustomization_yaml="resources: [web.yaml]\n",
        base__web_yaml=WEB,
        app__kustomization_yaml="resources: [../base]\nnameSuffix: -prod\n",
    )
    options = {"namePrefix": "my-", "images": ["nginx:1.27"], "commonLabels": {"team": "a"}}
    case.app({"automated": {}}, source={"kustomize": options})
    made = case.client.get("deployments.apps", "my-web-prod", "default")
    assert made["spec"]["template"]["spec"]["containers"][0]["image"] == "nginx:1.27"
    assert made["spec"]["selector"]["matchLabels"] == {"app": "web", "team": "a"}
    assert case.status["sourceType"] == "Kustomize" and case.state() == ("Synced", "Healthy")


@pytest.mark.skipif(not Path(HELM).exists(), reason="no helm on PATH or in ~/.cache/reference-clients")
def test_a_helm_chart(case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MINIKCTL_HELM", HELM)
    template = (
        config_map("TITLE", "VALUE").replace("TITLE", "{{ .Release.Name }}-x").replace("VALUE", "{{ .Values.v }}")
    )
    case.repo.commit(
        app__Chart_yaml="apiVersion: v2\nname: demo\nversion: 0.1.0\n",
        app__values_yaml="v: default\n",
        app__templates__a_yaml=template,
    )
    helm = {"releaseName": "mine", "values": "v: from-values\n", "parameters": [{"name": "v", "value": "a,b"}]}
    case.app({"automated": {}}, source={"helm": helm})
    assert case.maps() == {"mine-x": "a,b"} and case.status["sourceType"] == "Helm"


def test_a_helm_chart_without_helm_says_so(case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MINIKCTL_HELM", "/nowhere/helm")
    case.repo.commit(app__Chart_yaml="apiVersion: v2\nname: demo\nversion: 0.1.0\n")
    case.app()
    assert "the program helm is not installed" in case.conditions()["ComparisonError"]


@pytest.mark.parametrize(
    ("options", "found"),
    [
        ({}, {"a", "b"}),
        ({"recurse": True}, {"a", "b", "c"}),
        ({"include": "a*"}, {"a"}),
        ({"exclude": "{a.yaml,x.yaml}"}, {"b"}),
    ],
)
def test_folders(case: Case, options: dict[str, Any], found: set[str]) -> None:
    case.repo.commit(
        app__a_yaml=config_map("a"), app__b_yaml=config_map("b"), app__deep__c_yaml=config_map("c"), app__README="no"
    )
    case.app({"automated": {}}, source={"directory": options})
    assert set(case.maps()) == found


def test_tags_branches_and_commits(case: Case) -> None:
    first = case.repo.commit(app__a_yaml=config_map("a", "1"))
    case.repo.git("tag", "-a", "v1", "-m", "x")
    case.repo.git("branch", "old")
    case.repo.commit(app__a_yaml=config_map("a", "2"))
    case.app({"automated": {}}, source={"targetRevision": "v1"})
    assert case.maps() == {"a": "1"} and case.status["sync"]["revision"] == first
    for revision, value in (("main", "2"), ("old", "1"), ("", "2"), (first, "1"), ("HEAD", "2")):
        case.client.patch(APPLICATIONS, "guestbook", {"spec": {"source": {"targetRevision": revision}}}, "argocd")
        case.settle(10)
        assert case.maps() == {"a": value}, revision


@pytest.mark.parametrize(
    ("change", "kind", "message"),
    [
        ({"source": {"path": "none"}}, "ComparisonError", "none: app path does not exist"),
        ({"source": {"path": "../.."}}, "ComparisonError", "app path must be relative"),
        ({"source": {"targetRevision": "v9"}}, "ComparisonError", "unable to resolve 'v9' to a commit SHA"),
        ({"source": {"repoURL": "/nowhere"}}, "ComparisonError", "repository '/nowhere' does not exist"),
        ({"source": {"repoURL": "--upload-pack=x"}}, "ComparisonError", "is no repository"),
        ({"source": {"chart": "x"}}, "InvalidSpecError", "spec.source.chart is not supported"),
        (
            {"destination": {"server": "https://elsewhere"}},
            "InvalidSpecError",
            "there are no clusters with this API URL",
        ),
        ({"destination": {}}, "InvalidSpecError", "Destination server missing from app spec"),
        ({"project": "none"}, "InvalidSpecError", "Application referencing project none which does not exist"),
        (
            {"syncPolicy": {"syncOptions": ["Magic=true"]}},
            "InvalidSpecError",
            "sync option Magic=true is not supported",
        ),
    ],
)
def test_what_cannot_be_is_said(case: Case, change: dict[str, Any], kind: str, message: str) -> None:
    case.repo.commit(app__a_yaml=config_map("a"))
    case.app(**change)
    assert message in case.conditions()[kind]
    assert case.state() == ("Unknown", "Unknown") and case.rest() == 0


@pytest.mark.parametrize("text", ["a: [", "kind: ConfigMap\n", "apiVersion: v1\nkind: ConfigMap\n", "- 1\n"])
def test_files_that_are_no_manifests(tmp_path: Path, text: str) -> None:
    (tmp_path / "a.yaml").write_text(text)
    with pytest.raises(SourceError):
        render.render(tmp_path, {}, "app", "default")


# ---------------------------------------------------------------------- history, and the end


def test_rollback(case: Case) -> None:
    first = case.repo.commit(app__a_yaml=config_map("a", "1"))
    case.app()
    case.sync()
    case.repo.commit(app__a_yaml=config_map("a", "2"), app__b_yaml=config_map("b"))
    case.settle(5)
    case.sync()
    assert case.maps() == {"a": "2", "b": "1"}
    old = case.status["history"][0]
    state = case.sync(revision=old["revision"], source=old["source"], prune=True)
    assert state["phase"] == "Succeeded" and state["syncResult"]["revision"] == first
    assert case.maps() == {"a": "1"}
    assert case.state()[0] == "OutOfSync"
    assert [h["id"] for h in case.status["history"]] == [0, 1, 2]


def test_a_part_only(case: Case) -> None:
    case.repo.commit(app__a_yaml=config_map("a"), app__b_yaml=config_map("b"))
    case.app()
    case.sync(resources=[{"kind": "ConfigMap", "name": "b"}])
    assert set(case.maps()) == {"b"} and "history" not in case.status


def test_a_dry_run_changes_nothing(case: Case) -> None:
    case.repo.commit(app__a_yaml=config_map("a"))
    case.app()
    assert case.sync(dryRun=True)["phase"] == "Succeeded"
    assert case.maps() == {}


def test_create_namespace(case: Case) -> None:
    case.repo.commit(app__a_yaml=config_map("a"))
    destination = {"name": "in-cluster", "namespace": "fresh"}
    case.app({"automated": {}, "syncOptions": ["CreateNamespace=true"]}, destination=destination)
    assert case.client.get("configmaps", "a", "fresh")["data"] == {"v": "1"}


@pytest.mark.parametrize("option", ["ServerSideApply=true", "Replace=true"])
def test_ways_to_apply(case: Case, option: str) -> None:
    case.repo.commit(app__a_yaml=config_map("a"))
    case.app({"automated": {}, "syncOptions": [option]})
    case.repo.commit(app__a_yaml=config_map("a", "2"))
    case.settle(10)
    assert case.maps() == {"a": "2"} and case.state()[0] == "Synced"


def test_an_application_with_the_finalizer_takes_its_objects_along(case: Case) -> None:
    case.repo.commit(app__a_yaml=config_map("a"))
    case.app({"automated": {}}, finalizers=True)
    case.client.delete(APPLICATIONS, "guestbook", "argocd")
    case.settle(5)
    assert case.maps() == {} and case.client.list(APPLICATIONS, "argocd")["items"] == []


def test_one_without_leaves_them(case: Case) -> None:
    case.repo.commit(app__a_yaml=config_map("a"))
    case.app({"automated": {}})
    case.client.delete(APPLICATIONS, "guestbook", "argocd")
    case.settle(5)
    assert case.maps() == {"a": "1"}


def test_an_ordinary_cluster_has_none_of_it(tmp_path: Path) -> None:
    cluster = TestCluster(tmp_path / "state")
    assert cluster.client.kind(APPLICATIONS) is None
    done = cluster.cli("app", "sync", "x")
    assert done.code == 1 and "minikctl cluster addons enable gitops" in done.err
    cluster.close()


# ---------------------------------------------------------------------- health


def of(kind: str, spec: Obj, status: Obj, version: str = "apps/v1", generation: int = 1) -> Obj:
    return {
        "apiVersion": version,
        "kind": kind,
        "metadata": {"name": "x", "generation": generation},
        "spec": spec,
        "status": {"observedGeneration": 1, **status},
    }


def true(kind: str, reason: str = "", status: str = "True") -> Obj:
    return {"conditions": [{"type": kind, "status": status, "reason": reason, "message": "m"}]}


THREE = {"replicas": 3, "updatedReplicas": 3, "availableReplicas": 3, "readyReplicas": 3}


@pytest.mark.parametrize(
    ("obj", "status", "message"),
    [
        (of("Deployment", {"replicas": 3}, THREE), "Healthy", ""),
        (of("Deployment", {"replicas": 3, "paused": True}, THREE), "Suspended", "Deployment is paused"),
        (of("Deployment", {"replicas": 3}, THREE, generation=2), "Progressing", "observed deployment generation less"),
        (of("Deployment", {"replicas": 3}, {**THREE, "updatedReplicas": 1}), "Progressing", "1 out of 3 new replicas"),
        (of("Deployment", {"replicas": 3}, {**THREE, "replicas": 5}), "Progressing", "2 old replicas are pending"),
        (
            of("Deployment", {"replicas": 3}, {**THREE, "availableReplicas": 2}),
            "Progressing",
            "2 of 3 updated replicas",
        ),
        (of("Deployment", {}, true("Progressing", "ProgressDeadlineExceeded", "False")), "Degraded", "exceeded its"),
        (of("ReplicaSet", {"replicas": 3}, {"availableReplicas": 2}), "Progressing", "2 out of 3"),
        (of("ReplicaSet", {"replicas": 3}, true("ReplicaFailure")), "Degraded", "m"),
        (of("StatefulSet", {"replicas": 3}, {"readyReplicas": 1}), "Progressing", "Waiting for 2 pods to be ready..."),
        (of("StatefulSet", {"replicas": 3}, THREE), "Healthy", "rolling update complete 3 pods"),
        (of("StatefulSet", {"replicas": 3}, {**THREE, "updateRevision": "b"}), "Progressing", "at revision b"),
        (of("DaemonSet", {}, {"desiredNumberScheduled": 2, "updatedNumberScheduled": 1}), "Progressing", "1 out of 2"),
        (of("Service", {"type": "LoadBalancer"}, {}, "v1"), "Progressing", ""),
        (of("Service", {"type": "LoadBalancer"}, {"loadBalancer": {"ingress": [{}]}}, "v1"), "Healthy", ""),
        (of("Service", {"type": "ClusterIP"}, {}, "v1"), "Healthy", ""),
        (of("Ingress", {}, {"loadBalancer": {}}, "networking.k8s.io/v1"), "Progressing", ""),
        (of("PersistentVolumeClaim", {}, {"phase": "Lost"}, "v1"), "Degraded", ""),
        (of("PersistentVolumeClaim", {}, {"phase": "Bound"}, "v1"), "Healthy", ""),
        (of("Pod", {}, {"phase": "Failed", "reason": "Evicted"}, "v1"), "Degraded", "Evicted"),
        (of("Pod", {}, {"phase": "Running", **true("Ready")}, "v1"), "Healthy", ""),
        (of("Job", {}, true("Failed"), "batch/v1"), "Degraded", "m"),
        (of("Job", {}, true("Complete"), "batch/v1"), "Healthy", "m"),
        (of("Job", {}, true("Suspended"), "batch/v1"), "Suspended", "m"),
        (of("Job", {}, {}, "batch/v1"), "Progressing", ""),
        (
            of("HorizontalPodAutoscaler", {}, true("ScalingActive", "FailedGetX", "False"), "autoscaling/v2"),
            "Degraded",
            "m",
        ),
        (of("CustomResourceDefinition", {}, true("Established"), "apiextensions.k8s.io/v1"), "Healthy", "m"),
    ],
)
def test_health(obj: Obj, status: str, message: str) -> None:
    found = health.of(obj)
    assert found is not None and found[0] == status and message in found[1]


def test_kinds_without_health() -> None:
    assert health.of(of("ConfigMap", {}, {}, "v1")) is None
    assert health.worst(["Healthy", "Progressing", "Degraded", "Missing"]) == "Degraded"
    assert health.worst([]) == "Healthy"


def test_a_finalizer_of_a_custom_resource_needs_no_domain(case: Case) -> None:
    case.repo.commit(app__a_yaml=config_map("a"))
    case.app(finalizers=True)
    warned: list[str] = []
    case.client.on_warning(warned.append)
    body = {"metadata": {"name": "p", "finalizers": ["resources-finalizer.argocd.argoproj.io"]}, "spec": {}}
    case.client.create("appprojects.argoproj.io", body, "argocd")
    assert warned == [
        'metadata.finalizers: "resources-finalizer.argocd.argoproj.io": prefer a domain-qualified finalizer name '
        "including a path (/) to avoid accidental conflicts with other finalizer writers"
    ]
