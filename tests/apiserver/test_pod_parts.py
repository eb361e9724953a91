"""pods/ephemeralcontainers and pods/resize: what each lets through, and what it leaves alone."""

from __future__ import annotations

from typing import Any

import pytest

from minikctl.api.errors import ApiError
from minikctl.api.meta import Obj
from tests.support.cluster import TestCluster

RESOURCES = {"requests": {"cpu": "100m", "memory": "64Mi"}, "limits": {"cpu": "200m", "memory": "128Mi"}}


@pytest.fixture
def web(cluster: TestCluster) -> TestCluster:
    side = {"name": "side", "image": "busybox", "restartPolicy": "Always", "resources": RESOURCES}
    first = {"name": "first", "image": "busybox", "resources": RESOURCES}
    main = {"name": "main", "image": "nginx", "resources": RESOURCES}
    spec = {"containers": [main], "initContainers": [first, side]}
    cluster.client.create("pods", {"metadata": {"name": "web"}, "spec": spec}, "default")
    return cluster


def patch(cluster: TestCluster, part: str, spec: Any, patch_type: str = "strategic") -> Obj:
    return cluster.client.patch("pods", "web", {"spec": spec}, "default", patch_type=patch_type, subresource=part)


def debugger(name: str = "debug", **more: Any) -> Obj:
    return {"name": name, "image": "busybox", **more}


def test_ephemeral_containers_are_added_with_defaults(web: TestCluster) -> None:
    made = patch(web, "ephemeralcontainers", {"ephemeralContainers": [debugger(targetContainerName="main")]})
    [added] = made["spec"]["ephemeralContainers"]
    assert (added["imagePullPolicy"], added["terminationMessagePath"]) == ("Always", "/dev/termination-log")
    assert made["metadata"]["generation"] == 2
    more = patch(web, "ephemeralcontainers", {"ephemeralContainers": [debugger("again")]})
    assert {c["name"] for c in more["spec"]["ephemeralContainers"]} == {"debug", "again"}
    assert web.client.get("pods", "web", "default", subresource="ephemeralcontainers") == more
    writers = [(f["manager"], f.get("subresource")) for f in more["metadata"]["managedFields"]]
    assert ("test", "ephemeralcontainers") in writers


def test_ephemeral_containers_change_nothing_else(web: TestCluster) -> None:
    pod = web.client.get("pods", "web", "default")
    main = {**pod["spec"]["containers"][0], "image": "other"}
    labels = {**pod["metadata"], "labels": {"a": "b"}}
    spec = {**pod["spec"], "containers": [main], "ephemeralContainers": [debugger()]}
    made = web.client.update("pods", {**pod, "metadata": labels, "spec": spec}, subresource="ephemeralcontainers")
    assert made["spec"]["containers"][0]["image"] == "nginx"
    assert "labels" not in made["metadata"]
    assert len(made["spec"]["ephemeralContainers"]) == 1


@pytest.mark.parametrize(
    ("wanted", "message"),
    [
        ([], 'spec.ephemeralContainers: Forbidden: existing ephemeral containers "debug" may not be removed\n'),
        (
            [debugger(image="alpine")],
            'spec.ephemeralContainers: Forbidden: existing ephemeral containers "debug" may not be changed\n',
        ),
        ([debugger(), debugger("main")], 'spec.ephemeralContainers[1].name: Duplicate value: "main"'),
        (
            [debugger(), debugger("b", ports=[{"containerPort": 80}])],
            "spec.ephemeralContainers[1].ports: Forbidden: cannot be set for an Ephemeral Container",
        ),
        (
            [debugger(), debugger("b", targetContainerName="none")],
            'spec.ephemeralContainers[1].targetContainerName: Not found: "none"',
        ),
    ],
)
def test_ephemeral_containers_stay_as_they_are(web: TestCluster, wanted: list[Obj], message: str) -> None:
    patch(web, "ephemeralcontainers", {"ephemeralContainers": [debugger()]})
    with pytest.raises(ApiError) as refused:
        patch(web, "ephemeralcontainers", {"ephemeralContainers": wanted}, "merge")
    assert message in refused.value.message


def test_they_cannot_come_in_by_the_front_door(web: TestCluster) -> None:
    with pytest.raises(ApiError, match="pod updates may not change fields other than"):
        patch(web, "", {"ephemeralContainers": [debugger()]})


def resized(name: str = "main", **resources: Any) -> Obj:
    return {"name": name, "resources": resources}


def test_a_resize_changes_resources_of_containers_and_sidecars_alone(web: TestCluster) -> None:
    more = {"requests": {"cpu": "150m"}}
    changed = {
        "containers": [{**resized(**more), "image": "other"}],
        "initContainers": [resized("side", **more), resized("first", **more)],
    }
    made = patch(web, "resize", changed)
    assert made["metadata"]["generation"] == 2
    main = made["spec"]["containers"][0]
    assert (main["image"], main["resources"]["requests"]) == ("nginx", {"cpu": "150m", "memory": "64Mi"})
    requests = {c["name"]: c["resources"]["requests"]["cpu"] for c in made["spec"]["initContainers"]}
    assert requests == {"first": "100m", "side": "150m"}
    with pytest.raises(ApiError, match="pod updates may not change fields other than"):
        patch(web, "", {"containers": [resized(requests={"cpu": "1m"})]})


@pytest.mark.parametrize(
    ("resources", "message"),
    [
        (
            {"requests": {"cpu": "200m", "memory": "128Mi"}},
            None,  # as much as the limits, but its sidecar still has less: no other class
        ),
        (
            {"limits": {"cpu": None}},
            "spec.containers[0].resources.limits: Forbidden: resource limits cannot be removed",
        ),
        ({"requests": {"cpu": "300m"}}, "must be less than or equal to cpu limit of 200m"),
        ({"requests": {"ephemeral-storage": "1Gi"}}, "spec: Forbidden: only cpu and memory resources are mutable\n"),
        ({"requests": {"cpu": "-1"}}, "must be greater than or equal to 0"),
    ],
)
def test_what_a_resize_may_ask_for(web: TestCluster, resources: Obj, message: str | None) -> None:
    if message is None:
        patch(web, "resize", {"containers": [resized(**resources)]})
        return
    with pytest.raises(ApiError) as refused:
        patch(web, "resize", {"containers": [resized(**resources)]})
    assert message in refused.value.message


def test_a_resize_keeps_the_class(cluster: TestCluster) -> None:
    main = {"name": "main", "image": "nginx"}
    cluster.client.create("pods", {"metadata": {"name": "web"}, "spec": {"containers": [main]}}, "default")
    with pytest.raises(ApiError) as refused:
        patch(cluster, "resize", {"containers": [resized(requests={"cpu": "1"})]})
    assert 'spec: Invalid value: "BestEffort": Pod QOS Class may not change as a result of resizing' in str(
        refused.value
    )


def test_a_resize_is_charged_and_bounded(web: TestCluster) -> None:
    bounds = {"limits": [{"type": "Container", "max": {"cpu": "250m"}}]}
    web.client.create("limitranges", {"metadata": {"name": "small"}, "spec": bounds}, "default")
    with pytest.raises(ApiError, match="maximum cpu usage per Container is 250m, but limit is 300m"):
        patch(web, "resize", {"containers": [resized(limits={"cpu": "300m"})]})
