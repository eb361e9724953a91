"""Which Ingress, which path, which Service."""

from __future__ import annotations

from typing import Any

import pytest

from tests.ingress.objects import World, backend, endpoints, ingress, meta, path, secret, service

EXACT, ANY = "Exact", "ImplementationSpecific"


def cls(name: str, controller: str) -> dict[str, Any]:
    return {"metadata": meta(name), "spec": {"controller": controller}}


OURS, OTHERS = cls("nginx", "k8s.io/ingress-nginx"), cls("traefik", "traefik.io/ingress-controller")


@pytest.mark.parametrize(
    ("entries", "url", "expected"),
    [
        ([path("/", "a")], "x.com", "a /"),
        ([path("/", "a")], "x.com/deep/er?q=1&r=2", "a /deep/er?q=1&r=2"),
        ([path("/foo", "a")], "x.com/foo", "a /foo"),
        ([path("/foo", "a")], "x.com/foo/", "a /foo/"),
        ([path("/foo/", "a")], "x.com/foo", "a /foo"),
        ([path("/foo", "a")], "x.com/foo/bar", "a /foo/bar"),
        ([path("/foo", "a")], "x.com/foobar", "404"),
        ([path("/aaa/bb", "a")], "x.com/aaa/bbb", "404"),
        ([path("/foo", "a")], "x.com/FOO", "404"),
        ([path("/foo", "a", kind=EXACT)], "x.com/foo", "a /foo"),
        ([path("/foo", "a", kind=EXACT)], "x.com/foo/", "404"),
        ([path("/foo/", "a", kind=EXACT)], "x.com/foo", "404"),
        ([path("/foo", "a", kind=EXACT)], "x.com/foo/bar", "404"),
        ([path("/foo", "a", kind=ANY)], "x.com/foobar", "a /foobar"),
        ([path("", "a", kind=ANY)], "x.com/anything", "a /anything"),
        ([path("/", "a"), path("/foo", "b"), path("/foo/bar", "c")], "x.com/foo/bar/baz", "c /foo/bar/baz"),
        ([path("/", "a"), path("/foo", "b"), path("/foo/bar", "c")], "x.com/foo/x", "b /foo/x"),
        ([path("/", "a"), path("/foo", "b"), path("/foo/bar", "c")], "x.com/x", "a /x"),
        ([path("/foo", "a"), path("/foo", "b", kind=EXACT)], "x.com/foo", "b /foo"),
        ([path("/foo", "a"), path("/foo", "b", kind=EXACT)], "x.com/foo/", "a /foo/"),
        ([path("/foo", "a"), path("/foo", "b", kind=EXACT)], "x.com/foo?a=1", "b /foo?a=1"),
        ([path("/a b", "a")], "x.com/a%20b", "a /a%20b"),
        ([path("/foo", "a")], "x.com//foo//bar", "a //foo//bar"),
        ([path("/foo", "a")], "x.com/bar/../foo", "a /bar/../foo"),
        ([path("/foo", "a")], "x.com/foo/../bar", "404"),
        ([path("/web", "a", "http")], "x.com/web", "503"),
    ],
)
def test_paths(entries: list[dict[str, Any]], url: str, expected: str) -> None:
    assert World(ingress("i", *entries)).to(url) == expected


@pytest.mark.parametrize(
    ("hosts", "url", "expected"),
    [
        (["x.com"], "x.com/", "a /"),
        (["x.com"], "y.com/", "404"),
        (["x.com"], "sub.x.com/", "404"),
        (["*.x.com"], "sub.x.com/", "a /"),
        (["*.x.com"], "x.com/", "404"),
        (["*.x.com"], "a.b.x.com/", "404"),
        (["*.x.com", "www.x.com"], "www.x.com/", "b /"),
        (["*.x.com", "www.x.com"], "api.x.com/", "a /"),
        (["", "x.com"], "x.com/", "b /"),
        (["", "x.com"], "other/", "a /"),
        (["", "*.x.com"], "one.x.com/", "b /"),
        (["", "*.x.com"], "127.0.0.1/", "a /"),
    ],
)
def test_hosts(hosts: list[str], url: str, expected: str) -> None:
    """The first host has Service a, the second b."""
    world = World(*(ingress(f"i{n}", path("/", "ab"[n]), host=h) for n, h in enumerate(hosts)))
    assert world.to(url) == expected


