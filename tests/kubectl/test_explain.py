"""explain: built-in kinds and custom ones, in both formats."""

from __future__ import annotations

from pathlib import Path

import pytest

from minikctl.kubectl.explaining.plaintext import NotExplained, Resource, render
from minikctl.kubectl.explaining.wrapping import fill, indent, wrap
from tests.support import reference
from tests.support.cluster import TestCluster
from tests.support.custom import definition, version
from tests.support.http import serving

SPEC = {
    "size": {"type": "integer", "description": "How big it is. " * 8},
    "mode": {"type": "string", "enum": ["a", "b", "c", "d", "", "f"]},
    "parts": {
        "type": "array",
        "items": {"type": "object", "required": ["name"], "properties": {"name": {"type": "string"}}},
    },
    "labels": {"type": "object", "additionalProperties": {"type": "string"}},
    "free": {"type": "object", "x-kubernetes-preserve-unknown-fields": True},
    "either": {"x-kubernetes-int-or-string": True},
    "docs": {"type": "string"},
}


@pytest.fixture
def toys(cluster: TestCluster) -> TestCluster:
    cluster.client.create("customresourcedefinitions", definition(version(spec=SPEC), names={"shortNames": ["gg"]}))
    return cluster


def test_a_custom_resource(toys: TestCluster) -> None:
    done = toys.cli("explain", "gg.spec")
    head, _, fields = done.out.partition("FIELDS:\n")
    assert head == (
        "GROUP:      tests.example.com\nKIND:       Gadget\nVERSION:    v1\n\n"
        "FIELD: spec <Object>\n\n\nDESCRIPTION:\n    <empty>\nFIELDS:\n"
    ).removesuffix("FIELDS:\n")
    for line in (
        "  size\t<integer>\n    How big it is. How big it is. How big it is. How big it is. How big it is.\n",
        "  mode\t<string>\n  enum: a, b, c, d, ....\n    <no description>\n\n",
        "  parts\t<[]Object>\n",
        "  labels\t<map[string]string>\n",
        "  free\t<Object>\n",
    ):
        assert line in fields
    assert toys.cli("explain", "gadgets.tests.example.com.spec").out == done.out
    long = toys.cli("explain", "gadget.spec.mode").out
    assert (
        'FIELD: mode <string>\nENUM:\n    a\n    b\n    c\n    d\n    ""\n    f\n\nDESCRIPTION:\n    <empty>\n\n'
        in long
    )


def test_recursive(toys: TestCluster) -> None:
    out = toys.cli("explain", "gg", "--recursive").out
    assert "  spec\t<Object>\n    docs\t<string>\n    either\t<Object>\n    free\t<Object>\n" in out
    assert "    parts\t<[]Object>\n      name\t<string> -required-\n" in out


def test_the_older_format(toys: TestCluster) -> None:
    out = toys.cli("explain", "gg.spec", "-o", "plaintext-openapiv2").out
    assert out.startswith(
        "KIND:     Gadget\nVERSION:  tests.example.com/v1\n\nRESOURCE: spec <Object>\n\nDESCRIPTION:\n"
    )
    assert "   labels\t<map[string]string>\n\n" in out and "   parts\t<[]Object>\n\n" in out
    assert "     How big it is. How big it is. How big it is. How big it is. How big it is.\n     How" in out
    field = toys.cli("explain", "gg.spec.size", "-o", "plaintext-openapiv2").out
    assert "FIELD:    size <integer>\n\nDESCRIPTION:\n     How big" in field
    tree = toys.cli("explain", "gg", "--recursive", "-o", "plaintext-openapiv2").out
    assert "   spec\t<Object>\n      docs\t<string>\n" in tree


