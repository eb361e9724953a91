"""logs, exec and attach against a real node in this process."""

from __future__ import annotations

import os
import pty
import re
import subprocess
import sys
import termios
import threading
import time

import pytest

from minikctl.api.errors import ApiError
from minikctl.api.meta import condition_is
from tests.kubelet.test_process_agent import Running, first, waiting
from tests.runtime.conftest import processes_of, until


@pytest.fixture(scope="module")
def node(tmp_path_factory):
    from minikctl.kubelet.agent import kill_everything

    made = Running(tmp_path_factory.mktemp("streams") / "state")
    made.create("web", command=["sh", "-c", "echo one; echo two; echo three; sleep 600"])
    two = [
        {"name": "a", "image": "busybox", "command": ["sh", "-c", "echo from a; sleep 600"]},
        {"name": "b", "image": "busybox", "command": ["sh", "-c", "echo from b; sleep 600"]},
    ]
    made.create("two", spec={"containers": two})
    made.ready("web")
    made.ready("two")
    made.said("three", "web")
    made.said("from a", "two")
    made.said("from b", "two")
    yield made
    made.agent.stop()
    kill_everything(made.root)
    made.cluster.close()
    assert processes_of(made.root) == []


def cli(node, *argv, stdin=""):
    done = node.cluster.cli(*argv, stdin=stdin)
    return done.code, done.out, done.err


# ---------------------------------------------------------------------- logs


def test_logs(node):
    code, out, err = cli(node, "logs", "web")
    assert (code, out, err) == (0, "one\ntwo\nthree\n", "")
    assert cli(node, "logs", "pod/web", "--tail=1")[1] == "three\n"
    assert cli(node, "logs", "web", "app", "--limit-bytes=3")[1] == "one"
    assert cli(node, "logs", "web", "--since=1h", "--tail=2")[0] == 0
    line = cli(node, "logs", "web", "--timestamps", "--tail=1")[1]
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z three\n", line)
    assert cli(node, "logs", "web", "--prefix", "--tail=1")[1] == "[pod/web/app] three\n"


def test_logs_of_several_containers(node):
    assert cli(node, "logs", "two") == (0, "from a\n", 'Defaulted container "a" out of: a, b\n')
    assert cli(node, "logs", "two", "-c", "b") == (0, "from b\n", "")
    assert cli(node, "logs", "two", "--all-containers")[1] == "from a\nfrom b\n"
    out = cli(node, "logs", "two", "--all-containers", "--prefix")[1]
    assert out == "[pod/two/a] from a\n[pod/two/b] from b\n"


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (("missing",), 'error: error from server (NotFound): pods "missing" not found in namespace "default"'),
        (("two", "-c", "c"), "error: container c is not valid for pod two out of: a, b"),
        (("web", "-p"), 'Error from server (BadRequest): previous terminated container "app" in pod "web" not found'),
        (("web", "--tail=-2"), "error: --tail must be greater than or equal to -1"),
        (("web", "--since=1h", "--since-time=2026-01-01T00:00:00Z"), "at most one of `sinceTime` or `sinceSeconds`"),
        (("web", "app", "-c", "app"), "only one of -c or an inline [CONTAINER] arg is allowed"),
        (("web", "-c", "app", "--all-containers"), "--all-containers=true should not be specified with container name app"),
        ((), "POD or TYPE/NAME is a required argument for the logs command"),
        (("web", "-l", "a=b"), "only a selector (-l) or a POD name is allowed"),
        (("namespace/default",), "error: cannot get the logs from *v1.Namespace: selector for *v1.Namespace not impl"),
    ],
)  # fmt: skip
def test_logs_refused(node, argv, message):
    code, out, err = cli(node, "logs", *argv)
    assert code == 1 and message in err and out == ""


