"""`kubectl get`: objects as tables, as data, or as they change.

Source: kubectl `pkg/cmd/get/get.go`.
"""

from __future__ import annotations

from dataclasses import dataclass

from minikctl.api.errors import ApiError
from minikctl.api.meta import Obj
from minikctl.kubectl import resolve
from minikctl.kubectl.command import Command, Invocation
from minikctl.kubectl.flags import BOOL, INT, LIST, STRING, Option
from minikctl.kubectl.manifest import filename_options
from minikctl.kubectl.printers import (
    ALLOW_MISSING,
    FORMATS,
    SHOW_MANAGED_FIELDS,
    TEMPLATE,
    Printer,
    data_printer,
    name_printer,
    unknown_format,
)
from minikctl.kubectl.printers.table import TableOptions, TableWriter
from minikctl.kubectl.resolve import Query
from minikctl.util.errors import Aggregate, UsageError

GET_FORMATS = ("json", "yaml", "kyaml", "name", *FORMATS[4:], "custom-columns", "custom-columns-file", "wide")

OPTIONS = (
    resolve.ALL_NAMESPACES,
    ALLOW_MISSING,
    Option("chunk-size", INT, default=500, help="Ask for long lists in parts of this size; 0 for no parts."),
    resolve.FIELD_SELECTOR,
    *filename_options("to get"),
    Option("ignore-not-found", BOOL, help="An object that does not exist is no error."),
    Option(
        "label-columns",
        LIST,
        short="L",
        help="Labels to show as columns, parted by commas; may be repeated (-L label1 -L label2).",
    ),
    Option("no-headers", BOOL, help="Leave out the headers of tables and custom columns."),
    Option(
        "output",
        STRING,
        short="o",
        help=f"Output format. One of: ({', '.join(GET_FORMATS)}). "
        "See custom columns [https://kubernetes.io/docs/reference/kubectl/#custom-columns], "
        "golang template [http://golang.org/pkg/text/template/#pkg-overview] "
        "and jsonpath template [https://kubernetes.io/docs/reference/kubectl/jsonpath/].",
        complete=GET_FORMATS,
    ),
    Option("output-watch-events", BOOL, help="With --watch or --watch-only, show the type of every event."),
    Option("raw", STRING, help="Path to GET from the server as it is."),
    resolve.SELECTOR,
    Option("server-print", BOOL, default=True, help="Have the server make the table."),
    Option("show-kind", BOOL, help="Show the kind before the name."),
    Option("show-labels", BOOL, help="Show all labels as the last column."),
    SHOW_MANAGED_FIELDS,
    Option(
        "sort-by",
        STRING,
        help="Sort lists by this field, a JSONPath expression ('{.metadata.name}') that gives a number or a text.",
    ),
    Option("subresource", STRING, help="Get this subresource of the object.", complete=("status", "scale", "resize")),
    TEMPLATE,
    Option("watch", BOOL, short="w", help="After the object or list is shown, show its changes."),
    Option("watch-only", BOOL, help="Show changes only, not what is there at first."),
)


def run(call: Invocation) -> None:
    """Raises UsageError, ApiError or an Aggregate of them."""
    _check(call)
    if call.flags.raw:
        _raw(call)
        return
    plan = plan_of(call)
    if call.flags.watch or call.flags.watch_only:
        from minikctl.kubectl.watching import watch

        watch(call, plan)
    elif is_table(call):
        _tables(call, plan)
    else:
        _data(call, plan)


def _check(call: Invocation) -> None:
    flags = call.flags
    output, changes = flags.output, flags.watch or flags.watch_only
    if flags.raw:
        if call.args:
            raise UsageError("arguments may not be passed when --raw is specified")
        if changes or flags.selector:
            raise UsageError(
                "--raw may not be specified with other flags that filter the server request or alter the output"
            )
        if output:
            raise UsageError("--raw and --output are mutually exclusive")
    elif flags.watch and flags.sort_by:
        call.err("warning: --watch requested, --sort-by will be ignored for watch events received")
    elif flags.watch_only and flags.sort_by:
        call.err("warning: --watch-only requested, --sort-by will be ignored")
    elif not changes and not (call.args or flags.filename or flags.kustomize):
        hint = 'Use "kubectl api-resources" for a complete list of supported resources.'
        call.err(f"You must specify the type of resource to get. {hint}\n")
        raise call.usage_error(
            'Required resource not specified.\nUse "kubectl explain <resource>" for a detailed description of that '
            "resource (e.g. kubectl explain pods)."
        )
    if flags.show_labels and output not in ("", "wide"):
        raise UsageError(f"--show-labels option cannot be used with {output} printer")
    if flags.output_watch_events and not changes:
        raise UsageError("--output-watch-events option can only be used with --watch or --watch-only")


