"""The cluster's authority and the certificates it signs."""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509

from minikctl.apiserver.auth import pki


def test_the_authority_stays_the_same(tmp_path: Path) -> None:
    assert pki.ca_pem(tmp_path) == b"" and not pki.complete(tmp_path)
    first = pki.authority(tmp_path)
    assert pki.authority(tmp_path).pem == first.pem == pki.ca_pem(tmp_path)
    assert first.certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    assert {p.stat().st_mode & 0o777 for p in (tmp_path / "pki").iterdir()} == {0o600}


def test_several_that_make_it_at_once_agree(tmp_path: Path) -> None:
    code = f"from minikctl.apiserver.auth import pki; print(pki.authority({str(tmp_path)!r}).pem)"
    made = [subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE) for _ in range(4)]
    assert len({p.communicate(timeout=60)[0] for p in made}) == 1
    assert all(p.returncode == 0 for p in made)


def test_the_servers_certificate_is_kept_while_it_is_good(tmp_path: Path) -> None:
    path, key = pki.server_certificate(tmp_path)
    before = path.read_bytes()
    assert not pki.complete(tmp_path)
    pki.front_proxy_certificate(tmp_path)
    assert pki.complete(tmp_path) and pki.server_files(tmp_path) == (path, key)
    pki.server_certificate(tmp_path)
    assert path.read_bytes() == before
    names = x509.load_pem_x509_certificate(before).extensions.get_extension_for_class(x509.SubjectAlternativeName)
    assert "kubernetes.default.svc" in names.value.get_values_for_type(x509.DNSName)
    path.write_text("nonsense")
    pki.server_certificate(tmp_path)
    assert pki.lasts(path.read_bytes(), pki.ca_pem(tmp_path))


def test_when_a_certificate_lasts(tmp_path: Path) -> None:
    authority = pki.authority(tmp_path / "a").pem
    pair = pki.client_pair(tmp_path / "a", "jane", ("dev",))
    assert pki.lasts(pair.certificate, authority)
    assert not pki.lasts(pair.certificate, authority, now=datetime.now(UTC) + timedelta(days=330))
    assert not pki.lasts(pair.certificate, pki.authority(tmp_path / "b").pem)
    assert not pki.lasts(b"", authority)


def test_an_authority_whose_key_is_another_is_refused(tmp_path: Path) -> None:
    pki.authority(tmp_path / "a")
    pki.authority(tmp_path / "b")
    (tmp_path / "a/pki/ca.key").write_bytes((tmp_path / "b/pki/ca.key").read_bytes())
    with pytest.raises(ValueError, match="does not belong to"):
        pki.authority(tmp_path / "a")


def test_the_front_proxy_has_an_authority_of_its_own(tmp_path: Path) -> None:
    assert pki.front_proxy_ca_pem(tmp_path) == b""
    path, key = pki.front_proxy_certificate(tmp_path)
    before = path.read_bytes()
    assert (path, key) == pki.front_proxy_files(tmp_path) and key.stat().st_mode & 0o777 == 0o600
    assert pki.lasts(before, pki.front_proxy_ca_pem(tmp_path)) and not pki.lasts(before, pki.authority(tmp_path).pem)
    assert x509.load_pem_x509_certificate(before).subject.rfc4514_string() == "CN=front-proxy-client"
    pki.front_proxy_certificate(tmp_path)
    assert path.read_bytes() == before
    path.write_bytes(pki.client_pair(tmp_path, "front-proxy-client").certificate)
    pki.front_proxy_certificate(tmp_path)
    assert pki.lasts(path.read_bytes(), pki.front_proxy_ca_pem(tmp_path))
