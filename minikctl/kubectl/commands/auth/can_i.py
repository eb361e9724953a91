"""`kubectl auth can-i`."""

from __future__ import annotations

from minikctl.api.kind import Kind
from minikctl.api.meta import Obj
from minikctl.kubectl.command import Command, Invocation
from minikctl.kubectl.flags import BOOL, Option
from minikctl.util.errors import UsageError

RESOURCE_VERBS = frozenset(
    ("get", "list", "watch", "create", "update", "patch", "delete", "deletecollection")
    + ("use", "bind", "impersonate", "*", "approve", "sign", "escalate", "attest")
)
URL_VERBS = frozenset(("get", "put", "post", "head", "options", "delete", "patch", "*"))
NOT_SERVED = ("users", "groups")
"""What can be impersonated is no resource that a server would list."""
REVIEWS = "authorization.k8s.io"


def run(call: Invocation) -> int:
    if call.flags.list:
        return _list(call)
    spec = _question(call)
    if call.flags.no_headers:
        raise UsageError("--no-headers cannot be set without --list specified")
    review = {"apiVersion": f"{REVIEWS}/v1", "kind": "SelfSubjectAccessReview", "metadata": {}, "spec": spec}
    status = call.client.create(f"selfsubjectaccessreviews.{REVIEWS}", review)["status"]
    if not call.flags.quiet:
        call.out(answer(status))
    return 0 if status.get("allowed") else 1


def answer(status: Obj) -> str:
    """`yes`, or `no` with what the server says of it."""
    if status.get("allowed"):
        return "yes"
    return " - ".join(["no", *(status[f] for f in ("reason", "evaluationError") if status.get(f))])


def _question(call: Invocation) -> Obj:
    """The review's spec, with warnings about words that nobody knows."""
    if len(call.args) != 2:
        raise UsageError(
            "you must specify two arguments: verb resource or verb resource/resourceName.",
            f"See '{call.path} -h' for help and examples.",
        )
    verb, what = call.args
    if what.startswith("/"):
        if call.flags.subresource:
            raise UsageError("--subresource can not be used with NonResourceURL")
        if verb not in URL_VERBS:
            call.warn(f"verb '{verb}' is not a known verb\n")
        return {"nonResourceAttributes": {"path": what, "verb": verb}}
    word, _, name = what.partition("/")
    kind = _kind(call, word)
    if not call.flags.all_namespaces:
        _check_scope(call, kind)
        if verb not in RESOURCE_VERBS:
            call.warn(f"verb '{verb}' is not a known verb\n")
    attributes = {
        "namespace": "" if call.flags.all_namespaces else call.namespace,
        "verb": verb,
        "group": kind.group if kind else "",
        "resource": kind.plural if kind else word,
        "subresource": call.flags.subresource or "",
        "name": name,
    }
    return {"resourceAttributes": {k: v for k, v in attributes.items() if v}}


def _kind(call: Invocation, word: str) -> Kind | None:
    if word == "*":
        return None
    kind = call.client.kind(word.lower())
    if kind is None and word.lower() not in NOT_SERVED:
        resource, _, group = word.lower().partition(".")
        where = f" in group '{group}'" if group else ""
        call.warn(f"the server doesn't have a resource type '{resource}'{where}\n")
    return kind


def _check_scope(call: Invocation, kind: Kind | None) -> None:
    if kind is not None and not kind.namespaced:
        where = f" in group '{kind.group}'" if kind.group else ""
        call.warn(f"resource '{kind.plural}' is not namespace scoped{where}\n")


def _list(call: Invocation) -> int:
    flags = call.flags
    if call.args:
        raise UsageError("list option must be specified with no arguments")
    if flags.quiet or flags.all_namespaces or flags.subresource:
        raise UsageError("list option can't be specified with neither quiet, all-namespaces nor subresource options")
    from minikctl.kubectl.describe.policy_rules import rows
    from minikctl.kubectl.printers.columns import render

    spec = {"namespace": call.namespace}
    review = {"apiVersion": f"{REVIEWS}/v1", "kind": "SelfSubjectRulesReview", "metadata": {}, "spec": spec}
    status = call.client.create(f"selfsubjectrulesreviews.{REVIEWS}", review)["status"]
    if status.get("incomplete"):
        call.warn(f"the list may be incomplete: {status.get('evaluationError', '')}")
    rules = [*(status.get("resourceRules") or []), *(status.get("nonResourceRules") or [])]
    head = [] if flags.no_headers else [["Resources", "Non-Resource URLs", "Resource Names", "Verbs"]]
    call.out(render([*head, *rows(rules)]), end="")
    return 0


COMMAND = Command(
    name="can-i",
    summary="Check whether an action is allowed",
    use="can-i VERB [TYPE | TYPE/NAME | NONRESOURCEURL]",
    description=(
        "Check whether an action is allowed.\n\nVERB is a verb of the API such as get, list, watch or delete. TYPE is a "
        "resource, short names and groups included. NONRESOURCEURL is a path that begins with a slash. NAME is the name "
        "of an object.\n\nThe exit code is 0 when it is allowed and 1 when it is not."
    ),
    examples=(
        ("May I create pods in any namespace?", "auth can-i create pods --all-namespaces"),
        ("May I list deployments in this one?", "auth can-i list deployments.apps"),
        (
            "May the account robot of the namespace dev list pods?",
            "auth can-i list pods --as=system:serviceaccount:dev:robot -n dev",
        ),
        ("May I do everything here?", "auth can-i '*' '*'"),
        ("May I read the log of a pod?", "auth can-i get pods --subresource=log"),
        ("May I ask for /logs/?", "auth can-i get /logs/"),
        ("All that I may do in the namespace foo", "auth can-i --list --namespace=foo"),
    ),
    options=(
        Option("all-namespaces", BOOL, short="A", help="Ask for all namespaces."),
        Option("list", BOOL, help="Show all that is allowed."),
        Option("no-headers", BOOL, help="With --list: without the line of titles."),
        Option("quiet", BOOL, short="q", help="Print nothing; the exit code tells."),
        Option("subresource", help="A subresource such as log or scale."),
    ),
    run=run,
)
