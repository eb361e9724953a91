"""Image references."""

from __future__ import annotations

import pytest

from minikctl.runtime.reference import BadReference, parse

HEX = "a" * 64


@pytest.mark.parametrize(
    ("text", "want"),
    [
        ("nginx", "docker.io/library/nginx:latest"),
        ("nginx:1.25-alpine", "docker.io/library/nginx:1.25-alpine"),
        ("maho/webapi:0.1", "docker.io/maho/webapi:0.1"),
        ("docker.io/nginx", "docker.io/library/nginx:latest"),
        ("index.docker.io/library/nginx", "docker.io/library/nginx:latest"),
        ("gcr.io/google-samples/hello-app:1.0", "gcr.io/google-samples/hello-app:1.0"),
        ("localhost/web", "localhost/web:latest"),
        ("localhost:5000/web:2", "localhost:5000/web:2"),
        ("registry.example.com:5000/team/app", "registry.example.com:5000/team/app:latest"),
        (f"nginx@sha256:{HEX}", f"docker.io/library/nginx@sha256:{HEX}"),
        (f"nginx:1.25@sha256:{HEX}", f"docker.io/library/nginx@sha256:{HEX}"),
        ("a/b__c/d-e.f", "docker.io/a/b__c/d-e.f:latest"),
    ],
)
def test_parsed(text, want):
    assert str(parse(text)) == want


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "invalid reference format"),
        ("nginx:", "invalid reference format"),
        (":1", "invalid reference format"),
        ("nginx:a b", "invalid reference format"),
        ("a//b", "invalid reference format"),
        ("-a", "invalid reference format"),
        ("nginx@sha256:12", "invalid reference format"),
        ("Nginx", "invalid reference format: repository name (library/Nginx) must be lowercase"),
    ],
)
def test_refused(text, message):
    with pytest.raises(BadReference) as caught:
        parse(text)
    assert str(caught.value) == message
