"""ServiceAccount."""

from minikctl.kubectl.describe import Subject, metadata
from minikctl.kubectl.describe.writer import Writer

GROUP = ""
_TITLE = "Image pull secrets:"


def describe(about: Subject, w: Writer) -> None:
    metadata.head(w, about.obj)
    names = [s.get("name", "") for s in about.obj.get("imagePullSecrets") or []] or ["<none>"]
    for i, name in enumerate(names):
        w.line(0, f"{' ' * len(_TITLE) if i else _TITLE}\t{name}")
    about.events(w)
