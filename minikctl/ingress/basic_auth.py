"""Passwords as `htpasswd` writes them: $apr1$ (its default), {SHA}, {SSHA}, {PLAIN}. Others are said not to be known."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from collections.abc import Mapping
from functools import lru_cache

_KNOWN = ("$apr1$", "$1$", "{SHA}", "{SSHA}", "{PLAIN}")
_LETTERS = "./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_ORDER = ((0, 6, 12), (1, 7, 13), (2, 8, 14), (3, 9, 15), (4, 10, 5))


def parse_users(text: str) -> tuple[dict[str, str], list[str]]:
    """name → hash, and a sentence for each line that cannot be used."""
    users, problems = {}, []
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip() or line.startswith("#"):
            continue
        name, colon, secret = line.strip().partition(":")
        if not colon or not name:
            problems.append(f"line {number} is not NAME:PASSWORD")
        elif not secret.startswith(_KNOWN):
            problems.append(
                f"the password of {name} is of a kind that is not known here; htpasswd -m makes one that is"
            )
        else:
            users[name] = secret.partition(":")[0]
    return users, problems


def allowed(users: Mapping[str, str], header: str) -> str:
    """The user whom an Authorization header proves, "" when it proves nobody."""
    scheme, _, rest = header.partition(" ")
    if scheme.lower() != "basic":
        return ""
    try:
        given = base64.b64decode(rest.strip(), validate=True).decode()
    except (binascii.Error, ValueError):
        return ""
    name, _, password = given.partition(":")
    secret = users.get(name)
    return name if secret is not None and verify(password, secret) else ""


@lru_cache(maxsize=256)
def verify(password: str, secret: str) -> bool:
    """Whether a password has this hash. Remembered: a hash takes a millisecond, and browsers send it each time."""
    raw = password.encode()
    if secret.startswith(("$apr1$", "$1$")):
        _, kind, salt, *_rest = [*secret.split("$"), "", ""]
        made = _md5_crypt(raw, salt.encode()[:8], f"${kind}$".encode())
    elif secret.startswith("{SHA}"):
        made = "{SHA}" + base64.b64encode(hashlib.sha1(raw).digest()).decode()
    elif secret.startswith("{SSHA}"):
        try:
            salt_bytes = base64.b64decode(secret[6:])[20:]
        except binascii.Error:
            return False
        made = "{SSHA}" + base64.b64encode(hashlib.sha1(raw + salt_bytes).digest() + salt_bytes).decode()
    else:
        made = "{PLAIN}" + password
    return hmac.compare_digest(made.encode(), secret.encode())


def _md5_crypt(password: bytes, salt: bytes, magic: bytes) -> str:
    """The algorithm of FreeBSD's MD5 crypt, which Apache has with a magic of its own."""
    digest = hashlib.md5(password + salt + password).digest()
    text = password + magic + salt + (digest * (len(password) // 16 + 1))[: len(password)]
    size = len(password)
    while size:
        text += b"\0" if size & 1 else password[:1]
        size >>= 1
    digest = hashlib.md5(text).digest()
    for turn in range(1000):
        step = password if turn & 1 else digest
        step += (salt if turn % 3 else b"") + (password if turn % 7 else b"")
        digest = hashlib.md5(step + (digest if turn & 1 else password)).digest()
    shown = ""
    for a, b, c in _ORDER:
        shown += _base64ish(digest[a] << 16 | digest[b] << 8 | digest[c], 4)
    return f"{magic.decode()}{salt.decode(errors='replace')}${shown}{_base64ish(digest[11], 2)}"


def _base64ish(number: int, count: int) -> str:
    shown = ""
    for _ in range(count):
        shown += _LETTERS[number & 63]
        number >>= 6
    return shown
