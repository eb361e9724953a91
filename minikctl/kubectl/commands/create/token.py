"""`kubectl create token`."""

from __future__ import annotations

from minikctl.api.errors import ApiError
from minikctl.api.meta import Obj
from minikctl.kubectl.command import Command, Invocation
from minikctl.kubectl.flags import ARRAY, DURATION, Option
from minikctl.kubectl.generating import name_argument
from minikctl.kubectl.printers import PRINT_OPTIONS, printer
from minikctl.util.errors import UsageError

BOUND_KINDS = ("Node", "Pod", "Secret")


def run(call: Invocation) -> None:
    name = name_argument(call)
    show = printer(call, "created", typed=True)
    _check(call, name)
    request = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "metadata": {}, "spec": _spec(call)}
    try:
        answer = call.client.create("serviceaccounts", request, call.namespace, name=name, subresource="token")
    except ApiError as e:
        raise UsageError(f"failed to create token: {e.message}") from None
    token = (answer.get("status") or {}).get("token")
    if not token:
        raise UsageError("failed to create token: no token in server response")
    if call.flags.changed("output"):
        show(answer, None)
    else:
        call.out(token, end="\n" if call.env.stdout_is_terminal else "")


def _spec(call: Invocation) -> Obj:
    flags = call.flags
    spec: Obj = {"audiences": flags.audience}
    if flags.duration:
        spec["expirationSeconds"] = int(flags.duration)
    if flags.bound_object_kind:
        ref = {
            "kind": flags.bound_object_kind,
            "apiVersion": "v1",
            "name": flags.bound_object_name,
            "uid": flags.bound_object_uid,
        }
        spec["boundObjectRef"] = {k: v for k, v in ref.items() if v}
    return spec


def _check(call: Invocation, name: str) -> None:
    flags = call.flags
    if not name:
        raise UsageError("service account name is required")
    if flags.duration < 0:
        raise UsageError("--duration must be greater than or equal to 0")
    if flags.duration != int(flags.duration):
        raise UsageError("--duration cannot be expressed in units less than seconds")
    if "" in flags.audience:
        raise UsageError("--audience must not be an empty string")
    if not flags.bound_object_kind:
        for flag in ("bound-object-name", "bound-object-uid"):
            if flags.get(flag):
                raise UsageError(f"--{flag} can only be set if --bound-object-kind is provided")
    elif flags.bound_object_kind not in BOUND_KINDS:
        raise UsageError(f"supported --bound-object-kind values are {', '.join(BOUND_KINDS)}")
    elif not flags.bound_object_name:
        raise UsageError("--bound-object-name is required if --bound-object-kind is provided")


COMMAND = Command(
    name="token",
    summary="Request a service account token",
    use="create token SERVICE_ACCOUNT_NAME",
    description="Request a service account token.",
    examples=(
        ("A token of the robot", "create token robot"),
        ("One that ends in ten minutes", "create token robot --duration 10m"),
        ("One that ends with a pod", "create token robot --bound-object-kind Pod --bound-object-name web"),
    ),
    options=(
        *PRINT_OPTIONS,
        Option(
            "audience", ARRAY, help="Who shall accept the token; the API server when none is given. May be repeated."
        ),
        Option("bound-object-kind", help="Kind of the object that the token ends with.", complete=BOUND_KINDS),
        Option("bound-object-name", help="Name of the object that the token ends with."),
        Option("bound-object-uid", help="UID of the object; that of the present one when none is given."),
        Option("duration", DURATION, help="How long the token shall be valid; the server decides when none is given."),
    ),
    complete="names:serviceaccounts",
    run=run,
)
