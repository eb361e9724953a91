"""`minikctl image add`."""

from __future__ import annotations

import shlex

from minikctl.cluster import images
from minikctl.cluster.commands.image.build import pairs
from minikctl.kubectl.command import Command, Invocation
from minikctl.kubectl.flags import ARRAY, Option
from minikctl.util.errors import UsageError


def run(call: Invocation) -> None:
    from minikctl.runtime.oci.registration import Program, register

    dash = call.dash if call.dash >= 0 else len(call.args)
    words, behind = call.args[:dash], call.args[dash:]
    if not 1 <= len(words) <= 2:
        raise call.usage_error("a name is needed, and perhaps a folder")
    command = [*_words(call.flags.command), *behind]
    folder = (call.env.cwd / words[1]).resolve() if len(words) == 2 else None
    if folder is not None and not folder.is_dir():
        raise UsageError(f"{words[1]!r} is no folder")
    if folder is None and not command:
        raise call.usage_error("--command or a folder is needed")
    working_dir = call.flags.workdir
    if working_dir and not working_dir.startswith("/"):
        raise UsageError("--workdir must be an absolute path")
    program = Program(images.whole(words[0]), command, folder, pairs("env", call.flags.env, call), working_dir)
    with images.plainly(f"cannot add {words[0]}"):
        register(images.directory(call), program, call.env.cwd)
    call.out(f"image/{images.short(program.name)} added")


def _words(text: str) -> list[str]:
    try:
        return shlex.split(text)
    except ValueError as e:
        raise UsageError(f"--command: {e}") from None


COMMAND = Command(
    name="add",
    summary="Make a program or a folder of this machine an image",
    description=(
        "Make a program or a folder of this machine an image, without a Dockerfile.\n\n"
        "Its containers have the programs of this machine. A command that is installed here (python3, nginx) is only "
        "written down, and works in every runtime; a program from elsewhere (./server) is copied to /usr/local/bin of the "
        "image, and a folder to /app (or --workdir), which needs the sandbox runtime."
    ),
    use="image add NAME[:TAG] [FOLDER] [--command 'PROGRAM ARG...' | -- PROGRAM ARG...]",
    options=(
        Option("command", help="What its containers run, as a shell would split it."),
        Option("env", ARRAY, help="An environment variable: NAME=VALUE. May be given several times."),
        Option("workdir", help="The working directory of its containers."),
    ),
    examples=(
        ("A command of this machine", "minikctl image add me/files:1 --command 'python3 -m http.server 8080'"),
        ("A program that you built", "minikctl image add me/server:1 --command ./server"),
        ("A folder with a program", "minikctl image add me/app:1 ./app -- python3 main.py"),
    ),
    run=run,
)
