"""The kubelet's own server: logs, commands, attachments, connections to ports, figures; on a Unix socket a node.

Requests and answers are as `util.frames` says. A request is an object with `op` (logs, exec, attach, portforward,
stats, usage), `namespace`, `pod`, `uid` (may be empty), `container` and the options of that operation in the API's words. The
answer is `{"ok": true}` or `{"error": Status}`.
"""

from __future__ import annotations

import contextlib
import json
import logging
import selectors
import socket
import threading
from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from minikctl.api.errors import ApiError, bad_request, not_found
from minikctl.api.meta import Obj, annotations_of, uid
from minikctl.kubelet import logs, portforward
from minikctl.kubelet.kubelet import Kubelet
from minikctl.kubelet.manifests import MIRROR
from minikctl.kubelet.portforward import SUCCESS
from minikctl.runtime.interface import (
    CREATED,
    EXITED,
    RUNNING,
    ContainerStatus,
    NoSuchContainer,
    Runtime,
    RuntimeFailure,
    Session,
)
from minikctl.util.files import private_folder
from minikctl.util.frames import CLOSE, CURSOR, ERROR, RESIZE, STDIN, STDOUT, FrameError, FrameSocket
from minikctl.util.sockets import listen_unix

log = logging.getLogger("kubelet")
Request = Mapping[str, Any]


def socket_path(state_dir: Path, node: str) -> Path:
    """Where a node's kubelet listens. The API server knows this path too (`apiserver.kubelet_client`)."""
    return state_dir / "run" / f"kubelet-{node}.sock"


class Server:
    """All kubelets of a process. One thread accepts, each connection has its own."""

    def __init__(self, state_dir: Path):
        self._state_dir = state_dir
        self._selector = selectors.DefaultSelector()
        self._paths: list[Path] = []
        self._connections: set[FrameSocket] = set()
        self._stopped = False
        self._waker, self._wakened = socket.socketpair()
        self._selector.register(self._wakened, selectors.EVENT_READ, None)
        self._thread = threading.Thread(target=self._accept, name="kubelet-server", daemon=True)

    def add(self, kubelet: Kubelet) -> None:
        """Listen for this node. Raises OSError."""
        path = socket_path(self._state_dir, kubelet.name)
        private_folder(path.parent)
        self._selector.register(listen_unix(path), selectors.EVENT_READ, kubelet)
        self._paths.append(path)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stopped = True
        self._waker.send(b"x")
        self._thread.join(timeout=5)
        for connection in list(self._connections):
            connection.hang_up()
        for key in list(self._selector.get_map().values()):
            key.fileobj.close()  # type: ignore[union-attr]
        self._selector.close()
        self._waker.close()
        for path in self._paths:
            path.unlink(missing_ok=True)

    def _accept(self) -> None:
        while not self._stopped:
            for key, _ in self._selector.select():
                if key.data is None:
                    return
                with contextlib.suppress(OSError):
                    sock, _ = key.fileobj.accept()  # type: ignore[union-attr]
                    thread = threading.Thread(target=self._serve, args=(key.data, sock), name="kubelet-request")
                    thread.daemon = True
                    thread.start()

    def _serve(self, kubelet: Kubelet, sock: socket.socket) -> None:
        connection = FrameSocket(sock)
        self._connections.add(connection)
        try:
            answer(kubelet, connection)
        except (OSError, FrameError):
            pass  # the client is gone
        except Exception:
            log.exception("%s: a request failed", kubelet.name)
        finally:
            self._connections.discard(connection)
            connection.close()


def answer(kubelet: Kubelet, connection: FrameSocket) -> None:
    """One request, from its line to the end of its frames."""
    request = connection.recv_line()
    try:
        operation = OPERATIONS.get(request.get("op", ""))
        if operation is None:
            raise bad_request(f"unknown operation {request.get('op')!r}")
        begun = operation(kubelet, request)
    except ApiError as e:
        connection.send_line({"error": e.status})
        return
    except RuntimeFailure as e:
        connection.send_line({"error": ApiError(500, "", str(e)).status})
        return
    connection.send_line({"ok": True})
    begun(connection)


# ---------------------------------------------------------------------- which container


def find_pod(kubelet: Kubelet, request: Request) -> str:
    """The uid of the pod that is meant. Raises ApiError NotFound."""
    wanted, pod = request.get("uid") or "", kubelet.pods.get(request["pod"], request["namespace"])
    if pod is not None and (not wanted or wanted == uid(pod)):
        wanted = annotations_of(pod).get(MIRROR) or uid(pod)
    if not wanted or (wanted not in kubelet.records and wanted not in kubelet.runtime.pod_uids()):
        raise not_found("pods", "", request["pod"])
    return str(wanted)


