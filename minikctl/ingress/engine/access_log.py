"""The access log: nginx's combined format, followed by what ingress-nginx adds to it.

    ADDRESS - USER [TIME] "REQUEST" STATUS BYTES "REFERER" "AGENT" REQUEST_BYTES SECONDS [BACKEND] ENDPOINT SECONDS ID

Lines are written a quarter of a second later, many at once: nothing waits for the disk, and at rest nothing is written.
"""

from __future__ import annotations

import asyncio
import os
import re
import time
from collections.abc import Callable

DELAY = 0.25
_ODD = re.compile(r'[\x00-\x1f"\\\x7f-\uffff]')


class AccessLog:
    """`write` gets bytes of whole lines."""

    def __init__(self, loop: asyncio.AbstractEventLoop, write: Callable[[bytes], object] | None = None):
        self._loop = loop
        self._write = write or (lambda data: os.write(1, data))
        self._lines: list[str] = []
        self._second, self._shown = 0, ""

    def add(
        self,
        client: str,
        request: str,
        status: int,
        sent: int,
        referer: str,
        agent: str,
        received: int,
        taken: float,
        backend: str,
        endpoint: str,
        request_id: str,
    ) -> None:
        if not self._lines:
            self._loop.call_later(DELAY, self.flush)
        self._lines.append(
            f'{client} - - [{self._time()}] "{_clean(request)}" {status} {sent} "{_clean(referer) or "-"}" '
            f'"{_clean(agent) or "-"}" {received} {taken:.3f} [{backend or "-"}] {endpoint or "-"} {request_id}\n'
        )

    def flush(self) -> None:
        lines, self._lines = self._lines, []
        if lines:
            try:
                self._write("".join(lines).encode("utf-8", "replace"))
            except OSError:
                pass  # a full disk must not end the service

    def _time(self) -> str:
        now = int(time.time())
        if now != self._second:
            self._second, self._shown = now, time.strftime("%d/%b/%Y:%H:%M:%S +0000", time.gmtime(now))
        return self._shown


def _clean(text: str) -> str:
    """Nobody writes lines of their own into the log."""
    return _ODD.sub(lambda m: f"\\x{ord(m[0]):02X}", text) if _ODD.search(text) else text
