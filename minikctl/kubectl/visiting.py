"""One object of the manifests after the other: for commands that write what files hold.

An object that fails does not stop the others; what went wrong is raised at the end, in the order of the files.
Source: cli-runtime `pkg/resource/visitor.go` (EagerVisitorList, ContinueOnErrorVisitor).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

from minikctl.api.errors import ApiError
from minikctl.api.meta import labels_of
from minikctl.kubectl import manifest
from minikctl.kubectl.command import Invocation
from minikctl.kubectl.manifest import Document
from minikctl.kubectl.resolve import Resolved, Target, from_documents
from minikctl.util.errors import Aggregate, UsageError


def require_files(call: Invocation) -> None:
    """Raises UsageError unless -f or -k is there, and not both."""
    flags = call.flags
    if flags.filename and flags.kustomize:
        raise UsageError("only one of -f or -k can be specified")
    if flags.kustomize and flags.recursive:
        raise UsageError("the -k flag can't be used with -f or -R")
    if not flags.filename and not flags.kustomize:
        raise UsageError("must specify one of -f and -k")


def visit(call: Invocation, action: Callable[[Target], None], *, validate: str = "") -> int:
    """Do `action` with each object of -f and -k that -l selects; gives their number. Raises what went wrong."""
    count = 0
    problems: list[Exception] = []
    for found in read(call, validate=validate):
        for target in found.targets:
            try:
                action(target)
                count += 1
            except (UsageError, ApiError, Aggregate) as e:
                problems.append(e)
        problems += found.errors
    raise_all(problems)
    return count


def read(call: Invocation, *, validate: str = "") -> Iterator[Resolved]:
    """The objects of -f and -k, file by file. Raises UsageError when a file is missing or the selector is none."""
    flags = call.flags
    found = manifest.read(call, flags.filename, recursive=flags.recursive, kustomize=flags.kustomize)
    for documents in _by_source(found):
        resolved = from_documents(call, documents, require_namespace=call.namespace_given, validate=validate.lower())
        yield selected(resolved, flags.get("selector") or "")


def selected(resolved: Resolved, label_selector: str) -> Resolved:
    """Those that the selector takes. Raises UsageError when it is none."""
    if not label_selector.strip():
        return resolved
    from minikctl.api.selectors import SelectorError, parse_label_selector

    try:
        selector = parse_label_selector(label_selector)
    except SelectorError as e:
        raise UsageError(f'the provided selector "{label_selector.strip()}" is not valid: {e}') from None
    kept = [t for t in resolved.targets if selector.matches(labels_of(t.obj or {}))]
    return replace(resolved, targets=kept)


def _by_source(found: Sequence[Document | Exception]) -> Iterator[list[Document | Exception]]:
    """An error ends the file it was met in, so it belongs to the documents before it."""
    group: list[Document | Exception] = []
    source = None
    for item in found:
        if isinstance(item, Document) and group and (source is None or item.source != source):
            yield group
            group = []
        source = item.source if isinstance(item, Document) else None
        group.append(item)
    if group:
        yield group


def raise_all(problems: list[Exception]) -> None:
    """Raises the only problem, or all of them as an Aggregate; does nothing when there is none."""
    if problems:
        raise problems[0] if len(problems) == 1 else Aggregate(problems)
