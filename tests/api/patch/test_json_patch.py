from __future__ import annotations

from typing import Any

import pytest

from minikctl.api.patch import json_patch


@pytest.mark.parametrize(
    ("patch", "expected"),
    [
        ([{"op": "replace", "path": "/a", "value": 2}], {"a": 2, "l": [1]}),
        ([{"op": "replace", "path": "/new", "value": 2}], {"a": 1, "l": [1], "new": 2}),
        (
            [{"op": "replace", "path": "/n", "value": {}}, {"op": "replace", "path": "/n/m", "value": 1}],
            {"a": 1, "l": [1], "n": {"m": 1}},
        ),
        ([{"op": "add", "path": "/l/-", "value": 2}], {"a": 1, "l": [1, 2]}),
        ([{"op": "test", "path": "/a", "value": 1}, {"op": "remove", "path": "/a"}], {"l": [1]}),
    ],
)
def test_patches(patch: list[Any], expected: Any) -> None:
    assert json_patch.apply({"a": 1, "l": [1]}, patch) == expected


@pytest.mark.parametrize(
    "patch",
    [
        [{"op": "replace", "path": "/x/y", "value": 1}],
        [{"op": "replace", "path": "/l/3", "value": 1}],
        [{"op": "replace", "path": "a", "value": 1}],
        [{"op": "remove", "path": "/x"}],
        [{"op": "test", "path": "/a", "value": 2}],
        [{"op": "wish", "path": "/a"}],
        [{}],
        ["x"],
    ],
)
def test_what_does_not_fit(patch: list[Any]) -> None:
    with pytest.raises(json_patch.PatchError):
        json_patch.apply({"a": 1, "l": [1]}, patch)
