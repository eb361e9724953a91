"""What a trace consists of."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from minikctl.kubectl.tracing.words import Wanted


@dataclass
class Hop:
    """kind: Client, Name, Ingress, Service, Endpoint, Pod, Outside. reason: a CamelCase word when it ends here."""

    kind: str
    name: str
    detail: str = ""
    reason: str = ""
    message: str = ""
    chosen: bool = False
    note: str = ""
    """What is worth knowing though it stops nobody."""
    below: list[Hop] = field(default_factory=list)

    def walk(self) -> Iterator[Hop]:
        yield self
        for hop in self.below:
            yield from hop.walk()


@dataclass
class Trace:
    """`reason` and `message` say why there is no way; "" when there is one."""

    wanted: Wanted
    root: Hop
    reason: str = ""
    message: str = ""

    @property
    def reachable(self) -> bool:
        return not self.reason
