"""What people do to object files by hand, taken as writes of the actor `hand`.

Every file is looked at by its stat, about once a second; what differs from what the journal last wrote was done by
hand. Then:

* A changed object is updated through the API like any other update: defaults, validation, immutable fields, a new
  resourceVersion. Until then the file is put back to the last good version.
* When the API refuses it, the last good version stays in force, and the person's text is kept beside it as
  `<name>.json.rejected`.
* A new file is created as an object, a file that is gone is deleted as one (its finalizers hold it).
* A file that is no JSON object stays as it is, because somebody may be in the middle of writing it: reading it says
  what is wrong, everybody else keeps the last good version.

Whatever is refused is reported: `report(object, reason, message)`.
"""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

from minikctl.api.errors import ApiError
from minikctl.api.kind import Kind
from minikctl.api.meta import Obj
from minikctl.apiserver.registry import storage_key
from minikctl.apiserver.request import Context, DeleteOptions
from minikctl.apiserver.server import APIServer
from minikctl.store import StoreMissing, StoreMoved
from minikctl.store.written import Written, digest
from minikctl.util.files import place, write_private
from minikctl.util.jsonio import JSONError, loads

log = logging.getLogger("hand-edits")
ACTOR, GUARD = "hand", "hand-edits"
"""Who writes: the person, and we when we put something right."""
SETTLE_SECONDS = 0.3
"""A file that was changed just now is looked at the next time: its writer may not be done."""
LEAST_PAUSE, SHARE = 1.0, 0.01
"""Seconds between two looks at the least, and the share of time that looking may take."""

Report = Callable[[Obj, str, str], None]
Lookup = Callable[[Kind, str, str], Obj | None]
Signature = tuple[int, int, int]


