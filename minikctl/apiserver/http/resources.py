"""Resource requests: one function a verb, from `Request` to `Response`."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache, partial
from typing import Any, TypeVar

from minikctl.api import protobuf
from minikctl.api.errors import ApiError, bad_request, method_not_supported
from minikctl.api.kind import Kind
from minikctl.api.meta import Obj
from minikctl.api.repeated import repeated_fields, repeated_in_yaml
from minikctl.apiserver import admission, patching
from minikctl.apiserver import table as tables
from minikctl.apiserver.cache import Item, WatchCache
from minikctl.apiserver.http import list_options, negotiation, watches
from minikctl.apiserver.http.lists import Lister, Page, Wanted
from minikctl.apiserver.http.messages import Request, Response, json_response, wants_pretty
from minikctl.apiserver.http.negotiation import Form
from minikctl.apiserver.http.routing import Target
from minikctl.apiserver.request import Context, DeleteOptions
from minikctl.apiserver.server import APIServer
from minikctl.apiserver.watching import Selection
from minikctl.util.jsonio import JSONError, compact, loads

T = TypeVar("T")


@dataclass
class Resources:
    """The resource verbs on one API server."""

    api: APIServer
    cache: WatchCache

    def __post_init__(self) -> None:
        self.lister = Lister(self.cache)

    async def handle(self, request: Request, target: Target, kind: Kind) -> Response:
        """Answer an authorized request. Raises ApiError."""
        match target.verb:
            case "get":
                return await self._read(self._get, request, target, kind)
            case "list":
                return await self._read(self._list, request, target, kind)
            case "watch":
                return await self._watch(request, target, kind)
            case "create" | "update":
                return await self._write(request, target, kind)
            case "patch":
                return await self._patch(request, target, kind)
            case "delete" | "deletecollection":
                return await self._delete(request, target, kind)
        raise method_not_supported(kind.plural, kind.group, target.verb)

    # ------------------------------------------------------------------ reading

    async def _read(
        self, read: Callable[[Request, Target, Kind], Response], request: Request, target: Target, kind: Kind
    ) -> Response:
        """A read; in a thread where a webhook may have to convert what is read."""
        if not kind.is_shown_slowly:
            return read(request, target, kind)
        return await asyncio.get_running_loop().run_in_executor(_waiting(), partial(read, request, target, kind))

    def _get(self, request: Request, target: Target, kind: Kind) -> Response:
        form = negotiation.accept(request.headers.get("accept", ""))
        list_options.check_get(request.query, self.api.store.current_rv)
        obj = self.api.get(kind, target.namespace, target.name, request.context(), target.subresource)
        return self._object(request, kind, obj, form)

    def _selection(self, request: Request, target: Target, kind: Kind) -> Selection:
        fields = request.query.get("fieldSelector", "")
        if target.name and target.verb == "watch":
            fields = f"{fields},metadata.name={target.name}" if fields else f"metadata.name={target.name}"
        return self.api.selection(kind, target.namespace, request.query.get("labelSelector", ""), fields)

    def _list(self, request: Request, target: Target, kind: Kind) -> Response:
        form = negotiation.accept(request.headers.get("accept", ""))
        if kind.deprecation:
            request.warnings.append(kind.deprecation)
        page = self.lister.page(self._selection(request, target, kind), Wanted.of(request.query))
        if form.shape == "Table":
            objects = kind.shown_all([item.object for _, item in page.items])
            include = request.query.get("includeObject", "") or tables.METADATA
            return self._send(request, tables.table(kind, objects, self.api.clock.now(), page.metadata, include), form)
        if form.shape or not kind.shows_what_is_stored or form.media_type != negotiation.JSON or wants_pretty(request):
            return self._send(request, self._listed(kind, page, form), form)
        return Response(200, _encoded(kind, page))

    @staticmethod
    def _listed(kind: Kind, page: Page, form: Form) -> Obj:
        if form.shape:
            items = [_partial(item.object, stamped=False) for _, item in page.items]
            head = {"kind": "PartialObjectMetadataList", "apiVersion": "meta.k8s.io/v1"}
        else:
            items = kind.shown_all([item.object for _, item in page.items])
            head = {"kind": kind.list_kind, "apiVersion": kind.api_version}
        return {**head, "metadata": page.metadata, "items": items}

    async def _watch(self, request: Request, target: Target, kind: Kind) -> Response:
        form = negotiation.accept(request.headers.get("accept", ""))
        selection = self._selection(request, target, kind)
        include = request.query.get("includeObject", "") or tables.METADATA
        encoder = watches.Encoder(selection, form, include, self.api.clock)
        lines = await watches.stream(self.cache, selection, watches.Wanted.of(request.query), encoder)
        return Response(200, stream=lines)

    # ------------------------------------------------------------------ writing

    async def _write(self, request: Request, target: Target, kind: Kind) -> Response:
        is_kept = kind.verbs != ("create",)  # reviews are answers only, and have no rows
        form = negotiation.accept(request.headers.get("accept", ""), tables=is_kept)
        data = await request.body()
        obj = _body(request, data)
        ctx = _with_repeated(request.context(), data)
        if target.verb == "create":
            if target.name and not target.subresource:
                raise method_not_supported(kind.plural, kind.group, "create")
            made = await self._carried_out(
                self.api.create, kind, target.namespace, obj, ctx, target.name, target.subresource
            )
            return self._object(request, kind, made, form, 201)
        if not target.name:
            raise method_not_supported(kind.plural, kind.group, "update")
        changed = await self._carried_out(
            self.api.update, kind, target.namespace, target.name, obj, ctx, target.subresource
        )
        return self._object(request, kind, changed, form)

    async def _patch(self, request: Request, target: Target, kind: Kind) -> Response:
        form = negotiation.accept(request.headers.get("accept", ""))
        media_type, _ = negotiation.parse_media_type(request.headers.get("content-type", ""))
        patch_type = patching.MEDIA_TYPES.get(media_type)
        if patch_type is None:
            raise ApiError(
                415,
                "UnsupportedMediaType",
                "the body of the request was in an unknown format - accepted media types include: "
                + ", ".join(patching.MEDIA_TYPES),
            )
        if not target.name:
            raise method_not_supported(kind.plural, kind.group, "patch")
        data = await request.body()
        patch: Any = _yaml(data) if patch_type == patching.APPLY else data
        ctx = request.context()
        if patch_type == patching.APPLY:
            _check_keys(ctx, data)
        else:
            ctx = _with_repeated(ctx, data)
        if request.flag("force") and patch_type != patching.APPLY:
            raise ApiError(
                422,
                "Invalid",
                'PatchOptions.meta.k8s.io "" is invalid: force: Forbidden: may not be specified for non-apply patch',
            )
        before = (
            None if patch_type != patching.APPLY else self.api.registry.find(kind.stored, target.namespace, target.name)
        )
        obj = await self._carried_out(
            self.api.patch, kind, target.namespace, target.name, patch_type, patch, ctx, target.subresource
        )
        made = patch_type == patching.APPLY and before is None
        return self._object(request, kind, obj, form, 201 if made else 200)

    async def _delete(self, request: Request, target: Target, kind: Kind) -> Response:
        form = negotiation.accept(request.headers.get("accept", ""))
        data = await request.body()
        given = _body(request, data) if data.strip() else {}
        options, dry_run = delete_options(request, given)
        ctx = request.context()
        if dry_run:
            ctx = ctx.with_(dry_run=True)
        if target.subresource:
            raise method_not_supported(f"{kind.plural}/{target.subresource}", kind.group, "delete")
        if target.verb == "deletecollection":
            selection = self._selection(request, target, kind)
            listing = await self._carried_out(self.api.delete_collection, selection, options, ctx)
            return self._send(request, listing, Form(form.media_type))
        obj, gone = await self._carried_out(self.api.delete, kind, target.namespace, target.name, options, ctx)
        if not gone:
            return self._object(request, kind, obj, form)
        if kind.graceful or kind.returns_deleted:
            return self._object(request, kind, obj, form)
        details = {"name": target.name, "group": kind.group, "kind": kind.plural, "uid": obj["metadata"].get("uid", "")}
        status: Obj = {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success"}
        return self._send(
            request, {**status, "details": {k: v for k, v in details.items() if v}}, Form(form.media_type)
        )

    async def _carried_out(self, write: Callable[..., T], *arguments: Any) -> T:
        """A write; in a thread where a webhook may have to be asked: others must not wait, and it may ask back."""
        about = arguments[0]
        kind: Kind = about.kind if isinstance(about, Selection) else about
        if not kind.is_shown_slowly and not admission.may_wait(self.api):
            return write(*arguments)
        return await asyncio.get_running_loop().run_in_executor(_waiting(), partial(write, *arguments))

    # ------------------------------------------------------------------ answers

    def _object(self, request: Request, kind: Kind, obj: Obj, form: Form, status: int = 200) -> Response:
        """An object, in the shape asked for; subresource answers of another kind go out as they are."""
        if form.shape == "Table" and obj.get("kind") == "Scale":
            include = request.query.get("includeObject", "") or tables.METADATA
            obj = tables.scale_table(obj, self.api.clock.now(), include)
        elif form.shape and obj.get("kind") == kind.kind:
            version = {"resourceVersion": obj["metadata"].get("resourceVersion", "")}
            if form.shape == "Table":
                include = request.query.get("includeObject", "") or tables.METADATA
                obj = tables.table(kind, [obj], self.api.clock.now(), version, include)
            elif form.shape == "PartialObjectMetadata":
                obj = _partial(obj, stamped=True)
            else:
                raise ApiError(
                    406, "NotAcceptable", f"only the following media types are accepted: {negotiation.ACCEPTED}"
                )
        return self._send(request, obj, form, status)

    @staticmethod
    def _send(request: Request, value: Any, form: Form, status: int = 200) -> Response:
        if form.media_type == negotiation.YAML:
            import yaml

            text = yaml.dump(value, Dumper=getattr(yaml, "CSafeDumper", yaml.SafeDumper), default_flow_style=False)
            return Response(status, text.encode(), negotiation.YAML)
        return json_response(request, value, status)


@cache
def _waiting() -> ThreadPoolExecutor:
    """Threads that may stand still for as long as a webhook takes; more than one webhook that asks back can need."""
    return ThreadPoolExecutor(64, "admission")


def _partial(obj: Obj, *, stamped: bool) -> Obj:
    head = {"kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1"} if stamped else {}
    return {**head, "metadata": obj["metadata"]}


def _encoded(kind: Kind, page: Page) -> bytes:
    """A list put together from objects that are encoded already. Items of built-in lists go without their kind."""
    head = b'{"kind":"%s","apiVersion":"%s","metadata":%s,"items":[' % (
        kind.list_kind.encode(),
        kind.api_version.encode(),
        compact(page.metadata),
    )
    stamp = b'{"apiVersion":"%s","kind":"%s",' % (kind.api_version.encode(), kind.kind.encode())
    cut = len(stamp) if kind.type else 0
    return head + b",".join(_unstamped(item, stamp, cut) for _, item in page.items) + b"]}\n"


def _unstamped(item: Item, stamp: bytes, cut: int) -> bytes:
    return b"{" + item.json[cut:] if cut and item.json.startswith(stamp) else item.json


def _yaml(data: bytes) -> Any:
    """An apply patch or another YAML body; JSON is YAML, and faster read as what it is."""
    try:
        return loads(data)
    except JSONError:
        pass
    import yaml

    try:
        return yaml.load(data, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    except (yaml.YAMLError, ValueError, RecursionError) as e:
        raise bad_request(f"error decoding YAML: {' '.join(str(e).split())}") from None


def _with_repeated(ctx: Context, data: bytes) -> Context:
    if ctx.field_validation == "Ignore" or not data.startswith(b"{"):
        return ctx
    found = repeated_fields(data)
    return ctx.with_(repeated=found) if found else ctx


def _check_keys(ctx: Context, data: bytes) -> None:
    """An apply patch with a key twice. Raises ApiError BadRequest where the client wants to be told so."""
    if ctx.field_validation == "Ignore" or (data.startswith(b"{") and not repeated_fields(data)):
        return
    found = repeated_in_yaml(data)
    if not found:
        return
    text = f"error converting YAML to JSON: {found}"
    if ctx.field_validation == "Strict":
        raise bad_request(f"error strict decoding YAML: {text}")
    ctx.warn(text)


def _body(request: Request, data: bytes) -> Any:
    """The object in a request body. Raises ApiError 400, 415."""
    media_type = negotiation.body_type(request.headers.get("content-type", ""))
    if media_type == negotiation.YAML:
        return _yaml(data)
    if media_type == negotiation.PROTOBUF:
        try:
            return protobuf.decode(data)
        except protobuf.ProtobufError as e:
            raise bad_request(str(e)) from None
    try:
        return loads(data)
    except JSONError as e:
        what = "the object provided is unrecognized (must be of type"
        raise bad_request(f"{what} Object): couldn't get version/kind; json parse error: {e}") from None


def delete_options(request: Request, given: Any) -> tuple[DeleteOptions, bool]:
    """DeleteOptions from the body or, without one, from the query; and whether it is a dry run."""
    if not isinstance(given, dict):
        raise bad_request("DeleteOptions must be an object")
    source: Obj = given or {
        "gracePeriodSeconds": int(g) if (g := request.query.get("gracePeriodSeconds", "")).isdigit() else None,
        "propagationPolicy": request.query.get("propagationPolicy", ""),
        "orphanDependents": {"true": True, "false": False}.get(request.query.get("orphanDependents", "")),
    }
    _check_types(source)
    policy = source.get("propagationPolicy") or ""
    if source.get("orphanDependents") is not None:
        policy = "Orphan" if source["orphanDependents"] else "Background"
    if policy not in ("", "Orphan", "Background", "Foreground"):
        raise ApiError(
            422,
            "Invalid",
            'DeleteOptions.meta.k8s.io "" is invalid: propagationPolicy: Unsupported value: '
            f'"{policy}": supported values: "Background", "Foreground", "Orphan"',
        )
    conditions = source.get("preconditions") or {}
    grace = source.get("gracePeriodSeconds")
    if grace is not None and (not isinstance(grace, int) or isinstance(grace, bool) or grace < 0):
        raise ApiError(
            422,
            "Invalid",
            'DeleteOptions.meta.k8s.io "" is invalid: gracePeriodSeconds: must be greater than or equal to 0',
        )
    dry_run = source.get("dryRun") or []
    options = DeleteOptions(grace, policy, conditions.get("uid") or "", conditions.get("resourceVersion") or "")
    return options, "All" in dry_run


def _check_types(options: Obj) -> None:
    """Raises ApiError BadRequest for DeleteOptions that cannot be decoded."""
    conditions = options.get("preconditions")
    texts = {"propagationPolicy": options.get("propagationPolicy")}
    if isinstance(conditions, dict):
        texts |= {f"preconditions.{f}": conditions.get(f) for f in ("uid", "resourceVersion")}
    wrong = [f for f, value in texts.items() if value is not None and not isinstance(value, str)]
    if conditions is not None and not isinstance(conditions, dict):
        wrong.append("preconditions")
    if not isinstance(options.get("dryRun") or [], list):
        wrong.append("dryRun")
    if wrong:
        raise bad_request(f"json: cannot unmarshal into Go struct field DeleteOptions.{wrong[0]}")
