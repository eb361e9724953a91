"""Sees whether every pod of a Service reaches every other: /read /status /write /quit.

`[--port N] [--peers N] [--service NAME] [--namespace NS] [--delay-shutdown SECONDS]`
"""

import json
import os
import time

import _server as http
from common import compact, content_of, flags, get, listen, place, port_of, say, server
from inclusterclient import FOLDER, ask


class State:
    def __init__(self, expected):
        self.expected, self.sent, self.received, self.errors = expected, {}, {}, []
        self.complete, self.over = False, False

    def status(self):
        if self.complete and self.expected <= len(self.received):
            return "pass"
        return "fail" if self.over else "running"

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
                get(host, port, f"/write?source={http.hostname()}")
                state.sent[peer] = 1
            if len(state.sent) >= state.expected:
                state.complete = True
                return
        except (OSError, ValueError, KeyError) as e:
            state.errors = [*state.errors[-99:], str(e)]
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
                source = request.parameters().get("source", request.peer[0])
                state.received[source] = state.received.get(source, 0) + 1
                return http.Answer(200, compact(state.shown()), "application/json")
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
