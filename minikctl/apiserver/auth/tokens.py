"""Tokens of service accounts: JSON web tokens (RS256) that are bound to their account, and perhaps to a pod or node.

The key is `<state>/pki/sa.key`, made when it is first needed. A token is good as long as its signature, its time and
its audience are, and the objects that it is bound to exist. Source: Kubernetes concept "Managing Service Accounts",
KEP-1205; RFC 7519.
"""

from __future__ import annotations

import base64
import binascii
import os
from collections.abc import Sequence
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from minikctl.api.meta import Obj, get_path, name, namespace, uid
from minikctl.apiserver.metadata import new_uid
from minikctl.apiserver.request import User
from minikctl.util.files import private_folder, temporary_beside, write_private
from minikctl.util.jsonio import JSONError, compact, loads

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey

    from minikctl.apiserver.server import APIServer

ISSUER = "https://kubernetes.default.svc.cluster.local"
AUDIENCES = (ISSUER,)
"""Whom a token is for when its request names nobody: the API server."""
KEY_BITS = 2048
PRIVATE = "kubernetes.io"
_POD_EXTRA = "authentication.kubernetes.io"


class InvalidToken(Exception):
    """The token proves nothing; the message says why."""


class ForeignToken(InvalidToken):
    """It was not even made here."""


# ---------------------------------------------------------------------- the key


def signing_key(state_dir: str | Path) -> RSAPrivateKey:
    """The cluster's key for tokens; of several processes that make it at once, one wins."""
    path = Path(state_dir) / "pki" / "sa.key"
    if not path.exists():
        private_folder(path.parent)
        temporary = temporary_beside(path)
        write_private(temporary, _new_key())
        try:
            os.link(temporary, path)
        except FileExistsError:
            pass
        finally:
            os.unlink(temporary)
    return _loaded(str(path), path.stat().st_mtime_ns)


def _new_key() -> bytes:
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import rsa

    return rsa.generate_private_key(public_exponent=65537, key_size=KEY_BITS).private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
    )


@lru_cache(maxsize=8)
def _loaded(path: str, _changed: int) -> RSAPrivateKey:
    from cryptography.hazmat.primitives import serialization

    key: Any = serialization.load_pem_private_key(Path(path).read_bytes(), password=None)
    return key  # type: ignore[no-any-return]


def key_id(public: RSAPublicKey) -> str:
    """The `kid` of a key: the hash of its DER form."""
    import hashlib

    from cryptography.hazmat.primitives import serialization

    der = public.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    return _encode(hashlib.sha256(der).digest())


