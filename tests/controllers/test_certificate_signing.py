"""Requests for certificates: approved, signed, refused, cleaned away."""

from __future__ import annotations

import base64
from datetime import timedelta
from typing import Any

import pytest
from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID

from minikctl.api.errors import ApiError
from minikctl.api.meta import condition
from minikctl.apiserver.auth import pki
from minikctl.apiserver.request import Context, User
from minikctl.controllers.certificate_approval import CertificateApproval
from minikctl.controllers.certificate_cleaner import CertificateCleaner
from minikctl.controllers.certificate_signing import CertificateSigning
from minikctl.util.clock import FakeClock
from tests.support.certificates import asked
from tests.support.cluster import TestCluster
from tests.support.control_plane import ControlPlane

CLIENT = "kubernetes.io/kube-apiserver-client"
KUBELET = "kubernetes.io/kube-apiserver-client-kubelet"
SERVING = "kubernetes.io/kubelet-serving"


def create(cluster: TestCluster, request: str, signer: str = CLIENT, name: str = "a", **spec: Any) -> dict[str, Any]:
    wanted = {"request": request, "signerName": signer, "usages": ["client auth"], **spec}
    return cluster.client.create("certificatesigningrequests", {"metadata": {"name": name}, "spec": wanted})


def get(cluster: TestCluster, name: str = "a") -> dict[str, Any]:
    return cluster.client.get("certificatesigningrequests", name)


def plane(cluster: TestCluster) -> ControlPlane:
    classes = [CertificateSigning, CertificateCleaner]
    return ControlPlane(cluster, classes, settings={"state_dir": str(cluster.root)})


def test_an_approved_request_is_signed(still: TestCluster) -> None:
    controllers = plane(still)
    create(still, asked("jane", "dev", "ops"))
    controllers.settle()
    assert "certificate" not in get(still).get("status", {})
    assert still.cli("certificate", "approve", "a").out == (
        "certificatesigningrequest.certificates.k8s.io/a approved\n"
    )
    controllers.settle()
    assert still.cli("get", "csr", "a", "--no-headers").out.split()[-1] == "Approved,Issued"
    made = x509.load_pem_x509_certificate(base64.b64decode(get(still)["status"]["certificate"]))
    made.verify_directly_issued_by(pki.authority(still.root).certificate)
    assert made.subject.rfc4514_string() == "CN=jane,O=ops,O=dev"
    usages = made.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert list(usages) == [ExtendedKeyUsageOID.CLIENT_AUTH]
    assert made.not_valid_after_utc - made.not_valid_before_utc == timedelta(days=365)
    approved = condition(get(still), "Approved")
    assert approved and approved["reason"] == "KubectlApprove" and approved["lastTransitionTime"]


def test_a_shorter_time_is_respected(still: TestCluster) -> None:
    controllers = plane(still)
    create(still, asked("jane"), expirationSeconds=3600)
    still.cli("certificate", "approve", "a")
    controllers.settle()
    made = x509.load_pem_x509_certificate(base64.b64decode(get(still)["status"]["certificate"]))
    assert made.not_valid_after_utc - made.not_valid_before_utc == timedelta(hours=1)


@pytest.mark.parametrize(
    ("signer", "request_", "usages", "why"),
    [
        (CLIENT, ("jane", ()), ["server auth", "client auth"], "invalid usage for client certificate: server auth"),
        (CLIENT, ("jane", ()), ["digital signature"], "missing required usage for client certificate: client auth"),
        (KUBELET, ("system:node:n", ()), ["client auth", "digital signature"], "subject organization is not system:nodes"),
        (KUBELET, ("n", ("system:nodes",)), ["client auth", "digital signature"], "subject common name does not begin"),
        (KUBELET, ("system:node:n", ("system:nodes",)), ["client auth"], "usages did not match [client auth digital"),
        (SERVING, ("system:node:n", ("system:nodes",)), ["server auth", "digital signature"], "DNS or IP subjectAltName"),
    ],
)  # fmt: skip
def test_what_the_signers_do_not_sign(
    still: TestCluster, signer: str, request_: tuple[str, tuple[str, ...]], usages: list[str], why: str
) -> None:
    controllers = plane(still)
    create(still, asked(request_[0], *request_[1]), signer, usages=usages)
    still.cli("certificate", "approve", "a")
    controllers.settle()
    failed = condition(get(still), "Failed")
    assert failed and failed["reason"] == "SignerValidationFailure" and failed["message"].startswith(why)
    assert "certificate" not in get(still)["status"]


def test_the_serving_signer(still: TestCluster) -> None:
    controllers = plane(still)
    request = asked("system:node:n", "system:nodes", dns=("n.example",))
    create(still, request, SERVING, usages=["server auth", "digital signature"])
    still.cli("certificate", "approve", "a")
    controllers.settle()
    made = x509.load_pem_x509_certificate(base64.b64decode(get(still)["status"]["certificate"]))
    names = made.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["n.example"]


def test_signers_of_others_are_left_to_them(still: TestCluster) -> None:
    controllers = plane(still)
    create(still, asked("jane"), "example.com/own")
    still.cli("certificate", "approve", "a")
    controllers.settle()
    assert [c["type"] for c in get(still)["status"]["conditions"]] == ["Approved"]


