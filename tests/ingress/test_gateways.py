"""The Gateway API: which route, what is done to requests, and what the status says."""

from __future__ import annotations

from typing import Any

import pytest

from minikctl.api.gateway_rules import CONTROLLER, intersection
from minikctl.ingress.gateways import GatewayObjects
from minikctl.ingress.model import Answer, Forward
from tests.ingress.objects import World, endpoints, ingress, meta, path, secret, service

Obj = dict[str, Any]
CLASS = {"metadata": {"name": "minikctl", "generation": 1}, "spec": {"controllerName": CONTROLLER}}
REDIRECT, REWRITE = "RequestRedirect", "URLRewrite"


def listener(name: str = "http", port: int = 80, protocol: str = "HTTP", **more: Any) -> Obj:
    return {"name": name, "port": port, "protocol": protocol, **more}


def gateway(*listeners: Obj, name: str = "gw", namespace: str = "default", cls: str = "minikctl") -> Obj:
    spec = {"gatewayClassName": cls, "listeners": list(listeners) or [listener()]}
    return {"metadata": meta(name, namespace), "spec": spec}


def rule(*refs: str | Obj, matches: list[Obj] | None = None, filters: list[Obj] | None = None, **more: Any) -> Obj:
    """`refs`: Services, with a weight as in `a*3`."""
    found = []
    for ref in refs:
        if isinstance(ref, str):
            title, _, weight = ref.partition("*")
            ref = {"name": title, "port": 80, **({"weight": int(weight)} if weight else {})}
        found.append(ref)
    return {"backendRefs": found, **({"matches": matches} if matches else {}), "filters": filters or [], **more}


def route(*rules: Obj, name: str = "r", hosts: list[str] | None = None, age: int = 0, **parent: Any) -> Obj:
    namespace = parent.pop("in_namespace", "default")
    spec: Obj = {"parentRefs": [{"name": "gw", **parent}], "rules": list(rules)}
    return {"metadata": meta(name, namespace, age), "spec": {**spec, **({"hostnames": hosts} if hosts else {})}}


def world(*routes: Obj, gateways: list[Obj] | None = None, **given: Any) -> World:
    there = GatewayObjects(
        [CLASS], [gateway()] if gateways is None else gateways, list(routes), given.pop("grants", []),
        [{"metadata": {"name": "default"}}, {"metadata": {"name": "team", "labels": {"shared": "yes"}}}],
    )  # fmt: skip
    return World(*given.pop("ingresses", []), gateway=there, **given)


def prefix(value: str, **more: Any) -> Obj:
    return {"path": {"type": "PathPrefix", "value": value}, **more}


def exact(value: str) -> Obj:
    return {"path": {"type": "Exact", "value": value}}


@pytest.mark.parametrize(
    ("matches", "url", "facts", "expected"),
    [
        ([], "x/anything", {}, "a /anything"),
        ([prefix("/foo")], "x/foo/bar", {}, "a /foo/bar"),
        ([prefix("/foo")], "x/foobar", {}, "404"),
        ([exact("/foo")], "x/foo", {}, "a /foo"),
        ([exact("/foo")], "x/foo/", {}, "404"),
        ([{"path": {"type": "RegularExpression", "value": "/v[0-9]+/.*"}}], "x/v12/x", {}, "a /v12/x"),
        ([{"path": {"type": "RegularExpression", "value": "/v[0-9]+"}}], "x/v12/x", {}, "404"),
        ([{"method": "POST"}], "x/", {"method": "POST"}, "a /"),
        ([{"method": "POST"}], "x/", {}, "404"),
        ([{"headers": [{"name": "X-V", "value": "2"}]}], "x/", {"headers": {"x-v": "2"}}, "a /"),
        ([{"headers": [{"name": "X-V", "value": "2"}]}], "x/", {"headers": {"x-v": "22"}}, "404"),
        ([{"headers": [{"name": "X-V", "value": "2"}]}], "x/", {}, "404"),
        ([{"headers": [{"type": "RegularExpression", "name": "v", "value": "^[23]$"}]}], "x/", {"headers": {"v": "3"}}, "a /"),
        ([{"queryParams": [{"name": "q", "value": "1"}]}], "x/?q=1&r=2", {}, "a /?q=1&r=2"),
        ([{"queryParams": [{"name": "q", "value": "1"}]}], "x/?q=2&q=1", {}, "404"),
        ([{"queryParams": [{"name": "q", "value": "a b"}]}], "x/?q=a+b", {}, "a /?q=a+b"),
        ([prefix("/one"), prefix("/two")], "x/two", {}, "a /two"),
        ([prefix("/one", method="GET", headers=[{"name": "a", "value": "b"}])], "x/one", {"headers": {"a": "b"}}, "a /one"),
        ([prefix("/one", method="GET", headers=[{"name": "a", "value": "b"}])], "x/one", {}, "404"),
    ],
)  # fmt: skip
def test_matches(matches: list[Obj], url: str, facts: Obj, expected: str) -> None:
    assert world(route(rule("a", matches=matches))).to(url, **facts) == expected


