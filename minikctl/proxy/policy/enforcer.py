"""Keeps the cluster's NetworkPolicies in force: watches, compiles, and changes what is different.

As long as there is no policy it watches nothing but policies and does nothing. Without nftables it answers the relay's
question whether a connection through a Service is allowed (`permits`); connections between pods pass unseen then.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterable

from minikctl.api.meta import Obj, labels_of
from minikctl.api.policy.network import Compiled, compile_policies, dns_peer
from minikctl.client.informer import Handler, InformerFactory
from minikctl.proxy.policy import table
from minikctl.proxy.policy.table import Rendered

log = logging.getLogger("policy")
GATHER_SECONDS = 0.005
"""How long changes are gathered that come together."""
RETRY_SECONDS = 5.0

Run = Callable[[str, list[str]], str]
"""(input, nft's arguments) → output; raises when nft refuses. Calls it in the router's network namespace."""


class Enforcer:
    """See the module. `run` None: there is no nftables. dns_address: where the cluster's DNS listens. cluster: the
    cluster's own networks; all else is outside."""

    def __init__(
        self, informers: InformerFactory, run: Run | None, dns_address: str, cluster: Iterable[str] = table.CLUSTER
    ):
        self._informers, self._run, self._cluster = informers, run, tuple(cluster)
        self._dns = dns_peer(dns_address)
        self._policies = informers.informer("networkpolicies.networking.k8s.io")
        self._watching = self._stopping = False
        self._changed = threading.Event()
        self._rendered: Rendered | None = None
        self.compiled = Compiled()
        self.loads = 0
        """How often nftables were changed."""
        self._thread = threading.Thread(target=self._work, name="network-policy", daemon=True)

    def start(self) -> None:
        """After the informers' start."""
        self._policies.add_handler(_on_change(lambda old, new: old["spec"] != new["spec"], self._changed.set))
        self._changed.set()  # a table that an earlier process left may be out of date
        self._thread.start()

    def stop(self) -> None:
        """The rules stay in force."""
        self._stopping = True
        self._changed.set()
        self._thread.join(5)

    def permits(self, client: str, address: str, port: int, protocol: str) -> bool:
        """May a client inside the cluster be led to this endpoint? protocol: `tcp` or `udp`. For any thread."""
        return self.compiled.decide(client, address, protocol.upper(), port).allowed

    # ------------------------------------------------------------------ the thread

    def _work(self) -> None:
        retry: float | None = None
        stopped = threading.Event()
        while not self._stopping:
            self._changed.wait(retry)
            if self._stopping:
                return
            stopped.wait(GATHER_SECONDS)
            self._changed.clear()
            try:
                self._sync()
                retry = None
            except Exception as e:
                log.error("cannot enforce network policies, trying again: %s", e)
                self._rendered, retry = None, RETRY_SECONDS

    def _sync(self) -> None:
        policies = self._policies.list()
        if policies and not self._watching:
            self._watch()
        if not policies:
            self.compiled = Compiled()
        else:
            pods, namespaces = (self._informers.informer(w).list() for w in ("pods", "namespaces"))
            self.compiled = compile_policies(policies, pods, namespaces, [self._dns])
        if self._run is not None:
            self._load(table.render(self.compiled))

    def _watch(self) -> None:
        """Pods and namespaces matter from the first policy on."""
        self._watching = True
        pods, namespaces = (self._informers.informer(w) for w in ("pods", "namespaces"))
        self._informers.start()
        pods.synced.wait(30)
        namespaces.synced.wait(30)
        pods.add_handler(_on_change(lambda old, new: _traits(old) != _traits(new), self._changed.set))
        namespaces.add_handler(_on_change(lambda old, new: labels_of(old) != labels_of(new), self._changed.set))

    def _load(self, wanted: Rendered) -> None:
        if self._run is None or wanted == self._rendered:
            return
        if self._rendered is None:
            texts = table.fresh(wanted, self._cluster) if wanted.chains else [table.REMOVE]
        elif not wanted.chains:
            texts = [table.REMOVE]
        elif not self._rendered.chains:
            texts = table.fresh(wanted, self._cluster)
        else:
            texts = table.chunks(table.changes(self._rendered, wanted))
        for text in texts:
            self._run(text, ["-f", "-"])
        self._rendered = wanted
        self.loads += 1


def _traits(pod: Obj) -> object:
    """What of a pod matters to policies and can change."""
    status = pod.get("status") or {}
    return status.get("podIP"), status.get("phase") in ("Succeeded", "Failed"), labels_of(pod)


def _on_change(matters: Callable[[Obj, Obj], bool], changed: Callable[[], None]) -> Handler:
    return Handler(lambda _o: changed(), lambda a, b: changed() if matters(a, b) else None, lambda _o: changed())
