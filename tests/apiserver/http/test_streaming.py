"""Logs, exec, attach and port-forward over HTTP and WebSocket, against a real node in this process."""

from __future__ import annotations

import base64
import json
import re
import socket
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from random import Random

import httpx
import pytest

from minikctl.apiserver import kubelet_client
from minikctl.kubelet.agent import kill_everything
from minikctl.util.frames import FrameSocket
from minikctl.util.sockets import listen_unix
from minikctl.util.spdy import Data, Ping, Reset, SynReply, SynStream
from tests.kubelet.test_process_agent import Running
from tests.runtime.conftest import processes_of, until
from tests.support.cluster import TestCluster
from tests.support.http import serving
from tests.support.websocket import opened, refused

V5, V4 = "v5.channel.k8s.io", "v4.channel.k8s.io"
TUNNEL = "SPDY/3.1+portforward.k8s.io"
PODS = "/api/v1/namespaces/default/pods"
LISTENER = """
import os, socket, sys
s = socket.create_server((sys.argv[1] or os.environ['POD_IP'], int(sys.argv[2])))
print('listening', flush=True)
while True:
    c, _ = s.accept()
    data = b''
    while part := c.recv(65536):
        data += part
    c.sendall(b'got ' + str(len(data)).encode() + b' ' + data)
    c.close()
"""


@dataclass
class Served:
    node: Running
    url: str
    http: httpx.Client

    def log(self, pod: str, **params: object) -> str:
        found = self.http.get(f"{PODS}/{pod}/log", params=params)
        assert found.status_code == 200, found.text
        assert found.headers["content-type"] == "text/plain"
        return found.text

    def exec(self, *command: str, pod: str = "web", protocol: str = V5, **query: object):
        query = {"command": list(command), "stdout": "true", "stderr": "true", **query}
        return opened(self.url, f"{PODS}/{pod}/exec", protocol, **query)


@pytest.fixture(scope="module")
def served(tmp_path_factory) -> Iterator[Served]:
    node = Running(tmp_path_factory.mktemp("streaming") / "state")
    try:
        node.create("web", command=["sh", "-c", "echo one; echo two; echo three; sleep 600"])
        two = [{"name": n, "image": "busybox", "command": ["sleep", "600"]} for n in ("a", "b")]
        node.create("two", spec={"containers": two})
        address = [{"name": "POD_IP", "valueFrom": {"fieldRef": {"fieldPath": "status.podIP"}}}]
        node.create("listens", image="python", command=["python3", "-c", LISTENER, "", "8080"], env=address)
        node.create("inward", image="python", command=["python3", "-c", LISTENER, "127.0.0.1", str(LOCAL_PORT)])
        node.create("nowhere", spec={"nodeName": ""})
        for name in ("web", "two", "listens", "inward"):
            node.ready(name)
        node.said("three", "web")
        node.said("listening", "listens")
        node.said("listening", "inward")
        with serving(node.cluster) as url, httpx.Client(base_url=url, timeout=20) as http:
            yield Served(node, url, http)
    finally:
        node.agent.stop()
        kill_everything(node.root)
        node.cluster.close()
    assert processes_of(node.root) == []


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as s:
        return int(s.getsockname()[1])


LOCAL_PORT = _free_port()


# ---------------------------------------------------------------------- logs


def test_logs(served):
    assert served.log("web") == "one\ntwo\nthree\n"
    assert served.log("web", tailLines=1, container="app") == "three\n"
    assert served.log("web", limitBytes=3) == "one"
    assert served.log("web", sinceSeconds=3600, follow="false") == "one\ntwo\nthree\n"
    assert re.fullmatch(r"\S+Z three\n", served.log("web", timestamps="1", tailLines="1"))
    assert served.log("nowhere") == ""


