"""Pulling from a real registry, and from ones that misbehave."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from minikctl.runtime.interface import Credential, ImageFailure, RegistryUnavailable
from minikctl.runtime.oci import pull as pulling
from minikctl.runtime.oci import roots
from minikctl.runtime.oci.pull import pull
from minikctl.runtime.oci.store import Store
from minikctl.runtime.reference import parse
from tests.runtime.oci import archives
from tests.runtime.oci.archives import entry, oci_layout, tar
from tests.runtime.oci.registry import PASSWORD, USER, push, running

MANIFEST = "application/vnd.oci.image.manifest.v1+json"
ONE, TWO = tar(entry("a", "A")), tar(entry("b", "B" * 300_000))


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with running(tmp_path_factory.mktemp("registry")) as address:
        yield address


@pytest.fixture(scope="module")
def private(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with running(tmp_path_factory.mktemp("private"), password=True) as address:
        push(address, "secret/app:1", oci_layout([ONE]), password=True)
        yield address


def test_an_image(store: Store, registry: str) -> None:
    digest = push(registry, "lib/web:1", oci_layout([ONE, TWO], Cmd=["x"]))
    seen: dict[str, tuple[int, int]] = {}
    done = pull(store, f"{registry}/lib/web:1", progress=lambda d, n, of: seen.update({d: (n, of)}))
    assert (done.name, done.digest, done.is_new) == (f"{registry}/lib/web:1", digest, True)
    assert (roots.root(store, done.image) / "b").stat().st_size == 300_000
    assert len(seen) == 3 and all(n == of for n, of in seen.values())
    assert list(store.partial.iterdir()) == []
    assert pull(store, f"{registry}/lib/web:1").is_new is False
    again = pull(store, f"{registry}/lib/web@{digest}")
    assert again.image.digest == digest
    record = store.find(parse(f"{registry}/lib/web@{digest}"))
    assert record is not None and record.manifest == digest


def test_a_tag_that_moves(store: Store, registry: str) -> None:
    push(registry, "moving:1", oci_layout([ONE]))
    first = pull(store, f"{registry}/moving:1")
    push(registry, "moving:1", oci_layout([TWO]))
    second = pull(store, f"{registry}/moving:1")
    assert second.is_new and second.image.id != first.image.id


def test_an_index(store: Store, registry: str) -> None:
    layout = oci_layout([ONE], Cmd=["mine"])
    own = push(registry, "multi:own", layout)
    size = len(_manifest(layout))
    here = {"os": "linux", "architecture": archives.MACHINE}
    entries = [{"mediaType": MANIFEST, "digest": own, "size": size, "platform": here}]
    index = {"schemaVersion": 2, "mediaType": "application/vnd.oci.image.index.v1+json", "manifests": entries}
    digest = push(registry, "multi:1", layout, index=json.dumps(index).encode())
    done = pull(store, f"{registry}/multi:1")
    assert (done.digest, done.image.digest) == (digest, own)
    assert store.find(parse(f"{registry}/multi@{digest}")) == store.find(parse(f"{registry}/multi@{own}"))
    entries[0]["platform"] = {"os": "linux", "architecture": "s390x"}
    push(registry, "multi:2", layout, index=json.dumps(index).encode())
    with pytest.raises(ImageFailure, match="no match for platform in manifest: not found"):
        pull(store, f"{registry}/multi:2")


def _manifest(layout: bytes) -> bytes:
    import io
    import tarfile

    with tarfile.open(fileobj=io.BytesIO(layout)) as archive:
        own = json.loads(archive.extractfile("index.json").read())["manifests"][0]["digest"]  # type: ignore[union-attr]
        return archive.extractfile(f"blobs/sha256/{own[7:]}").read()  # type: ignore[union-attr]


def test_not_there(store: Store, registry: str) -> None:
    name = f"{registry}/nothing:1"
    with pytest.raises(ImageFailure) as caught:
        pull(store, name)
    resolve = f'failed to pull and unpack image "{name}": failed to resolve reference "{name}"'
    assert str(caught.value) == f"{resolve}: {name}: not found"
    assert not isinstance(caught.value, RegistryUnavailable)


def test_nobody_there(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pulling, "PAUSE", 0.001)
    with pytest.raises(
        RegistryUnavailable, match=r'failed to do request: Head "http://127.0.0.1:9/v2/x/manifests/1": dial'
    ):
        pull(store, "127.0.0.1:9/x:1")


def test_passwords(store: Store, private: str) -> None:
    name = f"{private}/secret/app:1"
    with pytest.raises(ImageFailure, match=r"pull access denied, .*: no basic auth credentials"):
        pull(store, name)
    wrong = Credential(private, USER, "wrong")
    with pytest.raises(ImageFailure, match="pull access denied"):
        pull(store, name, [wrong, Credential("other.example.com", USER, PASSWORD)])
    right = Credential(f"{private}/secret", USER, PASSWORD)
    assert pull(store, name, [wrong, right]).is_new


# ---------------------------------------------------------------------- registries that misbehave


class Odd:
    """A registry whose answers a test decides: path → (status, headers, body), or a function that is called."""

    def __init__(self) -> None:
        self.answers: dict[str, object] = {}
        self.asked: list[tuple[str, str, dict[str, str]]] = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.0"

            def do_GET(self) -> None:
                outer.asked.append((self.command, self.path, dict(self.headers)))
                found = outer.answers.get(self.path.partition("?")[0], (404, {}, b""))
                status, headers, body = found(self) if callable(found) else found
                self.send_response(status)
                for name, value in {"Content-Length": str(len(body)), **headers}.items():
                    self.send_header(name, value)
                self.end_headers()
                if self.command != "HEAD":
                    self.wfile.write(body)

            do_HEAD = do_POST = do_GET

            def log_message(self, *_: object) -> None:
                return

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.address = f"127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()

    def offer(self, *layers: bytes) -> list[str]:
        """The image `x:1`; the digests of its layers."""
        document = archives.config(layers)
        blobs = {archives.digest(b): b for b in (document, *layers)}
        described = [{"mediaType": "m", "digest": archives.digest(b), "size": len(b)} for b in layers]
        config = {"mediaType": "", "digest": archives.digest(document), "size": len(document)}
        manifest = json.dumps({"schemaVersion": 2, "config": config, "layers": described}).encode()
        self.answers["/v2/x/manifests/1"] = (200, {}, manifest)
        for digest, data in blobs.items():
            self.answers[f"/v2/x/blobs/{digest}"] = (200, {}, data)
        return [archives.digest(b) for b in layers]


@pytest.fixture
def odd(monkeypatch: pytest.MonkeyPatch) -> Iterator[Odd]:
    monkeypatch.setattr(pulling, "PAUSE", 0.001)
    made = Odd()
    yield made
    made.server.shutdown()
    made.server.server_close()


def test_a_download_goes_on_where_it_stopped(store: Store, odd: Odd) -> None:
    (digest,) = odd.offer(TWO)
    half = len(TWO) // 2
    begun: list[int] = []

    def answer(handler: BaseHTTPRequestHandler) -> tuple[int, dict[str, str], bytes]:
        wanted = handler.headers.get("Range") or "bytes=0-"
        offset = int(wanted[6:-1])
        begun.append(offset)
        if not offset:  # breaks off in the middle
            return 200, {"Content-Length": str(len(TWO))}, TWO[:half]
        return 206, {}, TWO[offset:]

    odd.answers[f"/v2/x/blobs/{digest}"] = answer
    assert pull(store, f"{odd.address}/x:1").is_new
    assert len(begun) == 2 and 0 < begun[1] <= half


def test_a_layer_that_is_another(store: Store, odd: Odd) -> None:
    (digest,) = odd.offer(ONE)
    odd.answers[f"/v2/x/blobs/{digest}"] = (200, {}, ONE[:-1] + b"!")
    with pytest.raises(ImageFailure, match="is something else"):
        pull(store, f"{odd.address}/x:1")
    assert list(store.partial.iterdir()) == [] and store.records() == {}


def test_a_layer_without_end(store: Store, odd: Odd) -> None:
    (digest,) = odd.offer(ONE)
    odd.answers[f"/v2/x/blobs/{digest}"] = (200, {}, ONE * 5)
    with pytest.raises(ImageFailure, match="is something else"):
        pull(store, f"{odd.address}/x:1")


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        ((500, {}, b""), "unexpected status from HEAD request to http://.*: 500"),
        ((200, {}, b"<html>"), "is no JSON"),
        ((200, {}, b"[]"), "no JSON object"),
        ((200, {}, b'{"schemaVersion": 1}'), "schema version 1"),
        ((200, {}, b'{"schemaVersion": 2, "config": {}, "layers": []}'), "no valid descriptor"),
        ((200, {}, b"x" * (9 << 20)), "is larger than"),
        ((401, {"WWW-Authenticate": "Magic x"}, b""), "unknown challenge 'Magic'"),
        ((401, {"WWW-Authenticate": 'Bearer realm="file:///etc/passwd"'}, b""), "names no realm"),
        ((302, {"Location": "file:///etc/passwd"}, b""), "failed to do request"),
        ((302, {"Location": "/v2/x/manifests/1"}, b""), "failed to do request"),
    ],
)
def test_bad_answers(store: Store, odd: Odd, answer: object, why: str) -> None:
    odd.answers["/v2/x/manifests/1"] = answer
    with pytest.raises(ImageFailure, match=why):
        pull(store, f"{odd.address}/x:1")


def test_tokens(store: Store, odd: Odd) -> None:
    odd.offer(ONE)
    inner = dict(odd.answers)

    def guarded(path: str) -> Callable[[BaseHTTPRequestHandler], object]:
        def answer(handler: BaseHTTPRequestHandler) -> object:
            if handler.headers.get("Authorization") == "Bearer let-me-in":
                return inner[path]
            realm = f'Bearer realm="http://{odd.address}/token",service="tests",scope="repository:x:pull"'
            return 401, {"WWW-Authenticate": realm}, b""

        return answer

    odd.answers = {path: guarded(path) for path in inner}
    odd.answers["/token"] = (200, {}, b'{"token": "let-me-in"}')
    assert pull(store, f"{odd.address}/x:1", [Credential(odd.address, USER, PASSWORD)]).is_new
    _, path, headers = next(a for a in odd.asked if a[1].startswith("/token"))
    assert path == "/token?service=tests&scope=repository%3Ax%3Apull" and headers["Authorization"].startswith("Basic ")
    odd.asked.clear()
    store.change(remove=list(store.records()))
    pull(store, f"{odd.address}/x:1", [Credential(odd.address, token="identity")])
    assert next(a for a in odd.asked if a[1] == "/token")[0] == "POST"


def test_passwords_do_not_follow_to_other_places(store: Store, odd: Odd) -> None:
    other = Odd()
    try:
        (digest,) = odd.offer(ONE)
        data = odd.answers[f"/v2/x/blobs/{digest}"]
        other.answers["/elsewhere"] = data
        odd.answers[f"/v2/x/blobs/{digest}"] = (307, {"Location": f"http://{other.address}/elsewhere"}, b"")
        manifest = odd.answers["/v2/x/manifests/1"]
        odd.answers["/v2/x/manifests/1"] = lambda h: (
            manifest if h.headers.get("Authorization") else (401, {"WWW-Authenticate": 'Basic realm="x"'}, b"")
        )
        assert pull(store, f"{odd.address}/x:1", [Credential(odd.address, USER, PASSWORD)]).is_new
        assert [a for a in odd.asked if "Authorization" in a[2]]
        assert [("Authorization" in a[2]) for a in other.asked] == [False]
    finally:
        other.server.shutdown()
        other.server.server_close()


def test_the_digest_of_a_manifest_is_checked(store: Store, odd: Odd) -> None:
    odd.offer(ONE)
    wanted = "sha256:" + hashlib.sha256(b"other").hexdigest()
    odd.answers[f"/v2/x/manifests/{wanted}"] = odd.answers["/v2/x/manifests/1"]
    with pytest.raises(ImageFailure, match=f"the registry's manifest {wanted} is sha256:"):
        pull(store, f"{odd.address}/x@{wanted}")


def test_state(tmp_path: Path) -> None:
    assert not Store(tmp_path / "none").exists and Store(tmp_path / "none").find(parse("a:1")) is None
