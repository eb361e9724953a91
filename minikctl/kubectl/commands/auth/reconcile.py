"""`kubectl auth reconcile`."""

from __future__ import annotations

from minikctl.api import kinds
from minikctl.api.errors import ApiError
from minikctl.api.kind import Kind
from minikctl.api.meta import Obj
from minikctl.client import DeleteOptions
from minikctl.kubectl import reconciling
from minikctl.kubectl.command import Command, Invocation
from minikctl.kubectl.dry_run import CLIENT, DRY_RUN, SERVER, strategy
from minikctl.kubectl.flags import BOOL, Option
from minikctl.kubectl.manifest import Document, filename_options, flatten, read_documents
from minikctl.kubectl.printers import PRINT_OPTIONS, printer
from minikctl.util.errors import Aggregate, UsageError

GROUP = "rbac.authorization.k8s.io"
KINDS = (*reconciling.ROLE_KINDS, *reconciling.BINDING_KINDS)
TRIES = 3


def run(call: Invocation) -> None:
    flags = call.flags
    if not flags.filename and not flags.kustomize:
        raise UsageError("must specify one of -f and -k")
    if call.args:
        raise UsageError("no arguments are allowed")
    dry_run = strategy(call)
    if dry_run == SERVER:
        raise UsageError("--dry-run=server for command reconcile is not supported yet")
    show = printer(call, "reconciled", dry_run=dry_run, typed=True)
    documents, problems = read_documents(
        call, flags.filename, recursive=bool(flags.recursive), kustomize=flags.kustomize or ""
    )
    for document in flatten(documents):
        try:
            kind = _kind(document)
            if kind.group == GROUP and kind.kind in KINDS:
                plan = _reconcile(call, kind, _placed(call, kind, document.obj), dry_run == CLIENT)
                show(plan.obj, kind)
                _tell(call, plan, kind.kind in reconciling.ROLE_KINDS)
        except (UsageError, ApiError) as e:
            problems.append(e)
    if problems:
        raise problems[0] if len(problems) == 1 else Aggregate(problems)


def _kind(document: Document) -> Kind:
    """Raises UsageError for kinds that are not built in."""
    api_version, name = str(document.obj.get("apiVersion") or ""), str(document.obj.get("kind") or "")
    group, slash, version = api_version.rpartition("/")
    kind = kinds.by_gvk(group if slash else "", version, name)
    if kind is None:
        raise UsageError(
            f'unable to decode "{document.source}": no kind "{name}" is registered for version "{api_version}" '
            'in scheme "pkg/scheme/scheme.go:28"'
        )
    return kind


def _placed(call: Invocation, kind: Kind, obj: Obj) -> Obj:
    """The object in its namespace, with the groups that its subjects' kinds imply. Raises UsageError."""
    metadata = {**(obj.get("metadata") or {})}
    if kind.namespaced:
        given = metadata.setdefault("namespace", call.namespace)
        if call.namespace_given and given != call.namespace:
            raise UsageError(
                f'the namespace from the provided object "{given}" does not match the namespace "{call.namespace}". '
                f"You must pass '--namespace={given}' to perform this operation."
            )
    placed = {**obj, "metadata": metadata}
    if kind.kind in reconciling.BINDING_KINDS:
        placed["roleRef"] = {"apiGroup": GROUP, **(obj.get("roleRef") or {})}
        placed["subjects"] = [_subject(s) for s in obj.get("subjects") or []]
    return placed


def _subject(subject: Obj) -> Obj:
    return {"apiGroup": GROUP, **subject} if subject.get("kind") in ("User", "Group") else subject


def _reconcile(call: Invocation, kind: Kind, expected: Obj, dry_run: bool) -> reconciling.Plan:
    """Plan and, unless it is a dry run, carry it out; again when somebody else was faster. Raises ApiError."""
    remove = (
        call.flags.remove_extra_permissions if kind.kind in reconciling.ROLE_KINDS else call.flags.remove_extra_subjects
    )
    name, namespace = expected["metadata"]["name"], expected["metadata"].get("namespace", "")
    for attempt in range(TRIES):
        existing = _get(call, kind, name, namespace)
        plan = reconciling.plan(existing, expected, remove_extra=bool(remove))
        if plan.protected or dry_run or plan.operation == reconciling.NONE:
            return plan
        try:
            plan.obj = _carried_out(call, kind, plan, existing)
            return plan
        except ApiError as e:
            if e.reason not in ("Conflict", "AlreadyExists", "NotFound") or attempt == TRIES - 1:
                raise
    raise AssertionError("unreachable")


def _get(call: Invocation, kind: Kind, name: str, namespace: str) -> Obj | None:
    try:
        return call.client.get(kind, name, namespace)
    except ApiError as e:
        if e.reason != "NotFound":
            raise
        return None


def _carried_out(call: Invocation, kind: Kind, plan: reconciling.Plan, existing: Obj | None) -> Obj:
    namespace = plan.obj["metadata"].get("namespace", "")
    if plan.operation == reconciling.UPDATE:
        return call.client.update(kind, plan.obj)
    if existing is not None:
        options = DeleteOptions(uid=existing["metadata"].get("uid", ""))
        call.client.delete(kind, existing["metadata"]["name"], namespace, options=options)
    elif namespace and _get(call, _kind_of_namespaces(), namespace, "") is None:
        call.client.create("namespaces", {"metadata": {"name": namespace}})
    return call.client.create(kind, plan.obj, namespace)


def _kind_of_namespaces() -> Kind:
    found = kinds.find("namespaces")
    assert found is not None
    return found


def _tell(call: Invocation, plan: reconciling.Plan, is_role: bool) -> None:
    """What was done and why, on stderr."""
    if plan.operation == reconciling.NONE:
        return
    opted_out = ", but object opted out (rbac.authorization.kubernetes.io/autoupdate: false)" if plan.protected else ""
    call.err(f"\treconciliation required {plan.operation}{opted_out}")
    what = "rules" if is_role else "subjects"
    removes = call.flags.remove_extra_permissions if is_role else call.flags.remove_extra_subjects
    for title, parts in (("missing {} added", plan.missing), ("extra {} removed", plan.extra if removes else [])):
        if parts:
            call.err(f"\t{title.format(what)}:")
        for part in parts:
            call.err(f"\t\t{reconciling.shown(part)}")


COMMAND = Command(
    name="reconcile",
    summary="Reconciles rules for RBAC role, role binding, cluster role, and cluster role binding objects",
    use="reconcile -f FILENAME",
    description=(
        "Bring roles, role bindings, cluster roles and cluster role bindings to what a file says.\n\nObjects that are "
        "missing are created, with their namespace where that is missing, too. Roles that exist get the permissions that "
        "they lack, bindings the subjects; what is too much stays unless --remove-extra-permissions or "
        "--remove-extra-subjects is given.\n\nFor these kinds this is better than `apply`: rules and subjects are merged "
        "by what they mean."
    ),
    examples=(("Bring roles to what a file says", "auth reconcile -f my-rbac-rules.yaml"),),
    options=(
        *PRINT_OPTIONS,
        *filename_options("to reconcile"),
        DRY_RUN,
        Option("remove-extra-permissions", BOOL, help="Remove permissions that the file does not have."),
        Option("remove-extra-subjects", BOOL, help="Remove subjects that the file does not have."),
    ),
    run=run,
)
