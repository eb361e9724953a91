"""Bad input of every kind ends in one clear message on stderr and exit code 1, and writes nothing."""

from __future__ import annotations

import errno
import json
import os
from pathlib import Path

import pytest

from tests.support.cluster import TestCluster
from tests.support.ordinary_user import as_ordinary_user

DEPLOYMENT = {
    "apiVersion": "apps/v1",
    "kind": "Deployment",
    "metadata": {"name": "web"},
    "spec": {
        "replicas": 1,
        "selector": {"matchLabels": {"app": "web"}},
        "template": {
            "metadata": {"labels": {"app": "web"}},
            "spec": {"containers": [{"name": "web", "image": "nginx"}]},
        },
    },
}


def deployment(**spec: object) -> str:
    return json.dumps({**DEPLOYMENT, "spec": {**DEPLOYMENT["spec"], **spec}})  # type: ignore[dict-item]


MANIFESTS = {
    "unknown kind": (
        "apiVersion: v1\nkind: Pdo\nmetadata: {name: a}\n",
        'error: resource mapping not found for name: "a" namespace: "" from "bad.yaml": no matches for kind "Pdo" in '
        'version "v1"\nensure CRDs are installed first\n',
    ),
    "a name is missing": ("apiVersion: v1\nkind: ConfigMap\n", "resource name may not be empty\n"),
    "a line of bad YAML": (
        "apiVersion: v1\nkind: Pod\n  metadata: x\n",
        "error: error parsing bad.yaml: error converting YAML to JSON: yaml: line 3: mapping values are not allowed in "
        "this context\n",
    ),
    "half a JSON document": ('{"apiVersion": "v1", "kind": ', "error: error parsing bad.yaml: "),
    "no text at all": ("\0\1", "yaml: control characters are not allowed\n"),
    "an empty file": ("", "error: no objects passed to apply\n"),
    "an unknown field": (
        json.dumps({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}, "dta": {}}),
        'strict decoding error: unknown field "dta"\n',
    ),
    "negative replicas": (
        deployment(replicas=-1),
        'The Deployment "web" is invalid: spec.replicas: Invalid value: -1: must be greater than or equal to 0\n',
    ),
    "another selector": (
        deployment(
            selector={"matchLabels": {"app": "other"}},
            template={**DEPLOYMENT["spec"]["template"], "metadata": {"labels": {"app": "other"}}},  # type: ignore[index]
        ),
        'The Deployment "web" is invalid: spec.selector: Invalid value: {"matchLabels":{"app":"other"}}: field is '
        "immutable\n",
    ),
}


@pytest.fixture
def web(cluster: TestCluster) -> TestCluster:
    cluster.client.create("deployments", DEPLOYMENT, "default")
    return cluster


def check(cluster: TestCluster, argv: list[str], message: str) -> None:
    version = cluster.store.current_rv()
    done = cluster.cli(*argv)
    assert message in done.err and (done.code, done.out) == (1, "")
    assert "Traceback" not in done.err and cluster.store.current_rv() == version


@pytest.mark.parametrize("case", MANIFESTS)
def test_manifests(web: TestCluster, case: str) -> None:
    text, message = MANIFESTS[case]
    (web.root / "bad.yaml").write_text(text)
    web.cli("annotate", "deployment", "web", "kubectl.kubernetes.io/last-applied-configuration={}")
    check(web, ["apply", "-f", "bad.yaml"], message)


