"""Emptying a node: which pods may go, and seeing them off. Source: kubectl `pkg/drain`."""

from __future__ import annotations

from minikctl.api.durations import parse_time
from minikctl.api.errors import ApiError
from minikctl.api.meta import Obj, annotations_of, controller_of
from minikctl.client.protocol import DeleteOptions, WriteOptions
from minikctl.kubectl.command import Invocation
from minikctl.kubectl.dry_run import SERVER
from minikctl.kubectl.printers import printer
from minikctl.kubectl.waiting import Deadline, TimedOut, changes
from minikctl.util.errors import UsageError

RETRY_SECONDS = 5.0
MIRROR = "kubernetes.io/config.mirror"
GO, STAY, WARN, REFUSE = "go", "stay", "warn", "refuse"
Verdict = tuple[bool, str, str]
"""(whether the pod goes, what to say about it: "", warn or refuse, the words)."""
_FINE: Verdict = (True, "", "")


class Drainer:
    """Removes pods as the flags of `drain` say."""

    def __init__(self, call: Invocation, dry_run: str):
        self.call, self.flags, self.dry_run = call, call.flags, dry_run
        self.deadline = Deadline(call, self.flags.timeout)

    # ------------------------------------------------------------------ which

    def pods_of(self, node: str) -> tuple[list[Obj], str, list[Exception]]:
        """(pods that go, warnings, what forbids it all)."""
        selector = f"spec.nodeName={node}"
        found = self.call.client.list("pods", "", label_selector=self.flags.pod_selector, field_selector=selector)
        go: list[Obj] = []
        said: dict[tuple[str, str], list[str]] = {}
        for pod in found["items"]:
            pod = {"apiVersion": "v1", "kind": "Pod", **pod}
            goes, level, words = self.judge(pod)
            if goes:
                go.append(pod)
            if level:
                said.setdefault((level, words), []).append(_name(pod))
        texts = {
            level: [f"{w}: {', '.join(p)}" for (lv, w), p in said.items() if lv == level] for level in (WARN, REFUSE)
        }
        return go, "; ".join(texts[WARN]), [UsageError(f"cannot delete {t}") for t in texts[REFUSE]]

    def judge(self, pod: Obj) -> Verdict:
        """The first filter that keeps the pod decides; else the last one's word counts."""
        verdict = _FINE
        for judge in (self._deleted, self._daemon_set, self._mirror, self._local_data, self._unmanaged):
            verdict = judge(pod)
            if not verdict[0]:
                break
        return verdict

    def _deleted(self, pod: Obj) -> Verdict:
        return (False, "", "") if self.is_skipped(pod) else _FINE

    def is_skipped(self, pod: Obj) -> bool:
        limit, since = self.flags.skip_wait_for_delete_timeout, pod["metadata"].get("deletionTimestamp")
        if limit <= 0 or not since:
            return False
        return bool((self.call.env.clock.now() - parse_time(since)).total_seconds() > limit)

    def _daemon_set(self, pod: Obj) -> Verdict:
        owner = controller_of(pod)
        if owner is None or owner["kind"] != "DaemonSet" or _is_over(pod):
            return _FINE
        try:
            self.call.client.get("daemonsets.apps", owner["name"], pod["metadata"]["namespace"])
        except ApiError as e:
            if e.reason == "NotFound" and self.flags.force:
                return True, WARN, str(e)
            return False, REFUSE, str(e)
        if not self.flags.ignore_daemonsets:
            return False, REFUSE, "DaemonSet-managed Pods (use --ignore-daemonsets to ignore)"
        return False, WARN, "ignoring DaemonSet-managed Pods"

    def _mirror(self, pod: Obj) -> Verdict:
        return (False, "", "") if MIRROR in annotations_of(pod) else _FINE

    def _local_data(self, pod: Obj) -> Verdict:
        has_data = any(v.get("emptyDir") is not None for v in pod["spec"].get("volumes") or [])
        if not has_data or _is_over(pod):
            return _FINE
        if not self.flags.delete_emptydir_data:
            return False, REFUSE, "Pods with local storage (use --delete-emptydir-data to override)"
        return True, WARN, "deleting Pods with local storage"

    def _unmanaged(self, pod: Obj) -> Verdict:
        if _is_over(pod) or controller_of(pod) is not None:
            return _FINE
        if self.flags.force:
            return True, WARN, "deleting Pods that declare no controller"
        return False, REFUSE, "Pods that declare no controller (use --force to override)"

    # ------------------------------------------------------------------ off

    def remove(self, pods: list[Obj]) -> list[Exception]:
        """Evict (or delete) all, then wait for all; gives what went wrong."""
        kind = self.call.client.kind("pods")
        evicts = not self.flags.disable_eviction and kind is not None and "eviction" in kind.subresources
        problems: list[Exception] = []
        going: list[Obj] = []
        for pod in pods:
            try:
                if self._evict(pod) if evicts else self._delete(pod):
                    going.append(pod)
            except (ApiError, UsageError) as e:
                problems.append(e)
        if self.dry_run == SERVER:
            return problems
        for pod in going:
            try:
                self._wait(pod, evicts)
            except (ApiError, UsageError) as e:
                problems.append(e)
        return problems

    def _delete(self, pod: Obj) -> bool:
        grace = self.flags.grace_period if self.flags.grace_period >= 0 else None
        options = DeleteOptions(grace_period=grace, dry_run=self.dry_run == SERVER)
        try:
            self.call.client.delete("pods", pod["metadata"]["name"], pod["metadata"]["namespace"], options=options)
        except ApiError as e:
            if e.reason != "NotFound":
                raise
            return False
        return True

    def _evict(self, pod: Obj) -> bool:
        """Whether there is something to wait for. Asks again while a budget forbids it. Raises UsageError."""
        import time

        name, namespace = pod["metadata"]["name"], pod["metadata"]["namespace"]
        options: Obj = {}
        if self.flags.grace_period >= 0:
            options["gracePeriodSeconds"] = self.flags.grace_period
        eviction = {
            "apiVersion": "policy/v1",
            "kind": "Eviction",
            "metadata": {"name": name, "namespace": namespace},
            "deleteOptions": options,
        }
        where = f'pods/"{name}" -n "{namespace}"'
        write = WriteOptions(dry_run=self.dry_run == SERVER)
        while True:
            suffix = " (server dry run)" if self.dry_run == SERVER else ""
            self.call.out(f"evicting pod {namespace}/{name}{suffix}")
            try:
                self.deadline.left()
                self.call.client.create("pods", eviction, namespace, name=name, subresource="eviction", options=write)
                return True
            except TimedOut:
                limit = f"{self.flags.timeout:g}s"
                raise UsageError(f"error when evicting {where}: global timeout reached: {limit}") from None
            except ApiError as e:
                if e.reason == "NotFound":
                    return False
                if e.reason != "TooManyRequests":
                    raise UsageError(f"error when evicting {where}: {e}") from None
                self.call.err(f"error when evicting {where} (will retry after {RETRY_SECONDS:g}s): {e}")
                time.sleep(RETRY_SECONDS)

    def _wait(self, pod: Obj, evicted: bool) -> None:
        meta, kind = pod["metadata"], self.call.client.kind("pods")
        assert kind is not None
        try:
            for event in changes(self.call, kind, meta["namespace"], meta["name"], self.deadline):
                if event is None or event.type == "DELETED" or event.object["metadata"]["uid"] != meta["uid"]:
                    break
                if self.is_skipped(event.object):
                    seconds = self.flags.skip_wait_for_delete_timeout
                    self.call.out(f'pod "{meta["name"]}" has DeletionTimestamp older than {seconds} seconds, skipping')
                    return
        except TimedOut:
            text = f'error when waiting for pod "{meta["name"]}" in namespace "{meta["namespace"]}" to terminate: '
            raise UsageError(text + "context deadline exceeded") from None
        printer(self.call, "evicted" if evicted else "deleted")(pod, kind)


def _name(pod: Obj) -> str:
    return f"{pod['metadata']['namespace']}/{pod['metadata']['name']}"


def _is_over(pod: Obj) -> bool:
    return (pod.get("status") or {}).get("phase") in ("Succeeded", "Failed")
