"""Components that start when the first object appears that needs them: `demand` tells the supervisor, which keeps them
from then on until the cluster stops."""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import threading
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from minikctl.api.meta import Obj
from minikctl.cluster import layout, processes

if TYPE_CHECKING:
    from minikctl.client.informer import InformerFactory

log = logging.getLogger("cluster")


def _folder(state_dir: Path) -> Path:
    return state_dir / "run" / "demanded"


def demanded(state_dir: Path) -> set[str]:
    """The components that were asked for since the cluster was started."""
    try:
        return set(os.listdir(_folder(state_dir)))
    except OSError:
        return set()


def demand(state_dir: Path, component: str) -> None:
    """Have the supervisor run a component; may be repeated."""
    if component in demanded(state_dir):
        return
    with contextlib.suppress(OSError):
        _folder(state_dir).mkdir(mode=0o700, exist_ok=True)
        (_folder(state_dir) / component).touch(mode=0o600)
    supervisor = processes.read(layout.pid_file(state_dir, layout.SUPERVISOR))
    if supervisor is not None:
        log.info("%s is needed now", component)
        supervisor.send(signal.SIGHUP)


def forget(state_dir: Path) -> None:
    """A cluster that starts has not been asked for anything."""
    for name in demanded(state_dir):
        with contextlib.suppress(OSError):
            (_folder(state_dir) / name).unlink()


def follow(informers: InformerFactory, resource: str, needs: Callable[[Obj], bool], ask: Callable[[], None]) -> None:
    """Call `ask` once, when the first object of a kind needs it (of those that there are, too)."""
    from minikctl.client.informer import Handler

    asked = threading.Event()

    def look(obj: Obj) -> None:
        if not asked.is_set() and needs(obj):
            asked.set()
            ask()

    informers.informer(resource).add_handler(Handler(look, lambda _old, new: look(new), lambda _obj: None))
