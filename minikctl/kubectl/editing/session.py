"""One editing session: show objects, take the edited text apart, act on it, and show it again while it is wrong.

Source: kubectl `pkg/cmd/util/editor/editoptions.go`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from minikctl.api.errors import ApiError
from minikctl.api.meta import Obj, uid, with_metadata
from minikctl.kubectl import PROGRAM, last_applied, manifest, validation
from minikctl.kubectl.command import Invocation
from minikctl.kubectl.common_options import recorded
from minikctl.kubectl.editing.editor import edit
from minikctl.kubectl.errors import plain
from minikctl.kubectl.manifest import Document
from minikctl.kubectl.printers import json_out, unknown_format, yaml_out
from minikctl.kubectl.resolve import Target, from_documents
from minikctl.util.errors import Aggregate, Exit, UsageError
from minikctl.util.go_format import quote

HEADER = """# Please edit the object below. Lines beginning with a '#' will be ignored,
# and an empty file will abort the edit. If an error occurs while saving this file will be
# reopened with the relevant failures.
#
"""
LAST_APPLIED_HEADER = """# Please edit the 'last-applied-configuration' annotations below.
# Lines beginning with a '#' will be ignored, and an empty file will abort the edit.
#
"""
INVALID_FILE = "The edited file failed validation"


@dataclass
class Reason:
    """Why the file is shown again."""

    head: str
    details: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        lines = [f"# {_commented(self.head)}" + (":" if self.details else "")]
        lines += [f"# * {_commented(d)}" for d in self.details]
        return "\n".join([*lines, "#", ""])


@dataclass
class Results:
    """What came of the edited objects. `again`: refused as invalid; the user may mend them at once."""

    reasons: list[Reason] = field(default_factory=list)
    retryable: int = 0
    not_found: int = 0
    again: int = 0

    def add(self, target: Target, error: Exception) -> str:
        """Count an error; gives the line that stderr shows."""
        what = f"{target.kind.resource} {quote(target.name)}"
        reason = error.reason if isinstance(error, ApiError) else ""
        if reason == "Invalid" and isinstance(error, ApiError):
            self.again += 1
            causes = error.details.get("causes") or []
            details = [f"{c.get('field', '')}: {c.get('message', '')}" for c in causes]
            self.reasons.append(Reason(f"{what} was not valid", details))
            return f"error: {what} is invalid"
        if reason == "NotFound":
            self.not_found += 1
            return f"error: {what} could not be found on the server"
        self.retryable += 1
        return f"error: {what} could not be patched: {plain(error)}"


Act = Callable[[list[Target], list[Target], Results], None]
"""(the objects before, those edited, results to fill): carry the edits out. Raises what ends the session."""


class Session:
    """Edits some objects together. `act` is what becomes of them; `header` stands above them in YAML."""

    def __init__(self, call: Invocation, originals: Sequence[Target], act: Act, header: str = HEADER):
        self.call, self.act, self.header = call, act, header
        self.originals = [_without_managed_fields(t) for t in originals]
        self.json = call.flags.output == "json"
        self.extension = ".json" if self.json else ".yaml"
        self.file: Path | None = None
        if call.flags.output not in ("", "json", "yaml"):
            raise unknown_format(call.flags.output, ("json", "kyaml", "yaml"))

    def run(self) -> None:
        """Until the edits are accepted or given up. Raises UsageError, ApiError, Exit."""
        try:
            self._run()
        except (UsageError, ApiError, Aggregate):
            if self.file is not None and self.file.exists():
                self.call.err(f"A copy of your changes has been stored to {quote(str(self.file))}")
            raise

    def _run(self) -> None:
        original = self._shown()
        edited, reasons = original, list[Reason]()
        wrong = False
        while True:
            before = edited
            text = self._headed(manual_strip(edited) if wrong else original, reasons)
            edited, file = edit(self.call, text, self.extension)
            if wrong and content(before) == content(edited):
                self._keep(file)
                raise UsageError("Edit cancelled, no valid changes were saved.")
            self._keep(file)
            if problem := self._problem(edited):
                reasons, wrong = self._refused(problem), True
                continue
            if content(original) == content(edited):
                self._cancel("Edit cancelled, no changes made.")
                return
            if not has_lines(edited):
                self._cancel("Edit cancelled, saved file was empty.")
                return
            try:
                targets = self._parse(edited)
            except (UsageError, Aggregate) as e:
                reasons, wrong = [Reason(f"The edited file had a syntax error: {plain(e)}")], True
                continue
            results = self._carry_out(targets)
            if not results.again:
                self._forget()
                return
            reasons, wrong = results.reasons, bool(results.reasons)

    # ------------------------------------------------------------------ text

    def _shown(self) -> str:
        objects = [t.obj or {} for t in self.originals]
        value: Obj = objects[0] if len(objects) == 1 else _list(objects)
        return json_out.dumps(value) + "\n" if self.json else yaml_out.dumps(value)

    def _headed(self, text: str, reasons: Sequence[Reason]) -> str:
        if not self.json:
            text = self.header + "".join(map(str, reasons)) + text
        if self.call.flags.get("windows-line-endings"):
            text = text.replace("\r\n", "\n").replace("\n", "\r\n")
        return text

    def _problem(self, edited: str) -> str:
        """Why the text is nothing that a server could judge, `""` when it is."""
        if validation.directive(self.call) == validation.IGNORE:
            return ""
        try:
            value = manifest.yaml_value(manual_strip(edited))
        except ValueError as e:
            return str(e).removeprefix("error converting YAML to JSON: ")
        found = validation.problems(value)
        return found[0] if len(found) == 1 else f"[{', '.join(found)}]" if found else ""

    def _refused(self, problem: str) -> list[Reason]:
        """Tell stderr, and the file itself, what is wrong with it."""
        results = Results()
        message = f'Invalid value: "{INVALID_FILE}": {problem}'
        cause = {"field": "<nil>", "message": message}
        self.call.err(results.add(self.originals[0], ApiError(422, "Invalid", message, {"causes": [cause]})))
        return results.reasons

    # ------------------------------------------------------------------ objects

    def _parse(self, edited: str) -> list[Target]:
        """The edited objects. Raises UsageError, Aggregate for what is no object."""
        documents: list[Document | Exception] = []
        try:
            for value in manifest.parse_stream(edited):
                if value is not None:
                    documents.append(Document(value, "edited-file"))
        except ValueError as e:
            documents.append(UsageError(f"error parsing edited-file: {e}"))
        found = from_documents(self.call, documents, default_namespace=False, require_namespace=False)
        return found.check()

    def _carry_out(self, targets: list[Target]) -> Results:
        call = self.call
        for target in targets:
            self._require_namespace(target)
            obj = target.obj or {}
            if call.flags.get("save-config"):
                obj = last_applied.annotated(obj)
            target.obj = recorded(call, obj)
        results = Results()
        self.act(self.originals, targets, results)
        if results.retryable:
            call.err(f"You can run `{PROGRAM} replace -f {self.file}` to try this update again.")
            raise Exit(1)
        if results.not_found:
            call.err(f"The edits you made on deleted resources have been saved to {quote(str(self.file))}")
            raise Exit(1)
        return results

    def _require_namespace(self, target: Target) -> None:
        """An edit must not move an object to another namespace."""
        if not target.kind.namespaced:
            return
        wanted = self.call.namespace
        if target.namespace and target.namespace != wanted:
            raise UsageError(
                f"the namespace from the provided object {quote(target.namespace)} does not match the namespace "
                f"{quote(wanted)}. You must pass '--namespace={target.namespace}' to perform this operation."
            )
        if not target.namespace:
            target.namespace = wanted
            target.obj = with_metadata(target.obj or {}, namespace=wanted)

    # ------------------------------------------------------------------ files

    def _keep(self, file: Path) -> None:
        """`file` takes the place of the last round's."""
        self._forget()
        self.file = file

    def _forget(self) -> None:
        if self.file is not None:
            self.file.unlink(missing_ok=True)
            self.file = None

    def _cancel(self, message: str) -> None:
        self._forget()
        self.call.err(message)