@pytest.mark.parametrize(
    ("argv", "out", "err"),
    [
        ((), "", "error: You must specify the type of resource to explain. "),
        (("a", "b"), "", "error: We accept only this format: explain RESOURCE\n"),
        (("wombat",), "", 'the server doesn\'t have a resource type "wombat"\n'),
        (("pod.spec.nosuch",), "KIND:       Pod\nVERSION:    v1\n\n", 'error: field "nosuch" does not exist\n'),
        (("pods[0]",), "", "error: invalid jsonpath syntax, first node must be field node\n"),
        (("pods", "-o", "json"), "", "error: unrecognized format: json\n"),
        (("pods", "--api-version=a/b/c"), "", "error: unexpected GroupVersion string: a/b/c\n"),
        (("pods", "--api-version=v9"), "", 'error: couldn\'t find resource for "/v9, Resource=pods"\n'),
        (("pod.spec.nosuch", "-o", "plaintext-openapiv2"), "", 'error: field "nosuch" does not exist\n'),
        (
            ("pods", "--api-version=v9", "-o", "plaintext-openapiv2"),
            "",
            'error: couldn\'t find resource for "/v9, Kind=Pod"\n',
        ),
    ],
)
def test_what_cannot_be_explained(cluster: TestCluster, argv: tuple[str, ...], out: str, err: str) -> None:
    done = cluster.cli("explain", *argv)
    assert (done.code, done.out) == (1, out) and done.err.startswith(err)


def test_versions(cluster: TestCluster) -> None:
    assert "VERSION:    v2\n" in cluster.cli("explain", "hpa").out
    assert "VERSION:    v1\n" in cluster.cli("explain", "hpa", "--api-version=autoscaling/v1").out


def test_a_document_without_the_resource() -> None:
    with pytest.raises(NotExplained, match=r"GVR \(apps/v1, Resource=x\) not found in OpenAPI schema"):
        render({"paths": {}}, Resource("apps", "v1", "x"), [], recursive=False)


@pytest.mark.parametrize(
    ("text", "limit", "expected"),
    [
        ("one two three", 7, "one two\nthree"),
        ("a\n b  c\n\nd", 20, "a\n b  c\n\nd"),
        ("x " + "y" * 12 + " z", 8, "x\n" + "y" * 12 + "\nz"),
        ("end \n", 10, "end \n"),
        ("", 5, ""),
    ],
)
def test_wrap(text: str, limit: int, expected: str) -> None:
    assert wrap(text, limit) == expected


def test_indent_and_fill() -> None:
    assert indent("a\n\nb", 2) == "  a\n  \n  b"
    text = "First line\ngoes on.\n\n    code  here\nList:\n- one\n- two and\nmore"
    assert fill(text, 12) == ["First line", "goes on.", "", "    code  here", "List:", "- one", "- two and", "more"]


ASKED = [
    "pods", "pod.spec.volumes --recursive", "deploy.spec.strategy", "deployments.apps.spec", "hpa --api-version=autoscaling/v1",
    "gg", "gg.spec", "gg.spec.mode", "gg --recursive", "gg.spec.parts.name", "gadgets.tests.example.com.spec.labels",
    "crd.spec.versions.schema", "pod.spec.nosuch", "wombat", "pods..spec", "pods.", "node.status.conditions",
    "gg -o plaintext-openapiv2", "gg.spec.parts --recursive -o plaintext-openapiv2", "deploy.spec -o plaintext-openapiv2",
    "pod.spec.containers.image -o plaintext-openapiv2", "hpa -o plaintext-openapiv2 --recursive",
]  # fmt: skip


def test_the_same_as_kubectl_itself(tmp_path: Path) -> None:
    cluster = TestCluster(tmp_path / "state", live=True)
    cluster.client.create("customresourcedefinitions", definition(version(spec=SPEC), names={"shortNames": ["gg"]}))
    wrong = []
    with serving(cluster) as url:
        for asked in ASKED:
            theirs = reference.run("kubectl", "--server", url, "explain", *asked.split(), home=tmp_path)
            ours = cluster.cli("explain", *asked.split())
            if theirs != ours:
                wrong.append((asked, theirs, ours))
    cluster.close()
    assert wrong == []
