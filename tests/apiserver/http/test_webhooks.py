"""Webhooks behind the HTTP front: the server goes on while one is asked, and the webhook may ask it back."""

from __future__ import annotations

from pathlib import Path

import httpx

from minikctl.api.meta import Obj
from tests.support.cluster import TestCluster
from tests.support.webhook import serving

CMS = "/api/v1/namespaces/default/configmaps"
RULE = {"apiGroups": [""], "apiVersions": ["v1"], "resources": ["configmaps"], "operations": ["CREATE"]}


def test_a_webhook_that_asks_the_server_back(http: httpx.Client, live: TestCluster, tmp_path: Path) -> None:
    def asks_back(_request: Obj) -> Obj:
        with httpx.Client(base_url=http.base_url, timeout=10) as client:
            wrote = client.post("/api/v1/namespaces/default/secrets", json={"metadata": {"name": "s"}})
        return {"allowed": True, "warnings": [f"wrote {wrote.status_code}"]}

    with serving(tmp_path, hook=asks_back) as server:
        webhook = {
            "name": "a.example.com",
            "clientConfig": server.config("/hook"),
            "rules": [RULE],
            "sideEffects": "None",
            "admissionReviewVersions": ["v1"],
        }
        configuration = {"metadata": {"name": "test"}, "webhooks": [webhook]}
        live.client.create("validatingwebhookconfigurations", configuration)
        made = http.post(CMS, json={"metadata": {"name": "c"}})
    assert (made.status_code, made.headers["warning"]) == (201, '299 - "wrote 201"')
    assert server.seen[0]["request"]["userInfo"]["username"] == "kubernetes-admin"
