"""What a fresh control plane has before anybody asks for anything.

Guarantee: after `bootstrap`, all of it exists; what is there already is left as it is, so a second run writes nothing.
Only the port of the Service `kubernetes` follows the API server.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from minikctl.api.errors import ApiError
from minikctl.api.meta import Obj, name, timestamp
from minikctl.apiserver.request import Context, component
from minikctl.apiserver.services import SERVICE_CIDR

if TYPE_CHECKING:
    from minikctl.apiserver.server import APIServer

ACTOR = "kube-apiserver"
NAMESPACES = ("kube-system", "kube-public", "kube-node-lease", "default")
API_SERVICE_IP = "10.96.0.1"
HTTPS_PORT = 6443
STORAGE_CLASS = "standard"
AUTHENTICATION = "extension-apiserver-authentication"


def bootstrap(api: APIServer, *, https_port: int = HTTPS_PORT, disks: bool = True) -> None:
    """Create what is missing. `https_port`: where the API server itself listens, for the Service `kubernetes`. `disks`:
    whether the nodes have any, so that there is a default StorageClass, which makes directories on them."""
    ctx = Context(user=component("apiserver"), actor=ACTOR)
    _ensure(api, ctx, "namespaces", lambda: ({"metadata": {"name": n}} for n in NAMESPACES), NAMESPACES)
    _ensure(api, ctx, "priorityclasses", _priority_classes)
    if disks:
        _ensure(api, ctx, "storageclasses", lambda: [_storage_class()], (STORAGE_CLASS,))
    _service_cidr(api, ctx)
    _ensure(api, ctx, "services", lambda: [_api_service(https_port)], ("kubernetes",), namespace="default")
    _follow_port(api, ctx, https_port)
    from minikctl.apiserver.auth import default_roles

    _ensure(api, ctx, "clusterroles", default_roles.cluster_roles)
    _ensure(api, ctx, "clusterrolebindings", default_roles.cluster_role_bindings)
    roles = (default_roles.AUTHENTICATION_READER,)
    _ensure(api, ctx, "roles", lambda: [default_roles.authentication_reader()], roles, namespace="kube-system")
    _authentication(api, ctx)


def _ensure(
    api: APIServer,
    ctx: Context,
    resource: str,
    objects: Callable[[], Iterable[Obj]],
    names: tuple[str, ...] = (),
    namespace: str = "",
) -> None:
    """Create those of `objects` that do not exist. With `names`, look at these alone instead of at all there are."""
    kind = api.kind(resource)
    if names:
        present = {n for n in names if api.registry.find(kind, namespace, n) is not None}
        if len(present) == len(names):
            return
    else:
        present = {name(o) for o in api.read_all(resource, namespace)}
    for obj in objects():
        if name(obj) in present:
            continue
        try:
            api.create(kind, namespace, obj, ctx)
        except ApiError as e:
            if e.reason != "AlreadyExists":  # another process starts the same cluster
                raise


def _authentication(api: APIServer, ctx: Context) -> None:
    """How API servers behind this one see who is asking: in a ConfigMap that follows the certificates."""
    from minikctl.apiserver.auth import pki
    from minikctl.util.jsonio import compact

    client_ca, proxy_ca = pki.ca_pem(api.store.root), pki.front_proxy_ca_pem(api.store.root)
    if not client_ca or not proxy_ca:  # this cluster has no HTTP API
        return
    lists = {
        "requestheader-allowed-names": [pki.FRONT_PROXY[1]],
        "requestheader-extra-headers-prefix": ["X-Remote-Extra-"],
        "requestheader-group-headers": ["X-Remote-Group"],
        "requestheader-uid-headers": ["X-Remote-Uid"],
        "requestheader-username-headers": ["X-Remote-User"],
    }
    data = {
        "client-ca-file": client_ca.decode(),
        "requestheader-client-ca-file": proxy_ca.decode(),
        **{k: compact(v).decode() for k, v in lists.items()},
    }
    wanted = {"metadata": {"name": AUTHENTICATION}, "data": dict(sorted(data.items()))}
    _ensure(api, ctx, "configmaps", lambda: [wanted], (AUTHENTICATION,), namespace="kube-system")
    kind = api.kind("configmaps")
    present = api.registry.find(kind, "kube-system", AUTHENTICATION)
    if present is not None and present.get("data") != data:
        api.patch(kind, "kube-system", AUTHENTICATION, "merge", {"data": data}, ctx)


def _priority_classes() -> Iterable[Obj]:
    from minikctl.api.kinds.priority_class import SYSTEM

    described = {
        "system-node-critical": "Used for system critical pods that must not be moved from their current node.",
        "system-cluster-critical": "Used for system critical pods that must run in the cluster, but can be moved to "
        "another node if necessary.",
    }
    for title, value in SYSTEM.items():
        yield {"metadata": {"name": title}, "value": value, "description": described[title]}


def _storage_class() -> Obj:
    """The default one: directories below the state directory."""
    from minikctl.api.kinds.storage_class import DEFAULT_CLASS
    from minikctl.api.volumes import OWN_PROVISIONER

    return {
        "metadata": {"name": STORAGE_CLASS, "annotations": {DEFAULT_CLASS[0]: "true"}},
        "provisioner": OWN_PROVISIONER,
        "reclaimPolicy": "Delete",
        "volumeBindingMode": "Immediate",
        "allowVolumeExpansion": True,
    }


def _service_cidr(api: APIServer, ctx: Context) -> None:
    kind = api.kind("servicecidrs")
    if api.registry.find(kind, "", "kubernetes") is not None:
        return
    _ensure(
        api,
        ctx,
        "servicecidrs",
        lambda: [{"metadata": {"name": "kubernetes"}, "spec": {"cidrs": [SERVICE_CIDR]}}],
    )
    ready = {
        "type": "Ready",
        "status": "True",
        "lastTransitionTime": timestamp(api.clock.now()),
        "reason": "",
        "message": "Kubernetes Service CIDR is ready",
    }
    api.patch(kind, "", "kubernetes", "merge", {"status": {"conditions": [ready]}}, ctx, "status")


def _follow_port(api: APIServer, ctx: Context, https_port: int) -> None:
    """The API server's port may have changed since the Service was made."""
    kind = api.kind("services")
    service = api.registry.find(kind, "default", "kubernetes")
    ports = service["spec"].get("ports") or [] if service else []
    if len(ports) == 1 and ports[0].get("targetPort") != https_port:
        change = {"spec": {"ports": [{**ports[0], "targetPort": https_port}]}}
        api.patch(kind, "default", "kubernetes", "merge", change, ctx)


def _api_service(https_port: int) -> Obj:
    port = {"name": "https", "protocol": "TCP", "port": 443, "targetPort": https_port}
    return {
        "metadata": {"name": "kubernetes", "labels": {"component": "apiserver", "provider": "kubernetes"}},
        "spec": {
            "type": "ClusterIP",
            "clusterIP": API_SERVICE_IP,
            "ipFamilyPolicy": "SingleStack",
            "sessionAffinity": "None",
            "ports": [port],
        },
    }
