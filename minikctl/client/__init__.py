"""How everything above talks to a cluster: one `Client` protocol, in-process or (stage 2) over HTTP."""

from minikctl.api.watch import Event, Sink, Stop
from minikctl.client.cause import because, reacting_to
from minikctl.client.protocol import Client, DeleteOptions, Stream, WriteOptions

__all__ = [
    "Client",
    "DeleteOptions",
    "Event",
    "Sink",
    "Stop",
    "Stream",
    "WriteOptions",
    "because",
    "reacting_to",
]
