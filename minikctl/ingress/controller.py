"""The controller: follows objects, has a new table put in force when one of them changes, and reports back.

It writes the status and Events of Ingresses, the status of the Gateway API's objects, and the IngressClass `nginx` when
there is none. One thread works; what changes while it does is taken together in its next turn.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterable
from typing import Any, Protocol

from minikctl.api.errors import ApiError
from minikctl.api.ingress_rules import CLASS_NAME
from minikctl.api.meta import Obj, Objects, generation, labels_of, name, namespace, timestamp, uid
from minikctl.client import Client, reacting_to
from minikctl.client.events import EventRecorder
from minikctl.client.informer import Handler, Informer, InformerFactory
from minikctl.ingress.compiling import Compiled, Snapshot, compile_table
from minikctl.ingress.gateways import GatewayObjects
from minikctl.ingress.ingresses import read_certificate
from minikctl.ingress.model import Certificate, Table
from minikctl.util.clock import Clock, SystemClock

log = logging.getLogger("ingress")
COMPONENT = "ingress-controller"
GATEWAY_GROUP = "gateway.networking.k8s.io"
DEFINITIONS = "customresourcedefinitions.apiextensions.k8s.io"
GATEWAY_KINDS = ("gatewayclasses", "gateways", "httproutes", "referencegrants")
SERVICE_LABEL = "kubernetes.io/service-name"
RETRY_SECONDS = 1.0
SEEN_SECONDS = 5.0
PROTOCOLS = {"kind": "IngressClass", "apiVersion": "networking.k8s.io/v1"}


class Serving(Protocol):
    """The engine, as the controller sees it. Methods may be called from the controller's thread."""

    def addresses(self) -> list[str]: ...

    def ports(self) -> dict[int, int]:
        """Where 80 and 443 are really listened on."""
        ...

    def unavailable(self, port: int, secure: bool) -> str:
        """Why a Gateway's port cannot be listened on; "" when it is, or can be."""
        ...

    def check(self, certificate: Certificate) -> None:
        """Raises ValueError with a sentence when it does not parse."""
        ...

    def put_in_force(self, table: Table) -> None: ...


