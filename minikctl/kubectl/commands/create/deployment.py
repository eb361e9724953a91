"""`kubectl create deployment`."""

from __future__ import annotations

import random
import re

from minikctl.api.meta import ALPHABET, Obj
from minikctl.kubectl.command import Command, Invocation
from minikctl.kubectl.flags import INT32, LIST, Option
from minikctl.kubectl.generating import GENERATOR_OPTIONS, name_argument, new, submit
from minikctl.util.errors import UsageError


def run(call: Invocation) -> None:
    flags, name = call.flags, name_argument(call)
    command = call.args[1:]
    if len(flags.image) > 1 and command:
        raise UsageError("cannot specify multiple --image options and command")
    containers = [container(image, command, random.Random()) for image in flags.image]
    if flags.port >= 0 and containers:
        containers[0]["ports"] = [{"containerPort": flags.port}]
    labels = {"app": name}
    spec = {
        "replicas": flags.replicas,
        "selector": {"matchLabels": labels},
        "template": {"metadata": {"labels": labels}, "spec": {"containers": containers}},
    }
    obj = new(call, "apps/v1", "Deployment", name, spec=spec)
    obj["metadata"]["labels"] = labels
    submit(call, obj, failure="failed to create deployment: ")


def container(image: str, command: list[str], rng: random.Random) -> Obj:
    """A container called as its image, with a random end when the image's name cannot be a container's."""
    name = re.split("[:@]", image.rpartition("/")[2], maxsplit=1)[0]
    if "_" in name or "." in name:
        name = name.replace("_", "-").replace(".", "-") + "-" + "".join(rng.choices(ALPHABET, k=5))
    made: Obj = {"name": name, "image": image}
    if command:
        made["command"] = command
    return made


COMMAND = Command(
    name="deployment",
    summary="Create a deployment with the specified name",
    use="create deployment NAME --image=image -- [COMMAND] [args...]",
    aliases=("deploy",),
    description="Create a deployment with the specified name.",
    examples=(
        ("A web server", "create deployment web --image=nginx"),
        ("Three of them, and the port that they serve", "create deployment web --image=nginx --replicas=3 --port=80"),
        ("Another command than the image's", "create deployment clock --image=busybox -- sleep 3600"),
        ("Two containers in each pod", "create deployment web --image=nginx --image=redis:7"),
    ),
    options=(
        *GENERATOR_OPTIONS,
        Option("image", LIST, required=True, help="Image of the container; several make several containers."),
        Option("port", INT32, default=-1, help="The port that the first container serves."),
        Option("replicas", INT32, short="r", default=1, help="Number of pods."),
    ),
    run=run,
)
