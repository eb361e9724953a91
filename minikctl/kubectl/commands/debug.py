"""`kubectl debug`. Source: kubectl `pkg/cmd/debug/debug.go`."""

from __future__ import annotations

import csv
from typing import Any

from minikctl.api.errors import ApiError, not_found
from minikctl.api.meta import Obj, name, namespace
from minikctl.client import DeleteOptions
from minikctl.kubectl import debugging, image_reference, pod_of, remote
from minikctl.kubectl.command import Command, Invocation
from minikctl.kubectl.commands.attach import NOTE
from minikctl.kubectl.debug_profiles import PROFILES, Keep
from minikctl.kubectl.debugging import Wanted
from minikctl.kubectl.flags import ARRAY, BOOL, LIST, Option
from minikctl.kubectl.resolve import Target
from minikctl.kubectl.selecting import select
from minikctl.kubectl.waiting import Deadline, changes
from minikctl.util.errors import EnvironmentProblem, UsageError

PULL_POLICIES = ("Always", "IfNotPresent", "Never")
LEGACY = (
    "--profile=legacy is deprecated and planned to be removed in v1.39. It is recommended to specify other profile, for "
    'example "--profile=general".'
)


def run(call: Invocation) -> int:
    """Raises UsageError, ApiError."""
    words = call.args[: call.dash] if call.dash >= 0 else call.args
    wanted = _wanted(call, call.args[call.dash :] if call.dash >= 0 else [])
    _check(call, words, wanted)
    code = 0
    for target in _targets(call, words):
        pod, container = _visit(call, target, wanted)
        if container and (call.flags.attach or (call.flags.stdin and not call.flags.changed("attach"))):
            code = _attach(call, pod, container) or code
    return code


# ---------------------------------------------------------------------- what is asked for


def _wanted(call: Invocation, args: list[str]) -> Wanted:
    flags = call.flags
    if flags.profile not in PROFILES:
        raise UsageError(f"unknown profile: {flags.profile}")
    keep = Keep(
        flags.keep_labels,
        flags.keep_annotations,
        flags.keep_liveness,
        flags.keep_readiness,
        flags.keep_startup,
        flags.keep_init_containers,
    )
    return Wanted(
        image=flags.image,
        container=flags.container,
        args=args,
        args_only=flags.arguments_only,
        env=[{"name": k, "value": v} for k, v in _pairs("env", flags.env).items()],
        pull_policy=flags.image_pull_policy,
        stdin=flags.stdin,
        tty=flags.tty,
        target=flags.target,
        profile=flags.profile,
        custom=_custom(call),
        keep=keep,
        copy_to=flags.copy_to,
        same_node=flags.same_node,
        share_processes=flags.share_processes if flags.changed("share-processes") else None,
        set_images=_pairs("set-image", flags.set_image),
        say=(lambda _text: None) if flags.quiet else call.out,
    )


def _pairs(flag: str, given: list[str]) -> dict[str, str]:
    """`KEY=VALUE,…`, several times. Raises UsageError."""
    found = {}
    for text in given:
        for pair in [text.strip('"')] if text.count("=") == 1 else next(csv.reader([text]), []):
            key, equals, value = pair.partition("=")
            if not equals:
                raise UsageError(
                    f'invalid argument "{text}" for "--{flag}" flag: {pair} must be formatted as key=value'
                )
            found[key] = value
    return found


def _custom(call: Invocation) -> Obj | None:
    """The partial container of --custom. Raises UsageError."""
    given: str = call.flags.custom
    if not given:
        return None
    import yaml

    try:
        found = yaml.safe_load((call.env.cwd / given).read_bytes())
    except OSError as e:
        why = f"open {given}: {(e.strerror or '').lower()}"
        raise UsageError(f"must pass a container spec json file for custom profile: {why}") from None
    except (yaml.YAMLError, ValueError) as e:
        raise UsageError(f"{given} does not contain a valid container spec: {' '.join(str(e).split())}") from None
    if found is not None and not isinstance(found, dict):
        raise UsageError(f"{given} does not contain a valid container spec: it is no object")
    return found


