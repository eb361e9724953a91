"""What a real container is given: its environment, its command, its resources and what becomes of them."""

from __future__ import annotations

import base64

from minikctl.api.meta import Obj, find_condition
from tests.kubelet.test_process_agent import Running, first, terminated
from tests.runtime.conftest import until


def shell(script: str) -> list[str]:
    return ["sh", "-c", script]


def field(path: str) -> Obj:
    return {"fieldRef": {"fieldPath": path}}


def share(resource: str, divisor: str = "1") -> Obj:
    return {"resourceFieldRef": {"resource": resource, "divisor": divisor}}


ENV: list[Obj] = [
    {"name": "PLAIN", "value": "a b"},
    {"name": "MAP", "valueFrom": {"configMapKeyRef": {"name": "c", "key": "k"}}},
    {"name": "GONE", "valueFrom": {"configMapKeyRef": {"name": "c", "key": "none", "optional": True}}},
    {"name": "SECRET", "valueFrom": {"secretKeyRef": {"name": "s", "key": "k"}}},
    {"name": "NAME", "valueFrom": field("metadata.name")},
    {"name": "LABEL", "valueFrom": field("metadata.labels['app']")},
    {"name": "NODE", "valueFrom": field("spec.nodeName")},
    {"name": "IP", "valueFrom": field("status.podIP")},
    {"name": "MILLI", "valueFrom": share("requests.cpu", "1m")},
    {"name": "CORES", "valueFrom": share("limits.cpu")},
    {"name": "MIB", "valueFrom": share("limits.memory", "1Mi")},
    {"name": "JOINED", "value": "$(NAME)-$(PLAIN)-$(UNKNOWN)-$$(NAME)"},
    {"name": "PRE_over", "value": "env wins"},
]
WANTED = {
    "PLAIN": "a b",
    "MAP": "from a map",
    "SECRET": "from a secret",
    "NAME": "web",
    "LABEL": "shop",
    "NODE": "node-1",
    "MILLI": "250",
    "CORES": "1",
    "MIB": "64",
    "JOINED": "web-a b-$(UNKNOWN)-$(NAME)",
    "PRE_k": "from a map",
    "PRE_over": "env wins",
    "k": "from a secret",
    "DB_SERVICE_HOST": "10.96.7.7",
    "DB_SERVICE_PORT_SQL": "5432",
    "DB_PORT_5432_TCP_ADDR": "10.96.7.7",
}


def test_the_environment_and_the_command(sandboxed: Running) -> None:
    node, data = sandboxed, {"k": "from a map", "over": "of the map"}
    node.client.create("configmaps", {"metadata": {"name": "c"}, "data": data}, "default")
    secret = {"metadata": {"name": "s"}, "data": {"k": base64.b64encode(b"from a secret").decode()}}
    node.client.create("secrets", secret, "default")
    ports = [{"name": "sql", "port": 5432}]
    service = {"metadata": {"name": "db"}, "spec": {"clusterIP": "10.96.7.7", "ports": ports}}
    node.client.create("services", service, "default")
    more = {
        "env": ENV,
        "envFrom": [{"prefix": "PRE_", "configMapRef": {"name": "c"}}, {"secretRef": {"name": "s"}}],
        "resources": {"requests": {"cpu": "250m"}, "limits": {"cpu": "1", "memory": "64Mi"}},
        "args": ["$(NAME)", "$$(NAME)", "$(UNKNOWN)"],
        "workingDir": "/work/here",
    }
    container = {"name": "app", "image": "busybox", "command": shell('env; pwd; echo "args: $0 $1 $2"'), **more}
    spec = {"nodeName": "node-1", "containers": [container], "restartPolicy": "Never"}
    spec["automountServiceAccountToken"] = False
    node.client.create("pods", {"metadata": {"name": "web", "labels": {"app": "shop"}}, "spec": spec}, "default")
    pod = node.wait(lambda p: bool(terminated(first(p))), seconds=60)
    lines = node.cluster.cli("logs", "web").out.splitlines()
    found = dict(line.split("=", 1) for line in lines if "=" in line)
    assert {k: found.get(k) for k in WANTED} == WANTED
    assert found["IP"] == pod["status"]["podIP"] and "GONE" not in found and found["HOSTNAME"] == "web"
    assert lines[-2:] == ["/work/here", "args: web $(NAME) $(UNKNOWN)"]


def resize(node: Running, **resources: Obj) -> None:
    patch = {"spec": {"containers": [{"name": "app", "resources": resources}]}}
    node.client.patch("pods", "web", patch, "default", patch_type="strategic", subresource="resize")


def test_a_resize_that_needs_a_restart_and_ones_that_cannot_be(sandboxed: Running) -> None:
    node = sandboxed
    policies = [
        {"resourceName": "memory", "restartPolicy": "RestartContainer"},
        {"resourceName": "cpu", "restartPolicy": "NotRequired"},
    ]
    node.create(
        resources={"requests": {"cpu": "10m", "memory": "16Mi"}},
        resizePolicy=policies,
        spec={"terminationGracePeriodSeconds": 0},
    )
    node.ready()
    resize(node, requests={"cpu": "20m", "memory": "16Mi"})
    node.wait(lambda p: first(p).get("resources", {}).get("requests", {}).get("cpu") == "20m", seconds=60)
    assert node.container()["restartCount"] == 0
    resize(node, requests={"cpu": "20m", "memory": "32Mi"})
    pod = node.wait(lambda p: first(p)["restartCount"] == 1 and first(p)["ready"], seconds=60)
    assert first(pod)["resources"]["requests"] == {"cpu": "20m", "memory": "32Mi"}
    assert first(pod)["allocatedResources"] == {"cpu": "20m", "memory": "32Mi"}
    assert ("Killing", "Container app resize requires restart") in node.events()
    resize(node, requests={"cpu": "9999", "memory": "32Mi"})

    def pending(pod: Obj) -> Obj:
        return find_condition(pod["status"]["conditions"], "PodResizePending") or {}

    pod = node.wait(lambda p: bool(pending(p)), seconds=60)
    assert (pending(pod)["status"], pending(pod)["reason"]) == ("True", "Infeasible")
    assert "Node didn't have enough capacity: cpu, requested: 9999000" in pending(pod)["message"]
    assert first(pod)["resources"]["requests"]["cpu"] == "20m"
    resize(node, requests={"cpu": "20m", "memory": "32Mi"})
    node.wait(lambda p: not pending(p), seconds=60)
    assert node.container()["restartCount"] == 1


def test_logs_since_a_time(sandboxed: Running) -> None:
    node = sandboxed
    node.create(command=shell("echo early; sleep 1.5; echo late; sleep 600"))
    node.said("early")
    until(lambda: "late" in node.cluster.cli("logs", "web").out, "it says more", 60)
    time = node.cluster.cli("logs", "web", "--timestamps", "--tail=1").out.split()[0]
    assert node.cluster.cli("logs", "web", f"--since-time={time[:19]}Z").out == "late\n"
    assert node.cluster.cli("logs", "web", "--since-time=2020-01-01T00:00:00Z", "--limit-bytes=5").out == "early"
