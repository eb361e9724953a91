"""Ways through a cluster and their ends, from objects alone."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType

import pytest

from minikctl.api.gateway_rules import CONTROLLER
from minikctl.api.meta import Obj
from minikctl.kubectl.tracing.facts import Facts
from minikctl.kubectl.tracing.hops import Trace, trace
from minikctl.kubectl.tracing.text import ASCII, as_json, draw
from minikctl.kubectl.tracing.words import Wanted, parse, service_name
from minikctl.util.errors import UsageError
from tests.support.cluster import TestCluster


def meta(name: str, namespace: str = "default", **labels: str) -> Obj:
    return {"name": name, "namespace": namespace, "labels": labels}


def pod(name: str, ip: str, *, ready: bool = True, port: int = 8080, **more: object) -> Obj:
    status: Obj = {"podIP": ip, "phase": "Running", "conditions": [{"type": "Ready", "status": str(ready)}]}
    container = {"name": "main", "ports": [{"name": "http", "containerPort": port}], **more}
    return {
        "metadata": meta(name, app=name.partition("-")[0]),
        "spec": {"nodeName": "node-1", "containers": [container]},
        "status": status,
    }


def service(name: str, ip: str, *ports: Obj, namespace: str = "default", **spec: object) -> Obj:
    found = {"type": "ClusterIP", "clusterIP": ip, "ports": list(ports), "selector": {"app": name}, **spec}
    return {"metadata": meta(name, namespace), "spec": found}


def slice_of(service_name_: str, port: int, ready: list[str], unready: tuple[str, ...] = (), named: str = "") -> Obj:
    endpoints = [{"addresses": [a], "conditions": {"ready": a in ready}} for a in [*ready, *unready]]
    metadata = {**meta(f"{service_name_}-x"), "labels": {"kubernetes.io/service-name": service_name_}}
    return {"metadata": metadata, "endpoints": endpoints, "ports": [{"name": named, "port": port, "protocol": "TCP"}]}


def ingress(name: str, host: str, *paths: tuple[str, str, str, int], default: str = "", **spec: object) -> Obj:
    rules = [
        {"path": p, "pathType": kind, "backend": {"service": {"name": to, "port": {"number": number}}}}
        for p, kind, to, number in paths
    ]
    found: Obj = {"rules": [{"host": host, "http": {"paths": rules}}] if rules else [], **spec}
    if default:
        found["defaultBackend"] = {"service": {"name": default, "port": {"number": 80}}}
    return {"metadata": {**meta(name), "creationTimestamp": "2026-01-01T00:00:00Z"}, "spec": found}


PORT = {"name": "http", "port": 80, "targetPort": "http", "protocol": "TCP", "nodePort": 30080}
NAMESPACES = [{"metadata": {"name": n, "labels": {}}} for n in ("default", "shop", "kube-system")]
CLIENT, FRIEND = pod("client", "10.244.0.50"), pod("friend", "10.244.0.51")
POLICY = {
    "metadata": meta("only-friends"),
    "spec": {
        "podSelector": {"matchLabels": {"app": "guarded"}},
        "ingress": [{"from": [{"podSelector": {"matchLabels": {"app": "friend"}}}]}],
    },
}
FACTS = Facts(
    services=[
        service("web", "10.96.0.5", PORT, type="NodePort"),
        service("two", "10.96.0.6", {"name": "a", "port": 1}, {"name": "b", "port": 2}),
        service("slow", "10.96.0.7", {"port": 80}),
        service("lost", "10.96.0.8", {"port": 80}, selector={"app": "wbe"}),
        service("wrong", "10.96.0.9", {"port": 80, "targetPort": 9999}, selector={"app": "web"}),
        service("unnamed", "10.96.0.11", {"port": 80, "targetPort": "grpc"}, selector={"app": "web"}),
        service("manual", "10.96.0.12", {"port": 80}, selector=None),
        service("misnamed", "10.96.0.17", PORT, selector=None),
        service("six", "10.96.0.18", {"port": 80}, selector=None),
        service("outer", "", type="ExternalName", externalName="db.example.com"),
        service("db", "None", {"port": 5432}),
        service("guarded", "10.96.0.13", {"port": 80}),
        service("shoponly", "10.96.0.14", {"port": 80}, namespace="shop"),
        service("quiet", "10.96.0.15", {"port": 80}, selector={"app": "quiet"}),
        service("absent", "10.96.0.16", {"port": 80}, selector={"app": "pending"}),
    ],
    slices=[
        slice_of("web", 8080, ["10.244.0.2", "10.244.0.3"], ("10.244.0.4",), "http"),
        slice_of("slow", 8080, [], ("10.244.0.9",)),
        slice_of("wrong", 9999, ["10.244.0.2"]),
        slice_of("db", 5432, ["10.244.0.20"]),
        slice_of("guarded", 8080, ["10.244.0.30"]),
        slice_of("quiet", 8080, ["10.244.0.40", "10.244.0.41"]),
        slice_of("misnamed", 8080, ["10.244.0.2"], named="web"),
        {**slice_of("six", 8080, ["2001:db8::1"]), "addressType": "IPv6"},
    ],
    pods=[
        CLIENT,
        FRIEND,
        pod("web-1", "10.244.0.2"),
        pod("web-2", "10.244.0.3"),
        pod("web-3", "10.244.0.4", ready=False),
        pod("slow-1", "10.244.0.9", ready=False, readinessProbe={"httpGet": {"port": 8080}}),
        pod("db-0", "10.244.0.20", port=5432),
        pod("guarded-1", "10.244.0.30"),
        pod("quiet-1", "10.244.0.40"),
        pod("quiet-2", "10.244.0.41"),
        {
            "metadata": meta("pending-1", app="pending"),
            "spec": {"containers": []},
            "status": {"phase": "Pending", "containerStatuses": [{"state": {"waiting": {"reason": "ImagePullBackOff"}}}]},
        },
    ],
    ingresses=[
        ingress("shop", "shop.example", ("/cart", "Prefix", "web", 80), ("/cart/exact", "Exact", "db", 5432)),
        ingress("broken", "broken.example", ("/", "Prefix", "nothing", 80), ("/two", "Prefix", "web", 81)),
        ingress("wild", "*.wild.example", ("/", "Prefix", "web", 80)),
        ingress("classless", "classless.example", ("/", "Prefix", "web", 80), ingressClassName="nobody"),
    ],
    policies=[POLICY],
    namespaces=NAMESPACES,
    nodes=[{"metadata": {"name": "node-1"}, "status": {"addresses": [{"type": "InternalIP", "address": "172.18.0.2"}]}}],
    listens=lambda p, port: not p["metadata"]["name"].startswith("quiet-1") and port in (8080, 5432),
)  # fmt: skip


def way(words: str, source: Obj | None = None, facts: Facts = FACTS) -> Trace:
    return trace(parse(words), facts, "default", source)


ARRIVES = [
    ("web", "default/web-1"),
    ("web:80", "default/web-1"),
    ("web:http", "default/web-1"),
    ("svc/web", "default/web-1"),
    ("web.default", "default/web-1"),
    ("web.default.svc", "default/web-1"),
    ("web.default.svc.cluster.local:80", "default/web-1"),
    ("http://web/", "default/web-1"),
    ("10.96.0.5:80", "default/web-1"),
    ("http://10.244.0.3:8080/", "default/web-2"),
    ("127.0.0.1:30080", "default/web-1"),
    ("http://localhost:30080/x", "default/web-1"),
    ("172.18.0.2:30080", "default/web-1"),
    ("db", "default/db-0"),
    ("10-244-0-20.db.default.svc.cluster.local:5432", "default/db-0"),
    ("http://shop.example/cart", "default/web-1"),
    ("http://shop.example/cart/more", "default/web-1"),
    ("http://shop.example/cart/exact", "default/db-0"),
    ("https://a.wild.example/", "default/web-1"),
    ("shop.example/cart", "default/web-1"),
    ("quiet", "default/quiet-2"),
    ("guarded", "default/guarded-1"),
]


@pytest.mark.parametrize(("words", "chosen"), ARRIVES, ids=[a[0] for a in ARRIVES])
def test_arrives(words: str, chosen: str) -> None:
    found = way(words)
    assert (found.reason, found.message) == ("", "")
    assert [h.name for h in found.root.walk() if h.chosen] == [chosen]


ENDS = [
    ("nothing", "ServiceNotFound", "there is no Service 'nothing' in namespace 'default'"),
    ("shoponly", "ServiceNotFound", "there is one in shop: call it shoponly.shop"),
    ("svc/web.nowhere", "ServiceNotFound", "there is no namespace 'nowhere'"),
    ("web:81", "PortNotInService", "does not have port 81; its ports: 80/TCP (http)"),
    ("two", "PortNotInService", "one port alone: say which; its ports: 1/TCP (a), 2/TCP (b)"),
    ("https://web/", "PortNotInService", "does not have port 443"),
    ("slow", "NoReadyEndpoints", "none of its 1 pods is ready"),
    ("lost", "SelectorMatchesNothing", "the selector app=wbe of Service default/lost matches no pod; there are pods with"),
    ("wrong", "WrongTargetPort", "nothing listens on port 9999 of pod default/web-1: its containers name port 8080"),
    ("unnamed", "WrongTargetPort", "has a port called 'grpc'; they have http"),
    ("manual", "NoEndpoints", "has no selector, and nobody has made an EndpointSlice"),
    ("misnamed", "NoEndpoints", "its EndpointSlices have no port called 'http'; they have 'web'"),
    ("six", "NoEndpoints", "addresses of type IPv6: only those of IPv4 lead anywhere here"),
    ("absent", "NoReadyEndpoints", "pending-1 waits: ImagePullBackOff"),
    ("10.96.0.99:80", "AddressNotFound", "no Service and no pod has the address 10.96.0.99"),
    ("127.0.0.1:31111", "PortNotInService", "no Service has node port 31111"),
    ("10.244.0.2:1", "WrongTargetPort", "nothing listens on port 1"),
    ("10-244-0-9.slow.default.svc", "NoReadyEndpoints", "fails the readiness probe of main"),
    ("nobody.db.default.svc", "EndpointNotFound", "has no endpoint called 'nobody'"),
    ("http://shop.example/", "NoIngressPath", "no Ingress for shop.example has a path for /"),
    ("http://shop.example/cartography", "NoIngressPath", "a path for /cartography"),
    ("http://else.example/", "NoIngressHost", "there are rules for *.wild.example, broken.example"),
    ("http://broken.example/", "ServiceNotFound", "Ingress default/broken leads to Service default/nothing"),
    ("http://broken.example/two", "PortNotInService", "Service default/web does not have port 81"),
    ("http://classless.example/", "NoIngressController", "its IngressClass 'nobody' does not exist"),
]  # fmt: skip


@pytest.mark.parametrize(("words", "reason", "message"), ENDS, ids=[e[0] for e in ENDS])
def test_ends(words: str, reason: str, message: str) -> None:
    found = way(words)
    assert found.reason == reason
    assert message in found.message
    assert not found.reachable


def test_policies_count_for_a_pod_that_asks() -> None:
    assert way("guarded", FRIEND).reachable
    denied = way("guarded", CLIENT)
    assert denied.reason == "PolicyDenies"
    assert denied.message.startswith(
        "NetworkPolicy default/only-friends (Ingress) does not let pod default/client connect to 10.244.0.30:8080"
    )
    assert any("limits who may connect" in h.note for h in way("guarded").root.walk())


@pytest.mark.parametrize("words", ["outer", "example.com", "http://192.0.2.1/"])
def test_what_leads_outside(words: str) -> None:
    found = way(words)
    assert found.reachable
    assert [h.kind for h in found.root.walk()][-1] == "Outside"


def test_a_default_backend_takes_what_no_rule_wants() -> None:
    assert way("http://anything.example/x", facts=with_ingresses(ingress("all", "", default="web"))).reachable


def with_ingresses(*ingresses: Obj) -> Facts:
    return replace(FACTS, ingresses=list(ingresses))


def noted(given: Obj, port: int = 80, secure: int = 443, **notes: str) -> Obj:
    """With annotations of ingress-nginx's (`_` for `-`), and served at ports."""
    annotations = {f"nginx.ingress.kubernetes.io/{k.replace('_', '-')}": v for k, v in notes.items()}
    odd = [{"port": port, "protocol": "TCP"}, {"port": secure, "protocol": "TCP"}] if port != 80 else []
    status = {"loadBalancer": {"ingress": [{"ip": "127.0.0.1", **({"ports": odd} if odd else {})}]}}
    return {**given, "metadata": {**given["metadata"], "annotations": annotations}, "status": status}


