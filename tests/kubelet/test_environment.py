"""Environment variables of containers."""

from __future__ import annotations

import pytest

from minikctl.kubelet.environment import ConfigError, Facts, expand, make, service_variables
from tests.kubelet.build import container, pod

FACTS = Facts(("127.9.0.2",), ("10.0.0.1",), "node-1", {"cpu": "2", "memory": "8Gi"})
MAPS = {"settings": {"data": {"COLOR": "red", "a=b": "skipped"}}}
SECRETS = {"creds": {"data": {"password": "czNjcmV0"}}}


def made(spec, **services):
    whole = pod(container("app", **spec))
    whole["metadata"] |= {"labels": {"app": "web"}, "annotations": {"n": "1", "a": 'x"y'}}
    found = make(whole, whole["spec"]["containers"][0], FACTS, MAPS.get, SECRETS.get, services)
    return dict(found)


@pytest.mark.parametrize(
    ("text", "want"),
    [
        ("plain", "plain"),
        ("$(A)", "1"),
        ("x$(A)y$(B)", "x1y2"),
        ("$$(A)", "$(A)"),
        ("$$$(A)", "$1"),
        ("$(MISSING)", "$(MISSING)"),
        ("$(A", "$(A"),
        ("$A cost $5", "$A cost $5"),
        ("end$", "end$"),
        ("", ""),
    ],
)
def test_expand(text, want):
    assert expand(text, {"A": "1", "B": "2"}) == want


def test_values_and_references_to_earlier_ones():
    env = [{"name": "A", "value": "1"}, {"name": "B", "value": "$(A)/$(C)/$(DB_SERVICE_HOST)"}, {"name": "C"}]
    assert made({"env": env}, DB_SERVICE_HOST="10.96.0.7") == {
        "DB_SERVICE_HOST": "10.96.0.7",
        "A": "1",
        "B": "1/$(C)/10.96.0.7",
        "C": "",
    }


@pytest.mark.parametrize(
    ("path", "want"),
    [
        ("metadata.name", "web"),
        ("metadata.namespace", "default"),
        ("metadata.uid", "u1"),
        ("metadata.labels['app']", "web"),
        ("metadata.annotations['missing']", ""),
        ("metadata.annotations", 'a="x\\"y"\nn="1"'),
        ("spec.nodeName", "node-1"),
        ("status.podIP", "127.9.0.2"),
        ("status.podIPs", "127.9.0.2"),
        ("status.hostIP", "10.0.0.1"),
    ],
)
def test_fields(path, want):
    env = [{"name": "X", "valueFrom": {"fieldRef": {"apiVersion": "v1", "fieldPath": path}}}]
    assert made({"env": env})["X"] == want


@pytest.mark.parametrize(
    ("ref", "want"),
    [
        ({"resource": "limits.cpu"}, "1"),
        ({"resource": "limits.cpu", "divisor": "1m"}, "500"),
        ({"resource": "requests.memory", "divisor": "1Mi"}, "64"),
        ({"resource": "limits.memory", "divisor": "1Gi"}, "8"),
        ({"resource": "requests.cpu"}, "0"),
    ],
)
def test_resources(ref, want):
    resources = {"limits": {"cpu": "500m"}, "requests": {"memory": "64Mi"}}
    env = [{"name": "X", "valueFrom": {"resourceFieldRef": ref}}]
    assert made({"env": env, "resources": resources})["X"] == want


def test_config_maps_and_secrets():
    env = [
        {"name": "C", "valueFrom": {"configMapKeyRef": {"name": "settings", "key": "COLOR"}}},
        {"name": "P", "valueFrom": {"secretKeyRef": {"name": "creds", "key": "password"}}},
        {"name": "O", "valueFrom": {"secretKeyRef": {"name": "no", "key": "x", "optional": True}}},
    ]
    sources = [{"configMapRef": {"name": "settings"}}, {"prefix": "S_", "secretRef": {"name": "creds"}}]
    assert made({"env": env, "envFrom": sources}) == {
        "COLOR": "red",
        "S_password": "s3cret",
        "C": "red",
        "P": "s3cret",
    }


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ({"envFrom": [{"configMapRef": {"name": "no"}}]}, 'configmap "no" not found'),
        ({"envFrom": [{"secretRef": {"name": "no"}}]}, 'secret "no" not found'),
        (
            {"env": [{"name": "X", "valueFrom": {"configMapKeyRef": {"name": "settings", "key": "no"}}}]},
            "couldn't find key no in ConfigMap default/settings",
        ),
        (
            {"env": [{"name": "X", "valueFrom": {"secretKeyRef": {"name": "creds", "key": "no"}}}]},
            "couldn't find key no in Secret default/creds",
        ),
    ],
)
def test_what_is_missing(spec, message):
    with pytest.raises(ConfigError) as caught:
        made(spec)
    assert str(caught.value) == message


def test_services():
    web = {
        "metadata": {"name": "my-web", "namespace": "default"},
        "spec": {"clusterIP": "10.96.0.9", "ports": [{"name": "http", "port": 80}, {"port": 53, "protocol": "UDP"}]},
    }
    headless = {
        "metadata": {"name": "h", "namespace": "default"},
        "spec": {"clusterIP": "None", "ports": [{"port": 1}]},
    }
    master = {
        "metadata": {"name": "kubernetes", "namespace": "default"},
        "spec": {"clusterIP": "10.96.0.1", "ports": [{"name": "https", "port": 443}]},
    }
    found = service_variables([web, headless, master], "default")
    assert found["MY_WEB_SERVICE_HOST"] == "10.96.0.9"
    assert found["MY_WEB_SERVICE_PORT"] == found["MY_WEB_SERVICE_PORT_HTTP"] == "80"
    assert found["MY_WEB_PORT"] == found["MY_WEB_PORT_80_TCP"] == "tcp://10.96.0.9:80"
    assert found["MY_WEB_PORT_53_UDP_PROTO"] == "udp" and found["MY_WEB_PORT_53_UDP_ADDR"] == "10.96.0.9"
    assert found["KUBERNETES_SERVICE_HOST"] == "10.96.0.1"
    assert not any(k.startswith("H_") for k in found)
    assert set(service_variables([web, master], "other")) == {k for k in found if k.startswith("KUBERNETES")}
    assert set(service_variables([web, master], "default", links=False)) == set(service_variables([master], "default"))
