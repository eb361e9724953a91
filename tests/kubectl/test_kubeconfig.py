"""Which cluster a command means, and reading kubeconfig files."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest

from minikctl.client import state_dir
from minikctl.kubectl import kubeconfig, yaml_in
from minikctl.kubectl.command import Command, Environment, Invocation
from minikctl.kubectl.flags import ARRAY, Option, bind, scan
from minikctl.kubectl.global_options import GLOBAL_OPTIONS
from minikctl.kubectl.kubeconfig import files, own
from minikctl.kubectl.kubeconfig.plain_yaml import parse
from minikctl.util.errors import EnvironmentProblem, UsageError
from tests.support.ordinary_user import as_ordinary_user, open_folder

KUBECTL = """apiVersion: v1
clusters:
- cluster:
    certificate-authority-data: Q0VSVAo=
    extensions:
    - extension:
        last-update: Sat, 21 Nov 2026 04:00:00 UTC
        provider: minikube.sigs.k8s.io
      name: cluster_info
    insecure-skip-tls-verify: true
    server: https://10.0.0.1:6443
  name: kind
contexts:
- context:
    cluster: kind
    namespace: "5"
    user: ""
  name: dev
current-context: dev
kind: Config
preferences: {}
users: null
"""


@pytest.mark.parametrize(
    "text",
    [
        KUBECTL,
        json.dumps({"kind": "Config", "users": [{"name": "x", "user": {"token": "a b"}}]}),
        "",
        "# nothing\n",
        "a: 1\nb: [x, y]\nc: {d: e}\n",
        "text: |\n  several\n  lines\n",
        "quoted: 'it''s'\nother: \"a\\tb\"\n",
        "a: yes\nb: 007\nc: 1.5\nd: ~\ne: - not a list\n",
        "list:\n  - a\n  - b: c\n    d: e\n- f\n",
        "folded: one\n  two\n",
        "a:\n- - x\n  - y\n",
        "colon: a:b\nhash: a #b\n",
    ],
)
def test_plain_texts_are_read_as_the_yaml_parser_reads_them(text: str) -> None:
    try:
        expected = yaml_in.loads(text)
    except yaml_in.YAMLError as error:
        with pytest.raises(ValueError, match=str(error)):
            parse(text)
    else:
        assert parse(text) == expected


def invocation(cwd: Path, *argv: str, **environ: str) -> Invocation:
    parsed, _ = scan(GLOBAL_OPTIONS, list(argv))
    env = Environment(
        stdin=io.StringIO(), stdout=io.StringIO(), stderr=io.StringIO(), environ={"HOME": str(cwd), **environ}, cwd=cwd
    )
    return Invocation(Command("get", "", lambda _c: None), "kubectl get", env, bind(GLOBAL_OPTIONS, parsed.flags), [])


def test_what_we_write_is_plain(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_text: str) -> None:
        raise AssertionError("read by the YAML library")

    monkeypatch.setattr(yaml_in, "loads", fail)
    for _ in range(20):  # uids begin with digits and letters
        state_dir.ensure(tmp_path / "state")
        path = own.ensure(tmp_path / "state")
        assert files.read(path).current_context == "minikctl"
        for name in ("cluster.json", "kubeconfig"):
            (tmp_path / "state" / name).unlink()


@pytest.fixture
def clusters(tmp_path: Path) -> dict[str, Path]:
    """Two clusters, `here` (the nearest from `work`) and `there`; a foreign kubeconfig, `production`."""
    out = {}
    for name in ("here", "there"):
        out[name] = tmp_path / name / "state"
        state_dir.ensure(out[name])
        own.ensure(out[name])
    out["work"] = tmp_path / "here" / "deep" / "down"
    out["work"].mkdir(parents=True)
    out["production"] = tmp_path / "production.yaml"
    out["production"].write_text(KUBECTL)
    return out


def resolve(clusters: dict[str, Path], *argv: str, **environ: str) -> tuple[str, str, str]:
    found = kubeconfig.resolve(invocation(clusters["work"], *argv, **environ))
    where = next((n for n, p in clusters.items() if p == found.state_dir), "elsewhere")
    return where, found.context, found.namespace


def set_namespace(path: Path, namespace: str) -> None:
    config = files.read(path)
    config.contexts["minikctl"]["namespace"] = namespace
    files.write(path, config)


def test_the_nearest_cluster_is_meant(clusters: dict[str, Path]) -> None:
    assert resolve(clusters) == ("here", "minikctl", "default")
    set_namespace(clusters["here"] / "kubeconfig", "shop")
    assert resolve(clusters) == ("here", "minikctl", "shop")
    assert resolve(clusters, "--state-dir", str(clusters["there"])) == ("there", "minikctl", "default")
    assert resolve(clusters, MINIKCTL_STATE=str(clusters["there"])) == ("there", "minikctl", "default")
    assert resolve(clusters, "--state-dir", "../../state", MINIKCTL_STATE="/nowhere")[1:] == ("minikctl", "shop")


def test_an_ambient_kubeconfig_of_another_cluster_redirects_nothing(clusters: dict[str, Path], tmp_path: Path) -> None:
    assert resolve(clusters, KUBECONFIG=str(clusters["production"])) == ("here", "minikctl", "default")
    broken = tmp_path / "broken"
    broken.write_text("x: [")
    assert resolve(clusters, KUBECONFIG=str(broken)) == ("here", "minikctl", "default")
    assert resolve(clusters, KUBECONFIG=str(tmp_path / "missing")) == ("here", "minikctl", "default")


def test_a_copy_of_our_own_file_names_cluster_and_namespace(clusters: dict[str, Path], tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    copy.write_text((clusters["there"] / "kubeconfig").read_text())
    set_namespace(copy, "blue")
    assert resolve(clusters, KUBECONFIG=str(copy)) == ("there", "minikctl", "blue")
    assert resolve(clusters, "--kubeconfig", str(copy)) == ("there", "minikctl", "blue")
    both = f"{clusters['production']}:{copy}"
    assert resolve(clusters, "--context", "minikctl", KUBECONFIG=both) == ("here", "minikctl", "default")
    assert resolve(clusters, KUBECONFIG=str(copy), MINIKCTL_STATE=str(clusters["here"])) == (
        "here",
        "minikctl",
        "default",
    )
    assert resolve(clusters, KUBECONFIG=str(copy), MINIKCTL_STATE=str(clusters["there"]))[2] == "blue"


def test_a_copy_outlives_neither_its_cluster_nor_another_in_its_place(
    clusters: dict[str, Path], tmp_path: Path
) -> None:
    copy = tmp_path / "copy"
    copy.write_text((clusters["there"] / "kubeconfig").read_text())
    (clusters["there"] / "cluster.json").unlink()
    state_dir.ensure(clusters["there"])
    assert resolve(clusters, KUBECONFIG=str(copy))[0] == "here"
    with pytest.raises(UsageError, match='the cluster of context "minikctl" is no longer in'):
        resolve(clusters, "--kubeconfig", str(copy))


def test_what_the_command_line_says_counts(clusters: dict[str, Path], tmp_path: Path) -> None:
    production = str(clusters["production"])
    assert resolve(clusters, "--kubeconfig", production) == ("elsewhere", "dev", "5")
    assert resolve(clusters, "--context", "dev", KUBECONFIG=production)[0] == "elsewhere"
    assert resolve(clusters, "--server", "https://10.0.0.1:6443")[0] == "elsewhere"
    assert resolve(clusters, MINIKCTL_CONTEXT="dev", KUBECONFIG=production)[0] == "elsewhere"
    empty = tmp_path / "empty"
    empty.write_text("")
    assert resolve(clusters, "--kubeconfig", str(empty)) == ("here", "minikctl", "default")


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (["--context", "nosuch"], "Error in configuration: context was not found for specified context: nosuch"),
        (["--cluster", "nosuch"], 'error: no server found for cluster "nosuch"'),
        (["--user", "nosuch"], 'error: auth info "nosuch" does not exist'),
        (["--kubeconfig", "nosuch"], "error: stat nosuch: no such file or directory"),
    ],
)
def test_what_is_not_there_is_said(clusters: dict[str, Path], argv: list[str], message: str) -> None:
    with pytest.raises(UsageError) as e:
        resolve(clusters, *argv)
    assert e.value.prefix + e.value.message == message


def test_state_directories(tmp_path: Path) -> None:
    assert state_dir.load(tmp_path / "none") is None
    foreign = tmp_path / "foreign"
    foreign.mkdir()
    (foreign / "cluster.json").write_text('{"nodes": 3}')
    with pytest.raises(EnvironmentProblem, match="not a file of minikctl's"):
        state_dir.load(foreign)
    (foreign / "cluster.json").write_text('{"format": "minikctl/99"}')
    with pytest.raises(EnvironmentProblem, match="format minikctl/99 is not known"):
        state_dir.load(foreign)
    (foreign / "cluster.json").write_text("{")
    with pytest.raises(EnvironmentProblem, match="not valid JSON"):
        state_dir.load(foreign)
    made = state_dir.ensure(tmp_path / "new", nodes=3)
    assert state_dir.ensure(tmp_path / "new", nodes=7) == made
    assert made.nodes == 3 and 20000 <= made.port < 30000


def test_the_users_own_directory_is_the_last_choice(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(state_dir, "__file__", str(tmp_path / "site-packages" / "minikctl" / "client" / "state_dir.py"))
    assert state_dir.nearest({"HOME": "/home/me"}, tmp_path) == Path("/home/me/.local/state/minikctl")
    assert state_dir.nearest({"HOME": "/h", "XDG_STATE_HOME": "/x"}, tmp_path) == Path("/x/minikctl")
    (tmp_path / "site-packages" / "state").mkdir(parents=True)
    (tmp_path / "site-packages" / "state" / "README.md").touch()
    (tmp_path / "site-packages" / "pyproject.toml").touch()
    assert state_dir.nearest({"HOME": "/h"}, tmp_path) == tmp_path / "site-packages" / "state"


def test_a_state_directory_that_is_closed_is_passed_over(monkeypatch: pytest.MonkeyPatch) -> None:
    with open_folder() as folder:
        monkeypatch.setattr(state_dir, "__file__", str(folder / "minikctl" / "client" / "state_dir.py"))
        (folder / "pyproject.toml").touch()
        (folder / "state").mkdir()
        (folder / "state" / "README.md").touch()

        def check() -> None:
            (folder / "state").chmod(0)
            assert state_dir.nearest({"HOME": "/h"}, folder) == Path("/h/.local/state/minikctl")
            (folder / "state").chmod(0o700)

        as_ordinary_user(folder, check)


def test_a_commands_own_flag_is_not_about_the_cluster(clusters: dict[str, Path]) -> None:
    options = (Option("user", ARRAY), *(o for o in GLOBAL_OPTIONS if o.name != "user"))
    parsed, _ = scan(options, ["--user", "bob"])
    command = Command("rolebinding", "", lambda _call: None, (options[0],))
    env = Environment(io.StringIO(), io.StringIO(), io.StringIO(), {}, clusters["work"])
    call = Invocation(command, "kubectl create rolebinding", env, bind(options, parsed.flags), [])
    assert kubeconfig.resolve(call).context == "minikctl"
