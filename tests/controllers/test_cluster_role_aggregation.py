"""ClusterRoles that are made of others."""

from __future__ import annotations

from typing import Any

from minikctl.apiserver.bootstrap import bootstrap
from minikctl.controllers.cluster_role_aggregation import ClusterRoleAggregation, aggregated
from tests.support.cluster import TestCluster
from tests.support.control_plane import ControlPlane


def rule(verb: str) -> dict[str, Any]:
    return {"verbs": [verb], "apiGroups": [""], "resources": ["pods"]}


def role(name: str, *verbs: str, labels: dict[str, str] | None = None) -> dict[str, Any]:
    return {"metadata": {"name": name, "labels": labels or {}}, "rules": [rule(v) for v in verbs]}


def summing(**labels: str) -> dict[str, Any]:
    return {"metadata": {"name": "sum"}, "aggregationRule": {"clusterRoleSelectors": [{"matchLabels": labels}]}}


def test_what_a_role_comes_to_have() -> None:
    parts = [role("b", "list", "get", labels={"x": "1"}), role("a", "get", labels={"x": "1"}), role("c", "watch")]
    assert aggregated(summing(x="1"), parts) == [rule("get"), rule("list")]
    own = {**summing(x="1"), "rules": [rule("delete")]}
    own["metadata"]["labels"] = {"x": "1"}
    assert aggregated(own, [own]) == []


def test_rules_follow_the_parts(still: TestCluster) -> None:
    plane = ControlPlane(still, [ClusterRoleAggregation])
    still.client.create("clusterroles", summing(x="1"))
    still.client.create("clusterroles", role("part", "get", labels={"x": "1"}))
    plane.settle()
    assert still.client.get("clusterroles", "sum")["rules"] == [rule("get")]
    still.client.patch("clusterroles", "part", {"rules": [rule("list")]})
    plane.settle()
    assert still.client.get("clusterroles", "sum")["rules"] == [rule("list")]
    still.client.delete("clusterroles", "part")
    plane.settle()
    assert not still.client.get("clusterroles", "sum").get("rules")


def test_the_default_roles_are_right_from_the_start(still: TestCluster) -> None:
    bootstrap(still.api)
    before = still.store.current_rv()
    ControlPlane(still, [ClusterRoleAggregation]).settle()
    assert still.store.current_rv() == before
