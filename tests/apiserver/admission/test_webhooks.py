"""Admission webhooks over real HTTPS: who is asked, what they may change, and what their failures mean."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from minikctl.api.errors import ApiError
from minikctl.api.meta import Obj
from minikctl.apiserver.request import ADMIN, Context
from minikctl.client import DeleteOptions, WriteOptions
from tests.apiserver.admission.building import pod
from tests.support.cluster import TestCluster
from tests.support.webhook import WebhookServer, allow, patch, serving

Configure = Callable[..., None]
RULE = {"apiGroups": ["*"], "apiVersions": ["*"], "resources": ["configmaps"], "operations": ["CREATE", "UPDATE"]}
SCALE = {"op": "add", "path": "/data", "value": {"scaled": "yes"}}


def deny(_request: Obj) -> Obj:
    return {"allowed": False, "status": {"message": "not today", "code": 403, "reason": "Forbidden"}}


@pytest.fixture
def server(tmp_path: Path) -> Iterator[WebhookServer]:
    with serving(tmp_path, ("hook.default.svc",), allow=allow, deny=deny) as made:
        yield made


def hook(server: WebhookServer, path: str, name: str = "a.example.com", **fields: Any) -> Obj:
    base = {
        "name": name,
        "clientConfig": server.config(path),
        "rules": [RULE],
        "sideEffects": "None",
        "admissionReviewVersions": ["v1"],
    }
    return {**base, **fields}


def configure(cluster: TestCluster, kind: str, *hooks: Obj, name: str = "test") -> None:
    resource = f"{kind}webhookconfigurations.admissionregistration.k8s.io"
    cluster.client.create(resource, {"metadata": {"name": name}, "webhooks": list(hooks)})


def create(cluster: TestCluster, name: str = "c", **more: Any) -> Obj:
    return cluster.client.create(
        "configmaps", {"metadata": {"name": name, **more.pop("metadata", {})}, **more}, "default"
    )


def refused(cluster: TestCluster, name: str = "c", **options: Any) -> ApiError:
    with pytest.raises(ApiError) as error:
        cluster.client.create("configmaps", {"metadata": {"name": name}}, "default", options=WriteOptions(**options))
    return error.value


# ---------------------------------------------------------------------- what is sent, what comes back


def test_the_review(cluster: TestCluster, server: WebhookServer) -> None:
    configure(cluster, "validating", hook(server, "/allow", timeoutSeconds=7))
    create(cluster, data={"a": "b"})
    [review] = server.seen
    request = review["request"]
    assert server.paths == ["/allow?timeout=7s"]
    assert (review["apiVersion"], review["kind"]) == ("admission.k8s.io/v1", "AdmissionReview")
    assert request["kind"] == request["requestKind"] == {"group": "", "version": "v1", "kind": "ConfigMap"}
    assert request["resource"] == {"group": "", "version": "v1", "resource": "configmaps"}
    assert (request["name"], request["namespace"], request["operation"]) == ("c", "default", "CREATE")
    assert request["userInfo"] == {"username": ADMIN.name, "groups": list(ADMIN.groups)}
    assert (request["object"]["data"], request["oldObject"], request["dryRun"]) == ({"a": "b"}, None, False)
    assert request["object"]["apiVersion"] == "v1"
    assert request["options"]["kind"] == "CreateOptions"
    assert request["object"]["metadata"]["uid"]


def test_a_refusal_in_the_webhooks_words(cluster: TestCluster, server: WebhookServer) -> None:
    configure(cluster, "validating", hook(server, "/deny"))
    error = refused(cluster)
    assert error.message == 'admission webhook "a.example.com" denied the request: not today'
    assert (error.code, error.reason) == (403, "Forbidden")
    server.answers["/deny"] = lambda _request: {"allowed": False}
    error = refused(cluster)
    assert error.message == 'admission webhook "a.example.com" denied the request without explanation'
    assert (error.code, error.reason) == (400, "")


def test_warnings_and_annotations(cluster: TestCluster, server: WebhookServer) -> None:
    answer = {"allowed": True, "warnings": ["mind the gap"], "auditAnnotations": {"who": "me"}}
    server.answers["/allow"] = lambda _request: answer
    configure(cluster, "validating", hook(server, "/allow"))
    ctx = Context()
    cluster.api.create(cluster.api.kind("configmaps"), "default", {"metadata": {"name": "c"}}, ctx)
    assert ctx.warnings == ["mind the gap"]
    assert ctx.annotations["a.example.com/who"] == "me"
    done = cluster.cli("create", "configmap", "d")
    assert (done.out, done.err) == ("configmap/d created\n", "Warning: mind the gap\n")


def test_updates_and_deletions_bring_the_old_object(cluster: TestCluster, server: WebhookServer) -> None:
    rule = {**RULE, "operations": ["UPDATE", "DELETE"]}
    configure(cluster, "validating", hook(server, "/allow", rules=[rule]))
    create(cluster)
    cluster.client.patch("configmaps", "c", {"data": {"a": "b"}}, "default")
    cluster.client.delete("configmaps", "c", "default")
    update, delete = (r["request"] for r in server.seen)
    assert (update["operation"], update["object"]["data"], update["oldObject"].get("data")) == (
        "UPDATE",
        {"a": "b"},
        None,
    )
    assert (delete["operation"], delete["object"], delete["oldObject"]["data"]) == ("DELETE", None, {"a": "b"})
    assert delete["options"]["kind"] == "DeleteOptions"


# ---------------------------------------------------------------------- changing


def test_patches_are_applied_and_defaults_filled_in(cluster: TestCluster, server: WebhookServer) -> None:
    port = {"op": "add", "path": "/spec/containers/0/ports", "value": [{"containerPort": 80, "unknown": 1}]}
    server.answers["/patch"] = patch(port)
    rule = {**RULE, "resources": ["pods"]}
    configure(cluster, "mutating", hook(server, "/patch", rules=[rule]))
    made = cluster.client.create("pods", pod(), "default")
    assert made["spec"]["containers"][0]["ports"] == [{"containerPort": 80, "protocol": "TCP"}]


def test_what_a_webhook_makes_is_validated(cluster: TestCluster, server: WebhookServer) -> None:
    server.answers["/patch"] = patch({"op": "add", "path": "/data", "value": {"no/key": "x"}})
    configure(cluster, "mutating", hook(server, "/patch"))
    assert refused(cluster).reason == "Invalid"


def test_webhooks_follow_each_other(cluster: TestCluster, server: WebhookServer) -> None:
    server.answers["/one"] = patch({"op": "add", "path": "/data", "value": {"steps": "1"}})
    server.answers["/two"] = patch({"op": "replace", "path": "/data/steps", "value": "12"})
    configure(cluster, "mutating", hook(server, "/one", "one.example.com"), hook(server, "/two", "two.example.com"))
    assert create(cluster)["data"] == {"steps": "12"}
    assert len(server.seen) == 2


@pytest.mark.parametrize(("policy", "calls"), [("Never", 2), ("IfNeeded", 3)])
def test_reinvocation(cluster: TestCluster, server: WebhookServer, policy: str, calls: int) -> None:
    server.answers["/one"] = patch({"op": "add", "path": "/metadata/labels", "value": {"seen": "yes"}})
    server.answers["/two"] = patch(SCALE)
    first = hook(server, "/one", "one.example.com", reinvocationPolicy=policy)
    configure(cluster, "mutating", first, hook(server, "/two", "two.example.com"))
    made = create(cluster)
    assert (made["data"], made["metadata"]["labels"]) == ({"scaled": "yes"}, {"seen": "yes"})
    assert len(server.seen) == calls
    if calls == 3:
        assert server.seen[2]["request"]["object"]["data"] == {"scaled": "yes"}


def test_annotations_tell_who_changed_what(cluster: TestCluster, server: WebhookServer) -> None:
    server.answers["/patch"] = patch(SCALE)
    configure(cluster, "mutating", hook(server, "/patch"))
    ctx = Context()
    cluster.api.create(cluster.api.kind("configmaps"), "default", {"metadata": {"name": "c"}}, ctx)
    note = json.loads(ctx.annotations["patch.webhook.admission.k8s.io/round_0_index_0"])
    assert note == {"configuration": "test", "webhook": "a.example.com", "patch": [SCALE], "patchType": "JSONPatch"}
    assert '"mutated":true' in ctx.annotations["mutation.webhook.admission.k8s.io/round_0_index_0"]


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (lambda _r: {"allowed": True, "patch": "e30="}, "webhook returned response.patch but not response.patchType"),
        (lambda _r: {"allowed": True, "patchType": "JSONPatch"}, "webhook returned response.patchType but not response.patch"),
        (lambda _r: {"allowed": True, "patch": "!!", "patchType": "JSONPatch"}, "received undecodable patch"),
        (patch({"op": "remove", "path": "/nothing"}), "Internal error occurred: "),
        (patch({"op": "add", "path": "/data", "value": 5}), "Internal error occurred: "),
        (patch(SCALE, patchType="Other"), 'unsupported patch type "Other"'),
        (lambda _r: {"allowed": True, "uid": "1"}, 'expected response.uid="'),
        (lambda _r: (200, "[]"), "failed to call webhook: couldn't get version/kind"),
        (lambda _r: (200, "no json"), "failed to call webhook: couldn't get version/kind; json parse error"),
        (lambda _r: (200, '{"kind":"AdmissionReview"}'), "webhook response was absent"),
        (lambda _r: (404, "?"), "failed to call webhook: the server could not find the requested resource"),
        (lambda _r: (500, "oh"), 'an error on the server ("oh") has prevented the request from succeeding'),
    ],
)  # fmt: skip
def test_answers_that_are_none(cluster: TestCluster, server: WebhookServer, answer: Any, message: str) -> None:
    server.answers["/bad"] = answer
    configure(cluster, "mutating", hook(server, "/bad"))
    error = refused(cluster)
    assert (error.code, error.reason) == (500, "InternalError")
    assert message in error.message, error.message


def test_a_validating_webhook_changes_nothing(cluster: TestCluster, server: WebhookServer) -> None:
    server.answers["/patch"] = patch(SCALE)
    configure(cluster, "validating", hook(server, "/patch"))
    assert "validating webhook may not return response.patch" in refused(cluster).message


# ---------------------------------------------------------------------- who is asked


@pytest.mark.parametrize(
    ("fields", "asked"),
    [
        ({}, True),
        ({"rules": [{**RULE, "operations": ["DELETE"]}]}, False),
        ({"rules": [{**RULE, "operations": ["*"], "resources": ["*"]}]}, True),
        ({"rules": [{**RULE, "resources": ["*/*"]}]}, True),
        ({"rules": [{**RULE, "resources": ["configmaps/status"]}]}, False),
        ({"rules": [{**RULE, "apiGroups": ["apps"]}]}, False),
        ({"rules": [{**RULE, "apiVersions": ["v1"], "scope": "Namespaced"}]}, True),
        ({"rules": [{**RULE, "scope": "Cluster"}]}, False),
        ({"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "default"}}}, True),
        ({"namespaceSelector": {"matchLabels": {"team": "a"}}}, False),
        ({"objectSelector": {"matchLabels": {"app": "web"}}}, True),
        ({"objectSelector": {"matchExpressions": [{"key": "app", "operator": "DoesNotExist"}]}}, False),
        ({"matchConditions": [{"name": "c", "expression": "object.metadata.name == 'c'"}]}, True),
        ({"matchConditions": [{"name": "c", "expression": "request.operation == 'DELETE'"}]}, False),
        ({"matchConditions": [{"name": "c", "expression": "request.userInfo.username.startsWith('kubernetes')"}]}, True),
        ({"matchConditions": [{"name": "c", "expression": "authorizer.requestResource.check('delete').allowed()"}]}, True),
        ({"matchConditions": [{"name": "b", "expression": "object.x == 1"}, {"name": "c", "expression": "false"}]}, False),
    ],
)  # fmt: skip
def test_which_requests_concern_a_webhook(
    cluster: TestCluster, server: WebhookServer, fields: Obj, asked: bool
) -> None:
    configure(cluster, "validating", hook(server, "/allow", **fields))
    create(cluster, metadata={"labels": {"app": "web"}})
    assert bool(server.seen) is asked


@pytest.mark.parametrize(("policy", "passes"), [("Fail", False), ("Ignore", True)])
def test_conditions_that_cannot_be_evaluated(
    cluster: TestCluster, server: WebhookServer, policy: str, passes: bool
) -> None:
    wanted = [{"name": "c", "expression": "object.spec.missing == 1"}]
    configure(cluster, "validating", hook(server, "/deny", matchConditions=wanted, failurePolicy=policy))
    if passes:
        create(cluster)
    else:
        assert refused(cluster).message == (
            "configmaps \"c\" is forbidden: expression 'object.spec.missing == 1' resulted in error: no such key: spec"
        )
    assert not server.seen


@pytest.mark.parametrize(("policy", "asked"), [("Equivalent", True), ("Exact", False)])
def test_other_versions_of_a_resource(cluster: TestCluster, server: WebhookServer, policy: str, asked: bool) -> None:
    rule = {
        "apiGroups": ["autoscaling"],
        "apiVersions": ["v1"],
        "resources": ["horizontalpodautoscalers"],
        "operations": ["CREATE"],
    }
    configure(cluster, "mutating", hook(server, "/patch", rules=[rule], matchPolicy=policy))
    server.answers["/patch"] = patch({"op": "replace", "path": "/spec/maxReplicas", "value": 7})
    spec = {"maxReplicas": 3, "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"}}
    made = cluster.client.create("horizontalpodautoscalers.v2.autoscaling", {"metadata": {"name": "h"}, "spec": spec}, "default")  # fmt: skip
    assert made["spec"]["maxReplicas"] == (7 if asked else 3)
    assert made["apiVersion"] == "autoscaling/v2"
    if asked:
        request = server.seen[0]["request"]
        assert (request["kind"]["version"], request["requestKind"]["version"]) == ("v1", "v2")
        assert request["object"]["apiVersion"] == "autoscaling/v1"


def test_namespaces_are_selected_by_their_own_labels(cluster: TestCluster, server: WebhookServer) -> None:
    rule = {**RULE, "resources": ["namespaces"]}
    selector = {"matchLabels": {"guarded": "yes"}}
    configure(cluster, "validating", hook(server, "/deny", rules=[rule], namespaceSelector=selector))
    cluster.client.create("namespaces", {"metadata": {"name": "free"}})
    with pytest.raises(ApiError, match="not today"):
        cluster.client.create("namespaces", {"metadata": {"name": "bound", "labels": {"guarded": "yes"}}})
    assert server.seen[0]["request"]["namespace"] == "bound"


def test_the_configurations_themselves_are_exempt(cluster: TestCluster, server: WebhookServer) -> None:
    rule = {**RULE, "resources": ["*"], "operations": ["*"]}
    configure(cluster, "validating", hook(server, "/deny", rules=[rule]))
    cluster.client.delete("validatingwebhookconfigurations", "test")
    create(cluster)


def test_subresources_are_asked_for_by_name(cluster: TestCluster, server: WebhookServer) -> None:
    rules = [{**RULE, "operations": ["*"], "resources": ["pods/eviction", "pods/status", "deployments/scale"]}]
    configure(cluster, "validating", hook(server, "/allow", rules=rules))
    cluster.client.create("pods", pod(), "default")
    cluster.client.patch("pods", "web", {"status": {"message": "m"}}, "default", subresource="status")
    cluster.client.create("pods", {"metadata": {"name": "web"}}, "default", name="web", subresource="eviction")
    found = [(r["request"]["subResource"], r["request"]["kind"]["kind"]) for r in server.seen]
    assert found == [("status", "Pod"), ("eviction", "Eviction")]
    assert server.seen[1]["request"]["kind"]["group"] == "policy"


# ---------------------------------------------------------------------- dry runs and failures


@pytest.mark.parametrize(("side_effects", "passes"), [("None", True), ("NoneOnDryRun", True), ("Some", False)])
@pytest.mark.parametrize("kind", ["validating", "mutating"])
def test_dry_runs(cluster: TestCluster, server: WebhookServer, kind: str, side_effects: str, passes: bool) -> None:
    configure(cluster, kind, hook(server, "/allow", sideEffects="None"))
    resource = f"{kind}webhookconfigurations.admissionregistration.k8s.io"
    if side_effects == "Some":  # an old object: new ones cannot say so any more
        found = cluster.client.get(resource, "test")
        found["webhooks"][0]["sideEffects"] = side_effects
        cluster.api.write_raw(cluster.api.kind(resource), "", "test", lambda old: {**old, "webhooks": found["webhooks"]}, Context())  # fmt: skip
    if passes:
        cluster.client.create("configmaps", {"metadata": {"name": "c"}}, "default", options=WriteOptions(dry_run=True))
        assert server.seen[0]["request"]["dryRun"] is True
    else:
        error = refused(cluster, dry_run=True)
        assert error.message == 'admission webhook "a.example.com" does not support dry run'
        assert error.code == 400


def closed_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


@pytest.mark.parametrize("kind", ["validating", "mutating"])
def test_failure_policies(cluster: TestCluster, server: WebhookServer, kind: str) -> None:
    port = closed_port()
    unreachable = {"url": f"https://127.0.0.1:{port}/x"}
    configure(cluster, kind, hook(server, "/", clientConfig=unreachable))
    assert refused(cluster).message == (
        f'Internal error occurred: failed calling webhook "a.example.com": failed to call webhook: Post '
        f'"https://127.0.0.1:{port}/x?timeout=10s": dial tcp 127.0.0.1:{port}: connect: connection refused'
    )
    resource = f"{kind}webhookconfigurations.admissionregistration.k8s.io"
    change = [{"op": "replace", "path": "/webhooks/0/failurePolicy", "value": "Ignore"}]
    cluster.client.patch(resource, "test", change, patch_type="json")
    ctx = Context()
    cluster.api.create(cluster.api.kind("configmaps"), "default", {"metadata": {"name": "c"}}, ctx)
    assert [v for k, v in ctx.annotations.items() if k.startswith("failed-open.")] == ["a.example.com"]


def test_an_unknown_authority(cluster: TestCluster, server: WebhookServer, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    with serving(tmp_path / "other", allow=allow) as other:
        wrong = {"url": f"{server.url}/allow", "caBundle": other.ca_bundle}
        configure(cluster, "validating", hook(server, "/allow", clientConfig=wrong))
        error = refused(cluster)
    assert "tls: failed to verify certificate: x509: certificate signed by unknown authority" in error.message


def test_a_slow_webhook_is_not_waited_for(cluster: TestCluster, server: WebhookServer) -> None:
    released = threading.Event()

    def slow(_request: Obj) -> Obj:
        released.wait(20)
        return {"allowed": True}

    server.answers["/slow"] = slow
    configure(cluster, "validating", hook(server, "/slow", timeoutSeconds=1))
    try:
        error = refused(cluster)
    finally:
        released.set()
    assert error.message.endswith(f'Post "{server.url}/slow?timeout=1s": context deadline exceeded')


def test_nobody_waits_for_a_webhook_but_who_asks(cluster: TestCluster, server: WebhookServer) -> None:
    """The store is not locked while a webhook is asked: it writes itself before it answers."""

    def writes(request: Obj) -> Obj:
        cluster.client.create("secrets", {"metadata": {"name": "written-meanwhile"}}, "default")
        return {"allowed": True}

    server.answers["/writes"] = writes
    configure(cluster, "validating", hook(server, "/writes"))
    create(cluster)
    assert cluster.client.get("secrets", "written-meanwhile", "default")


# ---------------------------------------------------------------------- services


def test_a_webhook_behind_a_service(cluster: TestCluster, server: WebhookServer) -> None:
    service = {"name": "hook", "namespace": "default", "path": "/allow", "port": 443}
    config = {"service": service, "caBundle": server.ca_bundle}
    configure(cluster, "validating", hook(server, "/", clientConfig=config))
    missing = 'failed to call webhook: Post "https://hook.default.svc:443/allow": service "hook" not found'
    assert missing in refused(cluster).message
    spec = {"ports": [{"port": 443, "targetPort": 8443}], "selector": {"app": "hook"}}
    cluster.client.create("services", {"metadata": {"name": "hook"}, "spec": spec}, "default")
    assert 'no endpoints available for service "hook"' in refused(cluster).message
    piece = {
        "metadata": {"name": "hook-1", "labels": {"kubernetes.io/service-name": "hook"}},
        "addressType": "IPv4",
        "ports": [{"name": "", "port": server.port, "protocol": "TCP"}],
        "endpoints": [{"addresses": ["127.0.0.1"], "conditions": {"ready": True}}],
    }
    # a loopback address is no valid endpoint; the tests have no other
    cluster.store.create("endpointslices/default/hook-1", {**piece, "apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice"}, actor="test")  # fmt: skip
    create(cluster)
    assert server.paths == ["/allow?timeout=10s"]


def test_scales_bindings_and_tokens_come_in_their_own_shape(cluster: TestCluster, server: WebhookServer) -> None:
    resources = ["deployments/scale", "pods/binding", "serviceaccounts/token", "deployments"]
    rules = [{**RULE, "operations": ["*"], "resources": resources}]
    template = {"metadata": {"labels": {"a": "b"}}, "spec": pod()["spec"]}
    spec = {"selector": {"matchLabels": {"a": "b"}}, "template": template}
    cluster.client.create("deployments.apps", {"metadata": {"name": "web"}, "spec": spec}, "default")
    cluster.client.create("pods", pod(), "default")
    server.answers["/patch"] = patch({"op": "replace", "path": "/spec/replicas", "value": 5})
    scales = {
        **hook(server, "/patch", "scale.example.com"),
        "rules": [{**rules[0], "resources": ["deployments/scale"]}],
    }
    configure(cluster, "mutating", scales)
    configure(cluster, "validating", hook(server, "/allow", rules=rules))
    scaled = cluster.client.patch("deployments.apps", "web", {"spec": {"replicas": 3}}, "default", subresource="scale")
    assert scaled["spec"]["replicas"] == 5
    binding = {"metadata": {"name": "web"}, "target": {"kind": "Node", "name": "n"}}
    cluster.client.create("pods", binding, "default", name="web", subresource="binding")
    cluster.client.create("serviceaccounts", {"spec": {}}, "default", name="default", subresource="token")
    found = [r["request"] for r in server.seen]
    assert [(r["subResource"], r["kind"]["kind"]) for r in found] == [
        ("scale", "Scale"),
        ("scale", "Scale"),
        ("binding", "Binding"),
        ("token", "TokenRequest"),
    ]
    assert (found[0]["object"]["spec"], found[0]["oldObject"]["spec"]) == ({"replicas": 3}, {"replicas": 1})


def test_deletions_bring_their_options(cluster: TestCluster, server: WebhookServer) -> None:
    configure(cluster, "validating", hook(server, "/allow", rules=[{**RULE, "operations": ["DELETE"]}]))
    create(cluster)
    cluster.client.delete("configmaps", "c", "default", options=DeleteOptions(propagation="Background", grace_period=3))
    options = server.seen[0]["request"]["options"]
    assert options == {
        "kind": "DeleteOptions",
        "apiVersion": "meta.k8s.io/v1",
        "gracePeriodSeconds": 3,
        "propagationPolicy": "Background",
    }


def test_connections_to_containers_are_asked_for(cluster: TestCluster, server: WebhookServer) -> None:
    rule = {**RULE, "resources": ["pods/exec"], "operations": ["CONNECT"]}
    configure(cluster, "validating", hook(server, "/deny", rules=[rule]))
    cluster.client.create("pods", pod(), "default")
    with pytest.raises(ApiError, match="not today"):
        cluster.client.connect("pods", "web", "default", "exec", {"command": ["ls", "-l"], "stdout": True})
    request = server.seen[0]["request"]
    assert (request["operation"], request["subResource"], request["name"]) == ("CONNECT", "exec", "web")
    assert request["object"] == {"kind": "PodExecOptions", "apiVersion": "v1", "command": ["ls", "-l"], "stdout": True}
