"""`etcd [--listen-client-urls URL,…]`: /health, /version, and range, put and deleterange of /v3/kv (JSON, base64)."""

import json
import sys
from base64 import b64decode, b64encode

sys.path[:0] = [__file__.rpartition("/")[0].rpartition("/")[0]]

import _server as http

WHERE = "http://localhost:2379"


class Keys:
    """Keys and values are bytes. Each write is the next revision."""

    def __init__(self):
        self.revision, self.kept = 1, {}

    def selected(self, asked):
        """As etcd has it: a key alone, from a key on (`range_end` is one zero byte), or up to `range_end`."""
        key, end = b64decode(asked.get("key", "")), b64decode(asked.get("range_end", ""))
        if not end:
            return [key] if key in self.kept else []
        return sorted(k for k in self.kept if k >= key and (end == b"\0" or k < end))

    def range(self, asked):
        keys = self.selected(asked)
        shown = keys[: int(asked.get("limit", 0)) or None]
        return {"kvs": [self.shown(k) for k in shown], "count": str(len(keys))} if keys else {}

    def put(self, asked):
        key, value = b64decode(asked["key"]), b64decode(asked.get("value", ""))
        self.revision += 1
        created, _, version, _ = self.kept.get(key, (self.revision, 0, 0, b""))
        self.kept[key] = created, self.revision, version + 1, value
        return {}

    def deleterange(self, asked):
        keys = self.selected(asked)
        if keys:
            self.revision += 1
        for key in keys:
            del self.kept[key]
        return {"deleted": str(len(keys))} if keys else {}

    def shown(self, key):
        created, changed, version, value = self.kept[key]
        numbers = {"create_revision": str(created), "mod_revision": str(changed), "version": str(version)}
        return {"key": b64encode(key).decode(), **numbers, "value": b64encode(value).decode()}


def answering(keys):
    verbs = {f"/v3/kv/{name}": getattr(keys, name) for name in ("range", "put", "deleterange")}

    def handle(request):
        if request.path == "/health":
            return said({"health": "true", "reason": ""})
        if request.path == "/version":
            version = http.tag().removeprefix("v").partition("-")[0]
            return said({"etcdserver": version, "etcdcluster": ".".join([*version.split(".")[:2], "0"])})
        if request.path not in verbs:
            return http.Answer(404, '{"code":5, "message":"Not Found", "details":[]}', "application/json")
        try:
            answer = verbs[request.path](json.loads(request.body or b"{}"))
        except (ValueError, KeyError, TypeError, AttributeError) as e:
            return http.Answer(400, json.dumps({"code": 3, "message": str(e), "details": []}), "application/json")
        head = {"cluster_id": "1", "member_id": "1", "revision": str(keys.revision), "raft_term": "2"}
        return said({"header": head, **answer})

    return handle


def said(value):
    return http.Answer(200, json.dumps(value, separators=(",", ":")), "application/json")


def option(words, name, default):
    for i, word in enumerate(words):
        if word == f"--{name}" and i + 1 < len(words):
            return words[i + 1]
        if word.startswith(f"--{name}="):
            return word.partition("=")[2]
    return default


def main(words):
    made = http.Server("", None)
    http.on((2, 15), made.stop)
    handle = answering(Keys())
    for url in option(words, "listen-client-urls", WHERE).split(","):
        scheme, _, place = url.partition("://")
        host, _, port = place.rpartition(":")
        if scheme != "http" or not port.isdigit():
            http.fail(f"error verifying flags, this emulation listens on http://HOST:PORT only, not {url}")
        try:
            made.listen("127.0.0.1" if host == "localhost" else host, int(port), handle)
        except OSError as e:
            http.fail(f"listen tcp {place}: bind: {e.strerror.lower()}")
        http.say(f'{{"level":"info","msg":"serving client traffic insecurely","address":"{place}"}}', 2)
    made.run()


main(sys.argv[1:])
