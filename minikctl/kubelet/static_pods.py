"""Static pods: those of manifests in a folder of the node's, which run with or without an API server.

Each shows in the API as a mirror pod, made and kept by the kubelet: deleting that changes nothing, taking the manifest
away ends the pod. The folder is `<state>/nodes/<node>/manifests`, or the kubelet's setting staticPodPath.

Source: Kubernetes task "Create static Pods", kubelet `config/file.go`, `pod/mirror_client.go`, `kubelet.go` (SyncPod).
"""

from __future__ import annotations

import logging
import threading
from pathlib import Path
from typing import TYPE_CHECKING

from minikctl.api.errors import ApiError
from minikctl.api.meta import Obj, annotations_of, get_path, is_deleting, name, namespace, timestamp, uid
from minikctl.client import DeleteOptions
from minikctl.kubelet.manifests import FILE, MIRROR, SOURCE, ManifestError, is_mirror, mirror_of, parse
from minikctl.kubelet.shutdown import REASON as SHUT_DOWN

if TYPE_CHECKING:
    from minikctl.kubelet.kubelet import Kubelet

log = logging.getLogger("kubelet")
PERIOD = 2.0
BETWEEN = 0.2
"""Seconds between two looks whether the pod that a static pod replaces has ended."""
ENDINGS = (".yaml", ".yml", ".json")


class StaticPods:
    """One node's. `look` is called once before the kubelet syncs anything, then every two seconds."""

    def __init__(self, kubelet: Kubelet, folder: Path):
        self._kubelet, self.folder = kubelet, folder
        self._known: dict[str, Obj] = {}
        self._read: dict[Path, tuple[tuple[int, int, int], Obj | None]] = {}
        self._unreported: set[str] = set()
        self._stopped = threading.Event()

    def start(self) -> None:
        def run() -> None:
            while not self._stopped.wait(PERIOD):
                try:
                    self.look()
                except Exception:
                    log.exception("%s: reading static pods", self._kubelet.name)

        threading.Thread(target=run, name="static-pods", daemon=True).start()

    def stop(self) -> None:
        self._stopped.set()

    # ------------------------------------------------------------------ manifests

    def look(self) -> None:
        """Read the folder again, where it changed; see to pods whose mirror is not what it has to be."""
        there = {uid(p): p for p in self._pods()}
        new = {number: p for number, p in there.items() if number not in self._known}
        gone = [number for number in self._known if number not in there]
        self._known = {**{n: p for n, p in self._known.items() if n in there}, **new}
        for pod in new.values():
            self._kubelet.pod_found(pod)
        for number in gone:
            self._kubelet.pod_lost(number)
        self._see_to_mirrors(set(new))

    def _see_to_mirrors(self, new: set[str]) -> None:
        shown = {annotations_of(p)[MIRROR]: p for p in self._kubelet.pods.list() if is_mirror(p)}
        behind, self._unreported = self._unreported, set()
        for number in self._known:
            if number not in new and (number not in shown or number in behind):
                self._kubelet.look_again(number)
        for mirror in shown.values():
            self.mirror_changed(mirror)

    def _pods(self) -> list[Obj]:
        try:
            paths = sorted(p for p in self.folder.iterdir() if p.suffix in ENDINGS and not p.name.startswith("."))
        except OSError:
            paths = []
        self._read = {p: r for p, r in self._read.items() if p in paths}
        return [pod for path in paths if (pod := self._pod(path)) is not None]

    def _pod(self, path: Path) -> Obj | None:
        """Read only when the file is another; complained of once."""
        try:
            about = path.stat()
            version = (about.st_mtime_ns, about.st_size, about.st_ino)
            if path not in self._read or self._read[path][0] != version:
                self._read[path] = (version, None)
                seen = timestamp(self._kubelet.clock.now())
                self._read[path] = (version, parse(path.read_text(), self._kubelet.name, seen))
        except OSError:
            return None
        except (ManifestError, ValueError, KeyError, TypeError, AttributeError) as e:
            log.warning("%s: %s: %s", self._kubelet.name, path, e)
        return self._read[path][1]

    # ------------------------------------------------------------------ mirrors

    def not_reported(self, pod: Obj, error: ApiError) -> None:
        """The pod runs on; `look` has it tried again."""
        log.warning("cannot report static pod %s/%s: %s", namespace(pod), name(pod), error.message)
        self._unreported.add(uid(pod))

    def mirror_changed(self, mirror: Obj) -> None:
        """What counts of a mirror pod is its status. One that somebody deletes, or of no pod of ours, has to go."""
        if get_path(mirror, "status", "reason") == SHUT_DOWN and not self._kubelet.shutdown.active:
            self._remove(mirror)  # it ended with the node, and comes back with it
            return
        record = self._kubelet.records.get(annotations_of(mirror)[MIRROR])
        if record is not None and not is_deleting(mirror):
            status = mirror.get("status") or {}
            if status.get("startTime"):
                record.pod = {**record.pod, "status": status}
            elif record.pod["status"].get("startTime"):  # this is another mirror, that knows nothing yet
                self._kubelet.writer.doubt(uid(record.pod))
                self._kubelet.look_again(uid(record.pod))
        elif annotations_of(mirror).get(SOURCE) == FILE:
            self._remove(mirror)

    def prepare(self, pod: Obj, node: Obj | None) -> float | None:
        """Before a static pod is synced: see that the API shows it, or seconds to wait for the pod that it replaces."""
        runtime = self._kubelet.runtime
        others = (runtime.pod_state(u).sandbox for u in runtime.pod_uids() if u != uid(pod))
        if any(s is not None and (s.namespace, s.name) == (namespace(pod), name(pod)) for s in others):
            return BETWEEN
        try:
            self._show(pod, node)
        except ApiError as e:  # it runs all the same, and `look` comes back to it
            log.warning("cannot show static pod %s/%s: %s", namespace(pod), name(pod), e.message)
        return None

    def _show(self, pod: Obj, node: Obj | None) -> None:
        """Raises ApiError."""
        client = self._kubelet.client
        try:
            there: Obj | None = client.get("pods", name(pod), namespace(pod))
        except ApiError as e:
            if e.reason != "NotFound":
                raise
            there = None
        if there is not None:
            if annotations_of(there).get(MIRROR) == uid(pod) and not is_deleting(there):
                return
            if not is_mirror(there):
                log.warning("pod %s/%s is in the way of a static pod", namespace(pod), name(pod))
                return
            self._remove(there)
        client.create("pods", mirror_of(pod, node), namespace(pod))

    def _remove(self, mirror: Obj) -> None:
        options = DeleteOptions(grace_period=0, uid=uid(mirror))
        try:
            self._kubelet.client.delete("pods", name(mirror), namespace(mirror), options=options)
        except ApiError as e:
            if e.reason not in ("NotFound", "Conflict"):
                log.warning("cannot remove mirror pod %s/%s: %s", namespace(mirror), name(mirror), e.message)
