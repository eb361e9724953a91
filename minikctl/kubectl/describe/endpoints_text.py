"""The ready endpoints of a Service's port in one line."""

from __future__ import annotations

from minikctl.api.meta import Obj

SHOWN = 3


def endpoints_text(slices: list[Obj], port_name: str) -> str:
    """`10.0.0.1:80,10.0.0.2:80 + 4 more...`, `<none>` when there are no slices at all."""
    if not slices:
        return "<none>"
    addresses: list[str] = []
    for part in slices:
        ports = part.get("ports") or []
        if not ports:
            addresses += [e["addresses"][0] for e in _ready(part)]
        for port in ports:
            if (port.get("name") or "") == port_name:
                addresses += [_joined(e["addresses"][0], port.get("port")) for e in _ready(part)]
    text = ",".join(addresses[:SHOWN])
    return f"{text} + {len(addresses) - SHOWN} more..." if len(addresses) > SHOWN else text


def _ready(part: Obj) -> list[Obj]:
    endpoints = part.get("endpoints") or []
    return [e for e in endpoints if (e.get("conditions") or {}).get("ready") is not False]


def _joined(address: str, port: int | None) -> str:
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"
