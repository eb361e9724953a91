"""Emptying a node: which pods may go, and seeing them off. Source: kubectl `pkg/drain`."""

from __future__ import annotations

import heapq
import time

from minikctl.api.durations import parse_time
from minikctl.api.errors import ApiError
from minikctl.api.meta import Obj, annotations_of, controller_of
from minikctl.client.protocol import DeleteOptions, WriteOptions
from minikctl.kubectl.command import Invocation
from minikctl.kubectl.dry_run import SERVER
from minikctl.kubectl.printers import printer
from minikctl.kubectl.waiting import Deadline, TimedOut
from minikctl.util.errors import UsageError

RETRY_SECONDS = 5.0
FIRST_LOOK, LAST_LOOK = 0.02, 1.0
GONE, LEAVING, REFUSED = "gone", "leaving", "refused"
MIRROR = "kubernetes.io/config.mirror"
GO, STAY, WARN, REFUSE = "go", "stay", "warn", "refuse"
Verdict = tuple[bool, str, str]
"""(whether the pod goes, what to say about it: "", warn or refuse, the words)."""
_FINE: Verdict = (True, "", "")


class Single(UsageError):
    """What ends the whole, not one pod's part of it: kubectl words it as an error of its own."""


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
        """Evict (or delete) all and wait until they are gone; gives what went wrong."""
        kind = self.call.client.kind("pods")
        evicts = not self.flags.disable_eviction and kind is not None and "eviction" in kind.subresources
        return self._evict_all(pods) if evicts else self._delete_all(pods)

    def _delete_all(self, pods: list[Obj]) -> list[Exception]:
        grace = self.flags.grace_period if self.flags.grace_period >= 0 else None
        options = DeleteOptions(grace_period=grace, dry_run=self.dry_run == SERVER)
        leaving: list[Obj] = []
        for pod in pods:
            meta = pod["metadata"]
            try:
                self.call.client.delete("pods", meta["name"], meta["namespace"], options=options)
                leaving.append(pod)
            except ApiError as e:
                if e.reason != "NotFound":
                    return [e]
        if self.dry_run == SERVER:
            return []
        pause = _Pause()
        problems: list[Exception] = []
        while leaving := self._staying(leaving, "deleted", problems):
            if self._is_late():
                return [*problems, Single("context deadline exceeded")]
            pause.until(None, len(leaving))
        return problems

    def _evict_all(self, pods: list[Obj]) -> list[Exception]:
        """Each pod has a turn at once; one that a budget keeps has its next five seconds later, while others leave."""
        turns = [(0.0, i, pod) for i, pod in enumerate(pods)]
        leaving: list[Obj] = []
        problems: list[Exception] = []
        pause = _Pause()
        while turns or leaving:
            now = time.monotonic()
            for i, pod in [heapq.heappop(turns)[1:] for _ in range(sum(due <= now for due, _, _ in turns))]:
                try:
                    outcome = self._evict(pod)
                except UsageError as e:
                    problems.append(e)
                    continue
                if outcome == REFUSED:
                    heapq.heappush(turns, (time.monotonic() + RETRY_SECONDS, i, self._fresh(pod)))
                elif outcome == LEAVING and self.dry_run != SERVER:
                    leaving.append(pod)
            leaving = self._staying(leaving, "evicted", problems)
            if leaving and self._is_late():
                for pod in leaving:
                    meta = pod["metadata"]
                    where = f'pod "{meta["name"]}" in namespace "{meta["namespace"]}"'
                    problems.append(
                        UsageError(f"error when waiting for {where} to terminate: context deadline exceeded")
                    )
                leaving = []
            if turns or leaving:
                pause.until(turns[0][0] if turns else None, len(leaving))
        return problems

    def _evict(self, pod: Obj) -> str:
        """GONE, LEAVING, or REFUSED for the time being. Raises UsageError."""
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
        where, later = f'pods/"{name}" -n "{namespace}"', f"(will retry after {RETRY_SECONDS:g}s)"
        write = WriteOptions(dry_run=self.dry_run == SERVER)
        suffix = " (server dry run)" if self.dry_run == SERVER else ""
        self.call.out(f"evicting pod {namespace}/{name}{suffix}")
        if self._is_late():
            limit = f"{self.flags.timeout:g}s"
            raise UsageError(f"error when evicting {where}: global timeout reached: {limit}")
        try:
            self.call.client.create("pods", eviction, namespace, name=name, subresource="eviction", options=write)
        except ApiError as e:
            if e.reason == "NotFound":
                return GONE
            if e.reason == "TooManyRequests":
                self.call.err(f"error when evicting {where} {later}: {e}")
                return REFUSED
            if not _is_terminating(e):
                raise UsageError(f"error when evicting {where}: {e}") from None
            if pod["metadata"].get("deletionTimestamp"):
                return LEAVING  # its namespace goes, and it with it
            what = f'pod "{name}" from terminating namespace "{namespace}"'
            self.call.err(f"error when evicting {what} {later}: {e}")
            return REFUSED
        return LEAVING

    def _fresh(self, pod: Obj) -> Obj:
        try:
            return self.call.client.get("pods", pod["metadata"]["name"], pod["metadata"]["namespace"])
        except ApiError:
            return pod  # the eviction will say what is wrong

    def _staying(self, pods: list[Obj], word: str, problems: list[Exception]) -> list[Obj]:
        """Those that are still there; says of the others that they are gone."""
        kind = self.call.client.kind("pods")
        assert kind is not None
        left: list[Obj] = []
        for pod in pods:
            meta = pod["metadata"]
            try:
                found = self.call.client.get("pods", meta["name"], meta["namespace"])
            except ApiError as e:
                if e.reason == "NotFound":
                    printer(self.call, word)(pod, kind)
                else:
                    problems.append(e)
                continue
            if found["metadata"]["uid"] != meta["uid"]:
                printer(self.call, word)(pod, kind)
            elif self.is_skipped(found):
                seconds = self.flags.skip_wait_for_delete_timeout
                self.call.out(f'pod "{meta["name"]}" has DeletionTimestamp older than {seconds} seconds, skipping')
            else:
                left.append(pod)
        return left

    def _is_late(self) -> bool:
        try:
            self.deadline.left()
        except TimedOut:
            return True
        return False


class _Pause:
    """Waits between two looks: longer each time, as long as nothing happens, up to kubectl's second."""

    def __init__(self) -> None:
        self._seconds, self._known = 0.0, -1

    def until(self, due: float | None, count: int) -> None:
        """Until the moment `due`, or a while, when pods are being waited for. `count`: how many those are."""
        self._seconds = FIRST_LOOK if count != self._known else min(self._seconds * 1.5, LAST_LOOK)
        self._known = count
        wait = max(0.0, due - time.monotonic()) if due is not None else LAST_LOOK
        time.sleep(min(wait, self._seconds) if count else wait)


def _is_terminating(error: ApiError) -> bool:
    causes = error.details.get("causes") or []
    return error.reason == "Forbidden" and any(c.get("reason") == "NamespaceTerminating" for c in causes)


def _name(pod: Obj) -> str:
    return f"{pod['metadata']['namespace']}/{pod['metadata']['name']}"


def _is_over(pod: Obj) -> bool:
    return (pod.get("status") or {}).get("phase") in ("Succeeded", "Failed")