def test_a_host_whose_paths_do_not_fit_is_not_served_by_the_rules_for_any_host() -> None:
    world = World(ingress("any", path("/", "a")), ingress("own", path("/foo", "b"), host="x.com"))
    assert world.to("x.com/bar") == "404"


@pytest.mark.parametrize(
    ("notes", "class_name", "classes", "served", "problem"),
    [
        ({}, None, [], True, ""),
        ({}, "nginx", [OURS], True, ""),
        ({}, "own", [cls("own", "minikctl.io/ingress")], True, ""),
        ({}, "traefik", [OURS, OTHERS], False, ""),
        ({}, "nobody", [OURS], False, 'IngressClass "nobody" does not exist'),
        ({"kubernetes.io/ingress.class": "nginx"}, None, [], True, ""),
        ({"kubernetes.io/ingress.class": "traefik"}, None, [OTHERS], False, ""),
        ({"kubernetes.io/ingress.class": "gce"}, None, [], False, ""),
        ({"kubernetes.io/ingress.class": "own"}, None, [cls("own", "k8s.io/ingress-nginx")], True, ""),
        ({"kubernetes.io/ingress.class": "nginx"}, "traefik", [OURS, OTHERS], False, ""),
    ],
)
def test_classes(notes: dict[str, str], class_name: str | None, classes: list[Any], served: bool, problem: str) -> None:
    world = World(ingress("i", path("/", "a"), notes=notes, cls=class_name), classes=classes)
    assert world.to("x.com/") == ("a /" if served else "404")
    assert problem in world.problems("i")
    assert bool(problem) == bool(world.problems("i"))


@pytest.mark.parametrize(
    ("objects", "url", "expected"),
    [
        ([ingress("d", default="a")], "any/where", "a /where"),
        ([ingress("d", path("/x", "b"), host="x.com", default="a")], "x.com/y", "a /y"),
        ([ingress("d", path("/x", "b"), host="x.com", default="a")], "y.com/", "a /"),
        ([ingress("d", path("/x", "b"), default="a"), ingress("e", default="c", age=5)], "y.com/", "a /"),
        ([ingress("d", path("/x", "b"), host="x.com", default="a"), ingress("e", default="c")], "y.com/", "c /"),
        ([ingress("d", path("/x", "b"), host="x.com"), ingress("e", default="c")], "x.com/", "c /"),
        ([ingress("old", path("/", "a")), ingress("new", path("/", "b"), age=1)], "x/", "a /"),
        ([ingress("new", path("/", "b"), age=1), ingress("old", path("/", "a"))], "x/", "a /"),
        ([ingress("one", path("/", "a")), ingress("two", path("/foo", "b"), age=1)], "x/foo", "b /foo"),
        ([ingress("one", path("/foo", "a")), ingress("two", path("/foo", "b", kind=EXACT), age=1)], "x/foo", "b /foo"),
    ],
)
def test_defaults_and_several_ingresses(objects: list[Any], url: str, expected: str) -> None:
    assert World(*objects).to(url) == expected


def test_a_path_that_belongs_to_an_older_ingress_is_told_of() -> None:
    world = World(ingress("old", path("/", "a")), ingress("new", path("/", "b"), age=1))
    assert world.problems("new") == "Conflict: host * and path / belong to Ingress default/old already"
    assert world.problems("old") == ""