def test_a_decision_stays(still: TestCluster) -> None:
    create(still, asked("jane"))
    assert still.cli("certificate", "deny", "a").out == "certificatesigningrequest.certificates.k8s.io/a denied\n"
    assert still.cli("certificate", "deny", "a").out == "certificatesigningrequest.certificates.k8s.io/a denied\n"
    done = still.cli("certificate", "approve", "a")
    assert (done.code, done.err) == (1, 'error: certificate signing request "a" is already Denied\n')
    denied = get(still)
    for conditions, why in (
        ([], 'updates may not remove a condition of type "Denied"'),
        ([{"type": "Approved", "status": "True"}], "may not remove"),
        ([{"type": "Denied", "status": "True"}, {"type": "Approved", "status": "True"}], "mutually exclusive"),
        ([{"type": "Denied", "status": "False"}], 'Unsupported value: "False"'),
    ):
        with pytest.raises(ApiError, match=why):
            still.client.update(
                "certificatesigningrequests", {**denied, "status": {"conditions": conditions}}, subresource="approval"
            )
    # the decision is not taken through /status, and nothing else through /approval
    changed = still.client.update("certificatesigningrequests", {**denied, "status": {}}, subresource="status")
    assert condition(changed, "Denied")
    spec = {**changed["spec"], "username": "eve"}
    status = {**changed["status"], "certificate": base64.b64encode(b"-----BEGIN CERTIFICATE-----").decode()}
    again = still.client.update(
        "certificatesigningrequests", {**changed, "spec": spec, "status": status}, subresource="approval"
    )
    assert "certificate" not in again["status"] and again["spec"] == changed["spec"]


def test_what_a_kubelet_asks_for_is_approved_when_it_may_have_it(still: TestCluster) -> None:
    controllers = ControlPlane(still, [CertificateApproval])
    usages = ["client auth", "digital signature"]
    node = User("system:node:n", ("system:nodes", "system:authenticated"))
    bootstrapper = User("system:bootstrap:x", ("system:bootstrappers",))
    rules = {"selfnodeclient": "system:nodes", "nodeclient": "system:bootstrappers"}
    for permission, group in rules.items():
        rule = {"verbs": ["create"], "apiGroups": ["certificates.k8s.io"]}
        rule["resources"] = [f"certificatesigningrequests/{permission}"]
        still.client.create("clusterroles", {"metadata": {"name": permission}, "rules": [rule]})
        ref = {"kind": "ClusterRole", "name": permission}
        subjects = [{"kind": "Group", "name": group}]
        still.client.create(
            "clusterrolebindings", {"metadata": {"name": permission}, "roleRef": ref, "subjects": subjects}
        )
    for called, user, signer in (
        ("own", node, KUBELET),
        ("first", bootstrapper, KUBELET),
        ("nobodys", User("eve", ("system:authenticated",)), KUBELET),
        ("others", User("system:node:m", ("system:nodes",)), KUBELET),
        ("client", node, CLIENT),
    ):
        spec = {"request": asked("system:node:n", "system:nodes"), "signerName": signer, "usages": usages}
        body = {"metadata": {"name": called}, "spec": spec}
        still.api.create(still.api.kind("csr"), "", body, Context(user=user))
    controllers.settle()
    approved = {n: condition(get(still, n), "Approved") for n in ("own", "first", "nobodys", "others", "client")}
    assert {n for n, c in approved.items() if c} == {"own", "first"}
    messages = [(approved[n] or {})["message"] for n in ("own", "first")]
    assert messages == [
        "Auto approving self kubelet client certificate after SubjectAccessReview.",
        "Auto approving kubelet client certificate after SubjectAccessReview.",
    ]


def test_patches_of_the_parts(still: TestCluster) -> None:
    create(still, asked("jane"))
    condition_ = {"type": "Own", "status": "True", "reason": "r"}
    patch = {"metadata": {"annotations": {"a": "b"}}, "status": {"conditions": [condition_]}}
    for part in ("approval", "status"):
        after = still.client.patch("certificatesigningrequests", "a", patch, subresource=part)
        assert [c["type"] for c in after["status"]["conditions"]] == ["Own"]
        assert after["metadata"]["annotations"] == {"a": "b"}


def test_nobody_becomes_a_master(still: TestCluster) -> None:
    with pytest.raises(ApiError, match="signer with system:masters group is not allowed"):
        create(still, asked("jane", "system:masters"))
    with pytest.raises(ApiError, match="unable to parse request"):
        text = b"-----BEGIN CERTIFICATE REQUEST-----\nAAAA\n-----END CERTIFICATE REQUEST-----\n"
        create(still, base64.b64encode(text).decode())


@pytest.mark.parametrize(("decision", "hours"), [("approve", 1), ("deny", 1), ("", 24)])
def test_old_requests_are_cleaned_away(still: TestCluster, decision: str, hours: int) -> None:
    assert isinstance(still.clock, FakeClock)
    controllers = plane(still)
    create(still, asked("jane"))
    if decision:
        still.cli("certificate", decision, "a")
    controllers.settle()
    controllers.settle(hours * 3600 - 60)
    assert get(still)
    controllers.settle(120)
    assert still.cli("get", "csr", "a").code == 1


def test_words_that_make_no_sense(still: TestCluster) -> None:
    assert (
        still.cli("certificate", "approve").err
        == "error: one or more CSRs must be specified as <name> or -f <filename>\n"
    )
    assert still.cli("certificate", "approve", "x").err == (
        'Error from server (NotFound): certificatesigningrequests.certificates.k8s.io "x" not found\n'
    )
    group = still.cli("certificate")
    assert group.code == 0 and "Modify certificate resources." in group.out
