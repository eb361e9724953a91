"""The cluster's certificate authority, `<state>/pki/ca.crt` and `ca.key`, and the certificates that it signs.

Beside it, an authority of one certificate only, `front-proxy-ca.crt`: by it API servers behind this one see that it is
this one that tells them who is asking.

Guarantees: of several processes that make the authority at once, one wins and all use the same; a certificate on disk
always belongs to the key beside it; private keys are readable by their owner only. Names and usages are those of
kubeadm. Source: Kubernetes concept "PKI certificates and requirements".
"""

from __future__ import annotations

import ipaddress
import os
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from minikctl.util.files import atomic_write, private_folder, temporary_beside, write_private

if TYPE_CHECKING:
    from cryptography import x509
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey

FOLDER = "pki"
CA_CERTIFICATE, CA_KEY = "ca.crt", "ca.key"
SERVER_CERTIFICATE, SERVER_KEY = "apiserver.crt", "apiserver.key"
FRONT_PROXY = "front-proxy-ca", "front-proxy-client"
"""The authority and its one certificate: stems of files and common names."""
CA_NAME = "kubernetes"
ADMIN, MASTERS = "kubernetes-admin", "system:masters"
CA_TIME, CERTIFICATE_TIME = timedelta(days=3650), timedelta(days=365)
RENEWED_BEFORE = timedelta(days=60)
"""A certificate that has less time left than this is made anew at the next start."""
BACKDATED = timedelta(minutes=5)
"""Clocks differ: a certificate is good from a little earlier on."""
SERVER_NAMES = (
    "127.0.0.1",
    "::1",
    "10.96.0.1",
    "localhost",
    "kubernetes",
    "kubernetes.default",
    "kubernetes.default.svc",
    "kubernetes.default.svc.cluster.local",
)


@dataclass(frozen=True)
class KeyPair:
    """A certificate and its private key, both PEM."""

    certificate: bytes
    key: bytes


@dataclass(frozen=True)
class Authority:
    """The cluster's CA. `pem` is what clients trust."""

    certificate: x509.Certificate
    key: EllipticCurvePrivateKey

    @property
    def pem(self) -> bytes:
        return _pem(self.certificate)

    def sign(
        self,
        subject: x509.Name,
        public_key: Any,
        *,
        usages: Sequence[str],
        names: Sequence[str] = (),
        extensions: Sequence[x509.ExtensionType] = (),
        not_before: datetime,
        not_after: datetime,
    ) -> bytes:
        """A PEM certificate. `usages` in the words of CertificateSigningRequests (`client auth`); `names`: DNS and IP."""
        from cryptography import x509

        from minikctl.apiserver.auth import certificates

        builder = _builder(subject, self.certificate.subject, public_key, not_before, not_after)
        builder = builder.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        for extension, critical in certificates.usage_extensions(usages):
            builder = builder.add_extension(extension, critical)
        builder = builder.add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(self.key.public_key()), critical=False
        )
        wanted = [*extensions]
        if names:
            wanted.append(x509.SubjectAlternativeName([_general_name(n) for n in names]))
        for extension in wanted:
            builder = builder.add_extension(extension, critical=False)
        return _pem(builder.sign(self.key, _hash()))


# ---------------------------------------------------------------------- the authority


def authority(state_dir: str | Path) -> Authority:
    """The cluster's CA, made when there is none. Raises OSError, ValueError for files that are no key or certificate."""
    return _authority(state_dir, CA_CERTIFICATE, CA_KEY, CA_NAME)


def _authority(state_dir: str | Path, certificate_file: str, key_file: str, name: str) -> Authority:
    from cryptography import x509

    folder = private_folder(Path(state_dir) / FOLDER)
    key = _key(folder / key_file)
    path = folder / certificate_file
    if not path.exists():
        _place_first(path, _pem(_self_signed(key, name)))
    certificate = x509.load_pem_x509_certificate(path.read_bytes())
    if certificate.public_key() != key.public_key():
        raise ValueError(f"{path} does not belong to {key_file} beside it")
    return Authority(certificate, key)


