"""Which door a command takes: the files, or HTTP; and as whom."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from minikctl.cli import run
from minikctl.client import state_dir
from minikctl.client.http import HttpClient
from minikctl.client.local import LocalClient
from minikctl.kubectl import connection
from minikctl.kubectl.command import Command, Environment, Invocation
from minikctl.kubectl.flags import bind, scan
from minikctl.kubectl.global_options import GLOBAL_OPTIONS
from minikctl.kubectl.kubeconfig import ensure_own
from minikctl.util.errors import UsageError
from tests.support.cluster import TestCluster
from tests.support.http import serving

CONFIG = """apiVersion: v1
kind: Config
current-context: far
clusters:
- {name: far, cluster: {server: "https://far.example:6443", certificate-authority: ca.pem}}
- {name: proxied, cluster: {server: "https://far.example", proxy-url: "socks5://127.0.0.1:1", insecure-skip-tls-verify: true}}
users:
- {name: ann, user: {token: ann-token, as: bob, as-groups: [g]}}
- {name: plugin, user: {exec: {command: ./bin/login, args: [a], apiVersion: client.authentication.k8s.io/v1, interactiveMode: Never}}}
contexts:
- {name: far, context: {cluster: far, user: ann, namespace: team}}
- {name: other, context: {cluster: proxied, user: plugin}}
"""


@pytest.fixture
def state(tmp_path: Path) -> Path:
    path = tmp_path / "state"
    state_dir.ensure(path)
    (tmp_path / "far.yaml").write_text(CONFIG)
    (tmp_path / "ca.pem").write_text("-----BEGIN CERTIFICATE-----\n")
    return path


def opened(state: Path, *argv: str, **environ: str) -> connection.Connection:
    flags, _ = scan(GLOBAL_OPTIONS, list(argv))
    env = Environment(environ={"MINIKCTL_STATE": str(state), "HOME": str(state.parent), **environ}, cwd=state.parent)
    command = Command("get", "", lambda _c: None)
    return connection.open_connection(Invocation(command, "kubectl get", env, bind(GLOBAL_OPTIONS, flags.flags), []))


def endpoint(found: connection.Connection) -> Any:
    assert isinstance(found.client, HttpClient)
    return found.client._transport.endpoint


def test_the_local_cluster_is_its_files(state: Path) -> None:
    for environ in ({}, {"KUBECONFIG": str(state.parent / "far.yaml")}):
        found = opened(state, **environ)
        assert isinstance(found.client, LocalClient) and found.state_dir == state


def test_contexts_elsewhere(state: Path) -> None:
    found = opened(state, "--kubeconfig", "far.yaml")
    assert (found.context, found.namespace, found.state_dir) == ("far", "team", None)
    there = endpoint(found)
    assert there.server == "https://far.example:6443" and there.token == "ann-token"
    assert (
        there.ca.startswith(b"-----BEGIN")
        and there.impersonation.user == "bob"
        and there.impersonation.groups == ("g",)
    )
    there = endpoint(opened(state, "--context", "other", KUBECONFIG="far.yaml"))
    assert there.insecure and there.proxy == "socks5://127.0.0.1:1"
    assert there.exec_plugin.command == str(state.parent / "bin/login") and there.exec_plugin.args == ("a",)


def test_contexts_of_the_usual_file(state: Path) -> None:
    usual = state.parent / ".kube" / "config"
    usual.parent.mkdir()
    usual.write_text(CONFIG.replace("ca.pem", "../ca.pem"))
    assert isinstance(opened(state).client, LocalClient)
    assert endpoint(opened(state, "--context", "far")).server == "https://far.example:6443"


def test_flags_change_the_context(state: Path) -> None:
    there = endpoint(
        opened(
            state, "--kubeconfig", "far.yaml", "--server", "https://near:1", "--token", "t", "--as", "eve",
            "--as-group", "x", "--as-uid", "1", "--as-user-extra", "k=v", "--tls-server-name", "n",
            "--insecure-skip-tls-verify", "--request-timeout", "5s", "--disable-compression",
        )
    )  # fmt: skip
    assert (there.server, there.token, there.ca, there.insecure) == ("https://near:1", "t", b"", True)
    assert (there.tls_server_name, there.timeout, there.compression) == ("n", 5.0, False)
    assert there.impersonation.user == "eve" and there.impersonation.extra == {"k": ("v",)}


def test_whom_to_act_as_begins_with_a_user(state: Path) -> None:
    for flag in ("--as-group=g", "--as-uid=1", "--as-user-extra=k=v"):
        with pytest.raises(
            UsageError, match=r"requesting uid, groups or user-extra for .* without impersonating a user"
        ):
            opened(state, flag, MINIKCTL_DOOR="http")
    assert endpoint(opened(state, "--as=eve", "--as-user-extra=odd", MINIKCTL_DOOR="http")).impersonation.extra == {}


def test_another_server_gets_no_credentials_of_ours(state: Path) -> None:
    ensure_own(state)
    there = endpoint(opened(state, "--server", "https://elsewhere:6443"))
    assert there.server == "https://elsewhere:6443" and not there.client_certificate and not there.token


def test_http_to_the_own_cluster(state: Path) -> None:
    found = opened(state, MINIKCTL_DOOR="http")
    there = endpoint(found)
    cluster = state_dir.load(state)
    assert cluster is not None and there.server == cluster.server and found.state_dir == state
    assert there.ca and there.client_certificate and there.client_key


def test_somebody_else_takes_the_door_that_asks(state: Path) -> None:
    """The files would make an administrator of everybody."""
    path = ensure_own(state)
    there = endpoint(opened(state, "--token", "t"))
    assert there.token == "t" and not there.client_certificate and there.ca
    path.write_text(
        path.read_text()
        .replace("users:", "users:\n- name: ann\n  user:\n    token: ann-token", 1)
        .replace("contexts:", "contexts:\n- context:\n    cluster: minikctl\n    user: ann\n  name: as-ann", 1)
    )
    for argv in (["--context", "as-ann"], ["--user", "ann"]):
        there = endpoint(opened(state, *argv))
        assert there.token == "ann-token" and not there.client_certificate, argv
    assert isinstance(opened(state).client, LocalClient)


@pytest.mark.parametrize(
    ("argv", "wanted"),
    [
        (["--token", "t", "--username", "u"], 'more than one authentication method found for ; found [token basicAuth], only one is allowed'),
        (["--certificate-authority", "nofile"], "unable to read certificate-authority nofile for  due to open nofile: no such file or directory"),
        (["--certificate-authority", "ca.pem", "--insecure-skip-tls-verify"], "specifying a root certificates file with the insecure flag is not allowed"),
        (["--client-certificate", "ca.pem"], "client-key-data or client-key must be specified for  to use the clientCert authentication method."),
    ],
)  # fmt: skip
def test_what_does_not_go_together(state: Path, argv: list[str], wanted: str) -> None:
    out, err = io.StringIO(), io.StringIO()
    env = Environment(stdout=out, stderr=err, environ={"MINIKCTL_STATE": str(state)}, cwd=state.parent)
    assert run(["get", "pods", "--server", "https://127.0.0.1:1", *argv], env) == 1
    assert err.getvalue() == f"error: {wanted}\n"


@pytest.fixture
def served(tmp_path: Path) -> Iterator[tuple[TestCluster, str]]:
    cluster = TestCluster(tmp_path / "served", live=True)
    with serving(cluster) as url:
        yield cluster, url
    cluster.close()


def test_discovery_is_kept_for_a_while(served: tuple[TestCluster, str], state: Path) -> None:
    """As kubectl does, below --cache-dir; a kind that is not known makes it be asked anew."""
    cluster, url = served
    environ = {"HOME": str(state.parent)}
    words = ["--server", url, "--state-dir", str(state)]
    assert cluster.cli(*words, "get", "cm", environ=environ, own_connection=True).code == 0
    kept = list((state.parent / ".kube" / "cache" / "discovery").rglob("minikctl.json"))
    assert len(kept) == 1
    kept[0].write_text("[]")
    assert cluster.cli(*words, "get", "cm", environ=environ, own_connection=True).code == 0
    assert len(kept[0].read_text()) > 100