@pytest.mark.parametrize(
    ("first", "second", "facts"),
    [
        ([prefix("/")], [prefix("/foo")], {}),
        ([prefix("/foo")], [exact("/foo")], {}),
        ([prefix("/foo")], [prefix("/foo", method="GET")], {}),
        ([prefix("/foo")], [prefix("/foo", headers=[{"name": "h", "value": "v"}])], {"headers": {"h": "v"}}),
        ([prefix("/foo")], [prefix("/foo", queryParams=[{"name": "q", "value": "1"}])], {}),
        ([{"path": {"type": "RegularExpression", "value": "/fo+"}}], [exact("/foo")], {}),
    ],
)
def test_the_more_specific_match_counts(first: list[Obj], second: list[Obj], facts: Obj) -> None:
    for rules in (
        [rule("a", matches=first), rule("b", matches=second)],
        [rule("b", matches=second), rule("a", matches=first)],
    ):
        assert world(route(*rules)).to("x/foo?q=1", **facts) == "b /foo?q=1"


def test_between_equals_the_older_route_counts() -> None:
    assert world(route(rule("a"), name="new", age=2), route(rule("b"), name="old", age=1)).to("x/") == "b /"
    assert world(route(rule("a"), rule("b"))).to("x/") == "a /"


@pytest.mark.parametrize(
    ("listener_host", "hosts", "expected"),
    [
        ("", [], [""]),
        ("", ["a.com"], ["a.com"]),
        ("a.com", [], ["a.com"]),
        ("a.com", ["a.com", "b.com"], ["a.com"]),
        ("*.a.com", ["x.a.com", "a.com", "y.x.a.com"], ["x.a.com", "y.x.a.com"]),
        ("x.a.com", ["*.a.com"], ["x.a.com"]),
        ("*.a.com", ["*.a.com"], ["*.a.com"]),
        ("*.x.a.com", ["*.a.com"], ["*.x.a.com"]),
        ("a.com", ["b.com"], []),
    ],
)
def test_hostnames_in_common(listener_host: str, hosts: list[str], expected: list[str]) -> None:
    assert intersection(listener_host, hosts) == expected


def test_hosts() -> None:
    there = world(
        route(rule("a"), name="exact", hosts=["one.x.com"]),
        route(rule("b"), name="wild", hosts=["*.x.com"]),
        route(rule("c"), name="any"),
    )
    asked = ("one.x.com/", "two.x.com/", "deep.two.x.com/", "x.com/", "y.com/")
    assert [there.to(url)[0] for url in asked] == ["a", "b", "b", "c", "c"]


