"""`patch`, `replace` and `create -f`: messages, refusals, and what is stored."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.support.cluster import TestCluster
from tests.support.files import Files

CM = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "settings"}, "data": {"a": "1"}}
TEMPLATE = {
    "apiVersion": "v1",
    "kind": "PodTemplate",
    "metadata": {"name": "pt"},
    "template": {"spec": {"containers": [{"name": "web", "image": "nginx"}, {"name": "log", "image": "busybox"}]}},
}


@pytest.fixture
def files(cluster: TestCluster, tmp_path: Path) -> Files:
    made = Files(cluster, tmp_path)
    made.write("cm.yaml", CM)
    made.write("pt.yaml", TEMPLATE)
    return made


# ---------------------------------------------------------------------- patch


def containers(image: str) -> str:
    return json.dumps({"template": {"spec": {"containers": [{"name": "log", "image": image}]}}})


def test_the_three_kinds_of_patch(files: Files) -> None:
    files.cli("create", "-f", "pt.yaml")

    def images() -> dict[str, str]:
        found = files.get("podtemplates", "pt")["template"]["spec"]["containers"]
        return {c["name"]: c["image"] for c in found}

    assert files.cli("patch", "podtemplate", "pt", "-p", containers("alpine")).out == "podtemplate/pt patched\n"
    assert images() == {"web": "nginx", "log": "alpine"}
    assert (
        files.cli("patch", "podtemplate", "pt", "-p", containers("alpine")).out
        == "podtemplate/pt patched (no change)\n"
    )
    operations = '[{"op":"replace","path":"/template/spec/containers/1/image","value":"debian"}]'
    files.cli("patch", "podtemplate/pt", "--type=json", "-p", operations)
    assert sorted(images().values()) == ["debian", "nginx"]
    files.cli("patch", "podtemplate/pt", "--type=merge", "-p", containers("last"))
    assert images() == {"log": "last"}


def test_patches_in_yaml_and_in_files(files: Files) -> None:
    files.cli("create", "-f", "cm.yaml")
    files.cli("patch", "cm", "settings", "-p", 'data: {b: "2"}')
    files.write("p.yaml", "data:\n  c: three\n")
    files.cli("patch", "-f", "cm.yaml", "--patch-file", "p.yaml")
    assert files.get("cm", "settings")["data"] == {"a": "1", "b": "2", "c": "three"}


def test_patch_dry_runs(files: Files) -> None:
    files.cli("create", "-f", "cm.yaml")
    for flag, words in (("client", "(dry run)"), ("server", "(server dry run)")):
        result = files.cli("patch", "cm", "settings", "-p", '{"data":{"a":"2"}}', f"--dry-run={flag}")
        assert result.out == f"configmap/settings patched {words}\n"
    assert files.get("cm", "settings")["data"] == {"a": "1"}


def test_local_patches_need_no_server(files: Files, tmp_path: Path) -> None:
    shown = files.cli("patch", "-f", "cm.yaml", "--local", "-p", '{"data":{"a":null,"b":"2"}}', "-o", "yaml")
    assert shown.out == ('apiVersion: v1\ndata:\n  b: "2"\nkind: ConfigMap\nmetadata:\n  name: settings\n')
    operations = '[{"op":"add","path":"/data/c","value":"3"}]'
    shown = files.cli("patch", "-f", "cm.yaml", "--local", "--type=json", "-p", operations, "-o", "jsonpath={.data.c}")
    assert shown.out == "3"
    files.write("odd.yaml", {"apiVersion": "example.com/v1", "kind": "Odd", "metadata": {"name": "x"}})
    refused = files.cli("patch", "-f", "odd.yaml", "--local", "-p", "{}")
    assert refused.err == (
        "error: strategic merge patch is not supported for example.com/v1, Kind=Odd locally, try --type merge\n"
    )


def test_patching_the_status(files: Files) -> None:
    files.cluster.client.create("nodes", {"metadata": {"name": "n"}})
    patch = '{"status":{"phase":"Running"},"spec":{"unschedulable":true}}'
    assert files.cli("patch", "node", "n", "--subresource=status", "-p", patch).out == "node/n patched\n"
    node = files.get("nodes", "n", "")
    assert node["status"]["phase"] == "Running" and not node["spec"].get("unschedulable")


PATCH_ERRORS = [
    (["cm", "settings"], "error: must specify --patch or --patch-file containing the contents of the patch\n"),
    (["cm", "settings", "-p", "{}", "--patch-file=x"], "error: cannot specify --patch and --patch-file together\n"),
    (["cm", "settings", "-p", "{}", "--type=odd"], 'error: --type must be one of [json merge strategic], not "odd"\n'),
    (["cm", "settings", "-p", "{}", "--local"], "error: cannot specify --local and server resources\n"),
    (["-f", "cm.yaml", "-p", "{}", "--local", "--dry-run=server"], "error: cannot specify --local and --dry-run=server - did you mean --dry-run=client?\n"),
    (["cm", "none", "-p", "{}"], 'Error from server (NotFound): configmaps "none" not found\n'),
    (["cm", "settings", "--patch-file=none"], "error: unable to read patch file: open none: no such file or directory\n"),
    (["cm", "settings", "-p", '{"data":'], "Error from server (BadRequest): unexpected end of JSON input\n"),
    (["cm", "settings", "-p", "a: b: c"], 'error: unable to parse "a: b: c": yaml: mapping values are not allowed in this context\n'),
    (["cm", "settings", "--type=json", "-p", '[{"op":"remove","path":"/data/x"}]'], "The request is invalid: the server rejected our request due to an error in our request\n"),
    (["cm", "settings", "--type=json", "-p", "{}"], "Error from server (BadRequest): error decoding patch: json: cannot unmarshal object into Go value of type []handlers.jsonPatchOp\n"),
]  # fmt: skip


@pytest.mark.parametrize(("argv", "message"), PATCH_ERRORS, ids=[" ".join(e[0]) for e in PATCH_ERRORS])
def test_patch_errors(files: Files, argv: list[str], message: str) -> None:
    files.cli("create", "-f", "cm.yaml")
    result = files.cli("patch", *argv)
    assert (result.code, result.out, result.err) == (1, "", message)


# ---------------------------------------------------------------------- create -f


def test_create_from_files(files: Files) -> None:
    assert files.cli("create", "-f", "cm.yaml").out == "configmap/settings created\n"
    again = files.cli("create", "-f", "cm.yaml", "-f", "pt.yaml")
    assert (again.code, again.out) == (1, "podtemplate/pt created\n")
    assert again.err == (
        'Error from server (AlreadyExists): error when creating "cm.yaml": configmaps "settings" already exists\n'
    )


def test_create_drops_the_version_of_an_earlier_life(files: Files) -> None:
    files.cli("create", "-f", "cm.yaml")
    text = files.cli("get", "cm", "settings", "-o", "yaml").out
    files.cluster.client.delete("cm", "settings", "default")
    files.write("old.yaml", text)
    assert files.cli("create", "-f", "old.yaml").out == "configmap/settings created\n"


def test_errors_stand_in_the_order_of_the_files(files: Files) -> None:
    files.write("b.yaml", "a: [\n")
    files.write("c.yaml", {"apiVersion": "v1", "kind": "Odd", "metadata": {"name": "x"}})
    result = files.cli("create", "-f", "b.yaml", "-f", "cm.yaml", "-f", "c.yaml")
    assert result.out == "configmap/settings created\n"
    first, second, third = result.err.splitlines()
    assert first.startswith("error parsing b.yaml: error converting YAML to JSON: yaml:")
    assert second.startswith('resource mapping not found for name: "x" namespace: "" from "c.yaml"')
    assert third == "ensure CRDs are installed first"


def test_save_config_keeps_what_was_created(files: Files) -> None:
    files.cli("create", "-f", "cm.yaml", "--save-config")
    annotations = files.get("cm", "settings")["metadata"]["annotations"]
    assert json.loads(annotations["kubectl.kubernetes.io/last-applied-configuration"])["data"] == {"a": "1"}
    assert files.cli("apply", "-f", "cm.yaml").err == ""


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        ([], "error: must specify one of -f and -k"),
        (["pod", "web"], "error: Unexpected args: [pod web]"),
        (["-f", "cm.yaml", "--edit", "--raw=/x"], "error: --raw and --edit are mutually exclusive"),
        (["-f", "cm.yaml", "-l", "a=b"], "error: no objects passed to create"),
        (["-f", "cm.yaml", "-l", "a in"], 'error: the provided selector "a in" is not valid: '),
        (["-f", "none.yaml"], 'error: the path "none.yaml" does not exist'),
    ],
)
def test_create_errors(files: Files, argv: list[str], message: str) -> None:
    result = files.cli("create", *argv)
    assert result.code == 1 and result.err.startswith(message)


# ---------------------------------------------------------------------- replace


def test_replace_takes_the_file_whole(files: Files) -> None:
    files.cli("create", "-f", "cm.yaml")
    files.write("cm.yaml", {**CM, "data": {"b": "2"}})
    assert files.cli("replace", "-f", "cm.yaml").out == "configmap/settings replaced\n"
    assert files.get("cm", "settings")["data"] == {"b": "2"}
    assert files.cli("replace", "-f", "cm.yaml", "--dry-run=client").out == "configmap/settings replaced (dry run)\n"


def test_replace_needs_the_object_and_its_version(files: Files) -> None:
    missing = files.cli("replace", "-f", "cm.yaml")
    assert missing.err == (
        'Error from server (NotFound): error when replacing "cm.yaml": configmaps "settings" not found\n'
    )
    files.cli("create", "-f", "cm.yaml")
    old: dict[str, Any] = {**CM, "metadata": {"name": "settings", "resourceVersion": "1"}}
    files.write("cm.yaml", old)
    assert "the object has been modified" in files.cli("replace", "-f", "cm.yaml").err


def test_force_deletes_and_creates(files: Files) -> None:
    files.cli("create", "-f", "cm.yaml")
    before = files.get("cm", "settings")["metadata"]["uid"]
    result = files.cli("replace", "--force", "-f", "cm.yaml")
    assert result.out == 'configmap "settings" deleted from default namespace\nconfigmap/settings replaced\n'
    assert files.get("cm", "settings")["metadata"]["uid"] != before
    files.cluster.client.delete("cm", "settings", "default")
    assert files.cli("replace", "--force", "-f", "-", stdin=json.dumps(CM)).out == "configmap/settings replaced\n"


def test_force_reads_everything_before_anything_goes(files: Files) -> None:
    files.cli("create", "-f", "cm.yaml")
    files.write("bad.yaml", {"kind": "ConfigMap"})
    assert files.cli("replace", "--force", "-f", "cm.yaml", "-f", "bad.yaml").code == 1
    assert files.get("cm", "settings")["data"] == {"a": "1"}


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (["--grace-period=1"], "error: --grace-period must have --force specified\n"),
        (["--timeout=1s"], "error: --timeout must have --force specified\n"),
        (["--force", "--dry-run=client"], "error: --dry-run can not be used when --force is set\n"),
    ],
)
def test_replace_errors(files: Files, argv: list[str], message: str) -> None:
    assert files.cli("replace", "-f", "cm.yaml", *argv).err == message
    assert files.cli("replace").err == "error: must specify one of -f and -k\n"


def test_raw_paths(files: Files) -> None:
    path = "/api/v1/namespaces/default/configmaps"
    assert json.loads(files.cli("create", "-f", "cm.yaml", "--raw", path).out)["metadata"]["uid"]
    replaced = {**CM, "metadata": {"name": "settings", "namespace": "default"}, "data": {"b": "2"}}
    files.write("cm.yaml", replaced)
    assert json.loads(files.cli("replace", "-f", "cm.yaml", "--raw", f"{path}/settings").out)["data"] == {"b": "2"}
    assert files.cli("create", "-f", "cm.yaml", "--raw", "/api/v1/odds").err == (
        "Error from server (NotFound): the server could not find the requested resource\n"
    )
