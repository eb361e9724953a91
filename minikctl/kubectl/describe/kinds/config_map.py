"""ConfigMap."""

import base64

from minikctl.kubectl.describe import Subject, metadata
from minikctl.kubectl.describe.writer import Writer

GROUP = ""


def describe(about: Subject, w: Writer) -> None:
    config = about.obj
    metadata.head(w, config)
    w.line(0, "\nData\n====")
    for key, value in sorted((config.get("data") or {}).items()):
        w.line(0, f"{key}:\n----")
        w.line(0, value)
        w.line(0, "")
    w.line(0, "\nBinaryData\n====")
    for key, encoded in sorted((config.get("binaryData") or {}).items()):
        w.line(0, f"{key}: {len(base64.b64decode(encoded or ''))} bytes")
    w.line(0, "")
    about.events(w)
