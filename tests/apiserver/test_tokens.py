"""Bound tokens of service accounts: asked for, signed, checked."""

import base64
import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from minikctl.api.errors import ApiError
from minikctl.apiserver.auth import tokens
from minikctl.util.clock import FakeClock
from tests.support.cluster import TestCluster

POD = {"metadata": {"name": "web"}, "spec": {"containers": [{"name": "web", "image": "nginx"}]}}
ISSUER = "https://kubernetes.default.svc.cluster.local"


@pytest.fixture
def cluster(tmp_path: Path) -> Any:
    made = TestCluster(tmp_path / "state", clock=FakeClock())
    yield made
    made.close()


def request(cluster: TestCluster, spec: dict[str, Any] | None = None, account: str = "default") -> dict[str, Any]:
    body = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": spec or {}}
    return cluster.client.create("serviceaccounts", body, "default", name=account, subresource="token")


def claims_in(token: str) -> dict[str, Any]:
    part = token.split(".")[1]
    return json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))


def test_a_plain_request(cluster: TestCluster) -> None:
    answer = request(cluster)
    assert answer["spec"] == {"audiences": [ISSUER], "expirationSeconds": 3600, "boundObjectRef": None}
    assert answer["status"]["expirationTimestamp"] == "2026-01-01T01:00:00Z"
    claims = claims_in(answer["status"]["token"])
    account = cluster.client.get("sa", "default", "default")
    assert claims["sub"] == "system:serviceaccount:default:default" and claims["iss"] == ISSUER
    assert claims["exp"] - claims["iat"] == 3600 and claims["nbf"] == claims["iat"]
    uid = account["metadata"]["uid"]
    assert claims["kubernetes.io"] == {"namespace": "default", "serviceaccount": {"name": "default", "uid": uid}}
    key = cluster.root / "pki" / "sa.key"
    assert key.stat().st_mode & 0o777 == 0o600


def test_a_token_names_its_user(cluster: TestCluster) -> None:
    pod = cluster.client.create("pods", POD, "default")
    ref = {"kind": "Pod", "apiVersion": "v1", "name": "web", "uid": pod["metadata"]["uid"]}
    token = request(cluster, {"boundObjectRef": ref})["status"]["token"]
    user = tokens.user_of(cluster.api, token)
    assert user.name == "system:serviceaccount:default:default"
    assert user.groups == ("system:serviceaccounts", "system:serviceaccounts:default", "system:authenticated")
    assert user.extra["authentication.kubernetes.io/pod-name"] == ["web"]


def test_a_token_ends_with_the_pod_it_is_bound_to(cluster: TestCluster) -> None:
    cluster.client.create("pods", POD, "default")
    token = request(cluster, {"boundObjectRef": {"kind": "Pod", "apiVersion": "v1", "name": "web"}})["status"]["token"]
    cluster.client.delete("pods", "web", "default")
    with pytest.raises(tokens.InvalidToken, match="pod default/web has been deleted"):
        tokens.user_of(cluster.api, token)


def test_a_token_ends_with_its_account(cluster: TestCluster) -> None:
    token = request(cluster)["status"]["token"]
    cluster.client.delete("sa", "default", "default")
    cluster.client.create("sa", {"metadata": {"name": "default"}}, "default")
    with pytest.raises(tokens.InvalidToken, match="service account UID"):
        tokens.user_of(cluster.api, token)


@pytest.mark.parametrize(
    ("spec", "reason", "text"),
    [
        (
            {"expirationSeconds": 599},
            "Invalid",
            'TokenRequest.authentication.k8s.io "" is invalid: spec.expirationSeconds: Invalid value: 599: '
            "may not specify a duration less than 10 minutes",
        ),
        ({"expirationSeconds": 2**33}, "Invalid", "may not specify a duration larger than 2^32 seconds"),
        ({"expirationSeconds": "x"}, "BadRequest", "cannot unmarshal string"),
        (
            {"boundObjectRef": {"kind": "ConfigMap", "apiVersion": "v1", "name": "a"}},
            "BadRequest",
            "cannot bind token to object of type /v1, Kind=ConfigMap",
        ),
        ({"boundObjectRef": {"kind": "Pod", "apiVersion": "v1", "name": "a"}}, "NotFound", 'pods "a" not found'),
        (
            {"boundObjectRef": {"kind": "Pod", "apiVersion": "v1", "name": "web", "uid": "other"}},
            "Conflict",
            "the UID in the bound object reference (other) does not match the UID in record",
        ),
    ],
)
def test_requests_that_are_refused(cluster: TestCluster, spec: dict[str, Any], reason: str, text: str) -> None:
    cluster.client.create("pods", POD, "default")
    with pytest.raises(ApiError) as e:
        request(cluster, spec)
    assert e.value.reason == reason and text in e.value.message


def test_a_pod_of_another_account(cluster: TestCluster) -> None:
    cluster.client.create("pods", POD, "default")
    cluster.client.create("sa", {"metadata": {"name": "robot"}}, "default")
    with pytest.raises(ApiError, match='cannot bind token for serviceaccount "robot" to pod running with different'):
        request(cluster, {"boundObjectRef": {"kind": "Pod", "apiVersion": "v1", "name": "web"}}, "robot")


def test_what_is_not_accepted(cluster: TestCluster, tmp_path: Path) -> None:
    token = request(cluster, {"audiences": ["vault"]})["status"]["token"]
    now = cluster.clock.now()

    def problem(text: str, **options: Any) -> str:
        with pytest.raises(tokens.InvalidToken) as e:
            tokens.verify(cluster.root, text, **{"now": now, "audiences": ["vault"], **options})
        return str(e.value)

    assert tokens.verify(cluster.root, token, now=now, audiences=["vault", "other"])["aud"] == ["vault"]
    assert problem(token, audiences=[ISSUER]) == 'token audiences ["vault"] is invalid for the target audiences'
    assert problem(token, now=now + timedelta(hours=1)) == "service account token has expired"
    assert problem(token, now=now - timedelta(hours=1)) == "token is not valid yet"
    assert problem("nonsense") == "token is not a JSON web token"
    assert problem("a.b.c") == "token is not a JSON web token"
    head, body, signature = token.split(".")
    assert problem(f"{head}.{body}.{signature[:-4]}AAAA") == "token has an invalid signature"
    unsigned = base64.urlsafe_b64encode(b'{"alg":"none"}').decode().rstrip("=")
    assert problem(f"{unsigned}.{body}.") == "token is not signed with RS256"
    other = tokens.sign(tmp_path / "elsewhere", claims_in(token))
    assert problem(other) == "token has an invalid signature"