def test_logs_of_what_does_not_run(node):
    node.create("broken", image="nginx:1.161")
    node.wait(lambda p: waiting(p, "ErrImagePull"), name="broken")
    text = 'Error from server (BadRequest): container "app" in pod "broken" is waiting to start: image can\'t be pulled'
    assert cli(node, "logs", "broken")[2].strip() == text
    node.wait(lambda p: waiting(p, "ImagePullBackOff"), name="broken")
    assert "trying and failing to pull image" in cli(node, "logs", "broken")[2]
    body = {"metadata": {"name": "nowhere"}, "spec": {"containers": [{"name": "app", "image": "busybox"}]}}
    node.client.create("pods", body, "default")
    assert cli(node, "logs", "nowhere") == (0, "", "")
    code, _, err = cli(node, "exec", "nowhere", "--", "true")
    assert (code, err) == (1, "error: unable to upgrade connection: pod nowhere does not have a host assigned\n")


def test_logs_of_ended_and_previous_runs(node):
    node.create("done", command=["sh", "-c", "echo bye"], policy="Never")
    node.wait(lambda p: p["status"].get("phase") == "Succeeded", name="done")
    assert cli(node, "logs", "done")[1] == "bye\n"
    mark = "$MINIKCTL_ROOT/data/second"
    script = f"test -e {mark} && {{ echo now; sleep 600; }}; echo before; touch {mark}; exit 1"
    volumes = {"volumes": [{"name": "data", "emptyDir": {}}]}
    mounts = [{"name": "data", "mountPath": "/data"}]
    node.create("twice", command=["sh", "-c", script], volumeMounts=mounts, spec=volumes)
    node.wait(lambda p: first(p)["restartCount"] == 1 and "running" in first(p)["state"], name="twice")
    node.said("now", "twice")
    assert cli(node, "logs", "twice")[1] == "now\n"
    assert cli(node, "logs", "twice", "-p")[1] == "before\n"


def test_following(node):
    node.create("counts", command=["sh", "-c", "for i in 1 2 3 4 5; do echo $i; sleep 0.05; done"], policy="Never")
    node.wait(lambda p: first(p)["state"].get("running") or first(p)["state"].get("terminated"), name="counts")
    assert cli(node, "logs", "-f", "counts")[1].split() == ["1", "2", "3", "4", "5"]


def test_following_by_labels(node):
    for name in ("l1", "l2"):
        node.create(name, command=["sh", "-c", f"for i in 1 2 3; do echo {name} $i; sleep 0.02; done"], policy="Never")
        pod = node.pod(name)
        node.client.patch("pods", name, {"metadata": {"labels": {"set": "l"}}}, "default")
        node.wait(lambda p: p["status"].get("phase") in ("Running", "Succeeded"), name=name)
        assert pod
    code, out, _ = cli(node, "logs", "-f", "-l", "set=l", "--prefix")
    assert code == 0
    assert sorted(out.splitlines()) == sorted(f"[pod/{n}/app] {n} {i}" for n in ("l1", "l2") for i in (1, 2, 3))
    code, _, err = cli(node, "logs", "-f", "-l", "set=l", "--max-log-requests=1")
    assert code == 1 and "maximum allowed concurrency is 1, use --max-log-requests to increase the limit" in err
    assert cli(node, "logs", "-l", "set=none")[1:] == ("", "No resources found in default namespace.\n")


def test_following_past_a_new_agent(node, tmp_path):
    from minikctl.kubelet.agent import kill_everything

    own = Running(tmp_path / "state")
    try:
        own.create(
            command=["sh", "-c", "i=0; while [ $i -lt 60 ]; do echo $i; i=$((i+1)); sleep 0.02; done"], policy="Never"
        )
        own.wait(lambda p: "running" in first(p)["state"])
        seen = []

        def follow():
            for chunk in own.client.logs("web", "default", {"follow": True}):
                seen.append(chunk)

        reader = threading.Thread(target=follow)
        reader.start()
        until(lambda: len(seen) > 5)
        own.restart()
        reader.join(20)
        assert b"".join(seen).split() == [str(i).encode() for i in range(60)]
    finally:
        own.agent.stop()
        kill_everything(own.root)
        own.cluster.close()


def test_without_an_agent(node, tmp_path):
    from tests.support.cluster import TestCluster

    cluster = TestCluster(tmp_path / "other")
    body = {"metadata": {"name": "web"}, "spec": {"nodeName": "node-1", "containers": [{"name": "app", "image": "x"}]}}
    cluster.client.create("pods", body, "default")
    done = cluster.cli("logs", "web")
    assert done.code == 1
    assert done.err.startswith(
        'Error from server: Get "https://node-1:10250/containerLogs/default/web/app": dial unix '
    )
    assert done.err.endswith("connect: no such file or directory\n")
    cluster.close()


