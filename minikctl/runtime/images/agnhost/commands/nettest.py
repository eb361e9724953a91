"""Sees whether every pod of a Service reaches every other: /read /status /write /quit.

`[--port N] [--peers N] [--service NAME] [--namespace NS] [--delay-shutdown SECONDS]`
"""

import json
import os
import time

import _server as http
from common import compact, content_of, flags, listen, place, port_of, post, say, server
from inclusterclient import FOLDER, ask


class State:
    def __init__(self, expected):
        self.expected, self.sent, self.received, self.errors = expected, {}, {}, []
        self.complete, self.over = False, False

    def status(self):
        if self.complete and self.expected <= len(self.received):
            return "pass"
        return "fail" if self.over else "running"

    def write(self, body):
        """Note who says in a POST that it got through: `{"Source": NAME}`."""
        try:
            source = {k.lower(): v for k, v in json.loads(body).items()}.get("source")
        except (ValueError, AttributeError) as e:
            self.err(f"Warning: unable to decode request body: {e}")
            return
        if not source:
            self.err("Got request with no source")
            return
        self.received[source] = self.received.get(source, 0) + 1

    def err(self, text):
        self.errors = [*self.errors[-99:], text]

    def shown(self):
        return {
            "Hostname": http.hostname(),
            "Sent": self.sent,
            "Received": self.received,
            "Errors": self.errors,
            "StillContactingPeers": not self.complete and not self.over,
        }


def others(namespace, service):
    """Addresses behind a Service. Raises OSError, ValueError."""
    status, body = ask(f"/api/v1/namespaces/{namespace}/endpoints/{service}")
    if status != 200:
        raise OSError(body)
    found = json.loads(body).get("subsets") or []
    return {f"{a['ip']}:{p['port']}" for s in found for a in s.get("addresses") or [] for p in s.get("ports") or []}


def contact(state, namespace, service, tries=120):
    for _ in range(tries):
        try:
            peers = others(namespace, service)
            for peer in peers - set(state.sent):
                host, _, port = peer.rpartition(":")
                post(host, port, "/write", compact({"Source": http.hostname(), "Dest": peer}))
                state.sent[peer] = 1
            if len(state.sent) >= state.expected:
                state.complete = True
                return
        except (OSError, ValueError, KeyError) as e:
            state.err(str(e))
        time.sleep(1)
    state.over = True


def main(words):
    import _thread

    given, _ = flags(words)
    namespace = given.get("namespace", "")
    if not namespace and os.path.exists(place(f"{FOLDER}/namespace")):
        namespace = content_of(f"{FOLDER}/namespace").decode().strip()
    state = State(int(given.get("peers", "8")))

    def handle(request):
        match request.path:
            case "/read":
                return http.Answer(200, compact(state.shown()), "application/json")
            case "/status":
                return http.Answer(200, state.status())
            case "/write":
                state.write(request.body)
                return http.Answer(200, compact({"Hostname": http.hostname()}), "application/json")
            case "/quit":
                return http.Answer(200, b"", then=lambda: os._exit(0))
        return http.Answer(404, "404 page not found\n")

    made = server()
    port = port_of(given, "port", 8080)
    listen(made, port, handle)
    say(f"Listening on port {port}")
    http.on((15,), lambda: (time.sleep(float(given.get("delay-shutdown", "0"))), made.stop()))
    _thread.start_new_thread(contact, (state, namespace or "default", given.get("service", "nettest")))
    made.run()
