"""What becomes of edited objects: patched, created, or noted as last applied."""

from __future__ import annotations

from collections.abc import Sequence

from minikctl.api.errors import ApiError
from minikctl.api.meta import Obj
from minikctl.api.patch import merge_patch
from minikctl.api.patch.strategic import PatchError
from minikctl.api.patch.three_way import changed_identity, create_two_way
from minikctl.api.patch.values import identical
from minikctl.client.protocol import WriteOptions
from minikctl.kubectl import last_applied, requests, validation, visiting
from minikctl.kubectl.command import Invocation
from minikctl.kubectl.editing.session import LAST_APPLIED_HEADER, Results, Session, original_of
from minikctl.kubectl.manifest import Document
from minikctl.kubectl.printers import json_out, printer
from minikctl.kubectl.resolve import Target, from_documents
from minikctl.kubectl.selecting import select
from minikctl.util.errors import UsageError
from minikctl.util.jsonio import loads


def edit_live(call: Invocation) -> None:
    """`edit`: objects as the server has them, all in one file. Raises UsageError, ApiError, Exit."""
    targets = select(call, latest=True, allow_empty_selector=True).check()
    subresource = call.flags.subresource
    if not targets:
        raise UsageError("edit cancelled, no objects found")
    if subresource:
        for target in targets:
            target.obj = call.client.get(target.kind, target.name, target.namespace, subresource=subresource)
    options = _options(call)

    def patch(originals: list[Target], edited: list[Target], results: Results) -> None:
        for target in edited:
            before, after = original_of(originals, target).obj or {}, target.obj or {}
            if identical(before, after):
                printer(call, "skipped")(after, target.kind)
                continue
            patch_type, body = two_way(target, before, after)
            if call.flags.output_patch:
                call.out(f"Patch: {json_out.compact(body)}")
            try:
                obj = call.client.patch(
                    target.kind,
                    target.name,
                    body,
                    target.namespace,
                    patch_type=patch_type,
                    subresource=subresource,
                    options=options,
                )
            except ApiError as e:
                call.err(results.add(target, e))
                continue
            printer(call, "edited")(obj, target.kind)

    Session(call, targets, patch).run()


def two_way(target: Target, before: Obj, after: Obj) -> tuple[str, Obj]:
    """(patch type, patch). Raises UsageError when the object's identity was changed."""
    try:
        if target.kind.type:
            patch_type, patch = "strategic", create_two_way(before, after, target.kind.type)
        else:
            patch_type, patch = "merge", merge_patch.diff(before, after)
    except PatchError as e:
        raise UsageError(str(e)) from None
    if changed_identity(patch):
        raise UsageError("At least one of apiVersion, kind and name was changed")
    return patch_type, patch


def edit_before_create(call: Invocation) -> None:
    """`create --edit`: each object of the files in an editor of its own, then created."""
    options = _options(call)

    def create(_originals: list[Target], edited: list[Target], _results: Results) -> None:
        for target in edited:
            obj = requests.create(call, target, target.obj or {}, options)
            printer(call, "created")(obj, target.kind)

    visiting.visit(call, lambda target: Session(call, [target], create).run())


def edit_last_applied(call: Invocation) -> None:
    """`apply edit-last-applied`: the configurations that objects keep, without the objects themselves."""
    targets = select(call, latest=True, allow_empty_selector=True).check()
    notes = [_noted(call, t) for t in targets if last_applied.original(t.obj or {})]
    if not notes:
        raise UsageError(
            "no last-applied-configuration annotation found on resources, to create the annotation, use command "
            "`kubectl apply set-last-applied --create-annotation`"
        )
    options = _options(call)

    def note(originals: list[Target], edited: list[Target], _results: Results) -> None:
        for target in edited:
            before, after = original_of(originals, target).obj or {}, target.obj or {}
            if identical(before, after):
                printer(call, "skipped")(after, target.kind)
                continue
            body = last_applied.patch(json_out.compact(after) + "\n")
            call.client.patch(target.kind, target.name, body, target.namespace, options=options)
            printer(call, "edited")(after, target.kind)

    Session(call, notes, note, LAST_APPLIED_HEADER).run()


def _noted(call: Invocation, target: Target) -> Target:
    """The configuration as an object of its own."""
    documents: Sequence[Document] = [Document(loads(last_applied.original(target.obj or {})), "edited-file")]
    return from_documents(call, list(documents), default_namespace=False, require_namespace=False).check()[0]


def _options(call: Invocation) -> WriteOptions:
    return WriteOptions(
        field_manager=call.flags.get("field-manager") or "", field_validation=validation.directive(call)
    )
