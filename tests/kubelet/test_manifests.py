"""What a static pod's manifest means, and which it refuses."""

from __future__ import annotations

import json

import pytest

from minikctl.api.meta import Obj
from minikctl.kubelet.manifests import (
    FILE,
    HASH,
    MIRROR,
    SOURCE,
    ManifestError,
    is_mirror,
    is_static,
    mirror_of,
    parse,
    reference,
)

NODE = {"apiVersion": "v1", "kind": "Node", "metadata": {"name": "node-1", "uid": "n1"}}
SEEN = "2026-05-01T12:00:00Z"


def manifest(**spec: object) -> str:
    containers = [{"name": "app", "image": "busybox"}]
    meta = {"name": "web", "labels": {"app": "web"}}
    return json.dumps({"apiVersion": "v1", "kind": "Pod", "metadata": meta, "spec": {"containers": containers, **spec}})


def test_the_pod_of_a_manifest() -> None:
    pod = parse(manifest(), "node-1", SEEN)
    meta, spec = pod["metadata"], pod["spec"]
    assert (meta["name"], meta["namespace"], spec["nodeName"]) == ("web-node-1", "default", "node-1")
    assert meta["annotations"][HASH] == meta["uid"] and meta["annotations"][SOURCE] == FILE
    assert spec["tolerations"] == [{"operator": "Exists", "effect": "NoExecute"}]
    assert spec["restartPolicy"] == "Always" and pod["status"] == {"phase": "Pending"}
    assert is_static(pod) and not is_mirror(pod)


def test_another_text_or_node_is_another_pod() -> None:
    uids = {parse(m, n, SEEN)["metadata"]["uid"] for m in (manifest(), manifest(hostname="h")) for n in ("a", "b")}
    assert len(uids) == 4
    assert parse(manifest(), "a", SEEN)["metadata"]["uid"] == parse(manifest(), "a", "later")["metadata"]["uid"]


def test_the_mirror() -> None:
    pod = parse(manifest(), "node-1", SEEN)
    mirror = mirror_of(pod, NODE)
    assert "uid" not in mirror["metadata"] and "status" not in mirror
    assert mirror["metadata"]["annotations"][MIRROR] == pod["metadata"]["uid"]
    owner = {"apiVersion": "v1", "kind": "Node", "name": "node-1", "uid": "n1", "controller": True}
    assert mirror["metadata"]["ownerReferences"] == [owner]
    assert is_mirror(mirror) and not is_static(mirror)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("a: [", "while parsing a flow node"),
        ("[]", "it is not a Pod"),
        ('{"kind": "Service", "spec": {}}', "it is not a Pod"),
        ('{"kind": "Pod", "spec": {"containers": []}}', "it has no name or no containers"),
        (manifest(containers=[{"name": "app"}]), "invalid pod: "),
        (manifest(serviceAccountName="robot"), "static pods may not reference serviceaccounts"),
    ],
)
def test_no_static_pod(text: str, why: str) -> None:
    with pytest.raises(ManifestError) as caught:
        parse(text, "node-1", SEEN)
    assert str(caught.value).startswith(why)


def volume(**source: object) -> Obj:
    return {"volumes": [{"name": "v", **source}]}


def container(**more: object) -> Obj:
    return {"containers": [{"name": "app", "image": "busybox", **more}]}


@pytest.mark.parametrize(
    ("spec", "resource"),
    [
        (container(), ""),
        ({**container(), **volume(hostPath={"path": "/tmp"})}, ""),
        ({**container(), **volume(configMap={"name": "c"})}, "configmaps"),
        ({**container(), **volume(secret={"secretName": "s"})}, "secrets"),
        ({**container(), **volume(persistentVolumeClaim={"claimName": "c"})}, "persistentvolumeclaims"),
        ({**container(), **volume(projected={"sources": [{"secret": {"name": "s"}}]})}, "secrets"),
        ({**container(), **volume(projected={"sources": [{"downwardAPI": {"items": []}}]})}, ""),
        (container(envFrom=[{"configMapRef": {"name": "c"}}]), "configmaps"),
        (container(env=[{"name": "A", "valueFrom": {"secretKeyRef": {"name": "s", "key": "k"}}}]), "secrets"),
        (container(env=[{"name": "A", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}}]), ""),
        ({**container(), "initContainers": container(envFrom=[{"secretRef": {"name": "s"}}])["containers"]}, "secrets"),
        ({**container(), "imagePullSecrets": [{"name": "s"}]}, "secrets"),
    ],
)
def test_references_to_objects_of_the_api(spec: Obj, resource: str) -> None:
    assert reference(spec) == resource