class HandEdits:
    """One scanner a cluster. `scan` looks once. `cached` finds the version of an object that components work with."""

    def __init__(
        self,
        api: APIServer,
        report: Report = lambda _obj, _reason, _message: None,
        cached: Lookup = lambda _kind, _namespace, _name: None,
        *,
        settle: float = SETTLE_SECONDS,
    ):
        self.api, self.store = api, api.store
        self._report, self._cached, self._settle = report, cached, settle
        self._written = Written(api.store)
        self._seen: dict[str, Signature] = {}
        """Files known to be right, or complained about."""
        self._gone_before: set[str] = set()
        self._first = True

    def scan(self) -> float:
        """Look at every file and act; returns the seconds to wait before the next time."""
        started = time.monotonic()
        self._written.catch_up()
        settled_before = time.time() - self._settle
        present: set[str] = set()
        for path, key, signature in self._files():
            present.add(key)
            if self._seen.get(path) != signature and signature[0] / 1e9 <= settled_before:
                self._look(Path(path), key, signature)
        self._look_for_gone(present)
        self._first = False
        return max(LEAST_PAUSE, (time.monotonic() - started) / SHARE)

    def close(self) -> None:
        self._written.close()

    # ------------------------------------------------------------------ finding

    def _files(self) -> Iterator[tuple[str, str, Signature]]:
        """(path, key, signature) of every object file. For long names the key is that of the file."""
        stack = [(str(self.store.registry), "")]
        while stack:
            folder, at = stack.pop()
            try:
                entries = list(os.scandir(folder))
            except OSError:
                continue
            for entry in entries:
                name = entry.name
                if name[0] == ".":
                    continue
                if name.endswith(".json"):
                    try:
                        stat = entry.stat(follow_symlinks=False)
                    except OSError:
                        continue
                    yield entry.path, f"{at}{name[:-5]}", (stat.st_mtime_ns, stat.st_size, stat.st_ino)
                elif entry.is_dir(follow_symlinks=False):
                    stack.append((entry.path, f"{at}{name}/"))

    def _look(self, path: Path, key: str, signature: Signature) -> None:
        """Is this file as we wrote it?"""
        try:
            data = path.read_bytes()
        except OSError:
            return
        try:
            obj = loads(data)
            found = digest(data)
        except JSONError as e:
            self._unreadable(path, key, signature, f"not valid JSON: {e}")
            return
        if not isinstance(obj, dict) or not isinstance(obj.get("metadata"), dict):
            self._unreadable(path, key, signature, "not a Kubernetes object: no metadata")
            return
        key = _full_key(self, path, key, obj)
        if self._is_known(key, obj, found):
            self._seen[str(path)] = signature
            return
        with self.store.quiet():  # a writer may have been between journal and file
            self._written.catch_up()
            unchanged = path.read_bytes() == data if path.exists() else False
            known = self._written.get(key) == found
        if known:
            self._seen[str(path)] = signature
        elif unchanged:
            self._edited(path, key, signature, data, obj)

    def _is_known(self, key: str, obj: Obj, found: int) -> bool:
        if self._written.get(key) == found:
            return True
        if self._first and key not in self._written:
            version = str(obj["metadata"].get("resourceVersion") or "")
            if version.isdigit() and int(version) < self._written.oldest:
                self._written.note(key, found)
                return True
        return False

    def _look_for_gone(self, present: set[str]) -> None:
        """Files that are missing twice in a row; a state directory on its way out is no deletion of its objects."""
        missing = {k for k in self._written.keys() - present if not self.store.path(k).exists()}
        certain, self._gone_before = missing & self._gone_before, missing
        if not certain or not (self.store.root / "lock").exists():
            return
        with self.store.quiet():
            self._written.catch_up()
            certain = {k for k in certain if k in self._written and not self.store.path(k).exists()}
        for key in sorted(certain):
            self._deleted(key)

    # ------------------------------------------------------------------ acting

    def _edited(self, path: Path, key: str, signature: Signature, data: bytes, obj: Obj) -> None:
        kept = path.with_name(f".{path.name}.hand")
        write_private(kept, data)
        last = self._last_good(key) if key in self._written else None
        if key not in self._written:
            obj = _named_by_path(path, obj)
        try:
            if key not in self._written:
                self._create(key, data, obj)
            elif last is None:
                raise _Refused("the last good version is not known any more; change it with `kubectl edit`")
            else:
                self._update(key, data, obj, last)
        except (ApiError, _Refused) as e:
            message = e.message if isinstance(e, ApiError) else str(e)
            self._refused(path, key, signature, kept, last or obj, message)
        else:
            kept.unlink(missing_ok=True)
            log.info("%s: taken as a write by hand", key)

    def _update(self, key: str, data: bytes, obj: Obj, last: Obj) -> None:
        kind = self._kind(last)
        _check_place(kind, key, obj)
        if not self.store.restore(key, last, seen=data):
            raise _Refused("it changed again while it was being read")
        name, namespace = last["metadata"]["name"], last["metadata"].get("namespace", "")
        wanted = {**obj, "metadata": {k: v for k, v in obj["metadata"].items() if k != "resourceVersion"}}
        self.api.update(kind, namespace, name, wanted, self._context())
        if kind.has_status and obj.get("status") != last.get("status"):
            self.api.update(kind, namespace, name, wanted, self._context(), "status")

    def _create(self, key: str, data: bytes, obj: Obj) -> None:
        kind = self._kind(obj)
        _check_place(kind, key, obj)
        if not self.store.restore(key, None, seen=data):
            raise _Refused("it changed again while it was being read")
        self.api.create(kind, obj["metadata"].get("namespace", ""), obj, self._context())

    def _deleted(self, key: str) -> None:
        last = self._last_good(key)
        if last is None or not self.store.restore(key, last, seen=None):
            return
        try:
            kind = self._kind(last)
            meta = last["metadata"]
            options = DeleteOptions(grace_period=0, propagation="Background")
            self.api.delete(kind, meta.get("namespace", ""), meta["name"], options, self._context())
        except (ApiError, _Refused) as e:
            message = e.message if isinstance(e, ApiError) else str(e)
            log.warning("%s: the file was deleted by hand and is put back: %s", key, message)
            self._report(last, "HandDeletionRefused", f"Its file was deleted by hand and is put back: {message}")
        else:
            log.info("%s: its file was deleted by hand, taken as a deletion", key)

    def _refused(self, path: Path, key: str, signature: Signature, kept: Path, obj: Obj, message: str) -> None:
        """Keep the person's text beside the good version, and write that again so that every cache has it."""
        rejected = path.with_name(f"{path.name}.rejected")
        if path.exists() and key not in self._written:
            path.unlink()
        good = self._last_good(key)
        if good is None and key in self._written:  # nothing to put in its place: it stays, as unreadable files do
            self._seen[str(path)] = signature
            kept.unlink(missing_ok=True)
        else:
            place(str(kept), str(rejected))
        if good is not None and path.exists():
            self.store.restore(key, good, seen=path.read_bytes())
            with suppress(StoreMoved, StoreMissing):
                self.store.update(key, good, expect=good["metadata"]["resourceVersion"], actor=GUARD)
        where = f"; the text is in {rejected.name}" if rejected.exists() else ""
        log.warning("%s: changed by hand and refused: %s%s", key, message, where)
        self._report(obj, "HandEditRefused", f"Its file was changed by hand and refused: {message}{where}")

    def _unreadable(self, path: Path, key: str, signature: Signature, why: str) -> None:
        self._seen[str(path)] = signature
        log.warning("%s: %s; the last good version stays in force", path, why)
        last = self._last_good(key) if key in self._written else None
        if last is not None:
            self._report(last, "FileUnreadable", f"{path.name} was changed by hand and cannot be read: {why}")

    # ------------------------------------------------------------------ parts

    def _last_good(self, key: str) -> Obj | None:
        """The object as it was last written: from the journal, or from a cache when the journal is shorter."""
        record = self._written.last_record(key)
        if record is not None:
            return record.object
        parts = key.split("/")
        custom = "." in parts[0]  # below the group's folder
        kind = self.api.resources.find(f"{parts[1]}.{parts[0]}" if custom else parts[0])
        if kind is None:
            return None
        return self._cached(kind, parts[-2] if kind.namespaced else "", parts[-1])

    def _kind(self, obj: Obj) -> Kind:
        group, slash, version = str(obj.get("apiVersion") or "").rpartition("/")
        kind = self.api.resources.by_gvk(group if slash else "", version, str(obj.get("kind") or ""))
        if kind is None:
            raise _Refused(f"no kind {obj.get('kind')!r} in version {obj.get('apiVersion')!r}")
        return kind

    @staticmethod
    def _context() -> Context:
        return Context(actor=ACTOR, field_validation="Strict")


