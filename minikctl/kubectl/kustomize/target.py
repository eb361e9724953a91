"""One kustomization: its resources, generators and components, and what it does to them, in kustomize's order.

Source: kustomize `api/internal/target`.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import Any

from minikctl.api.meta import Obj
from minikctl.kubectl.commands.version import KUSTOMIZE_VERSION
from minikctl.kubectl.kustomize import (
    fields,
    generators,
    kustomization,
    ordering,
    patching,
    references,
    replacements,
    transformers,
)
from minikctl.kubectl.kustomize.files import Root
from minikctl.kubectl.kustomize.reading import ReadError
from minikctl.kubectl.kustomize.resource import LOCAL_CONFIG, Resource, Resources, parse, text
from minikctl.util.errors import UsageError

MANAGED_BY = "app.kubernetes.io/managed-by"


class Target:
    """A folder with a kustomization."""

    def __init__(self, root: Root, warn: Callable[[str], None]):
        self.root, self.warn = root, warn

    @cached_property
    def spec(self) -> Obj:
        """The kustomization file. Raises UsageError."""
        return kustomization.load(self.root, self.warn)

    def entries(self, *names: str) -> list[Any]:
        return [e for n in names for e in self.spec.get(n) or []]

    def accumulate(self, resources: Resources) -> Resources:
        """Add what the kustomization names and makes, and customise all of it. Raises UsageError."""
        for path in self.entries("resources", "bases"):
            try:
                self._add(resources, text(path))
            except UsageError as e:
                raise UsageError(f"accumulating resources: {e.message}") from None
        self._generate(resources)
        for path in self.entries("components"):
            try:
                resources = self._component(text(path), resources)
            except UsageError as e:
                raise UsageError(f"accumulating components: {e.message}") from None
        self._transform(resources)
        return resources

    # ------------------------------------------------------------------ what it is about

    def _add(self, resources: Resources, path: str) -> None:
        """A file's resources, or those of another kustomization. Raises UsageError."""
        try:
            self._add_file(resources, path)
            return
        except _Malformed as e:
            raise UsageError(e.message) from None
        except UsageError as e:
            failed = e.message
        try:
            below = Target(self.root.below(path), self.warn)
            for resource in below.resources():
                _append(resources, resource, f"recursed merging from path '{below.root.path}'")
        except UsageError as e:
            raise UsageError(f"accumulation err='{failed}': {e.message}") from None

    def _add_file(self, resources: Resources, path: str) -> None:
        where = f"accumulating resources from '{path}'"
        try:
            found = parse(self.root.read(path).decode("utf-8", "replace"))
        except ReadError as e:
            raise _Malformed(f"{where}: MalformedYAMLError: {e} in File: {path}") from None
        except UsageError as e:
            raise UsageError(f"{where}: {e.message}") from None
        for resource in found:
            _append(resources, resource, f"merging resources from '{path}'")

    def resources(self, into: Resources | None = None) -> Resources:
        """What the folder makes, as part of another kustomization. Raises UsageError."""
        path, is_component = self.root.path, into is not None
        try:
            kind = self.spec["kind"]
        except UsageError as e:
            raise UsageError(f"couldn't make target for path '{path}': {e.message}") from None
        if is_component and kind != kustomization.COMPONENT:
            raise UsageError(f"expected kind '{kustomization.COMPONENT}' for path '{path}' but got '{kind}'")
        if not is_component and kind == kustomization.COMPONENT:
            raise UsageError(f"expected kind != '{kustomization.COMPONENT}' for path '{path}'")
        try:
            return self.accumulate(into if into is not None else Resources())
        except UsageError as e:
            raise UsageError(f"recursed accumulation of path '{path}': {e.message}") from None

    def _component(self, path: str, resources: Resources) -> Resources:
        from minikctl.util.go_format import quote

        try:
            below = self.root.below(path)
        except UsageError as e:
            raise UsageError(f"loader.New {quote(e.message)}") from None
        try:
            return Target(below, self.warn).resources(resources)
        except UsageError as e:
            raise UsageError(f"accumulateDirectory: {quote(e.message)}") from None

    def _generate(self, resources: Resources) -> None:
        common = self.spec.get("generatorOptions") or {}
        for name, make in (("configMapGenerator", generators.config_map), ("secretGenerator", generators.secret)):
            for args in self.entries(name):
                made = make(self.root, args, common)
                try:
                    resources.absorb(made)
                except UsageError as e:
                    raise UsageError(f"merging from generator {_generator(name, args)}: {e.message}") from None

    # ------------------------------------------------------------------ what it does

    def _transform(self, resources: Resources) -> None:
        spec = self.spec
        patches = [patching.load(self.root, entry) for entry in self.entries("patches")]
        patching.merge_all(self.root, resources, self.entries("patchesStrategicMerge"))
        for patch in patches:
            patching.apply(resources, patch)
        if spec.get("namespace"):
            transformers.namespace(resources, spec["namespace"])
        if spec.get("namePrefix"):
            transformers.prefix(resources, spec["namePrefix"])
        if spec.get("nameSuffix"):
            transformers.suffix(resources, spec["nameSuffix"])
        for label in self.entries("labels"):
            transformers.labels(resources, label)
        transformers.add_pairs(resources, spec.get("commonLabels") or {}, fields.COMMON_LABELS)
        transformers.add_pairs(resources, spec.get("commonAnnotations") or {}, fields.ANNOTATIONS)
        for entry in self.entries("patchesJson6902"):
            patching.operate_all(self.root, resources, entry)
        for wanted in self.entries("replicas"):
            transformers.replicas(resources, wanted)
        for wanted in self.entries("images", "imageTags"):
            transformers.image(resources, wanted)
        for replacement in self._replacements():
            replacements.apply(resources, replacement)

    def _replacements(self) -> list[Obj]:
        out: list[Obj] = []
        for entry in self.entries("replacements"):
            path = text(entry.get("path"))
            if not path:
                out.append(entry)
                continue
            if len([v for v in entry.values() if v]) > 1:
                raise UsageError("cannot specify both path and inline replacement")
            from minikctl.kubectl import yaml_in

            try:
                found = yaml_in.loads(self.root.read(path).decode("utf-8", "replace"))
            except yaml_in.YAMLError as e:
                raise UsageError(str(e)) from None
            out += found if isinstance(found, list) else [found]
        return out


