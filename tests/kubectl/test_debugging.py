"""What debug creates: profiles and pods, without a cluster."""

from __future__ import annotations

import json

import pytest

from minikctl.kubectl import debug_profiles, debugging
from minikctl.kubectl.debug_profiles import COPY, EPHEMERAL, NODE, Keep
from minikctl.kubectl.debugging import Wanted
from minikctl.util.errors import UsageError

ROOT_MOUNT = {"volumeMounts": [{"name": "host-root", "mountPath": "/host"}]}
ROOT_VOLUME = {"volumes": [{"name": "host-root", "hostPath": {"path": "/"}}]}
HOST = {"hostNetwork": True, "hostPID": True, "hostIPC": True}
SHARED = {"shareProcessNamespace": True}
RESTRICTED = {
    "capabilities": {"drop": ["ALL"]},
    "runAsNonRoot": True,
    "allowPrivilegeEscalation": False,
    "seccompProfile": {"type": "RuntimeDefault"},
}


def added(*capabilities):
    return {"securityContext": {"capabilities": {"add": list(capabilities)}}}


@pytest.mark.parametrize(
    ("profile", "style", "container", "spec"),
    [
        ("general", EPHEMERAL, added("SYS_PTRACE"), {}),
        ("general", COPY, added("SYS_PTRACE"), SHARED),
        ("general", NODE, ROOT_MOUNT, {**HOST, **ROOT_VOLUME}),
        ("baseline", EPHEMERAL, {}, {}),
        ("baseline", COPY, {}, SHARED),
        ("baseline", NODE, {}, {}),
        ("restricted", EPHEMERAL, {"securityContext": RESTRICTED}, {}),
        ("restricted", COPY, {"securityContext": RESTRICTED}, SHARED),
        ("restricted", NODE, {"securityContext": RESTRICTED}, {}),
        ("netadmin", EPHEMERAL, added("NET_ADMIN", "NET_RAW"), {}),
        ("netadmin", COPY, added("NET_ADMIN", "NET_RAW"), SHARED),
        ("netadmin", NODE, added("NET_ADMIN", "NET_RAW"), HOST),
        ("sysadmin", EPHEMERAL, {"securityContext": {"privileged": True}}, {}),
        ("sysadmin", COPY, {"securityContext": {"privileged": True}}, SHARED),
        ("sysadmin", NODE, {"securityContext": {"privileged": True}, **ROOT_MOUNT}, {**HOST, **ROOT_VOLUME}),
        ("legacy", EPHEMERAL, {}, {}),
        ("legacy", COPY, {}, {}),
        ("legacy", NODE, ROOT_MOUNT, {**HOST, **ROOT_VOLUME}),
    ],
)
def test_profiles(profile, style, container, spec):
    field = "ephemeralContainers" if style == EPHEMERAL else "containers"
    pod = {"metadata": {"labels": {"a": "b"}}, "spec": {field: [{"name": "c"}]}}
    debug_profiles.apply(profile, style, pod, "c")
    assert pod["spec"].pop(field) == [{"name": "c", **container}]
    assert pod["spec"] == spec
    assert ("labels" in pod["metadata"]) == (style != COPY)


def test_what_a_copy_keeps():
    probes = {"livenessProbe": {}, "readinessProbe": {}, "startupProbe": {}}

    def copied(keep):
        meta = {"labels": {"a": "b"}, "annotations": {"c": "d"}}
        spec = {"containers": [{"name": "c", **probes}], "initContainers": [{"name": "i"}]}
        pod = {"metadata": meta, "spec": spec}
        debug_profiles.apply("baseline", COPY, pod, "c", keep)
        return sorted([*pod["metadata"], *pod["spec"]["containers"][0], *pod["spec"]])

    bare = ["containers", "name", "shareProcessNamespace"]
    assert copied(Keep(init_containers=False)) == bare
    assert copied(Keep()) == ["containers", "initContainers", "name", "shareProcessNamespace"]
    everything = [*bare, *probes, "annotations", "labels", "initContainers"]
    assert copied(Keep(True, True, True, True, True, True)) == sorted(everything)


def a_pod(**spec):
    containers = [
        {"name": "app", "image": "app:1", "command": ["run"], "args": ["fast"], "livenessProbe": {}},
        {"name": "side", "image": "side:1"},
    ]
    meta = {"name": "web", "namespace": "ns", "uid": "1", "labels": {"a": "b"}}
    return {"metadata": meta, "spec": {"containers": containers, "nodeName": "node-1", **spec}, "status": {}}


def wanted(**given):
    said = []
    return Wanted(**{"image": "busybox", "say": said.append, **given}), said


