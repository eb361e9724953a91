from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from minikctl.kubectl.pod_specs import fits
from tests.kubectl.objects import deployment
from tests.support.cluster import TestCluster

Obj = dict[str, Any]
DONE = {"image": "image updated", "env": "env updated", "resources": "resource requirements updated"}


@pytest.fixture
def web(cluster: TestCluster) -> TestCluster:
    obj = deployment("web")
    obj["spec"]["template"]["spec"]["containers"].append({"name": "side", "image": "busybox"})
    cluster.client.create("deployments.apps", obj, "default")
    return cluster


def containers(cluster: TestCluster) -> list[Obj]:
    spec = cluster.client.get("deployments.apps", "web", "default")["spec"]["template"]["spec"]
    found: list[Obj] = spec["containers"]
    return found


@pytest.mark.parametrize(
    ("change", "images"),
    [
        (["main=nginx:1.26"], ["nginx:1.26", "busybox"]),
        (["main=a:1", "side=b:1"], ["a:1", "b:1"]),
        (["*=c:1"], ["c:1", "c:1"]),
    ],
)
def test_image(web: TestCluster, change: list[str], images: list[str]) -> None:
    result = web.cli("set", "image", "deploy/web", *change)
    assert (result.code, result.out, result.err) == (0, "deployment.apps/web image updated\n", "")
    assert [c["image"] for c in containers(web)] == images
    again = web.cli("set", "image", "deploy/web", *change)
    assert (again.code, again.out) == (0, "")


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (["image", "deploy/web", "none=x"], 'error: unable to find container named "none"'),
        (["image", "deploy/web"], "error: at least one image update is required"),
        (["image", "a=b"], "error: You must provide one or more resources by argument or filename."),
        (["image", "deploy/web", "*=x", "main=y"], "error: all containers are already specified by *, but saw more"),
        (["image", "main=x", "deploy/web"], "error: all resources must be specified before image changes: deploy/web"),
        (["image", "deploy/none", "a=b"], 'Error from server (NotFound): deployments.apps "none" not found'),
        (
            ["image", "sa/default", "a=b"],
            "error: serviceaccounts/default the object is not a pod or does not have a pod",
        ),
        (["resources", "deploy/web"], "error: you must specify an update to requests or limits"),
        (["resources", "deploy/web", "--limits=cpu=x"], "error: quantities must match the regular expression"),
        (
            ["resources", "deploy/web", "--limits=cpu"],
            "error: Invalid argument syntax cpu, expected <resource>=<value>",
        ),
        (["resources", "deploy/web", "-c=x", "--limits=cpu=1"], "error: unable to find container named x"),
        (["selector", "deploy/web", "a=b"], "error: setting a selector is only supported for Services"),
        (["serviceaccount"], "error: serviceaccount is required"),
        (
            ["subject", "deploy/web", "--user=x"],
            "error: deployments/web setting subjects is only supported for RoleBinding",
        ),
        (["subject", "deploy/web"], "error: you must specify at least one value of user, group or serviceaccount"),
        (["env", "A=1"], "error: one or more resources must be specified as <resource> <name> or <resource>/<name>"),
        (["env", "deploy/web", "1 2=x"], 'error: "1 2" is not a valid key name: '),
        (
            ["env", "deploy/web", "A=1", "A-"],
            "error: can not both modify and remove the same environment variable in the",
        ),
        (
            ["env", "A=1", "deploy/web"],
            "error: all resources must be specified before environment changes: A=1 deploy/web",
        ),
        (
            ["env", "deploy/web", "--keys=a"],
            "error: when specifying --keys, a configmap or secret must be provided with",
        ),
        (["env", "deploy/web", "--from=sa/default"], "error: unsupported resource specified in --from"),
    ],
)
def test_what_cannot_be_set(web: TestCluster, argv: list[str], message: str) -> None:
    before = containers(web)
    result = web.cli("set", *argv)
    assert result.code == 1
    assert result.err.startswith(message), result.err
    assert containers(web) == before


def env(cluster: TestCluster, index: int = 0) -> dict[str, Any]:
    return {v["name"]: v.get("value", v.get("valueFrom")) for v in containers(cluster)[index].get("env") or []}


def test_env(web: TestCluster) -> None:
    assert web.cli("set", "env", "deploy/web", "A=1", "B=x y").out == "deployment.apps/web env updated\n"
    assert env(web) == env(web, 1) == {"A": "1", "B": "x y"}
    web.cli("set", "env", "deploy/web", "-c", "ma*", "A=2", "B-")
    assert (env(web), env(web, 1)) == ({"A": "2"}, {"A": "1", "B": "x y"})
    assert web.cli("set", "env", "deploy/web", "-c", "main", "A=2").out == ""
    refused = web.cli("set", "env", "deploy/web", "A=3", "--overwrite=false")
    assert refused.err == "error: deployments/web 'A' already has a value (2), and --overwrite is false\n"
    web.cli("set", "env", "deploy/web", "-e", "-", stdin="C=3 # three\nno assignment\n")
    assert env(web)["C"] == "3 "
    missing = web.cli("set", "env", "deploy/web", "-c", "none", "A=1")
    assert missing.err == 'Warning: Deployment/web does not have any containers matching "none"\n'


