"""Links of proxied pages."""

from __future__ import annotations

import pytest

from minikctl.apiserver.http.streaming.links import Place, rewritten

PLACE = Place("/api/v1/namespaces/d/pods/web/proxy", "10.0.0.5:80", "cluster:6443")
P = PLACE.prefix


@pytest.mark.parametrize(
    ("link", "moved"),
    [
        ("/x", f"{P}/x"),
        ("/", f"{P}/"),
        ("/x/?a=b#c", f"{P}/x/?a=b#c"),
        ("http://10.0.0.5:80/x", f"{P}/x"),
        ("https://cluster:6443/x", f"https://cluster:6443{P}/x"),
        (f"{P}/x", f"{P}/x"),
        ("x", "x"),
        ("", ""),
        ("#top", "#top"),
        ("?a=b", "?a=b"),
        ("http://example.org/x", "http://example.org/x"),
        ("//example.org/x", "//example.org/x"),
        ("mailto:a@example.org", "mailto:a@example.org"),
        ("http://[bad/x", "http://[bad/x"),
    ],
)
def test_links(link, moved):
    assert PLACE.moved(link) == moved


@pytest.mark.parametrize(
    ("page", "shown"),
    [
        ('<a href="/x">/x</a>', f'<a href="{P}/x">/x</a>'),
        ("<a class=b href='/x'\n target=y>", f'<a class=b href="{P}/x"\n target=y>'),
        ("<A HREF=/x>", f'<A HREF="{P}/x">'),
        (
            "line\n<p><img alt='/no' src=\"/i?a=1&amp;b=2\"/></p>\n",
            f"line\n<p><img alt='/no' src=\"{P}/i?a=1&amp;b=2\"/></p>\n",
        ),
        ('<a href="/x"><form action="/y"></form>', f'<a href="{P}/x"><form action="{P}/y"></form>'),
        ('<a data-href="/x" href="y">', '<a data-href="/x" href="y">'),
        ("<script>a = '<a href=\"/x\">'</script>", "<script>a = '<a href=\"/x\">'</script>"),
        ('<!-- <a href="/x"> --><b', '<!-- <a href="/x"> --><b'),
        ("&amp; <> < a href=/x> é \udcff", "&amp; <> < a href=/x> é \udcff"),
        ("", ""),
    ],
)
def test_pages(page, shown):
    assert rewritten(page, PLACE.moved) == shown
