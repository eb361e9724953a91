"""The HTTP front on a real socket, without TLS and open to everybody: for tests of the transport."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import uvicorn

from minikctl.apiserver.cache import WatchCache
from minikctl.apiserver.http.app import Application
from minikctl.apiserver.http.messages import Request
from minikctl.apiserver.http.routing import Target
from minikctl.apiserver.http.websocket_protocol import WebSocketProtocol
from minikctl.apiserver.hub import JournalHub
from minikctl.apiserver.request import ADMIN, User
from tests.support.cluster import TestCluster
from tests.support.waiting import eventually


class Open:
    """Everybody is the administrator."""

    def authenticate(self, _request: Request) -> User:
        return ADMIN

    def authorize(self, _user: User, _target: Target) -> None:
        return None

    def authorize_path(self, _user: User, _method: str, _path: str) -> None:
        return None


@contextmanager
def serving(cluster: TestCluster) -> Iterator[str]:
    """The base URL of a server for this (live) cluster."""
    hub = JournalHub(cluster.api)
    app: Any = Application(cluster.api, WatchCache(cluster.api, hub), Open())
    listener = socket.create_server(("127.0.0.1", 0))
    config = uvicorn.Config(
        app,
        log_level="warning",
        lifespan="off",
        http="httptools",
        ws=WebSocketProtocol,
        ws_ping_interval=None,
        ws_per_message_deflate=False,
        timeout_graceful_shutdown=1,
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
    thread.start()
    eventually(lambda: server.started)
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join(10)
        hub.stop()
        listener.close()
