"""Taking images away: by name, refused where containers have them; and by what the kubelet's image clean-up decides."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from minikctl.runtime.interface import ImageFailure
from minikctl.runtime.oci.store import Record, Store
from minikctl.runtime.reference import BadReference, parse
from minikctl.util.jsonio import JSONError, loads

IMAGE_FILE = "image.json"
"""In the folder of a container of a real image: `{"root": folder, "chain": digest, "hostTools": are the host's below}`."""


def chains_in_use(state_dir: Path) -> dict[str, str]:
    """The root file systems that containers of this cluster have, and one container of each: `<pod uid>/<name>`."""
    found = {}
    pods = Path(state_dir) / "pods"
    for path in (*pods.glob(f"*/containers/*/*/{IMAGE_FILE}"), *pods.glob(f"*/volumes/*/*/{IMAGE_FILE}")):
        try:
            chain = str(loads(path.read_bytes())["chain"])
        except (OSError, JSONError, KeyError, TypeError):
            continue
        found[chain] = f"{path.parents[3].name}/{path.parents[1].name}"
    return found


def remove(state_dir: Path, names: Iterable[str]) -> tuple[list[str], list[str], int]:
    """Take names away, then what none leads to any more: (names, IDs of images that are gone, bytes).

    Raises ImageFailure, and changes nothing, when a container has an image that would lose its last name.
    """
    store, names = Store(state_dir), list(names)
    before = store.records()
    left = {n: r for n, r in before.items() if n not in names}
    going = {r.manifest for n, r in before.items() if n in names} - {r.manifest for r in left.values()}
    used = chains_in_use(state_dir)
    for manifest in sorted(going):
        one = store.image(manifest)
        if (user := _user(one.chain, used, store, left)) is not None:
            raise ImageFailure(f"image {_shown(one.id)} is used by the container {user}: delete its pod first")
    gone = [store.image(m).id for m in sorted(going)]
    store.change(remove=names)
    return names, gone, store.sweep(lambda: chains_in_use(state_dir)) or 0


def _user(chain: str, used: Mapping[str, str], store: Store, left: Mapping[str, Record]) -> str | None:
    """The container that has this root, unless another image with a name has the same."""
    if chain not in used or any(store.image(r.manifest).chain == chain for r in left.values()):
        return None
    return used[chain]


def _shown(digest: str) -> str:
    return digest.removeprefix("sha256:")[:12]


def unregister(state_dir: Path, name: str) -> str | None:
    """Forget a local program that was registered as an image; its whole name, None when there is none."""
    try:
        wanted = parse(name)
    except BadReference:
        return None
    for path in sorted((Path(state_dir) / "images").glob("*.json")):
        try:
            if parse(loads(path.read_bytes())["image"]) == wanted:
                path.unlink()
                return str(wanted)
        except (OSError, JSONError, KeyError, TypeError, AttributeError, BadReference):
            continue
    return None