COMMANDS = [
    ("get nonsense", 'error: the server doesn\'t have a resource type "nonsense"\n'),
    ("get pods nosuch", 'Error from server (NotFound): pods "nosuch" not found\n'),
    ("create configmap x -n nosuch", 'error: failed to create configmap: namespaces "nosuch" not found\n'),
    ("scale deployment/web --replicas=-1", "COUNT must be greater than or equal to 0\n"),
    ("scale deployment/web --replicas=x", 'error: invalid argument "x" for "--replicas" flag: '),
    ("apply -f nosuch.yaml", 'error: the path "nosuch.yaml" does not exist\n'),
    ("apply -f /proc/self/mem", "error: "),
    ("create configmap x --from-file=/nosuch", "error: error reading /nosuch: no such file or directory\n"),
    ("nonsense", 'error: unknown command "nonsense" for "kubectl"\n'),
    ("get pods --nonsense", "error: unknown flag: --nonsense\n"),
    ("get pods -o nonsense", 'error: unable to match a printer suitable for the output format "nonsense"'),
    ("get pods -l a=b=c", "Error from server (BadRequest): "),
    ("get pods -o jsonpath={.x", "error: error parsing jsonpath {.x, unclosed action\n"),
    ("get pods -o go-template={{", "error: error parsing template {{, "),
    ("get --raw /nosuch", "Error from server (NotFound): "),
    ("create deployment x", 'error: required flag(s) "image" not set\n'),
    ("run A_B --image=x", 'metadata.name: Invalid value: "A_B": a lowercase RFC 1123 subdomain must consist'),
    ("logs nosuch", 'error: error from server (NotFound): pods "nosuch" not found in namespace "default"\n'),
    ("exec nosuch -- ls", 'Error from server (NotFound): pods "nosuch" not found\n'),
    ("patch deployment web -p {", "Error from server (BadRequest): "),
    ("expose deployment web", "error: couldn't find port via --port flag or introspection\n"),
    (
        "label deployment web x=_",
        'error: invalid label value: "x=_": a valid label must be an empty string or consist of',
    ),
    ("set image deployment/web nosuch=x", 'error: unable to find container named "nosuch"\n'),
    ("rollout undo deployment/web --to-revision=9", "error: unable to find specified revision 9 in history\n"),
    ("wait --for=condition=Ready pod/nosuch", 'Error from server (NotFound): pods "nosuch" not found\n'),
    ("delete", "error: You must provide one or more resources by argument or filename.\n"),
]


@pytest.mark.parametrize(("line", "message"), COMMANDS, ids=[line for line, _ in COMMANDS])
def test_commands(web: TestCluster, line: str, message: str) -> None:
    check(web, line.split(), message)


def test_a_file_that_may_not_be_read(web: TestCluster, tmp_path: Path) -> None:
    (web.root / "bad.yaml").write_text(json.dumps(DEPLOYMENT))
    (web.root / "bad.yaml").chmod(0)
    as_ordinary_user(tmp_path, lambda: check(web, ["apply", "-f", "bad.yaml"], "permission denied\n"))


def test_a_read_only_state_directory(web: TestCluster, tmp_path: Path) -> None:
    web.close()
    folders = [web.root, *(p for p in web.root.rglob("*") if p.is_dir())]
    files = [p for p in web.root.rglob("*") if p.is_file()]
    for path in [*files, *folders]:
        path.chmod(0o500 if path.is_dir() else 0o400)
    try:
        as_ordinary_user(tmp_path, lambda: _read_only(web))
    finally:
        for path in folders:
            path.chmod(0o700)


def _read_only(cluster: TestCluster) -> None:
    assert cluster.cli("get", "deployments", "-o", "name").out == "deployment.apps/web\n"
    done = cluster.cli("create", "configmap", "a")
    assert done.code == 1 and "permission denied" in done.err and "Traceback" not in done.err
    assert len(done.err.splitlines()) == 1


def test_a_full_disk(web: TestCluster, monkeypatch: pytest.MonkeyPatch) -> None:
    before = sorted(web.root.rglob("*"))

    def full(*_: object) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patched:
        patched.setattr("minikctl.util.files.os.write", full)
        done = web.cli("create", "configmap", "a")
    assert done.code == 1 and len(done.err.splitlines()) == 1 and "no space left on the disk" in done.err
    assert [p for p in sorted(web.root.rglob("*")) if p not in before and p.is_file()] == []
    assert web.cli("create", "configmap", "a").out == "configmap/a created\n"
