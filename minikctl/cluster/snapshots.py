"""Snapshots: a copy of a cluster's state in one file, taken while it runs, and put back whole or not at all.

A snapshot is a gzipped tar: `snapshot.json` (what it is) first, then cluster.json, registry/, journal/, lock, pki/ and
kubeconfig, and with `volumes` the directories of PersistentVolumes. It is one moment of the cluster: writers are held
for as long as it takes to make hard links of the object files, which are never changed in place.

Restoring ends the cluster's processes, exchanges the files and starts it again if it ran. A restore that was killed
half-way is finished by the next start. What ran goes on as after a power cut: kubelets start the containers of restored
pods anew. resourceVersions never go back: they continue above those that were given out, and watches from before the
restore are told that they are too old (as `etcdutl snapshot restore --bump-revision --mark-compacted` does).
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import shutil
import tarfile
import zlib
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from minikctl.client import state_dir as state
from minikctl.cluster import start
from minikctl.util.errors import EnvironmentProblem, UsageError

FOLDER, SUFFIX, ABOUT = "snapshots", ".tar.gz", "snapshot.json"
FORMAT = "minikctl-snapshot/1"
INCOMING, COMPLETE = ".restore", "complete"
FILES = (state.FILE, "lock", "kubeconfig")
FOLDERS = ("registry", "journal", "pki")
VOLUMES = "volumes"


@dataclass(frozen=True, slots=True)
class Snapshot:
    """`time` is RFC 3339; `objects` are files below registry/; `volumes`: whether it holds those, too."""

    name: str
    time: str
    objects: int
    resourceVersion: int
    volumes: bool
    cluster: str
    path: str = ""
    size: int = 0


def path_of(state_dir: Path, name: str) -> Path:
    return state_dir / FOLDER / f"{name}{SUFFIX}"


# ---------------------------------------------------------------------- save


def save(state_dir: Path, name: str = "", *, volumes: bool = False, now: datetime | None = None) -> Snapshot:
    """Copy the state as it is now. Raises UsageError (a name that is taken, no cluster), EnvironmentProblem."""
    from minikctl.util.files import private_folder

    cluster = state.load(state_dir)
    if cluster is None:
        raise UsageError(f"there is no cluster in {state_dir}")
    moment = now or datetime.now(UTC)
    name = name or _free_name(state_dir, moment.strftime("%Y%m%d-%H%M%S"))
    target = path_of(state_dir, name)
    if target.exists():
        raise UsageError(f"snapshot {name} exists already")
    try:
        folder = private_folder(state_dir / FOLDER)
        staging, temporary = folder / f".{name}.{os.getpid()}", folder / f".{name}.{os.getpid()}.tar"
        try:
            size_of_last = _link(state_dir, staging)
            about = _about(staging, name, moment, volumes, cluster.uid)
            _write(temporary, staging, about, size_of_last, state_dir / VOLUMES if volumes else None)
            os.link(temporary, target)
        except FileExistsError:
            raise UsageError(f"snapshot {name} exists already") from None
        finally:
            temporary.unlink(missing_ok=True)
            shutil.rmtree(staging, ignore_errors=True)
    except OSError as e:
        raise EnvironmentProblem(f"cannot save a snapshot in {state_dir / FOLDER}: {e.strerror or e}") from None
    return read(target)


def _free_name(state_dir: Path, base: str) -> str:
    names = (base, *(f"{base}-{i}" for i in range(2, 1000)))
    return next(n for n in names if not path_of(state_dir, n).exists())


def _link(state_dir: Path, staging: Path) -> tuple[str, int]:
    """Name every file a second time, while nobody writes; the journal's last segment, and how long it is now."""
    from minikctl.client.local import LocalClient

    staging.mkdir(mode=0o700)
    client = LocalClient.on_files(state_dir, actor="minikctl-cluster")
    try:
        with client.api.store.quiet():
            for name in ("registry", "journal"):
                _link_tree(state_dir / name, staging / name)
            shutil.copyfile(state_dir / "lock", staging / "lock")
    finally:
        client.close()
    for name in ("pki",):
        if (state_dir / name).is_dir():
            shutil.copytree(state_dir / name, staging / name)
    for name in (state.FILE, "kubeconfig"):
        with contextlib.suppress(FileNotFoundError):
            shutil.copyfile(state_dir / name, staging / name)
    _, segment, size = (staging / "lock").read_text().split()
    return f"journal/{segment}.jsonl", int(size)


def _link_tree(source: Path, target: Path) -> None:
    target.mkdir(mode=0o700)
    for entry in os.scandir(source):
        if entry.name.startswith("."):
            continue
        if entry.is_dir(follow_symlinks=False):
            _link_tree(source / entry.name, target / entry.name)
        else:
            try:
                os.link(entry.path, target / entry.name)
            except OSError:  # a file system without hard links
                shutil.copyfile(entry.path, target / entry.name)