def container_of_log(kubelet: Kubelet, request: Request) -> ContainerStatus:
    """Whose log is meant. Raises ApiError BadRequest with the kubelet's reasons when there is none."""
    pod_uid, name, pod_name = find_pod(kubelet, request), request["container"], request["pod"]
    runs = [r for r in kubelet.runtime.pod_state(pod_uid).of(name) if r.state != CREATED]
    if request.get("previous"):
        record = kubelet.records.get(pod_uid)
        held_back = record is not None and name in record.waiting and bool(runs) and runs[0].state == EXITED
        ended = runs if held_back else runs[1:]
        if not ended:
            raise bad_request(f'previous terminated container "{name}" in pod "{pod_name}" not found')
        return ended[0]
    if runs:
        return runs[0]
    record = kubelet.records.get(pod_uid)
    reason, _ = (record.waiting.get(name) if record else None) or ("", "")
    if not reason:
        has_inits = bool(record and record.pod["spec"].get("initContainers"))
        reason = "PodInitializing" if has_inits else "ContainerCreating"
    shown = {
        "ErrImagePull": "image can't be pulled",
        "ImagePullBackOff": "trying and failing to pull image",
    }.get(reason, reason)
    raise bad_request(f'container "{name}" in pod "{pod_name}" is waiting to start: {shown}')


def running_container(kubelet: Kubelet, request: Request) -> ContainerStatus:
    """The running container that is meant. Raises ApiError."""
    name = request["container"]
    newest = kubelet.runtime.pod_state(find_pod(kubelet, request)).newest(name)
    if newest is None or newest.state != RUNNING:
        raise ApiError(500, "", f'container not found ("{name}")')
    return newest


# ---------------------------------------------------------------------- operations

Begun = Callable[[FrameSocket], None]


def _logs(kubelet: Kubelet, request: Request) -> Begun:
    if kubelet.runtime.simulated:
        raise ApiError(500, "", f'node "{kubelet.name}" is simulated: its containers are no processes and have no logs')
    try:
        wanted = logs.selection(request, kubelet.clock.now())
        start = logs.Cursor.parse(request["cursor"].rpartition(" ")[2]) if request.get("cursor") else None
    except ValueError as e:
        raise bad_request(str(e)) from None
    if start is not None:
        container = _resumed(kubelet, request["cursor"].partition(" ")[0])
    else:
        container = container_of_log(kubelet, request)
    container_id, path = container.id, Path(container.log_path)

    def begun(connection: FrameSocket) -> None:
        follower = _Follower(kubelet.runtime, container_id)
        if wanted.follow:
            follower.until_hung_up(connection)
        for chunk, cursor in logs.read(path, wanted, follower.wait, start):
            if wanted.follow:
                connection.send(CURSOR, f"{container_id} {cursor}".encode())
            connection.send(STDOUT, chunk)
        connection.send(ERROR, json.dumps(SUCCESS).encode())

    return begun


class _Follower:
    """Waits for more in a log, as long as the container writes and the client listens."""

    def __init__(self, runtime: Runtime, container_id: str):
        self._runtime, self._container_id = runtime, container_id
        self._hung_up = False

    def wait(self, seen: int) -> tuple[int, bool]:
        """See `logs.Wait`."""
        try:
            while not self._hung_up:
                was_running = self._runtime.container_status(self._container_id).is_running
                patience = 60.0 if was_running and seen >= 0 else 0.0
                now = self._runtime.wait_for_log(self._container_id, seen, patience)
                if now != seen or not was_running:
                    return now, was_running
        except NoSuchContainer:
            pass
        return seen, False

    def until_hung_up(self, connection: FrameSocket) -> None:
        """Notice when the client goes away, although nothing is being written."""

        def listen() -> None:
            while connection.recv() is not None:
                pass
            self._hung_up = True
            with contextlib.suppress(NoSuchContainer):
                self._runtime.wake_log(self._container_id)

        threading.Thread(target=listen, name="kubelet-hangup", daemon=True).start()


def _resumed(kubelet: Kubelet, container_id: str) -> ContainerStatus:
    try:
        return kubelet.runtime.container_status(container_id)
    except NoSuchContainer:
        raise bad_request(f"the container {container_id} is gone") from None


