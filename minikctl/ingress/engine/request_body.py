"""The body of one request on its way to an endpoint: kept for another attempt while it is small, copied for mirrors."""

from __future__ import annotations

HELD = 65536
"""Bytes of a body that are kept: for an endpoint that is not connected yet, and for another attempt."""
MIRRORED = 1 << 20


class RequestBody:
    """chunked: how it is framed, as it came."""

    __slots__ = ("_copied", "_held", "_held_size", "chunked", "received", "sent", "size")

    def __init__(self, chunked: bool):
        self.chunked = chunked
        self.received = self.sent = False
        """To its end."""
        self.size = 0
        self._held: list[bytes] | None = []
        self._held_size = 0
        self._copied: list[bytes] | None = None

    @property
    def is_at_hand(self) -> bool:
        """Whether it can be sent again from its beginning."""
        return self._held is not None

    @property
    def is_full(self) -> bool:
        """Whether no more of it should be taken before an endpoint takes it."""
        return self._held_size > HELD

    def copy(self) -> None:
        """Keep all of it for mirrors, as far as it is not too large."""
        self._copied = []

    def add(self, data: bytes, is_passed_on: bool) -> None:
        """What has come. is_passed_on: an endpoint takes it already."""
        self.size += len(data)
        if self._copied is not None:
            self._copied.append(data)
            if self.size > MIRRORED:
                self._copied = None
        if self._held is not None:
            self._held_size += len(data)
            if self._held_size <= HELD or not is_passed_on:
                self._held.append(data)
            else:
                self._held = None

    def framed(self, data: bytes) -> bytes:
        return b"%x\r\n%b\r\n" % (len(data), data) if self.chunked else data

    def begin(self) -> list[bytes]:
        """What an endpoint gets that takes it now: all that has come. One that is too large is let go."""
        self.sent = False
        parts = [self.framed(b) for b in self._held or ()]
        if self.is_full:
            self._held = None
        return [*parts, self.end()] if self.received else parts

    def end(self) -> bytes:
        """What an endpoint gets when nothing more comes."""
        self.sent = True
        return b"0\r\n\r\n" if self.chunked else b""

    def mirrored(self) -> bytes | None:
        """The whole, once; None when it has not come to its end, was too large, or nobody wants a copy."""
        if self._copied is None or not self.received:
            return None
        body, self._copied = b"".join(self._copied), None
        return body
