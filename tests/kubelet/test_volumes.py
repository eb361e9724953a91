"""A pod's volumes as folders of the machine: their files, their updates, their refusals."""

from __future__ import annotations

import base64
import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from minikctl.kubelet import own_files
from minikctl.kubelet.containers import hostname
from minikctl.kubelet.environment import ConfigError, Facts
from minikctl.kubelet.volume_manager import VolumeManager, mounts
from minikctl.kubelet.volumes import Mounted, VolumeError, types
from minikctl.kubelet.volumes.projected import only_user
from minikctl.runtime.interface import Mount
from tests.controllers.claims import claim, volume
from tests.support.cluster import TestCluster

FACTS = Facts(("10.0.0.9",), ("192.0.2.1",), "node-1", {"cpu": "2", "memory": "1Gi"})


def text(value: str) -> str:
    return base64.b64encode(value.encode()).decode()


class Pod:
    """A pod and the folder it has on the node."""

    def __init__(self, cluster: TestCluster, folder: Path):
        self.client, self.folder = cluster.client, folder
        self.manager = VolumeManager(self.client, cluster.clock)

    def set_up(self, *volumes: dict, labels: dict | None = None, **spec: object) -> dict[str, Mounted]:
        container = {"name": "app", "image": "x", "resources": {"limits": {"memory": "64Mi"}}}
        meta = {"name": "web", "namespace": "default", "uid": "u1", "labels": labels or {"app": "web"}}
        self.made = {"metadata": meta, "spec": {"containers": [container], "volumes": list(volumes), **spec}}
        return self.manager.set_up(self.made, self.folder, FACTS)

    def files(self, volume: dict, **more: object) -> dict[str, str]:
        """Path → content, as a container sees it."""
        folder = self.set_up({"name": "v", **volume}, **more)["v"].path  # type: ignore[arg-type]
        names = [n for n in sorted(os.listdir(folder)) if not n.startswith("..")]
        found = {}
        for name in names:
            for base, _, inner in os.walk(folder / name):
                found |= {str((Path(base) / i).relative_to(folder)): (Path(base) / i).read_text() for i in inner}
            if (folder / name).is_file():
                found[name] = (folder / name).read_text()
        return found


@pytest.fixture
def pod(cluster: TestCluster, tmp_path: Path) -> Pod:
    return Pod(cluster, tmp_path / "pod")


def test_every_type_has_one_file() -> None:
    expected = {"emptyDir", "hostPath", "configMap", "secret", "downwardAPI", "projected", "persistentVolumeClaim"}
    assert types().keys() == expected | {"ephemeral", "image"}


def test_empty_dir_keeps_its_content(pod: Pod) -> None:
    path = pod.set_up({"name": "v", "emptyDir": {}})["v"].path
    assert path == pod.folder / "volumes/kubernetes.io~empty-dir/v" and stat.S_IMODE(path.stat().st_mode) == 0o777
    (path / "a").write_text("kept")
    assert (pod.set_up({"name": "v"})["v"].path / "a").read_text() == "kept"
    assert pod.manager.due(pod.made) is None


def test_config_map_follows_its_object_at_once_or_not_at_all(pod: Pod) -> None:
    made = pod.client.create(
        "configmaps",
        {"metadata": {"name": "c"}, "data": {"a": "1", "b": "2"}, "binaryData": {"x": text("3")}},
        "default",
    )
    volume = {"configMap": {"name": "c"}}
    assert pod.files(volume) == {"a": "1", "b": "2", "x": "3"}
    folder = pod.folder / "volumes/kubernetes.io~configmap/v"
    before = os.readlink(folder / "..data")
    assert os.readlink(folder / "a") == "..data/a"
    pod.files(volume)
    assert os.readlink(folder / "..data") == before
    pod.client.update("configmaps", {**made, "data": {"a": "new"}, "binaryData": {}})
    assert pod.files(volume) == {"a": "new"}
    assert os.readlink(folder / "..data") != before and not (folder / before).exists()
    assert 0 < (pod.manager.due(pod.made) or 0) <= 60
    pod.manager.forget("u1")
    assert pod.manager.due(pod.made) == 0.0


