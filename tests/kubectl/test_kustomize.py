"""Kustomizations against what kubectl itself makes of them (`tools/record_kustomize.py` records it)."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest

from minikctl.kubectl.kustomize import fields, replacements, transformers
from minikctl.kubectl.kustomize.reading import documents, plain
from minikctl.kubectl.kustomize.resource import Gvk
from tests.support.cluster import TestCluster

DATA = json.loads((Path(__file__).parent / "data" / "kustomize.json").read_text("utf-8"))


def write(folder: Path, files: dict[str, Any]) -> None:
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(content, dict):
            shared = DATA["shared"]
            data = base64.b64decode(content["base64"]) if "base64" in content else shared[content["shared"]].encode()
        else:
            data = content.encode()
        path.write_bytes(data)


@pytest.mark.parametrize("case", [pytest.param(c, id=c["name"]) for c in DATA["cases"]])
def test_as_made_by_kubectl(case: dict[str, Any], cluster: TestCluster, tmp_path: Path) -> None:
    folder = tmp_path.resolve() / "files"
    folder.mkdir()
    write(folder, case["files"])
    got = cluster.cli("kustomize", "k", cwd=folder)
    err = got.err.replace(str(folder), "{root}")
    assert (got.code, got.out, err) == (case["code"], case["out"], case["err"])


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "k").mkdir()
    (tmp_path / "k" / "kustomization.yaml").write_text(
        "namePrefix: my-\nconfigMapGenerator:\n- {name: settings, literals: [a=b]}\nresources: [pod.yaml]\n"
    )
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "web"}}
    spec = {"containers": [{"name": "app", "image": "nginx", "envFrom": [{"configMapRef": {"name": "settings"}}]}]}
    (tmp_path / "k" / "pod.yaml").write_text(json.dumps({**pod, "spec": spec}))
    return tmp_path


def test_applied_and_deleted(cluster: TestCluster, folder: Path) -> None:
    applied = cluster.cli("apply", "-k", "k", cwd=folder)
    names = [line.split()[0] for line in applied.out.splitlines()]
    assert names == ["configmap/my-settings-4h2mbtbbt6", "pod/my-web"], applied.err
    pod = cluster.client.get("pods", "my-web", "default")
    assert pod["spec"]["containers"][0]["envFrom"] == [{"configMapRef": {"name": names[0].partition("/")[2]}}]
    assert cluster.cli("get", "-k", "k", "-o", "name", cwd=folder).out.splitlines() == names
    assert cluster.cli("diff", "-k", "k", cwd=folder).code == 0
    assert cluster.cli("delete", "-k", "k", "--now", cwd=folder).code == 0
    assert cluster.cli("apply", "-k", "k", "-f", "k", cwd=folder).err.startswith("error: ")


def test_the_current_folder_and_a_file(cluster: TestCluster, folder: Path) -> None:
    here = cluster.cli("kustomize", cwd=folder / "k").out
    assert here == cluster.cli("kustomize", "k", cwd=folder).out == cluster.cli("kustomize", str(folder / "k")).out
    assert cluster.cli("kustomize", "k", "-o", "out.yaml", cwd=folder).out == ""
    assert (folder / "out.yaml").read_text() == here


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (["a", "b"], "specify one path to kustomization.yaml"),
        (["k", "--enable-helm"], "--enable-helm: minikctl runs neither plugins nor Helm for kustomizations"),
        (["https://github.com/a/b"], "remote folders of kustomizations cannot be fetched here: https://github.com/a/b"),
        (
            ["k", "--load-restrictor=x"],
            "illegal flag value --load-restrictor x; legal values: [LoadRestrictionsRootOnly LoadRestrictionsNone]",
        ),
    ],
)
def test_refused(cluster: TestCluster, folder: Path, argv: list[str], message: str) -> None:
    got = cluster.cli("kustomize", *argv, cwd=folder)
    assert (got.code, got.out, got.err) == (1, "", f"error: {message}\n")


@pytest.mark.parametrize("field", ["vars", "openapi", "helmCharts", "generators", "crds"])
def test_what_is_not_known_is_named(cluster: TestCluster, folder: Path, field: str) -> None:
    (folder / "k" / "kustomization.yaml").write_text(f"resources: [pod.yaml]\n{field}: [{{a: b}}]\n")
    got = cluster.cli("kustomize", "k", cwd=folder)
    assert got.err == f"error: minikctl's kustomize does not know the field '{field}'\n"


def test_files_from_elsewhere_when_allowed(cluster: TestCluster, folder: Path) -> None:
    (folder / "outside.txt").write_text("x")
    text = "configMapGenerator: [{name: a, files: [../outside.txt]}]\n"
    (folder / "k" / "kustomization.yaml").write_text(text)
    assert cluster.cli("kustomize", "k", cwd=folder).code == 1
    assert "outside.txt: x" in cluster.cli("kustomize", "k", "--load-restrictor=LoadRestrictionsNone", cwd=folder).out


# ---------------------------------------------------------------------- parts


@pytest.mark.parametrize(
    ("text", "meaning"),
    [
        ("on", "on"),
        ("True", True),
        ("~", None),
        ("0777", 511),
        ("0x1F", 31),
        ("-5", -5),
        ("1_000", 1000),
        ("1.50", 1.5),
        ("1e400", "1e400"),
        ("12:30", "12:30"),
        ("2001-01-01", "2001-01-01T00:00:00Z"),
        ("2001-01-01T10:00:00.5+02:00", "2001-01-01T10:00:00.5+02:00"),
    ],
)
def test_scalars(text: str, meaning: object) -> None:
    found = plain(text)
    assert (type(found), found) == (type(meaning), meaning)


def test_documents() -> None:
    assert documents("---\na: 1\n--- # two\nb: 2\n...\n---\n# nothing\n") == [{"a": 1}, {"b": 2}]


@pytest.mark.parametrize(
    ("reference", "parts"),
    [
        ("nginx", ("nginx", "", "")),
        ("nginx:1", ("nginx", "1", "")),
        ("host:5000/nginx", ("host:5000/nginx", "", "")),
        ("host:5000/nginx:1@sha256:ab", ("host:5000/nginx", "1", "sha256:ab")),
        ("nginx@sha256:ab", ("nginx", "", "sha256:ab")),
    ],
)
def test_image_references(reference: str, parts: tuple[str, str, str]) -> None:
    assert transformers.split_image(reference) == parts


def test_paths() -> None:
    assert fields.split("metadata/annotations/a.b\\/c") == ["metadata", "annotations", "a.b/c"]
    assert replacements.split("spec.[name=a.b].x.[k.l/m].0") == ["spec", "[name=a.b]", "x", "k.l/m", "0"]
    assert replacements.split("a.b\\.c") == ["a", "b.c"]


def test_kinds_select() -> None:
    assert Gvk(kind="Deployment").selects(Gvk("apps", "v1", "Deployment"))
    assert not Gvk("extensions", "", "Deployment").selects(Gvk("apps", "v1", "Deployment"))
    assert Gvk("", "v1", "Node").cluster_scoped and not Gvk("example.com", "v1", "Node").cluster_scoped