WEB = ("/", "Prefix", "web", 80)
PATTERN = ("/shop(/|$)(.*)", "ImplementationSpecific", "web", 80)
TLS = [{"hosts": ["shop.example"], "secretName": "pair"}]


@pytest.mark.parametrize(
    ("ingresses", "words", "expected"),
    [
        ([ingress("i", "shop.example", WEB)], "http://shop.example/", "(it has no address yet"),
        ([noted(ingress("i", "shop.example", WEB))], "http://shop.example/", "(at http://127.0.0.1)"),
        ([noted(ingress("i", "shop.example", WEB), 8080)], "http://shop.example/", "(at http://127.0.0.1:8080)"),
        ([noted(ingress("i", "shop.example", WEB), 8080)], "http://shop.example:8080/", "(at http://127.0.0.1:8080)"),
        ([noted(ingress("i", "", WEB), 8080)], "http://127.0.0.1:8080/", "Prefix / of all hosts"),
        (
            [noted(ingress("i", "shop.example", PATTERN), rewrite_target="/$2")],
            "http://shop.example/shop/cart/1",
            "ImplementationSpecific /shop(/|$)(.*) of shop.example, asked of the pod as /cart/1",
        ),
        ([noted(ingress("i", "shop.example", WEB), server_alias="b.example")], "http://b.example/", "of b.example"),
        (
            [noted(ingress("i", "shop.example", WEB, tls=TLS), 8080, 8443)],
            "http://shop.example/",
            "(at http://127.0.0.1:8080; plain HTTP is sent to https first)",
        ),
        (
            [noted(ingress("i", "shop.example", WEB, tls=TLS), 8080, 8443)],
            "https://shop.example/",
            "(at https://127.0.0.1:8443)",
        ),
        (
            [
                noted(ingress("i", "shop.example", WEB)),
                noted(ingress("c", "shop.example", ("/", "Prefix", "db", 80)), canary="true", canary_weight="20"),
            ],
            "http://shop.example/",
            "Ingress default/i  Prefix / of shop.example  "
            "(at http://127.0.0.1; canary default/c takes 20 of 100 requests)",
        ),
        (
            [
                noted(ingress("c", "shop.example", WEB), canary="true", canary_by_header="X-New"),
                noted(ingress("i", "shop.example", WEB)),
            ],
            "http://shop.example/",
            "canary default/c takes those with header X-New: always",
        ),
        (
            [ingress("theirs", "shop.example", WEB, ingressClassName="nobody"), ingress("i", "shop.example", WEB)],
            "http://shop.example/",
            "Ingress default/i",
        ),
    ],
)
def test_what_an_ingress_does(ingresses: list[Obj], words: str, expected: str) -> None:
    found = way(words, facts=with_ingresses(*ingresses))
    assert (found.reason, found.message) == ("", "")
    assert expected in "\n".join(draw(found, ASCII))


