"""Storage as pods meet it: who waits for whom, what outlives what, what cannot be had. Two real nodes."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from minikctl.api.meta import Obj, condition
from minikctl.api.volumes import OWN_PROVISIONER
from tests.support.daemon import Daemon
from tests.support.waiting import eventually

LONG = 60.0


@pytest.fixture
def nodes(daemon: Daemon) -> Iterator[Daemon]:
    daemon.start("--nodes", "2")
    yield daemon


@pytest.fixture
def mounted(nodes: Daemon) -> Daemon:
    """Nodes whose containers have their volumes where the manifest says."""
    version = get(nodes, "nodes", "node-1")["status"]["nodeInfo"]["containerRuntimeVersion"]
    if not version.startswith("minikctl-sandbox"):
        pytest.skip(f"no sandbox on this machine: {version}")
    return nodes


def apply(daemon: Daemon, *objects: Obj) -> None:
    folder = Path(daemon.root.parent)
    path = folder / "objects.yaml"
    path.write_text(yaml.safe_dump_all(objects))
    done = daemon.run("apply", "-f", str(path))
    assert done.code == 0, done.err


def claim(name: str, mode: str = "ReadWriteOnce", **spec: object) -> Obj:
    whole = {"accessModes": [mode], "resources": {"requests": {"storage": "1Gi"}}, **spec}
    return {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": name}, "spec": whole}


def volume(name: str, claimed: str, source: Obj, **spec: object) -> Obj:
    whole = {
        "capacity": {"storage": "1Gi"},
        "accessModes": ["ReadWriteOnce"],
        "storageClassName": "by-hand",
        "claimRef": {"namespace": "default", "name": claimed},
        **source,
        **spec,
    }
    return {"apiVersion": "v1", "kind": "PersistentVolume", "metadata": {"name": name}, "spec": whole}


def storage_class(name: str, provisioner: str) -> Obj:
    head = {"apiVersion": "storage.k8s.io/v1", "kind": "StorageClass", "metadata": {"name": name}}
    return {**head, "provisioner": provisioner, "volumeBindingMode": "WaitForFirstConsumer"}


def pod(name: str, *claims: str, command: str = "true", node: str = "") -> Obj:
    """It has each claim at /NAME, and says what the command says."""
    volumes = [{"name": c, "persistentVolumeClaim": {"claimName": c}} for c in claims]
    container = {
        "name": "c",
        "image": "busybox",
        "command": ["sh", "-c", f"{command}; sleep 600"],
        "volumeMounts": [{"name": c, "mountPath": f"/{c}"} for c in claims],
    }
    spec: Obj = {"containers": [container], "volumes": volumes, "terminationGracePeriodSeconds": 0}
    if node:
        spec["nodeSelector"] = {"kubernetes.io/hostname": node}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name}, "spec": spec}


def get(daemon: Daemon, resource: str, name: str) -> Obj:
    return daemon.client.get(resource, name, "" if resource == "persistentvolumes" else "default")


def runs(daemon: Daemon, name: str) -> None:
    def ready() -> bool:
        return (condition(get(daemon, "pods", name), "Ready") or {}).get("status") == "True"

    eventually(ready, LONG)


def told(daemon: Daemon, name: str, reason: str, words: str) -> None:
    """Wait for an Event."""

    def found() -> bool:
        events = daemon.client.list("events", "default")["items"]
        mine = [e for e in events if e["involvedObject"]["name"] == name and e["reason"] == reason]
        return any(words in e["message"] for e in mine)

    eventually(found, LONG)


def says(daemon: Daemon, name: str, words: str) -> None:
    eventually(lambda: daemon.run("logs", name).out.strip() == words, LONG, 0.3)


def test_claims_that_wait_for_a_pod_and_those_that_one_pod_has_alone(mounted: Daemon, tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir(mode=0o777)
    disk.chmod(0o777)
    os.chmod(tmp_path, 0o755)  # an ordinary user's containers must come through
    terms = [{"matchExpressions": [{"key": "kubernetes.io/hostname", "operator": "In", "values": ["node-2"]}]}]
    affinity = {"required": {"nodeSelectorTerms": terms}}
    local = volume("disk", "", {"local": {"path": str(disk)}}, nodeAffinity=affinity, storageClassName="local")
    del local["spec"]["claimRef"]
    apply(
        mounted,
        storage_class("late", OWN_PROVISIONER),
        storage_class("local", "kubernetes.io/no-provisioner"),
        local,
        claim("waiting", storageClassName="late"),
        claim("near", storageClassName="local"),
        claim("alone", "ReadWriteOncePod"),
    )
    told(mounted, "waiting", "WaitForFirstConsumer", "waiting for first consumer to be created before binding")
    assert {get(mounted, "pvc", c)["status"]["phase"] for c in ("waiting", "near")} == {"Pending"}

    all_of_them = ("waiting", "near", "alone")
    apply(mounted, pod("first", *all_of_them, command="for c in waiting near alone; do echo $c > /$c/f; done"))
    runs(mounted, "first")
    assert get(mounted, "pods", "first")["spec"]["nodeName"] == "node-2"  # where the disk is
    assert {get(mounted, "pvc", c)["status"]["phase"] for c in all_of_them} == {"Bound"}
    assert get(mounted, "pvc", "waiting")["metadata"]["annotations"]["volume.kubernetes.io/selected-node"] == "node-2"
    eventually(lambda: (disk / "f").exists() and (disk / "f").read_text() == "near\n")

    apply(mounted, pod("second", "alone", command="cat /alone/f"))
    why = "node has pod using PersistentVolumeClaim with the same name and ReadWriteOncePod access mode"
    told(mounted, "second", "FailedScheduling", why)
    assert mounted.run("delete", "pod", "first").code == 0
    runs(mounted, "second")
    says(mounted, "second", "alone")


def test_data_comes_along_to_another_node_and_through_a_restart_and_goes_with_its_claim(mounted: Daemon) -> None:
    apply(mounted, claim("data"), pod("writer", "data", command="echo kept > /data/f", node="node-1"))
    runs(mounted, "writer")
    assert mounted.run("delete", "pod", "writer").code == 0
    apply(mounted, pod("reader", "data", command="cat /data/f", node="node-2"))
    runs(mounted, "reader")
    says(mounted, "reader", "kept")

    assert mounted.run("cluster", "restart").code == 0
    apply(mounted, pod("later", "data", command="cat /data/f", node="node-1"))
    runs(mounted, "later")
    says(mounted, "later", "kept")

    name = get(mounted, "pvc", "data")["spec"]["volumeName"]
    where = Path(get(mounted, "persistentvolumes", name)["spec"]["hostPath"]["path"])
    assert (where / "f").read_text() == "kept\n"
    assert mounted.run("delete", "pods", "--all").code == 0
    assert mounted.run("delete", "pvc", "data").code == 0
    eventually(lambda: not where.exists() and not mounted.client.list("persistentvolumes")["items"], LONG)


@pytest.mark.parametrize(
    ("source", "why"),
    [
        ({"nfs": {"server": "10.0.0.1", "path": "/x"}}, "volumes of type nfs cannot be mounted by minikctl"),
        ({"csi": {"driver": "ebs.csi.aws.com", "volumeHandle": "v"}}, "driver name ebs.csi.aws.com not found"),
    ],
)
def test_what_cannot_be_mounted_is_bound_and_says_so(daemon: Daemon, source: Obj, why: str) -> None:
    daemon.start()
    apply(daemon, volume("far", "far", source), claim("far", storageClassName="by-hand"))
    eventually(lambda: get(daemon, "pvc", "far").get("status", {}).get("phase") == "Bound", LONG)
    apply(daemon, pod("hopeful", "far"))
    told(daemon, "hopeful", "FailedMount", why)
    assert get(daemon, "pods", "hopeful")["status"]["phase"] == "Pending"
