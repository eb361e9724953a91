"""How one probe is made: a command in the container, an HTTP request, a TCP connection, a gRPC health check.

Messages are those that Kubernetes users know from Go's net packages. Source: kubelet `prober/prober.go`, `pkg/probe`.
"""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from urllib.parse import SplitResult, urljoin, urlsplit

from minikctl.api.meta import Obj
from minikctl.runtime.interface import ContainerStatus, Runtime, RuntimeFailure

USER_AGENT = "kube-probe/1.36"
_BODY = 10 * 1024
_REDIRECTS = 10
"""So many requests at most; redirections to another host are not followed."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """ok None: the probe itself could not be made, its result says nothing."""

    ok: bool | None
    output: str = ""
    warning: bool = False
    """It counts as a success, but somebody should hear of `output`."""
    answered: bool = False
    """An HTTP server answered, whatever it said."""


def run(runtime: Runtime, pod: Obj, container: Obj, probe: Obj, status: ContainerStatus) -> Outcome:
    """Probe once."""
    timeout = float(probe.get("timeoutSeconds") or 1)
    if "exec" in probe:
        return _exec(runtime, status, probe["exec"].get("command") or [], timeout)
    sandbox = runtime.pod_state(pod["metadata"]["uid"]).sandbox
    if sandbox is None:
        return Outcome(None)
    for kind, handler in (("httpGet", _http), ("tcpSocket", _tcp), ("grpc", _grpc)):
        if kind in probe:
            action = probe[kind]
            try:
                port = _port(action["port"], container)
            except ValueError as e:
                return Outcome(None, str(e))
            return handler(runtime, sandbox.id, action.get("host") or sandbox.ip, port, action, timeout)
    return Outcome(None, "missing probe handler")


def _port(port: int | str, container: Obj) -> int:
    """A port's number, given by number or by name. Raises ValueError."""
    if isinstance(port, int) or port.isdigit():
        return int(port)
    for declared in container.get("ports") or []:
        if declared.get("name") == port:
            return int(declared["containerPort"])
    raise ValueError(f"port {port} not found")


def _exec(runtime: Runtime, status: ContainerStatus, command: list[str], timeout: float) -> Outcome:
    try:
        done = runtime.exec_sync(status.id, command, timeout)
    except RuntimeFailure as e:
        return Outcome(None, str(e))
    if done.exit_code is None:
        return Outcome(False, f'command timed out: "{" ".join(command)}" timed out after {timeout:g}s')
    return Outcome(done.exit_code == 0, done.output[:_BODY].decode("utf-8", "replace"))


def _tcp(runtime: Runtime, sandbox: str, host: str, port: int, _action: Obj, timeout: float) -> Outcome:
    try:
        runtime.dial(sandbox, host, port, timeout).close()
    except OSError as e:
        return Outcome(False, dial_error(host, port, e))
    return Outcome(True)


def _grpc(runtime: Runtime, sandbox: str, host: str, port: int, action: Obj, timeout: float) -> Outcome:
    from minikctl.kubelet import grpc_health

    address, service = f"{host}:{port}", str(action.get("service") or "")
    try:
        with runtime.dial(sandbox, host, port, timeout) as sock:
            sock.settimeout(timeout)
            status = grpc_health.check(sock, address, service, USER_AGENT)
    except grpc_health.GrpcFailure as e:
        if e.code == grpc_health.UNIMPLEMENTED:
            text = f"error: this server does not implement the grpc health protocol (grpc.health.v1.Health): {e}"
            return Outcome(False, text)
        return Outcome(False, f"error: health rpc probe failed: rpc error: code = {e.code} desc = {e}")
    except OSError as e:
        text = f'timeout: failed to connect service "{address}" within {timeout:g}s: {dial_error(host, port, e)}'
        return Outcome(False, text)
    if status != "SERVING":
        return Outcome(False, f'service unhealthy (responded with "{status}")')
    return Outcome(True, "service healthy")


def _http(runtime: Runtime, sandbox: str, host: str, port: int, action: Obj, timeout: float) -> Outcome:
    path = action.get("path") or "/"
    path = path if path.startswith("/") else f"/{path}"
    url = f"{(action.get('scheme') or 'HTTP').lower()}://{host}:{port}{path}"
    sent = {h["name"]: h.get("value", "") for h in action.get("httpHeaders") or []}
    deadline = time.monotonic() + timeout
    for _ in range(_REDIRECTS):
        found = _once(runtime, sandbox, url, sent, deadline)
        if isinstance(found, Outcome):
            return found
        status, body, location = found
        if 300 <= status < 400:
            if location and urlsplit(urljoin(url, location)).hostname == urlsplit(url).hostname:
                url = urljoin(url, location)
                continue
            return Outcome(True, f"Probe terminated redirects, Response body: {body}", warning=True)
        if 200 <= status < 300:
            return Outcome(True, body)
        return Outcome(False, f"HTTP probe failed with statuscode: {status}", answered=True)
    return Outcome(False, f'Get "{location}": stopped after {_REDIRECTS} redirects')


def _once(
    runtime: Runtime, sandbox: str, url: str, sent: dict[str, str], deadline: float
) -> Outcome | tuple[int, str, str]:
    """One request: status, body, where it redirects to; an Outcome when there is no answer."""
    from http.client import HTTPException

    parts = urlsplit(url)
    host, port = parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)
    try:
        return _get(runtime, sandbox, parts, host, port, sent, max(deadline - time.monotonic(), 0.001))
    except TimeoutError:
        why = "context deadline exceeded (Client.Timeout exceeded while awaiting headers)"
        return Outcome(False, f'Get "{url}": {why}')
    except OSError as e:
        return Outcome(False, f'Get "{url}": {dial_error(host, port, e)}')
    except HTTPException as e:
        return Outcome(False, f'Get "{url}": {str(e) or "EOF"}')


def _get(
    runtime: Runtime, sandbox: str, parts: SplitResult, host: str, port: int, sent: dict[str, str], timeout: float
) -> tuple[int, str, str]:
    from http.client import HTTPConnection

    connection = HTTPConnection(host, port, timeout=timeout)
    sock = runtime.dial(sandbox, host, port, timeout)
    try:
        sock.settimeout(timeout)
        if parts.scheme == "https":
            import ssl

            context = ssl.create_default_context()
            context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
            sock = context.wrap_socket(sock)
        connection.sock = sock
        headers = {"User-Agent": USER_AGENT, "Accept": "*/*", "Connection": "close", **sent}
        connection.request("GET", (parts.path or "/") + (f"?{parts.query}" if parts.query else ""), headers=headers)
        answer = connection.getresponse()
        body = answer.read(_BODY).decode("utf-8", "replace")
        return answer.status, body, answer.getheader("Location") or ""
    finally:
        connection.close()
        sock.close()


def dial_error(host: str, port: int, error: OSError) -> str:
    """`dial tcp 127.1.2.3:80: connect: connection refused`."""
    if isinstance(error, TimeoutError):
        return f"dial tcp {host}:{port}: i/o timeout"
    text = os.strerror(error.errno).lower() if error.errno else str(error).lower()
    return f"dial tcp {host}:{port}: connect: {text}"
