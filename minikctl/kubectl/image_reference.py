"""Whether a text names an image: `nginx`, `registry:5000/team/app:1.2@sha256:…`.

Source: the grammar of the distribution project's `reference` package.
"""

from __future__ import annotations

import re

_ALNUM = "[a-z0-9]+"
_PATH = rf"{_ALNUM}(?:(?:\.|_|__|-+){_ALNUM})*"
_LABEL = "(?:[a-zA-Z0-9]|[a-zA-Z0-9][a-zA-Z0-9-]*[a-zA-Z0-9])"
_DOMAIN = rf"(?:{_LABEL}(?:\.{_LABEL})*|\[[a-fA-F0-9:]+\])(?::[0-9]+)?"
_TAG = r"\w[\w.-]{0,127}"
_DIGEST = "[A-Za-z][A-Za-z0-9]*(?:[-_+.][A-Za-z][A-Za-z0-9]*)*:[0-9a-fA-F]{32,}"
_REFERENCE = re.compile(rf"(?:{_DOMAIN}/)?{_PATH}(?:/{_PATH})*(?::{_TAG})?(?:@{_DIGEST})?", re.ASCII)


def is_reference(text: str) -> bool:
    return bool(_REFERENCE.fullmatch(text))
