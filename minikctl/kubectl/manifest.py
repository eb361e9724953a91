"""Manifests: files, folders, URLs and standard input into objects, with kubectl's texts for what is wrong with them.

Source: cli-runtime `pkg/resource` (builder.go, visitor.go) and apimachinery `util/yaml`.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from minikctl.api.meta import Obj
from minikctl.kubectl.command import Invocation
from minikctl.kubectl.flags import BOOL, LIST, STRING, Option
from minikctl.util.errors import Aggregate, UsageError

EXTENSIONS = (".json", ".yaml", ".yml")
STDIN = "STDIN"
URL_TRIES = 3


def filename_options(purpose: str) -> tuple[Option, ...]:
    """-f, -R and -k, with a help text that says what the files are for."""
    return (
        Option(
            "filename", LIST, short="f", help=f"File, folder or URL with the objects {purpose}.", complete="manifests"
        ),
        Option(
            "kustomize",
            STRING,
            short="k",
            help="Folder of a kustomization; not together with -f or -R.",
            complete="folders",
        ),
        Option("recursive", BOOL, short="R", help="Take the folders below those of -f as well."),
    )


FILENAME_OPTIONS: tuple[Option, ...] = filename_options("to work on")


@dataclass
class Document:
    """One object of a manifest. `source` is what messages call it: `web.yaml`, `STDIN`, a URL."""

    obj: Obj
    source: str


class FileProblem(UsageError):
    """A file that cannot be read to its end; what stood before the problem counts."""


def read_documents(
    call: Invocation, filenames: Sequence[str], *, recursive: bool = False, kustomize: str = ""
) -> tuple[list[Document], list[Exception]]:
    """Everything that the files hold, and what is wrong with some of them.

    Lists are taken apart. Raises UsageError when the command line itself is wrong (a missing file).
    """
    found = read(call, filenames, recursive=recursive, kustomize=kustomize)
    documents = [d for d in found if isinstance(d, Document)]
    return documents, [e for e in found if isinstance(e, Exception)]


def read(
    call: Invocation, filenames: Sequence[str], *, recursive: bool = False, kustomize: str = ""
) -> list[Document | Exception]:
    """As `read_documents`, in the order of the files: errors stand where they were met. Lists are not taken apart."""
    if filenames and kustomize:
        raise UsageError("only one of -f or -k can be specified")
    if kustomize and recursive:
        raise UsageError("the -k flag can't be used with -f or -R")
    found: list[Document | Exception] = []
    for source in sources(call, filenames, recursive):
        try:
            for value in _parse(source, _text(call, source)):
                found.append(Document(value, source))
        except UsageError as e:
            found.append(e)
    if kustomize:
        from minikctl.kubectl.kustomize import build

        found += [Document(obj, kustomize) for obj in build(kustomize, call.env.cwd, call.err)]
    return found


def flatten(documents: Sequence[Document]) -> list[Document]:
    """Lists replaced by their items."""
    out: list[Document] = []
    for document in documents:
        if is_list(document.obj):
            out += flatten([Document(item, document.source) for item in items_of(document.obj)])
        else:
            out.append(document)
    return out


def is_list(obj: Any) -> bool:
    """Kubernetes' rule: an object with `items`, whatever it calls itself."""
    return isinstance(obj, dict) and "items" in obj and isinstance(obj["items"], list | None)


def items_of(listing: Obj) -> list[Any]:
    """A list's items; those of a `FooList` that do not say what they are are `Foo`s."""
    kind = str(listing.get("kind") or "").removesuffix("List")
    head = {"apiVersion": listing.get("apiVersion"), "kind": kind}
    items = listing["items"] or []
    return [
        {**head, **i} if kind and isinstance(i, dict) and not i.get("kind") and not i.get("apiVersion") else i
        for i in items
    ]


# ---------------------------------------------------------------------- where from


