"""`kubectl config`, on files of the test's own."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from minikctl.client import state_dir
from tests.support.cluster import Result, TestCluster


@pytest.fixture
def config(cluster: TestCluster, tmp_path: Path):  # type: ignore[no-untyped-def]
    def run(*argv: str, file: str = "c1", **environ: str) -> Result:
        flags = ["--kubeconfig", file] if file else []
        return cluster.cli(*flags, "config", *argv, cwd=tmp_path, environ={"HOME": str(tmp_path), **environ})

    return run


def test_a_file_from_nothing(config, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    steps = [
        (("set-cluster", "home", "--server=https://10.1.2.3:6443"), 'Cluster "home" set.\n'),
        (("set-credentials", "ann", "--token=secret"), 'User "ann" set.\n'),
        (("set-context", "lab", "--cluster=home", "--user=ann"), 'Context "lab" created.\n'),
        (("set-context", "lab", "--namespace=blue"), 'Context "lab" modified.\n'),
        (("use-context", "lab"), 'Switched to context "lab".\n'),
        (("current-context",), "lab\n"),
        (("get-clusters",), "NAME\nhome\n"),
        (("get-users",), "NAME\nann\n"),
        (("set", "contexts.lab.namespace", "green"), 'Property "contexts.lab.namespace" set.\n'),
        (("rename-context", "lab", "study"), 'Context "lab" renamed to "study".\n'),
    ]
    for argv, out in steps:
        done = config(*argv)
        assert (done.code, done.out, done.err) == (0, out, "")
    assert (tmp_path / "c1").read_text() == (
        "apiVersion: v1\nclusters:\n- cluster:\n    server: https://10.1.2.3:6443\n  name: home\ncontexts:\n"
        "- context:\n    cluster: home\n    namespace: green\n    user: ann\n  name: study\ncurrent-context: study\n"
        "kind: Config\nusers:\n- name: ann\n  user:\n    token: secret\n"
    )
    assert config("get-contexts").out == (
        "CURRENT   NAME    CLUSTER   AUTHINFO   NAMESPACE\n*         study   home      ann        green\n"
    )
    assert "token: REDACTED" in config("view").out
    assert config("view", "--raw", "-o", "jsonpath={.users[0].user.token}").out == "secret"
    assert config("unset", "current-context").out == 'Property "current-context" unset.\n'
    gone = config("delete-context", "study")
    assert (gone.out, gone.err) == ("deleted context study from c1\n", "")
    assert config("delete-user", "ann").out == "deleted user ann from c1\n"
    assert config("delete-cluster", "home").out == "deleted cluster home from c1\n"
    assert "clusters: null\ncontexts: null\n" in config("view").out


def test_deleting_the_active_context_warns(config) -> None:  # type: ignore[no-untyped-def]
    config("set-context", "a")
    config("use", "a")
    done = config("delete-context", "a")
    assert done.code == 0 and done.err.startswith("warning: this removed your active context, use ")


@pytest.mark.parametrize(
    ("argv", "error"),
    [
        ("current-context", "error: current-context is not set"),
        ("use-context nope", 'error: no context exists with the name: "nope"'),
        ("delete-context nope", "error: cannot delete context nope, not in c1"),
        ("delete-cluster nope", "error: cannot delete cluster nope, not in c1"),
        ("delete-user nope", "error: cannot delete user nope, not in c1"),
        ("rename-context a b", 'error: cannot rename the context "a", it\'s not in c1'),
        ("set nope x", "error: unable to parse nope after [] at api.Config"),
        ("set contexts.a.namespace.b x", "error: unable to parse one or more field values of contexts.a.namespace.b"),
        ("set users.u.client-key-data zzz", "error: error decoding input value: illegal base64 data at input byte 0"),
        ("unset clusters.a.server", "error: current map key `a` is invalid"),
        ("set-context", "error: you must specify a non-empty context name or --current"),
        ("set-context --current", "error: no current context is set"),
        ("set-cluster a --embed-certs", "error: you must specify a --certificate-authority to embed"),
        (
            "set-credentials a --token=x --password=y",
            "error: you cannot specify more than one authentication method at the same time: --token, "
            "--username/--password",
        ),
        ("view --minify", "error: current-context must exist in order to minify"),
        ("view --minify --context=zz", "error: cannot locate context zz"),
        ("get-contexts -o yaml", "error: --output yaml is not available in kubectl config get-contexts; resetting to"),
        ("get-contexts zz", "error: context zz not found"),
    ],
)
def test_errors(config, argv: str, error: str) -> None:  # type: ignore[no-untyped-def]
    done = config(*argv.split())
    assert done.code == 1 and done.err.startswith(error)


def test_names_may_hold_dots(config) -> None:  # type: ignore[no-untyped-def]
    config("set", "clusters.10.0.0.1.insecure-skip-tls-verify", "true")
    assert 'insecure-skip-tls-verify: true\n    server: ""\n  name: 10.0.0.1\n' in config("view").out


def test_certificates_are_named_relative_to_the_file_or_embedded(config, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    (tmp_path / "ca.crt").write_text("CERT")
    config("set-cluster", "a", "--certificate-authority=ca.crt")
    assert "certificate-authority: ca.crt\n" in (tmp_path / "c1").read_text()
    assert "certificate-authority-data: Q0VSVA==\n" in config("view", "--flatten").out
    config("set-credentials", "u", "--client-certificate=ca.crt", "--embed-certs")
    assert "client-certificate-data: Q0VSVA==\n" in (tmp_path / "c1").read_text()
    assert "client-certificate-data: DATA+OMITTED\n" in config("view").out


def test_a_change_goes_to_the_file_that_has_the_entry(config, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    for name in "ab":
        config("set-cluster", name, f"--server={name}", file=name)
    both = {"file": "", "KUBECONFIG": "missing:a:b"}
    config("set", "clusters.b.server", "changed", **both)
    config("set-context", "new", "--cluster=b", **both)
    assert "changed" in (tmp_path / "b").read_text() and "changed" not in (tmp_path / "a").read_text()
    assert "name: new" in (tmp_path / "a").read_text()
    config("use-context", "new", **both)
    assert "current-context: new" in (tmp_path / "a").read_text()
    assert config("view", "--minify", "-o", "jsonpath={.clusters[*].name}", **both).out == "b"


def test_without_any_file_it_is_the_clusters_own(config, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    own = {"file": "", "MINIKCTL_STATE": str(tmp_path / "mine")}
    assert config("current-context", **own).out == "minikctl\n"
    assert config("set-context", "--current", "--namespace=blue", **own).out == 'Context "minikctl" modified.\n'
    cluster = state_dir.load(tmp_path / "mine")
    assert cluster is not None
    text = (tmp_path / "mine" / "kubeconfig").read_text()
    assert re.sub(r"(-data): \S+", r"\1: …", text) == (
        "apiVersion: v1\nclusters:\n- cluster:\n    certificate-authority-data: …\n    extensions:\n    - extension:\n"
        f"        stateDir: {tmp_path}/mine\n        uid: {cluster.uid}\n      name: minikctl\n"
        f"    server: {cluster.server}\n  name: minikctl\ncontexts:\n- context:\n    cluster: minikctl\n"
        "    namespace: blue\n    user: minikctl-admin\n  name: minikctl\ncurrent-context: minikctl\nkind: Config\n"
        "users:\n- name: minikctl-admin\n  user:\n    client-certificate-data: …\n    client-key-data: …\n"
    )
