"""Defaults of pods and templates."""

from typing import Any

import pytest

from minikctl.api.image_name import default_pull_policy
from tests.api.building import container, made, pod_spec, template

COMMON = {
    "dnsPolicy": "ClusterFirst",
    "restartPolicy": "Always",
    "schedulerName": "default-scheduler",
    "securityContext": {},
    "terminationGracePeriodSeconds": 30,
}
CONTAINER = {
    "name": "c",
    "image": "nginx:1.25",
    "imagePullPolicy": "IfNotPresent",
    "resources": {},
    "terminationMessagePath": "/dev/termination-log",
    "terminationMessagePolicy": "File",
}


def spec_of(**fields: Any) -> dict[str, Any]:
    return made("pods", spec=pod_spec(**fields))["spec"]  # type: ignore[no-any-return]


def container_of(**fields: Any) -> dict[str, Any]:
    return spec_of(containers=[container(**fields)])["containers"][0]  # type: ignore[no-any-return]


def test_a_pod_has_what_a_template_has_and_service_links() -> None:
    assert spec_of() == {**COMMON, "containers": [CONTAINER], "enableServiceLinks": True}
    deployment = made("deployments", spec={"selector": {}, "template": template()})
    assert deployment["spec"]["template"]["spec"] == {**COMMON, "containers": [CONTAINER]}


def test_what_is_given_stays() -> None:
    given = {
        "dnsPolicy": "Default",
        "restartPolicy": "Never",
        "schedulerName": "mine",
        "securityContext": {"runAsUser": 7},
        "terminationGracePeriodSeconds": 0,
        "enableServiceLinks": False,
    }
    assert spec_of(**given) == {**given, "containers": [CONTAINER]}


@pytest.mark.parametrize(
    ("image", "policy"),
    [
        ("nginx", "Always"),
        ("nginx:latest", "Always"),
        ("localhost:5000/nginx", "Always"),
        ("ghcr.io/a/b:latest", "Always"),
        ("nginx:1.25", "IfNotPresent"),
        ("localhost:5000/nginx:1", "IfNotPresent"),
        ("nginx@sha256:" + "0" * 64, "IfNotPresent"),
        ("nginx:latest@sha256:" + "0" * 64, "Always"),
        ("", "IfNotPresent"),
        ("UPPER CASE", "IfNotPresent"),
    ],
)
def test_images_without_a_fixed_tag_are_pulled_always(image: str, policy: str) -> None:
    assert default_pull_policy(image) == policy


def test_probes() -> None:
    probes = {
        "livenessProbe": {"httpGet": {"port": 80}},
        "readinessProbe": {"tcpSocket": {"port": "web"}, "periodSeconds": 3},
        "startupProbe": {"grpc": {"port": 5}, "failureThreshold": 30},
    }
    numbers = {"timeoutSeconds": 1, "periodSeconds": 10, "successThreshold": 1, "failureThreshold": 3}
    got = container_of(**probes)
    assert got["livenessProbe"] == {"httpGet": {"port": 80, "path": "/", "scheme": "HTTP"}, **numbers}
    assert got["readinessProbe"] == {"tcpSocket": {"port": "web"}, **numbers, "periodSeconds": 3}
    assert got["startupProbe"] == {"grpc": {"port": 5, "service": ""}, **numbers, "failureThreshold": 30}


def test_ports_hooks_and_variables() -> None:
    got = container_of(
        ports=[{"containerPort": 80}, {"containerPort": 53, "protocol": "UDP"}],
        lifecycle={"preStop": {"httpGet": {"port": 1, "path": "/bye"}}},
        env=[{"name": "A", "valueFrom": {"fieldRef": {"fieldPath": "status.podIP"}}}],
    )
    assert [p["protocol"] for p in got["ports"]] == ["TCP", "UDP"]
    assert got["lifecycle"]["preStop"]["httpGet"] == {"port": 1, "path": "/bye", "scheme": "HTTP"}
    assert got["env"][0]["valueFrom"]["fieldRef"] == {"apiVersion": "v1", "fieldPath": "status.podIP"}


