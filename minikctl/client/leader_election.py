"""Leader election by a Lease: of several candidates one leads, and another one takes over when it falls silent.

A candidate leads when its identity stands in the Lease. It renews the Lease every `retry_period`; one that could not
for `renew_deadline` stops leading. The others take the Lease when they have seen no renewal for the time that stands
in it, by their own clocks: no two clocks are compared. Who ends in good order gives the Lease back, and the next one
has it within a retry period.

This alone does not keep a leader that was stopped for a while (SIGSTOP, a suspended laptop) from writing after another
one has taken over; `LocalClient.lead_by` does: it refuses a write whose writer no longer stands in the Lease.
Source: client-go `tools/leaderelection`.
"""

from __future__ import annotations

import logging
import random
from collections.abc import Callable
from dataclasses import dataclass

from minikctl.api.errors import ApiError
from minikctl.api.meta import Obj, micro_timestamp
from minikctl.client.events import EventRecorder
from minikctl.client.protocol import Client
from minikctl.util.clock import Clock, SystemClock

log = logging.getLogger("leaderelection")
NAMESPACE = "kube-system"
JITTER = 1.2
"""Candidates look again after a retry period and up to this many more, so that they do not come all at once."""

Wait = Callable[[float], bool]
"""Waits for some seconds; True when the process is to end."""


@dataclass(frozen=True, slots=True)
class Timing:
    """Seconds; the defaults are Kubernetes'. Raises ValueError for times that cannot work."""

    lease_duration: float = 15.0
    renew_deadline: float = 10.0
    retry_period: float = 2.0

    def __post_init__(self) -> None:
        if self.lease_duration < 1 or self.lease_duration != int(self.lease_duration):
            raise ValueError("the lease duration must be whole seconds, at least one")
        if self.lease_duration <= self.renew_deadline:
            raise ValueError("the lease duration must be longer than the renew deadline")
        if self.retry_period <= 0 or self.renew_deadline <= JITTER * self.retry_period:
            raise ValueError(f"the renew deadline must be longer than {JITTER} times the retry period")


class LeaderElector:
    """One candidate. `acquire` until it leads, then `renew`, then `release`."""

    def __init__(
        self,
        client: Client,
        lease: str,
        identity: str,
        timing: Timing | None = None,
        *,
        clock: Clock | None = None,
        rng: random.Random | None = None,
    ):
        self.client, self.lease, self.identity = client, lease, identity
        self.timing = timing or Timing()
        self.clock = clock or SystemClock()
        self.rng = rng or random.SystemRandom()
        self.recorder = EventRecorder(client, lease, clock=self.clock)
        self._known: Obj | None = None
        self._changed_at = 0.0

    # ------------------------------------------------------------------ a life as a candidate

    def acquire(self, wait: Wait) -> bool:
        """Return True when it leads, False when `wait` says that the process is to end."""
        log.info("attempting to acquire leader lease %s/%s", NAMESPACE, self.lease)
        while not self.try_acquire_or_renew():
            if wait(self.timing.retry_period * (1 + self.rng.random() * JITTER)):
                return False
        self._note("became leader")
        log.info("successfully acquired lease %s/%s", NAMESPACE, self.lease)
        return True

    def renew(self, wait: Wait) -> bool:
        """Keep the Lease. Return True when `wait` says that the process is to end, False when the Lease is lost."""
        last = self.clock.monotonic()
        while not wait(self.timing.retry_period):
            if self.try_acquire_or_renew():
                last = self.clock.monotonic()
            elif self.clock.monotonic() - last > self.timing.renew_deadline:
                log.error("failed to renew lease %s/%s", NAMESPACE, self.lease)
                return False
        return True

    def release(self) -> None:
        """Give the Lease back if we have it. To be called when the work that it guards has ended."""
        try:
            held = self.client.get("leases", self.lease, NAMESPACE)
            if held["spec"].get("holderIdentity") == self.identity:
                self._note("stopped leading")
                now = micro_timestamp(self.clock.now())
                spec = {**held["spec"], "holderIdentity": "", "leaseDurationSeconds": 1}
                self.client.update("leases", {**held, "spec": {**spec, "acquireTime": now, "renewTime": now}})
        except ApiError as e:
            log.warning("failed to release lease %s/%s: %s", NAMESPACE, self.lease, e.message)
        self.recorder.stop()

    # ------------------------------------------------------------------ one look

    def try_acquire_or_renew(self) -> bool:
        """Take the Lease if it is free, renew it if it is ours; whether it is ours now."""
        try:
            if self._known is not None and self._is_ours(self._known) and self._is_valid():
                try:
                    self._write(self._known)
                    return True
                except ApiError:  # somebody has touched it: look at it
                    pass
            return self._look()
        except ApiError as e:
            log.info("lease %s/%s: %s", NAMESPACE, self.lease, e.message)
            return False

    def _look(self) -> bool:
        try:
            found = self.client.get("leases", self.lease, NAMESPACE)
        except ApiError as e:
            if e.reason != "NotFound":
                raise
            fresh = {"metadata": {"name": self.lease, "namespace": NAMESPACE}, "spec": self._spec({})}
            self._see(self.client.create("leases", fresh, NAMESPACE))
            return True
        if self._known is None or self._known["metadata"]["resourceVersion"] != found["metadata"]["resourceVersion"]:
            self._see(found)
        if (found.get("spec") or {}).get("holderIdentity") and not self._is_ours(found) and self._is_valid():
            return False
        self._write(found)
        return True

    def _write(self, lease: Obj) -> None:
        """Raises ApiError (Conflict when somebody else was first)."""
        self._see(self.client.update("leases", {**lease, "spec": self._spec(lease.get("spec") or {})}))

    def _spec(self, before: Obj) -> Obj:
        now = micro_timestamp(self.clock.now())
        ours = before.get("holderIdentity") == self.identity
        transitions = int(before.get("leaseTransitions") or 0) + (1 if before and not ours else 0)
        return {
            **before,
            "holderIdentity": self.identity,
            "leaseDurationSeconds": int(self.timing.lease_duration),
            "acquireTime": before.get("acquireTime") if ours else now,
            "renewTime": now,
            "leaseTransitions": transitions,
        }

    def _see(self, lease: Obj) -> None:
        self._known, self._changed_at = lease, self.clock.monotonic()

    def _is_ours(self, lease: Obj) -> bool:
        return bool((lease.get("spec") or {}).get("holderIdentity") == self.identity)

    def _is_valid(self) -> bool:
        """Whether the Lease has been renewed within the time that it grants, as far as we have seen."""
        seconds = ((self._known or {}).get("spec") or {}).get("leaseDurationSeconds") or 0
        return self._changed_at + float(seconds) > self.clock.monotonic()

    def _note(self, what: str) -> None:
        if self._known is not None:
            self.recorder.normal(self._known, "LeaderElection", f"{self.identity} {what}")
