"""`minikctl trace`: the way of one request through the cluster, and why it does not arrive."""

from __future__ import annotations

from minikctl.api.meta import Obj
from minikctl.kubectl.command import Command, Invocation
from minikctl.kubectl.flags import Option
from minikctl.kubectl.tracing import facts, text
from minikctl.kubectl.tracing.hops import trace
from minikctl.kubectl.tracing.words import parse
from minikctl.util.errors import UsageError


def run(call: Invocation) -> int:
    """1 when there is no way. Raises UsageError, ApiError."""
    if len(call.args) != 1:
        raise call.usage_error("say what is to be reached: a URL or SERVICE[:PORT]")
    if call.flags.output not in ("", "json"):
        raise UsageError(f"unknown output format {call.flags.output!r}, allowed formats are: json")
    wanted = parse(call.args[0])
    found = trace(wanted, facts.read(call.client), call.namespace, _source(call))
    if call.flags.output == "json":
        from minikctl.kubectl.printers.json_out import dumps

        call.out(dumps(text.as_json(found), sort_keys=False))
    else:
        for line in text.draw(found, _style(call)):
            call.out(line)
    return 0 if found.reachable else 1


def _source(call: Invocation) -> Obj | None:
    """The pod of --from. Raises ApiError."""
    word: str = call.flags.get("from") or ""
    if not word:
        return None
    where, _, pod = word.removeprefix("pod/").rpartition("/")
    return call.client.get("pods", pod, where or call.namespace)


def _style(call: Invocation) -> text.Style:
    encoding = getattr(call.env.stdout, "encoding", None)
    if encoding and not encoding.lower().startswith("utf"):
        return text.ASCII
    return text.Style(colour=call.env.stdout_is_terminal and not call.env.environ.get("NO_COLOR"))


COMMAND = Command(
    name="trace",
    summary="Show the way of one request through the cluster, and why it does not arrive",
    group="Troubleshooting and Debugging",
    description=(
        "Show the way of one request through the cluster: from a name to an Ingress, a Service, an endpoint and a pod; "
        "and if there is no way, where it ends and why.\n\n"
        "The way is read from the cluster's objects; only whether a program listens in the pod is tried out. A Service "
        "proxy takes any ready endpoint: the one marked here is one that works. The exit code is 1 when none does."
    ),
    use="trace (URL | SERVICE[:PORT]) [--from POD] [-o json]",
    options=(
        Option(
            "from",
            help="The pod that asks: NetworkPolicies for it count, and names are those of its namespace.",
            complete="value:pods",
        ),
        Option("output", short="o", help="Output format. One of: (json).", complete=("json",)),
    ),
    examples=(
        ("Does the Service web lead anywhere?", "minikctl trace web"),
        ("One of its ports, seen from a pod", "minikctl trace web:http --from client"),
        ("A page behind an Ingress", "minikctl trace http://shop.example/cart"),
        ("A node port", "minikctl trace 127.0.0.1:30080"),
    ),
    complete="names:services",
    run=run,
)
