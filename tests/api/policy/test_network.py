"""Who may speak to whom: the documented recipes for NetworkPolicies as a table of connections."""

from __future__ import annotations

import pytest

from minikctl.api.meta import Obj
from minikctl.api.policy.network import Compiled, compile_policies, dns_peer, policy_types

NAMESPACES = [
    {"metadata": {"name": "default", "labels": {"kubernetes.io/metadata.name": "default"}}},
    {"metadata": {"name": "prod", "labels": {"kubernetes.io/metadata.name": "prod", "purpose": "production"}}},
    {"metadata": {"name": "dev", "labels": {"kubernetes.io/metadata.name": "dev", "purpose": "testing"}}},
    {"metadata": {"name": "kube-system", "labels": {"kubernetes.io/metadata.name": "kube-system"}}},
]


def pod(name: str, ip: str, namespace: str = "default", *ports: tuple[str, int, str], **labels: str) -> Obj:
    listed = [{"name": n, "containerPort": number, "protocol": protocol} for n, number, protocol in ports]
    return {
        "metadata": {"name": name, "namespace": namespace, "labels": labels},
        "spec": {"containers": [{"name": "main", "ports": listed}]},
        "status": {"podIP": ip, "phase": "Running"},
    }


WEB, API, DB, OTHER, PROD, DEV, PROD_API = (f"10.244.0.{i}" for i in (2, 3, 4, 5, 6, 7, 8))
OUTSIDE, DNS = "203.0.113.9", "172.18.0.1"
PODS = [
    pod("web", WEB, "default", ("http", 8080, "TCP"), ("metrics", 5000, "TCP"), app="web", role="frontend"),
    pod("api", API, "default", ("http", 3000, "TCP"), app="bookstore", role="api"),
    pod("db", DB, "default", ("pg", 5432, "TCP"), app="bookstore", role="db"),
    pod("other", OTHER, "default", app="other"),
    pod("prod", PROD, "prod", app="web", type="monitoring"),
    pod("dev", DEV, "dev", app="web"),
    pod("prod-api", PROD_API, "prod", ("http", 4000, "TCP"), role="api"),
]


def policy(spec: Obj, namespace: str = "default", name: str = "p") -> Obj:
    return {"metadata": {"name": name, "namespace": namespace}, "spec": spec}


def match(**labels: str) -> Obj:
    return {"matchLabels": labels}


def compiled(*policies: Obj, pods: list[Obj] = PODS) -> Compiled:
    return compile_policies(policies, pods, NAMESPACES, [dns_peer(DNS)])


