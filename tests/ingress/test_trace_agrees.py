"""What `trace` explains is what the ingress does: the same Ingress and Service for any URL."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from minikctl.kubectl.tracing.routing import class_problem, find
from tests.ingress.objects import World, ingress, path

HOSTS = ["", "x.com", "a.x.com", "*.x.com"]
PATHS = ["/", "/foo", "/foo/", "/foo/bar", "/fo", "/foo(/|$)(.*)", "/Foo"]
KINDS = ["Prefix", "Exact", "ImplementationSpecific"]
NOTES: list[dict[str, str]] = [{}, {"rewrite-target": "/$2"}, {"use-regex": "true"}]
rules = st.tuples(
    st.sampled_from(HOSTS),
    st.lists(st.tuples(st.sampled_from(PATHS), st.sampled_from(KINDS)), min_size=0, max_size=3),
    st.sampled_from(NOTES),
    st.booleans(),
)


def build(drawn: list[tuple[Any, ...]]) -> list[dict[str, Any]]:
    made = []
    for n, (host, paths, notes, default) in enumerate(drawn):
        entries = [path(p, "abc"[n], kind=k) for p, k in paths if k != "Exact" or "(" not in p]
        made.append(
            ingress(f"i{n}", *entries, host=host, notes=notes, default="d" if default or not entries else "", age=n)
        )
    return made


@given(
    st.lists(rules, min_size=1, max_size=3),
    st.sampled_from(["x.com", "a.x.com", "b.x.com", "c.b.x.com", "y.org"]),
    st.sampled_from(["/", "/foo", "/foo/", "/foo/bar", "/foobar", "/FOO/x", "/fo", "/other"]),
)
@settings(max_examples=300, deadline=None)
def test_they_agree(drawn: list[tuple[Any, ...]], host: str, word: str) -> None:
    objects = build(drawn)
    done = World(*objects).ask(f"{host}{word}")
    served = done.backend.name if hasattr(done, "backend") else ""
    found = find(objects, host, word)
    service = found.backend["service"]["name"] if found else ""
    assert served == (f"default/{service}:80" if service else "")


def test_whose_an_ingress_is() -> None:
    classes = [{"metadata": {"name": "traefik"}, "spec": {"controller": "traefik.io/ingress-controller"}}]
    assert class_problem(ingress("i", default="a"), classes) == ""
    assert "is served by traefik.io/ingress-controller" in class_problem(
        ingress("i", default="a", cls="traefik"), classes
    )
    assert class_problem(ingress("i", default="a", cls="gone"), classes) == "its IngressClass 'gone' does not exist"
