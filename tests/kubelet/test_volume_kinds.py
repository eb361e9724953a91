"""Every kind of volume as a sandboxed container has it, what of it follows its object, and what is refused."""

from __future__ import annotations

import base64
import stat
from pathlib import Path

from minikctl.api.meta import Obj, uid
from tests.kubelet.test_process_agent import Running, first, terminated, waiting
from tests.runtime.conftest import until


def shell(script: str) -> list[str]:
    return ["sh", "-c", script]


def encoded(data: bytes) -> str:
    return base64.b64encode(data).decode()


def output(node: Running, name: str = "web") -> list[str]:
    """What the container put out, when it has ended."""
    node.wait(lambda p: bool(terminated(first(p))), name=name, seconds=60)
    return str(node.cluster.cli("logs", name).out).splitlines()


def objects(node: Running) -> None:
    settings = {"data": {"a": "1", "b": "two"}, "binaryData": {"raw": encoded(b"\x00\xff")}}
    node.client.create("configmaps", {"metadata": {"name": "c"}, **settings}, "default")
    node.client.create("secrets", {"metadata": {"name": "s"}, "data": {"key": encoded(b"sesame")}}, "default")


def bound_claim(node: Running, name: str, folder: Path, **meta: object) -> None:
    folder.mkdir(exist_ok=True)
    size, modes = {"storage": "1Mi"}, ["ReadWriteOnce"]
    spec: Obj = {"accessModes": modes, "resources": {"requests": size}, "storageClassName": "", "volumeName": name}
    body = {"metadata": {"name": name, **meta}, "spec": spec}
    claim = node.client.create("persistentvolumeclaims", body, "default")
    node.client.patch("persistentvolumeclaims", name, {"status": {"phase": "Bound"}}, "default", subresource="status")
    ref = {"namespace": "default", "name": name, "uid": uid(claim)}
    spec = {"capacity": size, "accessModes": modes, "hostPath": {"path": str(folder)}, "claimRef": ref}
    node.client.create("persistentvolumes", {"metadata": {"name": name}, "spec": spec})


def test_files_of_objects(sandboxed: Running) -> None:
    objects(sandboxed)
    volumes: list[Obj] = [
        {"name": "whole", "configMap": {"name": "c"}},
        {"name": "some", "configMap": {"name": "c", "items": [{"key": "b", "path": "deep/b", "mode": 0o400}]}},
        {"name": "mode", "configMap": {"name": "c", "defaultMode": 0o440}},
        {"name": "secret", "secret": {"secretName": "s", "defaultMode": 0o400}},
        {"name": "none", "configMap": {"name": "missing", "optional": True}},
        {
            "name": "down",
            "downwardAPI": {
                "items": [
                    {"path": "name", "fieldRef": {"fieldPath": "metadata.name"}},
                    {"path": "cpu", "resourceFieldRef": {"containerName": "app", "resource": "limits.cpu"}},
                ]
            },
        },
        {
            "name": "all",
            "projected": {
                "defaultMode": 0o444,
                "sources": [
                    {"configMap": {"name": "c", "items": [{"key": "a", "path": "from/map"}]}},
                    {"secret": {"name": "s", "items": [{"key": "key", "path": "from/secret"}]}},
                    {"downwardAPI": {"items": [{"path": "ns", "fieldRef": {"fieldPath": "metadata.namespace"}}]}},
                    {"serviceAccountToken": {"path": "token", "audience": "vault", "expirationSeconds": 600}},
                ],
            },
        },
    ]
    mounts = [{"name": v["name"], "mountPath": f"/v/{v['name']}"} for v in volumes]
    mounts.append({"name": "whole", "mountPath": "/v/one", "subPath": "a"})
    script = """
        cd /v; ls whole; cat whole/a whole/b; echo; od -An -tx1 whole/raw; readlink whole/a whole/..data | cut -c-6
        cat some/deep/b; echo; stat -Lc %a some/deep/b mode/a secret/key all/ns
        cat secret/key; echo; ls none | wc -l; cat down/name; echo; cat down/cpu; echo
        cat all/from/map all/from/secret all/ns; echo; cut -d. -f2 all/token
        cat one; echo; touch whole/x 2>/dev/null || echo read-only
    """
    sandboxed.create(
        command=shell(script),
        policy="Never",
        volumeMounts=mounts,
        resources={"limits": {"cpu": "2"}},
        spec={"volumes": volumes},
    )
    said = output(sandboxed)
    token, place = said.pop(-3), said.pop(6)
    assert place.startswith("..2") and said == [
        *("a", "b", "raw", "1two", " 00 ff", "..data", "two", "400", "440", "400", "444"),
        *("sesame", "0", "web", "2", "1sesamedefault", "1", "read-only"),
    ]
    claims = base64.urlsafe_b64decode(token + "=" * (-len(token) % 4)).decode()
    assert '"vault"' in claims and '"web"' in claims


