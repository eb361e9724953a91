"""Run a part of a test as a user for whom file permissions count: root passes over them."""

from __future__ import annotations

import os
import shlex
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

NOBODY = 65534


@contextmanager
def open_folder() -> Iterator[Path]:
    """A folder that everybody may reach, whatever other tests do to pytest's own at the same time."""
    folder = Path(tempfile.mkdtemp(prefix="minikctl-"))
    folder.chmod(0o755)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def as_ordinary_user(folder: Path, check: Callable[[], object]) -> None:
    """Call `check` as this user, or, when that is root, in a child process as nobody, who then owns `folder`.

    Raises what `check` raises (as an AssertionError with its text, from a child); what it skips is skipped.
    """
    if os.geteuid() != 0:
        check()
        return
    import multiprocessing
    import sysconfig

    sysconfig.get_config_vars()  # the user may not be able to read what this interpreter is made of
    fork = multiprocessing.get_context("fork")
    answers, answer = fork.Pipe(duplex=False)
    for path in (folder, *folder.rglob("*")):
        os.chown(path, NOBODY, NOBODY)
    passable = [p for p in folder.parents if not p.stat().st_mode & 0o001]

    def run() -> None:
        os.setgroups([])
        os.setresgid(NOBODY, NOBODY, NOBODY)
        os.setresuid(NOBODY, NOBODY, NOBODY)
        try:
            check()
        except pytest.skip.Exception as e:
            answer.send(("", str(e)))
        except BaseException as e:
            answer.send((f"{type(e).__name__}: {e}", ""))
        else:
            answer.send(("", ""))

    for p in passable:
        p.chmod(p.stat().st_mode | 0o001)  # for good: a test in another process may rely on it, too
    child = fork.Process(target=run)
    child.start()
    answer.close()
    try:
        problem, skipped = answers.recv()
    except EOFError:
        problem, skipped = "the child process ended early", ""
    child.join(30)
    assert not problem, problem
    if skipped:
        pytest.skip(skipped)


def commands_as_ordinary_user(*needed: Path) -> list[str]:
    """What to put before a command so that this user runs it, or, when that is root, nobody.

    Nobody gets to see `needed` and this interpreter even in a home that is closed to others: in a mount namespace of the
    command's own, nothing on the machine changes. [] for an ordinary user.
    """
    if os.geteuid() != 0:
        return []
    wanted = [Path(p).resolve() for p in (sys.base_prefix, sys.prefix, *needed)]
    closed = {d for p in wanted for d in p.parents if not d.stat().st_mode & 0o001}
    hidden = sorted({p for p in wanted if closed.intersection(p.parents)})
    steps = ["set -e", "mount -t tmpfs none /mnt"]
    for number, path in enumerate(hidden):
        steps.append(f"mkdir /mnt/{number}; mount --bind {shlex.quote(str(path))} /mnt/{number}")
    steps += [f"mount -t tmpfs -o mode=755 none {shlex.quote(str(d))}" for d in _outermost(closed)]
    for number, path in enumerate(hidden):
        steps.append(f"mkdir -p {shlex.quote(str(path))}; mount --move /mnt/{number} {shlex.quote(str(path))}")
    steps.append("umount /mnt")
    drop = f"setpriv --reuid {NOBODY} --regid {NOBODY} --clear-groups"
    steps.append(f'exec {drop} "$@"')
    return ["unshare", "--mount", "--propagation", "private", "sh", "-c", "; ".join(steps), "sh"]


def _outermost(folders: set[Path]) -> list[Path]:
    return sorted(f for f in folders if not folders.intersection(f.parents))
