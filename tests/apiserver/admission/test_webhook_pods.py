"""A webhook that runs in a pod: the way to it leads through the kubelet of its node."""

from __future__ import annotations

from pathlib import Path

import pytest

from minikctl.api.errors import ApiError
from minikctl.kubelet.agent import kill_everything
from tests.kubelet.test_process_agent import Running
from tests.support.webhook import allow, serving


def test_a_webhook_in_a_pod(tmp_path: Path) -> None:
    node = Running(tmp_path / "state")
    client = node.client
    try:
        node.create("hook")
        address = node.ready("hook")["status"]["podIP"]
        if not address.startswith("127."):
            pytest.skip("pods have addresses here that the test cannot listen on")
        with serving(tmp_path, ("hook.default.svc",), address=address, allow=allow) as server:
            client.create("services", {"metadata": {"name": "hook"}, "spec": {"ports": [{"port": 443}]}}, "default")
            piece = {
                "apiVersion": "discovery.k8s.io/v1",
                "kind": "EndpointSlice",
                "metadata": {"name": "hook-1", "labels": {"kubernetes.io/service-name": "hook"}},
                "addressType": "IPv4",
                "ports": [{"name": "", "port": server.port, "protocol": "TCP"}],
                "endpoints": [
                    {"addresses": [address], "targetRef": {"kind": "Pod", "namespace": "default", "name": "hook"}}
                ],
            }  # stored directly: a loopback address is none that an endpoint may have
            node.cluster.store.create("endpointslices/default/hook-1", piece, actor="test")
            service = {"name": "hook", "namespace": "default", "path": "/allow"}
            webhook = {
                "name": "a.example.com",
                "clientConfig": {"service": service, "caBundle": server.ca_bundle},
                "rules": [{"apiGroups": [""], "apiVersions": ["v1"], "resources": ["secrets"], "operations": ["*"]}],
                "sideEffects": "None",
                "admissionReviewVersions": ["v1"],
            }
            client.create("validatingwebhookconfigurations", {"metadata": {"name": "t"}, "webhooks": [webhook]})
            large = {"data": {"a": "eHh4" * 100_000}}
            client.create("secrets", {"metadata": {"name": "s"}, **large}, "default")
            assert server.seen[0]["request"]["object"]["data"] == large["data"]
        with pytest.raises(ApiError) as refused:
            client.create("secrets", {"metadata": {"name": "t"}}, "default")
        assert f'"https://hook.default.svc:443/allow?timeout=10s": dial tcp {address}:{server.port}: ' in str(
            refused.value
        )
    finally:
        node.agent.stop()
        kill_everything(node.root)
        node.cluster.close()