def public_jwk(state_dir: str | Path) -> Obj:
    """The public key as a JSON web key (RFC 7517)."""
    public = signing_key(state_dir).public_key()
    numbers = public.public_numbers()
    n, e = (v.to_bytes((v.bit_length() + 7) // 8, "big") for v in (numbers.n, numbers.e))
    return {"use": "sig", "kty": "RSA", "kid": key_id(public), "alg": "RS256", "n": _encode(n), "e": _encode(e)}


# ---------------------------------------------------------------------- signing


def claims_for(
    account: Obj,
    *,
    audiences: Sequence[str],
    seconds: int,
    now: datetime,
    token_id: str,
    pod: Obj | None = None,
    node: Obj | None = None,
    secret: Obj | None = None,
) -> Obj:
    """The claims of a token. Objects given as `pod`, `node` or `secret` are what it is bound to."""
    issued = int(now.timestamp())
    private: Obj = {"namespace": namespace(account)}
    for kind, obj in (("node", node), ("pod", pod), ("secret", secret), ("serviceaccount", account)):
        if obj is not None:
            private[kind] = {"name": name(obj), "uid": uid(obj)} if uid(obj) else {"name": name(obj)}
    return {
        "aud": list(audiences),
        "exp": issued + seconds,
        "iat": issued,
        "iss": ISSUER,
        "jti": token_id,
        PRIVATE: private,
        "nbf": issued,
        "sub": f"system:serviceaccount:{namespace(account)}:{name(account)}",
    }


def sign(state_dir: str | Path, claims: Obj) -> str:
    """The token that states `claims`."""
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import padding

    key = signing_key(state_dir)
    header = {"alg": "RS256", "kid": key_id(key.public_key())}
    text = f"{_encode(compact(header))}.{_encode(compact(claims))}"
    return f"{text}.{_encode(key.sign(text.encode(), padding.PKCS1v15(), hashes.SHA256()))}"


def issue(api: APIServer, account: Obj, audiences: Sequence[str], seconds: int, **bound: Obj | None) -> str:
    """A token for `account` from now on; `bound` as in `claims_for`."""
    claims = claims_for(
        account, audiences=audiences, seconds=seconds, now=api.clock.now(), token_id=new_uid(api.rng), **bound
    )
    return sign(api.store.root, claims)


# ---------------------------------------------------------------------- checking


def verify(state_dir: str | Path, token: str, *, now: datetime, audiences: Sequence[str] = AUDIENCES) -> Obj:
    """The claims of a token that this cluster signed and whose time has come and not passed.

    Raises InvalidToken. Whether the objects that it is bound to exist is for `user_of` to see.
    """
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import padding

    parts = token.split(".")
    if len(parts) != 3:
        raise ForeignToken("token is not a JSON web token")
    try:
        header, claims, signature = loads(_decode(parts[0])), loads(_decode(parts[1])), _decode(parts[2])
    except (JSONError, binascii.Error, ValueError):
        raise ForeignToken("token is not a JSON web token") from None
    if not isinstance(header, dict) or not isinstance(claims, dict) or header.get("alg") != "RS256":
        raise ForeignToken("token is not signed with RS256")
    try:
        signing_key(state_dir).public_key().verify(
            signature, f"{parts[0]}.{parts[1]}".encode(), padding.PKCS1v15(), hashes.SHA256()
        )
    except InvalidSignature:
        raise ForeignToken("token has an invalid signature") from None
    _check_claims(claims, int(now.timestamp()), audiences)
    return claims


def _check_claims(claims: Obj, now: int, audiences: Sequence[str]) -> None:
    if claims.get("iss") != ISSUER:
        raise ForeignToken("token was issued by somebody else")
    if now >= int(claims.get("exp") or 0):
        raise InvalidToken("service account token has expired")
    if now < int(claims.get("nbf") or 0):
        raise InvalidToken("token is not valid yet")
    intended = claims.get("aud") or []
    if not set(audiences) & set(intended):
        shown = " ".join(f'"{a}"' for a in intended)
        raise InvalidToken(f"token audiences [{shown}] is invalid for the target audiences")


def user_of(api: APIServer, token: str, audiences: Sequence[str] = AUDIENCES) -> User:
    """Whom a token speaks for, once all that it is bound to has been found. Raises InvalidToken."""
    return review(api, token, audiences)[0]


def review(api: APIServer, token: str, audiences: Sequence[str]) -> tuple[User, list[str]]:
    """As `user_of`, and which of the audiences the token is for."""
    claims = verify(api.store.root, token, now=api.clock.now(), audiences=audiences)
    private = claims.get(PRIVATE) or {}
    space = str(private.get("namespace") or "")
    account = private.get("serviceaccount") or {}
    _check_bound(api, "serviceaccounts", space, account, "service account")
    extra: dict[str, list[str]] = {f"{_POD_EXTRA}/credential-id": [f"JTI={claims.get('jti')}"]}
    for kind, resource, where in (("pod", "pods", space), ("secret", "secrets", space), ("node", "nodes", "")):
        ref = private.get(kind)
        if ref is None:
            continue
        if kind != "node" or "pod" not in private:  # a pod's token stays good when its node goes before the pod
            _check_bound(api, resource, where, ref, kind)
        if kind != "secret":
            extra[f"{_POD_EXTRA}/{kind}-name"] = [ref.get("name", "")]
            if ref.get("uid"):
                extra[f"{_POD_EXTRA}/{kind}-uid"] = [ref["uid"]]
    groups = ("system:serviceaccounts", f"system:serviceaccounts:{space}", "system:authenticated")
    user = User(f"system:serviceaccount:{space}:{account.get('name', '')}", groups, str(account.get("uid", "")), extra)
    return user, [a for a in audiences if a in claims["aud"]]


def _check_bound(api: APIServer, resource: str, space: str, ref: Obj, what: str) -> None:
    found = api.read(resource, space, str(ref.get("name") or ""))
    if found is None:
        raise InvalidToken(f"{what} {space}/{ref.get('name')} has been deleted".replace(" /", " "))
    if get_path(found, "metadata", "uid") != ref.get("uid"):
        raise InvalidToken(f"{what} UID ({get_path(found, 'metadata', 'uid')}) does not match claim ({ref.get('uid')})")


def _encode(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _decode(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
