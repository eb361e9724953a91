"""Files of a commit into objects: a folder of manifests, a kustomization, or a Helm chart by Helm's own program."""

from __future__ import annotations

import fnmatch
import os
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Any

from minikctl.api.meta import Obj
from minikctl.cluster.gitops.repository import SourceError
from minikctl.util.errors import UsageError

DIRECTORY, KUSTOMIZE, HELM = "Directory", "Kustomize", "Helm"
_KUSTOMIZATIONS = ("kustomization.yaml", "kustomization.yml", "Kustomization")
_SUFFIXES = (".yaml", ".yml", ".json")
HELM_SECONDS = 60.0


def render(root: Path, source: Obj, app: str, namespace: str) -> tuple[str, list[Obj]]:
    """(source type, objects). `root` holds the commit's files. Raises SourceError."""
    path = source.get("path") or "."
    folder = root / path
    if path.startswith("/") or ".." in Path(path).parts:
        raise SourceError(f"{path}: app path must be relative, and inside the repository")
    if not folder.is_dir():
        raise SourceError(f"{path}: app path does not exist")
    kind = _kind(folder, source)
    if kind == KUSTOMIZE:
        found = _kustomize(folder, source.get("kustomize") or {})
    elif kind == HELM:
        found = _helm(folder, source.get("helm") or {}, app, namespace)
    else:
        found = _directory(folder, source.get("directory") or {})
    return kind, _flat(found)


def _kind(folder: Path, source: Obj) -> str:
    if source.get("helm") is not None or (folder / "Chart.yaml").is_file():
        return HELM
    if source.get("kustomize") is not None or any((folder / n).is_file() for n in _KUSTOMIZATIONS):
        return KUSTOMIZE
    return DIRECTORY


def _flat(found: list[Any]) -> list[Obj]:
    """Lists taken apart. Raises SourceError for what is no object."""
    out: list[Obj] = []
    for obj in found:
        if not obj:
            continue
        if not isinstance(obj, dict) or not obj.get("kind") or not obj.get("apiVersion"):
            raise SourceError("Failed to unmarshal manifest: object has no kind or apiVersion")
        if obj["kind"].endswith("List") and isinstance(obj.get("items"), list):
            out += _flat(obj["items"])
        else:
            meta = obj.get("metadata")
            if not isinstance(meta, dict) or not (meta.get("name") or meta.get("generateName")):
                raise SourceError(f"{obj['kind']}: resource name may not be empty")
            out.append(obj)
    return out


# ---------------------------------------------------------------------- plain files


def _directory(folder: Path, options: Obj) -> list[Any]:
    files = sorted(folder.rglob("*") if options.get("recurse") else folder.iterdir())
    found: list[Any] = []
    for path in files:
        name = str(path.relative_to(folder))
        if not path.is_file() or path.suffix not in _SUFFIXES:
            continue
        if options.get("include") and not _matches(name, options["include"]):
            continue
        if options.get("exclude") and _matches(name, options["exclude"]):
            continue
        found += _documents(path.read_text(errors="replace"), name)
    return found


def _matches(name: str, pattern: str) -> bool:
    """A glob; `{a,b}` means one of several."""
    if pattern.startswith("{") and pattern.endswith("}"):
        return any(fnmatch.fnmatch(name, p) for p in pattern[1:-1].split(","))
    return fnmatch.fnmatch(name, pattern)


def _documents(text: str, name: str) -> list[Any]:
    from minikctl.kubectl import yaml_in

    found = []
    for document in ("\n" + text).replace("\r\n", "\n").split("\n---"):
        try:
            found.append(yaml_in.loads(document))
        except yaml_in.YAMLError as e:
            raise SourceError(f'Failed to unmarshal "{name}": {e}') from None
    return found


# ---------------------------------------------------------------------- kustomize


