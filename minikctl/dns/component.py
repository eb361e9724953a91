"""The DNS of a cluster with a cluster network: the Service kube-dns, and the server that it leads to.

The server listens on the control plane's address, like everything else that runs beside the nodes; the Service's
address 10.96.0.10 leads there by the Service proxy, as it leads to CoreDNS' pods in other clusters.
"""

from __future__ import annotations

import logging
import socket
import threading
from collections.abc import Callable

from minikctl.api.errors import ApiError
from minikctl.api.meta import Obj, owner_reference
from minikctl.client.informer import InformerFactory
from minikctl.client.protocol import Client
from minikctl.dns.answer import DNS_ADDRESS
from minikctl.dns.records import SERVICE_NAME, Records
from minikctl.dns.server import Server
from minikctl.dns.upstream import Upstream, own_socket, resolvers

log = logging.getLogger("dns")
ACTOR = "kube-dns"
NAMESPACE, NAME = "kube-system", "kube-dns"
PORT = 53
PORTS = ({"name": "dns", "protocol": "UDP", "port": PORT}, {"name": "dns-tcp", "protocol": "TCP", "port": PORT})
BACKLOG = 256


def start(
    client: Client,
    address: str,
    *,
    host_address: str = "",
    host_socket: Callable[[str, int], socket.socket] = own_socket,
) -> Callable[[], None]:
    """Serve in threads of this process, in its network namespace, until the returned function is called.

    address: where to listen. host_address: what `host.minikctl.internal` is. host_socket: sockets from which the host's
    resolvers are reached. Raises OSError when nothing can listen there.
    """
    own = client.for_actor(ACTOR)
    udp, tcp = listen(address)
    informers = InformerFactory(own)
    records = Records.of(informers)
    server = Server(records, udp, tcp, Upstream(resolvers(), new_socket=host_socket), host_address)
    thread = threading.Thread(target=_run, args=(informers, server, own, address), name="dns", daemon=True)
    thread.start()

    def stop() -> None:
        server.stop()
        thread.join(5)
        informers.stop()

    return stop


def listen(address: str) -> tuple[socket.socket, socket.socket]:
    """UDP and TCP. Raises OSError."""
    udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    tcp = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        udp.bind((address, PORT))
        tcp.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        tcp.bind((address, PORT))
        tcp.listen(BACKLOG)
    except OSError:
        udp.close()
        tcp.close()
        raise
    return udp, tcp


def _run(informers: InformerFactory, server: Server, client: Client, address: str) -> None:
    """Nothing is answered before everything is known: a name must not seem absent."""
    informers.start()
    informers.wait_for_sync()
    try:
        ensure_service(client, address)
    except ApiError as e:
        log.error("cannot make the Service %s: %s", NAME, e)
    log.info("answering names at %s", address)
    server.run()


# ---------------------------------------------------------------------- the Service


def ensure_service(client: Client, address: str) -> None:
    """Create the Service and its slice where they are missing, and keep the slice true. Raises ApiError."""
    service = _find(client, "services") or client.create("services", service_object(), NAMESPACE)
    wanted = slice_object(service, address)
    there = _find(client, "endpointslices.discovery.k8s.io")
    if there is None:
        client.create("endpointslices.discovery.k8s.io", wanted, NAMESPACE)
    elif (there.get("endpoints"), there.get("ports")) != (wanted["endpoints"], wanted["ports"]):
        change = {"endpoints": wanted["endpoints"], "ports": wanted["ports"]}
        client.patch("endpointslices.discovery.k8s.io", NAME, change, NAMESPACE)


def service_object() -> Obj:
    """As kubeadm makes it, but for the selector: no pod answers here."""
    labels = {"k8s-app": "kube-dns", "kubernetes.io/cluster-service": "true", "kubernetes.io/name": "CoreDNS"}
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": NAME, "namespace": NAMESPACE, "labels": labels},
        "spec": {"clusterIP": DNS_ADDRESS, "ports": [{**p, "targetPort": PORT} for p in PORTS]},
    }


def slice_object(service: Obj, address: str) -> Obj:
    labels = {SERVICE_NAME: NAME, "endpointslice.kubernetes.io/managed-by": "dns.minikctl"}
    owner = owner_reference({"apiVersion": "v1", "kind": "Service", **service}, block=True)
    return {
        "apiVersion": "discovery.k8s.io/v1",
        "kind": "EndpointSlice",
        "metadata": {"name": NAME, "namespace": NAMESPACE, "labels": labels, "ownerReferences": [owner]},
        "addressType": "IPv4",
        "endpoints": [{"addresses": [address], "conditions": {"ready": True, "serving": True, "terminating": False}}],
        "ports": [dict(p) for p in PORTS],
    }


def _find(client: Client, resource: str) -> Obj | None:
    try:
        return client.get(resource, NAME, NAMESPACE)
    except ApiError as e:
        if e.reason == "NotFound":
            return None
        raise
