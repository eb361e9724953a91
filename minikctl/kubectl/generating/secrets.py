"""What the commands that make secrets share: collecting keys, and checking a certificate against its key."""

from __future__ import annotations

import base64
import re

from minikctl.api.meta import Obj, with_metadata
from minikctl.api.names import config_key
from minikctl.kubectl.command import Invocation
from minikctl.kubectl.generating import new
from minikctl.kubectl.name_hash import secret_hash
from minikctl.util.errors import UsageError


class Data:
    """The keys of a secret that is being made."""

    def __init__(self) -> None:
        self.values: dict[str, str] = {}

    def add(self, key: str, value: bytes) -> None:
        """Raises UsageError for a key that is none, or that is there already."""
        if wrong := config_key(key):
            raise UsageError(f'"{key}" is not valid key name for a Secret {";".join(wrong)}')
        if key in self.values:
            raise UsageError(f"cannot add key {key}, another key by that name already exists")
        self.values[key] = base64.b64encode(value).decode()

    def build(self, call: Invocation, name: str, kind: str) -> Obj:
        """The Secret of type `kind`, with --append-hash in its name."""
        obj = new(call, "v1", "Secret", name, type=kind, data=self.values)
        if call.flags.append_hash:
            obj = with_metadata(obj, name=f"{name}-{secret_hash(name, kind, self.values)}")
        return obj


_PEM = re.compile(rb"-----BEGIN ([^-\n]+)-----\s.*?-----END \1-----", re.S)


def check_key_pair(cert: bytes, key: bytes) -> None:
    """Raises UsageError, in the words of Go's crypto/tls, when they are not a certificate and its private key."""
    _certificate_block(_block_types(cert))
    _key_block(_block_types(key))
    problem = _load(cert, key)
    if problem:
        raise UsageError(problem)


def _block_types(text: bytes) -> list[str]:
    return [m.group(1).decode("ascii", "replace") for m in _PEM.finditer(text)]


def _certificate_block(blocks: list[str]) -> None:
    if "CERTIFICATE" in blocks:
        return
    if not blocks:
        raise UsageError("tls: failed to find any PEM data in certificate input")
    if len(blocks) == 1 and blocks[0].endswith("PRIVATE KEY"):
        raise UsageError(
            "tls: failed to find certificate PEM data in certificate input, but did find a private key; "
            "PEM inputs may have been switched"
        )
    raise UsageError(
        'tls: failed to find "CERTIFICATE" PEM block in certificate input after skipping PEM blocks of the '
        f"following types: [{' '.join(blocks)}]"
    )


def _key_block(blocks: list[str]) -> None:
    if any(b == "PRIVATE KEY" or b.endswith(" PRIVATE KEY") for b in blocks):
        return
    if not blocks:
        raise UsageError("tls: failed to find any PEM data in key input")
    if len(blocks) == 1 and blocks[0] == "CERTIFICATE":
        raise UsageError("tls: found a certificate rather than a key in the PEM for the private key")
    raise UsageError(
        'tls: failed to find PEM block with type ending in "PRIVATE KEY" in key input after skipping PEM blocks '
        f"of the following types: [{' '.join(blocks)}]"
    )


def _load(cert: bytes, key: bytes) -> str:
    """Why OpenSSL does not take the pair; `""` when it does."""
    import ssl
    import tempfile
    from pathlib import Path

    with tempfile.TemporaryDirectory() as folder:
        cert_file, key_file = Path(folder, "tls.crt"), Path(folder, "tls.key")
        cert_file.write_bytes(cert)
        key_file.write_bytes(key)
        try:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.set_ciphers("DEFAULT:@SECLEVEL=0")  # short keys are weak, not malformed
            context.load_cert_chain(cert_file, key_file, password=lambda: "")
        except ssl.SSLError as e:
            reason = e.reason or ""
            if "VALUES_MISMATCH" in reason:
                return "tls: private key does not match public key"
            if "TYPE_MISMATCH" in reason:
                return "tls: private key type does not match public key type"
            return f"tls: failed to parse certificate or private key: {reason or e}"
    return ""