def test_logs_that_are_followed_come_as_they_are_written(served):
    script = "echo first; while ! test -e ../../../go; do sleep 0.02; done; echo second"
    served.node.create("follows", command=["sh", "-c", script], policy="Never")
    served.node.said("first", "follows")
    with served.http.stream("GET", f"{PODS}/follows/log", params={"follow": "true"}) as response:
        pieces = response.iter_text()
        assert next(pieces) == "first\n"
        found = served.node.kubelet.runtime.pod_folder(served.node.pod("follows")["metadata"]["uid"])
        with served.exec("touch", "../../../go", pod="follows") as session:
            assert session.end()[2]["status"] == "Success"
        assert found is not None
        assert "".join(pieces) == "second\n"


def test_a_follower_that_goes_away_is_noticed(served):
    until(lambda: _threads("kubelet-request") == 0, "earlier requests are over")
    with served.http.stream("GET", f"{PODS}/web/log", params={"follow": "true"}) as response:
        assert next(response.iter_text()) == "one\ntwo\nthree\n"
        assert _threads("kubelet-request") == 1
    until(lambda: _threads("kubelet-request") == 0, "the kubelet's thread ends")


def _threads(name: str) -> int:
    return sum(t.name == name for t in threading.enumerate())


def test_logs_over_websocket(served):
    with opened(served.url, f"{PODS}/web/log", "binary.k8s.io", tailLines=1) as session:
        assert session.connection.recv(timeout=5) == b"three\n"
    with opened(served.url, f"{PODS}/web/log", "base64.binary.k8s.io", tailLines=1) as session:
        assert base64.b64decode(session.connection.recv(timeout=5)) == b"three\n"


@pytest.mark.parametrize(
    ("pod", "params", "code", "message"),
    [
        ("missing", {}, 404, 'pods "missing" not found'),
        ("two", {}, 400, "a container name must be specified for pod two, choose one of: [a b]"),
        ("web", {"container": "no"}, 400, "container no is not valid for pod web"),
        ("web", {"tailLines": "x"}, 400, 'strconv.ParseInt: parsing "x": invalid syntax'),
        ("web", {"tailLines": "99999999999999999999"}, 400, "value out of range"),
        ("web", {"tailLines": "-1"}, 422, "tailLines: Invalid value: -1: must be greater than or equal to 0"),
        ("web", {"limitBytes": "0"}, 422, "limitBytes: Invalid value: 0: must be greater than 0"),
        ("web", {"sinceSeconds": "0"}, 422, "sinceSeconds: Invalid value: 0: must be greater than 0"),
        ("web", {"sinceTime": "yesterday"}, 400, 'parsing time "yesterday"'),
        ("web", {"previous": "true"}, 400, 'previous terminated container "app" in pod "web" not found'),
        (
            "web",
            {"sinceSeconds": "1", "sinceTime": "2026-01-01T00:00:00Z"},
            422,
            "at most one of `sinceTime` or `sinceSeconds` may be specified",
        ),
        ("web", {"stream": "Both"}, 422, 'stream: Unsupported value: "Both"'),
    ],
)
def test_logs_refused(served, pod, params, code, message):
    found = served.http.get(f"{PODS}/{pod}/log", params=params)
    assert found.status_code == code
    assert message in found.json()["message"]


def test_one_stream_of_a_log(served):
    served.node.create("both", command=["sh", "-c", "echo out; echo err >&2"], policy="Never")
    served.node.wait(lambda p: p["status"].get("phase") == "Succeeded", name="both")
    assert sorted(served.log("both").split()) == ["err", "out"]
    assert served.log("both", stream="Stderr") == "err\n"
    assert served.log("both", stream="Stdout") == "out\n"


# ---------------------------------------------------------------------- exec


def test_exec(served):
    with served.exec("sh", "-c", "echo out; echo err >&2; exit 3") as session:
        assert session.protocol == V5
        assert session.recv() == (1, b"")  # it has begun
        out, err, status = session.end()
    assert (out, err) == (b"out\n", b"err\n")
    assert status["status"] == "Failure" and status["reason"] == "NonZeroExitCode"
    assert status["details"]["causes"] == [{"reason": "ExitCode", "message": "3"}]


def test_exec_with_stdin_that_ends(served):
    with served.exec("cat", stdin="true") as session:
        session.send(0, "some ")
        session.send(0, "text")
        session.send(255, b"\0")
        out, _, status = session.end()
    assert (out, status["status"]) == (b"some text", "Success")


