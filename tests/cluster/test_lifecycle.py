"""Starting, stopping, dying and coming back, with real processes."""

from __future__ import annotations

import contextlib
import shutil
import signal
from pathlib import Path

from minikctl.api.errors import ApiError
from minikctl.client.state_dir import load
from minikctl.cluster import layout, processes, start
from tests.support.daemon import Daemon, processes_below
from tests.support.waiting import eventually

AGENT = "kubelet-simulated-nodes"
POD = {"metadata": {"name": "web"}, "spec": {"containers": [{"name": "c", "image": "nginx"}]}}


def simulated(daemon: Daemon, nodes: int = 1) -> Daemon:
    return daemon.start("--nodes", str(nodes), "--simulated")


def create_pod(daemon: Daemon, name: str = "web") -> None:
    client = daemon.client
    with contextlib.suppress(ApiError):  # its controller may be faster
        client.create("serviceaccounts", {"metadata": {"name": "default"}}, "default")
    client.create("pods", {**POD, "metadata": {"name": name}}, "default")


def node_of(daemon: Daemon, name: str = "web") -> str:
    return str(daemon.client.get("pods", name, "default")["spec"].get("nodeName", ""))


def test_start_makes_ready_nodes_and_stop_leaves_no_process(daemon: Daemon) -> None:
    done = daemon.run("cluster", "start", "--nodes", "3", "--simulated")
    assert (done.code, done.err) == (0, "")
    assert done.out == f"The cluster in {daemon.root} is ready: 3 simulated nodes ready\n"
    assert start.ready_nodes(daemon.root) == {"node-1", "node-2", "node-3"}
    assert daemon.root.stat().st_mode & 0o777 == 0o700
    again = daemon.run("cluster", "start")
    assert again.out == f"The cluster in {daemon.root} is running already: 3 simulated nodes ready\n"
    create_pod(daemon)
    eventually(lambda: node_of(daemon) != "")
    assert daemon.run("cluster", "stop").out == f"The cluster in {daemon.root} has stopped\n"
    assert processes_below(daemon.root) == []
    assert layout.known(daemon.root) == []
    assert daemon.run("cluster", "stop").out == f"The cluster in {daemon.root} was not running\n"


def test_the_first_command_starts_the_cluster(daemon: Daemon) -> None:
    daemon.environ["MINIKCTL_AUTOSTART"] = "0"
    assert daemon.run("get", "namespace", "default", "-o", "name").out == "namespace/default\n"
    assert processes_below(daemon.root) == []
    simulated(daemon)  # so that the test needs no container
    daemon.run("cluster", "stop")
    daemon.environ.clear()
    first = daemon.run("get", "nodes", "-o", "name")
    assert first.out == "node/node-1\n"
    assert first.err == f"Starting a cluster in {daemon.root} (`minikctl cluster stop` ends it)\n"
    assert daemon.run("get", "nodes", "-o", "name").err == ""


def test_two_starts_at_once_give_one_cluster(daemon: Daemon) -> None:
    both = [daemon.popen("cluster", "start", "--nodes", "2", "--simulated") for _ in range(2)]
    ends = [(p.communicate(timeout=60), p.returncode) for p in both]
    assert [code for _, code in ends] == [0, 0], ends
    supervisor = daemon.process(layout.SUPERVISOR)
    assert supervisor.alive
    text = "".join(out for (out, _), _ in ends)
    assert text.count("is ready:") == 1 and text.count("is running already:") == 1


def test_a_component_that_is_killed_comes_back(daemon: Daemon) -> None:
    simulated(daemon)
    for component in (layout.CONTROLLER_MANAGER, AGENT):
        before = daemon.kill(component)
        eventually(lambda c=component, b=before: daemon.process(c).pid != b.pid and daemon.process(c).alive)
        assert daemon.process(component).restarts == 1
    create_pod(daemon)
    eventually(lambda: node_of(daemon) != "")


