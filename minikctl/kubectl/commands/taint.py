"""`kubectl taint`."""

from __future__ import annotations

from collections.abc import Sequence

from minikctl.api.errors import ApiError
from minikctl.api.meta import Obj
from minikctl.api.names import label_value, qualified_name
from minikctl.kubectl import validation
from minikctl.kubectl.command import Command, Invocation
from minikctl.kubectl.common_options import field_manager
from minikctl.kubectl.describe.metadata import taint_text
from minikctl.kubectl.dry_run import CLIENT, DRY_RUN, SERVER, strategy
from minikctl.kubectl.flags import BOOL, Option
from minikctl.kubectl.printers import PRINT_OPTIONS, printer
from minikctl.kubectl.resolve import ALL, SELECTOR, Resolved, Target, from_args
from minikctl.kubectl.words import find_kind
from minikctl.util.errors import Aggregate, UsageError

EFFECTS = ("NoSchedule", "PreferNoSchedule", "NoExecute")


def run(call: Invocation) -> None:
    dry_run = strategy(call)
    words, changes = split(call.args)
    if not words:
        raise UsageError("one or more resources must be specified as <resource> <name>")
    if not changes:
        raise UsageError("at least one taint update is required")
    try:
        added, removed = parse(changes)
    except UsageError as e:
        raise call.usage_error(e.message) from None
    found = _nodes(call, words, added, removed)
    problems = list(found.errors)
    for target in found.targets:
        try:
            _one(call, target, added, removed, dry_run)
        except (ApiError, UsageError, Aggregate) as e:
            problems += e.errors if isinstance(e, Aggregate) else [e]
    if problems:
        raise problems[0] if len(problems) == 1 else Aggregate(problems)


def split(args: Sequence[str]) -> tuple[list[str], list[str]]:
    """(words for nodes, taints). Raises UsageError when a word follows a taint."""
    words: list[str] = []
    changes: list[str] = []
    for word in args:
        if "=" in word or ":" in word or word.endswith("-"):
            changes.append(word)
        elif changes:
            raise UsageError(f"all resources must be specified before taint changes: {word}")
        else:
            words.append(word)
    return words, changes


def parse(specs: Sequence[str]) -> tuple[list[Obj], list[Obj]]:
    """(taints to add, taints to remove: those without an effect mean all with the key). Raises UsageError."""
    added: list[Obj] = []
    removed: list[Obj] = []
    for spec in specs:
        taint = parse_one(spec.removesuffix("-"))
        if spec.endswith("-"):
            removed.append({k: v for k, v in taint.items() if k != "value"})
            continue
        if not taint.get("effect"):
            raise UsageError(f"invalid taint spec: {spec}")
        if any(_same(taint, other) for other in added):
            shown = f"{{{taint['key']} {taint.get('value', '')} {taint['effect']} <nil>}}"
            raise UsageError(f"duplicated taints with the same key and effect: {shown}")
        added.append(taint)
    return added, removed


def parse_one(text: str) -> Obj:
    """`key=value:effect`, `key:effect` or `key`. Raises UsageError."""
    taint: Obj = {}
    parts = text.split(":")
    if len(parts) > 2:
        raise UsageError(f"invalid taint spec: {text}")
    key, value, effect = parts[0], "", ""
    if len(parts) == 2:
        effect = parts[1]
        if effect not in EFFECTS:
            raise UsageError(f"invalid taint effect: {effect}, unsupported taint effect")
        pieces = parts[0].split("=")
        if len(pieces) > 2:
            raise UsageError(f"invalid taint spec: {text}")
        key, value = pieces[0], pieces[1] if len(pieces) == 2 else ""
        if wrong := label_value(value):
            raise UsageError(f"invalid taint spec: {text}, {'; '.join(wrong)}")
    if wrong := qualified_name(key):
        raise UsageError(f"invalid taint spec: {text}, {'; '.join(wrong)}")
    taint["key"] = key
    if value:
        taint["value"] = value
    if effect:
        taint["effect"] = effect
    return taint


def _same(a: Obj, b: Obj) -> bool:
    return a.get("key") == b.get("key") and a.get("effect", "") == b.get("effect", "")