class _Malformed(UsageError):
    """A file that is no YAML: it cannot be meant as a folder."""


def _append(resources: Resources, resource: Resource, doing: str) -> None:
    try:
        resources.append(resource)
    except UsageError as e:
        raise UsageError(f"{doing}: {e.message}") from None


def _generator(name: str, args: Obj) -> str:
    return f"{name} {text(args.get('name'))}"


def finish(target: Target) -> list[Obj]:
    """The whole build: names with hashes, references to them, order. Raises UsageError."""
    resources = target.accumulate(Resources())
    for resource in resources:
        if resource.hashed:
            generators.add_hash(resource)
    references.fix(resources)
    kept = [r for r in resources if r.annotations().get(LOCAL_CONFIG, "false") == "false"]
    for resource in kept:
        if resource.metadata.get("annotations", 0) is None:
            resource.set_metadata("annotations", None)
    kept = ordering.ordered(kept, target.spec.get("sortOptions"))
    wanted = target.entries("buildMetadata")
    for option in wanted:
        if option != "managedByLabel":
            raise UsageError(f"minikctl's kustomize does not know the build metadata '{option}'")
    if wanted:
        managed = {MANAGED_BY: f"kustomize-{KUSTOMIZE_VERSION}"}
        transformers.add_pairs(Resources(kept), managed, [fields.Field("metadata/labels", create=True)])
    return [r.data for r in kept]