def test_a_lot_through_exec(served):
    data = bytes(range(256)) * 8192
    with served.exec("cat", stdin="true") as session:

        def send():
            for i in range(0, len(data), 50_000):
                session.send(0, data[i : i + 50_000])
            session.send(255, b"\0")

        sender = threading.Thread(target=send)
        sender.start()
        out, _, status = session.end()
        sender.join(10)
    assert out == data and status["status"] == "Success"


def test_exec_on_a_terminal(served):
    with served.exec("sh", stdin="true", tty="true") as session:
        session.send(4, json.dumps({"Width": 91, "Height": 33}))
        session.send(0, "stty size; exit 7\n")
        out, err, status = session.end()
    assert b"33 91\r\n" in out and err == b""
    assert status["details"]["causes"][0]["message"] == "7"


@pytest.mark.parametrize("protocol", [V4, "v4.base64.channel.k8s.io", "channel.k8s.io", "base64.channel.k8s.io"])
def test_older_protocols(served, protocol):
    with served.exec("sh", "-c", "read x; echo got $x; exit 2", protocol=protocol, stdin="true") as session:
        assert session.protocol == protocol
        if "base64" in protocol:
            session.connection.send("0" + base64.b64encode(b"word\n").decode())
        else:
            session.send(0, "word\n")
        messages = list(session.connection)
    if "base64" in protocol:
        found = [(int(m[0]), base64.b64decode(m[1:])) for m in messages]
    else:
        found = [(m[0], m[1:]) for m in messages]
    assert b"".join(d for c, d in found if c == 1) == b"got word\n"
    errors = b"".join(d for c, d in found if c == 3)
    assert b"command terminated with non-zero exit code: exit status 2" in errors
    assert protocol.startswith("v4") == errors.startswith(b"{")


def test_a_client_that_leaves_takes_its_command_along(served):
    with served.exec("sh", "-c", "echo $$; exec sleep 4242") as session:
        session.until(b"\n")
        until(lambda: _sleepers() == 1, "it runs")
        session.connection.close()
    until(lambda: _sleepers() == 0, "the command is gone")


def _sleepers() -> int:
    from minikctl.runtime.process import proc

    return sum(proc.command_line(pid) == b"sleep\x004242\0" for pid in proc.everything())


def test_what_a_channel_does_not_take_is_passed_over(served):
    with served.exec("cat", stdin="true") as session:
        for rubbish in (b"", b"\x09what", b"\xff\x07", b"\xff", b"\x04not json", b"\x01out", b"\x03err"):
            session.connection.send(rubbish)
        session.connection.send("\x00text")
        session.send(255, b"\0")
        out, _, status = session.end()
    assert (out, status["status"]) == (b"text", "Success")


def test_only_the_streams_that_are_asked_for(served):
    with served.exec("sh", "-c", "echo out; echo err >&2", stderr="false") as session:
        assert session.end()[:2] == (b"out\n", b"")


@pytest.mark.parametrize(
    ("pod", "query", "code", "message"),
    [
        ("missing", {}, 404, 'pods "missing" not found'),
        ("web", {"container": "no"}, 400, "container no is not valid for pod web"),
        ("two", {}, 400, "a container name must be specified for pod two, choose one of: [a b]"),
        ("nowhere", {}, 400, "pod nowhere does not have a host assigned"),
        ("web", {"stdout": "false", "stderr": "0"}, 400, "you must specify at least 1 of stdin, stdout, stderr"),
    ],
)
def test_exec_refused(served, pod, query, code, message):
    query = {"command": "date", "stdout": "true", **query}
    status = refused(served.url, f"{PODS}/{pod}/exec", V5, **query)
    assert (status["code"], status["message"]) == (code, message)
    # a client that falls back to SPDY is told the same
    found = served.http.post(
        f"{PODS}/{pod}/exec", params=query, headers={"connection": "upgrade", "upgrade": "SPDY/3.1"}
    )
    assert (found.status_code, found.json()["message"]) == (code, message)


