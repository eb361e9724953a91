from __future__ import annotations

import json

import pytest

from tests.support.cluster import TestCluster


def generated(cluster: TestCluster, *flags: str) -> dict:
    result = cluster.cli("run", "web", "--image=nginx", "--dry-run=client", "-o", "json", *flags)
    assert result.code == 0, result.err
    return json.loads(result.out)


def test_the_generated_pod_is_printed_as_go_prints_it(cluster: TestCluster) -> None:
    result = cluster.cli("run", "web", "--image=nginx", "--dry-run=client", "-o", "yaml")
    assert result.out == (
        "apiVersion: v1\nkind: Pod\nmetadata:\n  labels:\n    run: web\n  name: web\nspec:\n  containers:\n"
        "  - image: nginx\n    name: web\n    resources: {}\n  dnsPolicy: ClusterFirst\n  restartPolicy: Always\nstatus: {}\n"
    )


@pytest.mark.parametrize(
    ("flags", "path", "expected"),
    [
        (["--port=80"], ["ports"], [{"containerPort": 80}]),
        (["--env=A=1", "--env=B=x=y"], ["env"], [{"name": "A", "value": "1"}, {"name": "B", "value": "x=y"}]),
        (["--privileged"], ["securityContext"], {"privileged": True}),
        (["--image-pull-policy=Never"], ["imagePullPolicy"], "Never"),
        (["--", "sleep", "5"], ["args"], ["sleep", "5"]),
        (["--command", "--", "sleep", "5"], ["command"], ["sleep", "5"]),
    ],
)
def test_flags_end_up_in_the_container(
    cluster: TestCluster, flags: list[str], path: list[str], expected: object
) -> None:
    container = generated(cluster, *flags)["spec"]["containers"][0]
    assert container[path[0]] == expected


def test_labels_and_annotations(cluster: TestCluster) -> None:
    metadata = generated(cluster, "--labels=a=1,b=2", "--annotations=note=hi")["metadata"]
    assert metadata["labels"] == {"a": "1", "b": "2"}
    assert metadata["annotations"] == {"note": "hi"}


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (["run", "--image=nginx"], "error: NAME is required for run\nSee 'kubectl run -h' for help and examples\n"),
        (["run", "web"], 'error: required flag(s) "image" not set\n'),
        (["run", "web", "--image=Bad Image"], 'error: Invalid image name "Bad Image": invalid reference format\n'),
        (["run", "web", "--image=nginx", "--env=X"], "error: invalid env: X\n"),
        (["run", "web", "--image=nginx", "--labels=x"], "error: unexpected label spec: x\n"),
        (["run", "web", "--image=nginx", "--port=x"], 'error: strconv.Atoi: parsing "x": invalid syntax\n'),
        (["run", "web", "--image=nginx", "--overrides={"], "error: Invalid JSON Patch\n"),
        (
            ["run", "web", "--image=nginx", "--restart=Now"],
            "error: invalid restart policy: Now\nSee 'kubectl run -h' for help and examples\n",
        ),
        (
            ["run", "web", "--image=nginx", "-t"],
            "error: -i/--stdin is required for containers with -t/--tty=true\nSee 'kubectl run -h' for help and examples\n",
        ),
        (
            ["run", "web", "--image=nginx", "--rm"],
            "error: --rm should only be used for attached containers\nSee 'kubectl run -h' for help and examples\n",
        ),
    ],
)
def test_what_makes_no_pod_is_refused(cluster: TestCluster, argv: list[str], message: str) -> None:
    result = cluster.cli(*argv)
    assert (result.code, result.err) == (1, message)
    assert cluster.client.list("pods", "default")["items"] == []


def test_the_pod_is_created_and_owned_by_kubectl_run(cluster: TestCluster) -> None:
    result = cluster.cli("run", "web", "--image=nginx")
    assert (result.out, result.err) == ("pod/web created\n", "")
    assert cluster.client.get("pods", "web", "default")["spec"]["containers"][0]["image"] == "nginx"


def test_expose_makes_a_service_for_the_pod(cluster: TestCluster) -> None:
    result = cluster.cli("run", "web", "--image=nginx", "--port=80", "--expose")
    assert result.out == "service/web created\npod/web created\n"
    spec = cluster.client.get("services", "web", "default")["spec"]
    assert spec["selector"] == {"run": "web"}
    assert spec["ports"][0]["targetPort"] == 80


@pytest.mark.parametrize(
    ("patch_type", "patch", "names"),
    [
        ("merge", '{"spec":{"containers":[{"name":"a","image":"x"}]}}', ["a"]),
        ("strategic", '{"spec":{"containers":[{"name":"a","image":"x"}]}}', ["a", "web"]),
        ("json", '[{"op":"replace","path":"/spec/containers/0/name","value":"b"}]', ["b"]),
    ],
)
def test_overrides(cluster: TestCluster, patch_type: str, patch: str, names: list[str]) -> None:
    made = generated(cluster, f"--override-type={patch_type}", f"--overrides={patch}")
    assert sorted(c["name"] for c in made["spec"]["containers"]) == names


def test_save_config_keeps_what_was_generated(cluster: TestCluster) -> None:
    cluster.cli("run", "web", "--image=nginx", "--save-config")
    annotations = cluster.client.get("pods", "web", "default")["metadata"]["annotations"]
    kept = json.loads(annotations["kubectl.kubernetes.io/last-applied-configuration"])
    assert kept["spec"]["containers"][0]["image"] == "nginx"