def test_folders(sandboxed: Running, tmp_path: Path) -> None:
    """emptyDir, hostPath, claims, ephemeral claims; parts of them; who may write."""
    host = tmp_path / "host"
    (host / "sub").mkdir(parents=True)
    (host / "sub" / "f").write_text("of the host\n")
    bound_claim(sandboxed, "data", tmp_path / "pv")
    volumes: list[Obj] = [
        {"name": "scratch", "emptyDir": {}},
        {"name": "memory", "emptyDir": {"medium": "Memory"}},
        {"name": "host", "hostPath": {"path": str(host), "type": "Directory"}},
        {"name": "made", "hostPath": {"path": str(tmp_path / "new/er"), "type": "DirectoryOrCreate"}},
        {"name": "file", "hostPath": {"path": str(tmp_path / "file"), "type": "FileOrCreate"}},
        {"name": "claim", "persistentVolumeClaim": {"claimName": "data"}},
        {"name": "fixed", "persistentVolumeClaim": {"claimName": "data", "readOnly": True}},
    ]
    names = ("scratch", "memory", "host", "made", "file", "claim", "fixed")
    mounts: list[Obj] = [{"name": n, "mountPath": f"/v/{n}"} for n in names]
    mounts += [
        {"name": "host", "mountPath": "/v/part", "subPath": "sub", "readOnly": True},
        {"name": "scratch", "mountPath": "/v/own", "subPathExpr": "$(WHO)/logs"},
    ]
    script = """
        cd /v; ls -A scratch; ls -A memory; echo one >memory/a; cat host/sub/f part/f
        (echo 2 >part/f) 2>/dev/null || echo read-only
        echo own >own/log; cat scratch/web/logs/log; echo kept >claim/k; cat fixed/k
        (echo 3 >fixed/k) 2>/dev/null || echo read-only; echo in >made/f; echo in >file; stat -c %a scratch
    """
    env = [{"name": "WHO", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}}]
    sandboxed.create(command=shell(script), policy="Never", env=env, volumeMounts=mounts, spec={"volumes": volumes})
    assert output(sandboxed) == [
        *("web", "of the host", "of the host", "read-only", "own", "kept", "read-only", "777"),
    ]
    assert (tmp_path / "pv/k").read_text() == "kept\n" and (host / "sub/f").read_text() == "of the host\n"
    assert (tmp_path / "new/er/f").read_text() == "in\n" == (tmp_path / "file").read_text()
    assert stat.S_IMODE((tmp_path / "new/er").stat().st_mode) == 0o755
    sandboxed.client.delete("pods", "web", "default")
    until(lambda: sandboxed.pod() is None, "it has ended", 60)
    assert (tmp_path / "pv/k").exists() and (host / "sub/f").exists()


def test_an_ephemeral_claim(sandboxed: Running, tmp_path: Path) -> None:
    """The controller makes the claim; until it is there and bound, the pod waits."""
    template = {"spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Mi"}}}}
    sandboxed.create(
        command=shell("echo here >/v/x; cat /v/x"),
        policy="Never",
        volumeMounts=[{"name": "v", "mountPath": "/v"}],
        spec={"volumes": [{"name": "v", "ephemeral": {"volumeClaimTemplate": template}}]},
    )
    until(lambda: "FailedMount" in dict(sandboxed.events()), "it waits for its claim", 60)
    pod = sandboxed.pod()
    owner = {"apiVersion": "v1", "kind": "Pod", "name": "web", "uid": uid(pod), "controller": True}
    bound_claim(sandboxed, "web-v", tmp_path / "pv", ownerReferences=[owner])
    assert output(sandboxed) == ["here"]
    assert (tmp_path / "pv/x").read_text() == "here\n"