def test_webhooks_are_asked_by_every_door(served):
    rule = {"apiGroups": [""], "apiVersions": ["v1"], "resources": ["pods/attach"], "operations": ["CONNECT"]}
    webhook = {
        "name": "a.example.com",
        "clientConfig": {"service": {"name": "none", "namespace": "default"}},
        "rules": [rule],
        "sideEffects": "None",
        "admissionReviewVersions": ["v1"],
    }
    client = served.node.client
    client.create("validatingwebhookconfigurations", {"metadata": {"name": "t"}, "webhooks": [webhook]})
    try:
        status = refused(served.url, f"{PODS}/web/attach", V5, stdout="true")
        assert 'failed calling webhook "a.example.com"' in status["message"]
        upgrade = {"connection": "upgrade", "upgrade": "SPDY/3.1"}
        found = served.http.post(f"{PODS}/web/attach", params={"stdout": "true"}, headers=upgrade)
        assert (found.status_code, found.json()["message"]) == (500, status["message"])
    finally:
        client.delete("validatingwebhookconfigurations", "t")


def test_without_an_upgrade(served):
    found = served.http.get(f"{PODS}/web/exec", params={"command": "date", "stdout": "true"})
    assert (found.status_code, found.json()["message"]) == (400, "Upgrade request required")
    found = served.http.put(f"{PODS}/web/exec", params={"command": "date"})
    assert found.status_code == 405
    assert refused(served.url, f"{PODS}/web", V5)["code"] == 400
    assert refused(served.url, "/healthz", V5)["code"] == 400
    assert refused(served.url, "/api/v1/namespaces/default/configmaps/x/exec", V5)["code"] == 404
    assert refused(served.url, f"{PODS}/../x/exec", V5)["code"] == 404
    unknown = refused(served.url, f"{PODS}/web/exec", "v9.channel.k8s.io", command="date", stdout="true")
    assert unknown["code"] == 400 and "no subprotocol of v9.channel.k8s.io is known" in unknown["message"]


def test_failures_after_the_handshake_come_on_the_error_channel(served):
    served.node.create("over", command=["true"], policy="Never")
    served.node.wait(lambda p: p["status"].get("phase") == "Succeeded", name="over")
    with served.exec("date", pod="over") as session:
        status = session.end()[2]
    text = 'unable to upgrade connection: container not found ("app")'
    assert (status["code"], status["message"]) == (500, f"Internal error occurred: {text}")
    with served.exec("nosuch") as session:
        assert 'exec: "nosuch": executable file not found in $PATH' in session.end()[2]["message"]


def test_attach(served):
    loop = "while read line; do echo got $line; done; echo end"
    served.node.create("reads", command=["sh", "-c", loop], stdin=True, stdinOnce=True, policy="Never")
    served.node.ready("reads")
    with opened(served.url, f"{PODS}/reads/attach", V5, stdin="true", stdout="true", stderr="true") as session:
        assert session.recv() == (1, b"")
        session.send(0, "a\n")
        session.until(b"got a\n")
        session.send(0, "b\n")
        session.send(255, b"\0")
        out, _, status = session.end()
    assert (out, status["status"]) == (b"got b\nend\n", "Success")


# ---------------------------------------------------------------------- port-forward


def headers(kind: str, port: int, request: int) -> dict[str, str]:
    return {"streamType": kind, "port": str(port), "requestID": str(request)}


def through(session, port: int, data: bytes, number: int = 0) -> tuple[bytes, bytes]:
    """(answer, error) of one connection, as kubectl makes it."""
    errors, stream = 4 * number + 1, 4 * number + 3
    session.send_frame(SynStream(errors, headers("error", port, number)))
    session.send_frame(Data(errors, b"", fin=True))
    session.send_frame(SynStream(stream, headers("data", port, number)))
    if data:
        session.send_frame(Data(stream, data))
    session.send_frame(Data(stream, b"", fin=True))
    said = {errors: b"", stream: b""}
    ended = set()
    while len(ended) < 2:
        frame = session.recv_frame()
        if isinstance(frame, Data):
            said[frame.stream] += frame.data
            ended |= {frame.stream} if frame.fin else set()
        else:
            assert isinstance(frame, SynReply)
    session.send_frame(Reset(stream, 5))
    return said[stream], said[errors]