@pytest.mark.parametrize(
    ("given", "expected", "problem"),
    [
        ({}, "503", 'service "default/web" does not exist'),
        ({"services": [service("web")]}, "503", ""),
        ({"services": [service("web", {"port": 8000})]}, "503", 'service "default/web" has no port 80'),
        ({"services": [service("web", {"port": 80, "protocol": "UDP"})]}, "503", "is not TCP"),
        ({"services": [service("web")], "slices": [endpoints("web", "10.1.1.1", port=99)]}, "10.1.1.1:99", ""),
        (
            {"services": [service("web")], "slices": [endpoints("web", "10.1.1.1", ready=False)]},
            "503",
            "",
        ),
        (
            {
                "services": [service("web")],
                "slices": [endpoints("web", "10.1.1.1", ready=False, serving=True, terminating=True)],
            },
            "10.1.1.1:8080",
            "",
        ),
        (
            {
                "services": [service("web", {"port": 80, "name": "http"}, {"port": 81, "name": "other"})],
                "slices": [endpoints("web", "10.1.1.1", port_name="http", port=1)],
            },
            "10.1.1.1:1",
            "",
        ),
        (
            {"services": [service("web", type="ExternalName", externalName="example.org")]},
            "example.org:80",
            "",
        ),
        (
            {"services": [service("web", type="ExternalName", externalName="a.default.svc.cluster.local")]},
            "10.0.0.1:8080",
            "",
        ),
        ({"services": [service("web", type="ExternalName", externalName="web.default.svc")]}, "503", ""),
        (
            {
                "services": [service("web")],
                "slices": [{**endpoints("web", "2001:db8::1"), "addressType": "IPv6"}],
            },
            "503",
            "",
        ),
    ],
)
def test_backends(given: dict[str, Any], expected: str, problem: str) -> None:
    world = World(ingress("i", path("/", "web")), **given)
    done = world.ask("x/")
    endpoint = getattr(done, "backend", None) and done.backend.endpoints[0]
    assert (f"{endpoint[0]}:{endpoint[1]}" if endpoint else str(done.status)) == expected
    assert problem in world.problems("i")


def test_ports_by_name() -> None:
    given = {
        "services": [service("web", {"port": 80, "name": "http"}, {"port": 443, "name": "tls"})],
        "slices": [endpoints("web", "10.1.1.1", port_name="tls", port=8443)],
    }
    world = World(ingress("i", path("/", "web", "tls")), **given)
    assert world.ask("x/").backend.endpoints == (("10.1.1.1", 8443),)


def test_a_resource_as_a_backend_is_told_of() -> None:
    entry = {"path": "/", "pathType": "Prefix", "backend": {"resource": {"kind": "Bucket", "name": "b"}}}
    world = World(ingress("i", entry))
    assert world.to("x/") == "503"
    assert "a resource as a backend is not supported" in world.problems("i")


@pytest.mark.parametrize(
    ("pair", "problem"),
    [
        ({"tls_crt": "c", "tls_key": "k"}, ""),
        ({"tls_crt": "c"}, 'secret "default/pair" has no tls.key; the default certificate is used'),
        ({}, 'secret "default/pair" has no tls.crt'),
        (None, 'secret "default/pair" does not exist'),
    ],
)
def test_tls(pair: dict[str, str] | None, problem: str) -> None:
    tls = [{"hosts": ["x.com"], "secretName": "pair"}]
    secrets = [] if pair is None else [secret("pair", **pair)]
    world = World(ingress("i", path("/", "a"), host="x.com", tls=tls), secrets=secrets)
    assert ("x.com" in world.compiled.table.certificates) == (not problem)
    assert problem in world.problems("i")
    assert world.to("x.com/p?q=1") == "308 https://x.com/p?q=1"
    assert world.to("x.com/p", secure=True) == "a /p"
    assert world.to("x.com/p", ports={443: 8443}) == "308 https://x.com:8443/p"


def test_tls_without_hosts_is_for_all_hosts_of_the_rules() -> None:
    world = World(
        ingress("i", path("/", "a"), host="x.com", tls=[{"secretName": "pair"}]),
        secrets=[secret("pair", tls_crt="c", tls_key="k")],
    )
    assert set(world.compiled.table.certificates) == {"x.com"}


@pytest.mark.parametrize("broken", [{"spec": {}}, {"spec": {"rules": [{}]}}, {"spec": {"rules": [{"http": {}}]}}, {}])
def test_ingresses_without_content_do_no_harm(broken: dict[str, Any]) -> None:
    empty = {"metadata": meta("empty"), **broken}
    assert World(empty, ingress("i", path("/", "a"), age=1)).to("x/") == "a /"


def test_default_backend_of_a_rule_without_paths() -> None:
    one = ingress("i", default="a")
    one["spec"]["rules"] = [{"host": "x.com"}]
    assert World(one, ingress("any", path("/", "b"), age=1)).to("x.com/z") == "a /z"
    assert backend("a")["service"]["name"] == "a"
