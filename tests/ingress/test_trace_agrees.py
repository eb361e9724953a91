"""What `trace` explains is what the ingress does: the same Ingress, Service and path for any URL."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from minikctl.ingress.model import Answer, Forward
from minikctl.kubectl.tracing import gateway_routes
from minikctl.kubectl.tracing.facts import Facts
from minikctl.kubectl.tracing.routing import class_problem, find, target, to_https
from minikctl.kubectl.tracing.words import Wanted
from tests.ingress.objects import World, ingress, path
from tests.ingress.test_gateways import exact, gateway, listener, prefix, route, rule, world

HOSTS = ["", "x.com", "a.x.com", "*.x.com"]
PATHS = ["/", "/foo", "/foo/", "/foo/bar", "/fo", "/foo(/|$)(.*)", "/Foo"]
KINDS = ["Prefix", "Exact", "ImplementationSpecific"]
NOTES: list[dict[str, str]] = [
    {},
    {"rewrite-target": "/$2"},
    {"rewrite-target": "/of/$host"},
    {"use-regex": "true"},
    {"canary": "true", "canary-weight": "0"},
    {"ssl-redirect": "false"},
    {"force-ssl-redirect": "1"},
    {"server-alias": "alias.org"},
]
rules = st.tuples(
    st.sampled_from(HOSTS),
    st.lists(st.tuples(st.sampled_from(PATHS), st.sampled_from(KINDS)), min_size=0, max_size=3),
    st.sampled_from(NOTES),
    st.booleans(),
    st.sampled_from([None, [{}], [{"hosts": ["x.com"]}]]),
)


def build(drawn: list[tuple[Any, ...]]) -> list[dict[str, Any]]:
    made = []
    for n, (host, paths, notes, default, tls) in enumerate(drawn):
        entries = [path(p, "abc"[n], kind=k) for p, k in paths if k != "Exact" or "(" not in p]
        made.append(
            ingress(
                f"i{n}", *entries, host=host, notes=notes, default="d" if default or not entries else "", tls=tls, age=n
            )
        )
    return made


@given(
    st.lists(rules, min_size=1, max_size=3),
    st.sampled_from(["x.com", "a.x.com", "b.x.com", "c.b.x.com", "y.org", "alias.org"]),
    st.sampled_from(["/", "/foo", "/foo/", "/foo/bar", "/foobar", "/FOO/x", "/fo", "/other"]),
)
@settings(max_examples=150, deadline=None)
def test_they_agree(drawn: list[tuple[Any, ...]], host: str, word: str) -> None:
    objects = build(drawn)
    found = find(objects, host, word)
    for scheme in ("http", "https"):
        done = World(*objects).ask(f"{host}{word}", secure=scheme == "https")
        if found is None:
            assert isinstance(done, Answer) and done.status == 404
        elif scheme == "http" and to_https(found, objects, host):
            assert isinstance(done, Answer) and done.status == 308
        else:
            assert isinstance(done, Forward)
            assert done.backend.name == f"default/{found.backend['service']['name']}:80"
            assert done.target == target(found, scheme, host, word)


def test_whose_an_ingress_is() -> None:
    classes = [{"metadata": {"name": "traefik"}, "spec": {"controller": "traefik.io/ingress-controller"}}]
    assert class_problem(ingress("i", default="a"), classes) == ""
    assert "is served by traefik.io/ingress-controller" in class_problem(
        ingress("i", default="a", cls="traefik"), classes
    )
    assert class_problem(ingress("i", default="a", cls="gone"), classes) == "its IngressClass 'gone' does not exist"


# ---------------------------------------------------------------------- the Gateway API

ROUTE_HOSTS = [None, ["x.com"], ["a.x.com"], ["*.x.com"], ["y.org", "x.com"]]
MATCHES = [prefix("/"), prefix("/foo"), exact("/foo"), {"path": {"type": "RegularExpression", "value": "/fo+"}}]
MATCHES += [prefix("/foo", method="GET"), prefix("/foo", method="PUT")]
MATCHES += [prefix("/", headers=[{"name": "never", "value": "sent"}])]
routes = st.tuples(
    st.sampled_from(ROUTE_HOSTS),
    st.lists(st.sampled_from(MATCHES), min_size=1, max_size=2),
    st.sampled_from(["", "one", "two"]),
)


@given(
    st.tuples(st.sampled_from(["", "x.com", "*.x.com"]), st.sampled_from(["a.x.com", "y.org"])),
    st.lists(routes, min_size=1, max_size=4),
    st.sampled_from(["x.com", "a.x.com", "b.x.com", "c.b.x.com", "y.org"]),
    st.sampled_from(["/", "/foo", "/foo/bar", "/fooo"]),
)
@settings(max_examples=100, deadline=None)
def test_they_agree_about_routes(names: tuple[str, str], drawn: list[Any], host: str, word: str) -> None:
    gw = gateway(*(listener(n, **({"hostname": h} if h else {})) for n, h in zip(("one", "two"), names, strict=True)))
    made = [
        route(rule("abcd"[n], matches=matches), name=f"r{n}", hosts=hosts, age=n, **({"sectionName": s} if s else {}))
        for n, (hosts, matches, s) in enumerate(drawn)
    ]
    there = world(*made, gateways=[gw])
    told = [{**r, "status": there.compiled.statuses["httproutes", f"default/{r['metadata']['name']}"]} for r in made]
    facts = Facts(gateways=[gw], routes=told)
    found = gateway_routes.find(facts, Wanted(host, "", "http", word))
    done = there.ask(f"{host}{word}")
    if isinstance(done, Forward):
        assert found is not None and found.accepted
        assert done.backend.name == f"default/{found.rule['backendRefs'][0]['name']}:80"
    else:
        assert found is None or not found.accepted