class IngressController:
    """`sync` may be called by tests; `start` has a thread do it."""

    def __init__(self, client: Client, serving: Serving, clock: Clock | None = None):
        self.client = client.for_actor(COMPONENT)
        self.serving, self.clock = serving, clock or SystemClock()
        self.recorder = EventRecorder(self.client, COMPONENT, clock=self.clock)
        self.compiled: Compiled | None = None
        self._informers = InformerFactory(self.client)
        self._wake = threading.Event()
        self._cause: int | None = None
        self._busy = self._stopped = False
        self._told: dict[str, set[tuple[str, str]]] = {}
        self._synced: dict[str, int] = {}
        self._gateway_kinds: dict[str, Informer] = {}
        self._namespaces: Informer | None = None
        self._thread: threading.Thread | None = None
        self._follow()

    # ------------------------------------------------------------------ following

    def _follow(self) -> None:
        self.ingresses = self._watch("ingresses.networking.k8s.io")
        self.classes = self._watch("ingressclasses.networking.k8s.io")
        self.services = self._watch("services", lambda o: (namespace(o), name(o)) in self._asked("services"))
        self.secrets = self._watch("secrets", lambda o: (namespace(o), name(o)) in self._asked("secrets"))
        self.slices = self._informers.informer("endpointslices.discovery.k8s.io", indexers={"service": _by_service})
        self._listen(self.slices, lambda o: any(_pair(s) in self._asked("services") for s in _by_service(o)))
        self._watch(DEFINITIONS, lambda o: (o.get("spec") or {}).get("group") == GATEWAY_GROUP)

    def _asked(self, what: str) -> set[tuple[str, str]]:
        found: set[tuple[str, str]] = getattr(self.compiled, what, set())
        return found

    def _watch(self, word: str, concerns: Callable[[Obj], bool] | None = None) -> Informer:
        informer = self._informers.informer(word)
        self._listen(informer, concerns)
        return informer

    def _listen(self, informer: Informer, concerns: Callable[[Obj], bool] | None) -> None:
        def changed(obj: Obj) -> None:
            if self._busy or self.compiled is None or concerns is None or concerns(obj):
                version = obj["metadata"].get("resourceVersion") or ""
                self._cause = int(version) if version.isdigit() else None
                self._wake.set()

        def updated(old: Obj, new: Obj) -> None:
            if not _only_status(old, new):
                changed(new)

        informer.add_handler(Handler(changed, updated, changed))

    def _follow_gateways(self) -> None:
        """The Gateway API's kinds appear and go with their definitions."""
        fresh = False
        for plural in GATEWAY_KINDS:
            word = f"{plural}.{GATEWAY_GROUP}"
            if plural not in self._gateway_kinds and self.client.kind(word) is not None:
                self._gateway_kinds[plural] = self._watch(word)
                fresh = True
        if fresh:
            if self._namespaces is None:
                self._namespaces = self._watch("namespaces")
            self._informers.start()
            self._informers.wait_for_sync(5)

    # ------------------------------------------------------------------ running

    def start(self) -> None:
        self._informers.start()
        self._informers.wait_for_sync()
        self._ensure_class()
        self.sync()
        self._thread = threading.Thread(target=self._run, name="ingress", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self._stopped = True
        self._wake.set()
        if self._thread is not None:
            self._thread.join(5)
        self._informers.stop()
        self.recorder.stop()

    def _run(self) -> None:
        while True:
            self._wake.wait()
            self._wake.clear()
            if self._stopped:
                return
            try:
                with reacting_to(self._cause):
                    again = self.sync()
            except Exception:
                log.exception("making the routing table")
                again = True
            if again and not self._stopped:
                threading.Timer(RETRY_SECONDS, self._wake.set).start()

    def sync(self) -> bool:
        """Bring the table up to date, then the objects. True when something is to be tried again."""
        self._busy = True
        try:
            self._follow_gateways()
            self.compiled = compiled = compile_table(self._snapshot())
        finally:
            self._busy = False
        self.serving.put_in_force(compiled.table)
        failed = [o for o in compiled.served if not self._attempt(self._report, o)]
        self._tell(compiled)
        for (plural, object_key), status in compiled.statuses.items():
            if not self._attempt(self._write_status, plural, object_key, status):
                failed.append({})
        return bool(failed)

    def _snapshot(self) -> Snapshot:
        def there(plural: str) -> Objects:
            informer = self._gateway_kinds.get(plural)
            return informer.list() if informer is not None else []

        return Snapshot(
            self.ingresses.list(),
            self.classes.list(),
            lambda ns, title: self.services.get(title, ns),
            lambda ns, title: self.slices.by_index("service", f"{ns}/{title}"),
            lambda ns, title: self.secrets.get(title, ns),
            GatewayObjects(
                there("gatewayclasses"),
                there("gateways"),
                there("httproutes"),
                there("referencegrants"),
                self._namespaces.list() if self._namespaces else [],
            ),
            self.serving.unavailable,
            self.serving.addresses(),
            self._certificate,
            self.serving.ports(),
        )

    def _certificate(self, secret: Obj | None, origin: str) -> Certificate:
        certificate = read_certificate(secret, origin)
        self.serving.check(certificate)
        return certificate

    # ------------------------------------------------------------------ reporting

    def _ensure_class(self) -> None:
        """Ingresses name a class, and somebody has to be it."""
        if self.classes.get(CLASS_NAME) is not None:
            return
        ours = {
            **PROTOCOLS,
            "metadata": {"name": CLASS_NAME, "labels": {"app.kubernetes.io/managed-by": "minikctl"}},
            "spec": {"controller": "k8s.io/ingress-nginx"},
        }
        try:
            self.client.create("ingressclasses.networking.k8s.io", ours)
        except ApiError as e:
            if e.reason != "AlreadyExists":
                log.warning("cannot make the IngressClass %s: %s", CLASS_NAME, e.message)
                return
        deadline = time.monotonic() + SEEN_SECONDS  # else the first table would miss it, and say so in Events
        while self.classes.get(CLASS_NAME) is None and time.monotonic() < deadline:
            time.sleep(0.002)

    @staticmethod
    def _attempt(write: Callable[..., None], *arguments: Any) -> bool:
        """What fails for reasons of the moment comes again; an object that is gone does not."""
        try:
            write(*arguments)
        except ApiError as e:
            if e.reason == "NotFound":
                return True
            if e.reason != "Conflict":
                log.warning("cannot write a status: %s", e.message)
            return False
        return True

    def _report(self, ingress: Obj) -> None:
        """The address at which an Ingress is served."""
        if ingress["metadata"].get("deletionTimestamp"):
            return
        ports = self.serving.ports()
        wanted = [80, *([443] if (ingress.get("spec") or {}).get("tls") else [])]
        odd = [{"port": ports.get(p, p), "protocol": "TCP"} for p in wanted]
        if all(ports.get(p, p) == p for p in wanted):
            odd = []
        points = [{"ip": a, **({"ports": odd} if odd else {})} for a in self.serving.addresses()]
        if ((ingress.get("status") or {}).get("loadBalancer") or {}).get("ingress") == points:
            return
        status = {"status": {"loadBalancer": {"ingress": points}}}
        self.client.patch(
            "ingresses.networking.k8s.io", name(ingress), status, namespace(ingress), subresource="status"
        )

    def _tell(self, compiled: Compiled) -> None:
        """Events: each problem once, as long as it lasts; `Sync` for each Ingress that is new or has changed."""
        for ingress in compiled.served:
            if self._synced.get(uid(ingress)) != generation(ingress):
                self._synced[uid(ingress)] = generation(ingress)
                self.recorder.normal(ingress, "Sync", "Scheduled for sync")
        for object_key, problems in compiled.problems.items():
            known = self._told.get(object_key, set())
            ingress_now = self.ingresses.by_key(object_key)
            for reason, sentence in problems if ingress_now is not None else ():
                if (reason, sentence) not in known:
                    assert ingress_now is not None
                    log.warning("Ingress %s: %s", object_key, sentence)
                    self.recorder.warning(ingress_now, reason, sentence)
        self._told = {k: set(v) for k, v in compiled.problems.items()}
        self._synced = {i: g for i, g in self._synced.items() if i in {uid(o) for o in compiled.served}}

    def _write_status(self, plural: str, object_key: str, status: Obj) -> None:
        informer = self._gateway_kinds.get(plural)
        obj = informer.by_key(object_key) if informer is not None else None
        if obj is None or obj["metadata"].get("deletionTimestamp"):
            return
        now = timestamp(self.clock.now())
        wanted = with_times(status, obj.get("status") or {}, now)
        if plural == "httproutes":
            wanted = {"parents": _with_others(wanted["parents"], obj)}
        if wanted != (obj.get("status") or {}):
            word = f"{plural}.{GATEWAY_GROUP}"
            version = obj["metadata"].get("resourceVersion")
            changed = {**obj, "metadata": {**obj["metadata"], "resourceVersion": version}, "status": wanted}
            self.client.update(word, changed, subresource="status")


def with_times(wanted: Any, there: Any, now: str) -> Any:
    """The wanted status, each condition with the time since when it is as it is. Lists of things with names (listeners)
    or references (parents) are compared by these."""
    if isinstance(wanted, dict):
        known = there if isinstance(there, dict) else {}
        return {
            k: _conditions(v, known.get(k) or [], now) if k == "conditions" else with_times(v, known.get(k), now)
            for k, v in wanted.items()
        }
    if isinstance(wanted, list):
        by_identity = {_identity(i): i for i in there or [] if isinstance(i, dict)}
        return [with_times(i, by_identity.get(_identity(i)), now) if isinstance(i, dict) else i for i in wanted]
    return wanted


def _identity(item: Obj) -> str:
    return str(item.get("name") or sorted((item.get("parentRef") or {}).items()))


def _conditions(wanted: Iterable[Obj], there: Iterable[Obj], now: str) -> list[Obj]:
    known = {c.get("type"): c for c in there}
    found = []
    for one in wanted:
        old = known.get(one["type"]) or {}
        since = old.get("lastTransitionTime") if old.get("status") == one["status"] else None
        found.append({"lastTransitionTime": since or now, **one})
    return found


def _with_others(parents: Objects, route: Obj) -> Objects:
    """Other controllers' parts of an HTTPRoute's status stay."""
    from minikctl.ingress.gateways import CONTROLLER

    there = (route.get("status") or {}).get("parents") or []
    return [*parents, *(p for p in there if p.get("controllerName") != CONTROLLER)]


def _by_service(endpoint_slice: Obj) -> list[str]:
    service = labels_of(endpoint_slice).get(SERVICE_LABEL)
    return [f"{namespace(endpoint_slice)}/{service}"] if service else []


def _pair(object_key: str) -> tuple[str, str]:
    ns, _, title = object_key.partition("/")
    return ns, title


def _only_status(old: Obj, new: Obj) -> bool:
    """A write of our own, as a rule: nothing that routing depends on."""
    if "spec" not in new:
        return False
    ours, before = new["metadata"], old["metadata"]
    same = all(
        ours.get(f) == before.get(f) for f in ("generation", "annotations", "labels", "deletionTimestamp", "uid")
    )
    return same and old.get("spec") == new.get("spec") and new.get("kind") != "CustomResourceDefinition"
