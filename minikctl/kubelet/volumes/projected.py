"""projected: several sources in one folder, service account tokens among them, which are renewed in time."""

from __future__ import annotations

from pathlib import Path

from minikctl.api.errors import ApiError
from minikctl.api.meta import Obj, get_path, name, namespace, uid
from minikctl.kubelet.volumes import Context, Mounted, VolumeError, _payload, downward_api
from minikctl.runtime.process import memory

TYPE = "projected"
RENEW_AT = 0.8
"""Of a token's life; and never later than a day."""
DAY = 86400.0


def set_up(volume: Obj, folder: Path, ctx: Context) -> Mounted:
    mode, files = _payload.default_mode(volume), dict[str, _payload.File]()
    for source in volume.get("sources") or []:
        found = _files(source, ctx, mode)
        _payload.parts(found)
        files |= found
    folder = memory.place(folder) or folder
    _payload.write(folder, files, ctx.clock.now(), ctx.fs_group)
    return Mounted(folder, read_only=True, changes=True)


def _files(source: Obj, ctx: Context, mode: int) -> dict[str, _payload.File]:
    if "configMap" in source:
        return _payload.config_map(source["configMap"], ctx, mode)
    if "secret" in source:
        return _payload.secret(source["secret"], ctx, mode)
    if "downwardAPI" in source:
        return downward_api.files(source["downwardAPI"], ctx, mode)
    if "serviceAccountToken" in source:
        data, user = _token(source["serviceAccountToken"], ctx), only_user(ctx.pod)
        if user is not None or ctx.fs_group is not None:
            mode = 0o600
        return {source["serviceAccountToken"]["path"]: _payload.File(data, mode, user)}
    raise VolumeError(f"projected volumes with a {next(iter(source), 'source')} are not supported here")


def only_user(pod: Obj) -> int | None:
    """The user that all containers of the pod run as, where its manifest names one. Pure."""
    spec = pod["spec"]
    shared = (spec.get("securityContext") or {}).get("runAsUser")
    containers = [c for field in ("initContainers", "containers") for c in spec.get(field) or []]
    users = {(c.get("securityContext") or {}).get("runAsUser", shared) for c in containers}
    return users.pop() if len(users) == 1 else None


def _token(source: Obj, ctx: Context) -> bytes:
    place, now = (uid(ctx.pod), ctx.name, source["path"]), ctx.clock.monotonic()
    known = ctx.tokens.known.get(place)
    if known is not None and now < known[1]:
        return known[0].encode()
    seconds = source.get("expirationSeconds") or 3600
    bound = {"apiVersion": "v1", "kind": "Pod", "name": name(ctx.pod), "uid": uid(ctx.pod)}
    spec: Obj = {"expirationSeconds": seconds, "boundObjectRef": bound}
    if source.get("audience"):
        spec["audiences"] = [source["audience"]]
    request = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": spec}
    account = get_path(ctx.pod, "spec", "serviceAccountName", default="") or "default"
    try:
        answer = ctx.client.create("serviceaccounts", request, namespace(ctx.pod), name=account, subresource="token")
    except ApiError as e:
        raise VolumeError(f"failed to fetch token: {e.message}") from None
    token = str(answer["status"]["token"])
    ctx.tokens.known[place] = (token, now + min(seconds * RENEW_AT, DAY))
    return token.encode()
