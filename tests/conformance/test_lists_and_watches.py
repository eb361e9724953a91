"""[sig-api-machinery] Servers with support for API chunking, Watchers; [sig-instrumentation] Events."""

from __future__ import annotations

from tests.conformance.conftest import Api
from tests.support.waiting import eventually


def test_chunks_of_results(api: Api, ns: str) -> None:
    path = f"/api/v1/namespaces/{ns}/podtemplates"
    spec = {"spec": {"containers": [{"name": "c", "image": "x"}]}}
    for i in range(40):
        api.post(path, {"metadata": {"name": f"template-{i:04d}"}, "template": spec})
    found: list[str] = []
    token, version = "", ""
    while True:
        page = api.get(path, limit=17, **({"continue": token} if token else {}))
        meta = page["metadata"]
        assert version in ("", meta["resourceVersion"])
        version, token = meta["resourceVersion"], meta.get("continue", "")
        found += [i["metadata"]["name"] for i in page["items"]]
        assert ("remainingItemCount" in meta) == bool(token)
        assert not token or meta["remainingItemCount"] + len(found) == 40
        if not token:
            break
    assert found == [f"template-{i:04d}" for i in range(40)]
    assert len(api.items(path)) == 40


def changed(api: Api, path: str, value: str) -> str:
    return str(api.patch(path, {"data": {"mutation": value}})["metadata"]["resourceVersion"])


def test_watching_from_a_resource_version(api: Api, ns: str) -> None:
    path = f"/api/v1/namespaces/{ns}/configmaps"
    labels = {"watch-this-configmap": "from-resource-version"}
    api.post(path, {"metadata": {"name": "watched", "labels": labels}})
    first = changed(api, f"{path}/watched", "1")
    changed(api, f"{path}/watched", "2")
    api.delete(f"{path}/watched")
    query = {"resourceVersion": first, "labelSelector": "watch-this-configmap=from-resource-version"}
    with api.watch(path, **query) as following:
        events = [following(), following()]
    assert [(e["type"], e["object"]["data"]["mutation"]) for e in events] == [("MODIFIED", "2"), ("DELETED", "2")]


def test_restarting_a_watch_from_the_last_version_seen(api: Api, ns: str) -> None:
    path = f"/api/v1/namespaces/{ns}/configmaps"
    query = {"labelSelector": "watch-this-configmap=watch-closed-and-restarted"}
    start = api.get(path)["metadata"]["resourceVersion"]
    with api.watch(path, resourceVersion=start, **query) as following:
        labels = {"watch-this-configmap": "watch-closed-and-restarted"}
        api.post(path, {"metadata": {"name": "watched", "labels": labels}})
        changed(api, f"{path}/watched", "1")
        seen = [following(), following()]
    assert [e["type"] for e in seen] == ["ADDED", "MODIFIED"]
    changed(api, f"{path}/watched", "2")
    api.delete(f"{path}/watched")
    last = seen[-1]["object"]["metadata"]["resourceVersion"]
    with api.watch(path, resourceVersion=last, **query) as following:
        rest = [following(), following()]
    assert [(e["type"], e["object"]["data"]["mutation"]) for e in rest] == [("MODIFIED", "2"), ("DELETED", "2")]


def test_a_collection_of_core_events_is_deleted(api: Api, ns: str) -> None:
    path = f"/api/v1/namespaces/{ns}/events"
    for i in range(3):
        involved = {"namespace": ns, "kind": "Pod", "name": "p"}
        meta = {"name": f"test-event-{i}", "labels": {"testevent-set": "true"}}
        api.post(path, {"metadata": meta, "message": f"This is event {i}", "reason": "Test", "type": "Normal",
                        "count": 1, "involvedObject": involved})  # fmt: skip
    selected = {"labelSelector": "testevent-set=true"}
    assert len(api.items(path, **selected)) == 3
    assert len(api.items("/api/v1/events", **selected)) >= 3
    api.delete(path, **selected)
    eventually(lambda: api.items(path, **selected) == [])


def test_a_collection_of_events_is_deleted(api: Api, ns: str) -> None:
    path = f"/apis/events.k8s.io/v1/namespaces/{ns}/events"
    for i in range(3):
        regarding = {"namespace": ns, "kind": "Pod", "name": "p"}
        meta = {"name": f"test-event-{i}", "labels": {"testevent-set": "true"}}
        event = {"metadata": meta, "eventTime": "2026-01-02T03:04:05.000000Z", "note": f"This is event {i}"}
        event |= {"action": "Do", "reason": "Test", "type": "Normal", "regarding": regarding}
        api.post(path, {**event, "reportingController": "test-controller", "reportingInstance": "test-node"})
    selected = {"labelSelector": "testevent-set=true"}
    assert len(api.items(path, **selected)) == 3
    for field, found in [("reportingController=test-controller", 3), ("regarding.name=other", 0), ("reason=Test", 3)]:
        assert len(api.items(path, fieldSelector=field)) == found
    assert len(api.items(f"/api/v1/namespaces/{ns}/events", fieldSelector="source=test-controller")) == 3
    api.get(path, fieldSelector="involvedObject.name=p", code=400)
    api.delete(path, **selected)
    eventually(lambda: api.items(path, **selected) == [])
