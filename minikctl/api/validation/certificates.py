"""Which CertificateSigningRequests are valid. Source: Kubernetes `pkg/apis/certificates/validation`."""

from __future__ import annotations

import base64

from minikctl.api.errors import field_duplicate, field_invalid, field_not_supported, field_required
from minikctl.api.meta import Obj
from minikctl.api.names import dns_subdomain
from minikctl.api.validation.common import Errors

USAGES = [
    "any",
    "cert sign",
    "client auth",
    "code signing",
    "content commitment",
    "crl sign",
    "data encipherment",
    "decipher only",
    "digital signature",
    "email protection",
    "encipher only",
    "ipsec end system",
    "ipsec tunnel",
    "ipsec user",
    "key agreement",
    "key encipherment",
    "microsoft sgc",
    "netscape sgc",
    "ocsp signing",
    "s/mime",
    "server auth",
    "signing",
    "timestamping",
]
SHORTEST = 600
LEGACY = "kubernetes.io/legacy-unknown"


def validate(obj: Obj) -> Errors:
    spec = obj.get("spec") or {}
    errors: Errors = []
    why = _request_problem(spec.get("request") or "")
    if why:
        errors.append(field_invalid("spec.request", spec.get("request") or "", why))
    usages = spec.get("usages") or []
    if not usages:
        errors.append(field_required("spec.usages"))
    for i, usage in enumerate(usages):
        if usage not in USAGES:
            errors.append(field_not_supported(f"spec.usages[{i}]", usage, USAGES))
        if usage in usages[:i]:
            errors.append(field_duplicate(f"spec.usages[{i}]", usage))
    errors += signer_name(spec.get("signerName") or "", "spec.signerName")
    seconds = spec.get("expirationSeconds")
    if seconds is not None and seconds < SHORTEST:
        why = "may not specify a duration less than 600 seconds (10 minutes)"
        errors.append(field_invalid("spec.expirationSeconds", seconds, why))
    return errors


def _request_problem(encoded: str) -> str:
    """Whether there is a PEM block that calls itself a request; the signer reads what is in it."""
    text = base64.b64decode(encoded)
    if b"-----BEGIN CERTIFICATE REQUEST-----" in text and b"-----END CERTIFICATE REQUEST-----" in text:
        return ""
    return "unable to parse request: PEM block type must be CERTIFICATE REQUEST"


def signer_name(name: str, path: str) -> Errors:
    """`example.com/signer-name`: a domain, and a path that is one, too."""
    if not name:
        return [field_required(path)]
    if name == LEGACY:
        return [field_invalid(path, name, "the legacy signerName is not allowed via this API version")]
    domain, slash, rest = name.partition("/")
    if not slash or "/" in rest:
        why = "must be a fully qualified domain and path of the form 'example.com/signer-name'"
        return [field_invalid(path, name, why)]
    errors: Errors = [field_invalid(path, domain, f'validating label "{domain}": {m}') for m in dns_subdomain(domain)]
    if not errors and "." not in domain:
        errors.append(field_invalid(path, domain, "should be a domain with at least two segments separated by dots"))
    return errors + [field_invalid(path, rest, f'validating label "{rest}": {m}') for m in dns_subdomain(rest)]
