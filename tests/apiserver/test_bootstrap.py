"""What a fresh control plane has."""

from minikctl.apiserver.auth import pki
from minikctl.apiserver.bootstrap import bootstrap
from minikctl.client.local import LocalClient
from tests.support.cluster import TestCluster


def names(client: LocalClient, resource: str) -> list[str]:
    return [o["metadata"]["name"] for o in client.list(resource)["items"]]


def test_a_fresh_control_plane(cluster: TestCluster) -> None:
    bootstrap(cluster.api)
    client = cluster.client
    assert names(client, "ns") == ["default", "kube-node-lease", "kube-public", "kube-system"]
    assert names(client, "pc") == ["system-cluster-critical", "system-node-critical"]
    service = client.get("svc", "kubernetes", "default")
    assert service["metadata"]["labels"] == {"component": "apiserver", "provider": "kubernetes"}
    assert service["spec"]["clusterIPs"] == ["10.96.0.1"]
    assert service["spec"]["ports"] == [{"name": "https", "protocol": "TCP", "port": 443, "targetPort": 6443}]
    assert client.get("servicecidrs", "kubernetes")["status"]["conditions"][0]["status"] == "True"
    assert {"cluster-admin", "admin", "edit", "view", "system:node"} <= set(names(client, "clusterroles"))


def test_the_second_run_writes_nothing(cluster: TestCluster) -> None:
    bootstrap(cluster.api)
    before = cluster.store.current_rv()
    bootstrap(cluster.api)
    assert cluster.store.current_rv() == before


def test_the_service_follows_the_servers_port(cluster: TestCluster) -> None:
    bootstrap(cluster.api, https_port=20001)
    bootstrap(cluster.api, https_port=20002)
    port = cluster.client.get("svc", "kubernetes", "default")["spec"]["ports"]
    assert port == [{"name": "https", "protocol": "TCP", "port": 443, "targetPort": 20002}]


def test_what_was_deleted_comes_back_and_what_was_changed_stays(cluster: TestCluster) -> None:
    bootstrap(cluster.api)
    cluster.client.delete("clusterroles", "view")
    cluster.client.patch("clusterroles", "edit", {"rules": []})
    bootstrap(cluster.api)
    assert cluster.client.get("clusterroles", "view")["rules"]
    assert not cluster.client.get("clusterroles", "edit")["rules"]


def test_aggregated_roles_have_the_rules_of_their_parts(cluster: TestCluster) -> None:
    bootstrap(cluster.api)
    roles = {o["metadata"]["name"]: o for o in cluster.client.list("clusterroles")["items"]}
    part = roles["system:aggregate-to-edit"]
    label = "rbac.authorization.k8s.io/aggregate-to-edit"
    assert part["metadata"]["labels"] == {"kubernetes.io/bootstrapping": "rbac-defaults", label: "true"}
    assert roles["edit"]["aggregationRule"]["clusterRoleSelectors"] == [{"matchLabels": {label: "true"}}]
    assert all(r in roles["edit"]["rules"] for r in part["rules"] + roles["view"]["rules"])
    assert all(r in roles["admin"]["rules"] for r in roles["edit"]["rules"])


def test_bindings(cluster: TestCluster) -> None:
    bootstrap(cluster.api)
    rows = cluster.client.table("clusterrolebindings", name="cluster-admin")["rows"]
    assert rows[0]["cells"][1:2] + rows[0]["cells"][3:] == ["ClusterRole/cluster-admin", "", "system:masters", ""]


def test_nodes_without_disks_have_no_default_storage_class(cluster: TestCluster) -> None:
    bootstrap(cluster.api, disks=False)
    assert cluster.client.list("storageclasses")["items"] == []
    bootstrap(cluster.api)
    assert [c["metadata"]["name"] for c in cluster.client.list("storageclasses")["items"]] == ["standard"]


def test_servers_behind_this_one_learn_whom_to_believe(cluster: TestCluster) -> None:
    name = "extension-apiserver-authentication"
    bootstrap(cluster.api)
    assert name not in names(cluster.client, "cm")  # there is no HTTP API
    assert cluster.client.get("roles", f"{name}-reader", "kube-system")["rules"][0]["resourceNames"] == [name]
    pki.server_certificate(cluster.root)
    pki.front_proxy_certificate(cluster.root)
    bootstrap(cluster.api)
    data = cluster.client.get("cm", name, "kube-system")["data"]
    assert data["client-ca-file"] == pki.ca_pem(cluster.root).decode()
    assert data["requestheader-client-ca-file"] == pki.front_proxy_ca_pem(cluster.root).decode()
    assert data["requestheader-allowed-names"] == '["front-proxy-client"]'
    cluster.client.patch("cm", name, {"data": {"client-ca-file": "old"}}, namespace="kube-system")
    bootstrap(cluster.api)
    assert cluster.client.get("cm", name, "kube-system")["data"] == data
    before = cluster.store.current_rv()
    bootstrap(cluster.api)
    assert cluster.store.current_rv() == before
