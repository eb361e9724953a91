"""Containers as plain processes: starting, ending, adopting, leaving nothing behind."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from minikctl.runtime.addresses import address_is_free, cluster_range
from minikctl.runtime.interface import NOT_READY, RuntimeFailure, SandboxConfig, StartFailure
from minikctl.runtime.process import proc
from minikctl.runtime.process.killing import kill_everything
from tests.runtime.conftest import open_node, processes_of, until


def test_what_is_of_the_kernel_cannot_be_set(node):
    config = SandboxConfig("tuned", "tuned", "default", sysctls={"kernel.shm_rmid_forced": "1"})
    with pytest.raises(RuntimeFailure, match=r"sysctl kernel.shm_rmid_forced cannot be set: pods share this machine's"):
        node.runtime.run_pod_sandbox(config)


def test_output_and_exit_code(node):
    done = node.ended(node.run("sh", "-c", "echo one; echo two >&2; printf three; exit 3"))
    assert (done.exit_code, done.reason) == (3, "Error")
    assert done.started_at <= done.finished_at
    log = Path(done.log_path).read_text().splitlines()
    assert sorted(line.partition(" ")[2] for line in log) == ["stderr F two", "stdout F one", "stdout P three"]
    assert all(re.match(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z std", line) for line in log)
    assert node.told == ["u1"]


@pytest.mark.parametrize(
    ("command", "code", "reason"),
    [
        (("true",), 0, "Completed"),
        (("false",), 1, "Error"),
        (("sh", "-c", "kill -KILL $$"), 137, "Error"),
        (("sh", "-c", "kill -TERM $$"), 143, "Error"),
    ],
)
def test_exit_codes(node, command, code, reason):
    done = node.ended(node.run(*command))
    assert (done.exit_code, done.reason) == (code, reason)
    assert node.log(done.id) == [], "the shim says nothing of its own"


def test_environment_and_folder(node):
    env = (("A", "1"), ("with.dot", "2"))
    done = node.ended(node.run("sh", "-c", "echo $A $HOSTNAME $POD_IP; pwd", env=env))
    out = [line.removeprefix("stdout F ") for line in node.log(done.id)]
    assert out[0] == f"1 web {node.sandbox.ip}"
    assert out[1].endswith("/containers/app/0/root")
    assert "stdout F with.dot=2" in node.log(node.ended(node.run("env", name="env", env=env)).id)


def test_image_command_and_arguments(node):
    node.ended(node.run(name="shell"))
    with pytest.raises(RuntimeFailure, match="no command specified"):
        (node.state / "images").mkdir()
        (node.state / "images" / "x.json").write_text('{"image": "me/empty:1"}')
        node.run(image="me/empty:1", name="empty")
    (node.state / "images" / "y.json").write_text('{"image": "me/app:1", "command": ["echo", "a"], "args": ["b"]}')
    assert node.log(node.ended(node.run(image="me/app:1", name="own")).id) == ["stdout F a b"]
    assert node.log(node.ended(node.run(image="me/app:1", name="args", args=("c",))).id) == ["stdout F a c"]
    assert node.log(node.ended(node.run("echo", "d", image="me/app:1", name="command")).id) == ["stdout F d"]


@pytest.mark.parametrize(
    ("command", "message"),
    [
        ("nosuch", 'exec: "nosuch": executable file not found in $PATH'),
        ("/no/such", 'exec: "/no/such": stat /no/such: no such file or directory'),
        ("/etc/passwd", 'exec: "/etc/passwd": permission denied'),
    ],
)
def test_programs_that_cannot_be_started(node, command, message):
    container = node.run(command, start=False)
    with pytest.raises(StartFailure) as caught:
        node.runtime.start_container(container)
    assert str(caught.value).endswith(message)
    failed = node.status(container)
    assert (failed.state, failed.exit_code, failed.reason, failed.started_at) == ("EXITED", 128, "StartError", None)
    again = node.restarted()
    assert again.status(container).message == failed.message
    again.runtime.stop()


def test_stopping(node):
    polite = node.run("sh", "-c", "trap 'exit 7' TERM; echo go; while :; do sleep 0.01; done", name="polite")
    stubborn = node.run("sh", "-c", "trap '' TERM; echo go; while :; do sleep 0.05; done", name="stubborn")
    for container in (polite, stubborn):
        until(lambda: node.log(container), "it says go")  # noqa: B023
    node.runtime.stop_container(polite, 30)
    node.runtime.stop_container(stubborn, 0.2)
    assert node.ended(polite).exit_code == 7
    assert node.ended(stubborn).exit_code == 137
    assert processes_of(node.state) == []


def test_the_time_to_stop_can_be_cut_short(node):
    stubborn = node.run("sh", "-c", "trap '' TERM; echo go; while :; do sleep 0.05; done")
    until(lambda: node.log(stubborn), "it says go")
    node.runtime.stop_container(stubborn, 600)
    node.runtime.stop_container(stubborn, 0)
    assert node.ended(stubborn).exit_code == 137


def test_stopped_at_once_after_its_start(node):
    container = node.run("sleep", "600")
    node.runtime.stop_container(container, 30)
    assert node.ended(container).exit_code == 143


def test_what_a_container_leaves_behind_ends_with_it(node):
    seconds = str(70_000_000 + os.getpid())
    hidden = f"setsid sh -c 'sleep {seconds} & exec env -i sleep {seconds}' & env -i setsid sleep {seconds} &"
    container = node.run("sh", "-c", f"{hidden} while [ ! -e seen ]; do sleep 0.05; done")
    wanted = f"sleep\0{seconds}\0".encode()

    def sleeping():
        return [p for p in proc.everything() if proc.command_line(p) == wanted]

    until(lambda: len(sleeping()) == 3, "all three sleep")
    assert node.runtime.exec_sync(container, ["touch", "seen"], 60).exit_code == 0
    assert node.ended(container).exit_code == 0
    assert sleeping() == []


def test_pods_have_addresses_of_their_own(node):
    first, second = node.pod("u1"), node.pod("u2")
    assert first.ip != second.ip and first.ip.startswith("127.")
    node.runtime.stop_pod_sandbox(first.id)
    assert node.runtime.pod_state("u1").sandbox.state == NOT_READY


def test_ranges_differ():
    ranges = {cluster_range(uid, index) for uid in ("a", "b", "c") for index in (1, 2, 3)}
    assert len(ranges) == 9 and not any(r.startswith("127.0.") for r in ranges)


def test_an_address_in_use_is_noticed(tmp_path):
    import socket

    address = cluster_range(str(tmp_path), 9).replace(".0/24", ".77")
    assert address_is_free(address)
    with socket.socket() as s:
        s.bind((address, 0))
        s.listen()
        assert not address_is_free(address)


def test_removal(node):
    container = node.run("sleep", "600")
    pid = node.main(container).pid
    node.runtime.remove_pod_sandbox(node.sandbox.id)
    assert not os.path.exists(f"/proc/{pid}") or proc.stat(pid).is_zombie
    assert list((node.state / "pods").iterdir()) == []
    assert node.runtime.pod_uids() == []
    node.runtime.remove_pod_sandbox(node.sandbox.id)


def test_removal_of_one_run(node):
    done = node.ended(node.run("echo", "x"))
    folder = Path(done.log_path).parent
    node.run("sh", "-c", "mkdir -p d && chmod 0 d", attempt=1, name="app")
    node.runtime.remove_container(done.id)
    assert [p.name for p in folder.iterdir()] == ["1.log"]


# ---------------------------------------------------------------------- a new agent


def test_adoption(node):
    running = node.run("sh", "-c", "echo before; sleep 0.3; echo after; exit 5", name="running")
    ended = node.ended(node.run("sh", "-c", "exit 4", name="ended"))
    until(lambda: node.log(running), "first output")
    before = node.status(running)
    again = node.restarted()
    assert again.status(ended.id) == ended
    adopted = again.status(running)
    assert (adopted.state, adopted.started_at) == ("RUNNING", before.started_at)
    assert again.ended(running).exit_code == 5
    assert again.log(running) == ["stdout F before", "stdout F after"]
    until(lambda: again.told == ["u1"], "the kubelet is told")
    again.runtime.stop()


def test_what_happens_without_an_agent_is_not_lost(node):
    container = node.run("sh", "-c", "sleep 0.2; for i in 1 2 3; do echo line $i; done; exit 6")
    main = node.main(container)
    node.runtime.stop()
    until(lambda: not proc.is_alive(main), "it ends")
    again = open_node(node.state)
    done = again.ended(container)
    assert done.exit_code == 6 and done.finished_at >= done.started_at
    assert again.log(container) == [f"stdout F line {i}" for i in (1, 2, 3)]
    until(lambda: processes_of(node.state) == [], "the shim goes when its news have been taken")
    again.runtime.stop()


def test_a_shim_that_was_killed(node):
    container = node.run("sleep", "600")
    node.main(container)
    shim = node.runtime._folder.container("u1", "app", 0).process("shim")
    os.kill(shim.pid, signal.SIGKILL)
    done = node.ended(container)
    assert (done.exit_code, done.reason) == (255, "Unknown")
    assert processes_of(node.state) == []


def test_the_machine_was_started_anew(node):
    container = node.run("sleep", "600")
    node.main(container)
    node.runtime.stop()
    kill_everything(node.state)
    again = open_node(node.state)
    assert again.status(container).exit_code == 137
    assert again.runtime.pod_state("u1").sandbox.state == NOT_READY
    again.runtime.stop()


def test_kill_everything_without_an_agent(node):
    for name in ("a", "b"):
        node.main(node.run("sh", "-c", "setsid sleep 600 & sleep 601", name=name))
    node.runtime.stop()
    assert kill_everything(node.state) >= 6
    assert processes_of(node.state) == []
    assert kill_everything(node.state) == 0


def test_an_agent_killed_at_once(tmp_path):
    """kill -9 of the process that started the container."""
    script = (
        "import sys, time, pathlib\n"
        "from tests.runtime.conftest import open_node\n"
        "node = open_node(pathlib.Path(sys.argv[1]))\n"
        "c = node.run('sh', '-c', 'i=0; while [ $i -lt 40 ]; do echo $i; i=$((i+1)); sleep 0.01; done; exit 9')\n"
        "print(c, flush=True)\n"
        "time.sleep(60)\n"
    )
    agent = subprocess.Popen([sys.executable, "-c", script, str(tmp_path)], stdout=subprocess.PIPE, text=True)
    try:
        container = agent.stdout.readline().strip()
        time.sleep(0.1)
        agent.kill()
        agent.wait()
        node = open_node(tmp_path)
        done = node.ended(container)
        assert done.exit_code == 9
        numbers = [int(line.split()[-1]) for line in node.log(container)]
        assert numbers == list(range(40)), "no line lost, none twice"
        node.runtime.stop()
    finally:
        agent.kill()
        agent.stdout.close()
        kill_everything(tmp_path)
        assert processes_of(tmp_path) == []


# ---------------------------------------------------------------------- commands and attachments


def collect(session):
    found = {1: b"", 2: b""}
    while (part := session.read()) is not None:
        found[part[0]] += part[1]
    return found[1], found[2], session.exit_code()


def test_exec(node):
    container = node.run("sleep", "600", env=(("A", "1"),))
    session = node.runtime.exec(container, ["sh", "-c", "echo $A; pwd; echo err >&2; exit 3"], stdin=False, tty=False)
    out, err, code = collect(session)
    assert out.split()[0] == b"1" and out.split()[1].endswith(b"/root")
    assert (err, code) == (b"err\n", 3)


def test_exec_with_stdin(node):
    container = node.run("sleep", "600")
    session = node.runtime.exec(container, ["cat"], stdin=True, tty=False)
    session.write(b"hello\n")
    session.close_stdin()
    assert collect(session) == (b"hello\n", b"", 0)


def test_exec_on_a_terminal(node):
    container = node.run("sleep", "600")
    session = node.runtime.exec(container, ["sh", "-c", "read x; stty size; tty; exit 4"], stdin=True, tty=True)
    session.resize(100, 33)
    session.write(b"\n")
    out, _, code = collect(session)
    assert b"33 100" in out and b"/dev/pts/" in out and code == 4


def test_exec_refused(node):
    container = node.run("sleep", "600")
    with pytest.raises(StartFailure, match=r'exec: "nosuch": executable file not found in \$PATH'):
        node.runtime.exec(container, ["nosuch"], stdin=False, tty=False)
    node.runtime.stop_container(container, 0)
    node.ended(container)
    with pytest.raises(RuntimeFailure, match="not running"):
        node.runtime.exec(container, ["true"], stdin=False, tty=False)


def test_exec_sync_has_a_time(node):
    container = node.run("sleep", "600")
    assert node.runtime.exec_sync(container, ["sh", "-c", "echo a; echo b >&2; exit 2"], 5).exit_code == 2
    late = node.runtime.exec_sync(container, ["sh", "-c", "echo a; sleep 600"], 0.2)
    assert (late.exit_code, late.output) == (None, b"a\n")


def test_commands_end_with_their_container(node):
    container = node.run("sleep", "600")
    session = node.runtime.exec(container, ["sh", "-c", "echo go; exec sleep 603"], stdin=False, tty=False)
    assert session.read() == (1, b"go\n")
    node.runtime.stop_container(container, 0)
    node.ended(container)
    assert collect(session)[2] == 137
    assert processes_of(node.state) == []


def test_a_command_whose_caller_goes_away(node):
    container = node.run("sleep", "600")
    session = node.runtime.exec(container, ["sleep", "604"], stdin=False, tty=False)
    session.close()
    assert collect(session)[2] == 137


def test_attach(node):
    container = node.run("sh", "-c", "read x; echo got $x; read y || echo end", stdin=True, stdin_once=True)
    session = node.runtime.attach(container, stdin=True)
    session.write(b"one\n")
    session.close_stdin()
    assert collect(session) == (b"got one\nend\n", b"", 0)
    assert node.log(container) == ["stdout F got one", "stdout F end"]


def test_attach_on_a_terminal_and_its_life_without_an_agent(node):
    container = node.run("sh", "-c", "while read x; do echo got $x; stty size; done", stdin=True, tty=True)
    session = node.runtime.attach(container, stdin=True)
    session.write(b"one\n")
    text = b""
    while b"24 80" not in text:
        text += session.read()[1]
    session.close()
    again = node.restarted()
    session = again.runtime.attach(container, stdin=True)
    session.resize(90, 20)
    session.write(b"two\n")
    text = b""
    while b"20 90" not in text:
        text += session.read()[1]
    assert b"got two" in text
    again.runtime.stop_container(container, 1)
    again.ended(container)
    again.runtime.stop()
