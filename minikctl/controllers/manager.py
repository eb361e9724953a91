"""kube-controller-manager: starts every controller that has a file in this folder."""

from __future__ import annotations

from collections.abc import Iterable
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules

from minikctl.controllers.base import Context, Controller

FRAME = frozenset({"base", "manager", "common"})


def controller_classes() -> list[type[Controller]]:
    """Every controller: each module's `CONTROLLER`. Raises ValueError when two have one name."""
    found: dict[str, type[Controller]] = {}
    for module in iter_modules([str(Path(__file__).parent)]):
        if module.name in FRAME or module.name.startswith("_"):
            continue
        controller: type[Controller] = import_module(f"minikctl.controllers.{module.name}").CONTROLLER
        if controller.name in found:
            raise ValueError(f"two controllers are called {controller.name}")
        found[controller.name] = controller
    return list(found.values())


class Manager:
    """A set of running controllers on shared informers."""

    def __init__(self, context: Context, classes: Iterable[type[Controller]] | None = None):
        self.context = context
        self.controllers = [c(context) for c in (controller_classes() if classes is None else classes)]

    def start(self) -> None:
        """Fill the caches, then let the workers go."""
        self.context.informers.start()
        self.context.informers.wait_for_sync()
        for controller in self.controllers:
            controller.start()

    def stop(self) -> None:
        for controller in self.controllers:
            controller.stop()
        self.context.informers.stop()

    @property
    def idle(self) -> bool:
        """True when no controller has work waiting."""
        return all(c.queue.idle for c in self.controllers)