class _Refused(Exception):
    """What a person did cannot be taken as a write."""


def _check_place(kind: Kind, key: str, obj: Any) -> None:
    """A file holds the object that its path names."""
    meta = obj["metadata"]
    if storage_key(kind, meta.get("namespace") or "", str(meta.get("name") or "")) != key:
        raise _Refused(f"it is called {meta.get('name')!r} inside, in namespace {meta.get('namespace', '')!r}")


def _named_by_path(path: Path, obj: Obj) -> Obj:
    """A new object with the name and namespace of its place, where it does not say, and without a copy's identity."""
    meta = {k: v for k, v in obj["metadata"].items() if k not in ("resourceVersion", "uid", "managedFields")}
    place: Obj = {"name": path.name[: -len(".json")]}
    folders = path.parent.parts[len(path.parent.parts) - path.parent.parts[::-1].index("registry") :]
    if len(folders) == (3 if "." in folders[0] else 2):  # custom resources lie below their group
        place["namespace"] = folders[-1]
    return {**obj, "metadata": place | meta}


def _full_key(edits: HandEdits, path: Path, key: str, obj: Obj) -> str:
    """The storage key: the file's, but for long names, whose files are called by a digest."""
    if "~" not in path.name:
        return key
    folder = key.rpartition("/")[0]
    full = f"{folder}/{obj['metadata'].get('name', '')}"
    return full if edits.store.path(full) == path else key
