"""The process kube-apiserver: the API server as a library, its cache, and the HTTPS server before them."""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import Callable
from pathlib import Path

from minikctl.apiserver.auth.authorizer import Authorizer
from minikctl.apiserver.auth.policies import CachedPolicies
from minikctl.apiserver.cache import WatchCache
from minikctl.apiserver.http import server
from minikctl.apiserver.http.access import ClusterAccess
from minikctl.apiserver.http.app import Application
from minikctl.apiserver.hub import JournalHub
from minikctl.apiserver.server import APIServer
from minikctl.store import Notifier, Store

log = logging.getLogger("apiserver")


Accept = Callable[[socket.socket], Callable[[], None]]


def run(
    state_dir: Path,
    listener: socket.socket,
    *,
    fsync: bool = False,
    also: Callable[[Accept], None] = lambda _accept: None,
) -> None:
    """Serve a state directory until SIGTERM. `also` is given a function with which a thread of its own can have more
    sockets served, later (see `Server.accept_also`). Raises FileNotFoundError when the directory has gone meanwhile."""
    context = server.tls(state_dir)
    server.raise_file_limit()
    store = Store(state_dir, fsync=fsync, create=False)
    store.current_rv()
    notifier = Notifier(store.journal_dir).start()
    api = APIServer(store, notifier=notifier)
    hub = JournalHub(api)
    address = "{}:{}".format(*listener.getsockname())
    api.authorizer = Authorizer(CachedPolicies(api, hub), api)
    access = ClusterAccess(api, api.authorizer)
    app = Application(api, WatchCache(api, hub), access, address=address)
    https = server.make(app, context, app.end_streams)
    also(https.accept_also)
    log.info("serving https://%s", address)
    try:
        asyncio.run(https.serve(sockets=[listener]))
    finally:
        hub.stop()
        notifier.stop()
        store.close()
