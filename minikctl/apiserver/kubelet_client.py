"""From a request for a pod's logs, or for a command in it, to the kubelet of the pod's node.

Everything here raises ApiError, with the texts of Kubernetes' API server. Source: `pkg/registry/core/pod/strategy.go`
(LogLocation, ExecLocation), `pkg/registry/core/pod/rest`.
"""

from __future__ import annotations

import json
import os
import socket
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from minikctl.api.errors import ApiError, bad_request, field_not_supported, invalid
from minikctl.api.errors import field_forbidden as _forbidden
from minikctl.api.errors import field_invalid as _invalid
from minikctl.api.meta import Obj, uid
from minikctl.util.frames import CURSOR, ERROR, STDOUT, FrameError, FrameSocket
from minikctl.util.sockets import connect_unix

if TYPE_CHECKING:
    from minikctl.apiserver.server import APIServer

PATIENCE = 30.0
"""Seconds for which a log that is being followed waits for its node's agent to come back."""
PAUSE = 0.05
ANSWER = 30.0
"""Seconds that a kubelet may take to accept a request; connecting to a port takes it up to 10."""
STREAMS = ("All", "Stderr", "Stdout")


@dataclass(frozen=True)
class Call:
    """A request to a node's kubelet. `where` is its path on a kubelet's port, for messages."""

    node: str
    request: Mapping[str, Any]
    where: str


def logs(api: APIServer, namespace: str, name: str, options: Mapping[str, Any]) -> Iterator[bytes]:
    """Chunks of a container's log, in the words of PodLogOptions. Checks at once, reads while it is iterated.

    A log that is followed goes on when the node's agent is restarted.
    """
    call = log_call(api, namespace, name, options)
    if call is None:
        return iter(())
    return _stream(api, call, open_call(api, call))


def log_call(api: APIServer, namespace: str, name: str, options: Mapping[str, Any]) -> Call | None:
    """The request that reads a log; None while the pod is on no node."""
    options = dict(options)
    _check_log_options(name, options)
    pod = api.registry.get(api.kind("pods"), namespace, name)
    options["container"] = container_name(pod, options.get("container") or "")
    node = pod["spec"].get("nodeName")
    if not node:
        return None
    return Call(node, _request("logs", pod, options), f"containerLogs/{namespace}/{name}/{options['container']}")


def connect(api: APIServer, namespace: str, name: str, subresource: str, options: Mapping[str, Any]) -> FrameSocket:
    """An open exec, attach or portforward; options as in PodExecOptions and its like."""
    call = session_call(api, namespace, name, subresource, options)
    try:
        return open_call(api, call)
    except ApiError as e:
        raise e if subresource == "portforward" else session_failure(e) from None


def session_failure(error: ApiError) -> ApiError:
    """What the API server makes of a kubelet's refusal of exec or attach. Source: apiserver `util/proxy`."""
    text = error.message
    if "kubelet" in error.details:
        text = f"error dialing backend: {text.partition(': ')[2]}"
    elif error.code == 500:
        text = f"unable to upgrade connection: {text}"
    else:
        return error
    return ApiError(500, "InternalError", f"Internal error occurred: {text}", {"causes": [{"message": text}]})


def session_call(api: APIServer, namespace: str, name: str, subresource: str, options: Mapping[str, Any]) -> Call:
    """The request that opens an exec, attach or portforward."""
    pod = api.registry.get(api.kind("pods"), namespace, name)
    options = dict(options)
    if subresource != "portforward":
        options["container"] = container_name(pod, options.get("container") or "")
    node = pod["spec"].get("nodeName")
    if not node:
        raise bad_request(f"pod {name} does not have a host assigned")
    where = f"{subresource}/{namespace}/{name}/{options.get('container', '')}".rstrip("/")
    return Call(node, _request(subresource, pod, options), where)


def stats(api: APIServer, node: str) -> Obj:
    """What the containers of a node use."""
    connection = open_call(api, Call(node, {"op": "stats"}, "stats/summary"))
    try:
        while (frame := connection.recv()) is not None:
            if frame[0] == STDOUT:
                found: Obj = json.loads(frame[1])
                return found
    finally:
        connection.close()
    raise unreachable(node, "stats/summary", "EOF")


def container_name(pod: Obj, wanted: str) -> str:
    """The container that is meant. Raises ApiError BadRequest."""
    spec, name = pod["spec"], pod["metadata"]["name"]
    mains, inits, extra = (_names(spec.get(k)) for k in ("containers", "initContainers", "ephemeralContainers"))
    if wanted:
        if wanted not in (*mains, *inits, *extra):
            raise bad_request(f"container {wanted} is not valid for pod {name}")
        return wanted
    if len(mains) == 1:
        return mains[0]
    text = f"a container name must be specified for pod {name}, choose one of: {_listed(mains)}"
    if inits:
        text += f" or one of the init containers: {_listed(inits)}"
    if extra:
        text += f" or one of the ephemeral containers: {_listed(extra)}"
    raise bad_request(text)


def _names(containers: Sequence[Obj] | None) -> list[str]:
    return [c["name"] for c in containers or []]


