"""-v, --request-timeout and --warnings-as-errors."""

from __future__ import annotations

import re

import pytest

from tests.support.cluster import TestCluster

SERVER = "--server=https://here:1"


@pytest.mark.parametrize(
    ("argv", "requests"),
    [
        (["get", "pods"], ["GET /api/v1/namespaces/default/pods?limit=500 200 OK"]),
        (["get", "pods", "-A", "-l", "a=b"], ["GET /api/v1/pods?labelSelector=a%3Db&limit=500 200 OK"]),
        (["get", "deploy/x"], ["GET /apis/apps/v1/namespaces/default/deployments/x 404 Not Found"]),
        (["get", "ns", "default", "-o", "name"], ["GET /api/v1/namespaces/default 200 OK"]),
        (["create", "configmap", "c"], ["POST /api/v1/namespaces/default/configmaps 201 Created"]),
        (
            ["label", "ns", "default", "a=b"],
            ["GET /api/v1/namespaces/default 200 OK", "PATCH /api/v1/namespaces/default 200 OK"],
        ),
        (["get", "--raw", "/version"], ["GET /version 200 OK"]),
        (
            ["scale", "deploy", "x", "--replicas=1"],
            ["GET /apis/apps/v1/namespaces/default/deployments/x 404 Not Found"],
        ),
    ],
    ids=" ".join,
)
def test_requests_are_logged(cluster: TestCluster, argv: list[str], requests: list[str]) -> None:
    err = cluster.cli(*argv, "-v=6", SERVER).err
    found = re.findall(
        r'^I\d{4} [\d:.]+ +\d+ round_trippers.go:632\] "Response" verb="(\w+)" url="https://here:1(\S+)" '
        r'status="([^"]+)" milliseconds=\d+$',
        err,
        re.M,
    )
    assert [" ".join(f) for f in found] == requests
    assert "round_trippers" not in cluster.cli(*argv, "-v=5").err


def test_bodies(cluster: TestCluster) -> None:
    get = ("get", "ns", "default", "-o", "name", SERVER)
    assert '"Response Body" body="{\\"apiVersion\\":\\"v1\\"' in cluster.cli(*get, "-v=8").err
    assert "Body" not in cluster.cli(*get, "-v=7").err


@pytest.mark.parametrize("command", [["get", "pods"], ["describe", "pods"], ["delete", "pod", "x"], ["cluster-info"]])
def test_a_timeout_that_is_none(cluster: TestCluster, command: list[str]) -> None:
    got = cluster.cli(*command, "--request-timeout=soon")
    assert (got.code, got.out) == (1, "")
    assert got.err.startswith("error: Invalid timeout value. Timeout must be a single integer in seconds")
    assert "Invalid" not in cluster.cli(*command, "--request-timeout=5").err


def test_warnings_as_errors(cluster: TestCluster) -> None:
    body = '{"apiVersion": "v1", "kind": "Endpoints", "metadata": {"name": "old"}}'
    got = cluster.cli("create", "-f", "-", "--warnings-as-errors", stdin=body)
    assert got.out == "endpoints/old created\n"
    assert got.err.startswith("Warning: v1 Endpoints is deprecated") and got.err.endswith("error: 1 warning received\n")
    assert got.code == 1
