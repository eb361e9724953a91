"""`kubectl logs`."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

from minikctl.api.errors import ApiError
from minikctl.api.meta import Obj, annotations_of, name, namespace
from minikctl.kubectl import pod_of, remote
from minikctl.kubectl.command import Command, Invocation
from minikctl.kubectl.flags import BOOL, DURATION, INT, Option
from minikctl.kubectl.resolve import SELECTOR, Target, from_args
from minikctl.kubectl.waiting import Deadline, TimedOut
from minikctl.util.errors import UsageError

USE = "logs [-f] [-p] (POD | TYPE/NAME) [-c CONTAINER]"
EXPECTED = f"expected '{USE}'.\nPOD or TYPE/NAME is a required argument for the logs command"
SELECTED_TAIL = 10
"""Lines of each container when pods are chosen by their labels and no number is given."""
RETRY_SECONDS = 1.0


@dataclass(frozen=True)
class Source:
    """One container's log."""

    pod: Obj
    container: str

    @property
    def prefix(self) -> bytes:
        return f"[pod/{name(self.pod)}/{self.container}] ".encode()


def run(call: Invocation) -> int | None:
    _check_words(call)
    options = log_options(call)
    targets = _targets(call)
    _check_flags(call, options)
    sources: list[Source] = []
    for target in targets:
        sources += _sources(call, target, options["container"])
    follow = call.flags.follow
    if follow and len(sources) > call.flags.max_log_requests and len(sources) > 1:
        raise UsageError(
            f"you are attempting to follow {len(sources)} log streams, but maximum allowed concurrency is "
            f"{call.flags.max_log_requests}, use --max-log-requests to increase the limit"
        )
    write = remote.writer(call.env.stdout)
    if follow and len(sources) > 1:
        _all_at_once(call, sources, options, write)
    else:
        for source in sources:
            for line in _read(call, source, options):
                write(line)
    return None


def _check_words(call: Invocation) -> None:
    args, selector = call.args, call.flags.selector
    if len(args) > 2 or (not args and not selector):
        raise call.usage_error(EXPECTED)
    if len(args) == 1 and selector:
        raise call.usage_error("only a selector (-l) or a POD name is allowed")


def log_options(call: Invocation) -> dict[str, Any]:
    """The flags in PodLogOptions' words. Raises UsageError."""
    flags = call.flags
    options: dict[str, Any] = {
        "container": call.args[1] if len(call.args) == 2 else flags.container,
        "follow": flags.follow,
        "previous": flags.previous,
        "timestamps": flags.timestamps,
    }
    if flags.since_time:
        from minikctl.api.durations import parse_time

        try:
            parse_time(flags.since_time)
        except ValueError:
            raise UsageError(
                f'parsing time "{flags.since_time}" as "2006-01-02T15:04:05Z07:00": cannot parse '
                f'"{flags.since_time}" as "2006"'
            ) from None
        options["sinceTime"] = flags.since_time
    if flags.limit_bytes:
        options["limitBytes"] = flags.limit_bytes
    if flags.since:
        options["sinceSeconds"] = int(flags.since + 0.5) if flags.since > 0 else -int(0.5 - flags.since)
    if flags.selector and flags.tail == -1 and not flags.changed("tail"):
        options["tailLines"] = SELECTED_TAIL
    elif flags.tail != -1:
        options["tailLines"] = flags.tail
    return options


def _check_flags(call: Invocation, options: dict[str, Any]) -> None:
    flags = call.flags
    if flags.since_time and flags.since:
        raise UsageError("at most one of `sinceTime` or `sinceSeconds` may be specified")
    if flags.all_containers and options["container"]:
        raise UsageError(f"--all-containers=true should not be specified with container name {options['container']}")
    if flags.changed("container") and len(call.args) == 2:
        raise UsageError("only one of -c or an inline [CONTAINER] arg is allowed")
    if flags.limit_bytes < 0:
        raise UsageError("--limit-bytes must be greater than 0")
    if options.get("sinceSeconds", 0) < 0:
        raise UsageError("--since must be greater than 0")
    if options.get("tailLines", 0) < -1:
        raise UsageError("--tail must be greater than or equal to -1")


# ---------------------------------------------------------------------- whose logs


def _targets(call: Invocation) -> list[Target]:
    """Raises UsageError; an object that does not exist is told with its namespace."""
    selector = call.flags.selector
    try:
        if not selector:
            return [pod_of.target_of(call, call.args[:1])]
        found = from_args(call, ["pods"], label_selector=selector).check()
    except ApiError as e:
        if e.reason != "NotFound":
            raise
        raise UsageError(f'error from server (NotFound): {e.message} in namespace "{call.namespace}"') from None
    if not found:
        call.err(f"No resources found in {call.namespace} namespace.")
    return found


def _sources(call: Invocation, target: Target, container: str) -> list[Source]:
    """The containers' logs of one object. Raises UsageError."""
    all_pods = call.flags.all_pods
    if target.kind.resource == "pods":
        return _of_pod(call, target.obj or {}, container, all_pods=False)
    selector = pod_of.selector_of(target, "cannot get the logs from")
    pods = pod_of.pods_of(call, target.namespace, selector, call.flags.pod_running_timeout, pod_of.by_logging)
    if len(pods) > 1 and not all_pods:
        call.err(f"Found {len(pods)} pods, using pod/{name(pods[0])}")
        pods = pods[:1]
    return [s for pod in pods for s in _of_pod(call, pod, container, all_pods=all_pods)]


