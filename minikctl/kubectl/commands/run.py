"""`kubectl run`."""

from __future__ import annotations

from minikctl.api import kinds, schema
from minikctl.api.errors import ApiError
from minikctl.api.meta import Obj
from minikctl.kubectl import deletion, image_reference, last_applied, overrides, run_attached
from minikctl.kubectl.command import Command, Invocation
from minikctl.kubectl.commands.delete import DELETION_OPTIONS, cascade
from minikctl.kubectl.common_options import RECORD, SAVE_CONFIG, field_manager, recorded, write_options
from minikctl.kubectl.dry_run import CLIENT, DRY_RUN, NONE, strategy
from minikctl.kubectl.flags import ARRAY, BOOL, DURATION, Option
from minikctl.kubectl.generators import GeneratorError, pod, service
from minikctl.kubectl.manifest import filename_options
from minikctl.kubectl.printers import PRINT_OPTIONS, printer
from minikctl.kubectl.resolve import Target
from minikctl.util.errors import Aggregate, UsageError

RESTART_POLICIES = ("Always", "OnFailure", "Never")
PULL_POLICIES = ("Always", "IfNotPresent", "Never")


def run(call: Invocation) -> int:
    flags, dry_run = call.flags, strategy(call)
    attached = flags.attach or (flags.stdin and not flags.changed("attach"))
    show = printer(call, "created", dry_run=dry_run, typed=True)
    propagation = cascade(call)
    restart = _check(call, attached, dry_run)
    try:
        wanted = pod(call.args[0], call.args[1:], flags, restart)
    except GeneratorError as e:
        raise UsageError(str(e)) from None
    made = [_create(call, overrides.override(call, wanted, "core/v1.Pod"), dry_run)]
    problems: list[Exception] = []
    if flags.expose:
        try:
            made.append(_create(call, service(call.args[0], flags), dry_run))
            show(made[1].obj or {}, made[1].kind)
            if flags.output == "yaml":
                call.out("---")
        except GeneratorError as e:
            problems.append(UsageError(str(e)))
        except (ApiError, UsageError) as e:
            problems.append(e)
    if attached:
        try:
            return run_attached.follow(call, made[0], restart)
        finally:
            if flags.rm:
                _remove(call, made, propagation)
    show(made[0].obj or {}, made[0].kind)
    if problems:
        raise problems[0] if len(problems) == 1 else Aggregate(problems)
    return 0


def _check(call: Invocation, attached: bool, dry_run: str) -> str:
    """The restart policy. Raises UsageError for flags that do not go together."""
    flags = call.flags
    if not call.args or call.dash == 0:
        raise call.usage_error("NAME is required for run")
    if flags.pod_running_timeout <= 0:
        raise call.usage_error("--pod-running-timeout must be higher than zero")
    if not flags.image:
        raise UsageError("--image is required")
    if not image_reference.is_reference(flags.image):
        raise UsageError(f'Invalid image name "{flags.image}": invalid reference format')
    if flags.tty and not flags.stdin:
        raise call.usage_error("-i/--stdin is required for containers with -t/--tty=true")
    if flags.expose and not flags.port:
        raise call.usage_error("--port must be set when exposing a service")
    restart = str(flags.restart) or ("OnFailure" if flags.stdin else "Always")
    if restart not in RESTART_POLICIES:
        raise call.usage_error(f"invalid restart policy: {restart}")
    if flags.rm and not attached:
        raise call.usage_error("--rm should only be used for attached containers")
    if attached and dry_run != NONE:
        raise call.usage_error(
            "--dry-run=[server|client] can't be used with attached containers options (--attach, --stdin, or --tty)"
        )
    if flags.image_pull_policy not in ("", *PULL_POLICIES):
        raise call.usage_error(f"invalid image pull policy: {flags.image_pull_policy}")
    return restart


