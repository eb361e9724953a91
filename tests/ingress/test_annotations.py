"""What the annotations of ingress-nginx do."""

from __future__ import annotations

from typing import Any

import pytest

from minikctl.ingress.model import Answer, Forward
from tests.ingress.objects import World, ingress, path, secret

PLAIN = "ImplementationSpecific"


@pytest.mark.parametrize(
    ("entry", "target", "url", "expected"),
    [
        (path("/reservation", "a"), "/", "x/reservation", "a /"),
        (path("/reservation", "a"), "/", "x/reservation/list?day=1", "a /?day=1"),
        (path("/reservation", "a"), "/", "x/reservations", "404"),
        (path("/something(/|$)(.*)", "a", kind=PLAIN), "/$2", "x/something", "a /"),
        (path("/something(/|$)(.*)", "a", kind=PLAIN), "/$2", "x/something/", "a /"),
        (path("/something(/|$)(.*)", "a", kind=PLAIN), "/$2", "x/something/new?a=b", "a /new?a=b"),
        (path("/something(/|$)(.*)", "a", kind=PLAIN), "/$2", "x/somethingelse", "404"),
        (path("/something(/|$)(.*)", "a", kind="Prefix"), "/$2", "x/something/new", "a /new"),
        (path("/v(\\d+)/(.*)", "a", kind=PLAIN), "/api/$2/version/$1", "x/v3/users", "a /api/users/version/3"),
        (path("/a/(.*)", "a", kind=PLAIN), "/b/$1", "x/a/x%20y", "a /b/x%20y"),
        (path("/a/(.*)", "a", kind=PLAIN), "/b/$1", "x/A/upper", "a /b/upper"),
        (path("/a/(.*)", "a", kind=PLAIN), "/b/$7", "x/a/z", "a /b/"),
        (path("/a", "a"), "/b?fixed=1", "x/a?q=2", "a /b?fixed=1&q=2"),
        (path("/a", "a"), "/b?", "x/a?q=2", "a /b"),
        (path("/a", "a"), "https://other/$host", "x/a", "302 https://other/x"),
        (path("/a", "a", kind="Exact"), "/b", "x/a", "a /b"),
    ],
)
def test_rewrite(entry: dict[str, Any], target: str, url: str, expected: str) -> None:
    assert World(ingress("i", entry, notes={"rewrite-target": target})).to(url) == expected


@pytest.mark.parametrize(
    ("paths", "url", "expected"),
    [
        ([path("/users/\\d+$", "a", kind=PLAIN)], "x/users/42", "a /users/42"),
        ([path("/users/\\d+$", "a", kind=PLAIN)], "x/users/me", "404"),
        ([path("/users/.*", "a", kind=PLAIN)], "x/USERS/me", "a /USERS/me"),
        ([path("/users/[a-z]+", "a", kind=PLAIN), path("/users/[a-z]+/posts", "b", kind=PLAIN)], "x/users/me/posts", "b /users/me/posts"),
        ([path("/img.*", "a", kind=PLAIN), path("/img", "b", kind="Exact")], "x/img", "b /img"),
    ],
)  # fmt: skip
def test_use_regex(paths: list[dict[str, Any]], url: str, expected: str) -> None:
    assert World(ingress("i", *paths, notes={"use-regex": "true"})).to(url) == expected


def test_a_pattern_that_is_none_serves_nothing_and_is_told_of() -> None:
    world = World(ingress("i", path("/a(", "a", kind=PLAIN), path("/b", "b"), notes={"use-regex": "true"}))
    assert world.to("x/a(") == "404"
    assert world.to("x/b") == "b /b"
    assert "path '/a(' is not a regular expression" in world.problems("i")


