"""A probe in one line."""

from __future__ import annotations

from urllib.parse import quote

from minikctl.api.meta import Obj
from minikctl.kubectl.describe.values import go


def probe(value: Obj) -> str:
    """`http-get http://:80/ delay=0s timeout=1s period=10s #success=1 #failure=3`."""
    timing = (
        f"delay={value.get('initialDelaySeconds', 0)}s timeout={value.get('timeoutSeconds', 0)}s "
        f"period={value.get('periodSeconds', 0)}s #success={value.get('successThreshold', 0)} "
        f"#failure={value.get('failureThreshold', 0)}"
    )
    if (action := value.get("exec")) is not None:
        return f"exec {go(action.get('command') or [])} {timing}"
    if (action := value.get("httpGet")) is not None:
        return f"http-get {_url(action)} {timing}"
    if (action := value.get("tcpSocket")) is not None:
        return f"tcp-socket {action.get('host', '')}:{action.get('port', '')} {timing}"
    if (action := value.get("grpc")) is not None:
        return f"grpc <pod>:{action.get('port', 0)} {action.get('service') or ''} {timing}"
    return f"unknown {timing}"


def _url(action: Obj) -> str:
    host, port = action.get("host", ""), str(action.get("port", ""))
    if port:
        host = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    scheme, path = action.get("scheme", "").lower(), action.get("path", "")
    if path and not path.startswith("/") and host:
        path = "/" + path
    prefix = f"{scheme}:" if scheme else ""
    return f"{prefix}//{host}{quote(path, safe=_PATH_CHARACTERS)}"


_PATH_CHARACTERS = "/$&+,:;=@!'()*~"