def _listed(names: Sequence[str]) -> str:
    return "[" + " ".join(names) + "]"


def _check_log_options(name: str, options: Mapping[str, Any]) -> None:
    """Raises ApiError Invalid."""
    errors = []
    tail, limit, since = options.get("tailLines"), options.get("limitBytes"), options.get("sinceSeconds")
    if tail is not None and int(tail) < 0:
        errors.append(_invalid("tailLines", int(tail), "must be greater than or equal to 0"))
    if limit is not None and int(limit) < 1:
        errors.append(_invalid("limitBytes", int(limit), "must be greater than 0"))
    if since is not None and options.get("sinceTime"):
        errors.append(_forbidden("", "at most one of `sinceTime` or `sinceSeconds` may be specified"))
    elif since is not None and int(since) < 1:
        errors.append(_invalid("sinceSeconds", int(since), "must be greater than 0"))
    stream = options.get("stream") or "All"
    if stream not in STREAMS:
        errors.append(field_not_supported("stream", stream, list(STREAMS)))
    elif stream != "All" and tail is not None:
        errors.append(_forbidden("", "`tailLines` and specific `stream` are mutually exclusive for now"))
    if errors:
        raise invalid("PodLogOptions", "", name, errors)


# ---------------------------------------------------------------------- the connection


def socket_path(root: Path, node: str) -> Path:
    """Where a node's kubelet listens."""
    return root / "run" / f"kubelet-{node}.sock"


def _request(operation: str, pod: Obj, options: Mapping[str, Any]) -> dict[str, Any]:
    meta = pod["metadata"]
    return {"op": operation, **options, "namespace": meta["namespace"], "pod": meta["name"], "uid": uid(pod)}


def dial(api: APIServer, call: Call) -> socket.socket:
    """A connection to a node's kubelet. Raises ApiError."""
    path = socket_path(Path(api.store.root), call.node)
    try:
        return connect_unix(path, timeout=10.0)
    except OSError as e:
        raise unreachable(call.node, call.where, f"dial unix {path}: connect: {_words(e)}") from None


def open_call(api: APIServer, call: Call) -> FrameSocket:
    """Connect and have the request accepted."""
    sock = dial(api, call)
    connection = FrameSocket(sock)
    try:
        sock.settimeout(ANSWER)
        connection.send_line(dict(call.request))
        answer = connection.recv_line()
        sock.settimeout(None)
    except (OSError, FrameError) as e:
        connection.close()
        raise unreachable(call.node, call.where, "i/o timeout" if isinstance(e, TimeoutError) else "EOF") from None
    if answer.get("ok"):
        return connection
    connection.close()
    raise ApiError.from_status(answer.get("error") or {})


def unreachable(node: str, where: str, why: str) -> ApiError:
    return ApiError(500, "", f'Get "https://{node}:10250/{where}": {why}', {"kubelet": node})


def _words(error: OSError) -> str:
    if isinstance(error, TimeoutError):
        return "i/o timeout"
    return os.strerror(error.errno).lower() if error.errno else str(error)


class LogReading:
    """How far a log has been read, so that reading can go on over another connection."""

    def __init__(self, call: Call):
        self._call = call
        self._cursor, self._upcoming, self._sent = "", "", 0
        self.is_over = False

    def take(self, frame: tuple[int, bytes]) -> bytes:
        """What the frame holds of the log. Raises ApiError when it holds a failure."""
        channel, data = frame
        if channel == STDOUT:
            self._cursor = self._upcoming
            self._sent += len(data)
            return data
        if channel == CURSOR:
            self._upcoming = data.decode()
        elif channel == ERROR:
            self.is_over = True
            status = json.loads(data)
            if status.get("status") == "Failure":
                raise ApiError.from_status(status)
        return b""

    def again(self) -> Call | None:
        """The request for the rest after a connection was lost; None when nobody waits for more."""
        request = dict(self._call.request)
        if self.is_over or not request.get("follow"):
            return None
        if self._cursor:
            request["cursor"] = self._cursor
        if request.get("limitBytes") is not None:
            request["limitBytes"] = max(int(request["limitBytes"]) - self._sent, 0)
        return replace(self._call, request=request)


def may_come_back(error: ApiError, deadline: float) -> bool:
    """Whether to try again to reach a kubelet, until `deadline` on the monotonic clock."""
    return "kubelet" in error.details and time.monotonic() < deadline


def _stream(api: APIServer, call: Call, connection: FrameSocket) -> Iterator[bytes]:
    """The data of a log, over as many connections as it takes."""
    reading = LogReading(call)
    try:
        while True:
            while not reading.is_over and (frame := connection.recv()) is not None:
                if data := reading.take(frame):
                    yield data
            connection.close()
            rest = reading.again()
            if rest is None:
                return
            connection = _again(api, rest)
    finally:
        connection.close()


def _again(api: APIServer, call: Call) -> FrameSocket:
    """Wait for the agent that takes the place of the one that went."""
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            return open_call(api, call)
        except ApiError as e:
            if not may_come_back(e, deadline):
                raise
        time.sleep(PAUSE)