def _about(staging: Path, name: str, moment: datetime, volumes: bool, cluster: str) -> Snapshot:
    objects = sum(len(files) for _, _, files in os.walk(staging / "registry"))
    version = int((staging / "lock").read_text().split()[0])
    return Snapshot(name, moment.strftime("%Y-%m-%dT%H:%M:%SZ"), objects, version, volumes, cluster)


def _write(target: Path, staging: Path, about: Snapshot, last_segment: tuple[str, int], volumes: Path | None) -> None:
    kept = {k: v for k, v in asdict(about).items() if k not in ("path", "size")}
    with open(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as f:  # noqa: PTH123
        with tarfile.open(fileobj=f, mode="w:gz", compresslevel=1, format=tarfile.PAX_FORMAT) as tar:
            _add_bytes(tar, ABOUT, json.dumps({"format": FORMAT, **kept}, indent=2).encode() + b"\n")
            for path in sorted(p for p in staging.rglob("*") if p.is_file()):
                name = str(path.relative_to(staging))
                data = path.read_bytes()
                if name == last_segment[0]:  # the rest of it was written later
                    data = data[: last_segment[1]]
                _add_bytes(tar, name, data)
            if volumes is not None and volumes.is_dir():
                tar.add(volumes, VOLUMES)
        f.flush()
        os.fsync(f.fileno())


def _add_bytes(tar: tarfile.TarFile, name: str, data: bytes) -> None:
    info = tarfile.TarInfo(name)
    info.size, info.mode = len(data), 0o600
    tar.addfile(info, io.BytesIO(data))


# ---------------------------------------------------------------------- look


def read(path: Path) -> Snapshot:
    """What a file says that it is. Raises UsageError for one that is no snapshot."""
    try:
        with tarfile.open(path, "r:gz") as tar:
            first = tar.next()
            content = tar.extractfile(first) if first is not None and first.name == ABOUT else None
            data: dict[str, Any] = json.loads(content.read()) if content else {}
        if data.pop("format", None) != FORMAT:
            raise UsageError(f"{path} is no snapshot that this version of minikctl knows")
        return Snapshot(**{**data, "path": str(path), "size": path.stat().st_size})
    except FileNotFoundError:
        raise UsageError(f"there is no snapshot {path}") from None
    except (OSError, EOFError, ValueError, TypeError, tarfile.TarError, zlib.error):
        raise UsageError(f"{path} is no snapshot, or a damaged one") from None


def saved(state_dir: Path) -> Iterator[Snapshot]:
    """Those of a cluster, the oldest first; files that are no snapshots are passed over."""
    found = []
    for path in (state_dir / FOLDER).glob(f"[!.]*{SUFFIX}"):
        with contextlib.suppress(UsageError):
            found.append(read(path))
    yield from sorted(found, key=lambda s: (s.time, s.name))


def find(state_dir: Path, word: str, cwd: Path) -> Path:
    """The file that a name, or a path, means. Raises UsageError."""
    named = path_of(state_dir, word)
    if "/" not in word and named.exists():
        return named
    if (cwd / word).is_file():
        return cwd / word
    known = ", ".join(s.name for s in saved(state_dir)) or "none"
    raise UsageError(f"there is no snapshot {word}; there are: {known}")


# ---------------------------------------------------------------------- restore


def restore(state_dir: Path, file: Path, *, without_pods: bool = False) -> bool:
    """Make the cluster what a snapshot holds; whether it ran and runs again.

    without_pods: pods that a controller owns are deleted before anything starts, and are made again.
    Raises UsageError, EnvironmentProblem; then nothing has changed.
    """
    read(file)
    state.refuse_foreign(state_dir)
    with start.start_lock(state_dir):
        current = state.load(state_dir)
        incoming = _unpack(state_dir, file, current)
        ran = start.end_processes(state_dir)
        if current is not None:
            _above(state_dir, incoming)
        (incoming / COMPLETE).touch()
        finish(state_dir)
    if without_pods:
        _delete_pods(state_dir)
    if ran:
        start.start(state_dir)
        start.wait_ready(state_dir)
    return ran


def _unpack(state_dir: Path, file: Path, current: state.Cluster | None) -> Path:
    """Into a folder of its own, and looked through. Raises UsageError, EnvironmentProblem."""
    incoming = state_dir / INCOMING
    shutil.rmtree(incoming, ignore_errors=True)
    safely: Any = {"filter": "tar"} if hasattr(tarfile, "tar_filter") else {}  # from 3.11.4 on
    try:
        incoming.mkdir(mode=0o700)
        with tarfile.open(file, "r:gz") as tar:
            for member in tar:
                top = member.name.split("/")[0]
                if ".." in member.name.split("/") or top not in (ABOUT, *FILES, *FOLDERS, VOLUMES):
                    raise UsageError(f"{file}: {member.name!r} does not belong into a snapshot")
                if not _is_harmless(incoming, member, top):
                    raise UsageError(f"{file}: {member.name!r} is no plain file")
                tar.extract(member, incoming, set_attrs=top == VOLUMES, **safely)
        for folder, folders, files in os.walk(incoming):
            if Path(folder).parts[len(incoming.parts) : len(incoming.parts) + 1] != (VOLUMES,):
                for name in folders:
                    os.chmod(os.path.join(folder, name), 0o700)
                for name in files:
                    os.chmod(os.path.join(folder, name), 0o600)
        restored = _settings(incoming, file)
        if restored is None or not (incoming / "registry").is_dir() or not (incoming / "lock").is_file():
            raise UsageError(f"{file} is no snapshot, or a damaged one")
        if current is not None:  # clients know it there
            data = json.loads((incoming / state.FILE).read_bytes())  # of whichever format
            (incoming / state.FILE).write_text(json.dumps({**data, "port": current.port}, indent=2) + "\n")
    except (OSError, EOFError, tarfile.TarError, zlib.error) as e:
        shutil.rmtree(incoming, ignore_errors=True)
        raise EnvironmentProblem(f"cannot unpack {file}: {getattr(e, 'strerror', None) or e}") from None
    except (UsageError, EnvironmentProblem):
        shutil.rmtree(incoming, ignore_errors=True)
        raise
    return incoming


def _settings(incoming: Path, file: Path) -> state.Cluster | None:
    """Raises EnvironmentProblem, which names the archive."""
    try:
        return state.load(incoming)
    except EnvironmentProblem as e:
        why = str(e).removeprefix(f"{incoming}/").partition(";")[0]
        raise EnvironmentProblem(f"{file} is no snapshot, or a damaged one: {why}") from None


def _is_harmless(incoming: Path, member: tarfile.TarInfo, top: str) -> bool:
    """Whether a member makes a file of its own, at its place. What containers wrote into volumes may be links, too: no
    other member goes through them, or over them. Python before 3.11.4 does not look."""
    if top != VOLUMES or member.name == VOLUMES:
        return member.isdir() or (top != VOLUMES and member.isreg())
    if not (member.isreg() or member.isdir() or member.issym() or member.isfifo() or member.islnk()):
        return False
    if not _is_plain(incoming, os.path.dirname(member.name)):
        return False
    if member.islnk():
        return _is_plain(incoming, member.linkname) and (incoming / member.linkname).is_file()
    return member.isdir() or not os.path.lexists(incoming / member.name)


def _is_plain(incoming: Path, name: str) -> bool:
    """Whether no part of a path in the volumes is a link."""
    parts = name.split("/")
    if parts[0] != VOLUMES or ".." in parts:
        return False
    return not any(os.path.islink(incoming.joinpath(*parts[: i + 1])) for i in range(len(parts)))


def _above(state_dir: Path, incoming: Path) -> None:
    """Have versions continue above the last one that the present cluster gave out, in a new segment."""
    try:
        given_out = int((state_dir / "lock").read_text().split()[0])
        restored = int((incoming / "lock").read_text().split()[0])
    except (OSError, ValueError, IndexError):
        return
    if given_out > restored:
        first = given_out + 1
        (incoming / "journal" / f"{first:020d}.jsonl").touch(mode=0o600)
        (incoming / "lock").write_text(f"{given_out:020d} {first:020d} {0:020d}\n")


def finish(state_dir: Path) -> bool:
    """Exchange the files for those of a restore that was complete; False when there is none. For who has the lock."""
    incoming = state_dir / INCOMING
    if not (incoming / COMPLETE).exists():
        return False
    try:
        shutil.rmtree(state_dir / "pods", ignore_errors=True)  # roots of containers that are no more
        for name in (*FOLDERS, VOLUMES, "lock", "kubeconfig", state.FILE):
            new, old = incoming / name, state_dir / name
            if not new.exists():
                continue
            if new.is_dir():
                shutil.rmtree(old, ignore_errors=True)
                os.rename(new, old)
            else:
                os.replace(new, old)
        shutil.rmtree(incoming)
    except OSError as e:
        raise EnvironmentProblem(f"cannot restore the snapshot: {e.strerror}: {e.filename}") from None
    return True


def _delete_pods(state_dir: Path) -> None:
    from minikctl.api.errors import ApiError
    from minikctl.client.local import LocalClient
    from minikctl.client.protocol import DeleteOptions

    client = LocalClient.on_files(state_dir, actor="minikctl-cluster")
    try:
        for pod in client.list("pods")["items"]:
            meta = pod["metadata"]
            if any(r.get("controller") for r in meta.get("ownerReferences") or []):
                with contextlib.suppress(ApiError):
                    client.delete("pods", meta["name"], meta["namespace"], options=DeleteOptions(grace_period=0))
    finally:
        client.close()
