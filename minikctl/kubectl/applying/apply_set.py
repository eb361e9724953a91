"""`apply --prune --applyset`: a parent object that knows which kinds and namespaces a set of objects lives in.

Members carry the set's id as a label; what carries it and is in no file any more is deleted. The parent is brought up to
date before anything is applied, so that nothing is lost when apply is interrupted. Source: KEP-3659, kubectl
`pkg/cmd/apply/applyset.go`.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from minikctl import KUBERNETES_VERSION
from minikctl.api.errors import ApiError
from minikctl.api.kind import Kind
from minikctl.api.meta import Obj, annotations_of, labels_of, uid, with_metadata
from minikctl.client.protocol import WriteOptions
from minikctl.kubectl import PROGRAM
from minikctl.kubectl.command import Invocation
from minikctl.kubectl.flags import Option
from minikctl.kubectl.resolve import Target
from minikctl.util.errors import UsageError

_GROUP = "applyset.kubernetes.io"
TOOLING, KINDS, NAMESPACES = (
    f"{_GROUP}/tooling",
    f"{_GROUP}/contains-group-kinds",
    f"{_GROUP}/additional-namespaces",
)
ID, PART_OF, IS_PARENT_TYPE = f"{_GROUP}/id", f"{_GROUP}/part-of", f"{_GROUP}/is-parent-type"
MANAGER = f"{PROGRAM}-applyset"
PARENTS = ("secrets", "configmaps")
"""Built-in kinds that may be parents; of others, those whose definition says so."""
APPLYSET = Option(
    "applyset",
    help="[alpha] With --prune: the object that keeps track of what belongs together, [RESOURCE][.GROUP]/NAME; "
    "a Secret when only a name is given. What belongs to it and is in no file now is deleted.",
)


@dataclass
class ApplySet:
    """A set's parent, and what the set holds: before (`was_…`) and after this call."""

    call: Invocation
    kind: Kind
    name: str
    namespace: str
    was_kinds: list[Kind] = field(default_factory=list)
    was_namespaces: set[str] = field(default_factory=set)
    kinds: set[str] = field(default_factory=set)
    namespaces: set[str] = field(default_factory=set)

    @property
    def id(self) -> str:
        digest = hashlib.sha256(f"{self.name}.{self.namespace}.{self.kind.kind}.{self.kind.group}".encode()).digest()
        return f"applyset-{base64.urlsafe_b64encode(digest).decode().rstrip('=')}-v1"

    @property
    def shown(self) -> str:
        return f"{self.kind.plural}.{self.kind.group}/{self.name}"

    # ------------------------------------------------------------------ before

    def validate(self) -> None:
        """Raises UsageError."""
        problems = []
        if self.kind.namespaced and not self.namespace:
            problems.append("namespace is required to use namespace-scoped ApplySet")
        if self.kind.resource not in PARENTS and not self._is_permitted():
            group = f"{self.kind.group}/{self.kind.version}, Resource={self.kind.plural}"
            problems.append(f'resource "{group}" is not permitted as an ApplySet parent')
        if problems:
            raise UsageError(problems[0] if len(problems) == 1 else f"[{', '.join(problems)}]")

    def _is_permitted(self) -> bool:
        found = self.call.client.list("customresourcedefinitions", label_selector=IS_PARENT_TYPE)["items"]
        return any(d["metadata"]["name"] == self.kind.resource for d in found)

    def adopt(self, targets: Sequence[Target]) -> None:
        """Mark the objects as members. Raises UsageError."""
        for target in targets:
            labels = labels_of(target.obj or {})
            if PART_OF in labels:
                raise UsageError(f'ApplySet label "{PART_OF}" already set in input data')
            target.obj = with_metadata(target.obj or {}, labels={**labels, PART_OF: self.id})

    def begin(self, targets: Iterable[Target], options: WriteOptions, *, pretend: bool) -> None:
        """Have the parent know of everything that may come. Raises UsageError, ApiError."""
        self._fetch()
        for target in targets:
            self.kinds.add(_group_kind(target.kind))
            if target.kind.namespaced and target.namespace:
                self.namespaces.add(target.namespace)
        before = {_group_kind(k) for k in self.was_kinds}
        self._write(self.kinds | before, self.namespaces | self.was_namespaces, options, pretend)

    def _fetch(self) -> None:
        try:
            parent = self.call.client.get(self.kind, self.name, self.namespace)
        except ApiError as e:
            if e.reason != "NotFound":
                raise UsageError(f'failed to fetch ApplySet parent object "{self.shown}": {e.message}') from None
            if self.kind.resource not in PARENTS:
                raise UsageError("custom resource ApplySet parents cannot be created automatically") from None
            return
        labels, annotations = labels_of(parent), annotations_of(parent)
        where = f'ApplySet parent object "{self.shown}"'
        if TOOLING not in annotations:
            raise UsageError(f'{where} already exists and is missing required annotation "{TOOLING}"')
        tool = annotations[TOOLING].rpartition("/")[0] or annotations[TOOLING]
        if tool != PROGRAM:
            raise UsageError(f'{where} already exists and is managed by tooling "{tool}" instead of "{PROGRAM}"')
        if ID not in labels:
            raise UsageError(f"{where} exists and does not have required label {ID}")
        if labels[ID] != self.id:
            raise UsageError(
                f'{where} exists and has incorrect value for label "{ID}" (got: {labels[ID]}, want: {self.id})'
            )
        self.was_kinds = list(self._kinds_of(annotations))
        self.was_namespaces = {n for n in annotations.get(NAMESPACES, "").split(",") if n}
        if self.kind.namespaced:
            self.was_namespaces.add(self.namespace)

    def _kinds_of(self, annotations: dict[str, str]) -> Iterator[Kind]:
        where = f'parsing ApplySet annotation on "{self.shown}"'
        if KINDS not in annotations:
            wanted = f'{PROGRAM} requires the "{KINDS}" annotation to be set on all ApplySet parent objects'
            raise UsageError(f"{where}: {wanted}")
        known = {_group_kind(k): k for k in reversed(self.call.client.kinds())}
        for text in annotations[KINDS].split(",") if annotations[KINDS] else []:
            if text not in known:
                problem = f'no matches for kind "{text.partition(".")[0]}" in group "{text.partition(".")[2]}"'
                raise UsageError(f'{where}: could not find mapping for kind in "{KINDS}" annotation: {problem}')
            yield known[text]

    # ------------------------------------------------------------------ afterwards

    def surplus(self, visited: set[str]) -> Iterator[tuple[Kind, Obj]]:
        """Members that nobody applied this time. Raises ApiError."""
        for kind in self.was_kinds:
            for namespace in sorted(self.was_namespaces) if kind.namespaced else [""]:
                found = self.call.client.list(kind, namespace, label_selector=f"{PART_OF}={self.id}")
                for obj in found["items"]:
                    if uid(obj) not in visited:
                        yield kind, {"apiVersion": kind.api_version, "kind": kind.kind, **obj}

    def finish(self, options: WriteOptions, *, pretend: bool) -> None:
        """Have the parent know of what is there now, and of nothing else. Raises UsageError."""
        try:
            self._write(self.kinds, self.namespaces, options, pretend)
        except UsageError as e:
            raise UsageError(f"apply and prune succeeded, but ApplySet update failed: {e.message}") from None

    def _write(self, kinds: set[str], namespaces: set[str], options: WriteOptions, pretend: bool) -> None:
        if pretend:
            return
        annotations = {
            TOOLING: f"{PROGRAM}/{KUBERNETES_VERSION}",
            KINDS: ",".join(sorted(kinds)),
            NAMESPACES: ",".join(sorted(namespaces - {self.namespace})),
        }
        metadata = {"name": self.name, "labels": {ID: self.id}, "annotations": annotations}
        if self.namespace:
            metadata["namespace"] = self.namespace
        body = {"apiVersion": self.kind.api_version, "kind": self.kind.kind, "metadata": metadata}
        write = WriteOptions(options.dry_run, MANAGER, options.field_validation, force=True)
        try:
            self.call.client.patch(self.kind, self.name, body, self.namespace, patch_type="apply", options=write)
        except ApiError as e:
            raise UsageError(f"failed to update ApplySet: {e.message}") from None


def _group_kind(kind: Kind) -> str:
    return f"{kind.kind}.{kind.group}" if kind.group else kind.kind


def of(call: Invocation) -> ApplySet | None:
    """The set of --applyset, None without it. Raises UsageError."""
    text = call.flags.applyset
    if not text:
        return None
    word, slash, name = text.partition("/")
    word, name = (word, name) if slash else ("secrets", text)
    kind = call.client.kind(word.lower())
    problem = "" if name else "name cannot be blank"
    if name and kind is None:
        group = word.partition(".")[2]
        problem = f"no matches for {group}/, Resource={word.partition('.')[0]}"
    if problem or kind is None:
        raise UsageError(f'invalid parent reference "{text}": {problem}')
    return ApplySet(call, kind, name, str(call.flags.namespace or "") if kind.namespaced else "")