def _kustomize(folder: Path, options: Obj) -> list[Any]:
    """With options: a kustomization above the repository's own, as `kustomize edit` would write into it."""
    from minikctl.kubectl.kustomize import build
    from minikctl.kubectl.printers import yaml_out

    fields = {
        "namePrefix": options.get("namePrefix"),
        "nameSuffix": options.get("nameSuffix"),
        "namespace": options.get("namespace"),
        "commonAnnotations": options.get("commonAnnotations"),
        "images": [_image(i) for i in options.get("images") or []],
        "replicas": options.get("replicas"),
    }
    if options.get("commonLabels"):
        fields["labels"] = [{"pairs": options["commonLabels"], "includeSelectors": True}]
    unknown = set(options) - set(fields) - {"commonLabels", "version", "forceCommonLabels", "forceCommonAnnotations"}
    if unknown:
        raise SourceError(f"kustomize: {', '.join(sorted(unknown))} is not supported")
    wanted = {k: v for k, v in fields.items() if v}
    try:
        if not wanted:
            return list(build(str(folder), folder, lambda _w: None))
        with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".overlay-") as above:
            overlay = {"resources": [f"../{folder.name}"], **wanted}
            (Path(above) / "kustomization.yaml").write_text(yaml_out.dumps(overlay))
            return list(build(above, Path(above), lambda _w: None))
    except UsageError as e:
        raise SourceError(f"kustomize build failed: {e}") from None


def _image(text: str) -> Obj:
    """`nginx=registry/nginx:1.2`, `nginx:1.2`, `nginx@sha256:…`."""
    old, equals, new = text.partition("=")
    new = new if equals else old
    found: Obj = {}
    name, at, digest = new.partition("@")
    if at:
        found["digest"] = digest
    elif ":" in name.rpartition("/")[2]:
        name, _, found["newTag"] = name.rpartition(":")
    found["name"] = old if equals else name
    if equals:
        found["newName"] = name
    return found


# ---------------------------------------------------------------------- helm


def helm_program() -> str:
    """Where the program is; empty when there is none."""
    return shutil.which(os.environ.get("MINIKCTL_HELM") or "helm") or ""


def _helm(folder: Path, options: Obj, app: str, namespace: str) -> list[Any]:
    program = helm_program()
    if not program:
        raise SourceError("this is a Helm chart, and the program helm is not installed")
    with tempfile.TemporaryDirectory(prefix="minikctl-helm-") as home:
        command = [program, "template", options.get("releaseName") or app, str(folder), "--namespace", namespace]
        command += ["--include-crds"] if not options.get("skipCrds") else []
        command += _helm_values(folder, options, Path(home))
        environ = {k: v for k, v in os.environ.items() if not k.startswith(("HELM_", "KUBE"))}
        environ |= {f"HELM_{what}_HOME": f"{home}/{what.lower()}" for what in ("CACHE", "CONFIG", "DATA")}
        try:
            done = subprocess.run(
                command,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                env=environ,
                timeout=HELM_SECONDS,
                check=False,
            )
        except subprocess.TimeoutExpired:
            raise SourceError(f"helm did not answer within {HELM_SECONDS:.0f} s") from None
    if done.returncode:
        raise SourceError(f"helm template failed: {' '.join(done.stderr.split())[:500]}")
    return _documents(done.stdout, "helm template")


def _helm_values(folder: Path, options: Obj, home: Path) -> list[str]:
    """In the order in which they count: valueFiles, then values or valuesObject, then parameters."""
    from minikctl.kubectl.printers import yaml_out

    words: list[str] = []
    for name in options.get("valueFiles") or []:
        file = (folder / name).resolve()
        if not file.is_file() and options.get("ignoreMissingValueFiles"):
            continue
        words += ["--values", str(file)]
    values = yaml_out.dumps(options["valuesObject"]) if options.get("valuesObject") else options.get("values")
    if values:
        (home / "values.yaml").write_text(values)
        words += ["--values", str(home / "values.yaml")]
    for one in options.get("parameters") or []:
        flag = "--set-string" if one.get("forceString") else "--set"
        words += [flag, f"{one['name']}={str(one.get('value', '')).replace(',', chr(92) + ',')}"]
    return words
