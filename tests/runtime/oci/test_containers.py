"""Containers of real images: their root, their users, and what hostile images cannot do."""

from __future__ import annotations

import io
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from minikctl.runtime.interface import Mount, Security, StartFailure
from minikctl.runtime.oci.archive import load
from minikctl.runtime.oci.building.builder import Request, build
from minikctl.runtime.oci.store import Store
from minikctl.runtime.sandbox import bwrap
from minikctl.util.disk import size
from tests.runtime.conftest import Node
from tests.runtime.oci import archives
from tests.runtime.oci.archives import entry, folder, link, tar
from tests.runtime.test_sandbox_runtime import close, open_node, said
from tests.support.ordinary_user import as_ordinary_user, open_folder


@pytest.fixture
def node(tmp_path: Path, busybox: str) -> Iterator[Node]:
    if refused := bwrap.probe(tmp_path / "probe"):
        pytest.skip(f"no sandbox on this machine: {refused}")
    made = open_node(tmp_path / "state")
    yield made
    close(made)


def loaded(node: Node, *members: Any, **settings: Any) -> None:
    layers = [tar(*members)] if members else []
    load(Store(node.state), io.BytesIO(archives.busybox_archive("busy:1", layers=layers, **settings)))


def test_nothing_of_the_host(node: Node) -> None:
    loaded(node)
    script = "ls /; ls /usr 2>&1; touch /bin/x /etc/x /x && echo written; id -u; cat /proc/1/comm; ls /dev/shm"
    assert said(node, script, image="busy:1") == [
        *("bin", "dev", "etc", "home", "proc", "root", "sys", "tmp", "ls: /usr: No such file or directory"),
        *("written", "0", "sh"),
    ]
    assert said(node, "ls /bin/x /x 2>/dev/null; echo over", image="busy:1", name="other") == ["over"]


def test_settings_and_what_a_pod_changes(node: Node) -> None:
    loaded(node, Entrypoint=["echo", "a"], Cmd=["b"], WorkingDir="/home/app", Env=["PATH=/bin", "HOME=/elsewhere"])
    plain = node.run(image="busy:1", name="plain")
    node.ended(plain)
    with_args = node.run(image="busy:1", name="args", args=("c",))
    node.ended(with_args)
    assert [line.split(" ", 2)[2] for c in (plain, with_args) for line in node.log(c)] == ["a b", "a c"]
    assert said(node, "pwd; echo $HOME", image="busy:1", name="c") == ["/home/app", "/elsewhere"]
    assert said(node, "pwd; touch x && echo made", image="busy:1", name="d", working_dir="/new/er") == [
        "/new/er",
        "made",
    ]


def test_volumes_where_the_image_has_links(node: Node, tmp_path: Path) -> None:
    loaded(
        node,
        folder("run"),
        folder("var"),
        link("var/run", "/run"),
        link("out", "../../../../.."),
        link("etc/own", "/oldroot/etc"),
    )
    data = tmp_path / "data"
    data.mkdir()
    (data / "f").write_text("F\n")
    mounts = (
        Mount(str(data), "/var/run/secrets"),
        Mount(f"{data}/f", "/out/etc/resolv.conf"),
        Mount(str(data), "/etc/own/sub"),
    )
    script = "cat /run/secrets/f /var/run/secrets/f /etc/resolv.conf /oldroot/etc/sub/f; echo G >/run/secrets/g"
    before = os.stat("/etc").st_mtime_ns
    assert said(node, script, image="busy:1", mounts=mounts) == ["F"] * 4
    assert (
        (data / "g").read_text() == "G\n" and os.stat("/etc").st_mtime_ns == before and not os.path.exists("/etc/sub")
    )


def test_an_image_that_replaces_proc_and_dev(node: Node) -> None:
    loaded(node, link("proc", "/etc"), link("dev", "/etc"), link("sys", "../../.."))
    assert said(node, "readlink /proc/self/ns/pid >/dev/null && echo own; ls -d /dev/null", image="busy:1") == [
        "own",
        "/dev/null",
    ]


def test_commands_in_it(node: Node) -> None:
    loaded(node, User="app")
    container = node.run("sleep", "600", image="busy:1")
    done = node.runtime.exec_sync(container, ["sh", "-c", "id -u; echo $HOME"], 10)
    assert (done.exit_code, done.output) == (0, b"1000\n/home/app\n")
    with pytest.raises(StartFailure, match='exec: "bash": executable file not found in'):
        node.runtime.exec_sync(container, ["bash"], 10)
    with pytest.raises(StartFailure, match="stat /usr/bin/id: no such file or directory"):
        node.runtime.exec_sync(container, ["/usr/bin/id"], 10)


def test_security(node: Node) -> None:
    loaded(node)
    script = "touch /x 2>/dev/null || echo refused; id -u; grep -c . /dev/null; grep NoNewPrivs /proc/self/status"
    security = Security(user=7, read_only_root=True, no_new_privileges=True, drop_capabilities=("ALL",))
    assert said(node, script, image="busy:1", security=security) == ["refused", "7", "0", "NoNewPrivs:\t1"]


def test_a_folder_over_the_hosts_programs(node: Node, tmp_path: Path) -> None:
    context = tmp_path / "context"
    context.mkdir()
    (context / "tool").write_text("#!/bin/sh\necho tool of mine, $(cat /etc/mine) at $PWD\n")
    (context / "tool").chmod(0o755)
    (context / "Dockerfile").write_text(
        'FROM busybox\nCOPY tool /bin/\nRUN echo own >/etc/mine\nWORKDIR /app\nCMD ["tool"]\n'
    )
    build(Store(node.state), Request(context, context / "Dockerfile", ("docker.io/library/mine:1",)), lambda _t: None)
    container = node.run(image="mine:1")
    node.ended(container)
    assert node.log(container) == ["stdout F tool of mine, own at /app"]


def test_many_containers_cost_no_disk(node: Node) -> None:
    """The files of an image are there once, whatever number of containers has them."""
    loaded(node, entry("big", os.urandom(3_000_000)))
    containers = [node.run("sleep", "600", image="busy:1", name=f"c{i}") for i in range(20)]
    assert len(containers) == 20 and size(node.state / "pods") < 6_000_000


def test_adopted_by_the_next_agent(node: Node) -> None:
    loaded(node)
    container = node.run("sleep", "600", image="busy:1")
    node.runtime.wait_for_log(container, 0, 0)
    again = open_node(node.state)
    node.runtime.stop()
    try:
        assert again.runtime.exec_sync(container, ["echo", "there"], 10).output == b"there\n"
    finally:
        node.runtime = again.runtime


def test_as_an_ordinary_user(tmp_path: Path, busybox: str) -> None:
    if refused := bwrap.probe(tmp_path / "probe"):
        pytest.skip(f"no sandbox on this machine: {refused}")

    def check() -> None:
        made = open_node(place)
        try:
            loaded(made, folder("private", uid=0, mode=0o700), entry("private/f", "F\n", mode=0o600), User="app")
            script = (
                "id -u; cat /private/f; touch /etc/x /home/app/x /private/x && echo written; rm /etc/group; ls /etc"
            )
            assert said(made, script, image="busy:1") == ["1000", "F", "written", "passwd", "x"]
            root = Security(user=0)
            container = made.run("sleep", "600", image="busy:1", name="exec", security=root)
            assert made.runtime.exec_sync(container, ["id", "-u"], 10).output == b"0\n"
        finally:
            close(made)

    with open_folder() as place:
        as_ordinary_user(place, check)