GATEWAY = {"metadata": meta("gw"), "spec": {"listeners": [{"name": "http", "port": 80, "protocol": "HTTP"}]}}


def route(
    *refs: tuple[str, int, int],
    conditions: Mapping[str, tuple[str, str]] = MappingProxyType({}),
    namespace: str = "",
    **rule: object,
) -> Obj:
    """refs: Service, port, weight. conditions: those that do not hold, with reason and message."""
    told = [
        {"type": kind, "status": str(kind not in conditions), "reason": reason, "message": message}
        for kind in ("Accepted", "ResolvedRefs")
        for reason, message in [conditions.get(kind, (kind, ""))]
    ]
    there = {"namespace": namespace} if namespace else {}
    backends = [{"name": n, "port": p, "weight": w, **there} for n, p, w in refs]
    parent = {"parentRef": {"name": "gw"}, "controllerName": CONTROLLER, "conditions": told}
    path = {"path": {"type": "PathPrefix", "value": "/cart"}}
    return {
        "metadata": meta("cart"),
        "spec": {"hostnames": ["gw.example"], "rules": [{"matches": [path], "backendRefs": backends, **rule}]},
        "status": {"parents": [parent]},
    }


@pytest.mark.parametrize(
    ("one", "reason", "expected"),
    [
        (route(("web", 80, 1)), "", "HTTPRoute default/cart  PathPrefix /cart of gw.example, by Gateway default/gw"),
        (route(("web", 80, 1)), "", "reaches pod default/web-1"),
        (route(("web", 80, 9), ("db", 5432, 1)), "", "(by weight: web 9, db 1)"),
        (route(("web", 80, 0), ("db", 5432, 1)), "", "reaches pod default/db-0"),
        (route(filters=[{"type": "RequestRedirect"}]), "", "(answered with a redirect)"),
        (route(), "NoBackend", "leads to no Service"),
        (route(("nothing", 80, 1)), "ServiceNotFound", "leads to Service default/nothing, which does not exist"),
        (route(("slow", 80, 1)), "NoReadyEndpoints", "none of its 1 pods is ready"),
        (
            route(("web", 80, 1), conditions={"Accepted": ("NotAllowedByListeners", "not from there")}),
            "NotAllowedByListeners",
            "HTTPRoute default/cart is not accepted by default/gw: not from there",
        ),
        (
            route(("shoponly", 80, 1), conditions={"ResolvedRefs": ("RefNotPermitted", "no grant")}, namespace="shop"),
            "RefNotPermitted",
            "no grant",
        ),
    ],
)
def test_routes_of_gateways(one: Obj, reason: str, expected: str) -> None:
    found = way("http://gw.example/cart", facts=replace(FACTS, gateways=[GATEWAY], routes=[one]))
    assert found.reason == reason
    assert expected in "\n".join(draw(found, ASCII))