def _check(call: Invocation, words: list[str], wanted: Wanted) -> None:
    """Raises UsageError for flags that do not go together."""
    flags = call.flags
    if flags.attach and not wanted.image and not wanted.container:
        raise UsageError("you must specify --container or create a new container using --image in order to attach.")
    if wanted.copy_to:
        if not (wanted.image or wanted.set_images or wanted.args):
            raise UsageError("you must specify --image, --set-image or command arguments.")
        if wanted.args and not wanted.container and not wanted.image:
            raise UsageError("you must specify an existing container or a new image when specifying args.")
    else:
        for given, flag in ((flags.replace, "replace"), (flags.same_node, "same-node"), (flags.set_image, "set-image")):
            if given:
                raise UsageError(f"--{flag} may only be used with --copy-to.")
        if not wanted.image:
            raise UsageError("you must specify --image when not using --copy-to.")
    if wanted.image and not image_reference.is_reference(wanted.image):
        raise UsageError(f'invalid image name "{wanted.image}": invalid reference format')
    if not words and not flags.filename:
        raise UsageError("NAME or filename is required for debug")
    if wanted.pull_policy not in ("", *PULL_POLICIES):
        raise UsageError(f"invalid image pull policy: {wanted.pull_policy}")
    for container, image in wanted.set_images.items():
        if not image_reference.is_reference(image):
            raise UsageError(f'invalid image name "{image}" for container "{container}": invalid reference format')
    if wanted.target:
        if wanted.copy_to:
            raise UsageError("--target is incompatible with --copy-to. Use --share-processes instead.")
        text = "If you don't see processes from this container it may be because the container runtime doesn't support"
        wanted.say(f'Targeting container "{wanted.target}". {text} this feature.')
    if wanted.tty and not wanted.stdin:
        raise UsageError("-i/--stdin is required for containers with -t/--tty=true")
    fixed = ("name", "command", "image", "lifecycle", "volumeDevices")
    if any((wanted.custom or {}).get(field) for field in fixed):
        raise UsageError("name, command, image, lifecycle and volume devices are not modifiable via custom profile")
    if wanted.profile == "legacy":
        call.err(LEGACY)


def _targets(call: Invocation, words: list[str]) -> list[Target]:
    if words:
        return [pod_of.target_of(call, [word]) for word in words]
    return list(select(call, [], latest=True).check())


# ---------------------------------------------------------------------- what is made


def _visit(call: Invocation, target: Target, wanted: Wanted) -> tuple[Obj, str]:
    """(the pod, the container to attach to)."""
    obj = target.obj or {}
    if target.kind.resource == "nodes":
        pod = debugging.node_pod(target.name, wanted)
        return call.client.create("pods", pod, call.namespace), debugging.containers_of(pod).popitem()[0]
    if target.kind.resource != "pods":
        raise UsageError(f'"{target.kind.group}/{target.kind.version}, Kind={target.kind.kind}" not supported by debug')
    return _copy(call, obj, wanted) if wanted.copy_to else _add(call, obj, wanted)


def _copy(call: Invocation, pod: Obj, wanted: Wanted) -> tuple[Obj, str]:
    copied, container = debugging.pod_copy(pod, wanted)
    _warn(call, debugging.containers_of(copied).get(container), copied)
    made = call.client.create("pods", copied, namespace(pod))
    if call.flags.replace:
        call.client.delete("pods", name(pod), namespace(pod), options=DeleteOptions(grace_period=0))
    return made, container


def _add(call: Invocation, pod: Obj, wanted: Wanted) -> tuple[Obj, str]:
    container = debugging.ephemeral_container(pod, wanted)
    _warn(call, container, pod)
    patch: dict[str, Any] = {"spec": {"ephemeralContainers": [container]}}
    where = namespace(pod)
    try:
        changed = call.client.patch(
            "pods", name(pod), patch, where, patch_type="strategic", subresource="ephemeralcontainers"
        )
    except ApiError as e:
        if e.reason == "NotFound" and not e.details.get("name"):
            text = f'ephemeral containers are disabled for this cluster (error from server: "{e.message}")'
            raise UsageError(text) from None
        raise
    return changed, str(container["name"])


def _warn(call: Invocation, container: Obj | None, pod: Obj) -> None:
    if debugging.lacks_root(container, pod):
        call.err(debugging.NOT_ROOT)


# ---------------------------------------------------------------------- the session


def _attach(call: Invocation, pod: Obj, container: str) -> int:
    """Wait for the container, then attach to it; when it has ended already, its log must do."""
    pod, state = _started(call, pod, container)
    if state.get("terminated"):
        _print_log(call, pod, container)
        return 0
    found = pod_of.find_container(pod, container)
    tty = bool(found and found[0].get("tty"))
    note = "" if call.flags.quiet else NOTE
    try:
        return remote.attach(call, pod, container, call.flags.stdin, tty, note=note)
    except (ApiError, UsageError, EnvironmentProblem) as e:
        call.err(f"warning: couldn't attach to pod/{name(pod)}, falling back to streaming logs: {e}")
        _print_log(call, pod, container)
    return 0


