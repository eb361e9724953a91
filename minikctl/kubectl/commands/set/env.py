"""`kubectl set env`."""

from __future__ import annotations

import re
from collections.abc import Sequence

from minikctl.api.meta import Obj
from minikctl.api.names import env_name
from minikctl.kubectl import env_values
from minikctl.kubectl.command import Command, Invocation
from minikctl.kubectl.commands.set._changing import LOCAL, change_each, refuse_local_server, typed
from minikctl.kubectl.common_options import field_manager
from minikctl.kubectl.dry_run import DRY_RUN, strategy
from minikctl.kubectl.flags import ARRAY, BOOL, LIST, Option
from minikctl.kubectl.manifest import filename_options
from minikctl.kubectl.pod_specs import containers, pod_spec
from minikctl.kubectl.printers import PRINT_OPTIONS
from minikctl.kubectl.resolve import ALL, SELECTOR, Target
from minikctl.kubectl.selecting import select
from minikctl.util.errors import UsageError

_ASSIGNMENT = re.compile(r"^.+=.*$", re.DOTALL | re.MULTILINE)
_NOT_IN_NAMES = re.compile(r"[^a-zA-Z0-9_]")
WHAT = "environment variable"


def run(call: Invocation) -> None:
    flags = call.flags
    if flags.all and flags.selector:
        raise UsageError("cannot set --all and --selector at the same time")
    words, changes = split(call.args)
    dry_run = strategy(call)
    refuse_local_server(call, dry_run)
    if not flags.filename and not words:
        raise UsageError("one or more resources must be specified as <resource> <name> or <resource>/<name>")
    if flags.list and flags.output:
        raise UsageError("--list and --output may not be specified together")
    if flags.keys and not flags.get("from"):
        raise UsageError("when specifying --keys, a configmap or secret must be provided with --from")
    wanted, removed = parse([*flags.env, *changes], call.env.stdin.read)
    if flags.get("from"):
        wanted += _imported(call)
    wanted = [{**v, "name": flags.prefix + v["name"]} for v in wanted]
    found = select(call, [] if flags.local else words, local=flags.local, latest=True).check()

    def change(obj: Obj, target: Target) -> bool | None:
        return _change(call, obj, target, wanted, removed)

    if flags.list:
        for target in found:
            try:
                change(typed(target), target)
            except UsageError:
                continue  # kubectl, too, lists what it can and keeps silent about the rest
        return
    failed = "failed to patch env update to pod template:"
    change_each(call, found, change, done="env updated", failed=failed, dry_run=dry_run)


# ---------------------------------------------------------------------- what is wanted


def split(args: Sequence[str]) -> tuple[list[str], list[str]]:
    """(words for objects, assignments and removals). Raises UsageError."""
    words: list[str] = []
    changes: list[str] = []
    for word in args:
        if _ASSIGNMENT.match(word) or word.endswith("-"):
            changes.append(word)
        elif changes:
            raise UsageError(f"all resources must be specified before environment changes: {' '.join(args)}")
        else:
            words.append(word)
    return words, changes


def parse(specs: Sequence[str], read: object = None) -> tuple[list[Obj], list[str]]:
    """(variables to set, names to remove); `-` reads assignments with `read()`. Raises UsageError."""
    variables: list[Obj] = []
    removed: list[str] = []
    named: set[str] = set()
    for spec in specs:
        name, equals, value = spec.partition("=")
        if spec == "-" and callable(read):
            variables += _from_text(read())
        elif equals:
            if wrong := env_name(name):
                raise UsageError(f'"{name}" is not a valid key name: {";".join(wrong)}')
            named.add(name)
            variables.append({"name": name, "value": value})
        elif spec.endswith("-"):
            removed.append(spec[:-1])
        else:
            raise UsageError(f"unknown {WHAT}: {spec}")
    if named & set(removed):
        raise UsageError(f"can not both modify and remove the same {WHAT} in the same command")
    return variables, removed


def _from_text(text: str) -> list[Obj]:
    lines = [line.partition("#")[0] for line in text.splitlines()]
    pairs = [line.partition("=") for line in lines if "=" in line]
    return [{"name": name, "value": value} for name, _, value in pairs]


