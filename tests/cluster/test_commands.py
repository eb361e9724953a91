"""status, logs, kubeconfig, reset."""

from __future__ import annotations

import io
import json
import sys
from pathlib import Path

import pexpect
import pytest

from minikctl.cluster import layout
from minikctl.cluster.commands.cluster.reset import remove
from minikctl.cluster.progress import waiting
from tests.support.daemon import Daemon, processes_below
from tests.support.ordinary_user import as_ordinary_user
from tests.support.waiting import eventually


def test_status(daemon: Daemon) -> None:
    assert daemon.run("cluster", "status").out == f"There is no cluster in {daemon.root}\n"
    daemon.start("--nodes", "2", "--simulated")
    shown = daemon.run("cluster", "status")
    assert shown.code == 0
    assert shown.out.startswith(f"Cluster   running, state in {daemon.root}\nNodes     2/2 simulated nodes ready\n\n")
    found = json.loads(daemon.run("cluster", "status", "-o", "json").out)
    assert found["running"] and found["nodes"] == {"wanted": 2, "ready": 2, "simulated": True}
    assert [c["name"] for c in found["components"]] == [
        "supervisor",
        "apiserver",
        "controller-manager",
        "kubelet-simulated-nodes",
    ]
    assert all(c["state"] == "running" and c["bytes"] > 1 << 20 for c in found["components"])
    daemon.run("cluster", "stop")
    stopped = daemon.run("cluster", "status")
    assert stopped.code == 1 and "Cluster   not running" in stopped.out


def test_logs(daemon: Daemon) -> None:
    daemon.start("--simulated")
    everything = daemon.run("cluster", "logs")
    assert "[supervisor] I" in everything.out and "[controller-manager] I" in everything.out
    one = daemon.run("cluster", "logs", "controller", "--tail=1")
    assert one.code == 0 and len(one.out.splitlines()) == 1 and not one.out.startswith("[")
    assert daemon.run("cluster", "logs", "nosuch").err.startswith(
        "error: no component is called 'nosuch'; there are: apiserver, controller-manager, kubelet-simulated-nodes, supervisor"
    )
    child = pexpect.spawn(
        sys.executable, ["-m", "minikctl", "cluster", "logs", "-f"], env=daemon.environment(), use_poll=True, timeout=20
    )
    child.expect("supervisor started")
    with layout.log_file(daemon.root, "supervisor").open("a") as f:
        f.write("a new line\n")
    child.expect("a new line")
    child.sendintr()
    child.expect(pexpect.EOF)
    child.close()
    assert child.exitstatus == 130


def test_kubeconfig(daemon: Daemon, tmp_path: Path) -> None:
    done = daemon.run("cluster", "kubeconfig")
    assert done.out == f"{daemon.root}/kubeconfig\n" and processes_below(daemon.root) == []
    merged = daemon.run("cluster", "kubeconfig", "--merge")
    assert merged.out == f'Context "minikctl" is in {tmp_path}/.kube/config\n'
    daemon.start("--simulated")
    del daemon.environ  # reach the cluster by the merged file alone
    daemon.environ = {"MINIKCTL_STATE": "", "KUBECONFIG": f"{tmp_path}/.kube/config", "MINIKCTL_AUTOSTART": "0"}
    assert daemon.run("get", "nodes", "-o", "name").out == "node/node-1\n"
    daemon.environ = {}


def test_reset_asks(daemon: Daemon) -> None:
    daemon.start("--simulated")
    (daemon.root / "README.md").write_text("mine")
    refused = daemon.run("cluster", "reset")
    assert (refused.code, refused.err) == (
        1,
        "error: reset deletes every object of the cluster: say --yes to confirm\n",
    )
    command = ["-m", "minikctl", "cluster", "reset"]
    for answer, code in (("", 1), ("n", 1), ("y", 0)):
        child = pexpect.spawn(sys.executable, command, env=daemon.environment(), use_poll=True, timeout=20)
        child.expect("Delete every object")
        child.sendline(answer)
        child.expect(pexpect.EOF)
        child.close()
        assert child.exitstatus == code
    assert [p.name for p in daemon.root.iterdir()] == ["README.md"]
    assert processes_below(daemon.root) == []
    assert daemon.run("cluster", "reset", "--yes").out == f"There is no cluster in {daemon.root}\n"


