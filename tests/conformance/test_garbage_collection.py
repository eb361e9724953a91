"""[sig-api-machinery] Garbage collector and Namespaces."""

from __future__ import annotations

from tests.conformance.conftest import MERGE, Api
from tests.support.waiting import eventually

TEMPLATE = {"metadata": {"labels": {"app": "gc"}}, "spec": {"containers": [{"name": "nginx", "image": "nginx"}]}}


def make_rc(api: Api, ns: str, replicas: int) -> str:
    path = f"/api/v1/namespaces/{ns}/replicationcontrollers"
    spec = {"replicas": replicas, "selector": {"app": "gc"}, "template": TEMPLATE}
    api.post(path, {"metadata": {"name": "simpletest"}, "spec": spec})
    eventually(lambda: len(api.items(f"/api/v1/namespaces/{ns}/pods")) == replicas)
    return f"{path}/simpletest"


def test_pods_of_an_rc_are_deleted_with_it_unless_orphaned(api: Api, ns: str) -> None:
    path = make_rc(api, ns, 2)
    uid = api.get(path)["metadata"]["uid"]
    api.delete(path, {"preconditions": {"uid": uid}, "propagationPolicy": "Background"})
    eventually(lambda: api.items(f"/api/v1/namespaces/{ns}/pods") == [])
    assert api.is_gone(path)


def test_pods_of_an_rc_are_orphaned_when_options_say_so(api: Api, ns: str) -> None:
    path = make_rc(api, ns, 5)
    api.delete(path, {"propagationPolicy": "Orphan"})
    eventually(lambda: api.is_gone(path))
    # the garbage collector has had its say when it has deleted what was made after
    other = api.post(f"/api/v1/namespaces/{ns}/configmaps", {"metadata": {"name": "owner"}})
    reference = {"apiVersion": "v1", "kind": "ConfigMap", "name": "owner", "uid": other["metadata"]["uid"]}
    api.post(f"/api/v1/namespaces/{ns}/configmaps", {"metadata": {"name": "owned", "ownerReferences": [reference]}})
    api.delete(f"/api/v1/namespaces/{ns}/configmaps/owner")
    eventually(lambda: api.is_gone(f"/api/v1/namespaces/{ns}/configmaps/owned"))
    pods = api.items(f"/api/v1/namespaces/{ns}/pods")
    assert len(pods) == 5 and not any(p["metadata"].get("ownerReferences") for p in pods)


def test_the_replica_set_of_a_deployment_is_orphaned(api: Api, ns: str) -> None:
    path = f"/apis/apps/v1/namespaces/{ns}/deployments"
    spec = {"replicas": 2, "selector": {"matchLabels": {"app": "gc"}}, "template": TEMPLATE}
    api.post(path, {"metadata": {"name": "simpletest"}, "spec": spec})
    sets = f"/apis/apps/v1/namespaces/{ns}/replicasets"
    eventually(lambda: len(api.items(sets)) == 1)
    api.delete(f"{path}/simpletest", {"propagationPolicy": "Orphan"})
    eventually(lambda: api.is_gone(f"{path}/simpletest"))
    (left,) = api.items(sets)
    assert not left["metadata"].get("ownerReferences") and "deletionTimestamp" not in left["metadata"]


def test_a_namespace_takes_its_services_along(api: Api, unique: str) -> None:
    path = f"/api/v1/namespaces/{unique}"
    api.post("/api/v1/namespaces", {"metadata": {"name": unique}})
    spec = {"selector": {"foo": "bar"}, "ports": [{"port": 80, "targetPort": 80}]}
    api.post(f"{path}/services", {"metadata": {"name": "test-service"}, "spec": spec})
    api.delete(path)
    eventually(lambda: api.is_gone(path))
    api.post("/api/v1/namespaces", {"metadata": {"name": unique}})
    assert api.items(f"{path}/services") == []
    api.get(f"{path}/services/test-service", code=404)


def test_changes_to_a_namespace_status(api: Api, ns: str) -> None:
    path = f"/api/v1/namespaces/{ns}/status"
    assert api.get(path)["status"]["phase"] == "Active"
    condition = {"type": "StatusPatch", "status": "True", "reason": "E2E", "message": "Patched by a test"}
    patched = api.patch(path, {"status": {"conditions": [condition]}}, MERGE)
    assert patched["status"]["conditions"][0]["type"] == "StatusPatch"
    got = api.get(path)
    got["status"]["conditions"].append({**condition, "type": "StatusUpdate"})
    updated = api.put(path, got)
    assert [c["type"] for c in updated["status"]["conditions"]] == ["StatusPatch", "StatusUpdate"]


def test_a_finalizer_of_a_namespace(api: Api, ns: str) -> None:
    path = f"/api/v1/namespaces/{ns}"
    finalizer = "e2e.example.com/fakeFinalizer"
    got = api.get(path)
    got["spec"]["finalizers"].append(finalizer)
    assert finalizer in api.put(f"{path}/finalize", got)["spec"]["finalizers"]
    api.delete(path)
    eventually(lambda: api.get(path)["spec"]["finalizers"] == [finalizer])
    assert api.get(path)["status"]["phase"] == "Terminating"
    got = api.get(path)
    got["spec"]["finalizers"] = []
    api.put(f"{path}/finalize", got)
    eventually(lambda: api.is_gone(path))
