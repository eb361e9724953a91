"""`kubectl cluster-info`: where the API server and the cluster's own services are reached.

Source: kubectl `pkg/cmd/clusterinfo/clusterinfo.go`.
"""

from __future__ import annotations

from minikctl.api.meta import Obj, labels_of
from minikctl.kubectl import PROGRAM
from minikctl.kubectl.command import Command, Invocation
from minikctl.kubectl.server_address import server_address

SELECTOR = "kubernetes.io/cluster-service=true"


def run(call: Invocation) -> None:
    """Raises ApiError, UsageError."""
    namespace = call.flags.namespace or "kube-system"
    services = call.client.list("services", namespace, label_selector=SELECTOR)["items"]
    server = server_address(call)
    call.out(f"Kubernetes control plane is running at {server}")
    for service in services:
        name = labels_of(service).get("kubernetes.io/name") or service["metadata"]["name"]
        call.out(f"{name} is running at {link(service, server)}")
    call.out(f"\nTo further debug and diagnose cluster problems, use '{PROGRAM} cluster-info dump'.")


def link(service: Obj, server: str) -> str:
    """The load balancer's addresses, else the way through the API server's proxy."""
    ingress = ((service.get("status") or {}).get("loadBalancer") or {}).get("ingress") or []
    ports = service["spec"].get("ports") or []
    if ingress:
        host = ingress[0].get("ip") or ingress[0].get("hostname") or ""
        return "".join(f"http://{host}:{p['port']} " for p in ports)
    metadata = service["metadata"]
    name = metadata["name"]
    if ports:
        port = ports[0].get("name") or ""
        scheme = "https" if port == "https" or ports[0]["port"] == 443 else ""
        if scheme or port:
            name = f"{scheme}:{name}:{port}" if scheme else f"{name}:{port}"
    return f"{server}/api/v1/namespaces/{metadata['namespace']}/services/{name}/proxy"


COMMAND = Command(
    name="cluster-info",
    summary="Display cluster information",
    group="Cluster Management Commands",
    use="cluster-info [flags]",
    description=(
        "Show the addresses of the control plane and of the services labelled kubernetes.io/cluster-service=true.\n"
        f"'{PROGRAM} cluster-info dump' tells more."
    ),
    examples=(("Where the control plane and the cluster's services are", f"{PROGRAM} cluster-info"),),
    run=run,
)
