"""What the server refuses in volumes and their mounts."""

from typing import Any

import pytest

from tests.api.building import container, pod_spec, refusals


def of_volume(**source: Any) -> list[str]:
    errors = refusals("pods", spec=pod_spec(volumes=[{"name": "v", **source}], serviceAccountName="a"))
    return [e.removeprefix("spec.volumes[0].") for e in errors]


@pytest.mark.parametrize(
    ("source", "errors"),
    [
        ({"emptyDir": {"sizeLimit": "-1"}}, ["emptyDir.sizeLimit: Forbidden: SizeLimit field must be a valid resource quantity"]),
        ({"emptyDir": {}, "hostPath": {"path": "/"}}, ["hostPath: Forbidden: may not specify more than 1 volume type"]),
        ({"hostPath": {"path": ""}}, ["hostPath.path: Required value"]),
        ({"hostPath": {"path": "/a/../b"}}, ["hostPath.path: Invalid value: \"/a/../b\": must not contain '..'"]),
        ({"hostPath": {"path": "/a", "type": "Dir"}}, ['hostPath.type: Unsupported value: "Dir": supported values: "", "BlockDevice", "CharDevice", "Directory", "DirectoryOrCreate", "File", "FileOrCreate", "Socket"']),
        ({"secret": {}}, ["secret.secretName: Required value"]),
        ({"secret": {"secretName": "s", "defaultMode": 512}}, ["secret.defaultMode: Invalid value: 512: must be a number between 0 and 0777 (octal), both inclusive"]),
        ({"configMap": {"name": "c", "items": [{"key": "", "path": "../x"}]}}, ["configMap.items[0].key: Required value", "configMap.items[0].path: Invalid value: \"../x\": must not contain '..'"]),
        ({"configMap": {"name": "c", "items": [{"key": "k", "path": "..x"}]}}, ["configMap.items[0].path: Invalid value: \"..x\": must not start with '..'"]),
        ({"persistentVolumeClaim": {"claimName": ""}}, ["persistentVolumeClaim.claimName: Required value"]),
        ({"nfs": {"server": "s", "path": "x"}}, ['nfs.path: Invalid value: "x": must be an absolute path']),
        ({"downwardAPI": {"items": [{"path": "a"}]}}, ["downwardAPI: Required value: one of fieldRef and resourceFieldRef is required"]),
        ({"csi": {"driver": ""}}, ["csi.driver: Required value"]),
        ({"ephemeral": {}}, ["ephemeral.volumeClaimTemplate: Required value"]),
        ({"projected": {"sources": [{"serviceAccountToken": {"path": "t", "expirationSeconds": 60}}]}}, ["projected.sources[0].serviceAccountToken.expirationSeconds: Invalid value: 60: may not specify a duration less than 10 minutes"]),
        ({"projected": {"sources": [{"secret": {"name": "a", "items": [{"key": "k", "path": "p"}]}}, {"configMap": {"name": "b", "items": [{"key": "k", "path": "p"}]}}]}}, ['projected: Invalid value: "b": conflicting duplicate paths']),
        ({"projected": {"sources": [{}]}}, ["projected.sources[0]: Required value: must specify a source type"]),
        ({"gcePersistentDisk": {"pdName": "", "partition": 256}}, ["persistentDisk.pdName: Required value", "persistentDisk.partition: Invalid value: 256: must be between 1 and 255, inclusive"]),
        ({"iscsi": {"targetPortal": "1.2.3.4", "iqn": "bad", "lun": 0}}, ['iscsi.iqn: Invalid value: "bad": must be valid format starting with iqn, eui, or naa']),
        ({"iscsi": {"targetPortal": "1.2.3.4", "iqn": "iqn.2015-02.example.com:test", "lun": 300}}, ["iscsi.lun: Invalid value: 300: must be between 0 and 255, inclusive"]),
        ({"fc": {"targetWWNs": ["a"]}}, ["fc.lun: Required value: lun is required if targetWWNs is specified"]),
        ({"flexVolume": {"driver": "d", "options": {"kubernetes.io/x": "1"}}}, ['flexVolume.options[kubernetes.io/x]: Invalid value: "kubernetes.io/x": kubernetes.io and k8s.io namespaces are reserved']),
        ({"flocker": {"datasetName": "a/b"}}, ["flocker.datasetName: Invalid value: \"a/b\": must not contain '/'"]),
        ({"rbd": {"monitors": [], "image": ""}}, ["rbd.monitors: Required value", "rbd.image: Required value"]),
        ({"azureFile": {"secretName": "", "shareName": "s"}}, ["azureFile.secretName: Required value"]),
        ({"image": {"reference": "a:1", "pullPolicy": "X"}}, ['image.pullPolicy: Unsupported value: "X": supported values: "Always", "IfNotPresent", "Never"']),
    ],
)  # fmt: skip
def test_sources(source: dict[str, Any], errors: list[str]) -> None:
    assert of_volume(**source) == errors


def test_names_are_distinct_and_not_missing() -> None:
    volumes = [{"name": "v"}, {"name": "v"}, {"name": ""}]
    assert refusals("pods", spec=pod_spec(volumes=volumes)) == [
        'spec.volumes[1].name: Duplicate value: "v"',
        "spec.volumes[2].name: Required value",
    ]


VOLUMES = [{"name": "v"}, {"name": "claim", "persistentVolumeClaim": {"claimName": "c"}}]


def mounted(**fields: Any) -> list[str]:
    errors = refusals("pods", spec=pod_spec(volumes=VOLUMES, containers=[container(**fields)]))
    return [e.removeprefix("spec.containers[0].") for e in errors]


@pytest.mark.parametrize(
    ("fields", "errors"),
    [
        ({"volumeMounts": [{"name": "v", "mountPath": "/a"}, {"name": "v", "mountPath": "/a"}]}, ['volumeMounts[1].mountPath: Invalid value: "/a": must be unique']),
        ({"volumeMounts": [{"name": "v", "mountPath": ""}]}, ["volumeMounts[0].mountPath: Required value"]),
        ({"volumeMounts": [{"name": "v", "mountPath": "/a", "subPath": "/b"}]}, ['volumeMounts.subPath: Invalid value: "/b": must be a relative path']),
        ({"volumeMounts": [{"name": "v", "mountPath": "/a", "subPath": "b", "subPathExpr": "c"}]}, ['volumeMounts[0].subPathExpr: Invalid value: "c": subPathExpr and subPath are mutually exclusive']),
        ({"volumeMounts": [{"name": "v", "mountPath": "/a", "mountPropagation": "Bidirectional"}]}, ["volumeMounts.mountPropagation: Forbidden: Bidirectional mount propagation is available only to privileged containers"]),
        ({"volumeMounts": [{"name": "v", "mountPath": "/a", "recursiveReadOnly": "Enabled"}]}, ["volumeMounts.recursiveReadOnly: Forbidden: may only be specified when readOnly is true"]),
        ({"volumeDevices": [{"name": "v", "devicePath": "/dev/x"}]}, ['volumeDevices[0].name: Invalid value: "v": can only use volume source type of PersistentVolumeClaim or Ephemeral for block mode']),
        ({"volumeDevices": [{"name": "claim", "devicePath": "/dev/x"}]}, []),
        ({"volumeDevices": [{"name": "claim", "devicePath": ""}]}, ["volumeDevices[0].devicePath: Required value"]),
    ],
)  # fmt: skip
def test_mounts(fields: dict[str, Any], errors: list[str]) -> None:
    assert mounted(**fields) == errors
