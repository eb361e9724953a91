"""[sig-api-machinery] ResourceQuota."""

from __future__ import annotations

from tests.conformance.conftest import MERGE, Api
from tests.support.waiting import eventually


def make(api: Api, ns: str, hard: dict, name: str = "test-quota", **spec: object) -> str:
    path = f"/api/v1/namespaces/{ns}/resourcequotas"
    api.post(path, {"metadata": {"name": name}, "spec": {"hard": hard, **spec}})
    eventually(lambda: bool(api.get(f"{path}/{name}").get("status", {}).get("hard")))
    return f"{path}/{name}"


def used(api: Api, path: str, **expected: str) -> None:
    names = {k.replace("_", "."): v for k, v in expected.items()}
    eventually(lambda: {k: v for k, v in api.get(path)["status"]["used"].items() if k in names} == names)


def test_a_quota_is_updated_and_deleted(api: Api, ns: str) -> None:
    path = make(api, ns, {"cpu": "1", "memory": "500Mi"})
    got = api.get(path)
    got["spec"]["hard"] = {"cpu": "2", "memory": "1Gi"}
    api.put(path, got)
    eventually(lambda: api.get(path)["status"]["hard"] == {"cpu": "2", "memory": "1Gi"})
    api.delete(path)
    api.get(path, code=404)


def test_changes_to_a_quota_status(api: Api, ns: str) -> None:
    path = make(api, ns, {"cpu": "500m", "memory": "500Mi"})
    got = api.get(path)
    got["spec"]["hard"] = {"cpu": "1", "memory": "1Gi"}
    api.put(path, got)
    eventually(lambda: api.get(path)["status"]["hard"] == {"cpu": "1", "memory": "1Gi"})
    patched = api.patch(f"{path}/status", {"status": {"hard": {"cpu": "2"}, "used": {"cpu": "7"}}}, MERGE)
    assert patched["status"]["used"]["cpu"] == "7" and patched["spec"]["hard"] == {"cpu": "1", "memory": "1Gi"}
    eventually(
        lambda: api.get(path)["status"] == {"hard": {"cpu": "1", "memory": "1Gi"}, "used": {"cpu": "0", "memory": "0"}}
    )
    got = api.get(path)
    got["status"] = {**got["status"], "hard": {"cpu": "3", "memory": "3Gi"}}
    assert api.put(f"{path}/status", got)["status"]["hard"]["cpu"] == "3"


def test_the_life_of_a_replication_controller(api: Api, ns: str) -> None:
    path = make(api, ns, {"count/replicationcontrollers": "1", "replicationcontrollers": "2"})
    used(api, path, **{"replicationcontrollers": "0", "count/replicationcontrollers": "0"})
    controllers = f"/api/v1/namespaces/{ns}/replicationcontrollers"
    template = {"metadata": {"labels": {"name": "rc"}}, "spec": {"containers": [{"name": "c", "image": "pause"}]}}
    body = {"metadata": {"name": "rc"}, "spec": {"replicas": 0, "selector": {"name": "rc"}, "template": template}}
    api.post(controllers, body)
    used(api, path, **{"replicationcontrollers": "1", "count/replicationcontrollers": "1"})
    refused = api.post(controllers, {**body, "metadata": {"name": "second"}}, code=403)
    assert "exceeded quota: test-quota" in refused["message"]
    api.delete(f"{controllers}/rc", {"propagationPolicy": "Background"})
    used(api, path, **{"replicationcontrollers": "0", "count/replicationcontrollers": "0"})


def test_terminating_scopes(api: Api, ns: str) -> None:
    hard = {"pods": "5", "requests.cpu": "2", "requests.memory": "1Gi", "limits.cpu": "2", "limits.memory": "1Gi"}
    terminating = make(api, ns, hard, "quota-terminating", scopes=["Terminating"])
    lasting = make(api, ns, hard, "quota-not-terminating", scopes=["NotTerminating"])
    amounts = {"requests": {"cpu": "500m", "memory": "200Mi"}, "limits": {"cpu": "1", "memory": "400Mi"}}
    container = {"name": "pause", "image": "registry.k8s.io/pause:3.10", "resources": amounts}
    pods = f"/api/v1/namespaces/{ns}/pods"
    full = {
        "pods": "1",
        "requests.cpu": "500m",
        "requests.memory": "200Mi",
        "limits.cpu": "1",
        "limits.memory": "400Mi",
    }
    none = dict.fromkeys(full, "0")
    for name, deadline, counted, other in (("long", None, lasting, terminating), ("short", 3600, terminating, lasting)):
        spec = {"containers": [container], **({"activeDeadlineSeconds": deadline} if deadline else {})}
        api.post(pods, {"metadata": {"name": name}, "spec": spec})
        used(api, counted, **full)
        used(api, other, **none)
        api.delete(f"{pods}/{name}", {"gracePeriodSeconds": 0})
        used(api, counted, **none)
