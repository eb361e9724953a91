"""Writes files and says what files are: type of file system, mode, permissions, owner, content. The order is fixed."""

import os
import stat
import sys
import time

import _server as http
from common import content_of, flags, place

CONTENT = "mount-tester new file\n"
KNOWN = {"ext4": 0xEF53, "overlay": 0x794C7630, "xfs": 0x58465342, "btrfs": 0x9123683E, "nfs": 0x6969, "proc": 0x9FA0}
LETTERS = (
    (stat.S_ISDIR, "d"), (stat.S_ISLNK, "L"), (stat.S_ISBLK, "D"), (stat.S_ISCHR, "Dc"), (stat.S_ISFIFO, "p"),
    (stat.S_ISSOCK, "S"),
)  # fmt: skip


class Failed(Exception):
    pass


def quoted(path):
    return '"' + path.replace("\\", "\\\\").replace('"', '\\"') + '"'


def fs_type(path):
    found = _stat("statfs", path)
    device = f"{os.major(found.st_dev)}:{os.minor(found.st_dev)}"
    rows = [line.split() for line in content_of("/proc/self/mountinfo").decode("utf-8", "replace").splitlines()]
    name = next((r[r.index("-") + 1] for r in rows if r[2] == device), "unknown")
    http.say(f"mount type of {quoted(path)}: {'tmpfs' if name == 'tmpfs' else KNOWN.get(name, name)}")


def permissions(mode):
    return "".join(c if mode >> (8 - i) & 1 else "-" for i, c in enumerate("rwxrwxrwx"))


def go_mode(mode):
    """As Go prints a file's mode."""
    kind = "".join(letter for is_it, letter in LETTERS if is_it(mode))
    special = (("u", stat.S_ISUID), ("g", stat.S_ISGID), ("t", stat.S_ISVTX))
    prefix = kind + "".join(letter for letter, bit in special if mode & bit)
    return (prefix or "-") + permissions(mode)


def file_mode(path):
    http.say(f"mode of file {quoted(path)}: {go_mode(_stat('Stat', path).st_mode)}")


def file_perm(path):
    http.say(f"perms of file {quoted(path)}: -{permissions(_stat('Stat', path).st_mode)}")


def file_owner(path):
    found = _stat("stat", path)
    http.say(f"owner UID of {quoted(path)}: {found.st_uid}\nowner GID of {quoted(path)}: {found.st_gid}")


def _stat(call, path):
    try:
        return os.stat(place(path))
    except OSError as e:
        http.say(f"error from {call}({quoted(path)}): {_words(e)}")
        raise Failed from None


def _words(e):
    return (e.strerror or "").lower()


def read(path):
    return content_of(path).decode("utf-8", "replace")


def content(path):
    try:
        http.say(f"content of file {quoted(path)}: {read(path)}")
    except OSError as e:
        http.say(f"error reading file content for {quoted(path)}: open {path}: {_words(e)}")
        raise Failed from None


def new_file(path, mode):
    try:
        fd = os.open(place(path), os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode)
        os.write(fd, CONTENT.encode())
        os.close(fd)
    except OSError as e:
        http.say(f"error writing new file {quoted(path)}: open {path}: {_words(e)}")
        raise Failed from None
    content(path)


def in_loop(path, limit, until_expected):
    end, failed = time.monotonic() + limit, False
    while time.monotonic() < end:
        try:
            text, failed = read(path), False
        except OSError as e:
            http.say(f"Error reading file {path}: open {path}: {_words(e)}, retrying")
            text, failed = None, True
        if text is not None:
            http.say(f"content of file {quoted(path)}: {text}")
            if until_expected:
                if text == CONTENT:
                    return
                os.write(1, f"Unexpected content. Expected: {CONTENT}. Retrying".encode())
        time.sleep(2)
    if failed:
        raise Failed


def main(words):
    given, _ = flags(words)
    os.umask(0)
    limit = int(given.get("retry_time", "180"))
    until_expected = given.get("break_on_expected_content", "true") == "true"
    tasks = [("fs_type", fs_type)]
    tasks += [(f"new_file_0{m:o}", lambda p, m=m: new_file(p, m)) for m in (0o644, 0o666, 0o660, 0o777)]
    tasks += [("file_mode", file_mode), ("file_perm", file_perm), ("file_owner", file_owner), ("file_content", content)]
    tasks += [("file_content_in_loop", lambda p: in_loop(p, limit, until_expected))]
    failed = False
    for name, task in tasks:
        if given.get(name):
            try:
                task(given[name])
            except Failed:
                failed = True
    sys.exit(1 if failed else 0)