def test_a_rule_without_a_host_is_for_all_hosts() -> None:
    served = {"status": {"loadBalancer": {"ingress": [{"ip": "127.0.0.1"}]}}}
    everywhere = {**ingress("all", "", ("/a", "Prefix", "web", 80)), **served}
    found = way("http://127.0.0.1/", facts=replace(FACTS, ingresses=[everywhere]))
    assert (found.reason, found.message) == ("NoIngressPath", "no Ingress for 127.0.0.1 has a path for /")


def test_what_no_route_wants_goes_to_the_ingresses() -> None:
    facts = replace(FACTS, gateways=[GATEWAY], routes=[route(("db", 5432, 1))])
    assert way("http://shop.example/cart", facts=facts).reachable
    assert way("http://gw.example/other", facts=facts).reason == "NoIngressHost"


def test_a_port_where_no_ingress_is() -> None:
    facts = with_ingresses(noted(ingress("i", "shop.example", WEB), 8080))
    found = way("http://shop.example:9999/", facts=facts)
    assert (found.reason, found.message) == (
        "PortNotServed",
        "Ingresses are served at port 8080 (http), not at 9999",
    )


def test_policies_do_not_hold_the_ingress_back() -> None:
    facts = with_ingresses(noted(ingress("i", "shop.example", ("/", "Prefix", "guarded", 80))))
    found = way("http://shop.example/", CLIENT, facts)
    assert found.reachable
    assert "default/only-friends does not hold the ingress back" in "\n".join(draw(found, ASCII))


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("web", Wanted("web")),
        ("web:http", Wanted("web", "http")),
        ("service/web:80", Wanted("web", "80", is_service=True)),
        ("https://Shop.Example/a?b=c", Wanted("shop.example", "", "https", "/a")),
        ("wss://x.example:444", Wanted("x.example", "444", "https", "/")),
    ],
)
def test_words(text: str, wanted: Wanted) -> None:
    assert parse(text) == wanted


