"""Health checks of load balancers."""

from __future__ import annotations

import json
import socket
import threading
import urllib.error
import urllib.request
from typing import Any

from minikctl.proxy.health import Health, HealthPorts, healths
from minikctl.proxy.relay.loop import Relay
from minikctl.proxy.rules import Endpoint, Node, Target
from tests.support.waiting import eventually

NODES = {"n1": Node(("172.18.0.2",)), "n2": Node(("172.18.0.3",))}
SPEC = {"type": "LoadBalancer", "externalTrafficPolicy": "Local", "healthCheckNodePort": 31234}


def service(**spec: Any) -> dict[str, Any]:
    return {"metadata": {"name": "web", "namespace": "default"}, "spec": {**SPEC, **spec}}


def test_who_answers_what() -> None:
    key = ("Service", "default", "web", "")
    ends = (Endpoint("10.244.1.1", 80, "n1"), Endpoint("10.244.1.1", 443, "n1"), Endpoint("10.244.1.2", 80, "n1"))
    found = healths(service(), [Target(key, "tcp", external=ends)], NODES)
    assert {place: h.endpoints for place, h in found.items()} == {
        (True, "127.0.0.1", 31234): 2,
        (False, "172.18.0.2", 31234): 2,
        (False, "172.18.0.3", 31234): 0,
    }
    assert healths(service(externalTrafficPolicy="Cluster"), [], NODES) == {}
    assert healths(service(healthCheckNodePort=0), [], NODES) == {}


def test_it_is_asked_over_http() -> None:
    relay = Relay(lambda _endpoint, _protocol: socket.socket())
    thread = threading.Thread(target=relay.run, daemon=True)
    thread.start()
    listener = socket.create_server(("127.0.0.1", 0))
    listener.setblocking(False)
    ports = HealthPorts(relay, lambda _place: listener)
    place = (True, *listener.getsockname())
    url = f"http://127.0.0.1:{place[2]}/healthz"

    def ask() -> tuple[int, int]:
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            with opener.open(url, timeout=5) as answer:
                return answer.status, json.load(answer)["localEndpoints"]
        except urllib.error.HTTPError as e:
            return e.code, json.load(e)["localEndpoints"]

    ports.apply({place: Health("default", "web", 2)})
    eventually(lambda: ask() == (200, 2))
    ports.apply({place: Health("default", "web", 0)})
    assert ask() == (503, 0)
    with socket.create_connection(place[1:], 5) as rude:
        rude.sendall(b"x" * 20000)
    assert ask() == (503, 0)
    ports.apply({})
    eventually(lambda: listener.fileno() == -1)
    relay.stop()
    thread.join(5)
