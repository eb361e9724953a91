from __future__ import annotations

import base64
import json

import pytest

from minikctl.runtime.interface import Credential
from minikctl.runtime.oci.credentials import matching, read


def auth(text: str) -> dict[str, str]:
    return {"auth": base64.b64encode(text.encode()).decode()}


def test_both_formats() -> None:
    entries = {"https://index.docker.io/v1/": auth("a:b:c"), "quay.io/team": {"username": "u", "password": "p"}}
    wanted = [Credential("docker.io", "a", "b:c"), Credential("quay.io/team", "u", "p")]
    assert read(json.dumps({"auths": entries}).encode()) == read(json.dumps(entries).encode()) == wanted
    assert read(json.dumps({"auths": {"x.io": {"identitytoken": "t"}}}).encode()) == [Credential("x.io", token="t")]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{",
        '{"auths": 1}',
        '{"auths": {"x": 1}}',
        '{"auths": {"x": {"auth": "%%"}}}',
        '{"x": {"auth": "YQ=="}}',
        '{"auths": {"x": {}}}',
    ],
)
def test_what_cannot_be_read(text: str) -> None:
    assert read(text.encode()) == []


@pytest.mark.parametrize(
    ("place", "repository", "fits"),
    [
        ("docker.io", "docker.io/library/x", True),
        ("quay.io", "quay.io/a/b", True),
        ("quay.io/a", "quay.io/a/b", True),
        ("quay.io/b", "quay.io/a/b", False),
        ("*.kubernetes.io", "abc.kubernetes.io/x", True),
        ("*.kubernetes.io", "kubernetes.io/x", False),
        ("*.io", "a.b.io/x", False),
        ("localhost:5000", "localhost:5000/x", True),
        ("localhost:5000", "localhost:5001/x", False),
        ("localhost", "localhost:5000/x", False),
        ("", "any.io/x", True),
    ],
)
def test_matching(place: str, repository: str, fits: bool) -> None:
    assert bool(matching([Credential(place, "u")], repository)) is fits


def test_the_most_particular_first() -> None:
    places = ["quay.io", "quay.io/a/b", "*.io", "quay.io/a"]
    found = matching([Credential(p, "u") for p in places], "quay.io/a/b")
    assert [c.registry for c in found] == ["quay.io/a/b", "quay.io/a", "quay.io", "*.io"]
