"""`minikctl cluster snapshot save`."""

from __future__ import annotations

import re

from minikctl.cluster import snapshots
from minikctl.cluster.progress import waiting
from minikctl.kubectl import kubeconfig
from minikctl.kubectl.command import Command, Invocation
from minikctl.kubectl.flags import BOOL, Option
from minikctl.util.errors import UsageError

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")


def run(call: Invocation) -> None:
    if len(call.args) > 1:
        raise call.usage_error(f"unknown argument {call.args[1]!r}")
    name = (call.args or [""])[0]
    if name and not NAME.fullmatch(name):
        raise UsageError(f"{name!r} is no name for a snapshot: letters, digits, '.', '_' and '-' are")
    directory, now = kubeconfig.local_directory(call), call.env.clock.now()
    with waiting(call.env.stderr, "Saving it"):
        done = snapshots.save(directory, name, volumes=call.flags.volumes, now=now)
    call.out(f"snapshot/{done.name} saved: {done.objects} objects, resourceVersion {done.resourceVersion}, {done.path}")


COMMAND = Command(
    name="save",
    summary="Save the cluster's state as it is now",
    use="cluster snapshot save [NAME] [--volumes]",
    options=(Option("volumes", BOOL, help="Take the directories of PersistentVolumes along."),),
    examples=(
        ("Save it under the name of the moment", "minikctl cluster snapshot save"),
        ("Save it with its data", "minikctl cluster snapshot save before-exercise --volumes"),
    ),
    run=run,
)
