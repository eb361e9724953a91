"""The annotations of ingress-nginx, read. Source: ingress-nginx, user guide "Annotations".

An annotation that cannot be understood is a problem and counts as not there; where it was to protect something,
everybody is refused instead. What would need nginx itself is refused by name; the rest that is known but has no
effect here, too: nobody shall believe that it works.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from minikctl.api.ingress_rules import NGINX as PREFIX
from minikctl.api.ingress_rules import boolean
from minikctl.ingress.model import Settings

Parser = Callable[[str], Any]


def _whole(least: int = 0, most: int | None = None) -> Parser:
    def parse(text: str) -> int:
        try:
            number = int(text)
        except ValueError:
            raise ValueError("must be a whole number") from None
        if number < least or (most is not None and number > most):
            raise ValueError(f"must be at least {least}" if most is None else f"must be from {least} to {most}")
        return number

    return parse


_UNITS = {"": 1, "k": 1 << 10, "m": 1 << 20, "g": 1 << 30}


def _size(text: str) -> int:
    """nginx's sizes: `8m`, `1024k`, `0` for any."""
    found = re.fullmatch(r"(\d{1,15})([kKmMgG]?)", text.strip())
    if found is None:
        raise ValueError("must be a size such as 8m or 512k")
    return int(found[1]) * _UNITS[found[2].lower()]


def _seconds(text: str) -> float:
    found = re.fullmatch(r"(\d{1,9})s?", text.strip())
    if found is None or int(found[1]) == 0:
        raise ValueError("must be a number of seconds, at least 1")
    return float(found[1])


def _ranges(text: str) -> tuple[str, ...]:
    return tuple(str(ipaddress.ip_network(part.strip(), strict=False)) for part in text.split(",") if part.strip())


def _pattern(text: str) -> re.Pattern[str]:
    try:
        return re.compile(text)
    except re.error as e:
        raise ValueError(f"is not a regular expression: {e}") from None


_TOKEN = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")


def _token(text: str) -> str:
    """The name of a header or a cookie."""
    if not _TOKEN.fullmatch(text):
        raise ValueError("must be the name of a header or cookie")
    return text


def _text(text: str) -> str:
    """Something that becomes a part of a header."""
    if any(ord(c) < 32 or ord(c) == 127 for c in text):
        raise ValueError("must be one line without control characters")
    return text


def _cookie_part(text: str) -> str:
    if ";" in _text(text):
        raise ValueError("must not contain a semicolon")
    return text


def _path(text: str) -> str:
    if not _text(text).startswith("/"):
        raise ValueError("must begin with /")
    return text


def _url(text: str) -> str:
    if not re.match(r"(https?://[^/\s]|/|\$scheme://)", _text(text)) or " " in text:
        raise ValueError("must be a URL that begins with http:// or https://, or a path")
    return text


def _one_of(*words: str) -> Parser:
    def parse(text: str) -> str:
        if text.strip() not in words:
            raise ValueError(f"must be {' or '.join(words)}")
        return text.strip()

    return parse


def _list(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in _text(text).split(",") if part.strip())


def _host(text: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9._\-\[\]:]+|\$host|\$http_host", text.strip()):
        raise ValueError("must be the name of a host")
    return "" if text.strip().startswith("$") else text.strip()


def _affinity(text: str) -> bool:
    return bool(_one_of("cookie")(text))


def _protocol(text: str) -> None:
    if text.strip().upper() not in ("HTTP", "AUTO_HTTP"):
        raise ValueError("only HTTP is spoken to pods here")


