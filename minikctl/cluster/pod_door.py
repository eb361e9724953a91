"""The API server as pods find it: the Service `kubernetes` leads to an address in the cluster network, at which every
API server of the cluster listens besides its own on this machine.

The listening socket belongs to the process of the network, so that who connects while an API server starts anew waits.
When the network itself was killed, its next process has another one, which is asked for here at once.
"""

from __future__ import annotations

import contextlib
import logging
import os
import threading
from collections.abc import Callable
from pathlib import Path
from socket import socket

from minikctl.api.errors import ApiError
from minikctl.api.meta import Obj
from minikctl.client.local import LocalClient
from minikctl.runtime.network.addresses import CONTROL_PLANE
from minikctl.runtime.network.client import ClusterNetwork, NetworkFailure
from minikctl.util.polling import readable

log = logging.getLogger("apiserver")
ACTOR, NAME, NAMESPACE = "kube-apiserver", "kubernetes", "default"
PAUSE = 1.0
"""Seconds until a network that does not answer is asked again."""

Accept = Callable[[socket], Callable[[], None]]
"""Serve a listening socket; what is returned stops that."""


def open_to_pods(state_dir: Path, port: int, accept: Accept) -> None:
    """In a thread of its own, as long as this process lives."""
    threading.Thread(target=_run, args=(state_dir, port, accept), name="pod-door", daemon=True).start()


def _run(state_dir: Path, port: int, accept: Accept) -> None:
    network = ClusterNetwork.open(state_dir)
    client = LocalClient.on_files(state_dir, actor=ACTOR)
    try:
        publish(client, CONTROL_PLANE if network else "", port)
    except ApiError as e:
        log.warning("cannot write the endpoints of the Service kubernetes: %s", e.message)
    finally:
        client.close()
    while network is not None:
        try:
            ended = network.watch()
            stop = accept(network.listen(CONTROL_PLANE, port))
        except NetworkFailure as e:
            log.warning("pods do not reach this API server: %s", e.strerror)
            threading.Event().wait(PAUSE)
            continue
        readable([ended])
        os.close(ended)
        stop()


# ---------------------------------------------------------------------- endpoints


def publish(client: LocalClient, address: str, port: int) -> None:
    """Have the endpoints of the Service `kubernetes` say where the API server listens for pods, or, with no address, say
    nothing. As Kubernetes' API servers do (controlplane/reconcilers), it is no controller's work. Raises ApiError."""
    for resource, wanted in (
        ("endpoints", endpoints(address, port)),
        ("endpointslices", endpoint_slice(address, port)),
    ):
        if not address:
            with contextlib.suppress(ApiError):
                client.delete(resource, NAME, NAMESPACE)
            continue
        try:
            client.create(resource, wanted, NAMESPACE)
        except ApiError as e:
            if e.reason != "AlreadyExists":
                raise
            found = client.get(resource, NAME, NAMESPACE)
            if any(found.get(k) != v for k, v in wanted.items() if k != "metadata"):
                client.update(resource, {**found, **{k: v for k, v in wanted.items() if k != "metadata"}})


def endpoints(address: str, port: int) -> Obj:
    labels = {"endpointslice.kubernetes.io/skip-mirror": "true"}
    subset = {"addresses": [{"ip": address}], "ports": [{"name": "https", "port": port, "protocol": "TCP"}]}
    return {"metadata": {"name": NAME, "labels": labels}, "subsets": [subset]}


def endpoint_slice(address: str, port: int) -> Obj:
    return {
        "metadata": {"name": NAME, "labels": {"kubernetes.io/service-name": NAME}},
        "addressType": "IPv4",
        "endpoints": [{"addresses": [address], "conditions": {"ready": True}}],
        "ports": [{"name": "https", "port": port, "protocol": "TCP"}],
    }
