"""Connections to kubelets for asyncio; what is asked and what failures mean is `apiserver.kubelet_client`'s."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

from minikctl.api.errors import ApiError
from minikctl.apiserver import kubelet_client
from minikctl.apiserver.kubelet_client import Call, LogReading
from minikctl.util.async_frames import AsyncFrames
from minikctl.util.frames import FrameError

if TYPE_CHECKING:
    from minikctl.apiserver.server import APIServer


async def open_call(api: APIServer, call: Call) -> AsyncFrames:
    """Connect and have the request accepted. Raises ApiError."""
    frames = await AsyncFrames.over(await asyncio.to_thread(kubelet_client.dial, api, call))
    try:
        async with asyncio.timeout(kubelet_client.ANSWER):
            await frames.send_line(dict(call.request))
            answer = await frames.recv_line()
    except (OSError, FrameError) as e:
        frames.close()
        why = "i/o timeout" if isinstance(e, TimeoutError) else "EOF"
        raise kubelet_client.unreachable(call.node, call.where, why) from None
    except asyncio.CancelledError:
        frames.close()
        raise
    if answer.get("ok"):
        return frames
    frames.close()
    raise ApiError.from_status(answer.get("error") or {})


async def log(api: APIServer, call: Call, frames: AsyncFrames) -> AsyncIterator[bytes]:
    """The data of a log, over as many connections as it takes. Raises ApiError."""
    reading = LogReading(call)
    try:
        while True:
            while not reading.is_over and (frame := await frames.recv()) is not None:
                if data := reading.take(frame):
                    yield data
            frames.close()
            rest = reading.again()
            if rest is None:
                return
            frames = await _again(api, rest)
    finally:
        frames.close()


async def _again(api: APIServer, call: Call) -> AsyncFrames:
    deadline = time.monotonic() + kubelet_client.PATIENCE
    while True:
        try:
            return await open_call(api, call)
        except ApiError as e:
            if not kubelet_client.may_come_back(e, deadline):
                raise
        await asyncio.sleep(kubelet_client.PAUSE)
