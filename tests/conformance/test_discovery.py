"""[sig-api-machinery] discovery and version."""

from __future__ import annotations

import re

from tests.conformance.conftest import Api
from tests.conformance.definitions import make_definition
from tests.support.waiting import eventually

AGGREGATED = "application/json;as=APIGroupDiscoveryList;v=v2;g=apidiscovery.k8s.io"


def groups(api: Api, path: str) -> dict[str, dict]:
    answer = api.http.get(path, headers={"Accept": AGGREGATED})
    assert answer.status_code == 200 and AGGREGATED in answer.headers["content-type"]
    found = answer.json()
    assert (found["kind"], found["apiVersion"]) == ("APIGroupDiscoveryList", "apidiscovery.k8s.io/v2")
    return {g.get("metadata", {}).get("name", ""): g for g in found["items"]}


def resources(group: dict, version: str) -> dict[str, dict]:
    (found,) = [v for v in group["versions"] if v["version"] == version]
    return {r["resource"]: r for r in found["resources"]}


def test_webhook_resources_are_in_discovery_documents(api: Api) -> None:
    everything = {g["name"]: g for g in api.get("/apis")["groups"]}
    group = everything["admissionregistration.k8s.io"]
    assert "admissionregistration.k8s.io/v1" in [v["groupVersion"] for v in group["versions"]]
    own = api.get("/apis/admissionregistration.k8s.io")
    assert "admissionregistration.k8s.io/v1" in [v["groupVersion"] for v in own["versions"]]
    listed = {r["name"] for r in api.get("/apis/admissionregistration.k8s.io/v1")["resources"]}
    assert {"mutatingwebhookconfigurations", "validatingwebhookconfigurations"} <= listed


def test_aggregated_discovery_interface(api: Api) -> None:
    built_in = {
        "apps": ("v1", {"deployments", "replicasets", "statefulsets", "daemonsets"}),
        "batch": ("v1", {"jobs", "cronjobs"}),
        "apiextensions.k8s.io": ("v1", {"customresourcedefinitions"}),
        "admissionregistration.k8s.io": ("v1", {"mutatingwebhookconfigurations", "validatingwebhookconfigurations"}),
    }
    found = groups(api, "/apis")
    for group, (version, names) in built_in.items():
        assert names <= resources(found[group], version).keys()
    core = resources(groups(api, "/api")[""], "v1")
    assert {"pods", "services", "namespaces", "secrets", "configmaps"} <= core.keys()
    assert {s["subresource"] for s in core["pods"]["subresources"]} >= {"status", "log", "exec", "binding", "eviction"}
    assert core["pods"]["scope"] == "Namespaced" and "watch" in core["pods"]["verbs"]


def test_aggregated_discovery_interface_for_crds(api: Api, unique: str) -> None:
    one = make_definition(api, f"{unique}a")
    two = make_definition(api, f"{unique}b", versions=("v1", "v2"))
    for group, versions, plural in ((one.group, ("v1",), one.plural), (two.group, ("v1", "v2"), two.plural)):
        eventually(lambda g=group: g in groups(api, "/apis"))
        for version in versions:
            assert plural in resources(groups(api, "/apis")[group], version)
    two.remove()
    eventually(lambda: two.group not in groups(api, "/apis"))
    one.remove()


def test_raw_aggregated_discovery_endpoint_accept_headers(api: Api) -> None:
    for path in ("/api", "/apis"):
        both = api.http.get(path, headers={"Accept": f"{AGGREGATED},application/json"})
        assert both.json()["kind"] == "APIGroupDiscoveryList"
        plain = api.http.get(path, headers={"Accept": "application/json"})
        assert plain.json()["kind"] in ("APIVersions", "APIGroupList")
        unknown = api.http.get(path, headers={"Accept": AGGREGATED.replace("v=v2", "v=v9") + ",application/json"})
        assert unknown.json()["kind"] in ("APIVersions", "APIGroupList")


def test_server_version(api: Api) -> None:
    version = api.get("/version")
    assert re.fullmatch(r"[1-9]\d*", version["major"]) and re.fullmatch(r"\d+\+?", version["minor"])
    assert version["gitVersion"].startswith(f"v{version['major']}.{version['minor'].rstrip('+')}.")