@pytest.mark.parametrize(
    ("notes", "facts", "expected"),
    [
        ({"force-ssl-redirect": "true"}, {}, "308 https://x/p"),
        ({"force-ssl-redirect": "true"}, {"secure": True}, "a /p"),
        ({"ssl-redirect": "true"}, {}, "a /p"),
        ({"permanent-redirect": "https://new.example.com"}, {}, "301 https://new.example.com"),
        ({"permanent-redirect": "https://new$request_uri"}, {}, "301 https://new/p"),
        ({"permanent-redirect": "https://new", "permanent-redirect-code": "308"}, {}, "308 https://new"),
        ({"temporal-redirect": "https://new"}, {}, "302 https://new"),
        ({"app-root": "/app"}, {}, "a /p"),
        ({"proxy-body-size": "1k"}, {"length": 1024}, "a /p"),
        ({"proxy-body-size": "1k"}, {"length": 1025}, "413"),
        ({"proxy-body-size": "0"}, {"length": 1 << 40}, "a /p"),
        ({}, {"length": 1 << 20}, "a /p"),
        ({}, {"length": (1 << 20) + 1}, "413"),
        ({"proxy-body-size": "8M"}, {"length": 8 << 20}, "a /p"),
        ({"whitelist-source-range": "10.0.0.0/8"}, {"client": "10.1.2.3"}, "a /p"),
        ({"whitelist-source-range": "10.0.0.0/8, 127.0.0.1"}, {}, "a /p"),
        ({"whitelist-source-range": "10.0.0.0/8"}, {}, "403"),
        ({"denylist-source-range": "127.0.0.0/8"}, {}, "403"),
        ({"whitelist-source-range": "everybody"}, {}, "503"),
        ({"auth-type": "digest"}, {}, "503"),
        ({"auth-url": "https://auth"}, {}, "503"),
        ({"enable-cors": "true"}, {"method": "OPTIONS", "headers": {"origin": "https://o"}}, "204"),
    ],
)
def test_answers(notes: dict[str, str], facts: dict[str, Any], expected: str) -> None:
    assert World(ingress("i", path("/", "a"), notes=notes)).to("x/p", **facts) == expected


def test_app_root() -> None:
    world = World(ingress("i", path("/", "a"), notes={"app-root": "/app"}))
    assert world.to("x", headers={"host": "x:8080"}) == "302 http://x:8080/app"


@pytest.mark.parametrize(
    ("notes", "tls_redirect"), [({}, True), ({"ssl-redirect": "false"}, False), ({"ssl-redirect": "nonsense"}, True)]
)
def test_ssl_redirect_where_there_is_tls(notes: dict[str, str], tls_redirect: bool) -> None:
    world = World(ingress("i", path("/", "a"), host="x", notes=notes, tls=[{"hosts": ["x"]}]))
    assert world.to("x/") == ("308 https://x/" if tls_redirect else "a /")


@pytest.mark.parametrize(
    ("name", "value", "problem"),
    [
        ("proxy-body-size", "huge", "must be a size such as 8m"),
        ("ssl-redirect", "yes", "must be true or false"),
        ("proxy-read-timeout", "-1", "must be a number of seconds"),
        ("proxy-connect-timeout", "soon", "must be a number of seconds"),
        ("affinity", "ip", "must be cookie"),
        ("session-cookie-name", "a b;", "must be the name of a header or cookie"),
        ("session-cookie-max-age", "long", "must be a whole number"),
        ("canary-weight", "many", "must be a whole number"),
        ("canary-by-header-pattern", "(", "is not a regular expression"),
        ("whitelist-source-range", "10.0.0.0/99", "does not appear to be an IPv4 or IPv6 network"),
        ("permanent-redirect", "new place", "must be a URL"),
        ("permanent-redirect-code", "200", "must be from 300 to 308"),
        ("app-root", "app", "must begin with /"),
        ("backend-protocol", "GRPC", "only HTTP is spoken to pods"),
        ("rewrite-target", "/a\nb", "one line"),
        ("configuration-snippet", "return 200;", "is refused: there is no nginx here"),
        ("server-snippet", "return 200;", "is refused"),
        ("no-such-thing", "x", "is not supported here and has no effect"),
        ("auth-url", "https://a", "is not supported"),
    ],
)
def test_problems_are_told_and_nothing_falls_over(name: str, value: str, problem: str) -> None:
    world = World(ingress("i", path("/", "a"), notes={name: value}))
    assert problem in world.problems("i")
    assert world.problems("i").startswith("InvalidAnnotation: annotation nginx.ingress.kubernetes.io/")
    assert world.to("x/") in ("a /", "503")


