"""Fields that stand twice in one JSON or YAML object, of which the last counts, and most likely a mistake; and what a
strict decoder says of these and of unknown fields, in the order of the text.

Source: Kubernetes "Field validation", KEP-2885; sigs.k8s.io/json, gopkg.in/yaml (UnmarshalStrict).
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator
from typing import Any

Fields = tuple[tuple[str, bool], ...]
"""Every field of a text in its order: (path as `spec.containers[0].image`, whether it stood there before)."""


class _Pairs(list[tuple[str, Any]]):
    """An object with its names as they stood."""


def repeated_fields(text: bytes) -> Fields:
    """All fields of a JSON text that has some twice; nothing for one that has not, and for what is no JSON."""
    found = False

    def make(pairs: list[tuple[str, Any]]) -> _Pairs:
        nonlocal found
        found = found or len({name for name, _ in pairs}) != len(pairs)
        return _Pairs(pairs)

    try:
        value = json.loads(text, object_pairs_hook=make)
    except (ValueError, RecursionError):
        return ()
    return tuple(_fields(value, "")) if found else ()


def complaints(value: Any, unknown: Collection[str], fields: Fields, *, pruned: bool = False) -> list[str]:
    """`unknown field "spec.a"`, `duplicate field "spec.b"`, in the order of the text: `fields` are those of a text with
    repetitions, else the order is that of `value`, which was read from it. `pruned`: unknown fields were found later
    than repeated ones, as those of custom resources are."""
    if pruned or (not fields and len(unknown) < 2):
        repeated = [f'duplicate field "{path}"' for path, again in fields if again]
        return repeated + [f'unknown field "{path}"' for path in unknown]
    texts, left = [], dict.fromkeys(unknown)
    for path, again in fields or _fields(value, ""):
        if again:
            texts.append(f'duplicate field "{path}"')
        elif path in left:
            del left[path]
            texts.append(f'unknown field "{path}"')
    return texts + [f'unknown field "{path}"' for path in left]


def _fields(value: Any, path: str) -> Iterator[tuple[str, bool]]:
    if isinstance(value, _Pairs | dict):
        prefix, seen = f"{path}." if path else "", set()
        for name, inner in value.items() if isinstance(value, dict) else value:
            yield prefix + name, name in seen
            seen.add(name)
            yield from _fields(inner, prefix + name)
    elif isinstance(value, list):
        for i, inner in enumerate(value):
            yield from _fields(inner, f"{path}[{i}]")


def repeated_in_yaml(text: bytes) -> str:
    """What Go's strict YAML decoder says of keys that stand twice in a mapping; empty when none does, or it is no YAML."""
    import yaml

    try:
        root = yaml.compose(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    except (yaml.YAMLError, ValueError, RecursionError):
        return ""
    lines = [f'  line {line}: key "{key}" already set in map' for line, key in _keys(root)]
    return "\n".join(["yaml: unmarshal errors:", *lines]) if lines else ""


def _keys(root: Any) -> Iterator[tuple[int, str]]:
    """(line, key) of those that stand there again."""
    import yaml

    waiting, known = [root], set[int]()
    while waiting:
        node = waiting.pop(0)
        if id(node) in known:  # an alias
            continue
        known.add(id(node))
        if isinstance(node, yaml.MappingNode):
            seen: set[str] = set()
            for key, inner in node.value:
                if isinstance(key, yaml.ScalarNode) and key.value in seen:
                    yield key.start_mark.line + 1, key.value
                seen.add(str(key.value))
                waiting.append(inner)
        elif isinstance(node, yaml.SequenceNode):
            waiting += node.value
