"""Definitions and objects that are broken at random: refused, or served; never anything else."""

from __future__ import annotations

import copy
import json
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from minikctl.api.errors import ApiError
from minikctl.api.meta import Obj
from minikctl.apiserver import openapi
from tests.support.cluster import TestCluster
from tests.support.custom import definition, gadget

FILE = Path(__file__).parent / "data" / "definitions" / "databases.yaml"
VALUES: list[Any] = [
    None, "", 0, -1, 1.5, True, [], {}, "x", [1], ["a"], {"a": 1}, {"type": "object"}, [{}], [None], "self.x > 1",
    {"properties": {"a": {}}}, "\0", "array", ["object"],
]  # fmt: skip
KEYWORDS = (
    "default", "enum", "items", "properties", "additionalProperties", "nullable", "not", "anyOf", "format", "pattern",
    "required", "type", "maximum", "maxLength", "x-kubernetes-validations", "x-kubernetes-list-type",
    "x-kubernetes-list-map-keys", "x-kubernetes-embedded-resource",
)  # fmt: skip
DATABASE: Obj = {
    "metadata": {"name": "x"},
    "spec": {
        "engine": {"name": "cluster", "parameters": {"a": 1}},
        "storage": {"size": "1Gi", "className": "a"},
        "users": [{"name": "a", "grants": ["read"]}],
        "template": {"kind": "P", "apiVersion": "v1", "metadata": {"name": "q"}},
    },
}


def paths(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    members = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in members:
        yield (*path, key)
        yield from paths(item, (*path, key))


def broken(value: Obj, rng: random.Random) -> Obj:
    """With something missing, replaced or added."""
    value = copy.deepcopy(value)
    *above, last = rng.choice([p for p in paths(value) if p[0] != "metadata"])
    place: Any = value
    for step in above:
        place = place[step]
    how = rng.random()
    if how < 0.3:
        del place[last]
    elif how < 0.8 or not isinstance(place, dict):
        place[last] = copy.deepcopy(rng.choice(VALUES))
    else:
        place[rng.choice(KEYWORDS)] = copy.deepcopy(rng.choice(VALUES))
    return value


def served(cluster: TestCluster, made: Obj, rng: random.Random) -> None:
    """Use what the definition serves."""
    openapi.document(cluster.api.resources.all(), "/openapi/v2/protobuf")
    for kind in [k for k in cluster.client.kinds() if k.group == made["spec"]["group"]]:
        openapi.document(cluster.api.resources.all(), f"/openapi/v3/apis/{kind.group}/{kind.version}")
        obj = {**broken(DATABASE, rng), "apiVersion": kind.api_version, "kind": kind.kind}
        try:
            cluster.client.create(kind, obj, "default" if kind.namespaced else "")
            cluster.client.table(kind)
        except ApiError as e:
            assert e.code < 500, e.message


@pytest.mark.parametrize("seed", range(6))
def test_broken_definitions(cluster: TestCluster, seed: int) -> None:
    rng = random.Random(seed)
    whole = yaml.safe_load(FILE.read_text())
    for _ in range(40):
        crd = whole
        for _ in range(rng.randint(1, 3)):
            crd = broken(crd, rng)
        try:
            made = cluster.client.create("customresourcedefinitions", crd)
        except ApiError as e:
            assert e.code < 500, e.message
            continue
        served(cluster, made, rng)
        for folder in ("customresourcedefinitions", made["spec"]["group"]):
            for key in cluster.store.keys(folder):
                cluster.store.path(key).unlink()


@pytest.mark.parametrize("damage", [{"status": "x"}, {"spec": None}, {"spec": {}}, {"metadata": {}}])
def test_a_damaged_file_leaves_the_others_alone(cluster: TestCluster, damage: Obj) -> None:
    client = cluster.client
    client.create("customresourcedefinitions", definition())
    bad = client.create("customresourcedefinitions", definition(kind="Widget"))
    path = cluster.store.path(f"customresourcedefinitions/{bad['metadata']['name']}")
    whole = json.loads(path.read_text())
    path.write_text(json.dumps({**whole, **damage}))
    path.with_name(".touch").touch()
    path.with_name(".touch").unlink()
    client.create("gadgets", gadget(), "default")
    assert client.kind("gadgets") is not None
