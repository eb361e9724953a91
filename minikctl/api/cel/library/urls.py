"""url, isURL and the parts of one. Source: apiserver `pkg/cel/library/urls.go`."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import parse_qs, quote, urlsplit

from minikctl.api.cel.functions import Function, value

_BAD = re.compile(r"[\x00-\x20\x7f]")


def _parse(text: str) -> dict[str, Any]:
    """As Go's url.ParseRequestURI: absolute, or a path from the root."""
    wrong = None
    if not text:
        wrong = f'parse "{text}": empty url'
    elif _BAD.search(text):
        wrong = f'parse "{text}": net/url: invalid control character in URL'
    elif not text.startswith("/") and not re.match(r"^[a-zA-Z][a-zA-Z0-9+.-]*:/?", text):
        wrong = f'parse "{text}": invalid URI for request'
    if wrong:
        raise ValueError(f"URL parse error during conversion from string: {wrong}")
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError as e:
        raise ValueError(f'URL parse error during conversion from string: parse "{text}": {e}') from None
    return value(
        "url",
        scheme=parts.scheme,
        host=parts.netloc.rpartition("@")[2],
        hostname=parts.hostname or "",
        port="" if port is None else str(port),
        path=quote(parts.path, safe="/%:@!$&'()*+,;=~"),
        query=parse_qs(parts.query, keep_blank_values=True),
    )


def _is_url(text: str) -> bool:
    try:
        _parse(text)
    except ValueError:
        return False
    return True


FUNCTIONS = (
    Function("url", "string_to_url", ("string",), "url", _parse, member=False),
    Function("isURL", "is_url_string", ("string",), "bool", _is_url, member=False),
    Function("getScheme", "url_get_scheme", ("url",), "string", lambda u: u["scheme"]),
    Function("getHost", "url_get_host", ("url",), "string", lambda u: u["host"]),
    Function("getHostname", "url_get_hostname", ("url",), "string", lambda u: u["hostname"]),
    Function("getPort", "url_get_port", ("url",), "string", lambda u: u["port"]),
    Function("getEscapedPath", "url_get_escaped_path", ("url",), "string", lambda u: u["path"]),
    Function("getQuery", "url_get_query", ("url",), "map", lambda u: u["query"]),
)
