"""[sig-node] [DRA] CRUD Tests: the objects of dynamic resource allocation."""

from __future__ import annotations

from typing import Any

import pytest

from tests.conformance.conftest import Api
from tests.support.waiting import eventually

GROUP = "/apis/resource.k8s.io/v1"
ONE_DEVICE = {"devices": {"requests": [{"name": "gpu", "exactly": {"deviceClassName": "gpus.example.com"}}]}}
POOL = {"name": "all", "generation": 1, "resourceSliceCount": 1}
SLICE = {"driver": "gpus.example.com", "pool": POOL, "nodeName": "node-1", "devices": [{"name": "gpu-0"}]}
KINDS = {
    "deviceclasses": (GROUP, {"selectors": [{"cel": {"expression": "true"}}]}),
    "resourceclaims": (f"{GROUP}/namespaces/NS", ONE_DEVICE),
    "resourceclaimtemplates": (f"{GROUP}/namespaces/NS", {"spec": ONE_DEVICE}),
    "resourceslices": (GROUP, SLICE),
}


@pytest.mark.parametrize("plural", KINDS)
def test_devices_are_written_and_read(api: Api, ns: str, plural: str) -> None:
    folder, spec = KINDS[plural]
    path, selector = f"{folder.replace('NS', ns)}/{plural}", f"of={ns}"
    assert plural in {r["name"] for r in api.get(GROUP)["resources"]}
    with api.watch(path, labelSelector=selector) as following:
        for n in "abc":
            api.post(path, {"metadata": {"name": f"{n}-{ns}", "labels": {"of": ns}}, "spec": spec})
        api.patch(f"{path}/a-{ns}", {"metadata": {"annotations": {"patched": "yes"}}})
        got: Any = api.get(f"{path}/a-{ns}")
        got["metadata"]["annotations"]["updated"] = "yes"
        assert api.put(f"{path}/a-{ns}", got)["metadata"]["annotations"] == {"patched": "yes", "updated": "yes"}
        assert len(api.items(path, labelSelector=selector)) == 3
        api.delete(f"{path}/a-{ns}")
        api.delete(path, labelSelector=selector)
        seen = [following()["type"] for _ in range(8)]
    assert (seen.count("ADDED"), seen.count("MODIFIED"), seen.count("DELETED")) == (3, 2, 3)
    eventually(lambda: api.items(path, labelSelector=selector) == [])


def test_the_status_of_a_claim(api: Api, ns: str) -> None:
    path = f"{GROUP}/namespaces/{ns}/resourceclaims"
    made = api.post(path, {"metadata": {"name": "one"}, "spec": ONE_DEVICE})
    assert made["spec"]["devices"]["requests"][0]["exactly"]["allocationMode"] == "ExactCount"
    given = {"request": "gpu", "driver": "gpus.example.com", "pool": "all", "device": "gpu-0"}
    changed = {**made, "status": {"allocation": {"devices": {"results": [given]}}}}
    assert api.put(f"{path}/one/status", changed)["status"]["allocation"]["devices"]["results"] == [given]
    api.patch(f"{path}/one/status", {"status": {"allocation": None}})
    assert "allocation" not in api.get(f"{path}/one/status").get("status", {})
    api.patch(f"{path}/one", {"spec": {"devices": {"requests": []}}}, code=422)
