"""An API server behind the API server: HTTPS in the test's own process, and the objects that lead there."""

from __future__ import annotations

import json
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

from minikctl.api.meta import Obj
from tests.support.cluster import TestCluster
from tests.support.webhook import _Listener, certificates

Answer = Callable[[str], Any]
"""Path with query → what to say; None for 404."""


@dataclass
class Adapter:
    port: int
    ca_bundle: str
    seen: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    """(path, headers in small letters), in order."""


@contextmanager
def serving(folder: Path, answer: Answer, *, clients: str = "") -> Iterator[Adapter]:
    """Its certificate is for adapter.monitoring.svc. clients: PEM of the authority that clients must be of."""
    bundle, chain = certificates(folder, ("adapter.monitoring.svc",))
    made = Adapter(0, bundle)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            made.seen.append((self.path, {k.lower(): v for k, v in self.headers.items()}))
            said = answer(self.path)
            missing = {"kind": "Status", "status": "Failure", "reason": "NotFound", "code": 404, "message": "unknown"}
            body = json.dumps(missing if said is None else said).encode()
            self.send_response(404 if said is None else 200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_args: Any) -> None:
            return None

    listener = _Listener(("127.0.0.1", 0), Handler)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(chain)
    if clients:
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_verify_locations(cadata=clients)
    listener.socket = context.wrap_socket(listener.socket, server_side=True, do_handshake_on_connect=False)
    made.port = listener.server_port
    thread = threading.Thread(target=listener.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield made
    finally:
        listener.shutdown()
        listener.server_close()
        thread.join(10)


def api_service(group: str, version: str, **spec: Any) -> Obj:
    where = {"name": "adapter", "namespace": "monitoring"}
    whole = {"group": group, "version": version, "groupPriorityMinimum": 100, "versionPriority": 100, "service": where}
    return {"metadata": {"name": f"{version}.{group}"}, "spec": {**whole, **spec}}


def lead_to(cluster: TestCluster, adapter: Adapter) -> None:
    """The Service monitoring/adapter, whose one endpoint is the adapter."""
    client = cluster.client
    client.create("namespaces", {"metadata": {"name": "monitoring"}})
    port = {"name": "https", "port": 443, "protocol": "TCP"}
    client.create("services", {"metadata": {"name": "adapter"}, "spec": {"ports": [port]}}, "monitoring")
    piece = {
        "apiVersion": "discovery.k8s.io/v1",
        "kind": "EndpointSlice",
        "metadata": {
            "name": "adapter-1",
            "namespace": "monitoring",
            "labels": {"kubernetes.io/service-name": "adapter"},
        },
        "addressType": "IPv4",
        "ports": [{**port, "port": adapter.port}],
        "endpoints": [{"addresses": ["127.0.0.1"], "conditions": {"ready": True}}],
    }  # stored directly: a loopback address is none that an endpoint may have
    cluster.store.create("endpointslices/monitoring/adapter-1", piece, actor="test")