SELECT_WEB, SELECT_API, ALL = {"podSelector": match(app="web")}, {"podSelector": match(role="api")}, {"podSelector": {}}
DENY_TO_WEB = policy({**SELECT_WEB, "ingress": []})
LIMIT_TO_WEB = policy(
    {"podSelector": match(role="api"), "ingress": [{"from": [{"podSelector": match(app="bookstore")}]}]}
)
ALLOW_ALL_WEB = policy({**SELECT_WEB, "ingress": [{}]}, name="allow-all")
DENY_ALL = policy({**ALL, "policyTypes": ["Ingress"]}, name="deny-all")
DENY_OTHER_NAMESPACES = policy({**ALL, "ingress": [{"from": [{"podSelector": {}}]}]})
ALLOW_ALL_NAMESPACES = policy({**SELECT_WEB, "ingress": [{"from": [{"namespaceSelector": {}}]}]})
FROM_PRODUCTION = policy({**SELECT_WEB, "ingress": [{"from": [{"namespaceSelector": match(purpose="production")}]}]})
MONITORING_OF_PRODUCTION = policy(
    {
        **SELECT_WEB,
        "ingress": [
            {"from": [{"namespaceSelector": match(purpose="production"), "podSelector": match(type="monitoring")}]}
        ],
    }
)
MONITORING_OR_PRODUCTION = policy(
    {
        **SELECT_WEB,
        "ingress": [
            {"from": [{"namespaceSelector": match(purpose="production")}, {"podSelector": match(app="other")}]}
        ],
    }
)
BY_NAME_OF_NAMESPACE = policy(
    {**SELECT_WEB, "ingress": [{"from": [{"namespaceSelector": match(**{"kubernetes.io/metadata.name": "dev"})}]}]}
)
ONE_PORT = policy(
    {**SELECT_WEB, "ingress": [{"ports": [{"port": 5000}], "from": [{"podSelector": match(role="api")}]}]}
)
NAMED_PORT = policy({"podSelector": {}, "ingress": [{"ports": [{"port": "http"}]}]})
PORT_RANGE = policy({**SELECT_WEB, "ingress": [{"ports": [{"protocol": "TCP", "port": 32000, "endPort": 32768}]}]})
UDP_ONLY = policy({**SELECT_WEB, "ingress": [{"ports": [{"protocol": "UDP"}]}]})
FROM_OUTSIDE = policy(
    {**SELECT_WEB, "ingress": [{"from": [{"ipBlock": {"cidr": "203.0.113.0/24", "except": ["203.0.113.128/25"]}}]}]}
)
DENY_OUT = policy({**ALL, "policyTypes": ["Egress"]})
DENY_OUT_BUT_DNS = policy(
    {
        **SELECT_WEB,
        "policyTypes": ["Egress"],
        "egress": [
            {
                "to": [{"namespaceSelector": {}, "podSelector": match(**{"k8s-app": "kube-dns"})}],
                "ports": [{"port": 53, "protocol": "UDP"}, {"port": 53, "protocol": "TCP"}],
            }
        ],
    }
)
ONLY_INSIDE = policy({**SELECT_WEB, "policyTypes": ["Egress"], "egress": [{"to": [{"namespaceSelector": {}}]}]})
OUT_TO_NAMED = policy({**SELECT_WEB, "policyTypes": ["Egress"], "egress": [{"ports": [{"port": "http"}]}]})
OUT_TO_NAMED_OF_PROD = policy(
    {
        **SELECT_WEB,
        "policyTypes": ["Egress"],
        "egress": [{"to": [{"namespaceSelector": match(purpose="production")}], "ports": [{"port": "http"}]}],
    }
)
OUT_TO_BLOCK = policy(
    {**SELECT_WEB, "policyTypes": ["Egress"], "egress": [{"to": [{"ipBlock": {"cidr": "203.0.113.0/24"}}]}]}
)
BOTH = policy(
    {
        "podSelector": match(role="db"),
        "policyTypes": ["Ingress", "Egress"],
        "ingress": [{"from": [{"podSelector": match(role="api")}], "ports": [{"protocol": "TCP", "port": 5432}]}],
        "egress": [{"to": [{"ipBlock": {"cidr": "10.0.0.0/24"}}], "ports": [{"protocol": "TCP", "port": 5978}]}],
    }
)
EXPRESSIONS = policy(
    {
        "podSelector": {"matchExpressions": [{"key": "role", "operator": "In", "values": ["api", "db"]}]},
        "ingress": [
            {
                "from": [
                    {"podSelector": {"matchExpressions": [{"key": "app", "operator": "NotIn", "values": ["other"]}]}}
                ]
            }
        ],
    }
)
UNTYPED_EGRESS = policy({**SELECT_WEB, "egress": [{"to": [{"podSelector": match(role="api")}]}]})