def test_requests_follow_from_limits_in_pods_only() -> None:
    resources = {"limits": {"cpu": "2", "memory": "64Mi"}, "requests": {"cpu": "500m"}}
    assert container_of(resources=resources)["resources"]["requests"] == {"cpu": "500m", "memory": "64Mi"}
    in_template = made("deployments", spec={"template": template(containers=[container(resources=resources)])})
    assert in_template["spec"]["template"]["spec"]["containers"][0]["resources"] == resources


def test_amounts_are_rounded_up_to_thousandths() -> None:
    got = container_of(resources={"limits": {"cpu": "100u", "memory": "1500m"}})["resources"]
    assert got == {"limits": {"cpu": "1m", "memory": "1500m"}, "requests": {"cpu": "1m", "memory": "1500m"}}


def test_resources_of_the_whole_pod() -> None:
    spec = spec_of(
        containers=[
            container(resources={"requests": {"cpu": "100m"}}),
            container(name="d", resources={"requests": {"cpu": "250m"}}),
        ],
        resources={"limits": {"cpu": "1", "memory": "1Gi"}},
    )
    assert spec["resources"]["requests"] == {"cpu": "350m", "memory": "1Gi"}


def test_host_ports_on_the_hosts_network() -> None:
    spec = spec_of(hostNetwork=True, containers=[container(ports=[{"containerPort": 80}])])
    assert spec["containers"][0]["ports"] == [{"containerPort": 80, "hostPort": 80, "protocol": "TCP"}]


@pytest.mark.parametrize("field", ["serviceAccountName", "serviceAccount"])
def test_both_names_of_the_service_account_agree(field: str) -> None:
    spec = spec_of(**{field: "robot"})
    assert (spec["serviceAccountName"], spec["serviceAccount"]) == ("robot", "robot")


@pytest.mark.parametrize(
    ("source", "filled"),
    [
        ({}, {"emptyDir": {}}),
        ({"hostPath": {"path": "/x"}}, {"hostPath": {"path": "/x", "type": ""}}),
        ({"secret": {"secretName": "s"}}, {"secret": {"secretName": "s", "defaultMode": 420}}),
        ({"secret": {"secretName": "s", "defaultMode": 256}}, {"secret": {"secretName": "s", "defaultMode": 256}}),
        ({"configMap": {"name": "s"}}, {"configMap": {"name": "s", "defaultMode": 420}}),
        (
            {"downwardAPI": {"items": [{"path": "a", "fieldRef": {"fieldPath": "metadata.name"}}]}},
            {
                "downwardAPI": {
                    "items": [{"path": "a", "fieldRef": {"apiVersion": "v1", "fieldPath": "metadata.name"}}],
                    "defaultMode": 420,
                }
            },
        ),
        (
            {"projected": {"sources": [{"serviceAccountToken": {"path": "t"}}]}},
            {
                "projected": {
                    "sources": [{"serviceAccountToken": {"path": "t", "expirationSeconds": 3600}}],
                    "defaultMode": 420,
                }
            },
        ),
        ({"image": {"reference": "a:1"}}, {"image": {"reference": "a:1", "pullPolicy": "IfNotPresent"}}),
    ],
)
def test_volumes(source: dict[str, Any], filled: dict[str, Any]) -> None:
    assert spec_of(volumes=[{"name": "v", **source}])["volumes"] == [{"name": "v", **filled}]


def test_defaulting_twice_changes_nothing() -> None:
    from minikctl.api.kinds.pod import KIND
    from minikctl.apiserver.registry import clone

    pod = made("pods", spec=pod_spec(containers=[container(livenessProbe={"httpGet": {"port": 1}})]))
    again = clone(pod)
    KIND.default(again)
    assert again == pod
