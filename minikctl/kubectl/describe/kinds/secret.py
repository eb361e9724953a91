"""Secret: sizes only, but a ServiceAccount's token is shown."""

import base64

from minikctl.kubectl.describe import Subject, metadata
from minikctl.kubectl.describe.writer import Writer

GROUP = ""
_TOKEN_TYPE = "kubernetes.io/service-account-token"


def describe(about: Subject, w: Writer) -> None:
    secret = about.obj
    metadata.head(w, secret)
    w.line(0, f"\nType:\t{secret.get('type', '')}")
    w.line(0, "\nData\n====")
    for key, encoded in sorted((secret.get("data") or {}).items()):
        value = base64.b64decode(encoded or "")
        if key == "token" and secret.get("type") == _TOKEN_TYPE:
            w.field(0, key, value.decode("utf-8", "replace"))
        else:
            w.field(0, key, f"{len(value)} bytes")
