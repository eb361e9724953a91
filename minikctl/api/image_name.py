"""Which tag an image reference means. Source: the distribution project's reference grammar."""

from __future__ import annotations

import re

LATEST = "latest"
_COMPONENT = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"
_DOMAIN = r"(?:[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?|\[[0-9a-fA-F:]+\])(?::[0-9]+)?"
_REFERENCE = re.compile(
    rf"(?:{_DOMAIN}/)?{_COMPONENT}(?:/{_COMPONENT})*(?::(?P<tag>\w[\w.-]{{0,127}}))?(?P<digest>@[A-Za-z][\w.+-]*:[0-9a-fA-F]+)?",
    re.ASCII,
)


def tag_of(image: str) -> str:
    """The tag: the one written, `latest` when there is neither tag nor digest, "" otherwise and for bad references."""
    m = _REFERENCE.fullmatch(image)
    if m is None:
        return ""
    return m["tag"] or ("" if m["digest"] else LATEST)


def default_pull_policy(image: str) -> str:
    """Always for `latest`, IfNotPresent for everything else (concept "Images")."""
    return "Always" if tag_of(image) == LATEST else "IfNotPresent"