def sources(call: Invocation, filenames: Sequence[str], recursive: bool = False) -> list[str]:
    """The files that are meant, folders opened. Raises UsageError, one line for each missing path."""
    found: list[str] = []
    problems: list[Exception] = []
    for name in filenames:
        try:
            if name == "-":
                if STDIN in found:
                    raise UsageError("standard input cannot be used for multiple arguments")
                found.append(STDIN)
            elif name.startswith(("http://", "https://")):
                found.append(name)
            else:
                for path in _matches(call, name):
                    found += _files(call, path, recursive)
                if not found:
                    listed = f"[{' '.join(_matches(call, name))}]"
                    raise UsageError(f"error reading {listed}: recognized file extensions are [{' '.join(EXTENSIONS)}]")
        except UsageError as e:
            problems.append(e)
    if problems:
        raise problems[0] if len(problems) == 1 else Aggregate(problems)
    return found


def _matches(call: Invocation, name: str) -> list[str]:
    """A path, or what a pattern stands for."""
    if os.path.exists(_absolute(call, name)):
        return [name]
    from glob import glob

    matches = sorted(glob(name, root_dir=call.env.cwd))
    if not matches:
        raise UsageError(f'the path "{name}" does not exist')
    return matches


def _absolute(call: Invocation, name: str) -> str:
    return os.path.join(call.env.cwd, name)


def _files(call: Invocation, path: str, recursive: bool) -> list[str]:
    """A file, whatever its ending; of a folder the manifests, in order, folders and files mixed as Go walks them."""
    if not os.path.isdir(_absolute(call, path)):
        return [path]
    found: list[str] = []
    try:
        entries = sorted(os.listdir(_absolute(call, path)))
    except OSError as e:
        raise UsageError(f'error reading "{path}": open {path}: {_reason(e)}') from None
    for entry in entries:
        below = _joined(path, entry)
        if os.path.isdir(_absolute(call, below)):
            if recursive and not os.path.islink(_absolute(call, below)):
                found += _files(call, below, recursive)
        elif os.path.splitext(entry)[1] in EXTENSIONS:
            found.append(below)
    return found


def _joined(folder: str, entry: str) -> str:
    """filepath.Join: `.` and doubled slashes vanish."""
    return os.path.normpath(os.path.join(folder, entry))


def _reason(error: OSError) -> str:
    text = os.strerror(error.errno or 0)
    return text[:1].lower() + text[1:]


def _text(call: Invocation, source: str) -> str:
    if source == STDIN:
        return decode_text(_stdin(call))
    if source.startswith(("http://", "https://")):
        return decode_text(fetch_url(source))
    try:
        return decode_text(Path(_absolute(call, source)).read_bytes())
    except IsADirectoryError:
        raise UsageError(f"read {source}: is a directory") from None
    except OSError as e:
        raise UsageError(f"open {source}: {_reason(e)}") from None


def _stdin(call: Invocation) -> bytes:
    stream = call.env.stdin
    raw = getattr(stream, "buffer", None)
    if raw is not None:
        data: bytes = raw.read()
        return data
    return stream.read().encode("utf-8", "surrogateescape")


def decode_text(data: bytes) -> str:
    """UTF-8, or UTF-16 when a byte order mark says so."""
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return data.decode("utf-16", "replace")
    return data.removeprefix(b"\xef\xbb\xbf").decode("utf-8", "replace")


def fetch_url(url: str) -> bytes:
    """GET with kubectl's three attempts. Raises UsageError."""
    import urllib.error
    import urllib.request

    last = ""
    for _ in range(URL_TRIES):
        try:
            with urllib.request.urlopen(url, timeout=30) as answer:
                body: bytes = answer.read()
                return body
        except urllib.error.HTTPError as e:
            status = f"{e.code} {e.reason}"
            last = f'unable to read URL "{url}", server reported {status}, status code={e.code}'
            if e.code < 500:
                break
        except (urllib.error.URLError, OSError, ValueError) as e:
            last = f'Get "{url}": {getattr(e, "reason", e)}'
    raise UsageError(last)


# ---------------------------------------------------------------------- what is in it


