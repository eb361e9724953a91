"""Several control planes (`cluster start --control-planes 3`): who leads, and who stands by.

* kube-controller-manager and kube-scheduler are one process a control plane. One of each leads, by a Lease in
  kube-system; the others wait and cost next to nothing: they fill no caches before they lead. Killing the leader hands
  over when its Lease has run out (15 s unless set otherwise), ending it in good order hands over at once.
* Every API server serves: they share the listening socket, which stands for the load balancer of a real cluster. Each
  says that it is there by a Lease of its own, as Kubernetes' do.
* The store is a directory of files with an flock, made for many writers; it needs no copies to agree, so there is one.
  The supervisor is one, too: it is what systemd is to a real control plane.

With one control plane nobody competes: no election, no Leases.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import logging
import socket
import threading
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from minikctl.api.errors import ApiError
from minikctl.api.meta import Obj, micro_timestamp
from minikctl.client.leader_election import NAMESPACE, LeaderElector, Timing
from minikctl.client.local import LocalClient
from minikctl.client.state_dir import Cluster
from minikctl.cluster.layout import Component
from minikctl.util.clock import SystemClock
from minikctl.util.signals import StopSignal

log = logging.getLogger("cluster")
ANNOUNCE_SECONDS, ANNOUNCED_FOR = 10.0, 3600
IDENTITY_LABEL = "apiserver.kubernetes.io/identity"

Start = Callable[[LocalClient, threading.Event], Callable[[], None]]
"""Starts the work of a leader; what is returned ends it."""


class LeaseLost(Exception):
    """Another process leads now, perhaps: this one must end, and comes back as a candidate."""


def lead(component: Component, state_dir: Path, cluster: Cluster, actor: str, start: Start) -> None:
    """Stand by, lead, and give the lead back on SIGTERM. Raises LeaseLost."""
    stop = StopSignal()
    identity = f"control-plane-{component.plane}_{uuid.uuid4()}"
    candidate = LocalClient.on_files(state_dir, actor=actor)  # its writes must not depend on the lead
    elector = LeaderElector(candidate, actor, identity, Timing(**cluster.leaderElection))
    if not elector.acquire(stop.wait_for):
        return
    client = LocalClient.open(str(state_dir), actor=actor, fsync=cluster.fsync, create=False)
    client.lead_by(actor, identity)
    end = start(client, stop.event)
    if not elector.renew(stop.wait_for):
        raise LeaseLost(f"{actor}: leaderelection lost")
    end()
    elector.release()
    client.close()
    candidate.close()


# ---------------------------------------------------------------------- API servers


@contextlib.contextmanager
def announced(component: Component, state_dir: Path, cluster: Cluster) -> Iterator[None]:
    """While an API server of several runs, a Lease says so."""
    over = threading.Event()
    thread = threading.Thread(target=_announce, args=(component, state_dir, cluster, over), daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join(timeout=2)


def _announce(component: Component, state_dir: Path, cluster: Cluster, over: threading.Event) -> None:
    clock, client = SystemClock(), LocalClient.on_files(state_dir, actor="kube-apiserver")
    lease = api_server_lease(cluster.uid, component.plane, socket.gethostname())
    while True:
        try:
            _renew(client, lease, micro_timestamp(clock.now()))
        except ApiError as e:
            log.warning("the lease of this API server: %s", e.message)
        if over.wait(ANNOUNCE_SECONDS):
            break
    with contextlib.suppress(ApiError):
        client.delete("leases", lease["metadata"]["name"], NAMESPACE)
    client.close()


def _renew(client: LocalClient, lease: Obj, now: str) -> None:
    name = lease["metadata"]["name"]
    try:
        found = client.get("leases", name, NAMESPACE)
    except ApiError as e:
        if e.reason != "NotFound":
            raise
        client.create("leases", {**lease, "spec": {**lease["spec"], "renewTime": now}}, NAMESPACE)
        return
    client.update("leases", {**found, "spec": {**lease["spec"], "renewTime": now}})


def api_server_lease(cluster_uid: str, plane: int, host: str) -> Obj:
    """The Lease of one API server; its name stays the same when the process comes back. Pure but for the identity."""
    digest = hashlib.sha256(f"{cluster_uid}/{host}/{plane}".encode()).digest()[:16]
    name = "apiserver-" + base64.b32encode(digest).decode().rstrip("=").lower()
    labels = {IDENTITY_LABEL: "kube-apiserver", "kubernetes.io/hostname": host.lower()}
    holder = f"{name}_{uuid.uuid4()}"
    return {
        "metadata": {"name": name, "namespace": NAMESPACE, "labels": labels},
        "spec": {"holderIdentity": holder, "leaseDurationSeconds": ANNOUNCED_FOR},
    }


# ---------------------------------------------------------------------- what one can see


def leaders(state_dir: Path) -> dict[str, str]:
    """{kube-controller-manager: control-plane-2, …} as the Leases say; a role that nobody leads is missing."""
    client = LocalClient.on_files(state_dir, actor="minikctl-cluster")
    try:
        held: list[Any] = client.list("leases", NAMESPACE)["items"]
    finally:
        client.close()
    found = {}
    for lease in held:
        holder, _, identity = str((lease.get("spec") or {}).get("holderIdentity") or "").partition("_")
        if identity and IDENTITY_LABEL not in (lease["metadata"].get("labels") or {}):
            found[lease["metadata"]["name"]] = holder
    return found