def _exec(kubelet: Kubelet, request: Request) -> Begun:
    command = [str(word) for word in request.get("command") or []]
    if not command:
        raise bad_request("you must specify at least one command for the container")
    container = running_container(kubelet, request)
    stdin, tty = bool(request.get("stdin")), bool(request.get("tty"))
    try:
        session = kubelet.runtime.exec(container.id, command, stdin=stdin, tty=tty)
    except RuntimeFailure as e:
        text = f"error executing command in container: {e}"
        return lambda connection: connection.send(ERROR, json.dumps(_internal(text)).encode())
    return lambda connection: _relay(session, connection, with_exit_code=True)


def _internal(text: str) -> Obj:
    return ApiError(500, "InternalError", f"Internal error occurred: {text}").status


def _attach(kubelet: Kubelet, request: Request) -> Begun:
    container = running_container(kubelet, request)
    session = kubelet.runtime.attach(container.id, stdin=bool(request.get("stdin")))
    return lambda connection: _relay(session, connection, with_exit_code=False)


LINGER = 5.0
"""Seconds in which a client is to close its side, once it has been told how its session ended."""


def _relay(session: Session, connection: FrameSocket, *, with_exit_code: bool) -> None:
    """Pass on what both sides say, until the session ends or the client is gone."""

    def listen() -> None:
        while (frame := connection.recv()) is not None:
            channel, data = frame
            if channel == STDIN:
                session.write(data)
            elif channel == CLOSE and data == bytes((STDIN,)):
                session.close_stdin()
            elif channel == RESIZE:
                with contextlib.suppress(ValueError, KeyError, TypeError):
                    size = json.loads(data)
                    session.resize(int(size["Width"]), int(size["Height"]))
        session.close()

    listener = threading.Thread(target=listen, name="kubelet-stdin", daemon=True)
    listener.start()
    try:
        while (part := session.read()) is not None:
            connection.send(*part)
        code = session.exit_code() if with_exit_code else 0
        connection.send(ERROR, json.dumps(exit_status(code)).encode())
        # A client that is still sending must be able to: a refused byte could cost it the answer that it has not read.
        connection.finish()
        listener.join(LINGER)
    finally:
        session.close()


def exit_status(code: int | None) -> Obj:
    """The Status that ends a session: Success, or NonZeroExitCode with the code as a cause."""
    if not code:
        return SUCCESS
    return {
        "metadata": {},
        "status": "Failure",
        "message": f"command terminated with non-zero exit code: exit status {code}",
        "reason": "NonZeroExitCode",
        "details": {"causes": [{"reason": "ExitCode", "message": str(code)}]},
    }


def _portforward(kubelet: Kubelet, request: Request) -> Begun:
    state = kubelet.runtime.pod_state(find_pod(kubelet, request))
    if state.sandbox is None:
        raise ApiError(500, "", "the pod has no network yet")
    if request.get("port") == 0:
        return portforward.hold
    target = portforward.dial(kubelet.runtime, state.sandbox.id, request)
    return lambda connection: portforward.pipe(target, connection)


def _stats(kubelet: Kubelet, _request: Request) -> Begun:
    """What all containers of the node use, as one JSON document on STDOUT."""
    pods = []
    for record in list(kubelet.records.values()):
        state = kubelet.runtime.pod_state(uid(record.pod))
        containers = []
        for container in state.containers:
            if container.is_running:
                with contextlib.suppress(NoSuchContainer):
                    containers.append({"name": container.name, **asdict(kubelet.runtime.container_stats(container.id))})
        meta = record.pod["metadata"]
        pods.append({"name": meta["name"], "namespace": meta["namespace"], "containers": containers})
    document = json.dumps({"node": kubelet.name, "pods": pods}).encode()

    def begun(connection: FrameSocket) -> None:
        connection.send(STDOUT, document)
        connection.send(ERROR, json.dumps(SUCCESS).encode())

    return begun


def _usage(kubelet: Kubelet, _request: Request) -> Begun:
    """What all containers of the node use now, as a rate, as one JSON document on STDOUT: see `kubelet.usage`."""
    document = json.dumps({"node": kubelet.name, "pods": kubelet.usage.measure(kubelet.running_pods())}).encode()

    def begun(connection: FrameSocket) -> None:
        connection.send(STDOUT, document)
        connection.send(ERROR, json.dumps(SUCCESS).encode())

    return begun


OPERATIONS: dict[str, Callable[[Kubelet, Request], Begun]] = {
    "logs": _logs,
    "exec": _exec,
    "attach": _attach,
    "portforward": _portforward,
    "stats": _stats,
    "usage": _usage,
}
