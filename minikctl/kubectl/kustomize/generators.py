"""ConfigMaps and Secrets made from literals, files and env files; their names end in a hash of their content.

Source: kustomize `api/internal/generators`, `api/kv`, `api/hasher`.
"""

from __future__ import annotations

import base64
import re
from pathlib import PurePosixPath
from typing import Any

from minikctl.api.meta import Obj
from minikctl.kubectl.kustomize.files import Root
from minikctl.kubectl.kustomize.resource import Resource, text
from minikctl.util.errors import UsageError

_LINE = 70
"""Longer base64 is broken into lines of this length."""
_ENV_NAME = re.compile(r"[-._a-zA-Z][-._a-zA-Z0-9]*")


def config_map(root: Root, args: Obj, common: Obj) -> Resource:
    """Raises UsageError."""
    obj = _base("ConfigMap", args)
    data: dict[str, str] = {}
    binary: dict[str, str] = {}
    for key, value in _pairs(root, args).items():
        try:
            data[key] = value.decode("utf-8")
        except UnicodeDecodeError:
            binary[key] = encoded(value)
    return _made(obj, args, common, data=data, binaryData=binary)


def secret(root: Root, args: Obj, common: Obj) -> Resource:
    """Raises UsageError."""
    obj = {**_base("Secret", args), "type": text(args.get("type")) or "Opaque"}
    return _made(obj, args, common, data={k: encoded(v) for k, v in _pairs(root, args).items()})


def _base(kind: str, args: Obj) -> Obj:
    name, namespace = text(args.get("name")), text(args.get("namespace"))
    if not name:
        raise UsageError("a configmap must have a name")
    return {
        "apiVersion": "v1",
        "kind": kind,
        "metadata": {"name": name, **({"namespace": namespace} if namespace else {})},
    }


def _made(obj: Obj, args: Obj, common: Obj, **data: dict[str, str]) -> Resource:
    options, behavior = args.get("options") or {}, text(args.get("behavior"))
    for key in ("labels", "annotations"):
        pairs = {**(common.get(key) or {}), **(options.get(key) or {})}
        if pairs:
            obj["metadata"][key] = {k: text(v) for k, v in pairs.items()}
    if options.get("immutable") or common.get("immutable"):
        obj["immutable"] = True
    obj.update({k: v for k, v in data.items() if v})
    hashed = not (options.get("disableNameSuffixHash") or common.get("disableNameSuffixHash"))
    return Resource(obj, behavior=behavior if behavior in ("create", "merge", "replace") else "", hashed=hashed)


def encoded(value: bytes) -> str:
    """Base64, in lines when it is long."""
    whole = base64.b64encode(value).decode()
    if len(whole) < _LINE:
        return whole
    return "".join(f"{whole[i : i + _LINE]}\n" for i in range(0, len(whole), _LINE))


# ---------------------------------------------------------------------- where the pairs come from


def _pairs(root: Root, args: Obj) -> dict[str, bytes]:
    envs = [*(args.get("envs") or []), *([args["env"]] if args.get("env") else [])]
    found: list[tuple[str, bytes]] = []
    try:
        step = f"env source files: [{' '.join(map(text, envs))}]"
        for path in envs:
            found += _env_file(root.read(text(path)))
        step = f"literal sources [{' '.join(map(text, args.get('literals') or []))}]"
        found += [_literal(text(source)) for source in args.get("literals") or []]
        step = f"file sources: [{' '.join(map(text, args.get('files') or []))}]"
        found += [_file(root, text(source)) for source in args.get("files") or []]
    except UsageError as e:
        raise UsageError(f"loading KV pairs: {step}: {e.message}") from None
    out: dict[str, bytes] = {}
    for key, value in found:
        if key in out:
            raise UsageError(f"configmap {text(args.get('name'))} illegally repeats the key `{key}`")
        out[key] = value
    return out


def _literal(source: str) -> tuple[str, bytes]:
    key, equals, value = source.partition("=")
    if not equals or not key:
        raise UsageError(f"invalid literal source {source}, expected key=value")
    if len(value) > 1 and value[0] == value[-1] and value[0] in "\"'":
        value = value[1:-1]
    return key, value.encode()


def _file(root: Root, source: str) -> tuple[str, bytes]:
    key, equals, path = source.partition("=")
    if not equals:
        return PurePosixPath(source).name, root.read(source)
    if source.count("=") > 1:
        raise UsageError(f"source \"{source}\" key name or file path contains '='")
    if not key:
        raise UsageError(f'missing key name for file path "{path}" in source "{source}"')
    if not path:
        raise UsageError(f'missing file path for key name "{key}" in source "{source}"')
    return key, root.read(path)


def _env_file(content: bytes) -> list[tuple[str, bytes]]:
    found = []
    for number, line in enumerate(content.removeprefix(b"\xef\xbb\xbf").split(b"\n")):
        try:
            shown = line.removesuffix(b"\r").decode("utf-8").lstrip()
        except UnicodeDecodeError:
            raise UsageError(f"line {number} has invalid utf8 bytes : {line!r}") from None
        if not shown or shown.startswith("#"):
            continue
        key, _, value = shown.partition("=")
        found.append((key, value.encode()))
    return found


# ---------------------------------------------------------------------- names


def add_hash(resource: Resource) -> None:
    """`settings` → `settings-8b2m9k4f7c`."""
    resource.remember()
    resource.set_metadata("name", f"{resource.name}-{content_hash(resource.data)}")


def content_hash(obj: Obj) -> str:
    from minikctl.kubectl.name_hash import hash_of

    content: dict[str, Any] = {"kind": obj["kind"], "name": "", "data": obj.get("data") or ""}
    if obj["kind"] == "Secret":
        content["type"] = obj.get("type") or ""
        extra = "stringData"
    else:
        extra = "binaryData"
    if obj.get(extra):
        content[extra] = obj[extra]
    return hash_of(content)