def test_an_ephemeral_container():
    pod = a_pod()
    before = json.dumps(pod)
    flags, said = wanted(args=["sh"], stdin=True, tty=True, target="app", env=[{"name": "A", "value": "1"}])
    made = debugging.ephemeral_container(pod, flags)
    assert json.dumps(pod) == before
    assert said == [f"Defaulting debug container name to {made['name']}."]
    assert made.pop("name").startswith("debugger-")
    assert made == {
        "image": "busybox",
        "command": ["sh"],
        "env": [{"name": "A", "value": "1"}],
        "resources": {},
        "terminationMessagePolicy": "File",
        "stdin": True,
        "tty": True,
        "targetContainerName": "app",
        **added("SYS_PTRACE"),
    }
    flags, said = wanted(container="mine", args=["-x"], args_only=True, profile="baseline")
    made = debugging.ephemeral_container(pod, flags)
    assert (made["name"], made["args"], "command" in made, said) == ("mine", ["-x"], False, [])


def test_a_custom_profile():
    custom = {"env": [{"name": "A", "value": "1"}], "securityContext": {"capabilities": {"add": ["SYS_TIME"]}}}
    flags, _ = wanted(container="mine", custom=custom)
    made = debugging.ephemeral_container(a_pod(), flags)
    assert made["env"] == [{"name": "A", "value": "1"}]
    assert made["securityContext"] == {"capabilities": {"add": ["SYS_TIME"]}}
    with pytest.raises(UsageError, match="error creating three way patch to add debug container"):
        debugging.ephemeral_container(a_pod(), wanted(container="m", custom={"resources": {"$patch": "nonsense"}})[0])


def test_a_copy_with_a_new_container():
    pod = a_pod(ephemeralContainers=[{"name": "old"}])
    flags, said = wanted(copy_to="twin", same_node=True)
    copied, name = debugging.pod_copy(pod, flags)
    assert said == [f"Defaulting debug container name to {name}."]
    assert copied["metadata"] == {"name": "twin", "namespace": "ns"}
    assert [c["name"] for c in copied["spec"]["containers"]] == ["app", "side", name]
    assert copied["spec"]["nodeName"] == "node-1" and copied["spec"]["shareProcessNamespace"] is True
    assert "ephemeralContainers" not in copied["spec"] and "status" not in copied
    assert "livenessProbe" not in copied["spec"]["containers"][0]


def test_a_copy_with_a_changed_container():
    flags, _ = wanted(copy_to="twin", container="app", image="", args=["sh"], stdin=True, share_processes=False)
    copied, name = debugging.pod_copy(a_pod(), flags)
    app = copied["spec"]["containers"][0]
    assert (name, app["image"], app["command"], app["stdin"]) == ("app", "app:1", ["sh"], True)
    assert "args" not in app and copied["spec"]["shareProcessNamespace"] is False
    assert "nodeName" not in copied["spec"]


def test_a_copy_with_other_images():
    flags, _ = wanted(copy_to="twin", image="", set_images={"*": "busybox", "side": "side:debug"})
    copied, name = debugging.pod_copy(a_pod(), flags)
    assert name == "" and [c["image"] for c in copied["spec"]["containers"]] == ["busybox", "side:debug"]
    assert copied["metadata"]["labels"] == {"a": "b"}, "no profile is applied"
    with pytest.raises(UsageError, match="you must specify image when creating new container"):
        debugging.pod_copy(a_pod(), wanted(copy_to="twin", image="", args=["sh"], container="new")[0])


def test_a_pod_on_a_node():
    flags, said = wanted(profile="sysadmin", pull_policy="Never")
    pod = debugging.node_pod("node-1", flags)
    name = pod["metadata"]["name"]
    assert name.startswith("node-debugger-node-1-")
    assert said == [f"Creating debugging pod {name} with container debugger on node node-1."]
    assert pod["spec"]["tolerations"] == [{"operator": "Exists"}] and pod["spec"]["nodeName"] == "node-1"
    assert pod["spec"]["containers"][0]["imagePullPolicy"] == "Never" and pod["spec"]["hostPID"]


@pytest.mark.parametrize(
    ("user", "context", "lacks"),
    [
        (None, {"privileged": True}, False),
        (0, {"privileged": True}, False),
        (1000, {"privileged": True}, True),
        (1000, {"privileged": True, "runAsUser": 0}, False),
        (1000, {"capabilities": {"add": ["SYS_PTRACE"]}}, True),
        (1000, {"capabilities": {"drop": ["ALL"]}}, False),
        (1000, None, False),
    ],
)
def test_privileges_that_a_user_cannot_use(user, context, lacks):
    pod = {"spec": {"securityContext": {"runAsUser": user} if user is not None else {}}}
    assert debugging.lacks_root({"name": "c", "securityContext": context}, pod) is lacks