def ca_pem(state_dir: str | Path) -> bytes:
    """What clients of this cluster trust; empty while there is no authority yet."""
    try:
        return (Path(state_dir) / FOLDER / CA_CERTIFICATE).read_bytes()
    except OSError:
        return b""


def _self_signed(key: EllipticCurvePrivateKey, common_name: str) -> x509.Certificate:
    from cryptography import x509
    from cryptography.x509.oid import NameOID

    now = datetime.now(UTC)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])
    builder = _builder(name, name, key.public_key(), now - BACKDATED, now + CA_TIME)
    usage = dict.fromkeys(
        (
            "content_commitment",
            "data_encipherment",
            "key_agreement",
            "encipher_only",
            "decipher_only",
            "crl_sign",
        ),
        False,
    )
    signs = x509.KeyUsage(digital_signature=True, key_encipherment=True, key_cert_sign=True, **usage)
    return (
        builder.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(signs, critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(common_name)]), critical=False)
        .sign(key, _hash())
    )


# ---------------------------------------------------------------------- certificates of our own


def server_certificate(state_dir: str | Path) -> tuple[Path, Path]:
    """The files of the API server's certificate and key; made or renewed when needed."""
    folder = private_folder(Path(state_dir) / FOLDER)
    certificate, key_path = folder / SERVER_CERTIFICATE, folder / SERVER_KEY
    key = _key(key_path)
    ca = authority(state_dir)
    if not _good(certificate, ca, key):
        now = datetime.now(UTC)
        pem = ca.sign(
            subject("kube-apiserver"),
            key.public_key(),
            usages=("digital signature", "key encipherment", "server auth"),
            names=SERVER_NAMES,
            not_before=now - BACKDATED,
            not_after=now + CERTIFICATE_TIME,
        )
        atomic_write(certificate, pem)
    return certificate, key_path


def front_proxy_certificate(state_dir: str | Path) -> tuple[Path, Path]:
    """The files of the certificate and key that the API server shows to those behind it; made or renewed when needed."""
    stem, name = FRONT_PROXY
    certificate, key_path = front_proxy_files(state_dir)
    ca = _authority(state_dir, f"{stem}.crt", f"{stem}.key", stem)
    key = _key(key_path)
    if not certificate.exists() or not lasts(certificate.read_bytes(), ca.pem):
        now = datetime.now(UTC)
        pem = ca.sign(
            subject(name),
            key.public_key(),
            usages=("digital signature", "key encipherment", "client auth"),
            not_before=now - BACKDATED,
            not_after=now + CERTIFICATE_TIME,
        )
        atomic_write(certificate, pem)
    return certificate, key_path


def front_proxy_files(state_dir: str | Path) -> tuple[Path, Path]:
    """Where the same files are, without a look at them."""
    folder = Path(state_dir) / FOLDER
    return folder / f"{FRONT_PROXY[1]}.crt", folder / f"{FRONT_PROXY[1]}.key"


def front_proxy_ca_pem(state_dir: str | Path) -> bytes:
    """What API servers behind this one trust; empty while there is none yet."""
    try:
        return (Path(state_dir) / FOLDER / f"{FRONT_PROXY[0]}.crt").read_bytes()
    except OSError:
        return b""


def server_files(state_dir: str | Path) -> tuple[Path, Path]:
    """Where the same files are, without a look at them."""
    folder = Path(state_dir) / FOLDER
    return folder / SERVER_CERTIFICATE, folder / SERVER_KEY


def complete(state_dir: str | Path) -> bool:
    """Whether everything that the API server needs is there."""
    wanted = (CA_CERTIFICATE, SERVER_CERTIFICATE, SERVER_KEY, *(f"{stem}.crt" for stem in FRONT_PROXY))
    return all((Path(state_dir) / FOLDER / f).exists() for f in wanted)