Case = tuple[str, list[Obj], str, str, str, int, bool]
CASES: list[Case] = [
    ("no policy", [], OTHER, WEB, "TCP", 80, True),
    ("deny to an app", [DENY_TO_WEB], OTHER, WEB, "TCP", 80, False),
    ("deny to an app: others are open", [DENY_TO_WEB], OTHER, API, "TCP", 80, True),
    ("deny to an app: it may speak", [DENY_TO_WEB], WEB, API, "TCP", 80, True),
    ("deny to an app: other namespaces' pods are not selected", [DENY_TO_WEB], OTHER, PROD, "TCP", 80, True),
    ("deny to an app: to itself", [DENY_TO_WEB], WEB, WEB, "TCP", 80, True),
    ("limit to an app: a member", [LIMIT_TO_WEB], DB, API, "TCP", 3000, True),
    ("limit to an app: another", [LIMIT_TO_WEB], OTHER, API, "TCP", 3000, False),
    ("limit to an app: outside", [LIMIT_TO_WEB], OUTSIDE, API, "TCP", 3000, False),
    ("allow all beats deny", [DENY_TO_WEB, ALLOW_ALL_WEB], DEV, WEB, "TCP", 80, True),
    ("allow all: from outside", [DENY_ALL, ALLOW_ALL_WEB], OUTSIDE, WEB, "UDP", 1, True),
    ("deny all in a namespace", [DENY_ALL], WEB, API, "TCP", 3000, False),
    ("deny all in a namespace: outside", [DENY_ALL], OUTSIDE, DB, "TCP", 5432, False),
    ("deny all in a namespace: another namespace", [DENY_ALL], WEB, PROD, "TCP", 80, True),
    ("from other namespaces: own pods", [DENY_OTHER_NAMESPACES], OTHER, WEB, "TCP", 80, True),
    ("from other namespaces: others", [DENY_OTHER_NAMESPACES], DEV, WEB, "TCP", 80, False),
    ("from all namespaces: pods", [DENY_ALL, ALLOW_ALL_NAMESPACES], DEV, WEB, "TCP", 80, True),
    ("from all namespaces: not from outside", [DENY_ALL, ALLOW_ALL_NAMESPACES], OUTSIDE, WEB, "TCP", 80, False),
    ("from a namespace by label", [FROM_PRODUCTION], PROD, WEB, "TCP", 80, True),
    ("from a namespace by label: another", [FROM_PRODUCTION], DEV, WEB, "TCP", 80, False),
    ("from a namespace by label: its own", [FROM_PRODUCTION], OTHER, WEB, "TCP", 80, False),
    ("from a namespace by name", [BY_NAME_OF_NAMESPACE], DEV, WEB, "TCP", 80, True),
    ("from a namespace by name: another", [BY_NAME_OF_NAMESPACE], PROD, WEB, "TCP", 80, False),
    ("pods of a namespace (and)", [MONITORING_OF_PRODUCTION], PROD, WEB, "TCP", 80, True),
    ("pods of a namespace (and): another pod", [MONITORING_OF_PRODUCTION], PROD_API, WEB, "TCP", 80, False),
    ("a namespace or pods", [MONITORING_OR_PRODUCTION], PROD_API, WEB, "TCP", 80, True),
    ("a namespace or pods: pods", [MONITORING_OR_PRODUCTION], OTHER, WEB, "TCP", 80, True),
    ("a namespace or pods: neither", [MONITORING_OR_PRODUCTION], API, WEB, "TCP", 80, False),
    ("one port", [ONE_PORT], API, WEB, "TCP", 5000, True),
    ("one port: another", [ONE_PORT], API, WEB, "TCP", 8080, False),
    ("one port: another protocol", [ONE_PORT], API, WEB, "UDP", 5000, False),
    ("one port: another peer", [ONE_PORT], OTHER, WEB, "TCP", 5000, False),
    ("a named port is that of the pod reached", [NAMED_PORT], OTHER, WEB, "TCP", 8080, True),
    ("a named port of another pod", [NAMED_PORT], OTHER, API, "TCP", 3000, True),
    ("a named port: not the other's number", [NAMED_PORT], OTHER, API, "TCP", 8080, False),
    ("a named port that the pod has not", [NAMED_PORT], WEB, OTHER, "TCP", 8080, False),
    ("a port range: first", [PORT_RANGE], OTHER, WEB, "TCP", 32000, True),
    ("a port range: last", [PORT_RANGE], OTHER, WEB, "TCP", 32768, True),
    ("a port range: after", [PORT_RANGE], OTHER, WEB, "TCP", 32769, False),
    ("a protocol", [UDP_ONLY], OTHER, WEB, "UDP", 7, True),
    ("a protocol: another", [UDP_ONLY], OTHER, WEB, "TCP", 7, False),
    ("a block", [FROM_OUTSIDE], OUTSIDE, WEB, "TCP", 80, True),
    ("a block: what is excepted", [FROM_OUTSIDE], "203.0.113.200", WEB, "TCP", 80, False),
    ("a block: elsewhere", [FROM_OUTSIDE], "198.51.100.1", WEB, "TCP", 80, False),
    ("no way out", [DENY_OUT], WEB, OUTSIDE, "TCP", 443, False),
    ("no way out: to pods", [DENY_OUT], WEB, PROD, "TCP", 80, False),
    ("no way out: not even DNS", [DENY_OUT], WEB, DNS, "UDP", 53, False),
    ("no way out: the way in is open", [DENY_OUT], PROD, WEB, "TCP", 80, True),
    ("no way out but DNS", [DENY_OUT_BUT_DNS], WEB, DNS, "UDP", 53, True),
    ("no way out but DNS, by TCP", [DENY_OUT_BUT_DNS], WEB, DNS, "TCP", 53, True),
    ("no way out but DNS: the rest", [DENY_OUT_BUT_DNS], WEB, DNS, "TCP", 6443, False),
    ("only inside the cluster", [ONLY_INSIDE], WEB, DEV, "TCP", 80, True),
    ("only inside the cluster: outside", [ONLY_INSIDE], WEB, OUTSIDE, "TCP", 443, False),
    ("out to a named port", [OUT_TO_NAMED], WEB, API, "TCP", 3000, True),
    ("out to a named port of another number", [OUT_TO_NAMED], WEB, PROD_API, "TCP", 4000, True),
    ("out to a named port: the other's number", [OUT_TO_NAMED], WEB, PROD_API, "TCP", 3000, False),
    ("out to a named port: outside has none", [OUT_TO_NAMED], WEB, OUTSIDE, "TCP", 3000, False),
    ("out to a namespace's named port", [OUT_TO_NAMED_OF_PROD], WEB, PROD_API, "TCP", 4000, True),
    ("out to a namespace's named port: another's", [OUT_TO_NAMED_OF_PROD], WEB, API, "TCP", 3000, False),
    ("out to a block", [OUT_TO_BLOCK], WEB, OUTSIDE, "TCP", 443, True),
    ("out to a block: pods", [OUT_TO_BLOCK], WEB, API, "TCP", 3000, False),
    ("both directions: in", [BOTH], API, DB, "TCP", 5432, True),
    ("both directions: in, another port", [BOTH], API, DB, "TCP", 22, False),
    ("both directions: out", [BOTH], DB, "10.0.0.7", "TCP", 5978, True),
    ("both directions: out, elsewhere", [BOTH], DB, API, "TCP", 3000, False),
    ("expressions", [EXPRESSIONS], WEB, DB, "TCP", 5432, True),
    ("expressions: excluded", [EXPRESSIONS], OTHER, DB, "TCP", 5432, False),
    ("egress without types isolates both ways: out", [UNTYPED_EGRESS], WEB, DB, "TCP", 5432, False),
    ("egress without types isolates both ways: in", [UNTYPED_EGRESS], OTHER, WEB, "TCP", 80, False),
    ("egress without types: what it allows", [UNTYPED_EGRESS], WEB, API, "TCP", 3000, True),
    ("both ends must agree", [DENY_ALL, OUT_TO_NAMED], WEB, API, "TCP", 3000, False),
    ("two policies add up: the first", [LIMIT_TO_WEB, NAMED_PORT], OTHER, API, "TCP", 3000, True),
    ("two policies add up: the second", [LIMIT_TO_WEB, NAMED_PORT], DB, API, "TCP", 22, True),
    ("two policies add up: neither", [LIMIT_TO_WEB, NAMED_PORT], OTHER, API, "TCP", 22, False),
    ("a selector that selects nobody", [policy({"podSelector": match(app="none"), "ingress": []})], DEV, WEB, "TCP", 1, True),
    ("a peer that nobody is", [policy({**ALL, "ingress": [{"from": [{"podSelector": match(a="b")}]}]})], API, WEB, "TCP", 1, False),
    ("null lists", [policy({**SELECT_WEB, "ingress": [{"from": None, "ports": None}]})], DEV, WEB, "TCP", 1, True),
]  # fmt: skip


