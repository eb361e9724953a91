"""The objects of wardle.example.com: kept in etcd in their version v1alpha1, one write at a time."""

import http.client
import json
import threading
import time
from base64 import b64decode, b64encode

from documents import GROUP, KINDS

MOST_EVENTS = 10_000


class Refused(Exception):
    """An answer that is an error, as a Status."""

    def __init__(self, code, reason, message):
        super().__init__(message)
        self.code, self.reason = code, reason

    def status(self):
        head = {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure"}
        return {**head, "message": str(self), "reason": self.reason, "code": self.code}


def converted(obj, version):
    """The object in another version: what a Flunder refers to is one field in v1alpha1, and two in v1beta1."""
    if obj["apiVersion"] == f"{GROUP}/{version}":
        return obj
    spec = dict(obj.get("spec") or {})
    if version == "v1beta1" and spec.get("referenceType"):
        spec[f"{spec['referenceType'].lower()}Reference"] = spec.pop("reference", "")
    elif version == "v1alpha1" and spec:
        two = {kind: spec.pop(f"{kind.lower()}Reference", "") for kind in ("Flunder", "Fischer")}
        kind = spec.get("referenceType") or next((k for k, v in two.items() if v), "")
        spec |= {"reference": two[kind], "referenceType": kind} if kind in two else {}
    return {**obj, "apiVersion": f"{GROUP}/{version}", **({"spec": spec} if "spec" in obj else {})}


def merged(old, patch):
    """JSON merge patch (RFC 7386)."""
    if not isinstance(patch, dict):
        return patch
    made = dict(old) if isinstance(old, dict) else {}
    for key, value in patch.items():
        if value is None:
            made.pop(key, None)
        else:
            made[key] = merged(made.get(key), value)
    return made


def selects(selector, labels):
    """`a=b,c==d,e!=f,g,!h`."""
    for term in filter(None, selector.split(",")):
        if "!=" in term:
            key, _, value = term.partition("!=")
            if labels.get(key) == value:
                return False
        elif "=" in term:
            key, _, value = term.replace("==", "=").partition("=")
            if labels.get(key) != value:
                return False
        elif (term.lstrip("!") in labels) is term.startswith("!"):
            return False
    return True


class Objects:
    """Raises Refused for what Kubernetes refuses, OSError when etcd does not answer."""

    def __init__(self, host, port, new_uid):
        self.where, self.new_uid = (host, port), new_uid
        self.written = threading.Condition(threading.RLock())
        self.events = []

    # ------------------------------------------------------------------ etcd

    def etcd(self, verb, **asked):
        connection = http.client.HTTPConnection(*self.where, timeout=10)
        try:
            connection.request("POST", f"/v3/kv/{verb}", json.dumps(asked))
            return json.loads(connection.getresponse().read())
        except http.client.HTTPException as e:
            raise OSError(str(e)) from None
        finally:
            connection.close()

    def read(self, prefix, end=False):
        """(revision, objects) below a prefix, or of the key that it is."""
        asked = {"key": b64encode(prefix.encode()).decode()}
        if end:
            asked["range_end"] = b64encode((prefix[:-1] + chr(ord(prefix[-1]) + 1)).encode()).decode()
        found = self.etcd("range", **asked)
        objects = []
        for kv in found.get("kvs") or []:
            obj = json.loads(b64decode(kv["value"]))
            obj["metadata"]["resourceVersion"] = kv["mod_revision"]
            objects.append(obj)
        return found["header"]["revision"], objects

    def write(self, kind, key, obj):
        """kind: of the event. Called by one at a time; the object with its resourceVersion."""
        encoded = b64encode(key.encode()).decode()
        if kind == "DELETED":
            answer = self.etcd("deleterange", key=encoded)
        else:
            answer = self.etcd("put", key=encoded, value=b64encode(json.dumps(obj).encode()).decode())
        revision = answer["header"]["revision"]
        obj = {**obj, "metadata": {**obj["metadata"], "resourceVersion": revision}}
        self.events.append((int(revision), kind, key, obj))
        del self.events[:-MOST_EVENTS]
        self.written.notify_all()
        return obj

    # ------------------------------------------------------------------ verbs

    @staticmethod
    def key(resource, namespace, name=""):
        return "/".join(["/registry", GROUP, resource, *([namespace] if namespace else []), name])

    def list(self, version, resource, namespace, selector=""):
        revision, found = self.read(self.key(resource, namespace), end=True)
        items = [converted(o, version) for o in found if selects(selector, o["metadata"].get("labels") or {})]
        head = {"kind": f"{KINDS[resource]}List", "apiVersion": f"{GROUP}/{version}"}
        return {**head, "metadata": {"resourceVersion": revision}, "items": items}

    def get(self, version, resource, namespace, name):
        _, found = self.read(self.key(resource, namespace, name))
        if not found:
            raise Refused(404, "NotFound", f'{resource}.{GROUP} "{name}" not found')
        return converted(found[0], version)

    def create(self, version, resource, namespace, obj):
        self._proper(version, resource, obj)
        with self.written:
            meta = {**(obj.get("metadata") or {}), "uid": str(self.new_uid())}
            if meta.get("generateName") and not meta.get("name"):
                meta["name"] = meta["generateName"] + meta["uid"][:5]
            name = meta.get("name", "")
            if not name:
                what = f"{KINDS[resource]}.{GROUP}"
                raise Refused(422, "Invalid", f'{what} "" is invalid: metadata.name: Required value: name is required')
            banned = self.read(self.key("fischers", ""), end=True)[1] if resource == "flunders" else []
            if any(name in (f.get("disallowedFlunders") or []) for f in banned):
                why = "this name may not be used, please change the resource name"
                raise Refused(403, "Forbidden", f'{resource}.{GROUP} "{name}" is forbidden: {why}')
            if self.read(self.key(resource, namespace, name))[1]:
                raise Refused(409, "AlreadyExists", f'{resource}.{GROUP} "{name}" already exists')
            meta["creationTimestamp"] = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
            meta |= {"namespace": namespace} if namespace else {}
            kept = converted({**obj, "metadata": meta}, "v1alpha1")
            return converted(self.write("ADDED", self.key(resource, namespace, name), kept), version)

    def update(self, version, resource, namespace, name, obj):
        self._proper(version, resource, obj)
        with self.written:
            before = self.get(version, resource, namespace, name)["metadata"]
            given = obj.get("metadata") or {}
            wanted = given.get("resourceVersion")
            if wanted and wanted != before["resourceVersion"]:
                why = "the object has been modified; please apply your changes to the latest version and try again"
                what = f'Operation cannot be fulfilled on {resource}.{GROUP} "{name}"'
                raise Refused(409, "Conflict", f"{what}: {why}")
            stays = {k: before[k] for k in ("name", "namespace", "uid", "creationTimestamp") if k in before}
            kept = converted({**obj, "metadata": {**given, **stays}}, "v1alpha1")
            return converted(self.write("MODIFIED", self.key(resource, namespace, name), kept), version)

    def merge(self, version, resource, namespace, name, patch):
        with self.written:
            made = merged(self.get(version, resource, namespace, name), patch)
            return self.update(version, resource, namespace, name, made)

    def delete(self, version, resource, namespace, name, selector=""):
        with self.written:
            if name:
                gone = [self.get(version, resource, namespace, name)]
            else:
                gone = self.list(version, resource, namespace, selector)["items"]
            for obj in gone:
                meta = obj["metadata"]
                self.write("DELETED", self.key(resource, meta.get("namespace", ""), meta["name"]), obj)
        details = {"name": name, "group": GROUP, "kind": resource}
        return {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "details": details}

    def follow(self, version, resource, namespace, selector, since, end):
        """Events until `end`: what is there first, unless `since` says from where on."""
        prefix, seen = self.key(resource, namespace), int(since or 0)
        if not seen:
            listing = self.list(version, resource, namespace, selector)
            seen = int(listing["metadata"]["resourceVersion"])
            yield from ({"type": "ADDED", "object": o} for o in listing["items"])
        while time.monotonic() < end:
            with self.written:
                fresh = [e for e in self.events if e[0] > seen]
                if not fresh:
                    self.written.wait(min(5.0, max(end - time.monotonic(), 0.0)))
                    continue
            for revision, kind, key, obj in fresh:
                seen = max(seen, revision)
                if key.startswith(prefix) and selects(selector, obj["metadata"].get("labels") or {}):
                    yield {"type": kind, "object": converted(obj, version)}

    @staticmethod
    def _proper(version, resource, obj):
        wanted = f"{GROUP}/{version}", KINDS[resource]
        if not isinstance(obj, dict) or (obj.get("apiVersion"), obj.get("kind")) != wanted:
            raise Refused(400, "BadRequest", f"the object provided is not a {wanted[1]} of {wanted[0]}")