def _parse(source: str, text: str) -> Iterator[Any]:
    """The values of one file, `null` left out. Raises FileProblem where reading stops."""
    try:
        for value in parse_stream(text):
            if value is not None:
                yield value
    except ValueError as e:
        raise FileProblem(f"error parsing {source}: {e}") from None


def parse_stream(text: str) -> Iterator[Any]:
    """All documents of a YAML or JSON text. Raises ValueError with kubectl's words.

    A text that begins with a brace is a row of JSON values; where that fails early, the rest is tried as YAML.
    """
    if text.lstrip()[:1] != "{":
        yield from _yaml_documents(text)
        return
    decoder = json.JSONDecoder(parse_int=_json_int, parse_float=_json_float)
    count, position = 0, 0
    while (start := _skip_blanks(text, position)) < len(text):
        try:
            value, end = decoder.raw_decode(text, start)
        except (json.JSONDecodeError, RecursionError):
            yield from _rest_as_yaml(text, position, count)
            return
        yield _without_surrogates(value) if "\\ud" in text.lower() else value
        count, position = count + 1, end


def _rest_as_yaml(text: str, position: int, count: int) -> Iterator[Any]:
    """What follows the last good JSON value, if that is YAML; else raises what is wrong with it as JSON."""
    from minikctl.kubectl.go_json_errors import syntax_error

    offset, message = syntax_error(text[position:])
    if offset and count <= 1:
        message = f"json: offset {offset + len(text[:position].encode())}: {message}"
    if count > 1 or (count and len(text) - position < 4):
        raise ValueError(message)
    try:
        yield from _yaml_documents(text[position:].lstrip(" \t\r").removeprefix("\n"))
    except ValueError:
        raise ValueError(message) from None


def _json_int(text: str) -> int | float:
    value = int(text)
    return value if -(2**63) <= value < 2**63 else float(value)


def _json_float(text: str) -> int | float:
    value = float(text)
    if value in (float("inf"), float("-inf")):
        raise ValueError(f"json: cannot unmarshal number {text} into Go value of type float64")
    return value


def _without_surrogates(value: Any) -> Any:
    """Halves of UTF-16 pairs are no characters."""
    if isinstance(value, str):
        return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    if isinstance(value, dict):
        return {_without_surrogates(k): _without_surrogates(v) for k, v in value.items()}
    return [_without_surrogates(v) for v in value] if isinstance(value, list) else value


def _skip_blanks(text: str, position: int) -> int:
    while position < len(text) and text[position] in " \t\r\n":
        position += 1
    return position


_SEPARATOR = "---"


def split_documents(text: str) -> Iterator[str]:
    """The documents of a YAML text, as Kubernetes cuts it: at lines that start with `---`. Raises ValueError."""
    lines: list[str] = []
    for line in _lines(text):
        if line.startswith(_SEPARATOR):
            after = line[3:].strip()
            if after and not after.startswith("#"):
                raise ValueError(f"invalid Yaml document separator: {after}")
            if lines:
                yield "".join(lines)
                lines = []
                continue
        lines.append(line)
    if lines:
        yield "".join(lines)


def _lines(text: str) -> list[str]:
    lines = text.split("\n")
    if lines[-1] == "":
        lines.pop()
    return [line.removesuffix("\r") + "\n" for line in lines]


def _yaml_documents(text: str) -> Iterator[Any]:
    for document in split_documents(text):
        if not all(_says_nothing(line) for line in document.splitlines()):
            yield yaml_value(document)


def _says_nothing(line: str) -> bool:
    return line.startswith(_SEPARATOR) or not line.strip() or line.lstrip().startswith("#")


def yaml_value(document: str) -> Any:
    """One YAML document as JSON data. Raises ValueError with kubectl's words."""
    from minikctl.kubectl import yaml_in

    try:
        return yaml_in.loads(document)
    except yaml_in.YAMLError as e:
        raise ValueError(f"error converting YAML to JSON: {e}") from None
    except RecursionError:
        raise ValueError("error converting YAML to JSON: yaml: exceeded max depth of 10000") from None
