"""Carrying out the instructions of a stage, one after the other. What a step made before, from the same things, is
taken from the cache: then it costs nothing.

The cache is `images/oci/build-cache.json`: what a step was made from → its layer. An entry whose layer was taken away
counts for nothing.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from minikctl.runtime.images import Image as Settings
from minikctl.runtime.interface import RuntimeFailure, Security
from minikctl.runtime.oci import model, roots, users
from minikctl.runtime.oci.building import dockerfile
from minikctl.runtime.oci.building.context import Context
from minikctl.runtime.oci.building.copying import Copy, fingerprint, write
from minikctl.runtime.oci.building.dockerfile import Instruction
from minikctl.runtime.oci.building.layers import Layer, Owner
from minikctl.runtime.oci.building.mounts import Ready
from minikctl.runtime.oci.building.run import Run, run
from minikctl.runtime.oci.inside import resolve, within
from minikctl.runtime.oci.model import OCI_LAYER, Descriptor
from minikctl.runtime.oci.store import Store
from minikctl.runtime.process.folder import remove_tree
from minikctl.runtime.process.launch import PATH
from minikctl.runtime.sandbox.bwrap import merged_links, probe
from minikctl.util.files import atomic_write
from minikctl.util.jsonio import JSONError, compact, indented, loads

Say = Callable[[str], None]
SHELL = ("/bin/sh", "-c")


class Cache:
    """Digest of what a step is made from → {"layer", "size", "diffID", "created"}; "layer" is empty for no change."""

    def __init__(self, store: Store, *, enabled: bool = True):
        self._store, self._path, self._enabled = store, store.path / "build-cache.json", enabled

    def _all(self) -> dict[str, Any]:
        try:
            return dict(loads(self._path.read_bytes()))
        except (OSError, JSONError, ValueError, TypeError):
            return {}

    def get(self, key: str) -> Mapping[str, Any] | None:
        found = self._all().get(key) if self._enabled else None
        return found if found is not None and (not found["layer"] or self._store.has(found["layer"])) else None

    def put(self, key: str, entry: Mapping[str, Any]) -> None:
        there = {k: e for k, e in self._all().items() if not e["layer"] or self._store.has(e["layer"])}
        atomic_write(self._path, indented({**there, key: entry}))


@dataclass
class Stage:
    """A stage as far as it is built. settings: the config's inner part. host: the emulated image below, if any."""

    store: Store
    cache: Cache
    say: Say
    now: str
    platform: tuple[str, str]
    settings: dict[str, Any] = field(default_factory=dict)
    layers: list[Descriptor] = field(default_factory=list)
    diff_ids: list[str] = field(default_factory=list)
    history: list[dict[str, Any]] = field(default_factory=list)
    created: str = ""
    host: Settings | None = None
    arguments: dict[str, str] = field(default_factory=dict)
    _root: Path | None = None

    # ------------------------------------------------------------------ what is known

    @property
    def env(self) -> dict[str, str]:
        return model.environment(self.settings.get("Env"))

    @property
    def values(self) -> dict[str, str]:
        """What `$NAME` means."""
        return {**self.arguments, **self.env}

    def word(self, one: Instruction, text: str) -> str:
        """Raises BuildError."""
        return dockerfile.expand(one, text, self.values)

    @property
    def working_dir(self) -> str:
        return str(self.settings.get("WorkingDir") or "/")

    def below(self, path: str) -> str:
        """A path of an instruction, from the root."""
        return os.path.normpath(os.path.join("/", self.working_dir, path))

    def root(self) -> Path:
        """The files as they are now: a folder of the stage's own, or of a finished image."""
        if self._root is None:
            done = self.store.path / "roots" / model.chain_id(self.diff_ids).removeprefix("sha256:")
            if done.is_dir():
                return done
            self._root = Path(tempfile.mkdtemp(prefix=".build-", dir=self.store.roots))
            self._root.rmdir()
            begun = roots.begin(self.store, self.diff_ids, self._root)
            for layer, diff_id in list(zip(self.layers, self.diff_ids))[begun:]:
                roots.unpack(self.store.blob(layer.digest), self._root, roots.room(self.store), diff_id)
        return self._root

    def finish(self) -> None:
        """Keep the files as the root of a finished image."""
        place = self.store.path / "roots" / model.chain_id(self.diff_ids).removeprefix("sha256:")
        if self._root is not None and not place.exists():
            self._root.rename(place)
            self._root = None
        self.close()

    def close(self) -> None:
        if self._root is not None:
            remove_tree(self._root)
            self._root = None

    # ------------------------------------------------------------------ layers

    def step(self, one: Instruction, sources: Any, make: Callable[[Layer], None], shown: str) -> None:
        """Add the layer that `make` writes, or the one that was made from the same `sources` before."""
        key = model.sha256(compact([model.chain_id(self.diff_ids), self._host_name, one.keyword, sources]))
        entry = self.cache.get(key)
        if entry is not None:
            self.say(f"{shown}  (cached)\n")
        else:
            self.say(f"{shown}\n")
            entry = self._made(make)
            self.cache.put(key, entry)
        self.note(one, empty=not entry["layer"])
        if entry["layer"]:
            self.layers.append(Descriptor(entry["layer"], entry["size"], OCI_LAYER))
            self.diff_ids.append(entry["diffID"])
            self.created = max(self.created, entry["created"])

    def _made(self, make: Callable[[Layer], None]) -> dict[str, Any]:
        base = self.root()
        with tempfile.TemporaryFile(dir=self.store.partial) as out:
            layer = Layer(out)
            try:
                make(layer)
            finally:
                layer.close()
            if not layer.count:
                return {"layer": "", "size": 0, "diffID": "", "created": self.now}
            out.seek(0)
            digest, size = self.store.ingest(out)
        if base != self._root:  # a finished image's: not to be written into
            self._root = Path(tempfile.mkdtemp(prefix=".build-", dir=self.store.roots))
            self._root.rmdir()
            roots.clone(base, self._root)
        assert self._root is not None
        roots.unpack(self.store.blob(digest), self._root, roots.room(self.store), digest)
        return {"layer": digest, "size": size, "diffID": digest, "created": self.now}

    @property
    def _host_name(self) -> str:
        return self.host.names[0] if self.host else ""

    def note(self, one: Instruction, *, empty: bool = True) -> None:
        text = f"{one.keyword} {one.text}"
        self.history.append({"created_by": text, **({"empty_layer": True} if empty else {})})

    # ------------------------------------------------------------------ instructions that change files

    def user(self, text: str) -> users.User:
        """Raises users.NoSuchUser."""
        root = self.root()
        passwd, group = (_text(within(root, f"/etc/{name}")) for name in ("passwd", "group"))
        if self.host is not None:
            from minikctl.runtime.sandbox import tree

            passwd, group = passwd or tree.PASSWD, group or tree.GROUP
        return users.look_up(text, passwd, group)

    def owner(self, one: Instruction) -> Owner:
        """--chown and --chmod. Raises BuildError."""
        text, mode = self.word(one, one.flags.get("chown", "")), self.word(one, one.flags.get("chmod", ""))
        bits: int | None = None
        if mode:
            try:
                bits = int(mode, 8) & 0o7777
            except ValueError:
                raise one.failure(f"--chmod={mode} is not an octal number like 0644") from None
        if not text:
            return Owner(0, 0, bits)
        try:
            found = self.user(text)
        except users.NoSuchUser as e:
            raise one.failure(str(e)) from None
        gid = found.gid if ":" in text else (int(text) if text.isdigit() else found.gid)
        return Owner(found.uid, gid, bits)

    def copy(self, one: Instruction, context: Context, shown: str, *, keep_owner: bool = False) -> None:
        if one.documents:
            with tempfile.TemporaryDirectory(dir=self.store.partial) as folder:
                self._write_documents(one, Path(folder))
                bare = replace(one, documents=(), text=dockerfile.without_markers(one.text))
                self.copy(bare, Context(Path(folder)), shown, keep_owner=keep_owner)
            return
        words = [self.word(one, w) for w in (dockerfile.split(one) if one.words is None else one.words)]
        if len(words) < 2:
            raise one.failure("at least a source and a destination are needed")
        owner = self.owner(one)
        if keep_owner and owner.uid is None:
            owner = Owner(None, None, owner.mode)
        target = self.below(words[-1]) + ("/" if words[-1].endswith(("/", "/.")) or words[-1] == "." else "")
        wanted = Copy(one, context, tuple(words[:-1]), target, owner, one.keyword == "ADD", self.place)
        sources = [target, [owner.uid, owner.gid, owner.mode], fingerprint(wanted)]
        self.step(one, sources, lambda layer: write(wanted, layer, self.root()), shown)

    def _write_documents(self, one: Instruction, folder: Path) -> None:
        for document in one.documents:
            text = document.text if document.is_literal else dockerfile.expand_text(one, document.text, self.values)
            path = folder / document.name
            path.write_text(text)
            path.chmod(0o644)

    def place(self, path: str) -> str:
        """Where something is that is to be at a path of the image: links lead on, also those that the host has."""
        links: Mapping[str, str] = {}
        if self.host is not None:
            links = merged_links()
        return resolve(self.root(), path, links).lstrip("/")

    def make_folder(self, one: Instruction, path: str, shown: str) -> None:
        """WORKDIR: it is there when the image is run."""

        def make(layer: Layer) -> None:
            inside = self.place(path)
            if self.host is None or not os.path.isdir(f"/usr/{inside.removeprefix('usr/')}"):
                parts = inside.split("/") if inside else []
                for i in range(len(parts)):
                    folder = "/".join(parts[: i + 1])
                    if not (self.root() / folder).is_dir():
                        layer.folder(folder, Owner())

        self.step(one, path, make, shown)

    def run(self, one: Instruction, shown: str, shared: Path, mounts: Sequence[Ready] = ()) -> None:
        shell = tuple(self.settings.get("Shell") or SHELL)
        argv = one.words if one.words is not None else (*shell, one.script)
        if one.words is None and one.script.startswith("#!"):
            raise one.failure(
                "a here-document with a program of its own (#!) is not supported: name the program behind RUN"
            )
        if not argv:
            raise one.failure("the list has no command")
        user = str(self.settings.get("User") or "")
        declared = [[k, v] for k, v in sorted(self.arguments.items())]
        sources = [list(argv), sorted(self.env.items()), declared, self.working_dir, user]
        sources += [m.fingerprint(one) for m in mounts]

        def make(layer: Layer) -> None:
            try:
                who = self.user(user)
            except users.NoSuchUser as e:
                raise one.failure(str(e)) from None
            env = {"PATH": PATH, "HOME": who.home, "HOSTNAME": "build", **self.arguments, **self.env}
            security = Security(user=who.uid, group=who.gid, groups=who.groups)
            folder = resolve(self.root(), self.working_dir)
            scratch = Path(tempfile.mkdtemp(prefix=".build-", dir=self.store.roots))
            held = Path(tempfile.mkdtemp(prefix=".build-", dir=self.store.roots))
            try:
                ready = [m.make(one, held / str(number)) for number, m in enumerate(mounts)]
                wanted = Run(self.root(), argv, tuple(env.items()), folder, security, self.host, ready)
                code = run(wanted, scratch, shared, layer, lambda part: self.say(part.decode("utf-8", "replace")))
            except dockerfile.BuildError:
                raise
            except (OSError, RuntimeFailure) as e:
                raise one.failure(f"cannot run it: {e}") from None
            finally:
                remove_tree(scratch)
                remove_tree(held)
            if code and (refused := probe(self.store.roots)):
                raise one.failure(f"it needs a sandbox: {refused}")
            if code:
                raise one.failure(f"the command {_shown(argv)} returned a non-zero code: {code}")

        self.step(one, sources, make, shown)


def _shown(argv: Sequence[str]) -> str:
    return "'" + " ".join(argv) + "'"


def _text(path: Path) -> str:
    try:
        return path.read_text("utf-8", "replace")
    except OSError:
        return ""