def _create(call: Invocation, obj: Obj, dry_run: str) -> Target:
    """Create the object, or with --dry-run=client only complete it. Raises ApiError, UsageError."""
    group, slash, version = obj.get("apiVersion", "").rpartition("/")
    kind = kinds.by_gvk(group if slash else "", version, obj.get("kind", ""))
    if kind is None:
        raise UsageError(f'no kind "{obj.get("kind", "")}" is registered for version "{obj.get("apiVersion", "")}"')
    head = {"kind": kind.kind, "apiVersion": kind.api_version}
    try:
        typed = {**head, **schema.decode(kind.type, recorded(call, obj)).value}
    except schema.DecodeError as e:
        raise UsageError(str(e)) from None
    namespace = call.namespace if kind.namespaced and dry_run != CLIENT else ""
    if dry_run != CLIENT:
        typed = last_applied.kept_current(typed, save=call.flags.save_config, typed=True)
        typed = call.client.create(kind, typed, namespace, options=write_options(call, dry_run))
    elif call.namespace_given and kind.namespaced:
        typed = {**typed, "metadata": {**typed["metadata"], "namespace": call.flags.get("namespace")}}
    return Target(kind, namespace, typed["metadata"].get("name", ""), typed)


def _remove(call: Invocation, made: list[Target], propagation: str) -> None:
    how = deletion.Deletion(propagation=propagation, ignore_not_found=True, wait=False, quiet=call.flags.quiet)
    deletion.delete(call, made, how)


COMMAND = Command(
    name="run",
    summary="Run a particular image on the cluster",
    group="Basic (Beginner)",
    use=(
        'run NAME --image=image [--env="key=value"] [--port=port] [--dry-run=server|client] '
        "[--overrides=inline-json] [--command] -- [COMMAND] [args...]"
    ),
    description="Create a pod and run an image in it.",
    examples=(
        ("A web server", "run web --image=nginx"),
        ("One that says which port it serves", "run web --image=nginx --port=80"),
        ("With variables and labels", 'run web --image=nginx --env="MODE=prod" --labels="app=web,tier=front"'),
        ("Only print the object", "run web --image=nginx --dry-run=client -o yaml"),
        ("A shell, gone when one leaves it", "run -i -t --rm shell --image=busybox --restart=Never"),
        ("Other arguments for the image's command", "run web --image=nginx -- ARG1 ARG2"),
        ("Another command", "run web --image=nginx --command -- COMMAND ARG1"),
    ),
    options=(
        *PRINT_OPTIONS,
        *DELETION_OPTIONS,
        *filename_options("to replace"),
        *overrides.OPTIONS,
        RECORD,
        SAVE_CONFIG,
        DRY_RUN,
        field_manager("kubectl-run"),
        Option("wait", BOOL, help="With --rm: wait until the objects are gone."),
        Option("annotations", ARRAY, help="An annotation for the pod, KEY=VALUE; may be repeated."),
        Option("attach", BOOL, help="Attach to the container when it runs; the default with -i."),
        Option("command", BOOL, help="The words after -- are the command itself, not its arguments."),
        Option("detach-keys", default="ctrl-p,ctrl-q", help="The keys that leave the container alone."),
        Option("env", ARRAY, help="An environment variable, KEY=VALUE; may be repeated."),
        Option("expose", BOOL, help="Make a ClusterIP Service for the pod as well; needs --port."),
        Option("image", required=True, help="The image to run."),
        Option("image-pull-policy", help="When to pull the image.", complete=PULL_POLICIES),
        Option("labels", short="l", help="Labels for the pod, KEY=VALUE,…; without it: run=NAME."),
        Option("leave-stdin-open", BOOL, help="Leave standard input open when the first attachment ends."),
        Option("pod-running-timeout", DURATION, default=60.0, help="How long to wait for a running pod."),
        Option("port", help="The port that the container serves."),
        Option("privileged", BOOL, help="Run the container in privileged mode."),
        Option("quiet", BOOL, short="q", help="Say nothing of one's own."),
        Option("restart", default="Always", help="When to start the container again.", complete=RESTART_POLICIES),
        Option("rm", BOOL, help="Delete the pod when it has ended; only for attached ones."),
        Option("stdin", BOOL, short="i", help="Keep the container's standard input open."),
        Option("tty", BOOL, short="t", help="Give the container a terminal."),
    ),
    run=run,
)
