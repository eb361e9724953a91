"""`kubectl apply`: make objects what files say, keeping what others set."""

from __future__ import annotations

from typing import Any

from minikctl.api.errors import ApiError
from minikctl.api.meta import LAST_APPLIED, Obj, annotations_of, get_path, is_deleting, name
from minikctl.client.protocol import DeleteOptions, WriteOptions
from minikctl.kubectl import last_applied, requests, validation, visiting
from minikctl.kubectl.applying import apply_set, prune, server_side
from minikctl.kubectl.applying.patcher import Failed, Force, Patcher
from minikctl.kubectl.command import Command, Invocation
from minikctl.kubectl.commands.delete import DELETION_OPTIONS, cascade
from minikctl.kubectl.common_options import RECORD, field_manager, recorded
from minikctl.kubectl.dry_run import CLIENT, DRY_RUN, SERVER, strategy
from minikctl.kubectl.errors import add_source
from minikctl.kubectl.flags import BOOL, Option
from minikctl.kubectl.manifest import filename_options
from minikctl.kubectl.printers import PRINT_OPTIONS, Typed, printer
from minikctl.kubectl.resolve import ALL, SELECTOR, Target
from minikctl.util.errors import Aggregate, UsageError


class Apply:
    """One call of apply."""

    def __init__(self, call: Invocation):
        flags = call.flags
        self.call = call
        self.dry_run = strategy(call)
        self.visited = prune.Visited()
        self.propagation = cascade(call)
        self.force = Force(self.propagation, flags.grace_period, flags.timeout) if flags.force else None
        self.options = WriteOptions(
            dry_run=self.dry_run == SERVER,
            field_manager=server_side.manager(call),
            field_validation=validation.directive(call),
            force=flags.force_conflicts,
        )
        self.prints_objects = flags.output not in ("", "name")
        printer(call, "")

    def say(self, operation: str, target: Target, obj: Obj) -> None:
        """One line an object, unless -o asks for the objects themselves."""
        target.obj = obj
        if not self.prints_objects:
            printer(self.call, operation, dry_run=self.dry_run)(obj, target.kind)

    # ------------------------------------------------------------------ one object

    def one(self, target: Target) -> None:
        """Raises ApiError, UsageError."""
        self.visited.note(target)
        target.obj = recorded(self.call, target.obj or {})
        generated = get_path(target.obj, "metadata", "generateName")
        if not target.name and generated:
            raise UsageError(f"from {generated}: cannot use generate name with apply")
        if self.call.flags.server_side:
            obj = server_side.apply(self.call, target, self.options, self.call.flags.subresource)
            self._warn_if_deleting(obj)
            self.visited.note_object(obj)
            self.say("serverside-applied", target, obj)
            return
        current = self._current(target)
        if current is None:
            self._create(target)
        else:
            self._patch(target, current)

    def _current(self, target: Target) -> Obj | None:
        problem: Exception = UsageError("resource name may not be empty")
        if target.name:
            try:
                return self.call.client.get(target.kind, target.name, target.namespace)
            except ApiError as e:
                if e.reason == "NotFound":
                    return None
                problem = e
        where = f"retrieving current configuration of:\n{requests.describe(target)}\nfrom server for:"
        raise add_source(where, target.source, problem)

    def _create(self, target: Target) -> None:
        obj = without_nulls(last_applied.annotated(target.obj or {}))
        if self.dry_run != CLIENT:
            try:
                obj = requests.create(self.call, target, obj, self.options)
            except ApiError as e:
                raise add_source("creating", target.source, e) from None
        self.visited.note_object(obj)
        self.say("created", target, obj)

    def _patch(self, target: Target, current: Obj) -> None:
        self.visited.note_object(current)
        if LAST_APPLIED not in annotations_of(current):
            self.call.err(
                f"Warning: resource {target.kind.plural}/{target.name} is missing the {LAST_APPLIED} annotation which "
                "is required by kubectl apply. kubectl apply should only be used on resources created declaratively "
                "by either kubectl create --save-config or kubectl apply. The missing annotation will be patched "
                "automatically."
            )
        patcher = Patcher(self.call, target, self.options, self.call.flags.overwrite, self.force)
        modified = last_applied.annotated(target.obj or {})
        try:
            if self.dry_run == CLIENT:
                patch, obj = patcher.patch_locally(current, modified)
            else:
                patch, obj = patcher.patch(current, modified)
        except Failed as e:
            where = f"applying patch:\n{e.patch}\nto:\n{requests.describe(target)}\nfor:"
            raise add_source(where, target.source, e.error) from None
        self._warn_if_deleting(obj)
        self.say("configured" if patch else "unchanged", target, obj)

    def _warn_if_deleting(self, obj: Obj) -> None:
        if is_deleting(obj):
            self.call.err(f"Warning: Detected changes to resource {name(obj)} which is currently being deleted.")

    # ------------------------------------------------------------------ afterwards

    def print_objects(self, targets: list[Target]) -> None:
        """With -o: the object, or a List of them."""
        if not self.prints_objects or not targets:
            return
        show = printer(self.call, "")
        if len(targets) == 1:
            show(targets[0].obj or {}, targets[0].kind)
            return
        items = [_sorted(t.obj or {}) for t in targets]
        show(Typed({"kind": "List", "apiVersion": "v1", "metadata": {}, "items": items}), None)

    def prune(self, members: apply_set.ApplySet | None) -> None:
        """Delete what is in no file any more: of a set, or of the allowed kinds. Raises ApiError, UsageError."""
        call = self.call
        if call.namespace_given:
            self.visited.namespaces.add(call.namespace)
        if members is not None:
            surplus = members.surplus(self.visited.uids)
        else:
            surplus = prune.surplus(call, self.visited, prune.allowed_kinds(call))
        for kind, obj in surplus:
            if self.dry_run != CLIENT:
                grace = call.flags.grace_period
                options = DeleteOptions(
                    grace_period=grace if grace >= 0 else None,
                    propagation=self.propagation,
                    dry_run=self.dry_run == SERVER,
                )
                call.client.delete(kind, name(obj), obj["metadata"].get("namespace", ""), options=options)
            printer(call, "pruned", dry_run=self.dry_run)(obj, kind)