def _raw(call: Invocation) -> None:
    path = call.flags.raw
    if not path.startswith(("/", "http://", "https://")):
        raise UsageError(f'--raw must be a valid URL path: parse "{path}": invalid URI for request')
    call.out(call.client.raw(path).decode("utf-8", "replace"), end="")


# ---------------------------------------------------------------------- what to ask for


@dataclass
class GetPlan:
    """The requests, whether one object is meant, and what was wrong with the files."""

    queries: list[Query]
    single: bool
    errors: list[Exception]


def plan_of(call: Invocation, *, single_type: bool = False) -> GetPlan:
    """Raises UsageError."""
    flags = call.flags
    if flags.filename or flags.kustomize:
        found = resolve.resolve(
            call,
            call.args,
            filenames=flags.filename,
            kustomize=flags.kustomize,
            recursive=flags.recursive,
            require_namespace=call.namespace_given and not flags.all_namespaces,
        )
        queries = [Query(t.kind, t.namespace, t.name) for t in found.targets if t.name]
        nameless = [UsageError("resource name may not be empty") for t in found.targets if not t.name]
        return GetPlan(queries, found.single, [*found.errors, *nameless])
    made = resolve.plan(
        call,
        call.args,
        label_selector=flags.selector,
        field_selector=flags.field_selector,
        all_namespaces=flags.all_namespaces,
        single_type=single_type,
        allow_empty_selector=True,
    )
    if flags.subresource and any(not q.name for q in made.queries):
        raise UsageError("subresource cannot be used when bulk resources are specified")
    return GetPlan(made.queries, made.single, [])


def is_table(call: Invocation) -> bool:
    output = call.flags.output
    return bool(output == "wide" or (not output and not call.flags.template))


def object_printer(call: Invocation) -> Printer:
    """The printer of `-o`. Raises UsageError."""
    wanted = call.flags.output or "go-template"
    if found := data_printer(call, wanted):
        return found
    if wanted.lower() == "name":
        return name_printer(call)
    if wanted.partition("=")[0] in ("custom-columns", "custom-columns-file"):
        from minikctl.kubectl.printers.custom_columns import printer

        return printer(call, wanted)
    raise unknown_format(wanted, GET_FORMATS)


def table_options(call: Invocation, query: Query, *, with_kind: bool = False) -> TableOptions:
    flags = call.flags
    return TableOptions(
        no_headers=flags.no_headers,
        wide=flags.output == "wide",
        with_namespace=flags.all_namespaces and query.kind.namespaced,
        with_kind=with_kind or flags.show_kind,
        label_columns=tuple(flags.label_columns),
        show_labels=flags.show_labels,
    )


# ---------------------------------------------------------------------- tables


def _tables(call: Invocation, plan: GetPlan) -> None:
    errors = list(plan.errors)
    answers: list[tuple[Query, Obj]] = []
    for query in plan.queries:
        try:
            answers.append((query, table_of(call, query)))
        except ApiError as e:
            errors += _told(call, e)
    if call.flags.sort_by:
        answers = sorted_tables(call, answers)
    with_kind = len({q.kind.resource for q, _ in answers}) > 1
    written = False
    for group in _by_kind(answers):
        query = group[0][0]
        writer = TableWriter(table_options(call, query, with_kind=with_kind), query.kind)
        text = writer.text([(table, "") for _, table in group])
        if text:
            call.out(("\n" if written and not call.flags.no_headers else "") + text, end="")
            written = True
    if not written and not errors and not call.flags.ignore_not_found:
        all_namespaced = not call.flags.all_namespaces and all(q.kind.namespaced for q, _ in answers)
        call.err(f"No resources found in {call.namespace} namespace." if all_namespaced else "No resources found")
    if errors:
        raise Aggregate(errors)


def _told(call: Invocation, error: ApiError) -> list[ApiError]:
    """The error, unless it is about a missing object and --ignore-not-found was given."""
    return [] if error.reason == "NotFound" and call.flags.ignore_not_found else [error]


def table_of(call: Invocation, query: Query) -> Obj:
    """The server's table for a query. Raises ApiError."""
    if not call.flags.server_print or (query.name and call.flags.subresource):
        from minikctl.kubectl.printers.plain_table import plain_table

        return plain_table(objects_of(call, query), call.env.clock.now())
    try:
        return call.client.table(
            query.kind,
            query.namespace,
            name=query.name,
            label_selector=query.label_selector,
            field_selector=query.field_selector,
            include="Object" if call.flags.sort_by else "Metadata",
        )
    except ApiError as e:
        raise (e if query.name else resolve.listing_error(query, e)) from None


