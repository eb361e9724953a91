"""Who is asking: certificates, tokens, nobody; and whom a request acts as."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from minikctl.api.errors import ApiError
from minikctl.apiserver.auth import pki
from minikctl.apiserver.auth.authentication import Impersonation, bearer_token, of_certificate
from minikctl.apiserver.auth.rbac import Action
from tests.support.https import HTTPS

PODS = "/api/v1/namespaces/default/pods"


def test_a_certificate_names_user_and_groups() -> None:
    subject = ((("organizationName", "dev"),), (("organizationName", "ops"),), (("commonName", "jane"),))
    user = of_certificate({"subject": subject, "sha256": "ab"})
    assert user is not None
    assert (user.name, user.groups) == ("jane", ("dev", "ops", "system:authenticated"))
    assert user.extra == {"authentication.kubernetes.io/credential-id": ["X509SHA256=ab"]}
    assert of_certificate({"subject": ((("organizationName", "dev"),),)}) is None


@pytest.mark.parametrize(
    ("headers", "token"),
    [
        ({"authorization": "Bearer abc"}, "abc"),
        ({"authorization": "bearer   abc "}, "abc"),
        ({"authorization": "Basic abc"}, ""),
        ({"authorization": "Bearer"}, ""),
        ({}, ""),
        ({"sec-websocket-protocol": "v5.channel.k8s.io, base64url.bearer.authorization.k8s.io.YWJj"}, "abc"),
    ],
)
def test_bearer_tokens(headers: dict[str, str], token: str) -> None:
    assert bearer_token(headers) == token


def _asked(*headers: tuple[str, str]) -> tuple[list[Action], object]:
    wanted = Impersonation.of(headers)
    assert wanted is not None
    asked: list[Action] = []
    return asked, wanted.acted_as(asked.append)


def test_impersonation_asks_for_everything_that_is_taken_on() -> None:
    asked, user = _asked(
        ("impersonate-user", "jane"),
        ("impersonate-group", "dev"),
        ("impersonate-uid", "7"),
        ("impersonate-extra-acme.com%2Fscope", "a"),
    )
    shown = [(a.group, a.whole_resource, a.name) for a in asked]
    assert shown == [
        ("", "users", "jane"),
        ("", "groups", "dev"),
        ("authentication.k8s.io", "userextras/acme.com/scope", "a"),
        ("authentication.k8s.io", "uids", "7"),
    ]
    assert all(a.verb == "impersonate" for a in asked)
    assert (user.name, user.groups, user.uid) == ("jane", ("dev", "system:authenticated"), "7")  # type: ignore[attr-defined]


def test_a_service_account_brings_its_groups() -> None:
    asked, user = _asked(("impersonate-user", "system:serviceaccount:web:robot"))
    assert [(a.resource, a.namespace, a.name) for a in asked] == [("serviceaccounts", "web", "robot")]
    groups = ("system:serviceaccounts", "system:serviceaccounts:web", "system:authenticated")
    assert user.groups == groups  # type: ignore[attr-defined]


def test_anonymous_can_be_acted_as() -> None:
    _, user = _asked(("impersonate-user", "system:anonymous"))
    assert user.groups == ("system:unauthenticated",)  # type: ignore[attr-defined]


def test_groups_without_a_user_are_refused() -> None:
    with pytest.raises(ApiError) as e:
        _asked(("impersonate-group", "dev"))
    assert e.value.code == 400
    assert e.value.message == "requested [dev] without impersonating a user"


# ---------------------------------------------------------------------- over HTTPS


def test_the_administrator(https: HTTPS) -> None:
    answer = https.admin().get(PODS)
    assert answer.status_code == 200 and answer.json()["kind"] == "PodList"


def test_nobody_gets_health_and_version_alone(https: HTTPS) -> None:
    nobody = https.anonymous()
    for path in ("/healthz", "/livez", "/readyz", "/version"):
        assert nobody.get(path).status_code == 200
    refused = nobody.get(PODS)
    assert refused.status_code == 403
    assert refused.json()["message"] == (
        'pods is forbidden: User "system:anonymous" cannot list resource "pods" in API group "" '
        'in the namespace "default"'
    )
    for path in ("/apis", "/openapi/v2", "/metrics", "/no/such"):
        answer = nobody.get(path)
        assert answer.status_code == 403
        assert answer.json()["message"] == f'forbidden: User "system:anonymous" cannot get path "{path}"'


@pytest.mark.parametrize(
    "token",
    [
        "nonsense",
        "a.b.c",
        "é",
        "eyJhbGciOiJub25lIn0.e30.",
        base64.b64encode(b"x" * 9000).decode(),
    ],
)
def test_a_wrong_token_is_refused(https: HTTPS, token: str) -> None:
    headers = [(b"authorization", f"Bearer {token}".encode())]
    answer = https.anonymous().get("/version", headers=headers)
    assert answer.status_code == 401
    assert answer.json() == {
        "kind": "Status",
        "apiVersion": "v1",
        "metadata": {},
        "status": "Failure",
        "message": "Unauthorized",
        "reason": "Unauthorized",
        "code": 401,
    }


def test_a_service_accounts_token(https: HTTPS) -> None:
    account = https.with_token(https.token_of("default"))
    assert account.get("/apis").status_code == 200
    refused = account.get(PODS)
    assert refused.status_code == 403
    assert 'User "system:serviceaccount:default:default" cannot list resource "pods"' in refused.json()["message"]


def test_a_token_of_a_deleted_account_is_refused(https: HTTPS) -> None:
    https.client.create("serviceaccounts", {"metadata": {"name": "brief"}}, "default")
    account = https.with_token(https.token_of("brief"))
    assert account.get("/apis").status_code == 200
    https.client.delete("serviceaccounts", "brief", "default")
    assert account.get("/apis").status_code == 401


def test_a_certificate_of_another_authority(https: HTTPS, tmp_path: Path) -> None:
    stranger = https.as_user("jane", "system:masters", state_dir=tmp_path / "other")
    with pytest.raises(httpx.TransportError, match=r"(?i)unknown.ca"):
        stranger.get(PODS)
    assert https.admin().get(PODS).status_code == 200


def test_a_certificate_of_a_server_is_no_clients(https: HTTPS, tmp_path: Path) -> None:
    authority, key = pki.authority(https.root), pki._new_key()
    now = datetime.now(UTC)
    pem = authority.sign(
        pki.subject("system:node:n", ("system:nodes",)),
        key.public_key(),
        usages=("digital signature", "server auth"),
        not_before=now - timedelta(minutes=1),
        not_after=now + timedelta(hours=1),
    )
    (tmp_path / "server.pem").write_bytes(pem + pki._key_pem(key))
    context = https.context()
    context.load_cert_chain(tmp_path / "server.pem")
    client = httpx.Client(base_url=https.url, verify=context, trust_env=False)
    with client, pytest.raises(httpx.TransportError):
        client.get("/version")


def test_a_certificate_whose_time_is_over(https: HTTPS, tmp_path: Path) -> None:
    pair = pki.client_pair(https.root, "jane", time=timedelta(seconds=-60))
    (tmp_path / "old.pem").write_bytes(pair.certificate + pair.key)
    context = https.context()
    context.load_cert_chain(tmp_path / "old.pem")
    client = httpx.Client(base_url=https.url, verify=context, trust_env=False)
    with client, pytest.raises(httpx.TransportError):
        client.get("/version")


def test_the_server_is_who_it_says(https: HTTPS) -> None:
    with httpx.Client(base_url=https.url, trust_env=False) as untrusting, pytest.raises(httpx.ConnectError):
        untrusting.get("/version")
    assert https.anonymous().get(f"https://localhost:{https.port}/version").status_code == 200


def test_others_can_check_the_tokens(https: HTTPS) -> None:
    """As a library for OpenID Connect does it: issuer, keys, signature."""
    token = https.token_of("default")
    account = https.with_token(token)  # the role system:service-account-issuer-discovery is for accounts
    found = account.get("/.well-known/openid-configuration").json()
    assert found["issuer"] == "https://kubernetes.default.svc.cluster.local" and found["jwks_uri"].startswith(https.url)
    inside = account.get("/.well-known/openid-configuration", headers={"Host": "kubernetes.default.svc.cluster.local"})
    assert inside.json()["jwks_uri"] == "https://kubernetes.default.svc.cluster.local/openid/v1/jwks"
    foreign = account.get("/.well-known/openid-configuration", headers={"Host": "elsewhere.example.com"})
    assert foreign.json()["jwks_uri"] == found["jwks_uri"]
    answer = account.get("/openid/v1/jwks")
    assert answer.headers["content-type"] == "application/jwk-set+json"
    (key,) = answer.json()["keys"]

    def decoded(text: str) -> bytes:
        return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))

    n, e = (int.from_bytes(decoded(key[part]), "big") for part in ("n", "e"))
    signed, _, signature = token.rpartition(".")
    assert json.loads(decoded(token.split(".")[0]))["kid"] == key["kid"]
    rsa.RSAPublicNumbers(e, n).public_key().verify(
        decoded(signature), signed.encode(), padding.PKCS1v15(), hashes.SHA256()
    )
    assert https.anonymous().get("/openid/v1/jwks").status_code == 403


def test_acting_as_somebody(https: HTTPS) -> None:
    refused = https.admin(impersonate_user="jane").get(PODS)
    assert refused.status_code == 403 and 'User "jane" cannot list' in refused.json()["message"]
    allowed = https.admin(impersonate_user="jane", impersonate_group="system:masters").get(PODS)
    assert allowed.status_code == 200
    jane = https.as_user("jane", impersonate_user="joe").get(PODS)
    assert jane.json()["message"] == (
        'users "joe" is forbidden: User "jane" cannot impersonate resource "users" in API group "" at the cluster scope'
    )
    alone = https.admin(impersonate_group="dev").get(PODS)
    assert alone.status_code == 400
