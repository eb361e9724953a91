"""The command line through both doors of a running cluster, over real TLS, as administrator and as somebody else."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.support import reference
from tests.support.cluster import Result
from tests.support.daemon import Daemon

LINES = (
    "get nodes",
    "get nodes -o wide",
    "get cm -o yaml",
    "get all -A",
    "describe ns default",
    "api-resources --api-group=apps",
    "get nope",
    "get pods nope",
    "auth whoami -o jsonpath={.status.userInfo.username}",
    "auth can-i create pods",
    "get --raw /livez",
    "version -o json --client=false",
)


def door(running: Daemon, *argv: str, door: str = "") -> Result:
    environ = {"MINIKCTL_DOOR": door} if door else {}
    return Daemon(running.root, environ).run(*argv)


@pytest.mark.parametrize("line", LINES)
def test_both_doors_say_the_same(running: Daemon, line: str) -> None:
    files, http = door(running, *line.split()), door(running, *line.split(), door="http")
    assert (http.code, http.err, _ageless(http.out)) == (files.code, files.err, _ageless(files.out))


def _ageless(text: str) -> str:
    return re.sub(" +", " ", re.sub(r"\b(?:\d+[smhd])+\b", "AGE", text))


def test_writes_through_http(running: Daemon, namespace: str) -> None:
    made = door(running, "create", "cm", "a", "--from-literal=x=1", "-n", namespace, door="http")
    assert (made.code, made.out) == (0, "configmap/a created\n")
    found = running.client.get("cm", "a", namespace)
    assert [m["manager"] for m in found["metadata"]["managedFields"]] == ["kubectl-create"]
    assert (
        door(running, "delete", "cm", "a", "-n", namespace, door="http").out
        == f'configmap "a" deleted from {namespace} namespace\n'
    )


@pytest.fixture
def token(running: Daemon, namespace: str) -> str:
    made = running.run("create", "token", "default", "-n", namespace)
    assert made.code == 0, made.err
    return made.out.strip()


def test_somebody_else_is_refused_as_kubectl_says_it(
    running: Daemon, kubeconfig: Path, namespace: str, token: str, tmp_path: Path
) -> None:
    """A command with a token of its own asks the server, although the files are there."""
    server = running.run("config", "view", "--raw", "-o", "jsonpath={.clusters[0].cluster.server}").out
    words = ["--server", server, "--insecure-skip-tls-verify", "--token", token, "-n", namespace]
    for line in ("get pods", "create cm x", "delete pod x", "get pods -A", "auth whoami"):
        argv = [*line.split(), *words]
        wanted = reference.run("kubectl", *argv, home=tmp_path, KUBECONFIG="/dev/null")
        got = running.run(*argv)
        assert (got.code, got.out, got.err) == (wanted.code, wanted.out, wanted.err), line
    allowed = ("--clusterrole=view", f"--serviceaccount={namespace}:default", "-n", namespace)
    assert running.run("create", "rolebinding", "look", *allowed).code == 0
    assert (
        running.run("get", "pods", "--token", token, "-n", namespace).err
        == f"No resources found in {namespace} namespace.\n"
    )
    argv = ["get", "pods", *words[:3], "--token", "nonsense"]
    wanted = reference.run("kubectl", *argv, home=tmp_path, KUBECONFIG="/dev/null")
    assert wanted.code == 1 and running.run(*argv).err == wanted.err.splitlines(keepends=True)[-1]
