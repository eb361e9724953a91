"""One request and its answer: decided, sent to an endpoint, tried again where that is safe, passed back as it comes.

A request that could not be delivered at all is tried on other endpoints. One that was delivered but not answered with a
single byte is tried again only when that cannot do anything twice (GET, HEAD, OPTIONS, PUT, DELETE, TRACE) and its body
is still at hand. Source: nginx, proxy_next_upstream.
"""

from __future__ import annotations

import asyncio
import random
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from minikctl.ingress.deciding import decide
from minikctl.ingress.engine import heads, mirror
from minikctl.ingress.engine.heads import Header
from minikctl.ingress.engine.request_body import RequestBody
from minikctl.ingress.engine.upstream import IDLE_SECONDS, UpstreamConnection
from minikctl.ingress.matching import find, site_of
from minikctl.ingress.model import NO_CHANGE, Answer, Backend, Endpoint, Facts, Forward

if TYPE_CHECKING:
    from minikctl.ingress.engine.client import ClientConnection

IDEMPOTENT = frozenset({"GET", "HEAD", "OPTIONS", "PUT", "DELETE", "TRACE"})
ROUNDS, PAUSE = 3, 0.1
"""How often all endpoints are tried, and seconds between: those that are no more are gone from the list by then."""
FRESH = 1.0
"""A request that must not be sent twice takes an open connection only when it was used this many seconds ago."""


