"""The kubelet with real images: loaded ones, and those of registries."""

from __future__ import annotations

import base64
import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from minikctl.kubelet.agent import RUNTIME, kill_everything
from minikctl.runtime.interface import ImageFailure
from minikctl.runtime.oci.archive import load
from minikctl.runtime.oci.store import Store
from minikctl.runtime.sandbox import bwrap
from tests.kubelet.test_process_agent import Running, first, waiting
from tests.runtime.conftest import processes_of, until
from tests.runtime.oci import archives
from tests.runtime.oci.registry import PASSWORD, USER, push, running


@pytest.fixture
def node(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Running]:
    if not archives.BUSYBOX:
        pytest.skip("busybox is not installed (Debian: busybox-static)")
    if refused := bwrap.probe(tmp_path / "probe"):
        pytest.skip(f"no sandbox on this machine: {refused}")
    monkeypatch.setenv(RUNTIME, "sandbox")
    made = Running(tmp_path / "state")
    yield made
    made.agent.stop()
    kill_everything(made.root)
    made.cluster.close()
    assert processes_of(made.root) == []


def loaded(node: Running, *tags: str, **settings: Any) -> None:
    load(Store(node.root), io.BytesIO(archives.busybox_archive(*tags, **settings)))


def test_a_loaded_image(node: Running) -> None:
    entrypoint = ["sh", "-c", "echo $GREETING from $0 in $PWD as $(id -u) of $(ls /bin | wc -l) && sleep 600"]
    loaded(node, "busy:1", Entrypoint=entrypoint, Cmd=["me"], WorkingDir="/home/app", User="app")
    node.create(image="busy:1", command=())
    pod = node.ready()
    node.said("hello from me in /home/app as 1000 of ")
    assert first(pod)["imageID"].startswith("docker.io/library/busy@sha256:")
    text = 'Container image "busy:1" already present on machine and can be accessed by the pod'
    assert ("Pulled", text) in node.events()


def test_whom_an_image_runs_as(node: Running) -> None:
    loaded(node, "named:1", User="app")
    loaded(node, "numbered:1", User="1000:1001")
    strict = {"securityContext": {"runAsNonRoot": True}, "command": ["sh", "-c", "id; sleep 600"]}
    node.create("named", image="named:1", **strict)
    pod = node.wait(lambda p: waiting(p, "CreateContainerConfigError"), name="named")
    said = first(pod)["state"]["waiting"]["message"]
    start = "container has runAsNonRoot and image has non-numeric user (app), cannot verify user is non-root (pod: "
    assert said.startswith(start)
    node.create("numbered", image="numbered:1", **strict)
    node.ready("numbered")
    node.said("uid=1000(app) gid=1001(app)", "numbered")


def test_a_pull_with_a_secret(node: Running, tmp_path: Path) -> None:
    with running(tmp_path / "registry", password=True) as address:
        layout = archives.oci_layout(
            [archives.busybox_layer()], Env=["PATH=/bin"], Cmd=["sh", "-c", "echo pulled; sleep 600"]
        )
        digest = push(address, "team/app:1", layout, password=True)
        image = f"{address}/team/app:1"
        node.create("without", image=image, command=())
        pod = node.wait(lambda p: waiting(p, "ErrImagePull"), name="without")
        assert "pull access denied" in first(pod)["state"]["waiting"]["message"]
        node.wait(lambda p: waiting(p, "ImagePullBackOff"), name="without")
        auths = {"auths": {address: {"username": USER, "password": PASSWORD}}}
        secret = {
            "metadata": {"name": "regcred"},
            "type": "kubernetes.io/dockerconfigjson",
            "data": {".dockerconfigjson": base64.b64encode(json.dumps(auths).encode()).decode()},
        }
        node.client.create("secrets", secret, "default")
        node.create(image=image, command=(), spec={"imagePullSecrets": [{"name": "regcred"}, {"name": "missing"}]})
        pod = node.ready()
        node.said("pulled")
        assert first(pod)["imageID"] == f"{address}/team/app@{digest}"
        events = node.events()
        assert ("Pulling", f'Pulling image "{image}"') in events
        pulled = next(text for reason, text in events if reason == "Pulled")
        assert pulled.startswith(f'Successfully pulled image "{image}" in ') and pulled.endswith(" bytes.")
        unable = "Unable to retrieve some image pull secrets (missing); attempting to pull the image may not succeed."
        assert ("FailedToRetrieveImagePullSecret", unable) in events
    node.kubelet.node.report()
    images = node.client.get("nodes", "node-1")["status"]["images"]
    assert [f"{address}/team/app@{digest}", image] in [i["names"] for i in images]


