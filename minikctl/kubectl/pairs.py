"""`TYPE NAME key=value other-`: objects first, then changes. Source: kubectl `cmd/util/helpers.go`."""

from __future__ import annotations

from collections.abc import Sequence

from minikctl.util.errors import UsageError


def split(args: Sequence[str], what: str) -> tuple[list[str], list[str]]:
    """(the words for objects, the changes). Raises UsageError when an object follows a change."""
    resources: list[str] = []
    changes: list[str] = []
    for word in args:
        is_change = ("=" in word and word[0] != "=") or (word.endswith("-") and word != "-")
        if is_change:
            changes.append(word)
        elif changes:
            raise UsageError(f"all resources must be specified before {what} changes: {word}")
        else:
            resources.append(word)
    return resources, changes


def parse(changes: Sequence[str], what: str, *, removal: bool = False) -> tuple[dict[str, str], list[str]]:
    """(`key=value` as a map, the keys of `key-`). Raises UsageError naming all that is malformed."""
    new: dict[str, str] = {}
    removed: list[str] = []
    bad: list[str] = []
    for word in changes:
        key, equals, value = word.partition("=")
        if equals and key:
            new[key] = value
        elif removal and word.endswith("-") and word != "-":
            removed.append(word[:-1])
        else:
            bad.append(word)
    if bad:
        raise UsageError(f"invalid {what} format: {', '.join(bad)}")
    return new, removed
