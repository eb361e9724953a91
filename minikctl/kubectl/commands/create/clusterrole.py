"""`kubectl create clusterrole`."""

from __future__ import annotations

from minikctl.kubectl.command import Command, Invocation, see_help
from minikctl.kubectl.flags import ARRAY, LIST, Option
from minikctl.kubectl.generating import GENERATOR_OPTIONS, new, rbac, required_name, submit
from minikctl.util.errors import UsageError

URL_VERBS = frozenset(["*", "get", "post", "put", "delete", "patch", "head", "options"])


def run(call: Invocation) -> None:
    flags, name = call.flags, required_name(call)
    verbs, resources = rbac.verbs(flags.verb), rbac.resources(flags.resource)
    urls = list(dict.fromkeys(flags.non_resource_url))
    labels = _labels(call)
    if labels:
        if urls or verbs or resources or flags.resource_name:
            raise UsageError(
                "aggregation rule must be specified without nonResourceURLs, verbs, resources or resourceNames"
            )
        rule = {"clusterRoleSelectors": [{"matchLabels": labels}]}
        submit(call, new(call, rbac.API_VERSION, "ClusterRole", name, aggregationRule=rule))
        return
    if not verbs:
        raise UsageError("at least one verb must be specified")
    if not resources and not urls:
        raise UsageError("one of resource or nonResourceURL must be specified")
    if resources:
        rbac.warn_of_odd_verbs(call, verbs)
        rbac.check_resources(call, resources, verbs)
    _check_urls(urls, verbs)
    rules = rbac.rules(call, verbs, resources, flags.resource_name, urls)
    submit(call, new(call, rbac.API_VERSION, "ClusterRole", name, rules=rules))


def _labels(call: Invocation) -> dict[str, str]:
    """--aggregation-rule as a map. Raises UsageError."""
    labels = {}
    for text in call.flags.aggregation_rule:
        for pair in text.split(",") if text else []:
            key, equals, value = pair.partition("=")
            if not equals:
                raise UsageError(
                    f'invalid argument "{text}" for "--aggregation-rule" flag: malformed pair, expect string=string',
                    see_help(call.path),
                )
            labels[key.strip()] = value.strip()
    return labels


def _check_urls(urls: list[str], verbs: list[str]) -> None:
    if not urls:
        return
    for verb in verbs:
        if verb not in URL_VERBS:
            raise UsageError(f"invalid verb: '{verb}' for nonResourceURL")
    for url in urls:
        if url == "*":
            continue
        if not url.startswith("/"):
            raise UsageError("nonResourceURL should start with /")
        if "*" in url[:-1]:
            raise UsageError("nonResourceURL only supports wildcard matches when '*' is at the end")


COMMAND = Command(
    name="clusterrole",
    summary="Create a cluster role",
    use=(
        "create clusterrole NAME --verb=verb --resource=resource.group [--resource-name=resourcename] "
        "[--dry-run=server|client|none]"
    ),
    description="Create a cluster role: from a single rule, or as the union of the cluster roles that a label selects.",
    examples=(
        ("Look at nodes", "create clusterrole node-reader --verb=get,list,watch --resource=nodes"),
        ("Read metrics", "create clusterrole metrics --verb=get --non-resource-url=/metrics"),
        (
            "All roles with a label",
            'create clusterrole monitoring --aggregation-rule="rbac.example.com/monitoring=true"',
        ),
    ),
    options=(
        *GENERATOR_OPTIONS,
        *rbac.RULE_OPTIONS,
        Option("aggregation-rule", ARRAY, help="Labels of the cluster roles to unite, key=value,…"),
        Option("non-resource-url", LIST, help="Path that the rule is about, /metrics or /logs/*."),
    ),
    run=run,
)
