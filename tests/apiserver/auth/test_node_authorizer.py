"""What kubelets may do: what the pods on their node need, and no more."""

from __future__ import annotations

from typing import Any

import pytest

from minikctl.api.meta import Obj
from minikctl.apiserver.auth.authorizer import Authorizer
from minikctl.apiserver.auth.node_authorizer import needs
from minikctl.apiserver.auth.rbac import Action
from minikctl.apiserver.request import User

KUBELET = User("system:node:one", ("system:nodes", "system:authenticated"))
POD: Obj = {
    "metadata": {"name": "web", "namespace": "shop"},
    "spec": {
        "nodeName": "one",
        "serviceAccountName": "seller",
        "imagePullSecrets": [{"name": "pull"}],
        "initContainers": [{"name": "i", "envFrom": [{"secretRef": {"name": "init"}}]}],
        "containers": [
            {
                "name": "c",
                "env": [
                    {"name": "A", "valueFrom": {"secretKeyRef": {"name": "env", "key": "k"}}},
                    {"name": "B", "valueFrom": {"configMapKeyRef": {"name": "settings", "key": "k"}}},
                    {"name": "C", "value": "plain"},
                ],
                "envFrom": [{"configMapRef": {"name": "all"}}],
            }
        ],
        "volumes": [
            {"name": "s", "secret": {"secretName": "volume"}},
            {"name": "m", "configMap": {"name": "files"}},
            {"name": "p", "projected": {"sources": [{"secret": {"name": "part"}}, {"configMap": {"name": "piece"}}]}},
            {"name": "d", "persistentVolumeClaim": {"claimName": "data"}},
            {"name": "e", "ephemeral": {"volumeClaimTemplate": {}}},
            {"name": "x", "csi": {"driver": "d", "nodePublishSecretRef": {"name": "csi"}}},
            {"name": "n", "emptyDir": {}},
        ],
    },
}


class Store:
    """Objects by resource."""

    def __init__(self, **objects: list[Obj]):
        self.objects = objects

    def read(self, resource: str, namespace: str, name: str) -> Obj | None:
        found = self.objects.get(resource.partition(".")[0], [])
        return next((o for o in found if o["metadata"]["name"] == name), None)

    def read_all(self, resource: str, namespace: str = "") -> list[Obj]:
        return [o for o in self.objects.get(resource, []) if o["metadata"].get("namespace", "") == namespace]

    def role(self, namespace: str, name: str) -> None:
        return None

    def bindings(self, namespace: str, keys: Any) -> list[Obj]:
        return []


STORE = Store(
    pods=[POD, {"metadata": {"name": "other", "namespace": "shop"}, "spec": {"nodeName": "two"}}],
    persistentvolumes=[
        {"metadata": {"name": "disk"}, "spec": {"claimRef": {"namespace": "shop", "name": "data"}}},
        {"metadata": {"name": "free"}, "spec": {}},
    ],
    volumeattachments=[{"metadata": {"name": "here"}, "spec": {"nodeName": "one"}}],
)


def asked(verb: str, resource: str, where: str = "", **more: str) -> Action:
    """`namespace/name`; the resource as `pods/status.group`."""
    whole, _, group = resource.partition(".")
    plural, _, sub = whole.partition("/")
    namespace, _, name = where.rpartition("/")
    return Action(verb, group, plural, sub, namespace, name, **more)


def decide(action: Action, user: User = KUBELET) -> tuple[bool, str]:
    found = Authorizer(STORE, STORE).decide(user, action)
    return found.allowed, found.reason


@pytest.mark.parametrize(
    "action",
    [
        *(asked("get", "secrets", f"shop/{n}") for n in ("pull", "init", "env", "volume", "part", "csi")),
        *(asked("watch", "configmaps", f"shop/{n}") for n in ("settings", "all", "files", "piece")),
        asked("get", "persistentvolumeclaims", "shop/data"),
        asked("get", "persistentvolumeclaims", "shop/web-e"),
        asked("patch", "persistentvolumeclaims/status", "shop/data"),
        asked("get", "persistentvolumes", "disk"),
        asked("get", "volumeattachments.storage.k8s.io", "here"),
        asked("create", "serviceaccounts/token", "shop/seller"),
        asked("get", "nodes", "one"),
        asked("watch", "nodes", "one"),
        asked("patch", "nodes/status", "one"),
        asked("get", "pods", "shop/web"),
        asked("list", "pods", node="one"),
        asked("update", "pods/status", "shop/web"),
        asked("create", "pods", "shop/"),
        asked("list", "services"),
        asked("update", "leases.coordination.k8s.io", "kube-node-lease/one"),
        asked("create", "leases.coordination.k8s.io", "kube-node-lease/"),
        asked("create", "csinodes.storage.k8s.io"),
    ],
    ids=str,
)
def test_allowed(action: Action) -> None:
    assert decide(action) == (True, "")


UNRELATED = "no relationship found between node 'one' and this object"


@pytest.mark.parametrize(
    ("action", "reason"),
    [
        (asked("get", "secrets", "shop/safe"), UNRELATED),
        (asked("get", "secrets", "elsewhere/pull"), UNRELATED),
        (asked("list", "secrets", "shop/"), "No Object name found"),
        (asked("list", "secrets"), "can only read namespaced object of this type"),
        (asked("delete", "secrets", "shop/pull"), "can only read resources of this type"),
        (asked("list", "persistentvolumes"), "can only get individual resources of this type"),
        (asked("get", "persistentvolumes", "free"), UNRELATED),
        (asked("get", "volumeattachments.storage.k8s.io", "there"), UNRELATED),
        (asked("create", "serviceaccounts/token", "shop/other"), UNRELATED),
        (asked("create", "serviceaccounts", "shop/"), "can only create tokens for individual service accounts"),
        (asked("get", "nodes", "two"), "node 'one' cannot read 'two', only its own Node object"),
        (asked("list", "nodes"), "node 'one' cannot read all nodes, only its own Node object"),
        (asked("get", "pods", "shop/other"), UNRELATED),
        (asked("list", "pods"), "can only list/watch pods with spec.nodeName field selector"),
        (asked("list", "pods", node="two"), "can only list/watch pods with spec.nodeName field selector"),
        (asked("create", "pods/exec", "shop/web"), ""),
        (asked("list", "deployments.apps"), ""),
        (
            asked("get", "leases.coordination.k8s.io", "kube-node-lease/two"),
            "can only access node lease with the same name as the requesting node",
        ),
        (
            asked("get", "leases.coordination.k8s.io", "kube-system/one"),
            'can only access leases in the "kube-node-lease" system namespace',
        ),
        (
            asked("get", "csinodes.storage.k8s.io", "two"),
            "can only access CSINode with the same name as the requesting node",
        ),
    ],
    ids=str,
)
def test_refused(action: Action, reason: str) -> None:
    assert decide(action) == (False, reason)


def test_others_are_no_kubelets() -> None:
    action = asked("get", "secrets", "shop/pull")
    for user in (User("system:node:one"), User("one", ("system:nodes",)), User("ann", ("system:authenticated",))):
        assert decide(action, user) == (False, "")


def test_a_mirror_pod_brings_nothing_along() -> None:
    pod = {**POD, "metadata": {**POD["metadata"], "annotations": {"kubernetes.io/config.mirror": "x"}}}
    assert list(needs(pod)) == [("pods", "web")]
