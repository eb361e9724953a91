"""Whom an image's processes run as: `USER` in its config, looked up in the image's own /etc/passwd and /etc/group. Pure.

Source: OCI image config, "config.User"; containerd `oci.WithUser`.
"""

from __future__ import annotations

from dataclasses import dataclass

_LONGEST = 1 << 20


class NoSuchUser(Exception):
    """The message is containerd's."""


@dataclass(frozen=True)
class User:
    """groups: the other ones that /etc/group gives to the user."""

    uid: int = 0
    gid: int = 0
    groups: tuple[int, ...] = ()
    home: str = "/"


def numeric(user: str) -> int | None:
    """The number in `1000` and `1000:1000`; 0 for nobody named; None for a name."""
    name = user.partition(":")[0]
    return int(name) if name.isdigit() else (None if name else 0)


def look_up(user: str, passwd: str, group: str) -> User:
    """`name`, `uid`, `name:group`, `uid:gid`, "" for root. A number need not be in the files. Raises NoSuchUser."""
    name, _, group_name = user.partition(":")
    lines = [parts for line in passwd[:_LONGEST].splitlines() if len(parts := line.split(":")) >= 4]
    found = next((e for e in lines if name in (e[0], e[2]) and e[2].isdigit()), None) if name else None
    if not name:
        found = next((e for e in lines if e[2] == "0"), None)
    if found is None and name and not name.isdigit():
        raise NoSuchUser(f"unable to find user {name}: no matching entries in passwd file")
    uid = int(found[2]) if found else int(name or 0)
    gid = int(found[3]) if found and found[3].isdigit() else 0
    home = (found[5] if found and len(found) > 5 else "") or "/"
    if group_name:
        return User(uid, _group(group_name, group), (), home)
    own = found[0] if found else ""
    return User(uid, gid, tuple(n for n in _groups_of(own, group) if n != gid), home)


def _groups(text: str) -> list[tuple[str, int, list[str]]]:
    lines = (line.split(":") for line in text[:_LONGEST].splitlines())
    return [(e[0], int(e[2]), e[3].split(",")) for e in lines if len(e) >= 4 and e[2].isdigit()]


def _group(name: str, text: str) -> int:
    if name.isdigit():
        return int(name)
    found = next((gid for known, gid, _ in _groups(text) if known == name), None)
    if found is None:
        raise NoSuchUser(f"unable to find group {name}: no matching entries in group file")
    return found


def _groups_of(user: str, text: str) -> list[int]:
    return [gid for _, gid, members in _groups(text) if user and user in members]
