"""Strategic merge patches at the API: what they do to stored objects and how refusals are worded."""

from __future__ import annotations

from typing import Any

import pytest

from minikctl.api.errors import ApiError
from tests.support.cluster import TestCluster


def pod_template() -> dict[str, Any]:
    containers = [{"name": "web", "image": "nginx"}, {"name": "log", "image": "busybox"}]
    return {"metadata": {"name": "t"}, "template": {"spec": {"containers": containers}}}


def change(cluster: TestCluster, patch: Any) -> dict[str, Any]:
    return cluster.client.patch("podtemplates", "t", patch, "default", patch_type="strategic")


def test_containers_are_merged_by_name(cluster: TestCluster) -> None:
    cluster.client.create("podtemplates", pod_template(), "default")
    after = change(cluster, {"template": {"spec": {"containers": [{"name": "log", "image": "alpine"}]}}})
    images = {c["name"]: c["image"] for c in after["template"]["spec"]["containers"]}
    assert images == {"web": "nginx", "log": "alpine"}


@pytest.mark.parametrize(
    ("patch", "code", "reason", "message"),
    [
        ({"$retainKeys": "x"}, 400, "BadRequest", "invalid patch format of retainKeys"),
        ({"containers": [[]]}, 422, "Invalid", "the server rejected our request due to an error in our request"),
        (
            {"containers": [{"image": "x"}]},
            422,
            "",
            "map: map[image:x] does not contain declared merge key: name",
        ),
        (
            {"containers": [{"name": "web", "ports": "x"}]},
            422,
            "Invalid",
            'patch: Invalid value: "map[template:map[spec:map[containers:[map[name:web ports:x]]]]]"',
        ),
    ],
)
def test_refusals(cluster: TestCluster, patch: Any, code: int, reason: str, message: str) -> None:
    cluster.client.create("podtemplates", pod_template(), "default")
    with pytest.raises(ApiError) as e:
        change(cluster, {"template": {"spec": patch}})
    assert (e.value.code, e.value.reason) == (code, reason) and message in e.value.message