@pytest.mark.parametrize("text", ["", ":80", "pod/web", "ftp://x", "http://", "http://x:99999/", "web:a b"])
def test_words_that_say_nothing(text: str) -> None:
    with pytest.raises(UsageError):
        parse(text)


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("web", ("", "web", "default")),
        ("web.shop", ("", "web", "shop")),
        ("web.shop.svc", ("", "web", "shop")),
        ("a.web.shop.svc.cluster.local", ("a", "web", "shop")),
        ("www.example.com", ("", "", "")),
        ("svc", ("", "svc", "default")),
        ("web.svc", ("", "web", "svc")),
        ("web.svc.cluster.local", ("", "", "")),
    ],
)
def test_names_inside(host: str, expected: tuple[str, str, str]) -> None:
    assert service_name(host, "default") == expected


def test_the_picture() -> None:
    lines = list(draw(way("web"), ASCII))
    assert lines[0] == "anybody"
    assert lines[1].startswith("`- Name web  web.default.svc.cluster.local is 10.96.0.5")
    assert lines[3] == "      |- Pod default/web-1  10.244.0.2:8080 on node-1  ok"
    assert lines[-1] == "ok web reaches pod default/web-1 at 10.244.0.2:8080 on node-1"


def test_as_data() -> None:
    data = as_json(way("wrong"))
    assert (data["kind"], data["reachable"], data["reason"]) == ("Trace", False, "WrongTargetPort")
    assert data["hops"][0]["hops"][0]["hops"][0]["kind"] == "Service"


def test_the_command(tmp_path: Path) -> None:
    cluster = TestCluster(tmp_path / "state")
    spec = {"selector": {"app": "web"}, "ports": [{"port": 80}]}
    cluster.client.create("services", {"metadata": {"name": "web"}, "spec": spec}, "default")
    result = cluster.cli("trace", "web")
    assert result.code == 1
    assert "✗ SelectorMatchesNothing: the selector app=web of Service default/web matches no pod" in result.out
    assert json.loads(cluster.cli("trace", "web", "-o", "json").out)["reason"] == "SelectorMatchesNothing"
    assert cluster.cli("trace").code == 1
    assert 'pods "none" not found' in cluster.cli("trace", "web", "--from", "none").err
    assert "allowed formats are: json" in cluster.cli("trace", "web", "-o", "yaml").err
    cluster.close()