@pytest.mark.parametrize(
    ("filters", "url", "expected"),
    [
        ([{"type": REDIRECT, "requestRedirect": {"scheme": "https"}}], "x/p?q=1", "302 https://x/p?q=1"),
        ([{"type": REDIRECT, "requestRedirect": {"scheme": "https", "statusCode": 301}}], "x/p", "301 https://x/p"),
        ([{"type": REDIRECT, "requestRedirect": {"hostname": "y", "port": 8080}}], "x/p", "302 http://y:8080/p"),
        (
            [{"type": REDIRECT, "requestRedirect": {"path": {"type": "ReplaceFullPath", "replaceFullPath": "/n"}}}],
            "x/p",
            "302 http://x/n",
        ),
        (
            [{"type": REDIRECT, "requestRedirect": {"path": {"type": "ReplacePrefixMatch", "replacePrefixMatch": "/n"}}}],
            "x/foo/bar",
            "302 http://x/n/bar",
        ),
        ([{"type": REWRITE, "urlRewrite": {"path": {"type": "ReplaceFullPath", "replaceFullPath": "/n"}}}], "x/foo/b?q=1", "a /n?q=1"),
        ([{"type": REWRITE, "urlRewrite": {"path": {"type": "ReplacePrefixMatch", "replacePrefixMatch": "/n/"}}}], "x/foo/b", "a /n/b"),
        ([{"type": REWRITE, "urlRewrite": {"path": {"type": "ReplacePrefixMatch", "replacePrefixMatch": "/"}}}], "x/foo", "a /"),
        ([{"type": REWRITE, "urlRewrite": {"path": {"type": "ReplacePrefixMatch", "replacePrefixMatch": "/"}}}], "x/foo/", "a /"),
        ([{"type": REWRITE, "urlRewrite": {"path": {"type": "ReplacePrefixMatch", "replacePrefixMatch": "/x"}}}], "x/foo", "a /x"),
    ],
)  # fmt: skip
def test_filters_on_paths(filters: list[Obj], url: str, expected: str) -> None:
    matches = [prefix("/foo")] if "/foo" in url else []
    assert world(route(rule("a", matches=matches, filters=filters))).to(url) == expected


def test_filters_on_headers_and_mirrors() -> None:
    filters = [
        {
            "type": "RequestHeaderModifier",
            "requestHeaderModifier": {"set": [{"name": "A", "value": "1"}], "remove": ["B"]},
        },
        {"type": "ResponseHeaderModifier", "responseHeaderModifier": {"add": [{"name": "C", "value": "2"}]}},
        {"type": "RequestMirror", "requestMirror": {"backendRef": {"name": "b", "port": 80}}},
        {"type": REWRITE, "urlRewrite": {"hostname": "inner"}},
    ]
    own = [{"type": "RequestHeaderModifier", "requestHeaderModifier": {"add": [{"name": "D", "value": "3"}]}}]
    done = world(route(rule({"name": "a", "port": 80, "filters": own}, filters=filters))).ask("x/")
    assert isinstance(done, Forward)
    assert (done.request.set, done.request.add, done.request.remove) == ((("A", "1"),), (("D", "3"),), ("B",))
    assert (done.response.add, done.host, [b.name for b in done.mirrors]) == ((("C", "2"),), "inner", ["default/b:80"])


def test_weights() -> None:
    there = world(route(rule("a*3", "b*1", "c*0")))
    asked = [there.to("x/", seed=n)[0] for n in range(1000)]
    assert 680 < asked.count("a") < 820 and asked.count("c") == 0
    assert world(route(rule("a*0", "b*0"))).to("x/") == "500"
    assert world(route(rule())).to("x/") == "500"


def test_timeouts() -> None:
    done = world(route(rule("a", timeouts={"request": "10s", "backendRequest": "1m500ms"}))).ask("x/")
    assert isinstance(done, Forward)
    assert (done.request_timeout, done.read_timeout) == (10.0, 60.5)


# ---------------------------------------------------------------------- references and attachment


def conditions(status: Obj) -> dict[str, tuple[str, str]]:
    return {c["type"]: (c["status"], c["reason"]) for c in status["conditions"]}


def route_status(there: World, key: str = "default/r") -> dict[str, tuple[str, str]]:
    parents = there.compiled.statuses["httproutes", key]["parents"]
    assert len(parents) == 1 and parents[0]["controllerName"] == CONTROLLER
    return conditions(parents[0])


GOOD = {"Accepted": ("True", "Accepted"), "ResolvedRefs": ("True", "ResolvedRefs")}


