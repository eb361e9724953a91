"""What an Application wants to be there: the objects of its repository at its revision.

A commit is rendered once. A local repository is looked at every few seconds, others every `timeout.reconciliation`.
"""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from minikctl.api.errors import ApiError
from minikctl.api.meta import Obj, annotations_of, name
from minikctl.client import Client
from minikctl.cluster.gitops import render
from minikctl.cluster.gitops.application import REFRESH, running_sync
from minikctl.cluster.gitops.repository import Repositories
from minikctl.util.clock import Clock

RECONCILE_SECONDS, LOCAL_SECONDS = 180.0, 2.0


class Desired:
    """By Application: `namespace/name`."""

    def __init__(self, client: Client, repositories: Repositories, clock: Clock):
        self._client, self._repositories, self._clock = client, repositories, clock
        self._rendered: dict[str, tuple[tuple[Any, ...], str, list[Obj]]] = {}
        """What was asked for, the source type, and the objects."""
        self._revisions: dict[str, tuple[tuple[str, str], str, float, object]] = {}
        """(url, revision), the commit, when that was asked, and how a local repository looked then."""

    def forget(self, key: str) -> None:
        self._rendered.pop(key, None)
        self._revisions.pop(key, None)

    def of(self, key: str, app: Obj) -> tuple[str, str, list[Obj]]:
        """(commit, source type, objects). Raises SourceError."""
        source = app["spec"]["source"]
        asked = (app.get("operation") or {}).get("sync") or {}
        running = running_sync(app)
        source = running.get("source") or asked.get("source") or source
        pinned = running.get("revision") or asked.get("revision") or ""
        url = source["repoURL"]
        if pinned:
            commit = self._repositories.resolve(url, pinned)
        else:
            commit = self._commit(key, url, source.get("targetRevision") or "", refresh=REFRESH in annotations_of(app))
        home = (app["spec"].get("destination") or {}).get("namespace") or "default"
        question = (commit, repr(source), home)
        known = self._rendered.get(key)
        if known is None or known[0] != question or annotations_of(app).get(REFRESH) == "hard":
            kind, objects = render.render(self._repositories.files(url, commit), source, name(app), home)
            known = self._rendered[key] = (question, kind, objects)
        return commit, known[1], known[2]

    def _commit(self, key: str, url: str, revision: str, *, refresh: bool) -> str:
        known, now = self._revisions.get(key), self._clock.monotonic()
        look = self._repositories.changed(url)
        if known is not None and known[0] == (url, revision) and not refresh:
            fresh = known[3] == look if look is not None else now - known[2] < self._reconcile_seconds()
            if fresh:
                return known[1]
        commit = self._repositories.resolve(url, revision)
        self._revisions[key] = ((url, revision), commit, now, look)
        return commit

    def _reconcile_seconds(self) -> float:
        from minikctl.api.durations import parse_go_duration

        with suppress(ApiError, ValueError):
            config = self._client.get("configmaps", "argocd-cm", "argocd")
            text = (config.get("data") or {}).get("timeout.reconciliation") or ""
            return max(1.0, float(parse_go_duration(text))) if text else RECONCILE_SECONDS
        return RECONCILE_SECONDS

    def next_look(self, key: str) -> float:
        """Seconds until a repository may say something new."""
        known = self._revisions.get(key)
        if known is None or known[3] is not None:
            return LOCAL_SECONDS
        return max(1.0, known[2] + self._reconcile_seconds() - self._clock.monotonic())
