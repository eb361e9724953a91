"""`kubectl expose`."""

from __future__ import annotations

from minikctl.api import schema
from minikctl.api.errors import ApiError
from minikctl.api.meta import Obj
from minikctl.kubectl import last_applied, overrides
from minikctl.kubectl.command import Command, Invocation
from minikctl.kubectl.common_options import RECORD, SAVE_CONFIG, field_manager, recorded, write_options
from minikctl.kubectl.dry_run import CLIENT, DRY_RUN, strategy
from minikctl.kubectl.exposing import expose
from minikctl.kubectl.flags import Option
from minikctl.kubectl.generators import GeneratorError
from minikctl.kubectl.manifest import filename_options
from minikctl.kubectl.printers import PRINT_OPTIONS, printer
from minikctl.kubectl.resolve import Target
from minikctl.kubectl.selecting import select
from minikctl.util.errors import Aggregate, UsageError


def run(call: Invocation) -> None:
    dry_run = strategy(call)
    show = printer(call, "exposed", dry_run=dry_run, typed=True)
    found = select(call, selectors=False)
    kind = call.client.kind("services")
    problems = list(found.errors)
    for target in found.targets:
        try:
            show(_create(call, _service(call, target), dry_run), kind)
        except (ApiError, UsageError) as e:
            problems.append(e)
    if problems:
        raise problems[0] if len(problems) == 1 else Aggregate(problems)


def _service(call: Invocation, target: Target) -> Obj:
    try:
        made = expose(target.kind, target.obj or {}, call.flags)
    except GeneratorError as e:
        raise UsageError(str(e)) from None
    return recorded(call, overrides.override(call, made, "core/v1.Service"))


def _create(call: Invocation, service: Obj, dry_run: str) -> Obj:
    try:
        typed = {"kind": "Service", "apiVersion": "v1", **schema.decode("core/v1.Service", service).value}
    except schema.DecodeError as e:
        raise UsageError(str(e)) from None
    if dry_run == CLIENT:
        if call.namespace_given:
            typed = {**typed, "metadata": {**typed["metadata"], "namespace": call.flags.get("namespace")}}
        return typed
    typed = last_applied.kept_current(typed, save=call.flags.save_config, typed=True)
    return call.client.create("services", typed, call.namespace, options=write_options(call, dry_run))


COMMAND = Command(
    name="expose",
    summary="Take a replication controller, service, deployment or pod and expose it as a new Kubernetes service",
    group="Basic (Beginner)",
    use=(
        "expose (-f FILENAME | TYPE NAME) [--port=port] [--protocol=TCP|UDP|SCTP] [--target-port=number-or-name] "
        "[--name=name] [--external-ip=external-ip-of-service] [--type=type]"
    ),
    description=(
        "Make a Service for what is there: its selector is that of the Deployment, ReplicaSet, ReplicationController or "
        "Service, or the labels of the pod; ports that are not given are those of the containers."
    ),
    examples=(
        (
            "A Service on port 80 for containers that listen on 8000",
            "expose deployment web --port=80 --target-port=8000",
        ),
        ("Under another name", "expose pod web --port=444 --name=front"),
        ("Reachable on every node", "expose deployment web --port=80 --type=NodePort"),
    ),
    options=(
        *PRINT_OPTIONS,
        *filename_options("to expose"),
        *overrides.OPTIONS,
        RECORD,
        SAVE_CONFIG,
        DRY_RUN,
        field_manager("kubectl-expose"),
        Option("cluster-ip", help="The Service's address; None for a headless Service, without it one is chosen."),
        Option("external-ip", help="An address from outside the cluster to accept as well."),
        Option("labels", short="l", help="Labels for the Service."),
        Option("load-balancer-ip", help="The address to ask a load balancer for."),
        Option("name", help="The Service's name; without it that of the object."),
        Option("port", help="The port of the Service; without it those of the object."),
        Option("protocol", help="The protocol, TCP without it.", complete=("TCP", "UDP", "SCTP")),
        Option("selector", help="The labels of the pods; without it those of the object."),
        Option("session-affinity", help="None or ClientIP.", complete=("None", "ClientIP")),
        Option("target-port", help="Number or name of the container's port; without it that of the Service."),
        Option(
            "type",
            help="ClusterIP, NodePort, LoadBalancer or ExternalName.",
            complete=("ClusterIP", "NodePort", "LoadBalancer", "ExternalName"),
        ),
    ),
    complete="resources:pod,service,replicationcontroller,deployment,replicaset",
    run=run,
)