def test_items_and_modes(pod: Pod) -> None:
    pod.client.create("secrets", {"metadata": {"name": "s"}, "data": {"a": text("1"), "b": text("2")}}, "default")
    items = [{"key": "a", "path": "deep/er/a", "mode": 0o400}]
    assert pod.files({"secret": {"secretName": "s", "items": items}}) == {"deep/er/a": "1"}
    folder = pod.folder / "volumes/kubernetes.io~secret/v"
    assert stat.S_IMODE((folder / "deep/er/a").stat().st_mode) == 0o400
    pod.files({"secret": {"secretName": "s", "defaultMode": 0o440}})
    assert stat.S_IMODE((folder / "b").stat().st_mode) == 0o440


@pytest.fixture
def daemon_s_umask() -> Iterator[None]:
    before = os.umask(0o077)
    yield
    os.umask(before)


def mode_of(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.mark.usefixtures("daemon_s_umask")
def test_any_user_gets_through_to_the_files(pod: Pod, tmp_path: Path) -> None:
    pod.client.create("configmaps", {"metadata": {"name": "c"}, "data": {"a": "1"}}, "default")
    pod.files({"configMap": {"name": "c", "items": [{"key": "a", "path": "deep/er/a"}]}})
    folder = pod.folder / "volumes/kubernetes.io~configmap/v"
    assert mode_of(folder) == 0o777
    assert [mode_of(folder / p) for p in ("..data", "deep", "deep/er", "deep/er/a")] == [0o755, 0o755, 0o755, 0o644]
    pod.set_up({"name": "v", "hostPath": {"path": str(tmp_path / "new/er"), "type": "DirectoryOrCreate"}})
    pod.set_up({"name": "v", "hostPath": {"path": str(tmp_path / "new/file"), "type": "FileOrCreate"}})
    assert [mode_of(tmp_path / p) for p in ("new", "new/er", "new/file")] == [0o755, 0o755, 0o644]


def test_the_group_of_the_pod_reads_everything(pod: Pod) -> None:
    group = os.getgid() if os.geteuid() else 1234
    pod.client.create("secrets", {"metadata": {"name": "s"}, "data": {"a": text("1")}}, "default")
    volume = {"secret": {"secretName": "s", "defaultMode": 0o400, "items": [{"key": "a", "path": "deep/a"}]}}
    pod.files(volume, securityContext={"fsGroup": group})
    folder = pod.folder / "volumes/kubernetes.io~secret/v"
    assert [mode_of(folder / p) for p in (".", "..data", "deep", "deep/a")] == [0o2777, 0o2755, 0o2755, 0o440]
    assert {(folder / p).stat().st_gid for p in (".", "..data", "deep", "deep/a")} == {group}
    before = os.readlink(folder / "..data")
    pod.files(volume, securityContext={"fsGroup": group})
    assert os.readlink(folder / "..data") == before


def test_what_the_pod_itself_tells_is_new_at_once(pod: Pod) -> None:
    items = [{"path": "labels", "fieldRef": {"fieldPath": "metadata.labels"}}]
    pod.set_up({"name": "v", "downwardAPI": {"items": items}})
    assert 0 < (pod.manager.due(pod.made) or 0) <= 60
    relabelled = {**pod.made, "metadata": {**pod.made["metadata"], "labels": {"app": "other"}}}
    assert pod.manager.due(relabelled) == 0.0
    pod.manager.set_up(relabelled, pod.folder, FACTS)
    assert (pod.manager.due(relabelled) or 0) > 0


USERS = [
    ({}, [{}], None),
    ({"runAsUser": 7}, [{}, {}], 7),
    ({"runAsUser": 7}, [{}, {"runAsUser": 8}], None),
    ({}, [{"runAsUser": 8}, {"runAsUser": 8}], 8),
]


@pytest.mark.parametrize(("shared", "own", "user"), USERS)
def test_whose_a_token_is(shared: dict, own: list[dict], user: int | None) -> None:
    containers = [{"securityContext": o} for o in own]
    assert only_user({"spec": {"securityContext": shared, "containers": containers}}) == user


def test_downward_api(pod: Pod) -> None:
    items = [
        {"path": "labels", "fieldRef": {"fieldPath": "metadata.labels"}},
        {"path": "name", "fieldRef": {"fieldPath": "metadata.name"}},
        {"path": "memory", "resourceFieldRef": {"containerName": "app", "resource": "limits.memory", "divisor": "1Mi"}},
    ]
    volume = {"downwardAPI": {"items": items}}
    assert pod.files(volume) == {"labels": 'app="web"', "memory": "64", "name": "web"}
    assert pod.files(volume, labels={"app": "other"})["labels"] == 'app="other"'


def test_projected_with_a_token(pod: Pod) -> None:
    pod.client.create("configmaps", {"metadata": {"name": "c"}, "data": {"a": "1"}}, "default")
    asked = pod.client.create(
        "pods",
        {"metadata": {"name": "web"}, "spec": {"containers": [{"name": "app", "image": "x"}]}},
        "default",
    )
    sources = [
        {"serviceAccountToken": {"path": "token", "expirationSeconds": 3607}},
        {"configMap": {"name": "c", "items": [{"key": "a", "path": "ca.crt"}]}},
        {"downwardAPI": {"items": [{"path": "namespace", "fieldRef": {"fieldPath": "metadata.namespace"}}]}},
    ]
    volume = {"name": "v", "projected": {"sources": sources}}
    spec = {**asked["spec"], "volumes": [volume]}
    read = pod.manager.set_up({**asked, "spec": spec}, pod.folder, FACTS)["v"].path
    token = (read / "token").read_text()
    assert (
        token.count(".") == 2 and (read / "ca.crt").read_text() == "1" and (read / "namespace").read_text() == "default"
    )
    pod.manager.set_up({**asked, "spec": spec}, pod.folder, FACTS)
    assert (read / "token").read_text() == token and mode_of(read / "token") == 0o644
    spec["securityContext"] = {"runAsUser": 1000}
    pod.manager.set_up({**asked, "spec": spec}, pod.folder, FACTS)
    assert mode_of(read / "token") == 0o600
    if os.geteuid() == 0:
        assert (read / "token").stat().st_uid == 1000


def bind(pod: Pod, **spec: object) -> dict:
    """A bound claim `data`; the volume that uses it."""
    made = pod.client.create("persistentvolumeclaims", claim(volumeName="pv"), "default")
    phase = {"status": {"phase": "Bound"}}
    pod.client.patch("persistentvolumeclaims", "data", phase, "default", subresource="status")
    ref = {"namespace": "default", "name": "data", "uid": made["metadata"]["uid"]}
    pod.client.create("persistentvolumes", volume("pv", claimRef=ref, **spec))
    return CLAIM


def why_not(pod: Pod, volume: dict) -> str:
    with pytest.raises(VolumeError) as raised:
        pod.set_up(volume)
    return str(raised.value)


CLAIM = {"name": "v", "persistentVolumeClaim": {"claimName": "data"}}


def test_claims_that_are_not_ready(pod: Pod) -> None:
    assert why_not(pod, CLAIM).endswith('from API server: persistentvolumeclaims "data" not found')
    pod.client.create("persistentvolumeclaims", claim(), "default")
    assert why_not(pod, CLAIM) == (
        "Unable to attach or mount volumes: unmounted volumes=[v], unattached volumes=[], failed to process "
        "volumes=[v]: error processing PVC default/data: PVC is not bound"
    )


def test_a_claim_leads_to_the_directory_of_its_volume(pod: Pod, tmp_path: Path) -> None:
    own = bind(pod, hostPath={"path": str(tmp_path / "disk"), "type": "DirectoryOrCreate"})
    assert pod.set_up(own)["v"] == Mounted(tmp_path / "disk") and (tmp_path / "disk").is_dir()


def test_a_local_volume_must_be_there_and_be_the_node_s(pod: Pod, tmp_path: Path) -> None:
    pod.client.create("nodes", {"metadata": {"name": "node-1", "labels": {"disk": "ssd"}}})
    terms = [{"matchExpressions": [{"key": "disk", "operator": "In", "values": ["ssd"]}]}]
    affinity = {"required": {"nodeSelectorTerms": terms}}
    own = bind(pod, local={"path": str(tmp_path / "disk")}, nodeAffinity=affinity)
    missing = (
        f'MountVolume.NewMounter initialization failed for volume "pv" : path "{tmp_path / "disk"}" does not exist'
    )
    assert why_not(pod, own) == missing
    (tmp_path / "disk").mkdir()
    assert pod.set_up(own)["v"] == Mounted(tmp_path / "disk")
    pod.client.patch("nodes", "node-1", {"metadata": {"labels": {"disk": "hdd"}}})
    assert why_not(pod, own).endswith('volume "pv" : no matching NodeSelectorTerms')


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files to other groups")
def test_fs_group_of_a_claim(pod: Pod, tmp_path: Path) -> None:
    outside, disk = tmp_path / "outside", tmp_path / "disk"
    (disk / "sub").mkdir(parents=True)
    outside.write_text("")
    (disk / "sub/file").write_text("")
    (disk / "link").symlink_to(outside)
    for path, mode in ((disk, 0o700), (disk / "sub", 0o700), (disk / "sub/file", 0o600), (outside, 0o600)):
        path.chmod(mode)
    terms = [{"matchExpressions": [{"key": "disk", "operator": "Exists"}]}]
    own = bind(pod, local={"path": str(disk)}, nodeAffinity={"required": {"nodeSelectorTerms": terms}})
    pod.set_up(own, securityContext={"fsGroup": 1234})
    assert [mode_of(disk / p) for p in (".", "sub", "sub/file")] == [0o2770, 0o2770, 0o660]
    assert {(disk / p).lstat().st_gid for p in (".", "sub", "sub/file", "link")} == {1234}
    assert (outside.stat().st_gid, mode_of(outside)) == (os.getgid(), 0o600)
    os.chown(disk / "sub/file", -1, 5)
    pod.set_up(own, securityContext={"fsGroup": 1234})
    assert (disk / "sub/file").stat().st_gid == 5, "done once a pod"
    pod.folder = tmp_path / "next"
    pod.set_up(own, securityContext={"fsGroup": 1234, "fsGroupChangePolicy": "OnRootMismatch"})
    assert (disk / "sub/file").stat().st_gid == 5
    pod.folder = tmp_path / "other"
    pod.set_up(own, securityContext={"fsGroup": 4321, "fsGroupChangePolicy": "OnRootMismatch"})
    assert (disk / "sub/file").stat().st_gid == 4321


CANNOT = [
    ({"nfs": {"server": "s", "path": "/"}}, "volumes of type nfs cannot be mounted by minikctl"),
    ({"csi": {"driver": "ebs.csi.aws.com", "volumeHandle": "h"}}, "driver name ebs.csi.aws.com not found"),
]


@pytest.mark.parametrize(("source", "why"), CANNOT)
def test_what_needs_a_network_or_a_driver(pod: Pod, source: dict, why: str) -> None:
    assert why in why_not(pod, {"name": "v", **source})
    assert why in why_not(pod, bind(pod, **source))


REFUSALS = [
    ({"configMap": {"name": "no"}}, 'configmap "no" not found'),
    ({"secret": {"secretName": "no"}}, 'secret "no" not found'),
    (
        {"configMap": {"name": "c", "items": [{"key": "z", "path": "z"}]}},
        "configmap references non-existent config key: z",
    ),
    ({"hostPath": {"path": "/nosuch", "type": "Directory"}}, "hostPath type check failed: /nosuch is not a directory"),
    ({"hostPath": {"path": "/etc", "type": "File"}}, "hostPath type check failed: /etc is not a file"),
]


@pytest.mark.parametrize(("volume", "message"), REFUSALS, ids=[m for _, m in REFUSALS])
def test_refusals(pod: Pod, volume: dict, message: str) -> None:
    pod.client.create("configmaps", {"metadata": {"name": "c"}, "data": {"a": "1"}}, "default")
    with pytest.raises(VolumeError) as raised:
        pod.set_up({"name": "v", **volume})
    assert str(raised.value) == f'MountVolume.SetUp failed for volume "v" : {message}'


def test_optional_objects_may_be_missing(pod: Pod) -> None:
    assert pod.files({"configMap": {"name": "no", "optional": True}}) == {}


def test_host_path_types(pod: Pod, tmp_path: Path) -> None:
    for kind, name in (("DirectoryOrCreate", "d"), ("FileOrCreate", "f"), ("", "e")):
        path = tmp_path / name
        assert pod.set_up({"name": "v", "hostPath": {"path": str(path), "type": kind}})["v"].path == path
        assert path.is_file() == (kind == "FileOrCreate")


# ---------------------------------------------------------------------- into a container


def mount(tmp_path: Path, **more: object) -> Mount:
    volume = tmp_path / "volume"
    volume.mkdir(exist_ok=True)
    spec = {"name": "app", "volumeMounts": [{"name": "v", "mountPath": "/m", **more}]}
    return mounts(spec, {"v": Mounted(volume)}, {"POD": "web-0", "EMPTY": ""})[0]


def test_mounts(tmp_path: Path) -> None:
    volume = tmp_path / "volume"
    assert mount(tmp_path) == Mount(str(volume), "/m", False, "v")
    assert mount(tmp_path, readOnly=True).read_only
    assert mount(tmp_path, subPath="a/b").host_path == f"{volume}/a/b" and (volume / "a/b").is_dir()
    assert mount(tmp_path, subPathExpr="$(POD)").host_path == f"{volume}/web-0"
    assert mount(tmp_path, subPathExpr="$$(POD)").host_path == f"{volume}/$(POD)"
    with pytest.raises(ConfigError, match=r"^missing value for EMPTY, NO$"):
        mount(tmp_path, subPathExpr="$(NO)/$(POD)/$(EMPTY)")


@pytest.mark.parametrize(
    ("kind", "path", "why"),
    [
        ("DirectoryOrCreate", "file", "is not a directory"),
        ("File", "folder", "is not a file"),
        ("Socket", "file", "is not a socket file"),
        ("CharDevice", "file", "is not a character device"),
        ("BlockDevice", "file", "is not a block device"),
        ("FileOrCreate", "no/such/file", "No such file or directory"),
    ],
)
def test_host_paths_of_another_type(pod: Pod, tmp_path: Path, kind: str, path: str, why: str) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").touch()
    assert why in why_not(pod, {"name": "v", "hostPath": {"path": str(tmp_path / path), "type": kind}})


@pytest.mark.parametrize("sub", ["../x", "/etc", "link", "link/passwd", "a/../../x"])
def test_a_sub_path_stays_in_its_volume(tmp_path: Path, sub: str) -> None:
    mount(tmp_path)
    (tmp_path / "volume/link").symlink_to("/etc")
    with pytest.raises(ConfigError, match='failed to prepare subPath for volumeMount "v" of container "app"'):
        mount(tmp_path, subPath=sub)


def test_hosts() -> None:
    written = own_files.hosts("10.1.2.3", "web", "", [{"ip": "1.2.3.4", "hostnames": ["a", "b"]}])
    assert written.splitlines()[:2] == ["# Kubernetes-managed hosts file.", "127.0.0.1\tlocalhost"]
    assert written.endswith("10.1.2.3\tweb\n\n# Entries added by HostAliases.\n1.2.3.4\ta\tb\n")


def test_hosts_of_a_subdomain(tmp_path: Path) -> None:
    pod = {"metadata": {"name": "web-0", "namespace": "shop"}, "spec": {"subdomain": "web"}}
    own_files.write(pod, tmp_path, "10.1.2.3", "web-0", ())
    assert (tmp_path / "etc-hosts").read_text().endswith("10.1.2.3\tweb-0.web.shop.svc.cluster.local\tweb-0\n")


@pytest.mark.parametrize(
    ("spec", "policy"),
    [
        ({}, "ClusterFirst"),
        ({"dnsPolicy": "None"}, "None"),
        ({"hostNetwork": True, "dnsPolicy": "ClusterFirst"}, "Default"),
        ({"hostNetwork": True, "dnsPolicy": "ClusterFirstWithHostNet"}, "ClusterFirst"),
    ],
)
def test_whose_dns(spec: dict, policy: str) -> None:
    assert own_files.dns_policy(spec) == policy


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ({}, "web-0"),
        ({"hostname": "own"}, "own"),
        ({"hostNetwork": True}, "node-1"),
        ({"subdomain": "web", "setHostnameAsFQDN": True}, "web-0.web.shop.svc.cluster.local"),
        ({"subdomain": "w" * 60, "setHostnameAsFQDN": True}, "web-0"),
    ],
)
def test_host_names(spec: dict, expected: str) -> None:
    assert hostname({"metadata": {"name": "web-0", "namespace": "shop"}, "spec": spec}, "node-1") == expected


