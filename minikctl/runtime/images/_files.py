"""Files of a folder, as web servers give them. A part of the emulated images; see `_server`."""

import os


def serve_file(folder, path):
    """(status, content, media type, modification time) of a file below a folder; status 404, 403 or 301 else."""
    full = os.path.normpath(folder + "/" + path.lstrip("/"))
    if full != folder and not full.startswith(folder + "/"):
        return 403, b"", "", 0
    if os.path.isdir(full):
        if not path.endswith("/"):
            return 301, b"", "", 0
        full += "/index.html"
        if not os.path.exists(full):
            return 403, b"", "", 0
    try:
        fd = os.open(full, os.O_RDONLY)
        try:
            found = os.fstat(fd)
            data = b""
            while len(data) < found.st_size and (part := os.read(fd, found.st_size - len(data))):
                data += part
            return 200, data, media_type(full), found.st_mtime
        finally:
            os.close(fd)
    except PermissionError:
        return 403, b"", "", 0
    except OSError:
        return 404, b"", "", 0


TYPES = {
    "html": "text/html", "htm": "text/html", "css": "text/css", "js": "application/javascript", "txt": "text/plain",
    "json": "application/json", "xml": "text/xml", "svg": "image/svg+xml", "png": "image/png", "jpg": "image/jpeg",
    "jpeg": "image/jpeg", "gif": "image/gif", "ico": "image/x-icon", "pdf": "application/pdf",
}  # fmt: skip


def media_type(path):
    return TYPES.get(path.rpartition(".")[2].lower(), "application/octet-stream")
