"""The guestbook tutorial's application: `[--http-port N] [--backend-port N] [--replicaof HOST]`.

/register /get /set /guestbook; a primary sends what it is told to the replicas that registered.
"""

import os
import socket
import time

import _server as http
from common import compact, flags, get, joined, listen, port_of, say, server

TIMEOUT, PAUSE = 15.0, 1.0


class Book:
    def __init__(self, backend):
        self.backend, self.store, self.replicas = backend, {}, []

    def handle(self, request):
        asked = request.parameters()
        route = {"/register": self.register, "/get": self.get, "/set": self.set, "/guestbook": self.front}.get(
            request.path
        )
        if route is None:
            return http.Answer(404, "404 page not found\n")
        say(f"GET {request.target}")
        return http.Later(lambda: route(asked))

    def register(self, asked):
        self.replicas.append(asked.get("host", ""))
        say(f"Node '{asked.get('host', '')}' registered.")
        return http.Answer(200, compact({"data": self.store}))

    def get(self, asked):
        key = asked.get("key", "")
        return http.Answer(200, compact({"data": self.store.get(key, "") if key else self.store}))

    def set(self, asked):
        key, value = asked.get("key", ""), asked.get("value", "")
        if not key:
            return http.Answer(400, "cannot set with empty key.\n")
        self.store[key] = value
        for replica in self.replicas:
            try:
                get(replica, self.backend, f"/set?key={_quoted(key)}&value={_quoted(value)}")
            except OSError as e:
                return http.Answer(417, f"encountered error while propagating to replica '{replica}': {e}\n")
        return http.Answer(200, compact({"message": "Updated"}))

    def front(self, asked):
        command, key, value = asked.get("cmd", "").lower(), asked.get("key", ""), asked.get("value", "")
        if command not in ("get", "set"):
            return http.Answer(400, f"unsupported cmd: '{command}'\n")
        if command == "set" and not key:
            return http.Answer(400, "cannot set with empty key.\n")
        host = "agnhost-replica" if command == "get" else "agnhost-primary"
        try:
            return http.Answer(200, get(host, self.backend, f"/{command}?key={_quoted(key)}&value={_quoted(value)}"))
        except OSError as e:
            return http.Answer(417, f"encountered error: {e}\n")

    def join(self, primary):
        """Have a primary know this one, and take over what it has."""
        end = time.monotonic() + TIMEOUT
        while time.monotonic() < end:
            try:
                with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
                    sock.connect((primary, int(self.backend)))
                    own = http.address() if http.address() != "0.0.0.0" else sock.getsockname()[0]
                import json

                say(f"Registering to primary: {joined(primary, self.backend)}/register?host={own}")
                self.store = json.loads(get(primary, self.backend, f"/register?host={own}"))["data"]
                say(f"Registered to node: {primary}")
                return
            except (OSError, ValueError, KeyError) as e:
                say(f"encountered error while registering to primary: {e}. Retrying in {PAUSE:g}s.")
                time.sleep(PAUSE)
        say("Timed out while registering to primary.")
        os._exit(1)


def _quoted(text):
    from urllib.parse import quote_plus

    return quote_plus(text)


def main(words):
    import _thread

    given, _ = flags(words)
    book = Book(given.get("backend-port", "6379"))
    made = server()
    listen(made, port_of(given, "http-port", 80), book.handle)
    if given.get("replicaof"):
        _thread.start_new_thread(book.join, (given["replicaof"],))
    made.run()
