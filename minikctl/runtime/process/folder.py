"""The files of pods and containers: all that a later agent needs in order to find what runs and how it ended.

pods/<uid>/sandbox-<attempt>.json
pods/<uid>/logs/<container>/<attempt>.log
pods/<uid>/volumes/…
pods/<uid>/containers/<container>/<attempt>/
    config.json started     what was to run; when it was started
    shim main exit          written by the shim: two processes, the exit code
    failure.json            why it could not be started, or ended otherwise than by itself
    cgroups                 what its processes join: files of the kernel's
    stdout stderr stdin     pipes
    root/                   the container's working directory; links to its volumes
"""

from __future__ import annotations

import os
import shutil
import stat as modes
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from minikctl.runtime.interface import ContainerConfig, Mount, Resources, SandboxStatus, Security
from minikctl.runtime.process import memory
from minikctl.runtime.process.proc import Process, parse_stat
from minikctl.util.files import atomic_write
from minikctl.util.jsonio import JSONError, indented, loads

FORMAT = 1


@dataclass(frozen=True)
class Launch:
    """How a container is run on this machine: resolved from its config and its image."""

    argv: tuple[str, ...]
    env: tuple[tuple[str, str], ...]
    working_dir: str
    stop_signal: int
    image: str
    image_ref: str
    pause: int = 0
    """The process that has the namespaces of its pod, 0 when there is none."""
    share_processes: bool = False
    """It has no PID namespace of its own."""


@dataclass(frozen=True)
class ContainerFolder:
    """One run's folder."""

    path: Path

    @property
    def root(self) -> Path:
        return self.path / "root"

    @property
    def stdin(self) -> Path:
        return self.path / "stdin"

    @property
    def stdin_close(self) -> Path:
        return self.path / "stdin.close"

    def make(self, stdin: bool) -> None:
        self.root.mkdir(parents=True, mode=0o755)
        for pipe in ("stdout", "stderr", *(("stdin", "stdin.close") if stdin else ())):
            os.mkfifo(self.path / pipe, 0o600)

    def save(self, container_id: str, sandbox_id: str, created: datetime, config: ContainerConfig, run: Launch) -> None:
        content = {
            "format": FORMAT,
            "id": container_id,
            "sandbox": sandbox_id,
            "created": created.isoformat(),
            "config": asdict(config),
            "launch": asdict(run),
        }
        atomic_write(self.path / "config.json", indented(content))

    def load(self) -> dict[str, Any] | None:
        """What `save` wrote; None when it is not there or not whole."""
        return _json(self.path / "config.json")

    def note_start(self, moment: datetime) -> None:
        atomic_write(self.path / "started", moment.isoformat().encode())

    def started(self) -> datetime | None:
        text = _text(self.path / "started")
        return datetime.fromisoformat(text) if text else None

    def process(self, which: str) -> Process | None:
        """`shim` or `main`; None as long as it is not written."""
        line = _text(self.path / which)
        try:
            return parse_stat(line).process if line.endswith("\n") else None
        except ValueError:
            return None

    def exit(self) -> tuple[int, datetime] | None:
        """The exit code and when it was written."""
        text = _text(self.path / "exit")
        if not text.endswith("\n") or not text.strip().isdigit():
            return None
        return int(text), datetime.fromtimestamp((self.path / "exit").stat().st_mtime, UTC)

    def note_exit(self, code: int, reason: str = "", message: str = "") -> None:
        """For the cases in which the shim could not write it."""
        if reason:
            self.note_failure(reason, message)
        atomic_write(self.path / "exit", b"%d\n" % code)

    def note_failure(self, reason: str, message: str = "") -> None:
        """Why it ended, where that is more than its exit code says."""
        atomic_write(self.path / "failure.json", indented({"reason": reason, "message": message}))

    def note_groups(self, files: Sequence[Path]) -> None:
        """What its processes have to join before they are its: files into which a process writes 0."""
        (self.path / "cgroups").write_text("".join(f"{f}\n" for f in files))

    def groups(self) -> list[str]:
        return _text(self.path / "cgroups").split("\n")[:-1]

    def failure(self) -> tuple[str, str]:
        found = _json(self.path / "failure.json") or {}
        return found.get("reason", ""), found.get("message", "")

    def note_exec(self) -> None:
        """Commands were run in the container: at its end they have to be looked for."""
        (self.path / "exec").touch(mode=0o600)

    def had_exec(self) -> bool:
        return (self.path / "exec").exists()