@pytest.mark.parametrize(
    ("one", "accepted", "resolved", "answer"),
    [
        (route(rule("a")), "Accepted", "ResolvedRefs", "a /"),
        (route(rule("a"), sectionName="http"), "Accepted", "ResolvedRefs", "a /"),
        (route(rule("a"), sectionName="other"), "NoMatchingParent", "ResolvedRefs", "404"),
        (route(rule("a"), port=81), "NoMatchingParent", "ResolvedRefs", "404"),
        (route(rule("gone")), "Accepted", "BackendNotFound", "500"),
        (route(rule({"name": "a"})), "Accepted", "UnsupportedValue", "500"),
        (route(rule({"name": "a", "port": 80, "kind": "Bucket", "group": "x"})), "Accepted", "InvalidKind", "500"),
        (route(rule({"name": "a", "port": 80, "namespace": "team"})), "Accepted", "RefNotPermitted", "500"),
        (route(rule("a", filters=[{"type": "ExtensionRef"}])), "UnsupportedValue", "ResolvedRefs", "404"),
        (route(rule("a", matches=[{"path": {"type": "RegularExpression", "value": "("}}])), "UnsupportedValue", "ResolvedRefs", "404"),
        (route(rule("a"), in_namespace="team", namespace="default"), "NotAllowedByListeners", "BackendNotFound", "404"),
    ],
)  # fmt: skip
def test_routes_that_do_not_fit(one: Obj, accepted: str, resolved: str, answer: str) -> None:
    there = world(one)
    key = f"{one['metadata']['namespace']}/r"
    assert route_status(there, key) == {
        "Accepted": ("True" if accepted == "Accepted" else "False", accepted),
        "ResolvedRefs": ("True" if resolved == "ResolvedRefs" else "False", resolved),
    }
    assert there.to("x/") == answer


def grant(**to: str) -> Obj:
    giver = {"group": "gateway.networking.k8s.io", "kind": "HTTPRoute", "namespace": "default"}
    return {"metadata": meta("g", "team"), "spec": {"from": [giver], "to": [{"group": "", "kind": "Service", **to}]}}


@pytest.mark.parametrize(
    ("grants", "expected"), [([grant()], 200), ([grant(name="web")], 200), ([grant(name="x")], 500), ([], 500)]
)
def test_reference_grants(grants: list[Obj], expected: int) -> None:
    slices = {
        **endpoints("web", "10.9.9.9"),
        "metadata": meta("web-x", "team", labels={"kubernetes.io/service-name": "web"}),
    }
    one = route(rule({"name": "web", "namespace": "team", "port": 80}))
    there = world(one, grants=grants, services=[service("web", namespace="team")], slices=[slices])
    done = there.ask("x/")
    assert (done.status if isinstance(done, Answer) else 200) == expected


@pytest.mark.parametrize(
    ("allowed", "attached"),
    [
        ({}, 0),
        ({"namespaces": {"from": "Same"}}, 0),
        ({"namespaces": {"from": "All"}}, 1),
        ({"namespaces": {"from": "Selector", "selector": {"matchLabels": {"shared": "yes"}}}}, 1),
        ({"namespaces": {"from": "Selector", "selector": {"matchLabels": {"shared": "no"}}}}, 0),
        ({"namespaces": {"from": "All"}, "kinds": [{"kind": "HTTPRoute"}]}, 1),
        ({"namespaces": {"from": "All"}, "kinds": [{"kind": "TCPRoute"}]}, 0),
    ],
)
def test_routes_of_other_namespaces(allowed: Obj, attached: int) -> None:
    there = world(
        route(rule(), in_namespace="team", namespace="default"), gateways=[gateway(listener(allowedRoutes=allowed))]
    )
    assert there.compiled.statuses["gateways", "default/gw"]["listeners"][0]["attachedRoutes"] == attached


PAIR = secret("pair", tls_crt="c", tls_key="k")
TLS = {"certificateRefs": [{"name": "pair"}]}