def test_what_follows_its_object(sandboxed: Running) -> None:
    """All files of a volume change at once, after the sync period or when the pod changes; a subPath and the
    environment never do."""
    objects(sandboxed)
    volumes: list[Obj] = [
        {"name": "map", "configMap": {"name": "c"}},
        {"name": "secret", "secret": {"secretName": "s"}},
        {"name": "down", "downwardAPI": {"items": [{"path": "l", "fieldRef": {"fieldPath": "metadata.labels['l']"}}]}},
        {"name": "token", "projected": {"sources": [{"serviceAccountToken": {"path": "t"}}]}},
    ]
    mounts = [{"name": v["name"], "mountPath": f"/v/{v['name']}"} for v in volumes]
    mounts.append({"name": "map", "mountPath": "/v/one", "subPath": "a"})
    env = [{"name": "A", "valueFrom": {"configMapKeyRef": {"name": "c", "key": "a"}}}]
    sandboxed.create(command=["sleep", "600"], volumeMounts=mounts, env=env, spec={"volumes": volumes})
    pod = sandboxed.ready()
    runtime, container = sandboxed.kubelet.runtime, first(pod)["containerID"].partition("//")[2]

    def seen() -> list[str]:
        show = "cat /v/map/a; echo; cat /v/secret/key; echo; cat /v/down/l; echo; cat /v/one; echo; echo $A; cat /v/token/t"
        return runtime.exec_sync(container, shell(show), 30).output.decode().splitlines()

    before = seen()
    assert before[:5] == ["1", "sesame", "", "1", "1"]
    sandboxed.client.patch("configmaps", "c", {"data": {"a": "2"}}, "default")
    sandboxed.client.patch("secrets", "s", {"data": {"key": encoded(b"open")}}, "default")
    sandboxed.kubelet.look_again(uid(pod))
    assert seen()[0] == "1"
    manager = sandboxed.kubelet.volumes
    for place, (token, _) in list(manager._tokens.known.items()):
        manager._tokens.known[place] = (token, 0.0)  # 80 % of its life are over
    manager._due[uid(pod)] = 0.0  # and so is the sync period
    sandboxed.kubelet.look_again(uid(pod))
    until(lambda: seen()[0] == "2", "the file has followed", 60)
    after = seen()
    assert after[:5] == ["2", "open", "", "1", "1"] and after[5] != before[5]
    sandboxed.client.patch("configmaps", "c", {"data": {"a": "3"}}, "default")
    sandboxed.client.patch("pods", "web", {"metadata": {"labels": {"l": "new"}}}, "default")
    until(lambda: seen()[:5] == ["3", "open", "new", "1", "1"], "a change of the pod itself is a reason to look", 60)
    assert first(sandboxed.pod())["restartCount"] == 0


REFUSED: dict[str, tuple[Obj, Obj, str]] = {
    "missing": ({"configMap": {"name": "missing"}}, {}, 'configmap "missing" not found'),
    "key": (
        {"configMap": {"name": "c", "items": [{"key": "none", "path": "n"}]}},
        {},
        "configmap references non-existent config key: none",
    ),
    "folder": ({"hostPath": {"path": "/etc/hostname", "type": "Directory"}}, {}, "is not a directory"),
    "absent": ({"hostPath": {"path": "/no/such/file", "type": "File"}}, {}, "is not a file"),
    "socket": ({"hostPath": {"path": "/etc", "type": "Socket"}}, {}, "is not a socket file"),
    "device": ({"hostPath": {"path": "/etc", "type": "CharDevice"}}, {}, "is not a character device"),
    "claim": ({"persistentVolumeClaim": {"claimName": "none"}}, {}, 'persistentvolumeclaims "none" not found'),
}


def test_volumes_that_cannot_be_had(sandboxed: Running) -> None:
    objects(sandboxed)
    mount = {"name": "v", "mountPath": "/v"}
    for name, (source, more, _) in REFUSED.items():
        sandboxed.create(name, volumeMounts=[{**mount, **more}], spec={"volumes": [{"name": "v", **source}]})
    for name, (_, _, text) in REFUSED.items():
        until(lambda n=name: "FailedMount" in dict(sandboxed.events(n)), f"{name} is refused", 60)  # type: ignore[misc]
        assert text in dict(sandboxed.events(name))["FailedMount"]
        pod = sandboxed.wait(lambda p: waiting(p, "ContainerCreating"), name=name, seconds=60)
        assert pod["status"]["phase"] == "Pending"


def test_mounts_that_cannot_be_made(sandboxed: Running) -> None:
    spec = {"volumes": [{"name": "v", "emptyDir": {}}]}
    cases = {
        "shared": ({"mountPropagation": "HostToContainer"}, 'mountPropagation HostToContainer of volume "v"'),
        "unknown": ({"subPathExpr": "$(NOBODY)"}, "missing value for NOBODY"),
    }
    for name, (more, text) in cases.items():
        sandboxed.create(name, volumeMounts=[{"name": "v", "mountPath": "/v", **more}], spec=spec)
        pod = sandboxed.wait(lambda p: waiting(p, "CreateContainerConfigError"), name=name, seconds=60)
        assert first(pod)["state"]["waiting"]["message"].startswith(text)