PARSERS: dict[str, tuple[str, Parser]] = {
    "rewrite-target": ("rewrite", _text),
    "use-regex": ("use_regex", boolean),
    "ssl-redirect": ("ssl_redirect", boolean),
    "force-ssl-redirect": ("force_ssl_redirect", boolean),
    "affinity": ("affinity", _affinity),
    "session-cookie-name": ("cookie_name", _token),
    "session-cookie-path": ("cookie_path", _cookie_part),
    "session-cookie-domain": ("cookie_domain", _cookie_part),
    "session-cookie-expires": ("cookie_expires", _whole()),
    "session-cookie-max-age": ("cookie_max_age", _whole()),
    "session-cookie-samesite": ("cookie_same_site", _one_of("None", "Lax", "Strict")),
    "session-cookie-secure": ("cookie_secure", boolean),
    "proxy-body-size": ("body_size", _size),
    "canary": ("canary", boolean),
    "canary-weight": ("canary_weight", _whole()),
    "canary-weight-total": ("canary_total", _whole(1)),
    "canary-by-header": ("canary_header", _token),
    "canary-by-header-value": ("canary_value", _text),
    "canary-by-header-pattern": ("canary_pattern", _pattern),
    "canary-by-cookie": ("canary_cookie", _token),
    "whitelist-source-range": ("allowed", _ranges),
    "allowlist-source-range": ("allowed", _ranges),
    "denylist-source-range": ("denied", _ranges),
    "permanent-redirect": ("redirect", _url),
    "permanent-redirect-code": ("redirect_code", _whole(300, 308)),
    "temporal-redirect": ("temporary_redirect", _url),
    "temporal-redirect-code": ("temporary_code", _whole(300, 308)),
    "proxy-connect-timeout": ("connect_timeout", _seconds),
    "proxy-read-timeout": ("read_timeout", _seconds),
    "app-root": ("app_root", _path),
    "enable-cors": ("enable_cors", boolean),
    "cors-allow-origin": ("cors_origins", _list),
    "cors-allow-methods": ("cors_methods", _text),
    "cors-allow-headers": ("cors_headers", _text),
    "cors-expose-headers": ("cors_exposed", _text),
    "cors-allow-credentials": ("cors_credentials", boolean),
    "cors-max-age": ("cors_max_age", _whole()),
    "auth-type": ("auth_type", _one_of("basic")),
    "auth-secret": ("auth_secret", _text),
    "auth-realm": ("auth_realm", _text),
    "upstream-vhost": ("vhost", _host),
    "server-alias": ("aliases", _list),
    "x-forwarded-prefix": ("forwarded_prefix", _text),
    "backend-protocol": ("", _protocol),
}
"""Annotation → the field of `Settings` that it sets, and how it is read."""

PROTECTING = frozenset({"whitelist-source-range", "allowlist-source-range", "denylist-source-range", "auth-type"})
"""What cannot be understood here closes the door."""

SNIPPETS = frozenset(
    {"configuration-snippet", "server-snippet", "stream-snippet", "modsecurity-snippet", "auth-snippet"}
)

HARMLESS = frozenset(
    {
        "affinity-mode",
        "affinity-canary-behavior",
        "auth-secret-type",
        "client-body-buffer-size",
        "enable-access-log",
        "enable-rewrite-log",
        "limit-rate-after",
        "load-balance",
        "preserve-trailing-slash",
        "proxy-buffer-size",
        "proxy-buffering",
        "proxy-buffers-number",
        "proxy-http-version",
        "proxy-max-temp-file-size",
        "proxy-next-upstream",
        "proxy-next-upstream-timeout",
        "proxy-next-upstream-tries",
        "proxy-request-buffering",
        "proxy-send-timeout",
        "service-upstream",
        "session-cookie-change-on-failure",
        "session-cookie-conditional-samesite-none",
        "session-cookie-hash",
        "ssl-passthrough",
        "upstream-hash-by",
        "websocket-services",
    }
)
"""Known, and nothing breaks when it has no effect: how fast or how evenly, not what."""


def parse(annotations: Mapping[str, str]) -> tuple[Settings, list[str]]:
    """The settings of an Ingress, and a sentence for every annotation that is not carried out."""
    values: dict[str, Any] = {}
    problems: list[str] = []
    broken = ""
    for key in sorted(annotations):
        if not key.startswith(PREFIX):
            continue
        name, text = key[len(PREFIX) :], annotations[key]
        if name in SNIPPETS:
            problems.append(f"annotation {key} is refused: there is no nginx here that could run a snippet")
        elif name in PARSERS:
            field, parser = PARSERS[name]
            try:
                value = parser(text if isinstance(text, str) else str(text))
            except ValueError as e:
                problems.append(f"annotation {key}: invalid value {text!r}: {e}")
                broken = broken or (f"annotation {key} is invalid" if name in PROTECTING else "")
                continue
            if field:
                values[field] = value
        elif name not in HARMLESS:
            problems.append(f"annotation {key} is not supported here and has no effect")
            broken = broken or (f"annotation {key} is not supported" if name.startswith("auth-") else "")
    settings = Settings(**values)
    if settings.canary_weight > settings.canary_total:
        problems.append(f"annotation {PREFIX}canary-weight: {settings.canary_weight} is more than the whole")
        settings = replace(settings, canary_weight=settings.canary_total)
    return replace(settings, broken=broken), problems