@pytest.mark.parametrize(
    ("one", "expected"),
    [
        (listener(), {"Accepted": "Accepted", "Programmed": "Programmed", "ResolvedRefs": "ResolvedRefs"}),
        (listener(protocol="TCP"), {"Accepted": "UnsupportedProtocol", "Programmed": "Invalid"}),
        (listener(port=99), {"Accepted": "PortUnavailable", "Programmed": "Invalid"}),
        (listener(port=443, protocol="HTTPS", tls=TLS), {"Accepted": "Accepted", "ResolvedRefs": "ResolvedRefs"}),
        (listener(port=443, protocol="HTTPS"), {"ResolvedRefs": "InvalidCertificateRef", "Programmed": "Invalid"}),
        (
            listener(port=443, protocol="HTTPS", tls={"certificateRefs": [{"name": "gone"}]}),
            {"ResolvedRefs": "InvalidCertificateRef", "Programmed": "Invalid"},
        ),
        (
            listener(port=443, protocol="HTTPS", tls={"certificateRefs": [{"name": "pair", "namespace": "team"}]}),
            {"ResolvedRefs": "RefNotPermitted", "Programmed": "Invalid"},
        ),
        (listener(port=443, protocol="HTTPS", tls={**TLS, "mode": "Passthrough"}), {"Accepted": "UnsupportedProtocol"}),
        (listener(allowedRoutes={"kinds": [{"kind": "TCPRoute"}]}), {"ResolvedRefs": "InvalidRouteKinds"}),
    ],
)
def test_listeners(one: Obj, expected: dict[str, str]) -> None:
    there = world(gateways=[gateway(one)], secrets=[PAIR], unavailable=lambda port, _s: "taken" if port == 99 else "")
    found = conditions(there.compiled.statuses["gateways", "default/gw"]["listeners"][0])
    assert {k: found[k][1] for k in expected} == expected


def test_the_status_of_a_gateway() -> None:
    status = world(route(rule("a"))).compiled.statuses["gateways", "default/gw"]
    assert status["addresses"] == [{"type": "IPAddress", "value": "127.0.0.1"}]
    assert conditions(status) == {"Accepted": ("True", "Accepted"), "Programmed": ("True", "Programmed")}
    partly = world(gateways=[gateway(listener(), listener("t", 81, "TCP"))]).compiled.statuses["gateways", "default/gw"]
    assert conditions(partly)["Accepted"] == ("True", "ListenersNotValid")
    none = world(gateways=[gateway(listener("t", 81, "TCP"))]).compiled.statuses["gateways", "default/gw"]
    assert conditions(none) == {"Accepted": ("False", "ListenersNotValid"), "Programmed": ("False", "Invalid")}


def test_listeners_that_cannot_be_told_apart() -> None:
    there = world(gateways=[gateway(listener("one"), listener("two"), listener("three", hostname="x.com"))])
    listeners = there.compiled.statuses["gateways", "default/gw"]["listeners"]
    assert [conditions(i)["Conflicted"] for i in listeners] == [
        ("False", "NoConflicts"),
        ("True", "HostnameConflict"),
        ("False", "NoConflicts"),
    ]


def test_classes_of_others_are_left_alone() -> None:
    there = world(route(rule("a")), gateways=[gateway(cls="istio")])
    assert there.to("x/") == "404"
    assert set(there.compiled.statuses) == {("gatewayclasses", "minikctl")}


def test_gateways_come_before_ingresses_on_the_port_that_they_share() -> None:
    one = ingress("i", path("/", "b"))
    there = world(route(rule("a", matches=[prefix("/gw")])), ingresses=[one])
    assert (there.to("x/gw"), there.to("x/other")) == ("a /gw", "b /other")


def test_listeners_on_other_ports_and_https() -> None:
    there = world(
        route(rule("a"), name="plain", sectionName="alt"),
        route(rule("b"), name="secure", sectionName="tls"),
        gateways=[gateway(listener("alt", 8081), listener("tls", 443, "HTTPS", tls=TLS, hostname="x.com"))],
        secrets=[PAIR],
    )
    assert (there.to("x/"), there.to("x/", port=8081)) == ("404", "a /")
    assert there.to("x.com/", port=443, secure=True) == "b /"
    assert there.to("y.com/", port=443, secure=True) == "404"
    assert set(there.compiled.table.certificates) == {"x.com"}
