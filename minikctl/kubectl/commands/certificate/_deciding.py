"""What `certificate approve` and `certificate deny` share."""

from __future__ import annotations

from minikctl.api.errors import ApiError, go_quote
from minikctl.api.meta import Obj, timestamp
from minikctl.kubectl.command import Invocation
from minikctl.kubectl.flags import BOOL, Option
from minikctl.kubectl.manifest import filename_options
from minikctl.kubectl.printers import PRINT_OPTIONS, printer
from minikctl.kubectl.resolve import Target
from minikctl.kubectl.selecting import has_files, select
from minikctl.util.errors import Aggregate, UsageError

TRIES = 10
KIND = "CertificateSigningRequest.certificates.k8s.io"


def options(decision: str) -> tuple[Option, ...]:
    return (
        *PRINT_OPTIONS,
        *filename_options("to decide about"),
        Option("force", BOOL, help=f"Write the request even if it is {decision} already."),
    )


def decide(call: Invocation, condition: Obj, against: str, done: str) -> None:
    """Add a condition to the requests that are meant, unless they have the other one (`against`)."""
    show = printer(call, done)
    words = [f"certificatesigningrequests/{n}" for n in call.args]
    if not words and not has_files(call):
        raise UsageError("one or more CSRs must be specified as <name> or -f <filename>")
    found = select(call, words, latest=True)
    problems = list(found.errors)
    shown = 0
    for target in found.targets:
        try:
            _one(call, target, condition, against)
        except (ApiError, UsageError) as e:
            problems.append(e)
            continue
        show(target.obj or {}, target.kind)
        shown += 1
    if problems:
        raise problems[0] if len(problems) == 1 else Aggregate(problems)
    if not shown:
        call.out("No resources found")


def _one(call: Invocation, target: Target, condition: Obj, against: str) -> None:
    if f"{target.kind.kind}.{target.kind.group}" != KIND:
        raise UsageError(f"can only handle {KIND} objects, got {target.kind.kind}.{target.kind.group}".rstrip("."))
    for attempt in range(TRIES):
        request = call.client.get(target.kind, target.name)
        status = request.get("status") or {}
        conditions = status.get("conditions") or []
        types = {c.get("type") for c in conditions}
        if against in types:
            raise UsageError(f"certificate signing request {go_quote(target.name)} is already {against}")
        if condition["type"] in types and not call.flags.force:
            return
        if condition["type"] not in types:
            now = timestamp(call.env.clock.now())
            conditions = [*conditions, {**condition, "status": "True", "lastUpdateTime": now}]
        try:
            changed = {**request, "status": {**status, "conditions": conditions}}
            call.client.update(target.kind, changed, subresource="approval")
            return
        except ApiError as e:
            if e.reason != "Conflict" or attempt == TRIES - 1:
                raise
