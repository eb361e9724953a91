"""Checks a service account's token as OpenID Connect has it: `--token-path F --audience A [--in-cluster-discovery]`.

The issuer in the token says where its keys are. With `--in-cluster-discovery`, the pod's own token and authority are
used to ask there, else nothing but the authorities of the system.
"""

import json
import os
import sys
import time
from base64 import urlsafe_b64decode
from hashlib import sha256

from common import content_of, flags, place, say
from inclusterclient import FOLDER

SHA256_PREFIX = bytes.fromhex("3031300d060960864801650304020105000420")


class Refused(Exception):
    pass


def decoded(text):
    return urlsafe_b64decode(text + "=" * (-len(text) % 4))


def ask(url, in_cluster):
    """The JSON behind a URL. Raises Refused."""
    import http.client
    import ssl
    from urllib.parse import urlsplit

    parts = urlsplit(url)
    context = ssl.create_default_context(cafile=place(f"{FOLDER}/ca.crt") if in_cluster else None)
    headers = {"Authorization": f"Bearer {content_of(f'{FOLDER}/token').decode().strip()}"} if in_cluster else {}
    connection = http.client.HTTPSConnection(parts.hostname, parts.port or 443, timeout=10, context=context)
    try:
        connection.request("GET", parts.path, headers=headers)
        answer = connection.getresponse()
        body = answer.read()
        if answer.status != 200:
            raise Refused(f"{answer.status} {answer.reason}: {body.decode('utf-8', 'replace')}")
        return json.loads(body)
    except (OSError, ValueError, http.client.HTTPException) as e:
        raise Refused(f'Get "{url}": {e}') from None
    finally:
        connection.close()


def is_signed(signed, signature, key):
    """RSASSA-PKCS1-v1_5 with SHA-256 (RFC 8017)."""
    modulus, exponent = (int.from_bytes(decoded(key[k]), "big") for k in ("n", "e"))
    size = (modulus.bit_length() + 7) // 8
    digest = SHA256_PREFIX + sha256(signed).digest()
    expected = b"\x00\x01" + b"\xff" * (size - len(digest) - 3) + b"\x00" + digest
    return pow(int.from_bytes(signature, "big"), exponent, modulus).to_bytes(size, "big") == expected


def verify(token, claims, audience, keys, now):
    """Raises Refused."""
    head, payload, signature = token.split(".")
    audiences = claims.get("aud")
    if audience not in (audiences if isinstance(audiences, list) else [audiences]):
        raise Refused(f'oidc: expected audience "{audience}" got {audiences}')
    if claims.get("exp", 0) < now:
        raise Refused("oidc: token is expired")
    mine = [k for k in keys if k.get("kty") == "RSA" and k.get("kid") == json.loads(decoded(head)).get("kid")]
    if not any(is_signed(f"{head}.{payload}".encode(), decoded(signature), k) for k in mine):
        raise Refused("failed to verify signature: failed to verify id token signature")


def check(given):
    """Raises Refused, OSError, ValueError, KeyError."""
    token = content_of(given["token-path"]).decode().strip()
    claims = json.loads(decoded(token.split(".")[1]))
    issuer, in_cluster = claims["iss"], given.get("in-cluster-discovery") == "true"
    say("OK: Got token")
    say(f"OK: got issuer {issuer}")
    say(f"Full, not-validated claims: {claims}")
    configuration = ask(f"{issuer.rstrip('/')}/.well-known/openid-configuration", in_cluster)
    if configuration["issuer"] != issuer:
        raise Refused(f'oidc: issuer did not match the issuer returned by provider, expected "{issuer}"')
    say(f"OK: Constructed OIDC provider for issuer {issuer}")
    keys = ask(configuration["jwks_uri"], in_cluster)["keys"]
    verify(token, claims, given["audience"], keys, time.time())
    say("OK: Validated signature on JWT")
    say("OK: Got valid claims from token!")
    say(f"Full, validated claims: {claims}")


def main(words):
    given, _ = flags(words)
    try:
        check(given)
    except (Refused, OSError, ValueError, KeyError, IndexError) as e:
        say(str(e) if not isinstance(e, KeyError) else f"{e} is missing")
        sys.stdout.flush()
        os._exit(1)
