"""A cluster in this process: the store on a folder of the test's own, the API server, and a client."""

from __future__ import annotations

import io
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from minikctl.apiserver.request import ADMIN
from minikctl.apiserver.server import APIServer
from minikctl.cli import run
from minikctl.client.local import LocalClient
from minikctl.kubectl.acting_as import acting_as
from minikctl.kubectl.command import Environment, Invocation
from minikctl.kubectl.connection import Connection
from minikctl.store import Notifier, Store
from minikctl.util.clock import Clock, SystemClock

SYSTEM_NAMESPACES = ("default", "kube-system", "kube-public", "kube-node-lease")


@dataclass
class Result:
    """What a command did."""

    code: int
    out: str
    err: str


@dataclass
class TestCluster:
    """`cli("get", "pods")` runs a command; `client` is the admin's."""

    __test__ = False

    root: Path
    clock: Clock = field(default_factory=SystemClock)
    live: bool = False
    """Whether watches are woken by the file system (needed by informers), or poll."""
    fresh: bool = True
    """Whether the state directory is new, and is to get the system namespaces."""

    def __post_init__(self) -> None:
        self.store = Store(self.root, clock=self.clock)
        self.store.current_rv()
        self.notifier = Notifier(self.store.journal_dir).start() if self.live else None
        self.api = APIServer(self.store, clock=self.clock, rng=random.Random(7), notifier=self.notifier)
        self.client = LocalClient(self.api, actor="test")
        self.namespace = "default"
        if not self.fresh:
            return
        for name in SYSTEM_NAMESPACES:
            self.client.create("namespaces", {"metadata": {"name": name}})
        self.client.create("serviceaccounts", {"metadata": {"name": "default"}}, "default")

    def cli(
        self,
        *argv: str,
        stdin: str = "",
        cwd: Path | None = None,
        environ: dict[str, str] | None = None,
        own_connection: bool = False,
    ) -> Result:
        """Run one command line against this cluster, in this process.

        With `own_connection` the command finds its cluster by itself, as it does outside of tests.
        """
        out, err = io.StringIO(), io.StringIO()
        env = Environment(
            stdin=io.StringIO(stdin),
            stdout=out,
            stderr=err,
            environ=environ or {},
            cwd=cwd or self.root,
            clock=self.clock,
            connect=None if own_connection else self.connection,
        )
        code = run(list(argv), env)
        return Result(code, out.getvalue(), err.getvalue())

    def connection(self, call: Invocation) -> Connection:
        actor = "-".join(call.path.split()[:2])
        client = self.client.for_actor(actor)
        client.user = ADMIN
        return Connection(acting_as(call, client), self.namespace, "minikctl", self.root)

    def close(self) -> None:
        self.client.close()
        self.store.close()


Factory = Callable[..., TestCluster]
