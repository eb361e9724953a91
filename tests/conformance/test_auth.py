"""[sig-auth] Certificates API, ServiceAccounts, SubjectReview."""

from __future__ import annotations

import base64

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.conformance.conftest import MERGE, Api

CSRS = "/apis/certificates.k8s.io/v1/certificatesigningrequests"


def certificate_request() -> str:
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "e2e-example-name")])
    key = ec.generate_private_key(ec.SECP256R1())
    made = x509.CertificateSigningRequestBuilder().subject_name(subject).sign(key, hashes.SHA256())
    return base64.b64encode(made.public_bytes(serialization.Encoding.PEM)).decode()


def condition(kind: str, **more: str) -> dict:
    return {"type": kind, "status": "True", "reason": "E2E", "message": "Set from an e2e test", **more}


def test_csr_api_operations(api: Api, unique: str) -> None:
    assert "certificatesigningrequests" in {r["name"] for r in api.get("/apis/certificates.k8s.io/v1")["resources"]}
    spec = {
        "request": certificate_request(),
        "signerName": f"example.com/e2e-{unique}",
        "usages": ["digital signature"],
    }
    body = {"metadata": {"generateName": "e2e-example-csr-", "labels": {"e2e": unique}}, "spec": spec}
    api.post(CSRS, body)
    api.post(CSRS, body)
    created = api.post(CSRS, body)
    name = created["metadata"]["name"]
    path = f"{CSRS}/{name}"
    assert created["spec"]["username"] and api.get(path)["metadata"]["uid"] == created["metadata"]["uid"]
    chosen = {"fieldSelector": f"spec.signerName=example.com/e2e-{unique}"}
    listing = api.get(CSRS, **chosen)
    assert len(listing["items"]) == 3
    with api.watch(
        CSRS, resourceVersion=listing["metadata"]["resourceVersion"], labelSelector=f"e2e={unique}"
    ) as follow:
        patched = api.patch(path, {"metadata": {"annotations": {"patched": "true"}}}, MERGE)
        assert patched["metadata"]["annotations"] == {"patched": "true"}
        patched["metadata"]["annotations"]["updated"] = "true"
        updated = api.put(path, patched)
        assert updated["metadata"]["annotations"] == {"patched": "true", "updated": "true"}
        assert follow()["object"]["metadata"]["annotations"] == {"patched": "true"}
        assert follow()["object"]["metadata"]["annotations"]["updated"] == "true"
    approval = api.get(f"{path}/approval")
    approval["status"] = {"conditions": [condition("Approved")]}
    approved = api.put(f"{path}/approval", approval)
    assert [c["type"] for c in approved["status"]["conditions"]] == ["Approved"]
    more = {"status": {"conditions": [*approved["status"]["conditions"], condition("ApprovalPatch")]}}
    assert len(api.patch(f"{path}/approval", more, MERGE)["status"]["conditions"]) == 2
    status = api.get(f"{path}/status")
    status["status"]["conditions"].append(condition("StatusUpdate"))
    updated = api.put(f"{path}/status", status)
    assert "StatusUpdate" in [c["type"] for c in updated["status"]["conditions"]]
    api.delete(path)
    api.get(path, code=404)
    assert len(api.items(CSRS, **chosen)) == 2
    api.delete(CSRS, **chosen)
    assert api.items(CSRS, **chosen) == []


def test_opting_out_of_token_automount(api: Api, ns: str) -> None:
    account = {"metadata": {"name": "mount"}}
    no_account = {"metadata": {"name": "nomount"}, "automountServiceAccountToken": False}
    for body in (account, no_account):
        api.post(f"/api/v1/namespaces/{ns}/serviceaccounts", body)
    for name in ("default", "mount", "nomount"):
        for wish, mounted in ((None, name != "nomount"), (True, True), (False, False)):
            spec = {"containers": [{"name": "c", "image": "x"}], "serviceAccountName": name}
            if wish is not None:
                spec["automountServiceAccountToken"] = wish
            meta = {"generateName": f"{name}-"}
            pod = api.post(f"/api/v1/namespaces/{ns}/pods", {"metadata": meta, "spec": spec})
            mounts = [m["mountPath"] for m in pod["spec"]["containers"][0].get("volumeMounts") or []]
            assert ("/var/run/secrets/kubernetes.io/serviceaccount" in mounts) == mounted, (name, wish)


def test_a_token_and_its_review(api: Api, ns: str) -> None:
    accounts = f"/api/v1/namespaces/{ns}/serviceaccounts"
    made = api.post(accounts, {"metadata": {"name": "e2e-sa"}})
    request = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {"expirationSeconds": 3600}}
    token = api.post(f"{accounts}/e2e-sa/token", request)["status"]["token"]
    review = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenReview", "spec": {"token": token}}
    status = api.post("/apis/authentication.k8s.io/v1/tokenreviews", review)["status"]
    assert status["authenticated"] is True and not status.get("error")
    assert status["user"]["username"] == f"system:serviceaccount:{ns}:e2e-sa"
    assert status["user"]["uid"] == made["metadata"]["uid"]
    assert set(status["user"]["groups"]) == {
        "system:serviceaccounts",
        f"system:serviceaccounts:{ns}",
        "system:authenticated",
    }
    api.delete(f"{accounts}/e2e-sa")
    review["spec"]["token"] = token
    again = api.post("/apis/authentication.k8s.io/v1/tokenreviews", review)["status"]
    assert not again.get("authenticated") and again["error"]


def test_subject_review_api_operations(api: Api, ns: str, unique: str) -> None:
    api.post(f"/api/v1/namespaces/{ns}/serviceaccounts", {"metadata": {"name": "e2e"}})
    user = f"system:serviceaccount:{ns}:e2e"
    wanted = {"namespace": ns, "verb": "get", "resource": "pods"}

    def allowed(local: bool) -> bool:
        inside = f"namespaces/{ns}/" if local else ""
        kind = "LocalSubjectAccessReview" if local else "SubjectAccessReview"
        body = {"apiVersion": "authorization.k8s.io/v1", "kind": kind, "metadata": {"namespace": ns} if local else {}}
        spec = {"user": user, "resourceAttributes": wanted}
        answer = api.post(f"/apis/authorization.k8s.io/v1/{inside}{kind.lower()}s", {**body, "spec": spec})
        return bool(answer["status"]["allowed"])

    assert (allowed(False), allowed(True)) == (False, False)
    rules = [{"apiGroups": [""], "resources": ["pods"], "verbs": ["get"]}]
    roles = f"/apis/rbac.authorization.k8s.io/v1/namespaces/{ns}"
    api.post(f"{roles}/roles", {"metadata": {"name": unique}, "rules": rules})
    reference = {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": unique}
    subjects = [{"kind": "ServiceAccount", "namespace": ns, "name": "e2e"}]
    api.post(f"{roles}/rolebindings", {"metadata": {"name": unique}, "roleRef": reference, "subjects": subjects})
    assert (allowed(False), allowed(True)) == (True, True)
    as_user = {"Impersonate-User": user}
    assert api.http.get(f"/api/v1/namespaces/{ns}/pods/nosuch", headers=as_user).status_code == 404
    assert api.http.get(f"/api/v1/namespaces/{ns}/secrets/nosuch", headers=as_user).status_code == 403
