"""Sets of paths: the algebra, and how paths are shown."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from minikctl.api.apply import fields

PATHS = st.lists(
    st.lists(st.sampled_from(["f:a", "f:b", 'k:{"name":"x"}', 'v:"s"', "i:0"]), min_size=1, max_size=4).map(tuple),
    max_size=8,
)


def build(paths: list[tuple[str, ...]]) -> dict:
    made: dict = {}
    for path in paths:
        fields.insert(made, path)
    return made


@given(PATHS, PATHS)
def test_sets_behave_as_sets(a: list, b: list) -> None:
    one, two = build(a), build(b)
    assert set(fields.paths(one)) == set(a)
    assert set(fields.paths(fields.union(one, two))) == set(a) | set(b)
    assert set(fields.paths(fields.difference(one, two))) == set(a) - set(b)
    assert set(fields.paths(fields.intersection(one, two))) == set(a) & set(b)


def test_a_path_is_shown_as_kubernetes_does() -> None:
    path = ("f:spec", 'k:{"containerPort":80,"protocol":"TCP"}', "f:name", 'v:"x"', "i:3")
    assert fields.show(path) == '.spec[containerPort=80,protocol="TCP"].name[="x"][3]'
