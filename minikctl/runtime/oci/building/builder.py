"""From a Dockerfile and a folder to an image in the store. Only the stages that the wanted one needs are built.

FROM means, in this order: an earlier stage, `scratch`, an image of the store, an emulated image (whose host programs
then stay below the layers: such an image is not portable), an image of a registry that the reference names.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from minikctl.runtime import images
from minikctl.runtime.interface import ImageFailure
from minikctl.runtime.oci import model, roots
from minikctl.runtime.oci.archive import manifest_of
from minikctl.runtime.oci.building import context, dockerfile, mounts
from minikctl.runtime.oci.building.context import Context
from minikctl.runtime.oci.building.dockerfile import BuildError, Instruction
from minikctl.runtime.oci.building.dockerfile import Stage as Source
from minikctl.runtime.oci.building.steps import Cache, Say, Stage
from minikctl.runtime.oci.model import HOST_TOOLS, Image
from minikctl.runtime.oci.store import BUILT, Store
from minikctl.runtime.reference import BadReference, names_registry, parse
from minikctl.util.jsonio import compact

COPY_FLAGS = {"from", "chown", "chmod", "link"}
FLAGS = {"FROM": {"platform"}, "RUN": {"mount"}, "COPY": COPY_FLAGS, "ADD": COPY_FLAGS - {"from"}, "HEALTHCHECK": None}
"""The flags of each instruction; None: any."""
PROXIES = ("HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", "NO_PROXY", "no_proxy", "ALL_PROXY", "all_proxy")


@dataclass(frozen=True)
class Request:
    """What is to be built. names: whole references. target: a stage, "" for the last one."""

    folder: Path
    file: Path
    names: tuple[str, ...] = ()
    target: str = ""
    arguments: Mapping[str, str] = field(default_factory=dict)
    labels: Mapping[str, str] = field(default_factory=dict)
    use_cache: bool = True


def build(store: Store, request: Request, say: Say) -> Image:
    """Raises BuildError with the file's name and line, ImageFailure, OSError."""
    text = request.file.read_text("utf-8", "replace")
    try:
        with store.adding():
            return _Build(store, request, text, say).run()
    except BuildError as e:
        raise BuildError(f"{request.file.name}: {e}") from None