def test_env_from_a_config_map_and_its_list(web: TestCluster) -> None:
    web.client.create("configmaps", {"metadata": {"name": "db"}, "data": {"host.name": "db-0", "port": "1"}}, "default")
    web.client.create("secrets", {"metadata": {"name": "creds"}, "stringData": {"password": "s3cret"}}, "default")
    result = web.cli("set", "env", "deploy/web", "--from=cm/db", "--prefix=DB_", "-c", "main")
    assert result.err == "Warning: key host.name transferred to HOST_NAME\nWarning: key port transferred to PORT\n"
    assert env(web)["DB_PORT"] == {"configMapKeyRef": {"name": "db", "key": "port"}}
    web.cli("set", "env", "deploy/web", "--from=secret/creds", "--keys=password,other", "-c", "main", "X=1")
    listing = web.cli("set", "env", "deploy/web", "--list", "-c", "main")
    assert listing.out == (
        "# Deployment web, container main\n# DB_HOST_NAME from configmap db, key host.name\n"
        "# DB_PORT from configmap db, key port\nX=1\n# PASSWORD from secret creds, key password\n"
    )
    resolved = web.cli("set", "env", "deploy/web", "--list", "--resolve", "-c", "main").out
    assert "DB_HOST_NAME=db-0\n" in resolved
    assert "PASSWORD=s3cret\n" in resolved
    web.client.delete("secrets", "creds", "default")
    broken = web.cli("set", "env", "deploy/web", "--list", "--resolve", "-c", "main")
    assert broken.err == 'error retrieving reference for PASSWORD: secrets "creds" not found\n'


def test_resources(web: TestCluster) -> None:
    argv = ["set", "resources", "deploy/web", "-c", "main", "--limits=cpu=0.2,memory=512Mi", "--requests=cpu=100m"]
    assert web.cli(*argv).out == "deployment.apps/web resource requirements updated\n"
    assert containers(web)[0]["resources"] == {
        "limits": {"cpu": "200m", "memory": "512Mi"},
        "requests": {"cpu": "100m"},
    }
    assert containers(web)[1]["resources"] == {}


def test_service_account_selector_and_subject(web: TestCluster) -> None:
    assert web.cli("set", "sa", "deploy", "web", "robot").out == "deployment.apps/web serviceaccount updated\n"
    spec = web.client.get("deployments.apps", "web", "default")["spec"]["template"]["spec"]
    assert spec["serviceAccountName"] == "robot"
    service = {"metadata": {"name": "front"}, "spec": {"selector": {"old": "1"}, "ports": [{"port": 80}]}}
    web.client.create("services", service, "default")
    assert web.cli("set", "selector", "svc", "front", "app=web,tier=x").out == "service/front selector updated\n"
    assert web.client.get("services", "front", "default")["spec"]["selector"] == {"app": "web", "tier": "x"}
    binding = {
        "metadata": {"name": "readers"},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "reader"},
    }
    web.client.create("rolebindings.rbac.authorization.k8s.io", binding, "default")
    argv = ["set", "subject", "rolebinding", "readers", "--user=bob", "--group=ops", "--serviceaccount=kube-system:x"]
    assert web.cli(*argv).out == "rolebinding.rbac.authorization.k8s.io/readers subjects updated\n"
    subjects = web.client.get("rolebindings.rbac.authorization.k8s.io", "readers", "default")["subjects"]
    assert [(s["kind"], s["name"]) for s in subjects] == [("User", "bob"), ("Group", "ops"), ("ServiceAccount", "x")]
    assert web.cli(*argv).out == ""


@pytest.fixture
def file(tmp_path: Path) -> str:
    path = tmp_path / "web.json"
    path.write_text(json.dumps(deployment("web")))
    return str(path)


@pytest.mark.parametrize(
    ("argv", "path", "expected"),
    [
        (["image", "main=x:2"], "{.spec.template.spec.containers[*].image}", "x:2"),
        (["env", "A=1"], "{.spec.template.spec.containers[*].env}", '[{"name":"A","value":"1"}]'),
        (["serviceaccount", "bob"], "{.spec.template.spec.serviceAccountName}", "bob"),
        (["resources", "--limits=cpu=1"], "{.spec.template.spec.containers[*].resources.limits.cpu}", "1"),
    ],
)
def test_local_files(cluster: TestCluster, file: str, argv: list[str], path: str, expected: str) -> None:
    result = cluster.cli("set", argv[0], "-f", file, *argv[1:], "--local", "-o", f"jsonpath={path}")
    assert (result.out, result.err) == (expected, "")
    assert cluster.client.list("deployments.apps", "default")["items"] == []


def test_local_knows_no_other_objects(cluster: TestCluster, file: str) -> None:
    refused = cluster.cli("set", "image", "deploy/web", "a=b", "--local")
    assert refused.err.startswith("error: you must specify resources by --filename when --local is set.\n")
    refused = cluster.cli("set", "subject", "-f", file, "--user=x", "--local")
    assert refused.err == (
        "error: deployment.apps/web\n setting subjects is only supported for RoleBinding/ClusterRoleBinding\n"
    )
    both = cluster.cli("set", "image", "-f", file, "main=x", "--local", "--dry-run=server")
    assert both.err == "error: cannot specify --local and --dry-run=server - did you mean --dry-run=client?\n"


@pytest.mark.parametrize(
    ("name", "pattern", "expected"),
    [
        ("web", "*", True),
        ("web", "web", True),
        ("web", "we", False),
        ("web", "w*", True),
        ("web", "*b", True),
        ("web", "x*", False),
        ("web", "w*x", False),
    ],
)
def test_container_patterns(name: str, pattern: str, expected: bool) -> None:
    assert fits(name, pattern) is expected
