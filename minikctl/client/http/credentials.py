"""Who we are, in headers and certificates; asked anew for every request, since tokens change."""

from __future__ import annotations

import base64
import threading
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import quote

from minikctl.client.http.endpoint import Endpoint
from minikctl.client.http.exec_plugin import Credential, run
from minikctl.util.errors import UsageError

Headers = list[tuple[str, str]]


class Credentials:
    """The credentials of one endpoint. Safe for several threads."""

    def __init__(self, endpoint: Endpoint):
        self._endpoint = endpoint
        self._given: Credential | None = None
        self._lock = threading.Lock()

    def headers(self) -> Headers:
        """Authorization and impersonation. Raises UsageError, Unreachable."""
        return [*self._authorization(), *self._impersonation()]

    def certificate(self) -> tuple[bytes, bytes]:
        """The client's certificate and key, both empty when there is none. Raises UsageError, Unreachable."""
        if self._endpoint.client_certificate:
            return self._endpoint.client_certificate, self._endpoint.client_key
        found = self._from_plugin()
        return (found.certificate, found.key) if found else (b"", b"")

    def forget(self) -> bool:
        """After a 401: True when asking the plugin again may help."""
        with self._lock:
            had, self._given = self._given is not None, None
        return had

    def _authorization(self) -> Headers:
        endpoint = self._endpoint
        if endpoint.token_file:
            token = self._file_token() or endpoint.token
        else:
            token = endpoint.token
        if not token and not endpoint.username and (found := self._from_plugin()):
            token = found.token
        if token:
            return [("Authorization", f"Bearer {token}")]
        if endpoint.username or endpoint.password:
            pair = base64.b64encode(f"{endpoint.username}:{endpoint.password}".encode()).decode()
            return [("Authorization", f"Basic {pair}")]
        return []

    def _file_token(self) -> str:
        """Read every time: a mounted token is renewed in its place."""
        try:
            return Path(self._endpoint.token_file).read_text().strip()
        except OSError as e:
            if self._endpoint.token:
                return ""
            what = (e.strerror or "").lower()
            raise UsageError(
                f'failed to read token file "{self._endpoint.token_file}": open {self._endpoint.token_file}: {what}'
            ) from None

    def _from_plugin(self) -> Credential | None:
        plugin = self._endpoint.exec_plugin
        if plugin is None:
            return None
        with self._lock:
            if self._given is None or not self._given.lasts(datetime.now(UTC)):
                self._given = run(self._endpoint, plugin)
            return self._given

    def _impersonation(self) -> Headers:
        who = self._endpoint.impersonation
        if not who.user:
            if who.groups or who.uid or who.extra:
                raise UsageError("requesting uid, groups or user-extra without impersonating a user is not allowed")
            return []
        out = [("Impersonate-User", who.user)]
        out += [("Impersonate-Group", g) for g in who.groups]
        if who.uid:
            out.append(("Impersonate-Uid", who.uid))
        for key, values in who.extra.items():
            out += [(f"Impersonate-Extra-{quote(key, safe='')}", v) for v in values]
        return out