class PodsFolder:
    """`pods/` of a state directory."""

    def __init__(self, state_dir: Path):
        self.path = Path(os.path.realpath(state_dir)) / "pods"

    def pod(self, uid: str) -> Path:
        return self.path / uid

    def uids(self) -> list[str]:
        try:
            return sorted(p.name for p in self.path.iterdir() if p.is_dir())
        except FileNotFoundError:
            return []

    def remove(self, uid: str) -> None:
        """All files of a pod, on disk and in memory."""
        self.remove_memory(uid)
        remove_tree(self.pod(uid))

    def remove_memory(self, uid: str = "") -> None:
        """What a pod has in memory; without a pod, what all of them have."""
        remove_tree(memory.root(self.path) / uid)

    def remove_lost_memory(self) -> None:
        """Of pods that have no folder any more."""
        for uid in memory.pods_in(self.path):
            if not self.pod(uid).is_dir():
                self.remove_memory(uid)

    def container(self, uid: str, name: str, attempt: int) -> ContainerFolder:
        return ContainerFolder(self.pod(uid) / "containers" / name / str(attempt))

    def containers(self, uid: str) -> list[ContainerFolder]:
        """All runs of a pod's containers, oldest first."""
        found = [p for p in (self.pod(uid) / "containers").glob("*/*") if p.name.isdigit()]
        return [ContainerFolder(p) for p in sorted(found, key=lambda p: (p.parent.name, int(p.name)))]

    def log(self, uid: str, name: str, attempt: int) -> Path:
        return self.pod(uid) / "logs" / name / f"{attempt}.log"

    # ------------------------------------------------------------------ sandboxes

    def save_sandbox(self, sandbox: SandboxStatus, node: str, boot_id: str) -> None:
        """`node` runs it; `boot_id` tells whether the machine has been started anew since."""
        folder = self.pod(sandbox.uid)
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        content = asdict(sandbox) | {
            "created_at": sandbox.created_at.isoformat(),
            "node": node,
            "boot": boot_id,
            "format": FORMAT,
        }
        atomic_write(folder / f"sandbox-{sandbox.attempt}.json", indented(content))

    def sandboxes(self, uid: str) -> list[tuple[SandboxStatus, str, str]]:
        """(status, node, boot id) of a pod's sandboxes, oldest first."""
        found = []
        for path in sorted(self.pod(uid).glob("sandbox-*.json"), key=lambda p: int(p.stem.partition("-")[2])):
            content = _json(path)
            if content is None:
                continue
            node, boot = content.pop("node"), content.pop("boot")
            content.pop("format", None)
            content["created_at"] = datetime.fromisoformat(content["created_at"])
            found.append((SandboxStatus(**content), node, boot))
        return found

    def remove_sandbox(self, sandbox: SandboxStatus) -> None:
        (self.pod(sandbox.uid) / f"sandbox-{sandbox.attempt}.json").unlink(missing_ok=True)


def config_from(content: dict[str, Any]) -> tuple[ContainerConfig, Launch]:
    """The inverse of `ContainerFolder.save`, for the parts that are dataclasses."""
    raw = dict(content["config"])
    raw["mounts"] = tuple(Mount(**m) for m in raw["mounts"])
    for name in ("command", "args"):
        raw[name] = tuple(raw[name])
    raw["env"] = tuple((k, v) for k, v in raw["env"])
    security = raw.get("security") or {}
    raw["resources"] = Resources(**(raw.get("resources") or {}))
    raw["security"] = Security(**{k: tuple(v) if isinstance(v, list) else v for k, v in security.items()})
    run = dict(content["launch"])
    run["argv"] = tuple(run["argv"])
    run["env"] = tuple((k, v) for k, v in run["env"])
    return ContainerConfig(**raw), Launch(**run)


def remove_tree(path: Path) -> None:
    """Remove a folder with all in it, also where a container took away its own permissions. Follows no links."""

    def again(_function: Any, name: str, _info: Any) -> None:
        opened = False
        for place in (os.path.dirname(name), name):
            try:
                mode = os.lstat(place).st_mode
                if modes.S_ISDIR(mode) and modes.S_IMODE(mode) != 0o700:
                    os.chmod(place, 0o700)
                    opened = True
            except OSError:
                pass
        if not os.path.isdir(name) or os.path.islink(name):
            with suppress(OSError):
                os.unlink(name)
        elif opened:
            remove_tree(Path(name))
        else:
            shutil.rmtree(name, ignore_errors=True)

    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, onerror=again)


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""


def _json(path: Path) -> dict[str, Any] | None:
    try:
        return loads(path.read_bytes())  # type: ignore[no-any-return]
    except (OSError, JSONError):
        return None
