"""`minikctl image ls`."""

from __future__ import annotations

from minikctl.cluster import images
from minikctl.cluster.images import Listed
from minikctl.kubectl.command import Command, Invocation
from minikctl.kubectl.flags import BOOL, Option
from minikctl.kubectl.printers.columns import render
from minikctl.util.errors import UsageError

FORMATS = ("json", "yaml", "name")


def run(call: Invocation) -> None:
    flags = call.flags
    if flags.output not in ("", *FORMATS):
        raise UsageError(f"unknown output format {flags.output!r}, allowed formats are: {', '.join(FORMATS)}")
    with images.plainly("cannot list the images"):
        found = images.listed(call, emulated=flags.all)
    if call.args:
        found = [one for one in found if any(images.means(word, one) for word in call.args)]
    if flags.quiet:
        call.out("".join(f"{i}\n" for i in dict.fromkeys(_short_id(one) for one in found if one.id)), end="")
    elif flags.output == "name":
        call.out("".join(f"{images.short(one.name)}\n" for one in found), end="")
    elif flags.output:
        _document(call, found)
    elif found:
        call.out(render([_HEADER, *(_row(call, one) for one in found)]), end="")
    else:
        call.err("No images found (minikctl image ls --all also shows the emulated ones)")


_HEADER = ("REPOSITORY", "TAG", "IMAGE ID", "CREATED", "SIZE", "SOURCE")


def _row(call: Invocation, one: Listed) -> tuple[str, ...]:
    repository, tag = images.split(images.short(one.name))
    if not one.id:
        tag = images.some_tags(tag)
    size = images.human_size(one.size) if one.id else "-"
    return (repository or "<none>", tag or "<none>", _short_id(one) or "-", _age(call, one.created), size, one.source)


def _short_id(one: Listed) -> str:
    return one.id.removeprefix("sha256:")[:12]


def _age(call: Invocation, created: str) -> str:
    from datetime import UTC, datetime

    from minikctl.api.durations import human

    try:
        moment = datetime.fromisoformat(created)
    except ValueError:
        return "-"
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return f"{human(max(0.0, (call.env.clock.now() - moment).total_seconds()))} ago"


def _document(call: Invocation, found: list[Listed]) -> None:
    items = [
        {
            "name": one.name,
            "id": one.id,
            "digest": one.digest,
            "size": one.size,
            "source": one.source,
            **({"created": one.created} if one.created else {}),
            **({"hostTools": one.base} if one.base else {}),
        }
        for one in found
    ]
    if call.flags.output == "json":
        from minikctl.kubectl.printers.json_out import dumps

        call.out(dumps({"images": items}, sort_keys=False))
        return
    from minikctl.kubectl.printers import yaml_out

    call.out(yaml_out.dumps({"images": items}), end="")


COMMAND = Command(
    name="ls",
    summary="List the images of the local cluster",
    use="image ls [NAME...] [-a] [-q | -o json|yaml|name]",
    options=(
        Option("all", BOOL, short="a", help="Also the emulated images; their tags are shown as patterns."),
        Option("quiet", BOOL, short="q", help="Only IDs."),
        Option("output", short="o", help="Output format. One of: (json, yaml, name).", complete=FORMATS),
    ),
    aliases=("list",),
    complete=images.complete,
    examples=(
        ("Images that were built, loaded or pulled", "minikctl image ls"),
        ("The emulated ones, too", "minikctl image ls --all"),
    ),
    run=run,
)