def original_of(originals: Sequence[Target], edited: Target) -> Target:
    """The object that was edited, known by its uid. Raises UsageError."""
    wanted = uid(edited.obj or {})
    found = next((t for t in originals if uid(t.obj or {}) == wanted), None)
    if found is None:
        raise UsageError(f"no original object found for {json_out.compact(edited.obj)}")
    return found


def manual_strip(text: str) -> str:
    """The text without lines that are comments."""
    kept = [line for line in text.split("\n") if not line.strip().startswith("#") or line.strip().startswith("#!")]
    return "\n".join(kept)


def content(text: str) -> Any:
    """What a text says, for comparing: comments and layout aside. Text that is no YAML stands for itself."""
    if text.lstrip().startswith("{"):
        return text
    try:
        return json_out.compact(manifest.yaml_value(text))
    except ValueError:
        return manual_strip(text)


def has_lines(text: str) -> bool:
    return any(line.strip() and not line.strip().startswith("#") for line in text.split("\n"))


def _commented(text: str) -> str:
    """Lines after the first one become comments, too."""
    first, *rest = text.split("\n")
    return "\n".join([first, *(line if line.startswith("#") or not line else f"# {line}" for line in rest)])


def _without_managed_fields(target: Target) -> Target:
    obj = with_metadata(target.obj or {}, managedFields=None)
    return Target(target.kind, target.namespace, target.name, obj, target.source)


def _list(objects: Sequence[Obj]) -> Obj:
    return {"kind": "List", "apiVersion": "v1", "metadata": {}, "items": list(objects)}
