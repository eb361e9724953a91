"""Which CertificateSigningRequests are valid. Source: Kubernetes `pkg/apis/certificates/validation`."""

from __future__ import annotations

import base64

from minikctl.api.errors import field_duplicate, field_forbidden, field_invalid, field_not_supported, field_required
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
FINAL = ("Approved", "Denied", "Failed")
"""Conditions that stay once they are there."""
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


def validate_status(obj: Obj, old: Obj) -> Errors:
    """The conditions and the certificate: what has been decided or issued stays."""
    status, before = obj.get("status") or {}, old.get("status") or {}
    conditions = status.get("conditions") or []
    types = [c.get("type") or "" for c in conditions]
    errors: Errors = []
    for i, (kind, condition) in enumerate(zip(types, conditions)):
        at = f"status.conditions[{i}]"
        if not kind:
            errors.append(field_required(f"{at}.type"))
        if kind in FINAL and condition.get("status") != "True":
            errors.append(field_not_supported(f"{at}.status", condition.get("status") or "", ["True"]))
        if kind in types[:i]:
            errors.append(field_duplicate(f"{at}.type", kind))
        if {kind, *types[:i]} >= {"Approved", "Denied"} and kind in ("Approved", "Denied"):
            why = "Approved and Denied conditions are mutually exclusive"
            errors.append(field_invalid(f"{at}.type", kind, why))
    for kind in FINAL:
        if kind in [c.get("type") for c in before.get("conditions") or []] and kind not in types:
            errors.append(field_forbidden("status.conditions", f'updates may not remove a condition of type "{kind}"'))
    if before.get("certificate") and status.get("certificate") != before["certificate"]:
        errors.append(field_forbidden("status.certificate", "updates may not modify existing certificate content"))
    elif status.get("certificate") and b"-----BEGIN CERTIFICATE-----" not in base64.b64decode(status["certificate"]):
        why = "must contain at least one CERTIFICATE PEM block"
        errors.append(field_invalid("status.certificate", "<certificate data>", why))
    return errors


def _request_problem(encoded: str) -> str:
    text = base64.b64decode(encoded)
    if b"-----BEGIN CERTIFICATE REQUEST-----" not in text or b"-----END CERTIFICATE REQUEST-----" not in text:
        return "unable to parse request: PEM block type must be CERTIFICATE REQUEST"
    from cryptography import x509

    try:
        signed = x509.load_pem_x509_csr(text).is_signature_valid
    except ValueError as e:
        return f"unable to parse request: {e}"
    return "" if signed else "unable to parse request: its signature is not that of its own key"


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