# ---------------------------------------------------------------------- exec


def test_exec(node):
    assert cli(node, "exec", "web", "--", "echo", "hi") == (0, "hi\n", "")
    assert cli(node, "exec", "pod/web", "--", "sh", "-c", "echo out; echo err >&2; exit 3") == (
        3,
        "out\n",
        "err\ncommand terminated with exit code 3\n",
    )
    assert cli(node, "exec", "web", "--", "sh", "-c", "echo $HOSTNAME")[1] == "web\n"
    assert cli(node, "exec", "two", "--", "true") == (0, "", 'Defaulted container "a" out of: a, b\n')
    assert cli(node, "exec", "two", "-c", "b", "--", "true") == (0, "", "")
    assert cli(node, "exec", "-q", "two", "--", "true")[2] == ""


def test_exec_with_stdin(node):
    assert cli(node, "exec", "-i", "web", "--", "cat", stdin="typed\n") == (0, "typed\n", "")
    code, out, err = cli(node, "exec", "-it", "web", "--", "cat", stdin="typed\n")
    assert (code, out) == (0, "typed\n")
    assert err == "Unable to use a TTY - input is not a terminal or the right kind of file\n"


def test_a_lot_through_exec(node):
    code, out, _ = cli(
        node, "exec", "web", "--", "sh", "-c", "i=0; while [ $i -lt 20000 ]; do echo line $i; i=$((i+1)); done"
    )
    assert code == 0 and out.splitlines() == [f"line {i}" for i in range(20000)]


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (("missing", "--", "date"), 'Error from server (NotFound): pods "missing" not found'),
        (("web",), "error: you must specify at least one command for the container"),
        ((), "error: pod, type/name or --filename must be specified"),
        (("web", "date"), "exec [POD] [COMMAND] is not supported anymore. Use exec [POD] -- [COMMAND] instead"),
        (("two", "-c", "c", "--", "date"), "error: container c is not valid for pod two out of: a, b"),
        (("web", "--", "nosuch"), 'exec: "nosuch": executable file not found in $PATH'),
    ],
)
def test_exec_refused(node, argv, message):
    code, out, err = cli(node, "exec", *argv)
    assert code == 1 and message in err and out == ""


def test_exec_in_what_has_ended(node):
    node.create("over", command=["true"], policy="Never")
    node.wait(lambda p: p["status"].get("phase") == "Succeeded", name="over")
    code, _, err = cli(node, "exec", "over", "--", "date")
    assert (code, err) == (1, "error: cannot exec into a container in a completed pod; current phase is Succeeded\n")
    node.create("unborn", image="nginx:1.161")
    node.wait(lambda p: waiting(p, "ErrImagePull"), name="unborn")
    code, _, err = cli(node, "exec", "unborn", "--", "date")
    assert (code, err) == (
        1,
        'error: Internal error occurred: unable to upgrade connection: container not found ("app")\n',
    )


def test_attach(node):
    loop = "while read line; do echo got $line; done; echo end"
    node.create("reads", command=["sh", "-c", loop], stdin=True, stdinOnce=True, policy="Never")
    node.ready("reads")
    code, out, err = cli(node, "attach", "-i", "reads", stdin="a\nb\n")
    assert (code, out) == (0, "got a\ngot b\nend\n")
    assert err.endswith("If you don't see a command prompt, try pressing enter.\n")
    node.wait(lambda p: p["status"].get("phase") == "Succeeded", name="reads")
    assert (
        cli(node, "attach", "reads")[2]
        == "error: cannot attach a container in a completed pod; current phase is Succeeded\n"
    )
    assert cli(node, "attach", "missing")[2] == 'Error from server (NotFound): pods "missing" not found\n'


# ---------------------------------------------------------------------- a real terminal


