"""`minikctl image pull`."""

from __future__ import annotations

from minikctl.cluster import images
from minikctl.cluster.progress import Progress
from minikctl.kubectl.command import Command, Invocation
from minikctl.kubectl.flags import BOOL, Option
from minikctl.runtime.interface import Credential
from minikctl.util.errors import UsageError


def run(call: Invocation) -> None:
    if len(call.args) != 1:
        raise call.usage_error("exactly one image is needed")
    from minikctl.runtime.oci import credentials
    from minikctl.runtime.oci.pull import pull
    from minikctl.runtime.reference import BadReference, parse

    name = call.args[0]
    try:
        parse(name)
    except BadReference as e:
        raise UsageError(f"{name!r} is no name for an image: {e}") from None
    given = [credential(call.flags.creds)] if call.flags.creds else credentials.of_user(call.env.environ)
    shown = Progress(call.env.stderr, name, enabled=not call.flags.quiet)
    try:
        with images.plainly(f"cannot pull {name}"):
            done = pull(images.store(call), name, given, shown)
    finally:
        shown.close()
    if not call.flags.quiet:
        call.out(f"Digest: {done.digest}")
        status = "Downloaded newer image for" if done.is_new else "Image is up to date for"
        call.out(f"Status: {status} {images.short(done.name)}")
    call.out(done.name)


def credential(text: str) -> Credential:
    """`user:password`."""
    user, _, password = text.partition(":")
    if not user:
        raise UsageError("--creds is USER:PASSWORD")
    return Credential("", user, password)


COMMAND = Command(
    name="pull",
    summary="Fetch an image from a registry",
    description=(
        "Fetch an image from a registry into the local cluster.\n\n"
        "Without --creds the passwords are used that `docker login` wrote into $DOCKER_CONFIG/config.json or "
        "~/.docker/config.json; programs that keep passwords (credHelpers) are not asked. Registries on this machine "
        "(localhost:PORT, 127.x) are spoken to by HTTP, all others by HTTPS. A download that was interrupted goes on where "
        "it stopped."
    ),
    use="image pull NAME[:TAG|@DIGEST]",
    options=(
        Option("creds", help="Who asks: USER:PASSWORD."),
        Option("quiet", BOOL, short="q", help="Show only the name."),
    ),
    examples=(
        ("Pull from a registry of your own", "minikctl image pull localhost:5000/web:1"),
        ("Pull from Docker Hub", "minikctl image pull nginx:1.27"),
    ),
    run=run,
)
