"""uvicorn's WebSocket protocol, with the subprotocols of Kubernetes.

`SPDY/3.1+portforward.k8s.io`, which kubectl asks for, is no token as RFC 6455 wants it; the websockets library refuses
the handshake for it. The application chooses the subprotocol anyway.
"""

from __future__ import annotations

from typing import Any

from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.datastructures import Headers


class WebSocketProtocol(WebSocketsSansIOProtocol):
    def __init__(self, *args: Any, **kwargs: Any):
        super().__init__(*args, **kwargs)
        vars(self.conn)["process_subprotocol"] = _left_to_the_application

    async def send(self, message: Any) -> None:
        await super().send(message)
        if message["type"] == "websocket.http.response.body" and not message.get("more_body"):
            self.handshake_complete = True  # refused; uvicorn would complain that there was no answer


def _left_to_the_application(_headers: Headers) -> None:
    return None