def _imported(call: Invocation) -> list[Obj]:
    """References to the keys of the ConfigMap or Secret that --from names. Raises UsageError, ApiError."""
    flags = call.flags
    found = select(call, [] if flags.local else [flags.get("from")], local=flags.local, latest=True)
    variables: list[Obj] = []
    for target in found.check():
        fields = {"Secret": "secretKeyRef", "ConfigMap": "configMapKeyRef"}
        field = fields.get(target.kind.kind) if not target.kind.group else None
        if field is None:
            raise UsageError("unsupported resource specified in --from")
        for key in sorted((target.obj or {}).get("data") or {}):
            if not flags.keys or key in flags.keys:
                reference = {"name": target.name, "key": key}
                variables.append({"name": _env_name(call, key), "valueFrom": {field: reference}})
    return variables


def _env_name(call: Invocation, key: str) -> str:
    name = _NOT_IN_NAMES.sub("_", key).upper()
    if name != key:
        call.err(f"Warning: key {key} transferred to {name}")
    return name


# ---------------------------------------------------------------------- the change


def _change(call: Invocation, obj: Obj, target: Target, wanted: list[Obj], removed: list[str]) -> bool | None:
    spec = pod_spec(obj, target.kind)
    meant = containers(spec, call.flags.containers)
    if not meant:
        what = f"{target.kind.kind}/{target.name}"
        call.err(f'Warning: {what} does not have any containers matching "{call.flags.containers}"')
        return None
    failed = False
    for container in meant:
        before = container.get("env") or []
        if not call.flags.overwrite:
            refuse_overwriting(before, wanted)
        after = updated(before, wanted, removed)
        if after:
            container["env"] = after
        else:
            container.pop("env", None)
        if call.flags.list:
            failed |= env_values.show(call, obj, target, container)
    if failed:
        raise UsageError("failed to retrieve valueFrom references")
    return None


def refuse_overwriting(before: list[Obj], wanted: list[Obj]) -> None:
    old = {v["name"]: v.get("value", "") for v in reversed(before)}
    for variable in wanted:
        name = variable["name"]
        if name in old and old[name] != variable.get("value", ""):
            raise UsageError(f"'{name}' already has a value ({old[name]}), and --overwrite is false")


def updated(before: list[Obj], wanted: list[Obj], removed: list[str]) -> list[Obj]:
    """Changed variables keep their place, new ones follow; a removal wins over a change."""
    first: dict[str, Obj] = {}
    for variable in wanted:
        first.setdefault(variable["name"], variable)
    out: list[Obj] = []
    covered = set(removed)
    for variable in before:
        name = variable["name"]
        if name in covered:
            continue
        if name in first:
            covered.add(name)
        out.append(first.get(name, variable))
    return out + [v for name, v in first.items() if name not in covered]


COMMAND = Command(
    name="env",
    summary="Update environment variables on a pod template",
    use="env RESOURCE/NAME KEY_1=VAL_1 ... KEY_N=VAL_N",
    description=(
        "Set (KEY=VALUE), remove (KEY-) and list the environment variables of containers. With `-e -` assignments are "
        "read from standard input, with --from they become references to a ConfigMap or Secret."
    ),
    examples=(
        ("Set a variable", "set env deployment/web STORAGE_DIR=/local"),
        ("List them", "set env deployment/web --list"),
        ("Take all keys of a Secret", "set env --from=secret/creds deployment/web"),
        ("Take one key of a ConfigMap, with a prefix", "set env --keys=host --from=cm/db --prefix=DB_ deployment/web"),
        ("Remove one from a container", "set env deployments --all --containers=c1 ENV-"),
        ("Take some of the shell's own", "set env -e - deployment/web"),
    ),
    options=(
        *PRINT_OPTIONS,
        *filename_options("to change"),
        DRY_RUN,
        LOCAL,
        ALL,
        SELECTOR,
        field_manager("kubectl-set"),
        Option("containers", short="c", default="*", help="Names of the containers, with * for any characters."),
        Option("env", ARRAY, short="e", help="A variable to set, KEY=VALUE; may be repeated."),
        Option("from", help="The ConfigMap or Secret to take variables from."),
        Option("keys", LIST, help="Take only these keys, separated by commas."),
        Option("list", BOOL, help="Show the variables, with the changes."),
        Option("overwrite", BOOL, default=True, help="Change variables that are there already."),
        Option("prefix", help="Put this before the variables' names."),
        Option("resolve", BOOL, help="When listing, show the values that references stand for."),
    ),
    complete="resources:deployments,daemonsets,pods,cronjobs,replicasets,replicationcontrollers,statefulsets",
    run=run,
)