def test_annotations_of_others_and_harmless_ones_are_no_problem() -> None:
    notes = {"example.com/a": "b", "proxy-buffering": "on", "kubernetes.io/ingress.class": "nginx"}
    assert World(ingress("i", path("/", "a"), notes=notes)).problems("i") == ""


def canary(**notes: str) -> World:
    given = {"canary": "true", **{f"canary-{k.replace('_', '-')}": v for k, v in notes.items()}}
    return World(
        ingress("main", path("/", "a"), host="x"), ingress("next", path("/", "b"), host="x", notes=given, age=1)
    )


@pytest.mark.parametrize(
    ("notes", "headers", "expected"),
    [
        ({"weight": "0"}, {}, "a"),
        ({"weight": "100"}, {}, "b"),
        ({"weight": "1000", "weight_total": "1000"}, {}, "b"),
        ({"by_header": "X-Canary"}, {"X-Canary": "always"}, "b"),
        ({"by_header": "X-Canary"}, {"X-Canary": "never"}, "a"),
        ({"by_header": "X-Canary"}, {"X-Canary": "maybe"}, "a"),
        ({"by_header": "X-Canary"}, {}, "a"),
        ({"by_header": "X-Canary", "weight": "100"}, {"X-Canary": "never"}, "a"),
        ({"by_header": "X-Canary", "weight": "100"}, {"X-Canary": "other"}, "b"),
        ({"by_header": "X-Region", "by_header_value": "eu"}, {"X-Region": "eu"}, "b"),
        ({"by_header": "X-Region", "by_header_value": "eu"}, {"X-Region": "us"}, "a"),
        ({"by_header": "X-Region", "by_header_value": "eu"}, {"X-Region": "always"}, "a"),
        ({"by_header": "X-Region", "by_header_pattern": "^(eu|us)$"}, {"X-Region": "us"}, "b"),
        ({"by_header": "X-Region", "by_header_pattern": "^(eu|us)$"}, {"X-Region": "asia"}, "a"),
        ({"by_cookie": "try"}, {"Cookie": "a=b; try=always"}, "b"),
        ({"by_cookie": "try"}, {"Cookie": "try=never"}, "a"),
        ({"by_cookie": "try", "weight": "100"}, {"Cookie": "try=never"}, "a"),
        ({"by_cookie": "try"}, {"Cookie": "trying=always"}, "a"),
        ({"by_header": "X-C", "by_cookie": "try"}, {"X-C": "never", "Cookie": "try=always"}, "a"),
    ],
)
def test_canary(notes: dict[str, str], headers: dict[str, str], expected: str) -> None:
    assert canary(**notes).to("x/", headers=headers).split()[0] == expected


def test_canary_weight_is_a_share() -> None:
    world = canary(weight="30")
    asked = [world.to("x/", seed=n).split()[0] for n in range(1000)]
    assert 230 < asked.count("b") < 370


def test_a_canary_of_nothing_is_told_of() -> None:
    world = World(ingress("next", path("/", "b"), host="x", notes={"canary": "true", "canary-weight": "50"}))
    assert world.to("x/") == "404"
    assert world.problems("next").startswith("NoCanaryTarget: a canary needs another Ingress")


def forward(world: World, **facts: Any) -> Forward:
    done = world.ask("x/shop/1", **facts)
    assert isinstance(done, Forward)
    return done