def test_the_hosts_file_of_a_node(tmp_path: Path) -> None:
    spec = {"hostNetwork": True, "hostAliases": [{"ip": "1.2.3.4", "hostnames": ["a"]}]}
    own_files.write({"metadata": {"name": "a", "namespace": "b"}, "spec": spec}, tmp_path, "10.1.2.3", "node-1", ())
    text = (tmp_path / "etc-hosts").read_text()
    assert text.startswith("# Kubernetes-managed hosts file (host network).\n") and text.endswith("1.2.3.4\ta\n")


def test_resolv_conf() -> None:
    system = "search lan\nnameserver 1.1.1.1\noptions ndots:2 timeout:1\n"
    config = {
        "nameservers": ["9.9.9.9"],
        "searches": ["x"],
        "options": [{"name": "ndots", "value": "5"}, {"name": "rotate"}],
    }
    assert own_files.resolv_conf(system, "Default", config) == (
        "search lan x\nnameserver 1.1.1.1\nnameserver 9.9.9.9\noptions timeout:1 ndots:5 rotate\n"
    )
    clustered = "search shop.svc.cluster.local svc.cluster.local cluster.local lan x\n"
    clustered += "nameserver 10.96.0.10\nnameserver 9.9.9.9\noptions ndots:5 rotate\n"
    assert own_files.resolv_conf(system, "ClusterFirst", config, "shop", "10.96.0.10") == clustered
    alone = own_files.resolv_conf(system, "ClusterFirst", {}, "shop")
    assert alone == "search lan\nnameserver 1.1.1.1\noptions ndots:2 timeout:1\n"
    through = own_files.resolv_conf(system, "Default", {}, "shop", "10.96.0.10")
    assert through == "search lan\nnameserver 10.96.0.10\noptions ndots:2 timeout:1\n"
    many = {"nameservers": ["1.0.0.1", "1.0.0.2", "1.0.0.3", "1.0.0.4"]}
    assert own_files.resolv_conf("", "None", many).count("nameserver") == 3
    assert own_files.resolv_conf(system, "None", config) == "search x\nnameserver 9.9.9.9\noptions ndots:5 rotate\n"