def client_pair(
    state_dir: str | Path, name: str, groups: Sequence[str] = (), *, time: timedelta = CERTIFICATE_TIME
) -> KeyPair:
    """A fresh key and a certificate with which its owner is the user `name` in `groups`."""
    key = _new_key()
    now = datetime.now(UTC)
    pem = authority(state_dir).sign(
        subject(name, groups),
        key.public_key(),
        usages=("digital signature", "key encipherment", "client auth"),
        not_before=now - BACKDATED,
        not_after=now + time,
    )
    return KeyPair(pem, _key_pem(key))


def lasts(pem: bytes, ca_certificate: bytes, *, now: datetime | None = None) -> bool:
    """Whether a certificate is this authority's and has enough time left."""
    from cryptography import x509
    from cryptography.exceptions import InvalidSignature

    try:
        certificate = x509.load_pem_x509_certificate(pem)
        certificate.verify_directly_issued_by(x509.load_pem_x509_certificate(ca_certificate))
    except (ValueError, TypeError, InvalidSignature):
        return False
    return certificate.not_valid_after_utc - (now or datetime.now(UTC)) > RENEWED_BEFORE


def subject(name: str, groups: Sequence[str] = ()) -> x509.Name:
    """User and groups as Kubernetes reads them from a certificate: common name and organizations."""
    from cryptography import x509
    from cryptography.x509.oid import NameOID

    organizations = [x509.NameAttribute(NameOID.ORGANIZATION_NAME, g) for g in groups]
    return x509.Name([*organizations, x509.NameAttribute(NameOID.COMMON_NAME, name)])


def _good(path: Path, ca: Authority, key: EllipticCurvePrivateKey) -> bool:
    from cryptography import x509

    try:
        pem = path.read_bytes()
        certificate = x509.load_pem_x509_certificate(pem)
    except (OSError, ValueError):
        return False
    names = [list(e.value) for e in certificate.extensions if isinstance(e.value, x509.SubjectAlternativeName)]
    wanted = [[_general_name(n) for n in SERVER_NAMES]]
    return certificate.public_key() == key.public_key() and names == wanted and lasts(pem, ca.pem)


# ---------------------------------------------------------------------- parts


def _builder(
    subject: x509.Name, issuer: x509.Name, public_key: Any, not_before: datetime, not_after: datetime
) -> x509.CertificateBuilder:
    from cryptography import x509

    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(public_key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(not_before)
        .not_valid_after(not_after)
    )


def _general_name(text: str) -> x509.GeneralName:
    from cryptography import x509

    try:
        return x509.IPAddress(ipaddress.ip_address(text))
    except ValueError:
        return x509.DNSName(text)


def _key(path: Path) -> EllipticCurvePrivateKey:
    """The key of a file, made when there is none."""
    from cryptography.hazmat.primitives import serialization

    if not path.exists():
        _place_first(path, _key_pem(_new_key()))
    key: Any = serialization.load_pem_private_key(path.read_bytes(), password=None)
    return key  # type: ignore[no-any-return]


def _new_key() -> EllipticCurvePrivateKey:
    from cryptography.hazmat.primitives.asymmetric import ec

    return ec.generate_private_key(ec.SECP256R1())


def _key_pem(key: EllipticCurvePrivateKey) -> bytes:
    from cryptography.hazmat.primitives import serialization

    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
    )


def _pem(certificate: x509.Certificate) -> bytes:
    from cryptography.hazmat.primitives import serialization

    return certificate.public_bytes(serialization.Encoding.PEM)


def _hash() -> Any:
    from cryptography.hazmat.primitives import hashes

    return hashes.SHA256()


def _place_first(path: Path, data: bytes) -> None:
    """Put a file where there is none; who comes second keeps what the first one wrote."""
    temporary = temporary_beside(path)
    write_private(temporary, data)
    try:
        os.link(temporary, path)
    except FileExistsError:
        pass
    finally:
        os.unlink(temporary)