def _of_pod(call: Invocation, pod: Obj, container: str, *, all_pods: bool) -> list[Source]:
    if call.flags.all_containers:
        fields = ("initContainers", "containers", "ephemeralContainers")
        return [Source(pod, c["name"]) for f in fields for c in pod["spec"].get(f) or []]
    preset = annotations_of(pod).get(pod_of.DEFAULT_CONTAINER, "")
    if not container and preset:
        if pod_of.find_container(pod, preset) is None:
            call.err(f'Default container name "{preset}" not found in pod {name(pod)}')
        else:
            container = preset
    if not container:
        container = pod["spec"]["containers"][0]["name"]
        if pod_of.has_several(pod) and not all_pods:
            call.err(f'Defaulted container "{container}" out of: {pod_of.all_names(pod)}')
    if pod_of.find_container(pod, container) is None:
        raise pod_of.not_valid(pod, container)
    return [Source(pod, container)]


# ---------------------------------------------------------------------- reading


def _read(call: Invocation, source: Source, options: dict[str, Any]) -> Iterator[bytes]:
    """Whole lines of one log, with their prefix if one is wanted. Raises ApiError, UsageError."""
    prefix = source.prefix if call.flags.prefix or call.flags.all_pods else b""
    deadline = Deadline(call, call.flags.pod_running_timeout)
    options = {**options, "container": source.container}
    while True:
        try:
            yield from _lines(call.client.logs(name(source.pod), namespace(source.pod), options), prefix)
            return
        except ApiError as e:
            if call.flags.ignore_errors:
                yield f"error: {e.message}\n".encode()
                return
            if not call.flags.follow:
                raise
            call.err(e.message)
        try:
            left = deadline.left()
        except TimedOut:
            raise UsageError("context deadline exceeded") from None
        threading.Event().wait(min(RETRY_SECONDS, left or RETRY_SECONDS))


def _lines(chunks: Iterator[bytes], prefix: bytes) -> Iterator[bytes]:
    """Several whole lines at once where there is no prefix; a last line without an end comes as it is."""
    rest = b""
    for chunk in chunks:
        whole, newline, rest = (rest + chunk).rpartition(b"\n")
        if newline:
            yield (prefix + whole.replace(b"\n", b"\n" + prefix) if prefix else whole) + b"\n"
    if rest:
        yield prefix + rest


def _all_at_once(
    call: Invocation, sources: list[Source], options: dict[str, Any], write: Callable[[bytes], None]
) -> None:
    """Follow several logs; the first failure ends all."""
    ready: queue.Queue[bytes | Exception | None] = queue.Queue(maxsize=100)

    def follow(source: Source) -> None:
        try:
            for line in _read(call, source, options):
                ready.put(line)
            ready.put(None)
        except Exception as e:
            ready.put(e)

    for source in sources:
        threading.Thread(target=follow, args=(replace(source),), daemon=True).start()
    running = len(sources)
    while running:
        item = ready.get()
        if item is None:
            running -= 1
        elif isinstance(item, Exception):
            raise item
        else:
            write(item)


COMMAND = Command(
    name="logs",
    summary="Print the logs for a container in a pod",
    group="Troubleshooting and Debugging",
    use=USE,
    description="Print what a container of a pod, or of a pod of the given object, has put out.",
    examples=(
        ("What a pod's only container said", "logs web"),
        ("Follow it", "logs -f web"),
        ("A certain container, as it was before its last restart", "logs -p -c app web"),
        ("All containers of all pods with a label", "logs -l app=web --all-containers"),
        ("The last 20 lines", "logs --tail=20 web"),
        ("The last hour, with times", "logs --since=1h --timestamps web"),
        ("One pod of a deployment", "logs deploy/web"),
    ),
    options=(
        Option("all-containers", BOOL, help="The logs of all containers of the pods."),
        Option("all-pods", BOOL, help="The logs of all pods of the object, with prefixes."),
        pod_of.CONTAINER,
        Option("follow", BOOL, short="f", help="Go on as the log grows."),
        Option("ignore-errors", BOOL, help="Go on with other logs when one cannot be read."),
        Option("insecure-skip-tls-verify-backend", BOOL, help="Do not check the kubelet's certificate."),
        Option("limit-bytes", INT, default=0, help="At most this many bytes."),
        Option("max-log-requests", INT, default=5, help="How many logs may be followed at once."),
        replace(pod_of.RUNNING_TIMEOUT, default=20.0),
        Option("prefix", BOOL, help="Begin each line with the pod's and the container's name."),
        Option("previous", BOOL, short="p", help="The log of the container's last run before this one."),
        SELECTOR,
        Option("since", DURATION, help="Only what is not older than this (5s, 2m, 3h)."),
        Option("since-time", help="Only what came after this time (RFC 3339)."),
        Option("tail", INT, default=-1, help="The last lines only; -1 for all (10 each with a selector)."),
        Option("timestamps", BOOL, help="Begin each line with its time."),
    ),
    complete="pods+containers",
    run=run,
)
