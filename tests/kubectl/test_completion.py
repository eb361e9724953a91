"""The answers to shells: commands, flags, their values, and words from the live state."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from minikctl.kubectl import completion, dispatch
from minikctl.kubectl.completion import live
from tests.kubectl.test_help import every_command
from tests.support.cluster import TestCluster

ROOT = Path(__file__).parent.parent.parent
NO_FILES = completion.NO_FILES


def ask(cluster: TestCluster, *words: str) -> tuple[list[str], int]:
    """(candidates without descriptions, directive)."""
    got = cluster.cli("__complete", *words)
    assert got.code == 0
    *candidates, directive = got.out.splitlines()
    assert got.err == f"Completion ended with directive: {completion.directive_name(int(directive[1:]))}\n"
    return [c.partition("\t")[0] for c in candidates], int(directive[1:])


@pytest.fixture(scope="module")
def seeded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestCluster]:
    cluster = TestCluster(tmp_path_factory.mktemp("completion") / "state")
    seed(cluster)
    yield cluster
    cluster.close()


def seed(cluster: TestCluster) -> None:
    """Pods, deployments, a service and a node to be completed."""

    def pod(name: str, *containers: str, **metadata: Any) -> dict[str, Any]:
        ports = [{"containerPort": 80}]
        spec = {"containers": [{"name": c, "image": "nginx", "ports": ports} for c in containers]}
        return {"metadata": {"name": name, **metadata}, "spec": spec}

    cluster.client.create("namespaces", {"metadata": {"name": "team"}})
    cluster.client.create("serviceaccounts", {"metadata": {"name": "default"}}, "team")
    for name in ("web-1", "web-2", "db"):
        cluster.client.create("pods", pod(name, "app", "side", labels={"app": name}), "default")
    cluster.client.create("pods", pod("other", "app"), "team")
    for name in ("api", "web"):
        assert cluster.cli("create", "deployment", name, "--image=nginx").code == 0
    ports = [{"port": 8080, "targetPort": 80}]
    cluster.client.create("services", {"metadata": {"name": "web"}, "spec": {"ports": ports}}, "default")
    cluster.client.create("nodes", {"metadata": {"name": "node-1"}})


WORKLOADS = [f"{k}/" for k in live.WITH_PODS]


@pytest.mark.parametrize(
    ("words", "candidates", "directive"),
    [
        (["rollo"], ["rollout"], NO_FILES),
        (["nonsense", ""], [], NO_FILES),
        (["create", "secret", ""], ["docker-registry", "generic", "tls"], NO_FILES),
        (["config", "use"], ["use-context"], NO_FILES),
        (["apply", ""], ["edit-last-applied", "set-last-applied", "view-last-applied"], NO_FILES),
        (["apply", "-f", "x.yaml", ""], [], NO_FILES),
        (["apply", "-f", ""], ["json", "yaml", "yml"], completion.FILE_EXTENSIONS),
        (["apply", "-k", ""], [], completion.FOLDERS),
        (["--kubeconfig", ""], [], completion.DEFAULT),
        (["get", "-o", "js"], ["json", "jsonpath", "jsonpath-as-json", "jsonpath-file"], NO_FILES),
        (["get", "-o=js"], ["json", "jsonpath", "jsonpath-as-json", "jsonpath-file"], NO_FILES),
        (["get", "--output=ya"], ["yaml"], NO_FILES),
        (["apply", "--dry-run="], ["none", "server", "client"], NO_FILES),
        (["get", "--outp"], ["--output", "--output-watch-events"], NO_FILES),
        (["get", "--output", "json", "--outp"], ["--output-watch-events"], NO_FILES),
        (["create", "deployment", "web", "--im"], ["--image"], NO_FILES),
        (["create", "deployment", "--"], ["--image"], NO_FILES),
        (["scale", ""], ["--replicas", "deployment", "replicaset", "replicationcontroller", "statefulset"], NO_FILES),
        (["get", "--nope", ""], [], completion.DEFAULT),
        (["completion", ""], ["bash", "zsh", "fish", "powershell"], NO_FILES),
        # words from the state
        (["get", "deploy"], ["deployments.apps"], NO_FILES),
        (["get", "svc,deploy"], ["svc,deployments.apps"], NO_FILES),
        (["get", "pods", ""], ["db", "web-1", "web-2"], NO_FILES),
        (["get", "po", "web-1", "web"], ["web-2"], NO_FILES),
        (["get", "pods", "-n", "team", ""], ["other"], NO_FILES),
        (["-n", "team", "get", "pods", ""], ["other"], NO_FILES),
        (["get", "-nteam", "pods", "-ojson", ""], ["other"], NO_FILES),
        (["get", "pods/web"], ["pods/web-1", "pods/web-2"], NO_FILES),
        (["get", "pods/web-1", "po/web"], ["po/web-1", "po/web-2"], NO_FILES),
        (["get", "pods/web-1", "deploy"], ["deployments.apps/"], NO_FILES | completion.NO_SPACE),
        (["-n", "te"], ["team"], NO_FILES),
        (["get", "pods", "--namespace=te"], ["team"], NO_FILES),
        (["rollout", "undo", ""], ["deployment", "daemonset", "statefulset"], NO_FILES),
        (["rollout", "undo", "deployment", ""], ["api", "web"], NO_FILES),
        (["rollout", "status", "deploy/a"], ["deploy/api"], NO_FILES),
        (["rollout", "status", "deploy/api", "deploy/"], [], NO_FILES),
        (["logs", "web"], ["web-1", "web-2"], NO_FILES),
        (["logs", "d"], ["db", "daemonsets/", "deployments/"], NO_FILES),
        (["logs", "zz"], [], NO_FILES | completion.NO_SPACE),
        (["logs", "deployments/"], ["deployments/api", "deployments/web"], NO_FILES),
        (["logs", "web-1", ""], ["app", "side"], NO_FILES),
        (["logs", "web-1", "-c", "s"], ["side"], NO_FILES),
        (["exec", "-itc", "a", "web"], ["web-1", "web-2"], NO_FILES),
        (["exec", "web-1", "-c", ""], ["app", "side"], NO_FILES),
        (["exec", "web-1", "--", ""], [], NO_FILES),
        (["drain", ""], ["node-1"], NO_FILES),
        (["taint", "node", "n"], ["node-1"], NO_FILES),
        (["create", "token", ""], ["default"], NO_FILES),
        (["port-forward", "web"], ["web-1", "web-2"], NO_FILES),
        (["port-forward", "svc/web", ""], ["8080:8080"], NO_FILES),
        (["port-forward", "web-1", "90"], ["90:80", "90:80"], NO_FILES),
        (["cp", "te"], ["team/"], completion.NO_SPACE),
        (["cp", "w"], ["web-1:", "web-2:"], completion.NO_SPACE),
        (["cp", "web-1:x", ""], [], completion.NO_SPACE),
        (["debug", "pods/web"], ["pods/web-1", "pods/web-2"], NO_FILES),
        (["port-forward", "web-1", ""], ["80:80", "80:80"], NO_FILES),
        (["port-forward", "svc/web", "90"], ["90:8080"], NO_FILES),
        (["cp", "we"], ["web-1:", "web-2:"], completion.NO_SPACE),
        (["explain", "cronj"], ["cronjobs"], NO_FILES),
        (["top", "node", ""], ["node-1"], NO_FILES),
        (["debug", "node/"], ["node/node-1"], NO_FILES),
        (["events", "--for", "pod/d"], ["pod/db"], NO_FILES),
        (["events", "--types=W"], ["Warning"], NO_FILES),
        (["get", "nonsense", ""], [], NO_FILES),
        (["logs", "gone", ""], [], NO_FILES),
    ],
)
def test_candidates(seeded: TestCluster, words: list[str], candidates: list[str], directive: int) -> None:
    assert ask(seeded, *words) == (candidates, directive)


def test_all_commands_with_their_summaries(cluster: TestCluster) -> None:
    lines = cluster.cli("__complete", "").out.splitlines()[:-1]
    listed = dict(line.split("\t") for line in lines)
    assert list(listed) == sorted(listed)
    assert listed["rollout"] == "Manage the rollout of a resource" and "help" not in listed
    assert cluster.cli("__completeNoDesc", "rollo").out == "rollout\n:4\n"


@pytest.mark.parametrize("package", [*dispatch.PACKAGES, *(f.package for _, f in every_command() if f.package)])
def test_summaries_are_the_commands_own(package: str) -> None:
    loaded = [found.command for w in dispatch.words(package) if (found := dispatch.load(package, w))]
    assert dispatch.summaries(package) == [(c.name, c.summary) for c in loaded if not c.hidden]


@pytest.mark.parametrize(("path", "found"), [pytest.param(p, f, id=p) for p, f in every_command()])
def test_every_declaration_means_something(path: str, found: dispatch.Found) -> None:
    for spec in (found.command.complete, *(o.complete for o in dispatch.options_of(found.command))):
        if isinstance(spec, str):
            assert spec in ("files", "folders", "manifests") or spec.partition(":")[0] in live.KINDS_OF_WORDS


def test_flags_of_every_command(cluster: TestCluster) -> None:
    names, directive = ask(cluster, "get", "-")
    assert directive == NO_FILES
    assert names[:2] == ["--all-namespaces", "-A"] and {"--namespace", "-n", "-h"} <= set(names)
    assert "--log-flush-frequency" not in names
    assert names.index("--watch-only") < names.index("--as")


def test_contexts(cluster: TestCluster, tmp_path: Path) -> None:
    config = tmp_path / "config"
    text = (
        "contexts: [{name: one, context: {cluster: c}}, {name: two, context: {}}]\nclusters: [{name: c, cluster: {}}]\n"
    )
    config.write_text(text)
    for words, expected in (
        (["--context", ""], ["one", "two"]),
        (["config", "use-context", "t"], ["two"]),
        (["config", "use-context", "two", ""], []),
        (["config", "delete-cluster", ""], ["c"]),
        (["--cluster", ""], ["c"]),
        (["config", "delete-user", ""], []),
    ):
        assert ask(cluster, "--kubeconfig", str(config), *words)[0] == expected
    assert ask(cluster, "--kubeconfig", "missing", "--context", "")[0] == []


def test_no_cluster_is_made_or_started(tmp_path: Path) -> None:
    import io

    from minikctl.cli import run
    from minikctl.kubectl.command import Environment

    def start(_directory: Path) -> None:
        raise AssertionError("completion starts no cluster")

    out = io.StringIO()
    environ = {"MINIKCTL_STATE": str(tmp_path / "state")}
    env = Environment(io.StringIO(), out, io.StringIO(), environ, tmp_path, ensure_running=start)
    for words in (["get", ""], ["get", "pods", ""], ["-n", ""], ["logs", "x", "-c", ""], ["--context", ""]):
        assert run(["__complete", *words], env) == 0
    assert set(out.getvalue().splitlines()) == {":4"}
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish", "powershell"])
def test_scripts_are_current(shell: str, cluster: TestCluster) -> None:
    """`minikctl completion SHELL > completions/minikctl.SHELL` (powershell: .ps1) brings them up to date."""
    name = f"minikctl.{'ps1' if shell == 'powershell' else shell}"
    assert (ROOT / "completions" / name).read_text("utf-8") == cluster.cli("completion", shell).out


@pytest.mark.parametrize(
    ("argv", "error"),
    [
        (["completion"], "Shell not specified."),
        (["completion", "tcsh"], 'Unsupported shell type "tcsh".'),
        (["completion", "bash", "zsh"], "Too many arguments. Expected only the shell type."),
    ],
)
def test_refused(cluster: TestCluster, argv: list[str], error: str) -> None:
    got = cluster.cli(*argv)
    assert (got.code, got.err) == (1, f"error: {error}\nSee 'kubectl completion -h' for help and examples\n")
    assert cluster.cli("__complete").err == "error: requires at least 1 arg(s), only received 0\n"
