"""`kubectl config set-context`."""

from __future__ import annotations

from dataclasses import replace

from minikctl.kubectl.command import Command, Invocation
from minikctl.kubectl.flags import BOOL, Option
from minikctl.kubectl.kubeconfig import access
from minikctl.util.errors import UsageError

FIELDS = ("cluster", "user", "namespace")


def run(call: Invocation) -> None:
    if len(call.args) > 1:
        raise access.wrong_arguments(call)
    name = call.args[0] if call.args else ""
    if not name and not call.flags.current:
        raise UsageError("you must specify a non-empty context name or --current")
    if name and call.flags.current:
        raise UsageError("you cannot specify both a context name and --current")
    files = access.of(call)
    before = files.start()
    if call.flags.current and not before.current_context:
        raise UsageError("no current context is set")
    name = name or before.current_context
    given = {f: call.flags.get(f) for f in FIELDS if call.flags.changed(f)}
    contexts = {**before.contexts, name: {**before.contexts.get(name, {}), **given}}
    files.modify(before, replace(before, contexts=contexts))
    call.out(f'Context "{name}" {"modified" if name in before.contexts else "created"}.')


COMMAND = Command(
    name="set-context",
    summary="Set a context entry in kubeconfig",
    description=(
        "Set a context entry in kubeconfig.\n\n"
        "Specifying a name that already exists will merge new fields on top of existing values for those fields."
    ),
    examples=(
        (
            "Set the user field on the gce context entry without touching other values",
            "kubectl config set-context gce --user=cluster-admin",
        ),
    ),
    use=(
        "set-context [NAME | --current] [--cluster=cluster_nickname] [--user=user_nickname] [--namespace=namespace] "
        "[options]"
    ),
    options=(
        Option("current", BOOL, help="Modify the current context."),
        Option("cluster", help="The cluster of the context."),
        Option("user", help="The user of the context."),
        Option("namespace", short="n", help="The namespace of the context.", complete="namespaces"),
    ),
    complete="kubeconfig:contexts",
    run=run,
)