class Terminal:
    """A command line of ours as a process on a pseudo-terminal."""

    SCRIPT = (
        "import sys, pathlib\n"
        "from minikctl.apiserver.server import APIServer\n"
        "from minikctl.cli import run\n"
        "from minikctl.client.local import LocalClient\n"
        "from minikctl.kubectl.command import Environment\n"
        "from minikctl.kubectl.connection import Connection\n"
        "from minikctl.store import Store\n"
        "root = pathlib.Path(sys.argv[1])\n"
        "client = LocalClient(APIServer(Store(root)), actor='test')\n"
        "sys.exit(run(sys.argv[2:], Environment(connect=lambda call: Connection(client, 'default', 'minikctl', root))))\n"
    )

    def __init__(self, root, *argv):
        self.master, slave = pty.openpty()
        termios.tcsetwinsize(slave, (30, 90))
        self.before = termios.tcgetattr(slave)
        self.process = subprocess.Popen(
            [sys.executable, "-c", self.SCRIPT, str(root), *argv],
            stdin=slave,
            stdout=slave,
            stderr=slave,
            start_new_session=True,
        )
        self.slave, self.text = slave, ""

    def expect(self, text, seconds=10):
        deadline = time.monotonic() + seconds
        os.set_blocking(self.master, False)
        while text not in self.text:
            assert time.monotonic() < deadline, f"{text!r} not in {self.text!r}"
            try:
                self.text += os.read(self.master, 4096).decode(errors="replace")
            except BlockingIOError:
                time.sleep(0.01)
        before, _, self.text = self.text.partition(text)
        return before

    def type(self, text):
        os.write(self.master, text.encode())

    def resize(self, rows, columns):
        termios.tcsetwinsize(self.slave, (rows, columns))
        os.kill(self.process.pid, 28)

    def end(self):
        code = self.process.wait(10)
        assert termios.tcgetattr(self.slave) == self.before, "the terminal is as before"
        os.close(self.master)
        os.close(self.slave)
        return code


def test_exec_on_a_terminal(node):
    terminal = Terminal(node.root, "exec", "-it", "web", "--", "sh")
    terminal.expect("# " if os.getuid() == 0 else "$ ")
    terminal.type("stty size; echo a''b\r")
    terminal.expect("30 90\r\n")
    terminal.expect("ab\r\n")
    terminal.resize(40, 120)
    time.sleep(0.1)
    terminal.type("stty size\r")
    terminal.expect("40 120\r\n")
    terminal.type("sleep 600\r")
    time.sleep(0.2)
    terminal.type("\x03")
    terminal.type("echo still''here; exit 5\r")
    terminal.expect("stillhere\r\n")
    terminal.expect("command terminated with exit code 5")
    assert terminal.end() == 5


def test_attach_on_a_terminal_and_leaving(node):
    node.create("shell", command=["sh"], stdin=True, tty=True)
    node.ready("shell")
    terminal = Terminal(node.root, "attach", "-it", "shell")
    terminal.expect("try pressing enter.")
    terminal.type("x=42\r")
    terminal.type("stty size; echo x is $x.\r")
    terminal.expect("30 90\r\n")
    terminal.expect("x is 42.\r\n")
    terminal.type("\x10\x11")
    terminal.expect("Session ended, resume using 'kubectl attach shell -c app -n default -i -t' command")
    assert terminal.end() == 0
    again = Terminal(node.root, "attach", "-it", "shell", "-q")
    time.sleep(0.3)
    again.type("echo still $x.\r")
    again.expect("still 42.\r\n")
    again.type("exit\r")
    assert again.end() == 0


def test_the_simulated_say_so(tmp_path):
    from minikctl.kubelet.agent import make_agent
    from minikctl.kubelet.node import NodeConfig
    from tests.support.cluster import TestCluster

    cluster = TestCluster(tmp_path / "state", live=True)
    agent = make_agent(cluster.client, tmp_path / "state", [NodeConfig("node-1", 1)], simulated=True)
    agent.start()
    body = {"metadata": {"name": "web"}, "spec": {"nodeName": "node-1", "containers": [{"name": "app", "image": "x"}]}}
    cluster.client.create("pods", body, "default")
    until(lambda: condition_is(cluster.client.get("pods", "web", "default"), "Ready"))
    with pytest.raises(ApiError, match="is simulated"):
        cluster.client.logs("web", "default", {})
    done = cluster.cli("exec", "web", "--", "true")
    assert done.code == 1 and "this node is simulated" in done.err
    agent.stop()
    cluster.close()