def sorted_tables(call: Invocation, answers: list[tuple[Query, Obj]]) -> list[tuple[Query, Obj]]:
    """Several tables are sorted as objects themselves, as kubectl does it; a single one by its rows."""
    from minikctl.kubectl.sorting import FieldMissing, sort_by

    field = call.flags.sort_by
    if len(answers) > 1:
        return sort_by(answers, field, lambda a: a[1])
    out = []
    for query, table in answers:
        rows = table.get("rows") or []
        if len(rows) > 1:
            try:
                rows = sort_by(rows, field, lambda r: r.get("object") or {})
            except FieldMissing:
                rows = []  # nobody hears what kubectl's printer says to this
        out.append((query, {**table, "rows": rows}))
    return out


def _by_kind(answers: list[tuple[Query, Obj]]) -> list[list[tuple[Query, Obj]]]:
    """Neighbours of one kind together: they share a header."""
    groups: list[list[tuple[Query, Obj]]] = []
    for answer in answers:
        if groups and groups[-1][0][0].kind.resource == answer[0].kind.resource:
            groups[-1].append(answer)
        else:
            groups.append([answer])
    return groups


# ---------------------------------------------------------------------- data


def objects_of(call: Invocation, query: Query) -> list[Obj]:
    """The objects that a query finds. Raises ApiError."""
    if query.name and call.flags.subresource:
        return [call.client.get(query.kind, query.name, query.namespace, subresource=call.flags.subresource)]
    return [t.obj for t in resolve.targets_of(call, query) if t.obj is not None]


def _data(call: Invocation, plan: GetPlan) -> None:
    show = object_printer(call)
    errors = list(plan.errors)
    found: list[Obj] = []
    for query in plan.queries:
        try:
            found += objects_of(call, query)
        except ApiError as e:
            errors += _told(call, e)
    if plan.single and errors:
        raise errors[0]
    if found or not call.flags.ignore_not_found:
        if plan.single and len(found) == 1:
            show(found[0], None)
        else:
            if call.flags.sort_by and found:
                from minikctl.kubectl.sorting import sort_by

                found = sort_by(found, call.flags.sort_by, lambda o: o)
            listing = {"apiVersion": "v1", "kind": "List", "metadata": {"resourceVersion": ""}, "items": found}
            show(listing, None)
    if errors:
        raise Aggregate(errors)


COMMAND = Command(
    "get",
    "Display one or many resources",
    run,
    OPTIONS,
    use=f"get [(-o|--output=){'|'.join(GET_FORMATS)}] "
    "(TYPE[.VERSION][.GROUP] [NAME | -l label] | TYPE[.VERSION][.GROUP]/NAME ...) [flags]",
    description="Show one object or many of them.\n\n"
    " A table shows the most important things about the objects. A label selector (--selector) and a field selector "
    "(--field-selector) filter lists. Kinds that live in namespaces are looked up in the current one, unless "
    "--namespace or --all-namespaces says otherwise.\n\n"
    " With '-o template' and --template fields can be picked by a Go template.\n\n"
    'Use "kubectl api-resources" for a complete list of supported resources.',
    examples=(
        ("List all pods", "kubectl get pods"),
        ("List all pods with more about each, such as its node", "kubectl get pods -o wide"),
        ("One deployment by its name", "kubectl get deployment web"),
        ("The deployments of one version of a group, as JSON", "kubectl get deployments.v1.apps -o json"),
        ("One pod as JSON", "kubectl get -o json pod web-pod-13je7"),
        ("What the cluster has of the objects in a file", "kubectl get -f pod.yaml -o json"),
        ("What it has of a kustomization", "kubectl get -k dir/"),
        ("Nothing but the phase of a pod", "kubectl get -o template pod/web-pod-13je7 --template={{.status.phase}}"),
        (
            "Columns of your own",
            "kubectl get pod test-pod -o custom-columns=CONTAINER:.spec.containers[0].name,IMAGE:.spec.containers[0].image",
        ),
        ("Two kinds at once", "kubectl get rc,services"),
        ("Objects of several kinds by name", "kubectl get rc/web service/frontend pods/web-pod-13je7"),
        ("The status of one pod", "kubectl get pod web-pod-13je7 --subresource status"),
        ("All deployments of a namespace", "kubectl get deployments.apps --namespace backend"),
        ("All pods of all namespaces", "kubectl get pods --all-namespaces"),
    ),
    group="Basic Commands (Intermediate)",
    complete="resources",
)