class Exchange:
    """See the module. Its connection calls `begin`, `body` and `body_end`; an UpstreamConnection the rest."""

    def __init__(
        self,
        connection: ClientConnection,
        facts: Facts,
        headers: list[Header],
        named: frozenset[bytes],
        http10: bool,
        keep_alive: bool,
        chunked: bool,
        upgrade: bytes,
        line: str,
    ):
        self.connection, self.engine, self.facts = connection, connection.engine, facts
        self.method, self.headers, self.named, self.http10 = facts.method, headers, named, http10
        self.keep_alive, self.upgrade, self.line = keep_alive, upgrade, line
        self.content = RequestBody(chunked)
        self.started = self.finished = False
        self.forward: Forward | None = None
        self.upstream: UpstreamConnection | None = None
        self.endpoint: Endpoint | None = None
        self.tried: list[Endpoint] = []
        self.rounds = 1
        self.out: list[bytes] = []
        self.reframed = False
        self.status = self.sent = 0
        self.begun = self.heard = connection.engine.upstreams.now()
        self.request_id = f"{random.getrandbits(128):032x}"
        self._waiting: asyncio.Task[None] | asyncio.TimerHandle | None = None
        self._timer: asyncio.TimerHandle | None = None

    # ------------------------------------------------------------------ deciding

    def begin(self) -> None:
        """Its turn has come: those before it on the same connection are answered."""
        table = self.engine.table
        try:
            secure_site = site_of(table, self.facts.host).secure
            done = decide(find(table, self.facts), self.facts, secure_site, self.engine.rng)
        except Exception:
            self.engine.log.exception("deciding about %s", self.line)
            done = Answer(500)
        if isinstance(done, Answer):
            self.answer(done)
            return
        self.forward = done
        if done.mirrors and self.method != "CONNECT":
            self.content.copy()
        if done.request_timeout:
            self._timer = self.engine.loop.call_later(done.request_timeout, self._late)
        if b"100-continue" in self.facts.headers.get("expect", "").lower().encode() and not self.http10:
            self.connection.send(b"HTTP/1.1 100 Continue\r\n\r\n")
        if done.body_limit and self.content.size > done.body_limit:
            self.answer(Answer(413))
            return
        self._mirror_if_whole()
        self._attempt()

    @property
    def backend(self) -> Backend:
        """As the newest table has it: endpoints come and go while a request waits."""
        assert self.forward is not None
        return self.engine.backends.get(self.forward.backend.name, self.forward.backend)

    def _attempt(self) -> None:
        """Send it to the next endpoint, or give up."""
        self._waiting = None
        if self.finished or self.forward is None:
            return
        upstreams = self.engine.upstreams
        endpoint = upstreams.choose(self.backend, self.tried, self.forward.wanted)
        if endpoint is None:
            if self.rounds >= ROUNDS:
                self.answer(Answer(504 if self.status == 504 else 502))
                return
            self.rounds += 1
            self.tried.clear()
            self._waiting = self.engine.loop.call_later(PAUSE, self._attempt)
            return
        self.endpoint = endpoint
        idle = IDLE_SECONDS if self.method in IDEMPOTENT and not self.upgrade else FRESH
        ready = upstreams.take(endpoint, idle)
        if ready is not None:
            self._attach(ready)
        else:
            self._waiting = self.engine.loop.create_task(self._connect(endpoint, self.forward.connect_timeout))

    async def _connect(self, endpoint: Endpoint, timeout: float) -> None:
        try:
            made = await self.engine.upstreams.connect(endpoint, timeout)
        except TimeoutError:
            self.status = 504
        except OSError as e:
            self.engine.log.info("%s:%s: %s", endpoint.address, endpoint.port, e.strerror or e)
            self.status = 502
        else:
            if self.finished:
                self.engine.upstreams.keep(made)
            else:
                self._attach(made)
            return
        self.engine.upstreams.failed(endpoint)
        self.tried.append(endpoint)
        self._attempt()

    def _attach(self, upstream: UpstreamConnection) -> None:
        """Send the head, and of the body what has come."""
        forward = self.forward
        assert forward is not None
        self._waiting = None
        self.upstream, upstream.exchange = upstream, self
        self.heard = self.engine.upstreams.now()
        length = None if self.content.chunked else (self.facts.length or 0)
        head = heads.request_head(
            self.facts,
            forward.target,
            forward.host,
            self.headers,
            self.named,
            forward.request,
            self.request_id,
            length,
            self.upgrade,
        )
        parts = self.content.begin()
        upstream.transport.write(b"".join([head, *parts]) if parts else head)
        self.connection.resume_reading()

    # ------------------------------------------------------------------ the request's body

    def body(self, data: bytes) -> None:
        if self.finished:
            self.content.size += len(data)
            return
        self.content.add(data, self.upstream is not None)
        forward = self.forward
        if forward is not None and forward.body_limit and self.content.size > forward.body_limit:
            if self.started:
                self.connection.abort()
            else:
                self.answer(Answer(413))
            return
        if self.upstream is not None:
            self.upstream.transport.write(self.content.framed(data))
        elif self.content.is_full:
            self.connection.pause_reading()

    def body_end(self) -> None:
        self.content.received = True
        if self.finished:
            return
        if self.upstream is not None and not self.content.sent and (end := self.content.end()):
            self.upstream.transport.write(end)
        if self.forward is not None:
            self._mirror_if_whole()

    def _mirror_if_whole(self) -> None:
        body = self.content.mirrored()
        if body is None or self.forward is None:
            return
        for backend in self.forward.mirrors:
            head = heads.request_head(
                self.facts,
                self.forward.target,
                self.forward.host,
                self.headers,
                self.named,
                self.forward.request,
                self.request_id,
                len(body),
                b"",
            )
            mirror.send(self.engine, backend, head, body)

    # ------------------------------------------------------------------ the answer

    def response(self, upstream: UpstreamConnection, status: int) -> None:
        """The head of the endpoint's answer."""
        forward = self.forward
        assert forward is not None
        self.started, self.status = True, status
        self.engine.upstreams.answered(upstream.endpoint)
        extra = b""
        bodyless = self.method == "HEAD" or status in (204, 304)
        if not bodyless and not upstream.length:
            if self.http10:
                self.keep_alive = False
            else:
                self.reframed = True
                extra = b"Transfer-Encoding: chunked\r\n"
        if self.upgrade:
            self.keep_alive = False
        sticky = forward.sticky
        if sticky is not None and heads.token(upstream.endpoint) != forward.wanted:
            extra += heads.sticky_header(sticky, upstream.endpoint, self.facts.secure, datetime.now(UTC))
        if not self.keep_alive or self.engine.stopping:
            self.keep_alive = False
            extra += b"Connection: close\r\n"
        elif self.http10:
            extra += b"Connection: keep-alive\r\n"
        headers = upstream.headers
        if b"," in upstream.named or upstream.named not in (b"", b"close", b"keep-alive", b",upgrade"):
            taken = heads.connection_names(upstream.named)
            headers = [h for h in headers if h[0].lower() not in taken]
        reason = upstream.reason or heads.phrase(status).encode()
        self.out.append(heads.response_head(status, reason, headers, forward.response, extra))

    def response_body(self, data: bytes) -> None:
        if self.method == "HEAD":
            return
        self.sent += len(data)
        if self.reframed:
            self.out.append(b"%x\r\n" % len(data))
            self.out.append(data)
            self.out.append(b"\r\n")
        else:
            self.out.append(data)

    def flush(self) -> None:
        if self.out:
            out, self.out = self.out, []
            self.connection.send(out[0] if len(out) == 1 else b"".join(out))

    def response_complete(self) -> None:
        self.upstream = None
        if self.reframed:
            self.out.append(b"0\r\n\r\n")
        self.flush()
        self._finish()

    def upgraded(self, upstream: UpstreamConnection) -> bool:
        """101: from here on it is bytes both ways. False when the client has not asked for it."""
        if not self.upgrade:
            return False
        self.started, self.status = True, 101
        extra = b"Connection: upgrade\r\nUpgrade: %b\r\n" % self.upgrade
        reason = upstream.reason or b"Switching Protocols"
        change = self.forward.response if self.forward is not None else NO_CHANGE
        self.connection.send(heads.response_head(101, reason, upstream.headers, change, extra))
        self.connection.start_tunnel(upstream)
        return True

    def upstream_ended(self, upstream: UpstreamConnection, exc: Exception | None) -> None:
        """The endpoint has closed its connection while this exchange had it."""
        if upstream is not self.upstream:
            return
        if upstream.tunnel:
            self.upstream = None
            self._finish(close=True)
            return
        if self.started and exc is None and not upstream.length and not upstream.chunked:
            self.response_complete()  # an answer that ends with its connection
            return
        self.upstream_failed(str(exc) if exc else "closed without an answer", reused=upstream.served)

    def upstream_failed(self, why: str, reused: bool = False) -> None:
        """The endpoint could not answer, or not to the end."""
        upstream, self.upstream = self.upstream, None
        if upstream is not None:
            upstream.abort()
        if self.finished:
            return
        if self.started:  # too late to say so
            self.flush()
            self._finish(abort=True)
            return
        endpoint = self.endpoint
        assert endpoint is not None
        self.engine.log.info("%s:%s: %s (%s)", endpoint.address, endpoint.port, why, self.line)
        if self.method in IDEMPOTENT and self.content.is_at_hand and len(self.tried) < 8:
            self.status = 502
            if not reused:  # one that was kept open may have been closed for its age: no fault of the endpoint's
                self.engine.upstreams.failed(endpoint)
                self.tried.append(endpoint)
            self._attempt()
        else:
            self.answer(Answer(502))

    def _late(self) -> None:
        """The route's own time for requests is over."""
        if not self.finished:
            self._give_up()

    def sweep(self, now: float) -> None:
        """Once a second or so: has the endpoint been silent for too long?"""
        forward = self.forward
        if forward is None or self.upstream is None or not forward.read_timeout or self.finished:
            return
        if not self.content.received and not self.upstream.tunnel:
            return  # it is the client that we wait for
        if now - self.heard > forward.read_timeout and not self.connection.paused_writing:
            self._give_up()

    def _give_up(self) -> None:
        upstream, self.upstream = self.upstream, None
        if upstream is not None:
            upstream.abort()
        if self.started:
            self._finish(abort=True)
        else:
            self.answer(Answer(504))

    # ------------------------------------------------------------------ ending

    def answer(self, answer: Answer) -> None:
        """Answer by ourselves."""
        if self.finished or self.started:
            return
        self._release()
        if not self.content.received or self.engine.stopping:
            self.keep_alive = False
        raw, size = heads.own_answer(answer, self.method == "HEAD", not self.keep_alive, self.http10)
        self.started, self.status, self.sent = True, answer.status, size
        self.connection.send(raw)
        self._finish()

    def client_left(self) -> None:
        """Nobody waits for the answer any more."""
        if self.finished:
            return
        self.status = self.status if self.started else 499
        self._release()
        self.finished = True
        self._note()

    def _release(self) -> None:
        """Let go of what was begun."""
        if self._timer is not None:
            self._timer.cancel()
        upstream, self.upstream = self.upstream, None
        if upstream is not None:
            upstream.abort()
        if isinstance(self._waiting, asyncio.TimerHandle):
            self._waiting.cancel()

    def _finish(self, close: bool = False, abort: bool = False) -> None:
        if self.finished:
            return
        self.finished = True
        if self._timer is not None:
            self._timer.cancel()
        self._note()
        if abort:
            self.connection.abort()
        else:
            self.connection.exchange_done(self, close or not self.keep_alive)

    def _note(self) -> None:
        given, forward, endpoint = self.facts.headers, self.forward, self.endpoint
        self.engine.access.add(
            self.facts.client,
            self.line,
            self.status,
            self.sent,
            given.get("referer", ""),
            given.get("user-agent", ""),
            self.content.size,
            self.engine.upstreams.now() - self.begun,
            forward.backend.name if forward else "",
            f"{endpoint.address}:{endpoint.port}" if endpoint else "",
            self.request_id,
        )
