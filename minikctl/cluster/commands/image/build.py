"""`minikctl image build`."""

from __future__ import annotations

from minikctl.cluster import images
from minikctl.kubectl.command import Command, Invocation
from minikctl.kubectl.flags import ARRAY, BOOL, Option
from minikctl.util.errors import UsageError


def run(call: Invocation) -> None:
    if len(call.args) != 1:
        raise call.usage_error("exactly one folder is needed (. for this one)")
    from minikctl.runtime.oci.building.builder import Request, build

    flags, folder = call.flags, call.env.cwd / call.args[0]
    if not folder.is_dir():
        raise UsageError(f"{call.args[0]!r} is no folder")
    file = call.env.cwd / flags.file if flags.file else folder / "Dockerfile"
    names = tuple(images.whole(name) for name in flags.tag)
    request = Request(
        folder.resolve(),
        file,
        names,
        flags.target,
        pairs("build-arg", flags.build_arg, call),
        pairs("label", flags.label, call),
        not flags.no_cache,
    )
    said: list[str] = []

    def say(text: str) -> None:
        said.append(text)
        if not flags.quiet:
            call.err(text, end="")
            call.env.stderr.flush()

    try:
        with images.plainly(f"cannot build {flags.tag[0] if flags.tag else call.args[0]}"):
            image = build(images.store(call), request, say)
    except UsageError:
        if flags.quiet:
            call.err("".join(said), end="")
        raise
    if flags.quiet:
        call.out(image.id)
        return
    call.out(f"Successfully built {image.id.removeprefix('sha256:')[:12]}")
    for name in names:
        call.out(f"Successfully tagged {images.short(name)}")
    if image.host_tools:
        call.err(
            f"Note: {images.short(image.host_tools)} is emulated: the image has only what was added to it, and runs on this "
            "machine's programs"
        )


def pairs(flag: str, given: list[str], call: Invocation) -> dict[str, str]:
    """`NAME=VALUE`; a NAME alone is taken from the environment. Raises UsageError."""
    found = {}
    for text in given:
        name, equals, value = text.partition("=")
        if not name:
            raise UsageError(f"--{flag}: {text!r} is not NAME=VALUE")
        if equals or name in call.env.environ:
            found[name] = value if equals else call.env.environ[name]
    return found


COMMAND = Command(
    name="build",
    summary="Build an image from a Dockerfile",
    description=(
        "Build an image from a Dockerfile.\n\n"
        "Supported: FROM (stages, AS, scratch), RUN, COPY and ADD (--from, --chown, --chmod; patterns; .dockerignore; ADD "
        "unpacks tar files), ENV, ARG, WORKDIR, CMD, ENTRYPOINT, EXPOSE, USER, LABEL, VOLUME, STOPSIGNAL, SHELL. HEALTHCHECK "
        "is ignored, URLs are refused. RUN has the sandbox of containers and the network of this machine; "
        "its --mount may be of type bind, tmpfs or cache, which begins empty.\n\n"
        "FROM an emulated image (busybox, python, …) lays the new files over this machine's own programs; such an image "
        "runs in minikctl only. In a cluster of an ordinary user all files belong to root in the image."
    ),
    use="image build [-t NAME[:TAG]] [-f FILE] DIR",
    options=(
        Option("tag", ARRAY, short="t", help="A name for the image. May be given several times."),
        Option("file", short="f", help="The Dockerfile. Default: DIR/Dockerfile.", complete="files"),
        Option("build-arg", ARRAY, help="A value for an ARG: NAME=VALUE."),
        Option("label", ARRAY, help="A label for the image: NAME=VALUE."),
        Option("target", help="The stage to build. Default: the last one."),
        Option("no-cache", BOOL, help="Make every layer anew."),
        Option("quiet", BOOL, short="q", help="Show only the image's ID."),
    ),
    examples=(
        ("Build the image of the current folder", "minikctl image build -t web:1 ."),
        ("Build one stage of another file", "minikctl image build -t web:test -f test.Dockerfile --target test ."),
    ),
    complete="folders",
    run=run,
)
