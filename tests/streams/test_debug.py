"""debug through every door: a container more, a copy, a node."""

from __future__ import annotations

import json
import re

import pytest

from tests.streams.conftest import Cluster, Program
from tests.support.waiting import eventually


def test_a_shell_beside_the_containers(cluster: Cluster, program: Program) -> None:
    name = f"debugged-{program.name}"
    cluster.create(name, "sleep", "600")
    cluster.running(name)
    with program.terminal("debug", name, "-it", "--image=busybox", "--target=app", "--", "sh") as terminal:
        terminal.expect('Targeting container "app". If you don\'t see processes from this container')
        terminal.expect(r"Defaulting debug container name to (debugger-\w{5})\.")
        container = terminal.match[1]
        terminal.expect("try pressing enter.")
        terminal.send("echo in the de''bugger; exit 3\r")
        terminal.expect("in the debugger\r\n")
        terminal.expect(
            "Session ended, the ephemeral container will not be restarted but may be reattached using "
            rf"'(mini)?kubectl attach {name} -c {container} -n default -i -t' if it is still running"
        )
        terminal.wait()
    pod = cluster.client.get("pods", name, "default")
    extra = pod["spec"]["ephemeralContainers"][0]
    assert (extra["name"], extra["targetContainerName"]) == (container, "app")
    assert extra["securityContext"] == {"capabilities": {"add": ["SYS_PTRACE"]}}

    def ended() -> bool:
        found = cluster.client.get("pods", name, "default")["status"].get("ephemeralContainerStatuses") or [{}]
        return bool((found[0].get("state") or {}).get("terminated"))

    eventually(ended)
    assert "in the debugger" in program.run("logs", name, "-c", container).out


def test_a_copy(cluster: Cluster, program: Program) -> None:
    name, twin = f"original-{program.name}", f"twin-{program.name}"
    cluster.create(name, "sleep", "600")
    cluster.running(name)
    argv = ("debug", name, f"--copy-to={twin}", "--container=app", "--same-node", "--env=A=1,B=2", "--replace")
    done = program.run(*argv, "--", "sh", "-c", "echo $A$B; sleep 600")
    assert (done.code, done.out, done.err) == (0, "", "")
    cluster.running(twin)
    cluster.said(twin, "12")
    eventually(lambda: name not in program.run("get", "pods", "-o", "name").out)
    pod = cluster.client.get("pods", twin, "default")
    assert pod["spec"]["shareProcessNamespace"] is True and len(pod["spec"]["containers"]) == 1


def test_a_node(cluster: Cluster, program: Program) -> None:
    done = program.run("debug", "node/node-1", "--image=busybox", "--profile=baseline", "--", "echo", "hello")
    found = re.fullmatch(
        r"Creating debugging pod (node-debugger-node-1-\w{5}) with container debugger on node node-1.\n", done.out
    )
    assert found and done.code == 0
    eventually(lambda: cluster.phase(found[1]) == "Succeeded")
    assert program.run("logs", found[1]).out == "hello\n"


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (("web",), "error: you must specify --image when not using --copy-to."),
        ((), "error: you must specify --image when not using --copy-to."),
        (("--image=busybox",), "error: NAME or filename is required for debug"),
        (("missing", "--image=busybox"), 'Error from server (NotFound): pods "missing" not found'),
        (("web", "--image=Bad"), 'error: invalid image name "Bad": invalid reference format'),
        (("web", "--image=x", "-t"), "error: -i/--stdin is required for containers with -t/--tty=true"),
        (("web", "--image=x", "--replace"), "error: --replace may only be used with --copy-to."),
        (("web", "--image=x", "--profile=no"), "error: unknown profile: no"),
        (("web", "--copy-to=y"), "error: you must specify --image, --set-image or command arguments."),
        (
            ("web", "--copy-to=y", "--image=x", "--target=app"),
            "error: --target is incompatible with --copy-to. Use --share-processes instead.",
        ),
        (("svc/listens", "--image=x"), 'error: "/v1, Kind=Service" not supported by debug'),
        (("web", "--image=x", "--image-pull-policy=y"), "error: invalid image pull policy: y"),
        (("web", "--image=x", "--env=a"), 'invalid argument "a" for "--env" flag: a must be formatted as key=value'),
    ],
)
def test_refused(program: Program, argv: tuple[str, ...], message: str) -> None:
    done = program.run("debug", *argv)
    assert done.code == 1 and message in done.err


def test_a_custom_profile(program: Program, cluster: Cluster) -> None:
    file = program.cwd / f"custom-{program.name}.json"
    file.write_text(json.dumps({"env": [{"name": "A", "value": "1"}]}))
    name = f"custom-{program.name}"
    cluster.create(name, "sleep", "600")
    cluster.running(name)
    argv = ("debug", name, "--image=busybox", "-c", "extra", f"--custom={file}", "-q")
    done = program.run(*argv, "--", "sh", "-c", "echo A is $A")
    assert (done.code, done.out, done.err) == (0, "", "")
    eventually(lambda: "A is 1" in program.run("logs", name, "-c", "extra").out)
    file.write_text(json.dumps({"image": "other"}))
    done = program.run(*argv)
    text = "error: name, command, image, lifecycle and volume devices are not modifiable via custom profile\n"
    assert (done.code, done.err) == (1, text)
