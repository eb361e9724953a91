"""`kubectl get`: tables, data, selections, watches."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.support.cluster import TestCluster


def config_map(cluster: TestCluster, name: str, namespace: str = "default", **labels: str) -> None:
    cluster.client.create("configmaps", {"metadata": {"name": name, "labels": labels}, "data": {"k": name}}, namespace)


@pytest.fixture
def shop(cluster: TestCluster) -> TestCluster:
    """Three ConfigMaps and a Secret in `default`, one ConfigMap in `kube-system`."""
    config_map(cluster, "apple", color="red", rank="10")
    config_map(cluster, "banana", color="yellow", rank="9")
    config_map(cluster, "cherry", color="red")
    config_map(cluster, "date", "kube-system", color="brown")
    cluster.client.create("secrets", {"metadata": {"name": "pit"}, "type": "Opaque", "data": {"a": "eA=="}}, "default")
    return cluster


def lines(text: str) -> list[list[str]]:
    return [line.split() for line in text.splitlines()]


# ---------------------------------------------------------------------- tables


def test_one_kind(shop: TestCluster) -> None:
    got = shop.cli("get", "cm", "--no-headers")
    assert [row[:2] for row in lines(got.out)] == [["apple", "1"], ["banana", "1"], ["cherry", "1"]]
    assert shop.cli("get", "cm").out.startswith("NAME     DATA   AGE\napple    1      ")


def test_columns_are_padded_by_three(shop: TestCluster) -> None:
    got = shop.cli("get", "cm", "apple", "banana", "-L", "color,rank", "--no-headers").out.splitlines()
    assert [line.replace("0s", "").split("   ")[0] for line in got] == ["apple ".rstrip(), "banana"]
    assert got[0].startswith("apple    1     ") and got[0].endswith("red      10")


def test_several_kinds_say_which(shop: TestCluster) -> None:
    got = shop.cli("get", "cm,secret")
    blocks = got.out.split("\n\n")
    assert len(blocks) == 2
    assert "configmap/apple" in blocks[0] and "secret/pit" in blocks[1]


def test_named_objects_of_several_kinds(shop: TestCluster) -> None:
    got = shop.cli("get", "secret/pit", "cm/apple", "cm/banana")
    assert [row[:1] for row in lines(got.out)] == [
        ["NAME"],
        ["secret/pit"],
        [],
        ["NAME"],
        ["configmap/apple"],
        ["configmap/banana"],
    ]


def test_all_namespaces(shop: TestCluster) -> None:
    got = shop.cli("get", "cm", "-A", "--no-headers")
    assert [row[:2] for row in lines(got.out)] == [
        ["default", "apple"],
        ["default", "banana"],
        ["default", "cherry"],
        ["kube-system", "date"],
    ]
    assert shop.cli("get", "ns", "-A").out.startswith("NAME ")


def test_show_labels_and_kind(shop: TestCluster) -> None:
    got = shop.cli("get", "cm", "apple", "--show-labels", "--show-kind", "--no-headers")
    assert lines(got.out)[0][0] == "configmap/apple"
    assert lines(got.out)[0][-1] == "color=red,rank=10"
    assert lines(shop.cli("get", "secret", "--show-labels").out)[1][-1] == "<none>"


def test_label_columns_show_the_last_part_of_the_name(shop: TestCluster) -> None:
    assert shop.cli("get", "cm", "apple", "-L", "example.com/color").out.splitlines()[0].endswith("   COLOR")


def test_without_server_print(shop: TestCluster) -> None:
    assert shop.cli("get", "cm", "apple", "--server-print=false").out.splitlines()[0] == "NAME    AGE"


def test_nothing_found(shop: TestCluster) -> None:
    for argv, err in (
        (["get", "cm", "-n", "kube-public"], "No resources found in kube-public namespace.\n"),
        (["get", "cm", "-l", "color=blue"], "No resources found in default namespace.\n"),
        (["get", "cm", "-A", "-l", "color=blue"], "No resources found\n"),
        (["get", "cm,ns", "-l", "color=blue"], "No resources found\n"),
        (["get", "cm", "-l", "color=blue", "--ignore-not-found"], ""),
    ):
        got = shop.cli(*argv)
        assert (got.code, got.out, got.err) == (0, "", err)


def test_missing_objects(shop: TestCluster) -> None:
    got = shop.cli("get", "cm", "fig", "apple", "grape")
    assert got.code == 1
    assert [row[0] for row in lines(got.out)] == ["NAME", "apple"]
    assert got.err.splitlines() == [
        'Error from server (NotFound): configmaps "fig" not found',
        'Error from server (NotFound): configmaps "grape" not found',
    ]
    quiet = shop.cli("get", "cm", "fig", "--ignore-not-found")
    assert (quiet.code, quiet.out, quiet.err) == (0, "", "")


# ---------------------------------------------------------------------- selections


@pytest.mark.parametrize(
    ("selector", "names"),
    [
        ("color=red", ["apple", "cherry"]),
        ("color!=red", ["banana"]),
        ("color in (red, yellow),rank", ["apple", "banana"]),
        ("!rank", ["cherry"]),
    ],
)
def test_label_selectors(shop: TestCluster, selector: str, names: list[str]) -> None:
    assert shop.cli("get", "cm", "-l", selector, "-o", "name").out.split() == [f"configmap/{n}" for n in names]


def test_field_selectors(shop: TestCluster) -> None:
    assert shop.cli("get", "cm", "--field-selector", "metadata.name!=apple", "-o", "name").out.split() == [
        "configmap/banana",
        "configmap/cherry",
    ]


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (
            ["get", "cm", "-l", "a=("],
            'Error from server (BadRequest): Unable to find "/v1, Resource=configmaps" that match label selector '
            '"a=(", field selector "": unable to parse requirement: found \'(\', expected: identifier',
        ),
        (
            ["get", "deploy", "--field-selector", "spec.replicas=1"],
            'Error from server (BadRequest): Unable to find "apps/v1, Resource=deployments" that match label selector '
            '"", field selector "spec.replicas=1": "spec.replicas" is not a known field selector: '
            'only "metadata.name", "metadata.namespace"',
        ),
        (["get", "fruit"], 'error: the server doesn\'t have a resource type "fruit"'),
        (["get", "fruit.example.com/x"], 'error: the server doesn\'t have a resource type "fruit"'),
        (["get", "cm", "apple", "-l", "a=b"], "error: name cannot be provided when a selector is specified"),
        (["get", "cm/apple", "-A"], "error: a resource cannot be retrieved by name across all namespaces"),
        (["get", "cm", "--show-labels", "-o", "json"], "error: --show-labels option cannot be used with json printer"),
        (
            ["get", "cm", "--output-watch-events"],
            "error: --output-watch-events option can only be used with --watch or --watch-only",
        ),
        (["get", "cm", "--raw", "/healthz"], "error: arguments may not be passed when --raw is specified"),
        (["get", "--raw", "/healthz", "-o", "json"], "error: --raw and --output are mutually exclusive"),
        (
            ["get", "--raw", "healthz"],
            'error: --raw must be a valid URL path: parse "healthz": invalid URI for request',
        ),
        (["get", "cm,secret", "-w"], "error: you may only specify a single resource type"),
        (
            ["get", "cm", "-o", "custom-columns=NAME"],
            "error: unexpected custom-columns spec: NAME, expected <header>:<json-path-expr>",
        ),
        (["get", "cm", "--request-timeout=soon", "-w"], None),
        (["get", "-f", "nowhere.yaml"], 'error: the path "nowhere.yaml" does not exist'),
        (["get", "cm", "--subresource=status"], "error: subresource cannot be used when bulk resources are specified"),
    ],
)
def test_refused(shop: TestCluster, argv: list[str], message: str | None) -> None:
    got = shop.cli(*argv)
    assert got.code == 1
    if message is None:
        assert got.err.startswith("error: Invalid timeout value.")
    else:
        assert got.err == message + "\n"


def test_without_a_kind(cluster: TestCluster) -> None:
    got = cluster.cli("get")
    assert got.code == 1
    assert got.err.startswith("You must specify the type of resource to get.")
    assert got.err.endswith("See 'kubectl get -h' for help and examples\n")


# ---------------------------------------------------------------------- order


def test_sort_by(shop: TestCluster) -> None:
    def names(*argv: str) -> list[str]:
        return [n.partition("/")[2] for n in shop.cli("get", "cm", *argv, "-o", "name").out.split()]

    assert names("--sort-by=.metadata.labels.rank") == ["cherry", "banana", "apple"], "numbers in texts, absent first"
    assert names("--sort-by={.data.k}") == ["apple", "banana", "cherry"]
    table = shop.cli("get", "cm", "--sort-by=metadata.labels.rank", "--no-headers")
    assert [row[0] for row in lines(table.out)] == ["cherry", "banana", "apple"]


def test_sort_by_of_named_objects_looks_into_their_tables(shop: TestCluster) -> None:
    got = shop.cli("get", "cm", "apple", "banana", "--sort-by=.metadata.name")
    assert got.err == 'error: couldn\'t find any field with path "{.metadata.name}" in the list of objects\n'


# ---------------------------------------------------------------------- data


def test_one_object_is_itself(shop: TestCluster) -> None:
    assert json.loads(shop.cli("get", "cm", "apple", "-o", "json").out)["kind"] == "ConfigMap"


@pytest.mark.parametrize("argv", [["cm"], ["cm", "apple", "banana"], ["cm", "-l", "color=blue"], ["cm,secret"]])
def test_several_objects_are_a_list(shop: TestCluster, argv: list[str]) -> None:
    got = json.loads(shop.cli("get", *argv, "-o", "json").out)
    assert list(got) == ["apiVersion", "items", "kind", "metadata"]
    assert got["kind"] == "List" and got["metadata"] == {"resourceVersion": ""}


def test_found_objects_are_printed_beside_the_error(shop: TestCluster) -> None:
    got = shop.cli("get", "cm", "apple", "fig", "-o", "name")
    assert (got.code, got.out) == (1, "configmap/apple\n")
    assert got.err == 'Error from server (NotFound): configmaps "fig" not found\n'


def test_jsonpath_and_templates(shop: TestCluster) -> None:
    assert shop.cli("get", "cm", "-o", "jsonpath={.items[*].metadata.name}").out == "apple banana cherry"
    template = "{{range .items}}{{.metadata.name}}:{{len .data}} {{end}}"
    assert shop.cli("get", "cm", "--template", template).out == "apple:1 banana:1 cherry:1 "
    assert shop.cli("get", "cm/apple", "-o", "jsonpath={.data.k}").out == "apple"


def test_templates_from_files(shop: TestCluster, tmp_path: Path) -> None:
    (tmp_path / "t").write_text("{{.kind}}\n")
    (tmp_path / "p").write_text("{.kind}\n")
    (tmp_path / "c").write_text("WHO WHAT\nmetadata.name .data.k\n")
    for form, out in (
        ("go-template-file=t", "ConfigMap\n"),
        ("jsonpath-file=p", "ConfigMap\n"),
        ("custom-columns-file=c", "WHO     WHAT\napple   apple\n"),
    ):
        assert shop.cli("get", "cm", "apple", "-o", form, cwd=tmp_path).out == out


def test_custom_columns(shop: TestCluster) -> None:
    got = shop.cli("get", "cm", "-o", "custom-columns=WHO:.metadata.name,RANK:{.metadata.labels.rank},ALL:.data")
    assert got.out == (
        "WHO      RANK     ALL\n"
        "apple    10       map[k:apple]\n"
        "banana   9        map[k:banana]\n"
        "cherry   <none>   map[k:cherry]\n"
    )
    assert shop.cli("get", "cm", "apple", "-o", "custom-columns=WHO:metadata.name", "--no-headers").out == "apple\n"


def test_managed_fields_are_left_out(shop: TestCluster) -> None:
    shop.cli("create", "configmap", "made", "--from-literal=a=1")
    assert "managedFields" not in shop.cli("get", "cm", "-o", "yaml").out
    assert "managedFields" in shop.cli("get", "cm", "-o", "yaml", "--show-managed-fields").out


def test_objects_of_files(shop: TestCluster, tmp_path: Path) -> None:
    (tmp_path / "fruit.yaml").write_text(
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: apple}\n---\n"
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: fig}\n"
    )
    got = shop.cli("get", "-f", "fruit.yaml", "--no-headers", cwd=tmp_path)
    assert got.out.startswith("apple   1     ")
    assert got.err == 'Error from server (NotFound): configmaps "fig" not found\n'
    as_data = shop.cli("get", "-f", "fruit.yaml", "-o", "yaml", cwd=tmp_path)
    assert (as_data.code, as_data.out) == (1, ""), "one file means one object, all or nothing"
    other = shop.cli("get", "-f", "fruit.yaml", "-n", "kube-system", cwd=tmp_path)
    assert other.err.count("not found") == 2


def test_raw(cluster: TestCluster) -> None:
    assert cluster.cli("get", "--raw", "/healthz").out == "ok"
    refused = cluster.cli("get", "--raw", "/nowhere")
    assert refused.err == "Error from server (NotFound): the server could not find the requested resource\n"


# ---------------------------------------------------------------------- watching


def test_watch_shows_what_is_there_and_then_changes(shop: TestCluster) -> None:
    import threading

    def change() -> None:
        config_map(shop, "elderberry")
        shop.client.delete("configmaps", "apple", "default")

    worker = threading.Timer(0.2, change)
    worker.start()
    got = shop.cli("get", "cm", "-w", "--output-watch-events", "--request-timeout=900ms")
    worker.join()
    assert [row[:2] for row in lines(got.out)] == [
        ["EVENT", "NAME"],
        ["ADDED", "apple"],
        ["ADDED", "banana"],
        ["ADDED", "cherry"],
        ["ADDED", "elderberry"],
        ["DELETED", "apple"],
    ]


def test_watch_only_and_data(shop: TestCluster) -> None:
    assert shop.cli("get", "cm", "--watch-only", "--request-timeout=100ms").out == ""
    got = shop.cli("get", "cm", "apple", "-w", "-o", "name", "--request-timeout=100ms")
    assert (got.code, got.out) == (0, "configmap/apple\n")
    events = shop.cli(
        "get", "cm", "-w", "-o", "jsonpath={.type} {.object.kind};", "--output-watch-events", "--request-timeout=100ms"
    )
    assert events.out == "ADDED ConfigMap;" * 3


def test_watch_events_as_json_lines(shop: TestCluster) -> None:
    argv = ["get", "cm", "-w", "-o", "json", "--output-watch-events", "--request-timeout=100ms"]
    events = [json.loads(line) for line in shop.cli(*argv).out.splitlines()]
    assert [(e["type"], e["object"]["metadata"]["name"]) for e in events] == [
        ("ADDED", "apple"),
        ("ADDED", "banana"),
        ("ADDED", "cherry"),
    ]


def test_watch_of_several_names(shop: TestCluster) -> None:
    got = shop.cli("get", "cm", "apple", "banana", "-w", "--request-timeout=100ms")
    assert got.code == 1
    assert got.err == "error: you may only watch a single resource or type of resource at a time\n"
