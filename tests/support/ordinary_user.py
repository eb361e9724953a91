"""Run a part of a test as a user for whom file permissions count: root passes over them."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

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

    Raises what `check` raises (as an AssertionError with its text, from a child).
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
        except BaseException as e:
            answer.send(f"{type(e).__name__}: {e}")
        else:
            answer.send("")

    for p in passable:
        p.chmod(p.stat().st_mode | 0o001)  # for good: a test in another process may rely on it, too
    child = fork.Process(target=run)
    child.start()
    answer.close()
    try:
        problem = answers.recv()
    except EOFError:
        problem = "the child process ended early"
    child.join(30)
    assert not problem, problem