def run(call: Invocation) -> None:
    if call.args:
        raise call.usage_error(f"Unexpected args: [{' '.join(call.args)}]")
    applier = Apply(call)
    visiting.require_files(call)
    members = apply_set.of(call)
    if call.flags.prune:
        prune.allowed_kinds(call)
    _check(call, applier.dry_run)
    _check_set(call, members)
    targets: list[Target] = []
    unreadable: list[Exception] = []
    for found in visiting.read(call, validate=validation.directive(call)):
        targets += found.targets
        unreadable += found.errors
    problems: list[Exception] = [Aggregate(unreadable)] if unreadable else []
    if not targets and not problems:
        raise UsageError("no objects passed to apply")
    pretend = applier.dry_run == CLIENT
    if members is not None:
        members.adopt(targets)
        members.begin(targets, applier.options, pretend=pretend)
    for target in targets:
        try:
            applier.one(target)
        except (ApiError, UsageError, Aggregate) as e:
            problems.append(e)
    visiting.raise_all(problems)
    applier.print_objects(targets)
    if call.flags.prune:
        applier.prune(members)
    if members is not None:
        members.finish(applier.options, pretend=pretend)


def _check_set(call: Invocation, members: apply_set.ApplySet | None) -> None:
    """Raises UsageError for what cannot stand beside --applyset."""
    flags = call.flags
    if members is None:
        return
    if not flags.prune:
        raise UsageError("--applyset requires --prune")
    members.validate()
    for given, flag in ((flags.all, "all"), (flags.selector, "selector"), (flags.prune_allowlist, "prune-allowlist")):
        if given:
            raise UsageError(f"--{flag} is incompatible with --applyset")


def _check(call: Invocation, dry_run: str) -> None:
    """Raises UsageError for flags that cannot stand beside each other."""
    flags = call.flags
    unselected = (
        "all resources selected for prune without explicitly passing --all. To prune all resources, pass the --all "
        "flag. If you did not mean to prune all resources, specify a label selector"
    )
    rules = (
        (flags.force_conflicts and not flags.server_side, "--force-conflicts only works with --server-side"),
        (
            dry_run == CLIENT and flags.server_side,
            "--dry-run=client doesn't work with --server-side (did you mean --dry-run=server instead?)",
        ),
        (flags.server_side and flags.force, "--force cannot be used with --server-side"),
        (dry_run == SERVER and flags.force, "--dry-run=server cannot be used with --force"),
        (flags.all and flags.selector, "cannot set --all and --selector at the same time"),
        (flags.prune and flags.force, "--force cannot be used with --prune"),
        (flags.prune and not (flags.all or flags.selector or flags.applyset), unselected),
        (
            flags.prune and flags.server_side and not flags.applyset,
            "--prune is in alpha and doesn't currently work on objects created by server-side apply",
        ),
        (flags.subresource and not flags.server_side, "--subresource can only be specified for --server-side"),
    )
    for broken, message in rules:
        if broken:
            raise UsageError(message)


def without_nulls(value: Any) -> Any:
    """An object without fields that are null, at any depth: what a patch would do with them."""
    if isinstance(value, dict):
        return {k: without_nulls(v) for k, v in value.items() if v is not None}
    return [without_nulls(v) for v in value] if isinstance(value, list) else value


def _sorted(value: Any) -> Any:
    if isinstance(value, dict):
        return {k: _sorted(v) for k, v in sorted(value.items())}
    return [_sorted(v) for v in value] if isinstance(value, list) else value


COMMAND = Command(
    name="apply",
    summary="Apply a configuration to a resource by file name or stdin",
    group="Advanced",
    use="apply (-f FILENAME | -k DIRECTORY)",
    description=(
        "Make objects what files say: create those that are missing, change the others. A field that a file named "
        "before and names no more is removed; what others set stays. For that the object keeps the configuration "
        "that was applied last in an annotation, so create objects with apply, or with create --save-config."
    ),
    examples=(
        ("What a file describes", "apply -f web.yaml"),
        ("All files of a folder", "apply -f manifests/"),
        ("What another program writes", "apply -f - < web.json"),
        ("Look before you leap", "apply -f web.yaml --dry-run=server"),
        ("The server merges, and reports conflicts", "apply --server-side -f web.yaml"),
        ("Delete what is labelled so and in the folder no more", "apply --prune -f manifests/ -l app=web"),
        ("The same by a Secret that keeps track", "apply --prune --applyset=shop -n shop -f manifests/"),
    ),
    options=(
        *PRINT_OPTIONS,
        *filename_options("to apply"),
        *DELETION_OPTIONS,
        *server_side.OPTIONS,
        RECORD,
        validation.VALIDATE,
        DRY_RUN,
        SELECTOR,
        ALL,
        prune.PRUNE,
        prune.PRUNE_ALLOWLIST,
        apply_set.APPLYSET,
        field_manager(server_side.CLIENT_MANAGER),
        Option("openapi-patch", BOOL, default=True, help="Make patches by the structure of kinds that is known."),
        Option("overwrite", BOOL, default=True, help="What the file says wins over what others changed."),
        Option("subresource", help="With --server-side: apply to this subresource."),
        Option("wait", BOOL, help="With --force: wait until the old object is gone."),
    ),
    run=run,
)
