"""`apply` and its subcommands: messages, three-way merges, pruning, conflicts, and the errors that name the file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from minikctl.api.meta import LAST_APPLIED
from tests.support.cluster import Result, TestCluster
from tests.support.files import Files

CM = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "settings", "labels": {"app": "shop"}}}
PVC = {
    "apiVersion": "v1",
    "kind": "PersistentVolumeClaim",
    "metadata": {"name": "disk"},
    "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}},
}


class Applied(Files):
    def apply(self, obj: Any, *argv: str) -> Result:
        self.write("a.yaml", obj)
        return self.cli("apply", "-f", "a.yaml", *argv)


@pytest.fixture
def files(cluster: TestCluster, tmp_path: Path) -> Applied:
    return Applied(cluster, tmp_path)


def data(files: Applied, name: str = "settings") -> Any:
    return files.cluster.client.get("cm", name, "default").get("data")


def test_created_unchanged_configured(files: Applied) -> None:
    assert files.apply({**CM, "data": {"a": "1"}}).out == "configmap/settings created\n"
    assert files.apply({**CM, "data": {"a": "1"}}).out == "configmap/settings unchanged\n"
    assert files.apply({**CM, "data": {"b": "2"}}).out == "configmap/settings configured\n"
    assert data(files) == {"b": "2"}
    note = files.cluster.client.get("cm", "settings", "default")["metadata"]["annotations"][LAST_APPLIED]
    assert note == (
        '{"apiVersion":"v1","data":{"b":"2"},"kind":"ConfigMap","metadata":{"annotations":{},'
        '"labels":{"app":"shop"},"name":"settings","namespace":"default"}}\n'
    )


def test_what_others_set_stays(files: Applied) -> None:
    files.apply({**CM, "data": {"a": "1", "b": "1"}})
    files.cluster.client.patch("cm", "settings", {"data": {"live": "yes", "b": "9"}}, "default")
    files.apply({**CM, "data": {"b": "1"}})
    assert data(files) == {"b": "1", "live": "yes"}


def test_overwrite_false_reports_what_others_changed(files: Applied) -> None:
    files.apply({**CM, "data": {"a": "1"}})
    files.cluster.client.patch("cm", "settings", {"data": {"a": "theirs"}}, "default")
    result = files.apply({**CM, "data": {"a": "2"}}, "--overwrite=false")
    assert result.code == 1 and data(files) == {"a": "theirs"}
    assert "conflicts with changes made from original to current" in result.err
    assert files.apply({**CM, "data": {"a": "2"}}).out == "configmap/settings configured\n"


def test_an_object_that_was_not_applied_is_adopted_with_a_warning(files: Applied) -> None:
    files.cli("create", "cm", "settings", "--from-literal=a=1")
    result = files.apply({**CM, "data": {"a": "1"}})
    assert result.err.startswith(f"Warning: resource configmaps/settings is missing the {LAST_APPLIED} annotation")
    assert result.out == "configmap/settings configured\n"
    assert files.apply({**CM, "data": {"a": "1"}}).err == ""


def test_null_means_absent(files: Applied) -> None:
    assert files.apply({**CM, "data": {"a": None, "b": "1"}}).out == "configmap/settings created\n"
    assert data(files) == {"b": "1"}
    files.cluster.client.patch("cm", "settings", {"data": {"a": "set"}}, "default")
    files.apply({**CM, "data": {"a": None, "b": "1"}})
    assert data(files) == {"b": "1"}


def test_dry_runs_change_nothing(files: Applied) -> None:
    assert files.apply(CM, "--dry-run=client").out == "configmap/settings created (dry run)\n"
    assert files.apply(CM, "--dry-run=server").out == "configmap/settings created (server dry run)\n"
    files.apply({**CM, "data": {"a": "1"}})
    for flag, words in (("client", "(dry run)"), ("server", "(server dry run)")):
        result = files.apply({**CM, "data": {"a": "2"}}, f"--dry-run={flag}")
        assert result.out == f"configmap/settings configured {words}\n"
        shown = files.apply({**CM, "data": {"a": "2"}}, f"--dry-run={flag}", "-o", "jsonpath={.data}")
        assert shown.out == '{"a":"2"}'
    assert data(files) == {"a": "1"}


def test_output_is_the_object_or_a_list(files: Applied) -> None:
    assert files.apply(CM, "-o", "name").out == "configmap/settings\n"
    files.write("b.yaml", CM, {**CM, "metadata": {"name": "other"}})
    listing = json.loads(files.cli("apply", "-f", "b.yaml", "-o", "json").out)
    assert list(listing) == ["kind", "apiVersion", "metadata", "items"]
    assert [i["metadata"]["name"] for i in listing["items"]] == ["settings", "other"]


def test_one_bad_object_does_not_stop_the_others(files: Applied) -> None:
    files.write("b.yaml", {**CM, "metadata": {"name": "Bad_Name"}}, CM)
    files.write("c.yaml", {"kind": "ConfigMap"})
    result = files.cli("apply", "-f", "b.yaml", "-f", "c.yaml", "-f", "missing-kind.yaml")
    assert result.err == 'error: the path "missing-kind.yaml" does not exist\n' and result.out == ""
    files.write("missing-kind.yaml", {"apiVersion": "v1"})
    result = files.cli("apply", "-f", "b.yaml", "-f", "c.yaml", "-f", "missing-kind.yaml")
    assert (result.code, result.out) == (1, "configmap/settings created\n")
    first, second = result.err.splitlines()
    tail = "; if you choose to ignore these errors, turn validation off with --validate=false"
    assert first == (
        f'[error validating "c.yaml": error validating data: apiVersion not set{tail}, '
        f'error validating "missing-kind.yaml": error validating data: kind not set{tail}]'
    )
    assert second.startswith(
        'Error from server (Invalid): error when creating "b.yaml": ConfigMap "Bad_Name" is invalid'
    )


ERRORS = [
    (["-f", "a.yaml", "word"], "error: Unexpected args: [word]\nSee 'kubectl apply -h' for help and examples\n"),
    ([], "error: must specify one of -f and -k\n"),
    (["-f", "a.yaml", "-k", "."], "error: only one of -f or -k can be specified\n"),
    (["-f", "a.yaml", "-l", "no=match"], "error: no objects passed to apply\n"),
    (["-f", "a.yaml", "--validate=odd"], 'error: invalid - validate option "odd"; must be one of: strict (or true), warn, ignore (or false)\n'),
    (["-f", "a.yaml", "--force-conflicts"], "error: --force-conflicts only works with --server-side\n"),
    (["-f", "a.yaml", "--server-side", "--dry-run=client"], "error: --dry-run=client doesn't work with --server-side (did you mean --dry-run=server instead?)\n"),
    (["-f", "a.yaml", "--server-side", "--force"], "error: --force cannot be used with --server-side\n"),
    (["-f", "a.yaml", "--dry-run=server", "--force"], "error: --dry-run=server cannot be used with --force\n"),
    (["-f", "a.yaml", "--all", "-l", "a=b"], "error: cannot set --all and --selector at the same time\n"),
    (["-f", "a.yaml", "--prune", "--all", "--force"], "error: --force cannot be used with --prune\n"),
    (["-f", "a.yaml", "--subresource=status"], "error: --subresource can only be specified for --server-side\n"),
    (["-f", "a.yaml", "--prune", "--all", "--prune-allowlist=v1/ConfigMap"], "error: invalid GroupVersionKind format: v1/ConfigMap, please follow <group/version/kind>\n"),
    (["-f", "a.yaml", "--prune", "--all", "--prune-allowlist=core/v1/Odd"], 'error: no matches for kind "Odd" in version "v1"\n'),
    (["-f", "a.yaml", "-o", "odd"], 'error: unable to match a printer suitable for the output format "odd", allowed formats are: '),
    (["-f", "a.yaml", "-n", "elsewhere"], 'Error from server (NotFound): error when creating "a.yaml": namespaces "elsewhere" not found\n'),
]  # fmt: skip


@pytest.mark.parametrize(("argv", "message"), ERRORS, ids=[" ".join(e[0]) for e in ERRORS])
def test_errors(files: Applied, argv: list[str], message: str) -> None:
    files.write("a.yaml", CM)
    result = files.cli("apply", *argv)
    assert (result.code, result.out) == (1, "") and result.err.startswith(message)


def test_a_name_is_needed(files: Applied) -> None:
    result = files.apply({**CM, "metadata": {}})
    assert result.err == (
        "error: error when retrieving current configuration of:\n"
        'Resource: "/v1, Resource=configmaps", GroupVersionKind: "/v1, Kind=ConfigMap"\n'
        'Name: "", Namespace: "default"\nfrom server for: "a.yaml": resource name may not be empty\n'
    )
    result = files.apply({**CM, "metadata": {"generateName": "x-"}})
    assert result.err == "error: from x-: cannot use generate name with apply\n"


def test_unknown_fields(files: Applied) -> None:
    odd = {**CM, "dta": {}}
    strict = files.apply(odd)
    assert strict.err == (
        'Error from server (BadRequest): error when creating "a.yaml": ConfigMap in version "v1" cannot be handled '
        'as a ConfigMap: strict decoding error: unknown field "dta"\n'
    )
    warned = files.apply(odd, "--validate=warn")
    assert (warned.out, warned.err) == ("configmap/settings created\n", 'Warning: unknown field "dta"\n')
    assert files.apply(odd, "--validate=ignore").err == ""


def test_a_refused_patch_says_what_was_sent(files: Applied) -> None:
    files.apply({**CM, "data": {"a": "1"}, "immutable": True})
    result = files.apply({**CM, "data": {"a": "2"}, "immutable": True})
    assert result.code == 1 and "The ConfigMap" in result.err and "immutable" in result.err


def test_force_replaces_what_cannot_be_patched(files: Applied) -> None:
    files.apply({**CM, "data": {"a": "1"}, "immutable": True})
    before = files.cluster.client.get("cm", "settings", "default")
    assert files.apply({**CM, "data": {"a": "2"}}, "--force").out == "configmap/settings configured\n"
    after = files.cluster.client.get("cm", "settings", "default")
    assert after["data"] == {"a": "2"} and after["metadata"]["uid"] != before["metadata"]["uid"]
    assert files.apply({**CM, "data": {"a": "2"}}).out == "configmap/settings unchanged\n"


def test_force_restores_the_old_object_when_the_new_one_is_refused(files: Applied) -> None:
    files.apply({**CM, "data": {"a": "1"}})
    bad = {**CM, "data": {"bad key!": "x"}}
    assert files.apply(bad, "--force").code == 1
    assert data(files) == {"a": "1"}


def test_a_version_in_the_file_must_be_the_present_one(files: Applied) -> None:
    files.apply({**CM, "data": {"a": "1"}})
    old = {**CM, "metadata": {**CM["metadata"], "resourceVersion": "1"}, "data": {"a": "2"}}
    result = files.apply(old)
    assert result.code == 1 and "the object has been modified" in result.err
    assert result.err.startswith("Error from server (Conflict): error when applying patch:\n{")
    assert (
        'for: "a.yaml": error when patching "a.yaml": Operation cannot be fulfilled on configmaps "settings"'
        in result.err
    )


# ---------------------------------------------------------------------- prune


def test_prune(files: Applied) -> None:
    def named(name: str, app: str = "shop") -> dict[str, Any]:
        return {**CM, "metadata": {"name": name, "labels": {"app": app}}}

    files.write("all.yaml", named("one"), named("two"), named("three", "other"), PVC)
    files.cli("apply", "-f", "all.yaml")
    files.cli("create", "cm", "made-by-hand")
    files.write("one.yaml", named("one"))
    allow = "--prune-allowlist=core/v1/ConfigMap"
    dry = files.cli("apply", "--prune", "--all", allow, "-f", "one.yaml", "--dry-run=client")
    assert dry.out == (
        "configmap/one unchanged (dry run)\nconfigmap/three pruned (dry run)\nconfigmap/two pruned (dry run)\n"
    )
    assert files.cli("apply", "--prune", "-l", "app=shop", allow, "-f", "one.yaml").out == (
        "configmap/one unchanged\nconfigmap/two pruned\n"
    )
    usual = files.cli("apply", "--prune", "--all", "-f", "one.yaml")
    assert usual.out.splitlines()[1:] == ["configmap/three pruned", "persistentvolumeclaim/disk pruned"]
    assert "prune.go:71] Deprecated: kubectl apply will no longer prune non-namespaced resources" in usual.err
    assert data(files, "made-by-hand") is None and files.cli("get", "cm", "two").code == 1


# ---------------------------------------------------------------------- server-side


def test_server_side_apply(files: Applied) -> None:
    config = {**CM, "data": {"a": "1"}}
    assert files.apply(config, "--server-side").out == "configmap/settings serverside-applied\n"
    files.cluster.client.patch("cm", "settings", {"data": {"a": "theirs"}}, "default")
    result = files.apply({**CM, "data": {"a": "2"}}, "--server-side")
    assert result.code == 1
    assert result.err.startswith("error: Apply failed with 1 conflict: conflict with ")
    assert "Please review the fields above--they currently have other managers." in result.err
    forced = files.apply({**CM, "data": {"a": "2"}}, "--server-side", "--force-conflicts")
    assert forced.out == "configmap/settings serverside-applied\n" and data(files) == {"a": "2"}


def test_client_side_owners_are_migrated(files: Applied) -> None:
    files.apply({**CM, "data": {"a": "1", "b": "1"}})
    assert files.apply({**CM, "data": {"a": "1"}}, "--server-side").out == "configmap/settings serverside-applied\n"
    assert data(files) == {"a": "1"}
    obj = files.cluster.client.get("cm", "settings", "default")
    assert LAST_APPLIED in obj["metadata"]["annotations"]
    owners = {(e["manager"], e["operation"]) for e in obj["metadata"]["managedFields"]}
    assert owners == {("kubectl", "Apply"), ("kubectl-last-applied", "Apply")}


# ---------------------------------------------------------------------- last-applied


def test_view_last_applied(files: Applied) -> None:
    files.apply({**CM, "data": {"a": "1"}})
    shown = files.cli("apply", "view-last-applied", "cm/settings")
    assert yaml.safe_load(shown.out)["data"] == {"a": "1"}
    assert files.cli("apply", "view-last-applied", "-f", "a.yaml", "-o", "json").out.startswith('{\n  "apiVersion"')
    odd = files.cli("apply", "view-last-applied", "cm/settings", "-o", "odd")
    assert odd.err.startswith("error: Unexpected -o output mode: odd, the flag 'output' must be one of yaml|json\n")
    files.cli("create", "cm", "plain")
    assert files.cli("apply", "view-last-applied", "cm", "plain").out == ""


def test_set_last_applied(files: Applied) -> None:
    files.write("a.yaml", {**CM, "data": {"a": "1"}})
    files.cli("create", "-f", "a.yaml")
    refused = files.cli("apply", "set-last-applied", "-f", "a.yaml")
    assert refused.err == (
        "error: no last-applied-configuration annotation found on resource: settings, "
        "to create the annotation, run the command with --create-annotation\n"
    )
    made = files.cli("apply", "set-last-applied", "-f", "a.yaml", "--create-annotation")
    assert made.out == "configmap/settings configured\n"
    again = files.cli("apply", "set-last-applied", "-f", "a.yaml")
    assert again.out == "set-last-applied settings: no changes required.\n"
    assert data(files) == {"a": "1"}