def test_port_forward(served):
    with opened(served.url, f"{PODS}/listens/portforward", TUNNEL) as session:
        assert session.protocol == TUNNEL
        assert through(session, 8080, b"hello") == (b"got 5 hello", b"")
        big = bytes(range(256)) * 4096
        answer, error = through(session, 8080, big, 1)
        assert answer == f"got {len(big)} ".encode() + big and error == b""
        session.send_frame(Ping(1))
        assert session.recv_frame() == Ping(1)
        answer, error = through(session, 1, b"hello", 2)
        assert answer == b"" and error.startswith(b"error forwarding port 1 to pod listens_default: ")
        assert error.endswith(b"connection refused")
        assert through(session, 8080, b"again", 3) == (b"got 5 again", b"")


def test_port_forward_to_the_pods_own_loopback(served):
    with opened(served.url, f"{PODS}/inward/portforward", TUNNEL) as session:
        assert through(session, LOCAL_PORT, b"hello") == (b"got 5 hello", b"")
    with opened(served.url, f"{PODS}/web/portforward", TUNNEL) as session:
        answer, error = through(session, LOCAL_PORT, b"hello")
        assert answer == b"" and b"connection refused" in error, "the loopback of another pod is not this pod's"


@pytest.mark.parametrize("bad", [headers("data", 0, 0), headers("what", 80, 0), {"streamtype": "error"}])
def test_streams_that_are_refused(served, bad):
    with opened(served.url, f"{PODS}/listens/portforward", TUNNEL) as session:
        session.send_frame(SynStream(1, bad))
        assert session.recv_frame() == Reset(1, 3)
        assert through(session, 8080, b"hello", 1) == (b"got 5 hello", b"")


def test_rubbish_instead_of_spdy(served):
    from websockets.exceptions import ConnectionClosed

    for rubbish in ("text", b"\x80\2\0\1\0\0\0\0", b"\xff" * 64):
        with opened(served.url, f"{PODS}/listens/portforward", TUNNEL) as session:
            with pytest.raises(ConnectionClosed):
                session.connection.send(rubbish)
                session.connection.send(b"\x80\3\0\1\0\xff\xff\xff")
                session.recv()
            assert session.connection.close_code == 1002


def test_port_forward_over_channels(served):
    with opened(served.url, f"{PODS}/listens/portforward", V4, ports="8080,1") as session:
        first = [session.recv() for _ in range(4)]
        assert first == [(0, b"\x90\x1f"), (1, b"\x90\x1f"), (2, b"\1\0"), (3, b"\1\0")]
        assert b"connection refused" in session.until(b"refused", channel=3)
        session.send(0, "hello")


@pytest.mark.parametrize("ports", ["", "x", "0", "70000", "80,", "80,-1"])
def test_bad_ports(served, ports):
    assert refused(served.url, f"{PODS}/listens/portforward", V4, ports=ports)["code"] == 400


def test_port_forward_refused(served):
    assert refused(served.url, f"{PODS}/missing/portforward", TUNNEL)["message"] == 'pods "missing" not found'
    nowhere = refused(served.url, f"{PODS}/nowhere/portforward", TUNNEL)
    assert nowhere["message"] == "pod nowhere does not have a host assigned"


# ---------------------------------------------------------------------- kubelets that fail


@pytest.fixture
def silent(tmp_path) -> Iterator[tuple[str, httpx.Client, socket.socket]]:
    """A pod on a node whose kubelet takes connections and says nothing."""
    cluster = TestCluster(tmp_path / "state", live=True)
    spec = {"nodeName": "node-1", "containers": [{"name": "app", "image": "busybox"}]}
    cluster.client.create("pods", {"metadata": {"name": "web"}, "spec": spec}, "default")
    path = kubelet_client.socket_path(cluster.root, "node-1")
    path.parent.mkdir(exist_ok=True)
    listener = listen_unix(path)
    with listener, serving(cluster) as url, httpx.Client(base_url=url, timeout=20) as http:
        yield url, http, listener
    cluster.close()


