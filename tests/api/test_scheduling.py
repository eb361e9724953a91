"""What a pod takes from a node."""

import pytest

from minikctl.api.meta import Obj
from minikctl.api.scheduling import pod_requests


def container(cpu: str = "", memory: str = "", **more: str) -> Obj:
    requests = {k: v for k, v in (("cpu", cpu), ("memory", memory)) if v}
    return {"resources": {"requests": requests}, **more}


SIDECAR = {"restartPolicy": "Always"}


@pytest.mark.parametrize(
    ("spec", "wanted"),
    [
        ({"containers": [{}]}, {}),
        ({"containers": [container("100m", "1Mi"), container("0.2")]}, {"cpu": 300, "memory": 1048576}),
        ({"containers": [container("1")], "initContainers": [container("2"), container("500m")]}, {"cpu": 2000}),
        ({"containers": [container("1")], "initContainers": [container("1", **SIDECAR)]}, {"cpu": 2000}),
        (
            {"containers": [container("1")], "initContainers": [container("1", **SIDECAR), container("3")]},
            {"cpu": 4000},
        ),
        ({"containers": [container("1")], "resources": {"requests": {"cpu": "5"}}}, {"cpu": 5000}),
        ({"containers": [container("1")], "overhead": {"cpu": "250m"}}, {"cpu": 1250}),
        ({"containers": [container("0")]}, {}),
    ],
)
def test_requests(spec: Obj, wanted: dict[str, int]) -> None:
    assert pod_requests(spec) == wanted
