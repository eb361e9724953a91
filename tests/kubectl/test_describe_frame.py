"""The frame of descriptions: columns, titles, events, shared parts, and the command."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules

import pytest

from minikctl.api import kinds
from minikctl.kubectl.describe import describer, module_name
from minikctl.kubectl.describe import kinds as describers
from minikctl.kubectl.describe.generic import title
from minikctl.kubectl.describe.probes import probe
from minikctl.kubectl.describe.values import access_modes, go_reference
from minikctl.kubectl.describe.writer import Writer, align
from tests.kubectl.describing import Obj, describe, meta
from tests.kubectl.objects import pod, set_status, with_history
from tests.support.cluster import TestCluster


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a\tb\nlonger\tc\n", "a       b\nlonger  c\n"),
        ("a\tb\n\nlonger\tc\n", "a  b\n\nlonger  c\n"),
        ("no tab\na\tb\n", "no tab\na  b\n"),
        ("a\tb\tc\nlong\td\n", "a     b  c\nlong  d\n"),
        ("a\tb\tc\nlong\tlonger\td\ne\tf\n", "a     b       c\nlong  longer  d\ne     f\n"),
        ("a\t\n", "a  \n"),
        ("\ta\nb\tc\n", "   a\nb  c\n"),
    ],
)
def test_columns_are_those_of_go(text: str, expected: str) -> None:
    assert align(text) == expected


def test_levels_flushes_and_control_characters() -> None:
    w = Writer()
    w.field(0, "A", "\x1b[31m")
    w.field(1, "Longer", 1)
    w.flush()
    w.field(0, "B", 2)
    w.nested(1).field(1, "C", 3)
    assert w.aligned() == "A:         ^[[31m\n  Longer:  1\nB:      2\n    C:  3\n"


@pytest.mark.parametrize(
    ("field", "expected"),
    [
        ("apiVersion", "API Version"),
        ("creationTimestamp", "Creation Timestamp"),
        ("uid", "UID"),
        ("podCIDRs", "Pod CIDRs"),
        ("HTTPSProxy", "HTTPSProxy"),
        ("spec", "Spec"),
        ("with/slash", "with/slash"),
        ("number1", "number1"),
    ],
)
def test_titles(field: str, expected: str) -> None:
    assert title(field) == expected


def test_every_file_describes_a_kind_that_exists() -> None:
    for module in iter_modules(describers.__path__):
        loaded = import_module(f"{describers.__name__}.{module.name}")
        found = [k for k in kinds.all_kinds() if module_name(k.kind) == module.name and k.group == loaded.GROUP]
        assert found, module.name
        assert describer(found[0]) is loaded


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ({"exec": {"command": ["cat", "/x"]}}, "exec [cat /x]"),
        ({"httpGet": {"scheme": "HTTP", "port": "web", "path": "/a b"}}, "http-get http://:web/a%20b"),
        ({"httpGet": {"scheme": "HTTPS", "host": "h", "port": 1, "path": "/"}}, "http-get https://h:1/"),
        ({"tcpSocket": {"port": 80}}, "tcp-socket :80"),
        ({"grpc": {"port": 9, "service": "s"}}, "grpc <pod>:9 s"),
        ({}, "unknown"),
    ],
)
def test_probes(value: Obj, expected: str) -> None:
    timing = {"timeoutSeconds": 1, "periodSeconds": 10, "successThreshold": 1, "failureThreshold": 3}
    assert probe({**value, **timing}) == f"{expected} delay=0s timeout=1s period=10s #success=1 #failure=3"


def test_values() -> None:
    assert access_modes(["ReadOnlyMany", "ReadWriteOnce", "ReadOnlyMany"]) == "RWO,ROX"
    assert go_reference(None) == "nil"
    assert go_reference({"name": "x"}) == "&LocalObjectReference{Name:x,}"


def test_long_annotations_stand_below_their_key() -> None:
    annotations = {
        "long": "x" * 200,
        "lines": "a\nb\n",
        "short": "s",
        "kubectl.kubernetes.io/last-applied-configuration": "{}",
    }
    lines = describe("serviceaccounts", {"metadata": meta(annotations=annotations)}).splitlines()
    assert lines[3:9] == [
        "Annotations:         lines:",
        "                       a",
        "                       b",
        "                     long:",
        "                       " + "x" * 138 + "...",
        "                     short: s",
    ]


def test_the_events_table() -> None:
    events: list[Obj] = [
        {
            "type": "Warning",
            "reason": "BackOff",
            "message": " again ",
            "source": {"component": "kubelet"},
            "firstTimestamp": "2026-01-01T11:50:00Z",
            "lastTimestamp": "2026-01-01T11:59:30Z",
            "count": 4,
            "involvedObject": {"fieldPath": "spec.containers{c}"},
        },
        {
            "type": "Normal",
            "reason": "Scheduled",
            "message": "there",
            "reportingComponent": "default-scheduler",
            "eventTime": "2026-01-01T11:55:00.000000Z",
            "series": {"count": 2, "lastObservedTime": "2026-01-01T11:58:00.000000Z"},
        },
    ]
    text = describe("serviceaccounts", {"metadata": meta()}, *(("events", e) for e in events))
    assert text.partition("Events:\n")[2] == (
        "  Type     Reason     Age                From               Message\n"
        "  ----     ------     ----               ----               -------\n"
        "  Normal   Scheduled  2m (x2 over 5m)    default-scheduler  there\n"
        "  Warning  BackOff    30s (x4 over 10m)  kubelet            spec.containers{c}: again\n"
    )


# ---------------------------------------------------------------------- the command


@pytest.fixture
def some(cluster: TestCluster) -> TestCluster:
    for name in ("web-1", "web-2", "api"):
        cluster.client.create("configmaps", {"metadata": {"name": name, "labels": {"app": name[:3]}}}, "default")
    return cluster


def test_one_has_events_and_several_do_not(some: TestCluster) -> None:
    one = some.cli("describe", "cm", "api").out
    assert one == (
        "Name:         api\nNamespace:    default\nLabels:       app=api\nAnnotations:  <none>\n\n"
        "Data\n====\n\nBinaryData\n====\n\nEvents:  <none>\n"
    )
    without = one.removesuffix("Events:  <none>\n")
    assert some.cli("describe", "cm", "api", "--show-events=false").out == without
    several = some.cli("describe", "cm/api", "cm/web-1").out
    assert several == without + "\n\n" + without.replace("app=api", "app=web").replace("api", "web-1")


def test_the_beginning_of_a_name_is_enough(some: TestCluster) -> None:
    result = some.cli("describe", "cm", "web")
    assert [line for line in result.out.splitlines() if line.startswith("Name:")] == [
        "Name:         web-1",
        "Name:         web-2",
    ]
    assert (result.code, result.err) == (0, "")


@pytest.mark.parametrize(
    ("argv", "code", "err"),
    [
        (
            [],
            1,
            'error: You must specify the type of resource to describe. Use "kubectl api-resources" for a complete list',
        ),
        (["cm", "none"], 1, 'Error from server (NotFound): configmaps "none" not found\n'),
        (["cm", "-l", "app=none"], 0, "No resources found in default namespace.\n"),
        (["wombat"], 1, 'error: the server doesn\'t have a resource type "wombat"\n'),
    ],
)
def test_what_there_is_nothing_to_say_about(some: TestCluster, argv: list[str], code: int, err: str) -> None:
    result = some.cli("describe", *argv)
    assert (result.code, result.out) == (code, "")
    assert result.err.startswith(err)


def test_what_a_file_names(some: TestCluster, tmp_path: Path) -> None:
    path = tmp_path / "cm.yaml"
    path.write_text("apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: api\n")
    assert some.cli("describe", "-f", str(path)).out.startswith("Name:         api\n")


def test_a_deployment_with_its_replica_sets(cluster: TestCluster) -> None:
    with_history(cluster)
    conditions = [{"type": "Available", "status": "True", "reason": "MinimumReplicasAvailable"}]
    set_status(cluster, "deployments.apps", "web", {"replicas": 2, "updatedReplicas": 2, "conditions": conditions})
    text = cluster.cli("describe", "deploy", "web").out
    assert "Replicas:               2 desired | 2 updated | 2 total | 0 available | 0 unavailable\n" in text
    assert "RollingUpdateStrategy:  25% max unavailable, 25% max surge\n" in text
    assert "  Available      True    MinimumReplicasAvailable\n" in text
    assert "OldReplicaSets:  web-hash1 (0/0 replicas created), web-hash2 (0/0 replicas created)\n" in text
    assert "NewReplicaSet:   web-hash3 (0/2 replicas created)\n" in text


def test_events_are_those_of_the_object(cluster: TestCluster) -> None:
    for name in ("a", "b"):
        made = cluster.client.create("pods", pod(name), "default")
        reference = {"kind": "Pod", "name": name, "namespace": "default", "uid": made["metadata"]["uid"]}
        event = {
            "metadata": {"name": f"{name}.1"},
            "involvedObject": reference,
            "reason": f"For-{name}",
            "message": "m",
            "type": "Normal",
            "firstTimestamp": "2026-01-01T00:00:00Z",
            "lastTimestamp": "2026-01-01T00:00:00Z",
            "count": 1,
        }
        cluster.client.create("events", event, "default")
    text = cluster.cli("describe", "pod", "a").out
    assert "For-a" in text
    assert "For-b" not in text