def test_a_kubelet_that_does_not_answer(silent, monkeypatch):
    url, http, _ = silent
    monkeypatch.setattr(kubelet_client, "ANSWER", 0.1)
    found = http.get(f"{PODS}/web/log")
    where = 'Get "https://node-1:10250/containerLogs/default/web/app": i/o timeout'
    assert (found.status_code, found.json()["message"]) == (500, where)
    with opened(url, f"{PODS}/web/exec", V5, command="date", stdout="true") as session:
        assert session.end()[2]["message"] == "Internal error occurred: error dialing backend: i/o timeout"
    assert http.get("/readyz").status_code == 200


def test_a_kubelet_that_hangs_up(silent):
    url, http, listener = silent

    def hang_up():
        for _ in range(2):
            listener.accept()[0].close()

    thread = threading.Thread(target=hang_up)
    thread.start()
    assert http.get(f"{PODS}/web/log").json()["message"].endswith('web/app": EOF')
    with opened(url, f"{PODS}/web/exec", V5, command="date", stdout="true") as session:
        assert session.end()[2]["message"] == "Internal error occurred: error dialing backend: EOF"
    assert http.get("/readyz").status_code == 200
    thread.join(5)


def test_no_kubelet(silent):
    _, http, listener = silent
    listener.close()
    found = http.get(f"{PODS}/web/log").json()
    assert found["code"] == 500 and "connect: connection refused" in found["message"]


# ---------------------------------------------------------------------- many, and rubbish


def test_many_sessions_at_once(served):
    with ThreadPoolExecutor(25) as pool:

        def one(number: int) -> bytes:
            with served.exec("sh", "-c", f"read x; echo {number} $x", stdin="true") as session:
                session.send(0, "said\n")
                return session.end()[0]

        found = list(pool.map(one, range(50)))
    assert found == [f"{i} said\n".encode() for i in range(50)]


@pytest.mark.parametrize("path", [f"{PODS}/web/exec", f"{PODS}/web/attach", f"{PODS}/listens/portforward"])
def test_random_bytes_break_nothing(served, path):
    from websockets.exceptions import ConnectionClosed, InvalidStatus

    random = Random(7)
    for protocol in (V5, V4, TUNNEL, "", "base64.channel.k8s.io"):
        try:
            with opened(served.url, path, protocol, command="cat", stdin="1", stdout="1", ports="8080") as session:
                for _ in range(20):
                    data = random.randbytes(random.randrange(1, 200))
                    session.connection.send(data if random.random() < 0.8 else data.decode("latin-1"))
        except (ConnectionClosed, InvalidStatus):
            pass
    assert served.http.get("/readyz").status_code == 200
    with served.exec("echo", "fine") as session:
        assert session.end()[0] == b"fine\n"


def test_a_node_that_is_lost_in_the_middle(silent):
    url, _, listener = silent
    with opened(url, f"{PODS}/web/exec", V5, command="date", stdout="true") as session:
        kubelet = FrameSocket(listener.accept()[0])
        assert kubelet.recv_line()["op"] == "exec"
        kubelet.send_line({"ok": True})
        kubelet.send(1, b"some")
        session.until(b"some")
        kubelet.close()
        assert session.end()[2]["message"] == "Internal error occurred: the connection to the node was lost"
    with opened(url, f"{PODS}/web/exec", V5, command="date", stdout="true") as session:
        kubelet = FrameSocket(listener.accept()[0])
        assert kubelet.recv_line()["op"] == "exec"
        kubelet.send_line({"error": {"code": 500, "message": "no reason"}})
        assert session.end()[2]["message"] == "Internal error occurred: unable to upgrade connection: no reason"
        kubelet.close()


def test_refusals_are_not_logged_as_failures(served, caplog):
    refused(served.url, f"{PODS}/missing/exec", V5, command="date", stdout="true")
    assert [r for r in caplog.records if r.levelname == "ERROR"] == []
