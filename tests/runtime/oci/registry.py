"""A real registry (Debian's docker-registry) on this machine's loopback, and images pushed into it."""

from __future__ import annotations

import contextlib
import io
import shutil
import socket
import subprocess
import tarfile
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

PROGRAM = shutil.which("docker-registry") or ""
USER, PASSWORD = "ada", "lovelace"
_HTPASSWD = "ada:$2y$05$ZKVc/j3ZsOEz4Ad9OEQBxefWRtcEslpxUGo86nBXWlYpYoWA8bHJi\n"
_CONFIG = """\
version: 0.1
log: {{level: error}}
storage:
  filesystem: {{rootdirectory: {folder}/data}}
  delete: {{enabled: true}}
http: {{addr: 127.0.0.1:{port}}}
"""
_AUTH = "auth: {{htpasswd: {{realm: tests, path: {folder}/htpasswd}}}}\n"


@contextlib.contextmanager
def running(folder: Path, *, password: bool = False) -> Iterator[str]:
    """Its address, `127.0.0.1:PORT`. Skips where it is not installed."""
    if not PROGRAM:
        pytest.skip("docker-registry is not installed (Debian: docker-registry)")
    folder.mkdir(parents=True, exist_ok=True)
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        port = s.getsockname()[1]
    config = _CONFIG + (_AUTH if password else "")
    (folder / "config.yml").write_text(config.format(folder=folder, port=port))
    (folder / "htpasswd").write_text(_HTPASSWD)
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen([PROGRAM, "serve", str(folder / "config.yml")], stdout=log, stderr=log)
    try:
        deadline = time.monotonic() + 20
        while True:
            with contextlib.suppress(httpx.HTTPError):
                if httpx.get(f"http://127.0.0.1:{port}/v2/").status_code in (200, 401):
                    break
            assert process.poll() is None and time.monotonic() < deadline, (folder / "log").read_text()
            time.sleep(0.02)
        yield f"127.0.0.1:{port}"
    finally:
        process.kill()
        process.wait()


def push(address: str, name: str, layout: bytes, *, password: bool = False, index: bytes = b"") -> str:
    """Put the image of an OCI layout (see `archives.oci_layout`) under `name:tag`; its digest. `index`: tag this instead."""
    repository, _, tag = name.partition(":")
    with tarfile.open(fileobj=io.BytesIO(layout)) as tar:
        files = {m.name: tar.extractfile(m).read() for m in tar if m.isreg()}  # type: ignore[union-attr]
    import json

    own = json.loads(files["index.json"])["manifests"][0]
    auth = (USER, PASSWORD) if password else None
    with httpx.Client(base_url=f"http://{address}/v2/{repository}", auth=auth) as client:
        for path, data in files.items():
            if path.startswith("blobs/sha256/"):
                digest = f"sha256:{path[13:]}"
                place = client.post("/blobs/uploads/").raise_for_status().headers["Location"]
                client.put(
                    place, params={"digest": digest, **dict(httpx.URL(place).params)}, content=data
                ).raise_for_status()
        manifest = files[f"blobs/sha256/{own['digest'][7:]}"]
        targets = [(own["digest"] if index else tag, manifest, own["mediaType"])]
        if index:
            targets.append((tag, index, "application/vnd.oci.image.index.v1+json"))
        for reference, content, kind in targets:
            answer = client.put(f"/manifests/{reference}", content=content, headers={"Content-Type": kind})
            answer.raise_for_status()
    return answer.headers["Docker-Content-Digest"]
