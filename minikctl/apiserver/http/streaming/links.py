"""Links of proxied answers, so that they lead through the proxy again. Pure. Source: apimachinery `util/proxy/transport.go`."""

from __future__ import annotations

import html
import re
from collections.abc import Callable
from dataclasses import dataclass
from html.parser import HTMLParser
from urllib.parse import urlsplit, urlunsplit

ATTRIBUTES = {
    "a": ("href",),
    "applet": ("codebase",),
    "area": ("href",),
    "audio": ("src",),
    "base": ("href",),
    "blockquote": ("cite",),
    "body": ("background",),
    "button": ("formaction",),
    "command": ("icon",),
    "del": ("cite",),
    "embed": ("src",),
    "form": ("action",),
    "frame": ("longdesc", "src"),
    "head": ("profile",),
    "html": ("manifest",),
    "iframe": ("longdesc", "src"),
    "img": ("longdesc", "src", "usemap"),
    "input": ("src", "usemap", "formaction"),
    "ins": ("cite",),
    "link": ("href",),
    "object": ("classid", "codebase", "data", "usemap"),
    "q": ("cite",),
    "script": ("src",),
    "source": ("src",),
    "video": ("poster", "src"),
}
"""Where HTML has links."""


@dataclass(frozen=True)
class Place:
    """Where an answer comes from: the path before the backend's own, the backend's host, the host that was asked."""

    prefix: str
    backend: str
    asked: str

    def moved(self, link: str) -> str:
        """A link to the same host with an absolute path gets the prefix; any other stays."""
        try:
            parts = urlsplit(link)
        except ValueError:
            return link
        if parts.netloc not in ("", self.backend, self.asked) or not parts.path.startswith("/"):
            return link
        scheme, host = (parts.scheme, parts.netloc) if parts.netloc == self.asked else ("", "")
        path = parts.path if parts.path.startswith(self.prefix) else self.prefix + parts.path
        return urlunsplit((scheme, host, path, parts.query, parts.fragment))


def rewritten(page: str, moved: Callable[[str], str]) -> str:
    """The page with its links changed; all else stays as it is, malformed parts too."""
    rewriter = _Rewriter(moved)
    rewriter.feed(page)
    rewriter.close()
    return _put(page, rewriter.changes)


def _put(page: str, changes: list[tuple[int, str, str]]) -> str:
    """Replace texts at offsets."""
    out, at = [], 0
    for start, old, new in changes:
        out += [page[at:start], new]
        at = start + len(old)
    return "".join([*out, page[at:]])


class _Rewriter(HTMLParser):
    """Collects (offset, tag as it stands, tag as it is to be)."""

    def __init__(self, moved: Callable[[str], str]):
        super().__init__(convert_charrefs=False)
        self._moved = moved
        self._lines = [0]
        self.changes: list[tuple[int, str, str]] = []

    def feed(self, data: str) -> None:
        for line in data.split("\n"):
            self._lines.append(self._lines[-1] + len(line) + 1)
        super().feed(data)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        old, wanted = self.get_starttag_text(), ATTRIBUTES.get(tag, ())
        if old is None or not any(name in wanted for name, _ in attrs):
            return
        new = _ATTRIBUTE.sub(lambda m: self._changed(m, wanted), old)
        if new != old:
            line, column = self.getpos()
            self.changes.append((self._lines[line - 1] + column, old, new))

    def _changed(self, found: re.Match[str], wanted: tuple[str, ...]) -> str:
        name, quoted = found["name"], found["value"]
        if name.lower() not in wanted:
            return found[0]
        value = html.unescape(quoted[1:-1] if quoted[:1] in "\"'" else quoted)
        moved = self._moved(value)
        return found[0] if moved == value else f'{found["space"]}{name}{found["equals"]}"{html.escape(moved)}"'


_ATTRIBUTE = re.compile(
    r"""(?P<space>\s)(?P<name>[^\s"'>/=]+)(?P<equals>\s*=\s*)(?P<value>"[^"]*"|'[^']*'|[^\s"'>]+)"""
)