@pytest.mark.parametrize(
    ("policies", "source", "destination", "protocol", "port", "allowed"), [c[1:] for c in CASES], ids=[c[0] for c in CASES]
)  # fmt: skip
def test_connections(
    policies: list[Obj], source: str, destination: str, protocol: str, port: int, allowed: bool
) -> None:
    assert compiled(*policies).decide(source, destination, protocol, port).allowed is allowed


def test_a_verdict_names_direction_and_policies() -> None:
    verdict = compiled(DENY_ALL, NAMED_PORT).decide(OTHER, API, "TCP", 22)
    assert (verdict.direction, verdict.policies) == ("Ingress", ("default/deny-all", "default/p"))
    verdict = compiled(DENY_OUT).decide(WEB, OUTSIDE, "TCP", 22)
    assert (verdict.direction, verdict.policies) == ("Egress", ("default/p",))


def test_pods_that_no_policy_reaches() -> None:
    on_host = {**pod("agent", "172.18.0.2"), "spec": {"hostNetwork": True, "containers": []}}
    ended = {**pod("job", "10.244.0.99"), "status": {"podIP": "10.244.0.99", "phase": "Succeeded"}}
    waiting = {**pod("new", ""), "status": {}}
    assert not compiled(DENY_ALL, pods=[on_host, ended, waiting]).ingress


def test_the_dns_is_a_peer_and_never_isolated() -> None:
    everything = policy({**ALL, "policyTypes": ["Ingress", "Egress"]}, "kube-system")
    assert compiled(everything).decide(WEB, DNS, "UDP", 53).allowed


def test_rules_keep_their_names_when_peers_come() -> None:
    before = compiled(ONE_PORT).ingress[WEB].rules[0]
    after = compiled(ONE_PORT, pods=[*PODS, pod("more", "10.244.0.77", role="api")]).ingress[WEB].rules[0]
    assert before.id == after.id
    assert (after.peers or set()) - (before.peers or set()) == {"10.244.0.77"}


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ({}, ["Ingress"]),
        ({"ingress": []}, ["Ingress"]),
        ({"egress": []}, ["Ingress"]),
        ({"egress": [{}]}, ["Ingress", "Egress"]),
        ({"policyTypes": ["Egress"], "ingress": [{}]}, ["Egress"]),
    ],
)
def test_types_that_are_not_given(spec: Obj, expected: list[str]) -> None:
    assert policy_types(spec) == expected