def test_affinity() -> None:
    notes = {
        "affinity": "cookie",
        "session-cookie-name": "MY_SESSION",
        "session-cookie-expires": "172800",
        "session-cookie-max-age": "3600",
    }
    world = World(ingress("i", path("/shop", "a"), notes=notes))
    first = forward(world)
    assert first.sticky is not None
    assert (first.sticky.name, first.sticky.path, first.sticky.expires, first.sticky.max_age) == ("MY_SESSION", "/shop", 172800, 3600)  # fmt: skip
    assert first.wanted == ""
    assert forward(world, headers={"cookie": "x=1; MY_SESSION=abc"}).wanted == "abc"


@pytest.mark.parametrize(
    ("entry", "notes", "expected"),
    [
        (path("/shop", "a"), {}, "/shop"),
        (path("/shop", "a"), {"session-cookie-path": "/"}, "/"),
        (path("/shop(/|$)(.*)", "a", kind=PLAIN), {"use-regex": "true"}, "/"),
    ],
)
def test_the_path_of_the_cookie(entry: dict[str, Any], notes: dict[str, str], expected: str) -> None:
    sticky = forward(World(ingress("i", entry, notes={"affinity": "cookie", **notes}))).sticky
    assert sticky is not None and sticky.path == expected and sticky.name == "INGRESSCOOKIE"


def test_timeouts_and_vhost() -> None:
    notes = {"proxy-read-timeout": "120", "proxy-connect-timeout": "7", "upstream-vhost": "inner.local"}
    done = forward(World(ingress("i", path("/", "a"), notes=notes)))
    assert (done.read_timeout, done.connect_timeout, done.host) == (120.0, 7.0, "inner.local")


@pytest.mark.parametrize(
    ("notes", "origin", "allowed"),
    [
        ({}, "https://one.com", "*"),
        ({"cors-allow-origin": "https://one.com, https://two.com"}, "https://two.com", "https://two.com"),
        ({"cors-allow-origin": "https://one.com"}, "https://three.com", None),
        ({"cors-allow-origin": "https://*.one.com"}, "https://sub.one.com", "https://sub.one.com"),
    ],
)
def test_cors(notes: dict[str, str], origin: str, allowed: str | None) -> None:
    world = World(ingress("i", path("/", "a"), notes={"enable-cors": "true", **notes}))
    headers = dict(forward(world, headers={"origin": origin}).response.set)
    assert headers.get("Access-Control-Allow-Origin") == allowed


@pytest.mark.parametrize(
    ("header", "status"),
    [
        ("", 401),
        ("Basic Zm9vOmJhcg==", 200),  # foo:bar
        ("Basic Zm9vOmJheg==", 401),
        ("Basic nonsense", 401),
        ("Bearer Zm9vOmJhcg==", 401),
        ("Basic c2hhOmJhcg==", 200),  # sha:bar
    ],
)
def test_basic_auth(header: str, status: int) -> None:
    users = "foo:$apr1$yKlIxLNa$QJnKpBnL.ZuEM1oZbRZAn0\nsha:{SHA}Ys23Ag/5IOWqZCw9QGaVDdHwH00=\nbc:$2y$05$x\n"
    notes = {"auth-type": "basic", "auth-secret": "basic", "auth-realm": "Private"}
    world = World(ingress("i", path("/", "a"), notes=notes), secrets=[secret("basic", auth=users)])
    done = world.ask("x/", headers={"authorization": header} if header else {})
    if status == 200:
        assert isinstance(done, Forward)
    else:
        assert isinstance(done, Answer)
        assert (done.status, done.headers) == (401, (("WWW-Authenticate", 'Basic realm="Private"'),))
    assert "the password of bc is of a kind that is not known here" in world.problems("i")


def test_basic_auth_without_its_secret_lets_nobody_in() -> None:
    world = World(ingress("i", path("/", "a"), notes={"auth-type": "basic", "auth-secret": "gone"}))
    assert world.to("x/", headers={"authorization": "Basic Zm9vOmJhcg=="}) == "401"
    assert 'the secret "gone" of basic authentication does not exist' in world.problems("i")