def test_image_volumes(node: Running) -> None:
    loaded(node, "busy:1")
    files = archives.tar(
        archives.folder("docs"), archives.entry("docs/index", "from an image\n"), archives.entry("top", "top\n")
    )
    load(Store(node.root), io.BytesIO(archives.docker_archive((["files:1"], [files], {}))))
    volumes = [{"name": "f", "image": {"reference": "files:1", "pullPolicy": "IfNotPresent"}}]
    mounts = [{"name": "f", "mountPath": "/all"}, {"name": "f", "mountPath": "/part", "subPath": "docs"}]
    script = "cat /all/top /part/index; touch /all/x 2>/dev/null || echo refused; sleep 600"
    node.create(image="busy:1", command=["sh", "-c", script], volumeMounts=mounts, spec={"volumes": volumes})
    node.ready()
    for text in ("top", "from an image", "refused"):
        node.said(text)
    with pytest.raises(ImageFailure, match="is used by"):
        node.kubelet.runtime.images.remove("files:1")
    missing = [{"name": "f", "mountPath": "/part", "subPath": "none"}]
    node.create("missing", image="busy:1", volumeMounts=missing, spec={"volumes": volumes})
    pod = node.wait(lambda p: waiting(p, "CreateContainerConfigError"), name="missing")
    assert first(pod)["state"]["waiting"]["message"].startswith("failed to prepare subPath for volumeMount")
    node.create("none", spec={"volumes": [{"name": "f", "image": {"reference": "busybox"}}]}, image="busy:1")
    failed = 'MountVolume.SetUp failed for volume "f" : image "docker.io/library/busybox:latest" has no files: it is emulated'
    node.wait(lambda _: ("FailedMount", failed) in node.events("none"), name="none")


def test_an_image_volume_that_cannot_be_pulled(node: Running) -> None:
    """The containers that are to have it say so, as if it were their own image."""
    loaded(node, "busy:1")
    volumes = [{"name": "f", "image": {"reference": "127.0.0.1:9/files:1"}}]
    mounts = [{"name": "f", "mountPath": "/all"}]
    node.create(image="busy:1", command=["sleep", "600"], volumeMounts=mounts, spec={"volumes": volumes})
    pod = node.wait(lambda p: waiting(p, "ErrImagePull") or waiting(p, "ImagePullBackOff"))
    assert 'failed to pull and unpack image "127.0.0.1:9/files:1"' in first(pod)["state"]["waiting"]["message"]
    assert "FailedMount" not in dict(node.events())


def test_a_registry_that_is_not_there(node: Running) -> None:
    node.create(image="127.0.0.1:9/x:1")
    pod = node.wait(lambda p: waiting(p, "ErrImagePull"))
    message = first(pod)["state"]["waiting"]["message"]
    assert message.startswith('failed to pull and unpack image "127.0.0.1:9/x:1": failed to resolve reference')
    assert message.endswith("dial tcp 127.0.0.1:9: connect: connection refused")
    node.wait(lambda p: waiting(p, "ImagePullBackOff"))
    assert ("Failed", "Error: ErrImagePull") in node.events()


def test_plain_processes_cannot_run_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(RUNTIME, "process")
    node = Running(tmp_path / "state")
    try:
        layer = archives.tar(archives.entry("a", "A"))
        load(Store(node.root), io.BytesIO(archives.docker_archive((["nginx:1.25"], [layer], {}))))
        node.create(image="nginx:1.25")
        pod = node.wait(lambda p: waiting(p, "ErrImagePull"))
        assert "it needs the sandbox runtime" in first(pod)["state"]["waiting"]["message"]
    finally:
        node.agent.stop()
        kill_everything(node.root)
        node.cluster.close()
    until(lambda: processes_of(node.root) == [])