def _started(call: Invocation, pod: Obj, container: str) -> tuple[Obj, Obj]:
    """The pod when the container runs or has ended, and the container's state. Raises ApiError."""
    kind = call.client.kind("pods")
    assert kind is not None
    told = ""
    for event in changes(call, kind, namespace(pod), name(pod), Deadline(call, None)):
        if event is None or event.type == "DELETED":
            raise not_found("pods", "", "")
        state = _state(event.object, container)
        if state.get("running") or state.get("terminated"):
            return event.object, state
        message = (state.get("waiting") or {}).get("message") or ""
        if message and message != told and not call.flags.quiet:
            call.warn(f"container {container}: {message}")
            told = message
    raise not_found("pods", "", name(pod))


def _state(pod: Obj, container: str) -> Obj:
    status = pod.get("status") or {}
    fields = ("containerStatuses", "initContainerStatuses", "ephemeralContainerStatuses")
    return next((s.get("state") or {} for f in fields for s in status.get(f) or [] if s["name"] == container), {})


def _print_log(call: Invocation, pod: Obj, container: str) -> None:
    write = remote.writer(call.env.stdout)
    for chunk in call.client.logs(name(pod), namespace(pod), {"container": container}):
        write(chunk)


COMMAND = Command(
    name="debug",
    summary="Create debugging sessions for troubleshooting workloads and nodes",
    group="Troubleshooting and Debugging",
    use="debug (POD | TYPE[[.VERSION].GROUP]/NAME) [ -- COMMAND [args...] ]",
    description="Look at what goes wrong with tools of your own: in a container that is added to a running pod, in a "
    "copy of the pod that is changed, or in a pod that shares a node's namespaces and sees its files at /host.",
    examples=(
        ("A shell beside a pod's containers", "debug web -it --image=busybox"),
        ("A container of a certain name", "debug web -c debugger --image=busybox"),
        ("A copy of the pod with a shell added", "debug web -it --copy-to=web-debug --image=busybox"),
        ("A copy with another command", "debug web -it --copy-to=web-debug --container=app -- sh"),
        ("A copy with other images", "debug web --copy-to=web-debug --set-image=*=busybox"),
        ("A shell on a node", "debug node/node-1 -it --image=busybox"),
    ),
    options=(
        Option("arguments-only", BOOL, help="What follows -- are the arguments of the image's own command."),
        Option("attach", BOOL, help="Attach to the container when it runs; the default with -i."),
        Option("container", short="c", help="The name of the container to debug in."),
        Option("copy-to", help="Make a copy of the pod with this name."),
        Option("custom", help="A file with a part of a container that is applied over the profile.", complete="files"),
        Option("env", ARRAY, help="Environment variables, KEY=VALUE."),
        Option("filename", LIST, short="f", help="A file with the object to debug.", complete="manifests"),
        Option("image", help="The image of the container."),
        Option("image-pull-policy", help="When to pull the image.", complete=PULL_POLICIES),
        Option("keep-annotations", BOOL, help="A copy keeps the annotations."),
        Option("keep-init-containers", BOOL, default=True, help="A copy runs the init containers."),
        Option("keep-labels", BOOL, help="A copy keeps the labels."),
        Option("keep-liveness", BOOL, help="A copy keeps the liveness probes."),
        Option("keep-readiness", BOOL, help="A copy keeps the readiness probes."),
        Option("keep-startup", BOOL, help="A copy keeps the startup probes."),
        Option("profile", default="general", help="How much the container may.", complete=tuple(PROFILES)[:-1]),
        Option("quiet", BOOL, short="q", help="Say nothing of one's own."),
        Option("replace", BOOL, help="With --copy-to: delete the original pod."),
        Option("same-node", BOOL, help="With --copy-to: put the copy on the same node."),
        Option("set-image", ARRAY, help="With --copy-to: other images, CONTAINER=IMAGE; * stands for all containers."),
        Option(
            "share-processes", BOOL, default=True, help="With --copy-to: the containers see each other's processes."
        ),
        Option("stdin", BOOL, short="i", help="Keep the container's standard input open."),
        Option("target", help="The container whose processes an ephemeral container is to see."),
        Option("tty", BOOL, short="t", help="Give the container a terminal."),
    ),
    complete="resources",
    run=run,
)
