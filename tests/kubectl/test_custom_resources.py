"""Commands on custom resources that are about built-in types only."""

from __future__ import annotations

import pytest

from tests.support.cluster import TestCluster
from tests.support.custom import definition, gadget, version

SCHEME = "pkg/scheme/scheme.go:28"


@pytest.mark.parametrize(
    ("command", "name", "scheme"),
    [
        ("rollout status gadget/one", "Gadget", SCHEME),
        ("rollout restart gadgets", "GadgetList", SCHEME),
        ("rollout undo gadget one", "Gadget", SCHEME),
        ("set image gadget/one a=b", "Gadget", SCHEME),
        ("set env gadget/one --list", "Gadget", SCHEME),
        ("expose gadget one --port=80", "Gadget", SCHEME),
        ("logs gadget/one", "Gadget", SCHEME),
        ("create job x --from=gadget/one", "Gadget", SCHEME),
        ("port-forward gadget/one 80", "Gadget", "k8s.io/client-go/kubernetes/scheme/register.go:82"),
    ],
)
def test_types_that_kubectl_does_not_know(cluster: TestCluster, command: str, name: str, scheme: str) -> None:
    cluster.client.create("customresourcedefinitions", definition())
    cluster.client.create("gadgets", gadget(), "default")
    done = cluster.cli(*command.split())
    text = f'no kind "{name}" is registered for version "tests.example.com/v1" in scheme "{scheme}"\n'
    assert (done.code, done.err.removeprefix("error: ")) == (1, text)


def test_what_goes_with_any_resource(cluster: TestCluster) -> None:
    spec = {"size": {"type": "integer", "default": 1}}
    scale = {"specReplicasPath": ".spec.size", "statusReplicasPath": ".status.size"}
    cluster.client.create("customresourcedefinitions", definition(version(spec=spec, subresources={"scale": scale})))
    cluster.client.create("gadgets", gadget(spec={}), "default")
    for command, said in (
        ("label gadget one a=b", "gadget.tests.example.com/one labeled\n"),
        ("annotate gadget/one a=b", "gadget.tests.example.com/one annotated\n"),
        ("scale gadget one --replicas=2", "gadget.tests.example.com/one scaled\n"),
        ("autoscale gadget one --max=3", "horizontalpodautoscaler.autoscaling/one autoscaled\n"),
        ("get gadgets -o name", "gadget.tests.example.com/one\n"),
        ("wait --for=jsonpath={.spec.size}=2 gadget/one", "gadget.tests.example.com/one condition met\n"),
        ("delete gadget one", 'gadget.tests.example.com "one" deleted from default namespace\n'),
    ):
        assert cluster.cli(*command.split()).out == said