def test_components_end_with_a_killed_supervisor_and_the_next_command_starts_anew(daemon: Daemon) -> None:
    simulated(daemon)
    components = [daemon.process(layout.CONTROLLER_MANAGER), daemon.process(AGENT)]
    old = daemon.kill(layout.SUPERVISOR)
    eventually(lambda: not any(p.alive for p in components))
    assert not start.is_running(daemon.root)
    done = daemon.run("get", "nodes", "-o", "name")
    assert done.code == 0 and "Starting a cluster" in done.err
    assert daemon.process(layout.SUPERVISOR).pid != old.pid


def test_a_stale_pid_file_harms_nobody(daemon: Daemon) -> None:
    simulated(daemon)
    daemon.run("cluster", "stop")
    own = processes.of(1)
    processes.write(layout.pid_file(daemon.root, layout.SUPERVISOR), processes.Process(own.pid, "12345"))
    processes.write(layout.pid_file(daemon.root, AGENT), processes.Process(own.pid, "12345"))
    assert not start.is_running(daemon.root)
    simulated(daemon)
    assert processes.of(1).started == own.started


def test_everything_ends_when_the_state_directory_is_gone(daemon: Daemon, tmp_path: Path) -> None:
    simulated(daemon)
    all_of_them = [daemon.process(c) for c in layout.known(daemon.root)]

    def removed() -> bool:  # as long as the cluster lives, it writes into what is being removed
        shutil.rmtree(daemon.root, ignore_errors=True)
        return not daemon.root.exists()

    eventually(removed)
    eventually(lambda: not any(p.alive for p in all_of_them))
    assert not daemon.root.exists()


def test_nodes_beyond_the_number_are_removed(daemon: Daemon) -> None:
    simulated(daemon, 3)
    refused = daemon.run("cluster", "start", "--nodes", "2")
    assert refused.code == 1
    assert refused.err.startswith("error: the cluster is running with other settings; `minikctl cluster restart`")
    done = daemon.run("cluster", "restart", "--nodes", "2")
    assert done.out == f"The cluster in {daemon.root} is ready: 2 simulated nodes ready\n"
    assert start.ready_nodes(daemon.root) == {"node-1", "node-2"}
    cluster = load(daemon.root)
    assert cluster and cluster.simulated


def test_sigterm_ends_the_supervisor_with_its_components(daemon: Daemon) -> None:
    simulated(daemon)
    supervisor = daemon.process(layout.SUPERVISOR)
    supervisor.send(signal.SIGTERM)
    eventually(lambda: processes_below(daemon.root) == [])


def test_a_directory_of_others_is_not_touched(daemon: Daemon) -> None:
    daemon.root.mkdir()
    (daemon.root / "thesis.txt").write_text("precious")
    for words in (("start", "--simulated"), ("restart",), ("kubeconfig",)):
        done = daemon.run("cluster", *words)
        assert done.code == 1
        assert done.err.startswith(f"error: {daemon.root} is not a state directory of minikctl: it holds thesis.txt;")
    for word in ("stop", "reset"):
        assert daemon.run("cluster", word).out == f"There is no cluster in {daemon.root}\n"
    assert daemon.run("get", "pods").code == 1
    assert [p.name for p in daemon.root.iterdir()] == ["thesis.txt"]


def test_an_object_file_edited_by_hand_is_noticed_by_the_running_cluster(daemon: Daemon) -> None:
    simulated(daemon)
    client = daemon.client
    client.create("configmaps", {"metadata": {"name": "settings"}, "data": {"color": "blue"}}, "default")
    path = daemon.root / "registry" / "configmaps" / "default" / "settings.json"

    def actors() -> list[str]:
        found = [r for f in (daemon.root / "journal").glob("*") for r in f.read_text().splitlines()]
        return [r.partition('"actor":"')[2].partition('"')[0] for r in found if "configmaps/default/settings" in r]

    path.write_text(path.read_text().replace("blue", "red"))
    eventually(lambda: actors() == ["test", "hand"])
    eventually(lambda: client.get("configmaps", "settings", "default")["data"] == {"color": "red"})
    path.write_text(path.read_text().replace('"red"', "5"))
    eventually(lambda: path.with_name("settings.json.rejected").exists())
    eventually(lambda: any(e["reason"] == "HandEditRefused" for e in client.list("events", "default")["items"]))
    path.unlink()
    eventually(lambda: not client.list("configmaps", "default", field_selector="metadata.name=settings")["items"])
