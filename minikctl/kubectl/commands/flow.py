"""`minikctl flow`: what happened behind a command, and who did it because of what."""

from __future__ import annotations

import shutil
from collections.abc import Sequence

from minikctl.kubectl.command import Command, Invocation
from minikctl.kubectl.flags import BOOL, DURATION, Option
from minikctl.kubectl.flow import text
from minikctl.kubectl.flow.story import Step, Story, as_json
from minikctl.kubectl.resolve import Target, from_args
from minikctl.util.errors import Aggregate, UsageError

API_VERSION, KIND = "minikctl/v1", "Flow"


def run(call: Invocation) -> None:
    output = call.flags.output
    if output not in ("", "json"):
        raise UsageError(f"unknown output format {output!r}, allowed formats are: json")
    target = _target(call)
    story = Story(call.client.history(target.kind, target.name, target.namespace), all_events=_all_events(call))
    if call.flags.watch:
        _watch(call, target, story)
    elif output == "json":
        _show_json(call, target, story)
    else:
        _show_text(call, target, story.last_command() if call.flags.last else story.roots)


def _target(call: Invocation) -> Target:
    """The one object that the words name; it may be deleted already."""
    if not call.args:
        raise call.usage_error("say which object the story is about, for example deployment/web")
    found = from_args(call, call.args, fetch=False)
    if found.errors:
        raise found.errors[0] if len(found.errors) == 1 else Aggregate(found.errors)
    if len(found.targets) != 1 or not found.targets[0].name:
        raise call.usage_error("a story is about one object, for example deployment/web")
    return found.targets[0]


def _style(call: Invocation, target: Target) -> text.Style:
    terminal = call.env.stdout_is_terminal
    return text.Style(
        colour=terminal and not call.env.environ.get("NO_COLOR"),
        width=shutil.get_terminal_size().columns if terminal else 0,
        fold=not call.flags.all,
        namespace=target.namespace,
        glyphs=text.Glyphs() if _writes_unicode(call) else text.ASCII,
    )


def _writes_unicode(call: Invocation) -> bool:
    encoding = getattr(call.env.stdout, "encoding", None)
    return not encoding or encoding.lower().startswith("utf")


def _all_events(call: Invocation) -> bool:
    return bool(call.flags.all or call.flags.events or call.flags.output == "json")


def _show_text(call: Invocation, target: Target, roots: Sequence[Step]) -> None:
    if not roots:
        call.err(f"The journal no longer has anything about {target.label}.")
    for line in text.draw(roots, _style(call, target)):
        call.out(line)


def _show_json(call: Invocation, target: Target, story: Story) -> None:
    """{apiVersion, kind: Flow, subject, steps: […]}: steps in the order of their versions, see `flow.story.as_json`."""
    from minikctl.kubectl.printers.json_out import dumps

    subject = {
        "apiVersion": target.kind.api_version,
        "kind": target.kind.kind,
        "namespace": target.namespace,
        "name": target.name,
    }
    steps = [as_json(s) for s in _in_order(story, call.flags.last)]
    call.out(dumps({"apiVersion": API_VERSION, "kind": KIND, "subject": subject, "steps": steps}, sort_keys=False))


def _in_order(story: Story, last: bool) -> list[Step]:
    roots = story.last_command() if last else story.roots
    return sorted((s for r in roots for s in r.walk()), key=lambda s: int(s.version))


def _watch(call: Invocation, target: Target, story: Story) -> None:
    """What the last command led to so far, then each step as it happens, indented by cause. As JSON, one step a line."""
    from minikctl.kubectl.printers.json_out import dumps

    as_data, style = call.flags.output == "json", _style(call, target)
    if as_data:
        for step in _in_order(story, call.flags.last):
            call.out(dumps(as_json(step), sort_keys=False, indent=None))
    else:
        _show_text(call, target, story.roots if call.flags.all else story.last_command())
    call.env.stdout.flush()
    newest = str(max((int(s.version) for s in story.steps()), default=0))
    changes = call.client.history(
        target.kind, target.name, target.namespace, after=newest, follow=True, timeout=call.flags.timeout or None
    )
    for change in changes:
        added = story.add(change)
        if added is None:
            continue
        if as_data:
            call.out(dumps(as_json(added), sort_keys=False, indent=None))
        else:
            tree = "  " * (added.depth - 1) + style.glyphs.last if added.depth else ""
            call.out(("\n" if added.by_person else "") + text.line(added, tree, style))
        call.env.stdout.flush()


COMMAND = Command(
    name="flow",
    summary="Tell what happened behind a command: who wrote which object because of what",
    group="Troubleshooting and Debugging",
    description=(
        "Tell what happened behind a command: who wrote which object because of which change.\n\n"
        "The story is read from the cluster's journal, where every write names its writer and its cause. It begins with "
        "what a person did; below each change stands what it led to, with the milliseconds since the beginning. It "
        "covers the object, what it owns, Events about them, and whatever was written because of them."
    ),
    use="flow (TYPE NAME | TYPE/NAME) [-w] [-o json]",
    options=(
        Option("watch", BOOL, short="w", help="Go on, and tell what happens as it happens."),
        Option("output", short="o", help="Output format. One of: (json).", complete=("json",)),
        Option("last", BOOL, help="Only what the last command led to."),
        Option("events", BOOL, help="Tell all Events, not only warnings and those of kubelets."),
        Option("all", BOOL, help="Tell everything, also what repeats itself."),
        Option("timeout", DURATION, help="How long to watch; 0 is for ever."),
    ),
    examples=(
        ("How did this deployment come up?", "minikctl flow deployment/web"),
        ("Watch what a scale sets in motion", "minikctl flow deployment/web -w"),
        ("What did the last command lead to?", "minikctl flow deploy web --last"),
        ("The same for programs", "minikctl flow deploy/web -o json"),
    ),
    complete="resources",
    run=run,
)