def _nodes(call: Invocation, words: list[str], added: list[Obj], removed: list[Obj]) -> Resolved:
    flags, word = call.flags, words[0].lower()
    try:
        kind = find_kind(call, word)
    except UsageError as e:
        raise UsageError(e.message, prefix="") from None
    if kind.kind != "Node":
        raise UsageError(f"invalid resource type {word}, only node types are supported")
    clashes = [
        f"{r['key']}={r.get('effect', '')}"
        for a in added
        for r in removed
        if a["key"] == r["key"] and r.get("effect", a["effect"]) == a["effect"]
    ]
    if clashes:
        text = "can not both modify and remove the following taint(s) in the same command: "
        raise UsageError(text + ", ".join(clashes))
    if flags.all and flags.selector:
        raise UsageError("setting 'all' parameter with a non empty selector is prohibited")
    if not flags.all and not flags.selector and len(words) < 2:
        raise UsageError("at least one resource name must be specified since 'all' parameter is not set")
    names = [] if flags.all or flags.selector else words[1:]
    return from_args(call, ["nodes", *names], label_selector=flags.selector, all_=flags.all)


def _one(call: Invocation, target: Target, added: list[Obj], removed: list[Obj], dry_run: str) -> None:
    node = target.obj or {}
    spec = node.get("spec") or {}
    old: list[Obj] = spec.get("taints") or []
    if not call.flags.overwrite:
        there = [a["key"] for a in added for o in old if _same(a, o)]
        if there:
            keys = ",".join(there)
            raise UsageError(
                f"node {target.name} already has {keys} taint(s) with same effect(s) and --overwrite is false"
            )
    operation, new = changed(old, added, removed, overwrite=call.flags.overwrite)
    show = printer(call, operation)  # kubectl, too, forgets to say that it is a dry run
    if dry_run == CLIENT:
        show({**node, "spec": {**spec, "taints": new}}, target.kind)
        return
    from minikctl.client.protocol import WriteOptions

    options = WriteOptions(
        dry_run=dry_run == SERVER,
        field_manager=call.flags.field_manager,
        field_validation=validation.directive(call),
    )
    patch = {"spec": {"taints": new or None}}
    show(call.client.patch(target.kind, target.name, patch, patch_type="merge", options=options), target.kind)


def changed(old: list[Obj], added: list[Obj], removed: list[Obj], *, overwrite: bool) -> tuple[str, list[Obj]]:
    """(what messages call it, the taints afterwards). Raises UsageError for taints that are not there."""
    new = list(added) + [o for o in old if not any(_same(a, o) for a in added)]
    grew, dropped = len(new) != len(old), False
    missing: list[Exception] = []
    for taint in removed:
        left = [t for t in new if not (_same(t, taint) if taint.get("effect") else t["key"] == taint["key"])]
        dropped = len(left) != len(new)
        if not dropped:
            missing.append(UsageError(f'taint "{taint_text(taint)}" not found'))
        new = left
    if missing:
        raise missing[0] if len(missing) == 1 else Aggregate(missing)
    return "modified" if overwrite or (grew and dropped) else "tainted" if grew else "untainted", new


COMMAND = Command(
    name="taint",
    summary="Update the taints on one or more nodes",
    group="Cluster Management",
    use="taint NODE NAME KEY_1=VAL_1:TAINT_EFFECT_1 ... KEY_N=VAL_N:TAINT_EFFECT_N",
    description=(
        "Set (KEY=VALUE:EFFECT) and remove (KEY:EFFECT-, KEY-) taints of nodes. A taint keeps pods away that do not "
        "tolerate it. Effects are NoSchedule, PreferNoSchedule and NoExecute."
    ),
    examples=(
        ("Keep a node for some pods", "taint nodes node-1 dedicated=infra:NoSchedule"),
        ("Remove that taint", "taint nodes node-1 dedicated:NoSchedule-"),
        ("Remove all taints with a key", "taint nodes node-1 dedicated-"),
        ("Nodes with a label", "taint node -l disk=ssd dedicated=db:PreferNoSchedule"),
    ),
    options=(
        *PRINT_OPTIONS,
        DRY_RUN,
        validation.VALIDATE,
        SELECTOR,
        ALL,
        field_manager("kubectl-taint"),
        Option("overwrite", BOOL, help="Change taints that are there already."),
    ),
    complete="resources:node",
    run=run,
)
