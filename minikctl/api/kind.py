"""What a kind is: its names, and its strategy as pure functions.

A file in `api/kinds/` holds one `KIND = Kind(…)` (or `KINDS = (…)` when two are twins) and the functions it names.
All functions take and return plain dicts; those that prepare an object change it in place, and callers hand them a
private copy. Source of the shape: Kubernetes' registry strategies (`pkg/registry/*/strategy.go`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

from minikctl.api.errors import FieldError, qualified
from minikctl.api.meta import Obj
from minikctl.api.names import dns_subdomain

if TYPE_CHECKING:
    from minikctl.api.schema import Decoded

ALL_VERBS = ("create", "delete", "deletecollection", "get", "list", "patch", "update", "watch")
Cell = str | int | bool | float | None


@dataclass(frozen=True, slots=True)
class Column:
    """One column of the server-side table. `priority` 1 shows in `-o wide` only."""

    name: str
    type: str = "string"
    format: str = ""
    priority: int = 0
    description: str = ""


NAME = Column("Name", format="name", description="Name must be unique within a namespace.")
AGE = Column("Age", description="Time since the object was created.")
CREATED_AT = Column("Created At", description="When the object was created.")


@dataclass(frozen=True, slots=True)
class ScalePaths:
    """Where `/scale` finds its numbers: dotted paths below the object."""

    replicas: str = "spec.replicas"
    status_replicas: str = "status.replicas"
    selector: str = "spec.selector"


@dataclass(frozen=True, slots=True)
class Part:
    """A subresource through which a part of the object itself is read and written (`pods/resize`).

    keep(new, old): a copy of the old object with what of the new one may be changed in this way.
    validate(new, old): what is wrong with the outcome.
    """

    keep: Callable[[Obj, Obj], Obj]
    validate: Callable[[Obj, Obj], list[FieldError]]


@dataclass(frozen=True, slots=True)
class Conversion:
    """How objects of a version that is served, but not stored, become the stored one's and back.

    Both functions get an object of one version and return a new one of the other, with its apiVersion and kind.
    fields: what field selectors may name beside metadata → the stored version's name for it; None: as stored.
    """

    stored: Kind
    to_stored: Callable[[Obj], Obj]
    from_stored: Callable[[Obj], Obj]
    fields: Mapping[str, str] | None = None


def _nothing(_obj: Obj) -> None:
    return None


def _keep(_obj: Obj, _old: Obj) -> None:
    return None


def _valid(_obj: Obj) -> list[FieldError]:
    return []


def _valid_update(_obj: Obj, _old: Obj) -> list[FieldError]:
    return []


def _no_fields(_obj: Obj) -> dict[str, str]:
    return {}


def _name_row(obj: Obj, _now: datetime) -> list[Cell]:
    metadata = obj.get("metadata", {})
    return [metadata.get("name"), metadata.get("creationTimestamp")]


@dataclass(frozen=True)
class Kind:
    """A kind of object at one version.

    Names: `plural` is the resource name in URLs and on disk; `type` names the schema (`apps/v1.Deployment`).
    Strategy, called by the registry in this order when an object is created: `prepare_for_create`, `default`,
    `validate`; when it is updated: `prepare_for_update(new, old)`, `default`, `validate`, `validate_update(new, old)`.
    An update of `/status` keeps everything of the old object but the status and calls `prepare_status_update`,
    `validate_status_update`. The registry itself does what all kinds share: metadata, generation, status reset.
    """

    group: str
    version: str
    kind: str
    plural: str
    type: str
    namespaced: bool = True
    singular: str = ""
    list_kind: str = ""
    """What a list of these calls itself, when not the kind's name and `List`."""
    short_names: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    verbs: tuple[str, ...] = ALL_VERBS
    is_computed: bool = False
    """Whether its objects are made when somebody asks for them, by `apiserver/metrics.py`, and never stored."""
    subresources: tuple[str, ...] = ()
    parts: Mapping[str, Part] = field(default_factory=dict)
    """Those subresources that show the whole object and change a part of it; `status` works in the same way."""
    scale: ScalePaths | None = None
    has_generation: bool = False
    """Whether metadata.generation counts changes of the spec."""
    keep_status_on_create: bool = False
    """Whether a client may set the status of a new object (Nodes register with theirs)."""
    holds_deletion: Callable[[Obj], bool] | None = None
    """What besides finalizers keeps an object that is being deleted (a namespace's spec.finalizers)."""
    prepare_for_delete: Callable[[Obj], None] | None = None
    """Changes the (private) object when its deletion begins: a namespace turns Terminating."""
    storage: str = ""
    """The folder below `registry/`, when it is not the plural."""
    returns_deleted: bool = False
    """Whether DELETE answers with the object instead of a Status once it is gone."""
    graceful: bool = False
    """Whether deletion leaves time: pods."""
    tracks_fields: bool = True
    """Whether managedFields are kept. Events and Leases go without: they are written often and applied by nobody."""
    openapi_schema: Obj | None = None
    """The openAPIV3Schema of a custom resource's version; `type` is empty then."""
    allow_create_on_update: bool = False
    """Whether PUT of a missing object creates it."""
    deprecation: str = ""
    """Sent as a warning with every request."""

    default: Callable[[Obj], None] = _nothing
    prepare_for_create: Callable[[Obj], None] = _nothing
    prepare_for_update: Callable[[Obj, Obj], None] = _keep
    prepare_status_update: Callable[[Obj, Obj], None] = _keep
    validate_name: Callable[[str], list[str]] = dns_subdomain
    validate: Callable[[Obj], list[FieldError]] = _valid
    validate_update: Callable[[Obj, Obj], list[FieldError]] = _valid_update
    validate_status_update: Callable[[Obj, Obj], list[FieldError]] = _valid_update
    warnings: Callable[[Obj], list[str]] = lambda _obj: []
    """Texts for the `Warning:` header of a create or update."""
    selectable_fields: Callable[[Obj], dict[str, str]] = _no_fields
    """Field selectors beyond metadata.name and metadata.namespace: path → value of this object."""

    columns: tuple[Column, ...] = (NAME, CREATED_AT)
    row: Callable[[Obj, datetime], list[Cell]] = _name_row
    """The cells of one object, one per column."""

    decode: Callable[[Obj], Decoded] | None = None
    """How a client's object is read, when not by the schema tables: a custom resource's. Raises schema.DecodeError."""
    read: Callable[[Obj], Obj] | None = None
    """Makes of what is stored what is shown, when that differs: a custom resource gets defaults that came later."""
    read_all: Callable[[list[Obj]], list[Obj]] | None = None
    """The same for many at once, for kinds that are converted by a webhook."""
    is_shown_slowly: bool = False
    """Whether reading and conversion may ask somebody else and wait."""
    update_is_validated_whole: bool = False
    """Whether `validate_update` and `validate_status_update` check everything, and `validate` is for new objects only."""
    refuses_creation: str = ""
    """Why there can be no new objects: the definition is on its way out."""
    conversion: Conversion | None = None
    """Set when objects of this version are kept as another kind's; its strategy then only decodes and defaults."""

    def __post_init__(self) -> None:
        if not self.singular:
            object.__setattr__(self, "singular", self.kind.lower())
        if not self.list_kind:
            object.__setattr__(self, "list_kind", f"{self.kind}List")

    @property
    def api_version(self) -> str:
        return f"{self.group}/{self.version}" if self.group else self.version

    @property
    def resource(self) -> str:
        """`deployments.apps`: unique among all kinds."""
        return qualified(self.plural, self.group)

    @property
    def stored(self) -> Kind:
        """The kind in whose shape objects of this one are stored: mostly itself."""
        return self.conversion.stored if self.conversion else self

    def shown(self, obj: Obj) -> Obj:
        """A stored object as this version shows it."""
        if self.conversion:
            return self.conversion.from_stored(obj)
        return self.read(obj) if self.read else obj

    def as_stored(self) -> Kind:
        """The same kind without reading: its objects as they are stored, in whatever version."""
        return replace(self, conversion=None, read=None, read_all=None, is_shown_slowly=False)

    def shown_all(self, objects: list[Obj]) -> list[Obj]:
        """Stored objects as this version shows them. Raises ApiError where a conversion fails."""
        return self.read_all(objects) if self.read_all else [self.shown(o) for o in objects]

    @property
    def shows_what_is_stored(self) -> bool:
        """Whether `shown` changes nothing, ever."""
        return self.conversion is None and self.read is None

    @property
    def has_status(self) -> bool:
        return "status" in self.subresources

    def is_whole(self, subresource: str) -> bool:
        """Whether requests to the subresource carry the object itself."""
        return subresource in ("", "status") or subresource in self.parts

    def fields_of(self, obj: Obj) -> dict[str, str]:
        """Everything a field selector can ask of the object."""
        metadata = obj.get("metadata", {})
        fields = {"metadata.name": metadata.get("name", "")}
        if self.namespaced:
            fields["metadata.namespace"] = metadata.get("namespace", "")
        return fields | self.selectable_fields(obj)

    def selector_fields(self) -> dict[str, str]:
        """What field selectors of this version may name → the stored version's name for it."""
        known = {field: field for field in self.stored.fields_of({"metadata": {}, "spec": {}, "status": {}})}
        if self.conversion is None or self.conversion.fields is None:
            return known
        return {f: f for f in known if f.startswith("metadata.")} | dict(self.conversion.fields)

    def new(self, name: str, namespace: str = "", **parts: Any) -> Obj:
        """A fresh object of this kind: `KIND.new("web", "default", spec={…})`."""
        metadata: Obj = {"name": name}
        if namespace:
            metadata["namespace"] = namespace
        return {"apiVersion": self.api_version, "kind": self.kind, "metadata": metadata, **parts}
