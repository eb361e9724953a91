"""Who has changed a request, and who is to see it again when somebody else has changed it since."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass
class Turns:
    """The account of one plugin on one request; what asks (a webhook, a policy's binding) is known by its id."""

    asked: set[str] = field(default_factory=set)
    again: set[str] = field(default_factory=set)
    last: bytes = b""
    """The object as the plugin left it."""

    def something_changed(self) -> None:
        """Those that were asked and may be asked again will be."""
        self.again |= self.asked
        self.asked.clear()
