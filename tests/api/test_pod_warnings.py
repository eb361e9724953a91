"""What the server warns about in pods and templates."""

from typing import Any

import pytest

from tests.api.building import container, kind, made, pod_spec, stored, template, workload


def of_pod(**fields: Any) -> list[str]:
    return kind("pods").warnings(made("pods", spec=pod_spec(**fields)))


def test_a_plain_pod_is_not_worth_a_warning() -> None:
    assert of_pod() == []


@pytest.mark.parametrize(
    ("fields", "texts"),
    [
        ({"nodeSelector": {"beta.kubernetes.io/os": "linux"}}, ['spec.nodeSelector[beta.kubernetes.io/os]: deprecated since v1.14; use "kubernetes.io/os" instead']),
        ({"volumes": [{"name": "v", "gitRepo": {"repository": "x"}}]}, ["spec.volumes[0].gitRepo: deprecated in v1.11, and disabled by default in v1.33+"]),
        ({"hostAliases": [{"ip": "1.2.3.4"}, {"ip": "1.2.3.4"}]}, ['spec.hostAliases[1].ip: duplicate ip "1.2.3.4"']),
        ({"imagePullSecrets": [{"name": "a"}, {"name": "a"}]}, ['spec.imagePullSecrets[1].name: duplicate name "a"']),
        ({"containers": [container(resources={"requests": {"memory": "1500m"}})]}, ['spec.containers[0].resources.requests[memory]: fractional byte value "1500m" is invalid, must be an integer']),
        ({"containers": [container(env=[{"name": "A", "value": "1"}, {"name": "A", "value": "2"}])]}, ['spec.containers[0].env[1]: hides previous definition of "A", which may be dropped when using apply']),
        ({"containers": [container(env=[{"name": "A", "value": "1"}, {"name": "A", "value": "$(A)2"}])]}, []),
        ({"containers": [container(ports=[{"containerPort": 80}]), container(name="d", ports=[{"containerPort": 80}])]}, ["spec.containers[1].ports[0]: duplicate port definition with spec.containers[0].ports[0]"]),
        ({"topologySpreadConstraints": [{"maxSkew": 1, "topologyKey": "z", "whenUnsatisfiable": "DoNotSchedule"}]}, ["spec.topologySpreadConstraints[0].labelSelector: a null labelSelector results in matching no pod"]),
        ({"terminationGracePeriodSeconds": -1}, ["spec.terminationGracePeriodSeconds: must be >= 0; negative values are invalid and will be treated as 1"]),
    ],
)  # fmt: skip
def test_pods(fields: dict[str, Any], texts: list[str]) -> None:
    assert of_pod(**fields) == texts


def test_templates_are_warned_about_at_their_own_place() -> None:
    obj = made("deployments", spec=workload(template=template(nodeSelector={"beta.kubernetes.io/arch": "x"})))
    (text,) = kind("deployments").warnings(obj)
    assert text.startswith("spec.template.spec.nodeSelector[beta.kubernetes.io/arch]: deprecated since v1.14")


@pytest.mark.parametrize(
    ("word", "where"), [("pods", "the Pod's hostname"), ("deployments", "Pod names and hostnames")]
)
def test_a_new_name_that_is_no_hostname(word: str, where: str) -> None:
    obj = made(word, "a.b", spec=pod_spec() if word == "pods" else workload())
    (text,) = kind(word).warnings(obj)
    assert text.startswith(
        f"metadata.name: this is used in {where}, which can result in surprising behavior; "
        "a DNS label is recommended: [a lowercase RFC 1123 label must"
    )
    assert kind(word).warnings(stored(obj)) == []
