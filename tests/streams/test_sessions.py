"""logs, exec, attach and run through every door, as a person or a script uses them."""

from __future__ import annotations

import re

import pytest

from tests.streams.conftest import Cluster, Program
from tests.support.waiting import eventually

PROMPT = r"[#$] "


def test_logs(program: Program) -> None:
    assert program.run("logs", "web").out == "one\ntwo\nthree\n"
    assert program.run("logs", "pod/web", "--tail=1").out == "three\n"
    assert program.run("logs", "web", "--limit-bytes=3", "--since=1h").out == "one"
    assert program.run("logs", "two", "-c", "b").out == "b\n"
    assert re.fullmatch(r"\S+T\S+Z three\n", program.run("logs", "web", "--timestamps", "--tail=1").out)
    assert sorted(program.run("logs", "-l", "set=two", "--all-containers", "--prefix").out.splitlines()) == [
        "[pod/two/a] a",
        "[pod/two/b] b",
    ]


def test_logs_refused(program: Program) -> None:
    done = program.run("logs", "missing")
    shown = 'error: error from server (NotFound): pods "missing" not found in namespace "default"\n'
    assert (done.code, done.err) == (1, shown)
    done = program.run("logs", "web", "-p")
    shown = 'Error from server (BadRequest): previous terminated container "app" in pod "web" not found\n'
    assert (done.code, done.err) == (1, shown)


def test_logs_that_are_followed(cluster: Cluster, program: Program) -> None:
    name = f"counts-{program.name}"
    cluster.create(name, "sh", "-c", "for i in 1 2 3 4 5; do echo $i; sleep 0.2; done")
    eventually(lambda: cluster.phase(name) in ("Running", "Succeeded"), 30)
    done = program.run("logs", "-f", name)
    assert (done.code, done.out.split()) == (0, ["1", "2", "3", "4", "5"])
    with program.running("logs", "-f", "web", "--tail=1") as following:
        following.until("three\n")
        assert following.process.poll() is None


def test_exec(program: Program) -> None:
    done = program.run("exec", "web", "--", "sh", "-c", "echo out; echo err >&2; exit 3")
    assert (done.code, done.out, done.err) == (3, "out\n", "err\ncommand terminated with exit code 3\n")
    assert program.run("exec", "-i", "web", "--", "cat", stdin="typed\n").out == "typed\n"
    done = program.run("exec", "two", "--", "true")
    assert (done.code, done.out, done.err) == (0, "", 'Defaulted container "a" out of: a, b\n')
    text = "".join(f"line {i}\n" for i in range(600_000))
    assert program.run("exec", "-i", "web", "--", "cat", stdin=text).out == text, "both directions are full at once"


def test_exec_refused(cluster: Cluster, program: Program) -> None:
    assert (
        program.run("exec", "missing", "--", "date").err == 'Error from server (NotFound): pods "missing" not found\n'
    )
    done = program.run("exec", "web", "-c", "no", "--", "date")
    assert (done.code, done.err) == (1, "error: container no is not valid for pod web out of: app\n")
    done = program.run("exec", "web", "--", "nosuch")
    assert done.code == 1
    assert done.err.startswith("error: Internal error occurred: error executing command in container: ")
    assert done.err.endswith('exec: "nosuch": executable file not found in $PATH\n')
    name = f"never-{program.name}"
    cluster.pod(name, {"containers": [{"name": "app", "image": "nosuch.invalid/image"}]})
    eventually(lambda: cluster.client.get("pods", name, "default")["spec"].get("nodeName"), 30)
    done = program.run("exec", name, "--", "date")
    shown = 'error: Internal error occurred: unable to upgrade connection: container not found ("app")\n'
    assert (done.code, done.err) == (1, shown)


def test_exec_on_a_terminal(program: Program) -> None:
    with program.terminal("exec", "-it", "web", "--", "sh") as terminal:
        terminal.expect(PROMPT)
        terminal.send("stty size; echo a''b\r")
        terminal.expect("30 90\r\n")
        terminal.expect("ab\r\n")
        terminal.setwinsize(40, 120)
        terminal.send("while [ \"$(stty size)\" != '40 120' ]; do sleep 0.02; done; echo resi''zed\r")
        terminal.expect("resized\r\n")
        terminal.send("sleep 600; echo not''reached\r")
        terminal.send("\x03")
        terminal.send("echo still''here; exit 5\r")
        terminal.expect("stillhere\r\n")
        terminal.expect("command terminated with exit code 5")
        terminal.wait()
        assert terminal.exitstatus == 5


def test_attach(cluster: Cluster, program: Program) -> None:
    name = f"reads-{program.name}"
    cluster.create(name, "sh", "-c", "while read x; do echo got $x; done; echo end", stdin=True, stdinOnce=True)
    cluster.running(name)
    done = program.run("attach", "-i", name, stdin="a\nb\n")
    assert (done.code, done.out) == (0, "got a\ngot b\nend\n")
    assert done.err.endswith("If you don't see a command prompt, try pressing enter.\n")
    eventually(lambda: cluster.phase(name) == "Succeeded", 30)
    done = program.run("attach", name)
    shown = "error: cannot attach a container in a completed pod; current phase is Succeeded\n"
    assert (done.code, done.err) == (1, shown)


def test_attach_to_a_terminal_and_leave_it(cluster: Cluster, program: Program) -> None:
    name = f"shell-{program.name}"
    cluster.create(name, "sh", stdin=True, tty=True)
    cluster.running(name)
    with program.terminal("attach", "-it", name) as terminal:
        terminal.expect("try pressing enter.")
        terminal.send("x=42\r")
        terminal.send("stty size; echo x is $x.\r")
        terminal.expect("30 90\r\n")
        terminal.expect("x is 42.\r\n")
        terminal.send("exit\r")
        terminal.expect(f"Session ended, resume using '(mini)?kubectl attach {name} -c app -n default -i -t' command")
        terminal.wait()
        assert terminal.exitstatus == 0


def test_run_and_remove(cluster: Cluster, program: Program) -> None:
    name = f"once-{program.name}"
    argv = ("run", name, "-i", "--rm", "--image=busybox", "--restart=Never", "-q")
    done = program.run(*argv, "--", "sh", "-c", "read x; echo got $x; sleep 0.3", stdin="this\n")
    assert (done.code, done.out) == (0, "got this\n")
    with pytest.raises(Exception, match="not found"):
        cluster.client.get("pods", name, "default")


def test_a_shell_for_a_moment(cluster: Cluster, program: Program) -> None:
    name = f"moment-{program.name}"
    with program.terminal("run", name, "-it", "--rm", "--image=busybox", "--restart=Never", "--", "sh") as terminal:
        terminal.expect("try pressing enter.")
        terminal.send("\r")
        terminal.expect(PROMPT)
        terminal.send("stty size; echo in ''it\r")
        terminal.expect("30 90\r\n")
        terminal.expect("in it\r\n")
        terminal.send("exit\r")
        terminal.expect(f'pod "{name}" deleted')
        terminal.wait()
        assert terminal.exitstatus == 0
    assert name not in program.run("get", "pods", "-o", "name").out