class _Build:
    def __init__(self, store: Store, request: Request, text: str, say: Say):
        self._store, self._request, self._say = store, request, say
        self._source = dockerfile.parse(text)
        self._context = context.of_folder(request.folder, request.file)
        self._cache = Cache(store, enabled=request.use_cache)
        self._stages: dict[int, Stage] = {}
        self._shared = store.path.parents[1] / "run"
        self._now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        self._platform = model.this_platform()
        self._count = self._steps = 0

    def run(self) -> Image:
        wanted = self._wanted()
        needed = self._needed(wanted, set())
        self._steps = sum(1 + len(s.instructions) for s in self._source.stages if s.index in needed)
        try:
            for index in sorted(needed):
                self._stage(index)
            return self._image(self._stages[wanted])
        finally:
            for one in self._stages.values():
                one.close()

    def _wanted(self) -> int:
        target, stages = self._request.target, self._source.stages
        if not target:
            return len(stages) - 1
        found = self._earlier(target, len(stages))
        if found is None:
            raise ImageFailure(f"there is no stage {target!r} in {self._request.file.name}")
        return found

    def _earlier(self, name: str, before: int) -> int | None:
        """The stage of a name or number."""
        stages = self._source.stages[:before]
        found = next((s.index for s in reversed(stages) if s.name and s.name == name.lower()), None)
        return int(name) if found is None and name.isdigit() and int(name) < before else found

    def _needed(self, index: int, found: set[int]) -> set[int]:
        if index not in found:
            found.add(index)
            source = self._source.stages[index]
            names = [
                dockerfile.base_of(source.base),
                *(i.flags["from"] for i in source.instructions if "from" in i.flags),
                *(m["from"] for i in source.instructions for m in mounts.options(i) if "from" in m),
            ]
            for earlier in (self._earlier(n, index) for n in names):
                if earlier is not None:
                    self._needed(earlier, found)
        return found

    # ------------------------------------------------------------------ stages

    def _stage(self, index: int) -> Stage:
        if index in self._stages:
            return self._stages[index]
        source = self._source.stages[index]
        stage = self._from(source)
        self._stages[index] = stage
        for one in source.instructions:
            self._check_flags(one)
            self._instruction(stage, source, one)
        return stage

    def _shown(self, one: Instruction) -> str:
        self._count += 1
        flags = "".join(f" --{name}={v}" for name, value in one.flags.items() for v in value.split("\n"))
        return f"[{self._count}/{self._steps}] {one.keyword}{flags} {one.text}"

    @staticmethod
    def _check_flags(one: Instruction) -> None:
        known = FLAGS.get(one.keyword, set())
        for name in one.flags:
            if known is not None and name not in known:
                raise one.failure(f"--{name} is not supported")

    def _globals(self) -> dict[str, str]:
        """ARG before the first FROM, and what is always known."""
        system, machine = self._platform
        values = {"TARGETPLATFORM": f"{system}/{machine}", "TARGETOS": system, "TARGETARCH": machine}
        values |= {f"BUILD{k[6:]}": v for k, v in values.items()}
        for one in self._source.arguments:
            for name, default in dockerfile.arguments(one, values).items():
                value = self._request.arguments.get(name, default)
                if value is not None:
                    values[name] = value
        return values

    def _from(self, source: Source) -> Stage:
        one = source.base
        self._check_flags(one)
        values = self._globals()
        name = dockerfile.expand(one, dockerfile.base_of(one), values)
        platform = dockerfile.expand(one, one.flags.get("platform", ""), values)
        if platform and platform.split("/")[:2] != list(self._platform):
            raise one.failure(
                f"--platform={platform}: this machine is {'/'.join(self._platform)}, and nothing else runs here"
            )
        if not name:
            raise one.failure("the name of the image is empty")
        earlier = self._earlier(name, source.index)
        below = self._stage(earlier) if earlier is not None else None
        self._say(f"{self._shown(one)}\n")
        stage = Stage(self._store, self._cache, self._say, self._now, self._platform)
        if below is not None:
            stage.settings, stage.host = dict(below.settings), below.host
            stage.layers, stage.diff_ids = list(below.layers), list(below.diff_ids)
            stage.history, stage.created = list(below.history), below.created
        elif name != "scratch":
            self._begin_with(stage, one, name)
        return stage

    def _begin_with(self, stage: Stage, one: Instruction, name: str) -> None:
        found = self._base(one, name)
        if isinstance(found, Image):
            stage.settings = dict(found.settings)
            stage.layers, stage.diff_ids = list(found.layers), list(found.diff_ids)
            stage.created = str(found.config.get("created") or "")
            history = found.config.get("history")
            stage.history = list(history) if isinstance(history, list) else []
            try:
                stage.host = images.find(parse(found.host_tools)) if found.host_tools else None
            except ImageFailure as e:
                raise one.failure(str(e)) from None
            return
        stage.host = found
        stage.settings = {
            "Env": [f"{k}={v}" for k, v in found.env.items()],
            **({"Entrypoint": list(found.entrypoint)} if found.entrypoint else {}),
            **({"Cmd": list(found.cmd)} if found.cmd else {}),
            **({"WorkingDir": found.working_dir} if found.working_dir != "/" else {}),
            **({"ExposedPorts": {f"{p}/tcp": {} for p in found.ports}} if found.ports else {}),
            "StopSignal": found.stop_signal,
            "Labels": {HOST_TOOLS: str(parse(name))},
        }

    def _base(self, one: Instruction, name: str) -> Image | images.Image:
        """Raises BuildError."""
        try:
            reference = parse(name)
            if (record := self._store.find(reference)) is not None:
                return self._store.image(record.manifest)
            try:
                return images.find(reference)
            except ImageFailure:
                if not names_registry(name):
                    raise
            import os

            from minikctl.runtime.oci import credentials
            from minikctl.runtime.oci.pull import pull

            return pull(self._store, name, credentials.of_user(os.environ)).image
        except BadReference as e:
            raise one.failure(f"{name!r} is no name for an image: {e}") from None
        except ImageFailure as e:
            raise one.failure(str(e)) from None

    # ------------------------------------------------------------------ instructions

    def _instruction(self, stage: Stage, source: Source, one: Instruction) -> None:
        shown = self._shown(one)
        settings, values = stage.settings, stage.values
        if one.keyword in ("RUN", "COPY", "ADD", "WORKDIR"):
            self._files(stage, source, one, shown)
            return
        self._say(f"{shown}\n")
        if one.keyword == "ARG":
            self._declare(stage, one)
        elif one.keyword in ("ENV", "LABEL"):
            given = dockerfile.pairs(one, values)
            if one.keyword == "ENV":
                settings["Env"] = [f"{k}={v}" for k, v in {**stage.env, **given}.items()]
            else:
                settings["Labels"] = {**(settings.get("Labels") or {}), **given}
        elif one.keyword in ("CMD", "ENTRYPOINT"):
            shell = tuple(settings.get("Shell") or ("/bin/sh", "-c"))
            words = list(one.words) if one.words is not None else [*shell, one.text]
            if one.keyword == "CMD":
                settings["Cmd"] = words
            else:
                settings["Entrypoint"] = words
                later_cmd = any(i.keyword == "CMD" for i in source.instructions if i.line < one.line)
                if not later_cmd:  # the base's arguments are not for this program
                    settings.pop("Cmd", None)
        else:
            self._setting(stage, one)
        stage.note(one)

    def _files(self, stage: Stage, source: Source, one: Instruction, shown: str) -> None:
        if one.keyword == "RUN":
            stage.run(one, shown, self._shared, [*self._mounts(stage, source, one)])
        elif one.keyword == "WORKDIR":
            path = stage.below(stage.word(one, one.text))
            stage.settings["WorkingDir"] = path
            stage.make_folder(one, path, shown)
        elif "from" in one.flags:
            stage.copy(one, self._other(source, one, stage.word(one, one.flags["from"])), shown)
        else:
            stage.copy(one, self._context, shown)

    def _mounts(self, stage: Stage, source: Source, one: Instruction) -> Iterator[mounts.Ready]:
        for wanted in mounts.wanted(one, lambda text: stage.word(one, text), stage.below):
            context = self._other(source, one, wanted.origin) if wanted.origin else self._context
            yield mounts.Ready(wanted, context if wanted.kind == "bind" else None)

    def _other(self, source: Source, one: Instruction, name: str) -> Context:
        """What COPY --from has: the root of a stage, or of an image."""
        earlier = self._earlier(name, source.index)
        if earlier is not None:
            return Context(self._stage(earlier).root(), name=f"stage {name}")
        found = self._base(one, name)
        if not isinstance(found, Image):
            raise one.failure(f"{name} is emulated, and has no files")
        return Context(roots.ensure(self._store, found), name=f"image {name}")

    def _declare(self, stage: Stage, one: Instruction) -> None:
        known = self._globals()
        for name, default in dockerfile.arguments(one, stage.values).items():
            value = self._request.arguments.get(name, default if default is not None else known.get(name))
            if value is not None:
                stage.arguments[name] = value

    def _setting(self, stage: Stage, one: Instruction) -> None:
        settings = stage.settings
        if one.keyword == "USER":
            settings["User"] = stage.word(one, one.text)
        elif one.keyword == "EXPOSE":
            ports = {p if "/" in p else f"{p}/tcp": {} for p in stage.word(one, one.text).split()}
            wrong = [
                p
                for p in ports
                if not p.partition("/")[0].isdigit() or p.partition("/")[2] not in ("tcp", "udp", "sctp")
            ]
            if wrong:
                raise one.failure(f"invalid containerPort: {wrong[0]}")
            settings["ExposedPorts"] = {**(settings.get("ExposedPorts") or {}), **ports}
        elif one.keyword == "VOLUME":
            places = one.words if one.words is not None else tuple(dockerfile.split(one))
            named = {stage.word(one, p): {} for p in places}
            settings["Volumes"] = {**(settings.get("Volumes") or {}), **named}
        elif one.keyword == "STOPSIGNAL":
            settings["StopSignal"] = stage.word(one, one.text)
            if not model.is_signal(settings["StopSignal"]):
                raise one.failure(f"invalid signal: {settings['StopSignal']}")
        elif one.keyword == "SHELL":
            if not one.words:
                raise one.failure('a list is needed, like ["/bin/sh", "-c"]')
            settings["Shell"] = list(one.words)
        elif one.keyword == "HEALTHCHECK":
            self._say("  (ignored: Kubernetes has probes)\n")
        elif one.keyword == "MAINTAINER":
            settings["Labels"] = {**(settings.get("Labels") or {}), "maintainer": one.text}

    # ------------------------------------------------------------------ the end

    def _image(self, stage: Stage) -> Image:
        settings: dict[str, Any] = dict(stage.settings)
        if self._request.labels:
            settings["Labels"] = {**(settings.get("Labels") or {}), **self._request.labels}
        system, machine = self._platform
        config = {
            "created": stage.created or self._now,  # nothing but settings: as of now
            "architecture": machine,
            "os": system,
            "config": {k: settings[k] for k in sorted(settings)},
            "rootfs": {"type": "layers", "diff_ids": stage.diff_ids},
            "history": stage.history,
        }
        data = compact(config)
        own = (self._store.write(data), len(data))
        layers = [(b.digest, b.size, b.media_type) for b in stage.layers]
        image = self._store.image(self._store.write(manifest_of(own, layers)))
        stage.finish()
        roots.ensure(self._store, image)
        for name in self._request.names or (image.digest,):
            self._store.put(name, image.digest, BUILT)
        return image