def test_reset_without_asking_and_a_new_cluster_in_the_same_place(daemon: Daemon) -> None:
    daemon.start("--nodes", "3", "--simulated")
    assert daemon.run("cluster", "reset", "--yes").out == f"The cluster in {daemon.root} is gone\n"
    done = daemon.run("cluster", "start", "--simulated")
    assert done.out == f"The cluster in {daemon.root} is ready: 1 simulated node ready\n"


def test_reset_deletes_images_and_the_nodes_own_folders(daemon: Daemon) -> None:
    assert daemon.run("cluster", "kubeconfig").code == 0
    assert daemon.run("image", "add", "me/app", "--command", "/bin/true").code == 0
    (daemon.root / "nodes" / "node-1" / "manifests").mkdir(parents=True)
    assert daemon.run("cluster", "reset", "--yes").code == 0
    assert list(daemon.root.iterdir()) == []


def test_reset_deletes_what_containers_closed(daemon: Daemon) -> None:
    """As an overlay does with its work folder; root passes over it."""
    assert daemon.run("cluster", "kubeconfig").code == 0
    closed = daemon.root / "pods" / "uid" / "work" / "work"
    (closed / "deeper").mkdir(parents=True)
    (closed / "link").symlink_to("/etc")
    closed.chmod(0)
    closed.parent.chmod(0o500)

    def check() -> None:
        remove(daemon.root)
        assert {p.name for p in daemon.root.iterdir()} <= {"run"}

    as_ordinary_user(daemon.root, check)


def test_images_before_there_is_a_cluster(daemon: Daemon) -> None:
    assert daemon.run("image", "add", "me/app", "--command", "/bin/true").code == 0
    (daemon.root / "cluster.json").unlink(missing_ok=True)
    assert daemon.run("cluster", "kubeconfig").code == 0


def test_stop_does_not_need_the_settings(daemon: Daemon) -> None:
    daemon.start("--simulated")
    (daemon.root / "cluster.json").write_text("{")
    assert daemon.run("cluster", "stop").out == f"The cluster in {daemon.root} has stopped\n"
    assert processes_below(daemon.root) == []
    again = daemon.run("cluster", "stop")
    assert again.code == 1 and "cluster.json: not valid JSON" in again.err


@pytest.mark.parametrize(
    ("argv", "error"),
    [
        (["start", "--nodes", "0"], "error: --nodes must be between 1 and 5000"),
        (["start", "--nodes", "x"], 'error: invalid argument "x" for "--nodes" flag'),
        (["logs"], "error: there is no cluster in"),
        (["nosuch"], 'error: unknown command "nosuch"'),
    ],
)
def test_errors(daemon: Daemon, argv: list[str], error: str) -> None:
    done = daemon.run("cluster", *argv)
    assert done.code == 1 and done.err.startswith(error), done.err


def test_a_start_that_fails_says_why(daemon: Daemon) -> None:
    daemon.run("cluster", "kubeconfig")
    (daemon.root / "registry").write_text("in the way")
    done = daemon.run("cluster", "start", "--simulated")
    assert done.code == 1
    assert done.err.startswith("error: the cluster did not start:\n") and "registry" in done.err
    eventually(lambda: processes_below(daemon.root) == [])


def test_what_takes_its_time_says_so_on_a_terminal_only() -> None:
    class Screen(io.StringIO):
        def isatty(self) -> bool:
            return True

    screen, pipe = Screen(), io.StringIO()
    for stream in (screen, pipe):
        with pytest.raises(KeyboardInterrupt), waiting(stream, "Saving it"):
            raise KeyboardInterrupt
    assert (screen.getvalue(), pipe.getvalue()) == ("\rSaving it …\x1b[K\r\x1b[K", "")


NO_ARGUMENTS = ["start", "stop", "restart", "reset", "status", "list", "kubeconfig", "export", "node presets"]
NO_ARGUMENTS += ["snapshot list", "addons list"]


@pytest.mark.parametrize("command", NO_ARGUMENTS)
def test_a_word_too_many_does_nothing(daemon: Daemon, command: str) -> None:
    """`cluster stop node-1` is meant for one node, and must not end them all."""
    done = daemon.run("cluster", *command.split(), "node-1")
    assert (done.code, done.out) == (1, "")
    assert done.err.startswith("error: unknown argument 'node-1'\n")
    assert not (daemon.root / "cluster.json").exists()
