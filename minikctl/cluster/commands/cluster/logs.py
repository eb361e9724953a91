"""`minikctl cluster logs`: what the cluster's own processes wrote."""

from __future__ import annotations

import time
from pathlib import Path
from typing import BinaryIO

from minikctl.client.state_dir import load
from minikctl.cluster import completing, layout
from minikctl.kubectl import kubeconfig
from minikctl.kubectl.command import Command, Invocation
from minikctl.kubectl.flags import BOOL, INT, Option
from minikctl.util.errors import UsageError

POLL_SECONDS = 0.2


def run(call: Invocation) -> None:
    directory = kubeconfig.local_directory(call)
    if load(directory) is None:
        raise UsageError(f"there is no cluster in {directory}")
    known = sorted(p.stem for p in (directory / "run").glob("*.log"))
    wanted = [_meant(word, known) for word in call.args] or known
    tails = [_Tail(call, name, layout.log_file(directory, name), len(wanted) > 1) for name in wanted]
    for tail in tails:
        tail.show_last(call.flags.tail)
    while call.flags.follow:
        call.env.stdout.flush()
        time.sleep(POLL_SECONDS)
        for tail in tails:
            tail.show_new()


def _meant(word: str, known: list[str]) -> str:
    """`kubelet` means `kubelet-node-1` when there is no other."""
    if word in known:
        return word
    close = [k for k in known if k.startswith(word)]
    if len(close) != 1:
        raise UsageError(f"no component is called {word!r}; there are: {', '.join(known)}")
    return close[0]


class _Tail:
    """One log file; lines carry the component's name when several are shown."""

    def __init__(self, call: Invocation, name: str, path: Path, prefixed: bool):
        self.call, self.path = call, path
        self.prefix = f"[{name}] " if prefixed else ""
        self.offset = 0

    def show_last(self, lines: int) -> None:
        """The last lines; all of them when negative."""
        data = self._read()
        found = data.splitlines(keepends=True)
        self._show(b"".join(found[len(found) - lines :] if 0 <= lines < len(found) else found))

    def show_new(self) -> None:
        self._show(self._read())

    def _read(self) -> bytes:
        try:
            with self.path.open("rb") as f:
                return self._from(f)
        except FileNotFoundError:
            return b""

    def _from(self, f: BinaryIO) -> bytes:
        size = f.seek(0, 2)
        f.seek(self.offset if self.offset <= size else 0)  # a log that became too long was emptied
        data = f.read()
        complete = data[: data.rfind(b"\n") + 1]
        self.offset = f.tell() - len(data) + len(complete)
        return complete

    def _show(self, data: bytes) -> None:
        for line in data.decode(errors="replace").splitlines():
            self.call.out(self.prefix + line)


COMMAND = Command(
    name="logs",
    summary="Show the logs of the cluster's own processes",
    use="logs [COMPONENT...] [-f] [--tail=N]",
    options=(
        Option("follow", BOOL, short="f", help="Go on as more is written."),
        Option("tail", INT, default=-1, help="How many lines of each log to show; -1 for all."),
    ),
    examples=(
        ("Everything", "minikctl cluster logs"),
        ("Follow the controllers and the scheduler", "minikctl cluster logs controller-manager -f"),
    ),
    complete=completing.components,
    run=run,
)
