"""Client-side apply of one object that exists: the three-way patch, and what to do when it is refused.

Source: kubectl `pkg/cmd/apply/patcher.go`.
"""

from __future__ import annotations

from dataclasses import dataclass

from minikctl.api.errors import ApiError
from minikctl.api.kind import Kind
from minikctl.api.meta import Obj, with_metadata
from minikctl.api.patch import merge_patch, strategic
from minikctl.api.patch.strategic import PatchError
from minikctl.api.patch.three_way import (
    ConflictError,
    changed_identity,
    create_three_way,
    create_three_way_json,
)
from minikctl.client.protocol import DeleteOptions, WriteOptions
from minikctl.kubectl import last_applied, requests
from minikctl.kubectl.command import Invocation
from minikctl.kubectl.errors import add_source
from minikctl.kubectl.printers import json_out, yaml_out
from minikctl.kubectl.resolve import Target
from minikctl.kubectl.waiting import Deadline, TimedOut, changes
from minikctl.util.errors import UsageError
from minikctl.util.jsonio import JSONError, loads

RETRIES = 5
"""How often a patch that meets a conflict is made anew from the newest object."""


class Failed(Exception):
    """A patch was refused; `patch` is the text that was sent."""

    def __init__(self, patch: str, error: Exception):
        super().__init__(str(error))
        self.patch, self.error = patch, error


@dataclass(frozen=True)
class Force:
    """Delete and create anew what cannot be patched. timeout: seconds to wait for its end."""

    propagation: str = "Background"
    grace_period: int = -1
    timeout: float = 0.0


@dataclass(frozen=True)
class Patcher:
    """`options` are those of the patch; `lock` makes it fail when the object has changed meanwhile."""

    call: Invocation
    target: Target
    options: WriteOptions
    overwrite: bool = True
    force: Force | None = None
    lock: bool = False

    def patch(self, current: Obj, modified: Obj) -> tuple[Obj, Obj]:
        """(the patch, the object afterwards); `{}` when nothing was to do. Raises Failed."""
        for _ in range(RETRIES):
            try:
                return self._patch(current, modified)
            except Failed as e:
                if self.lock or not _is(e.error, "Conflict"):
                    return self._refused(e, current, modified)
            try:
                current = self.call.client.get(self.target.kind, self.target.name, self.target.namespace)
            except ApiError as e:
                raise Failed("", e) from None
        try:
            return self._patch(current, modified)
        except Failed as e:
            return self._refused(e, current, modified)

    def patch_locally(self, current: Obj, modified: Obj) -> tuple[Obj, Obj]:
        """As `patch`, without the server. Raises Failed."""
        patch_type, patch = self._make(current, modified)
        if not patch:
            return patch, current
        if patch_type == "merge":
            return patch, merge_patch.apply(current, patch)
        try:
            return patch, strategic.apply(current, patch, self.target.kind.type)
        except PatchError as e:
            raise Failed("", UsageError(f"applying patch locally: {e}")) from None

    def _patch(self, current: Obj, modified: Obj) -> tuple[Obj, Obj]:
        patch_type, patch = self._make(current, modified)
        if not patch:
            return patch, current
        if self.lock:
            version = current["metadata"].get("resourceVersion", "")
            patch = merge_patch.apply(patch, {"metadata": {"resourceVersion": version}})
        target = self.target
        try:
            after = self.call.client.patch(
                target.kind, target.name, patch, target.namespace, patch_type=patch_type, options=self.options
            )
        except ApiError as e:
            raise Failed(json_out.compact(patch), e) from None
        return patch, after

    def _make(self, current: Obj, modified: Obj) -> tuple[str, Obj]:
        """(patch type, patch)."""
        text = last_applied.original(current)
        try:
            original: Obj = loads(text) if text else {}
            return three_way(self.target.kind, original, modified, current, self.overwrite)
        except JSONError:
            why = "invalid JSON document"
        except ConflictError as e:
            why = _conflict_text(e)
            if self.target.kind.type:
                for source in ("openapi v3 spec", "openapi spec"):
                    self.call.err(f"warning: error calculating patch from {source}: {why}")
        except PatchError as e:
            why = str(e)
        wanted, live = json_out.compact(modified), json_out.compact(current)
        problem = f"creating patch with:\noriginal:\n{text}\nmodified:\n{wanted}\n\ncurrent:\n{live}\n\nfor: {why}"
        raise Failed("", UsageError(problem))

    def _refused(self, failed: Failed, current: Obj, modified: Obj) -> tuple[Obj, Obj]:
        if self.force is not None and (_is(failed.error, "Conflict") or _is(failed.error, "Invalid")):
            return modified, self._delete_and_create(self.force, current, modified)
        raise Failed(failed.patch, add_source("patching", self.target.source, failed.error))

    def _delete_and_create(self, force: Force, current: Obj, modified: Obj) -> Obj:
        """The old object is put back when the new one is refused."""
        target = self.target
        options = DeleteOptions(
            grace_period=force.grace_period if force.grace_period >= 0 else None, propagation=force.propagation
        )
        try:
            self.call.client.delete(target.kind, target.name, target.namespace, options=options)
            self._wait_gone(force.timeout)
        except (ApiError, UsageError) as e:
            raise Failed(json_out.compact(modified), e) from None
        try:
            return requests.create(self.call, target, modified, self.options)
        except ApiError as e:
            raise Failed(json_out.compact(modified), self._restored(current, e)) from None

    def _restored(self, current: Obj, error: ApiError) -> Exception:
        try:
            requests.create(self.call, self.target, with_metadata(current, uid=None), self.options)
        except ApiError as e:
            return UsageError(
                "An error occurred force-replacing the existing object with the newly provided one:\n\n"
                f"{error.message}.\n\nAdditionally, an error occurred attempting to restore the original object:\n\n"
                f"{e.message}"
            )
        return error

    def _wait_gone(self, timeout: float) -> None:
        """Raises UsageError when the object is still there; no timeout means one look."""
        target = self.target
        deadline = Deadline(self.call, timeout or 0.001)
        try:
            for event in changes(self.call, target.kind, target.namespace, target.name, deadline):
                if event is None or event.type == "DELETED":
                    return
        except TimedOut:
            raise UsageError("context deadline exceeded") from None


def three_way(kind: Kind, original: Obj, modified: Obj, current: Obj, overwrite: bool = True) -> tuple[str, Obj]:
    """(patch type, patch): strategic for kinds whose structure is known, else a JSON merge patch. Raises PatchError."""
    if kind.type:
        return "strategic", create_three_way(original, modified, current, kind.type, overwrite)
    patch = create_three_way_json(original, modified, current)
    if changed_identity(patch):
        raise PatchError("At least one of apiVersion, kind and name was changed")
    return "merge", patch


def _is(error: Exception, reason: str) -> bool:
    return isinstance(error, ApiError) and error.reason == reason


def _conflict_text(error: ConflictError) -> str:
    patch, theirs = yaml_out.dumps(error.patch), yaml_out.dumps(error.changes)
    return f"patch:\n{patch}\nconflicts with changes made from original to current:\n{theirs}\n"
