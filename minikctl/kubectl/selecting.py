"""The objects that a command's words and flags (-f, -k, -R, -l, --field-selector, --all, -A) mean."""

from __future__ import annotations

from collections.abc import Sequence

from minikctl.api.errors import ApiError
from minikctl.kubectl.command import Invocation
from minikctl.kubectl.resolve import Resolved, resolve


def select(
    call: Invocation,
    args: Sequence[str] | None = None,
    *,
    local: bool = False,
    latest: bool = False,
    fetch: bool = True,
    allow_empty_selector: bool = False,
    selectors: bool = True,
) -> Resolved:
    """What is meant; `latest` replaces what stands in files by what the server has. Raises UsageError.

    With `local` objects stay as they stand in their files, namespace included. `selectors=False` is for commands whose
    --selector means something else.
    """
    flags = call.flags
    filenames = flags.get("filename") or []
    found = resolve(
        call,
        call.args if args is None else args,
        filenames=filenames,
        kustomize=flags.get("kustomize") or "",
        recursive=bool(flags.get("recursive")),
        local=local,
        label_selector=(flags.get("selector") or "") if selectors and not local else "",
        field_selector="" if local else flags.get("field-selector") or "",
        all_=bool(flags.get("all")) and not local,
        all_namespaces=bool(flags.get("all-namespaces")),
        allow_empty_selector=allow_empty_selector,
        fetch=fetch,
        default_namespace=not local,
        require_namespace=False if local else None,
    )
    if latest and not local and (filenames or flags.get("kustomize")):
        return _latest(call, found)
    return found


def _latest(call: Invocation, found: Resolved) -> Resolved:
    out = Resolved(errors=list(found.errors), single=found.single)
    for target in found.targets:
        try:
            target.fetch(call.client)
            out.targets.append(target)
        except ApiError as e:
            out.errors.append(e)
    return out


def has_files(call: Invocation) -> bool:
    return bool(call.flags.get("filename") or call.flags.get("kustomize"))
