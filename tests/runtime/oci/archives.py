"""Image archives made by tests."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import platform
import shutil
import tarfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from minikctl.runtime.sandbox import tools


def _static(program: str) -> str:
    """The program, if it runs by itself."""
    try:
        tools.interpreter(Path(program))
    except OSError:
        return program if Path(program).is_file() else ""
    return ""


BUSYBOX = _static(shutil.which("busybox") or "")
MACHINE = {"x86_64": "amd64", "aarch64": "arm64"}.get(platform.machine(), platform.machine())


def digest(data: bytes) -> str:
    return "sha256:" + hashlib.sha256(data).hexdigest()


def entry(name: str, content: bytes | str = b"", **fields: Any) -> tuple[tarfile.TarInfo, bytes]:
    """A member of a tar file; a file unless `type` says otherwise."""
    data = content.encode() if isinstance(content, str) else content
    member = tarfile.TarInfo(name)
    member.mode = fields.pop("mode", 0o755 if fields.get("type") == tarfile.DIRTYPE else 0o644)
    for key, value in fields.items():
        setattr(member, key, value)
    member.size = fields.get("size", len(data))
    return member, data


def folder(name: str, **fields: Any) -> tuple[tarfile.TarInfo, bytes]:
    return entry(name, type=tarfile.DIRTYPE, **fields)


def link(name: str, target: str, **fields: Any) -> tuple[tarfile.TarInfo, bytes]:
    return entry(name, type=tarfile.SYMTYPE, linkname=target, **fields)


def hard_link(name: str, target: str) -> tuple[tarfile.TarInfo, bytes]:
    return entry(name, type=tarfile.LNKTYPE, linkname=target)


def tar(*members: tuple[tarfile.TarInfo, bytes]) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for member, data in members:
            archive.addfile(member, io.BytesIO(data))
    return out.getvalue()


def config(layers: Iterable[bytes], **settings: Any) -> bytes:
    content = {
        "architecture": MACHINE,
        "os": "linux",
        "config": settings,
        "rootfs": {"type": "layers", "diff_ids": [digest(layer) for layer in layers]},
    }
    return json.dumps(content).encode()


def docker_archive(*images: tuple[list[str], list[bytes], dict[str, Any]]) -> bytes:
    """As `docker save` wrote it for a decade: (tags, layers, settings) of each image."""
    members, manifest, seen = [], [], set()
    for tags, layers, settings in images:
        document = config(layers, **settings)
        names = [f"{hashlib.sha256(layer).hexdigest()}/layer.tar" for layer in layers]
        own = f"{hashlib.sha256(document).hexdigest()}.json"
        for name, data in ((own, document), *zip(names, layers)):
            if name not in seen:
                seen.add(name)
                members.append(entry(name, data))
        manifest.append({"Config": own, "RepoTags": tags or None, "Layers": names})
    return tar(*members, entry("manifest.json", json.dumps(manifest)))


def oci_layout(
    layers: list[bytes], *, name: str = "", compress: bool = True, index: Any = None, **settings: Any
) -> bytes:
    """An OCI layout with one image. `index`: makes the list of descriptors out of the image's own one."""
    document = config(layers, **settings)
    blobs = [gzip.compress(layer, mtime=0) if compress else layer for layer in layers]
    kind = "application/vnd.oci.image."
    manifest = json.dumps(
        {
            "schemaVersion": 2,
            "mediaType": f"{kind}manifest.v1+json",
            "config": {"mediaType": f"{kind}config.v1+json", "digest": digest(document), "size": len(document)},
            "layers": [{"mediaType": f"{kind}layer.v1.tar+gzip", "digest": digest(b), "size": len(b)} for b in blobs],
        }
    ).encode()
    own: dict[str, Any] = {"mediaType": f"{kind}manifest.v1+json", "digest": digest(manifest), "size": len(manifest)}
    if name:
        own["annotations"] = {"org.opencontainers.image.ref.name": name}
    entries = index(own) if index else [own]
    everything = [document, manifest, *blobs]
    members = [entry(f"blobs/sha256/{digest(b)[7:]}", b) for b in dict.fromkeys(everything)]
    members.append(entry("index.json", json.dumps({"schemaVersion": 2, "manifests": entries})))
    return tar(*members, entry("oci-layout", '{"imageLayoutVersion": "1.0.0"}'))


def busybox_layer() -> bytes:
    """A root file system: busybox and some of its applets."""
    applets = (
        "sh",
        "ls",
        "cat",
        "id",
        "echo",
        "sleep",
        "env",
        "touch",
        "stat",
        "ps",
        "true",
        "pwd",
        "wget",
        "httpd",
        "mkdir",
        "rm",
        "ln",
        "chown",
        "hostname",
        "nc",
        "kill",
        "head",
        "grep",
        "mount",
        "readlink",
        "test",
        "wc",
        "find",
    )
    return tar(
        folder("bin"),
        entry("bin/busybox", Path(BUSYBOX).read_bytes(), mode=0o755),
        *(link(f"bin/{name}", "busybox") for name in applets),
        folder("etc"),
        entry("etc/passwd", "root:x:0:0:root:/root:/bin/sh\napp:x:1000:1001:app:/home/app:/bin/sh\n"),
        entry("etc/group", "root:x:0:\napp:x:1001:\nextra:x:2000:app\n"),
        folder("home"),
        folder("home/app", uid=1000, gid=1001, mode=0o700),
        folder("root", mode=0o700),
        folder("tmp", mode=0o1777),
    )


def busybox_archive(*tags: str, layers: Iterable[bytes] = (), **settings: Any) -> bytes:
    own = {"Cmd": ["sh"], "Env": ["PATH=/bin", "GREETING=hello"], **settings}
    return docker_archive((list(tags or ["busy:1"]), [busybox_layer(), *layers], own))
