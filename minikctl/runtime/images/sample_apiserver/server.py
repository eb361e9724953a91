"""`sample-apiserver --tls-cert-file F --tls-private-key-file F [--secure-port N] [--etcd-servers URL]`."""

import http.server
import json
import os
import re
import ssl
import sys
import time
import uuid
from urllib.parse import parse_qs, urlsplit

HERE = __file__.rpartition("/")[0]
sys.path[:0] = [HERE, HERE.rpartition("/")[0], HERE.rpartition("/")[0] + "/agnhost"]

import _server as emulated
import documents
from cluster import Cluster
from common import flags, klog, place
from objects import Objects, Refused

PATH = re.compile(
    r"/apis/wardle\.example\.com/(?P<version>v1alpha1|v1beta1)"
    r"(?:/namespaces/(?P<namespace>[^/]+))?/(?P<resource>[a-z]+)(?:/(?P<name>[^/]+))?$"
)
OPEN = ("/healthz", "/livez", "/readyz")
VERBS = {"GET": "get", "POST": "create", "PUT": "update", "PATCH": "patch", "DELETE": "delete"}
MERGES = ("application/merge-patch+json", "application/strategic-merge-patch+json")


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    cluster = objects = None

    def answer(self):
        parts = urlsplit(self.path)
        self.query = {k: v[-1] for k, v in parse_qs(parts.query, keep_blank_values=True).items()}
        self.body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        try:
            if parts.path in OPEN:
                return self.send(200, b"ok", "text/plain")
            found = PATH.fullmatch(parts.path)
            if found and found["resource"] in documents.RESOURCES[found["version"]]:
                return self.resource(found["version"], found["namespace"] or "", found["resource"], found["name"] or "")
            self.cluster.authorize(self.user(), {"nonResourceAttributes": {"path": parts.path, "verb": "get"}})
            media, document = documents.find(parts.path, self.headers.get("Accept", ""))
            if document is None or self.command != "GET":
                raise Refused(404, "NotFound", "the server could not find the requested resource")
            return self.send(200, document, media)
        except Refused as e:
            return self.send(e.code, e.status())
        except (OSError, ValueError, KeyError, TypeError) as e:
            return self.send(500, Refused(500, "InternalError", f"Internal error occurred: {e}").status())

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = answer

    def user(self):
        """(name, groups): whom the front proxy names; nobody else is believed."""
        if not self.connection.getpeercert():
            return "system:anonymous", ["system:unauthenticated"]
        return self.headers.get("X-Remote-User", ""), self.headers.get_all("X-Remote-Group") or []

    def resource(self, version, namespace, resource, name):
        verb = VERBS[self.command]
        if not name:
            watches = self.query.get("watch") in ("1", "true")
            verb = {"get": "watch" if watches else "list", "delete": "deletecollection"}.get(verb, verb)
        asked = {"group": documents.GROUP, "version": version, "resource": resource, "verb": verb}
        self.cluster.authorize(self.user(), {"resourceAttributes": {**asked, "namespace": namespace, "name": name}})
        where = version, resource, namespace
        selector = self.query.get("labelSelector", "")
        if verb == "watch":
            return self.watch(where, selector)
        if verb == "list":
            return self.shown(200, self.objects.list(*where, selector))
        if verb == "get":
            return self.shown(200, self.objects.get(*where, name))
        if verb == "create":
            return self.shown(201, self.objects.create(*where, json.loads(self.body)))
        if verb == "update":
            return self.shown(200, self.objects.update(*where, name, json.loads(self.body)))
        if verb == "patch":
            if self.headers.get("Content-Type") not in MERGES:
                accepted = ", ".join(MERGES)
                raise Refused(415, "UnsupportedMediaType", f"this emulation takes patches of the types {accepted}")
            return self.shown(200, self.objects.merge(*where, name, json.loads(self.body)))
        return self.shown(200, self.objects.delete(*where, name, selector))

    def shown(self, code, obj):
        if "as=Table" in self.headers.get("Accept", "").partition(",")[0]:
            obj = documents.table(obj)
        self.send(code, obj)

    def send(self, code, body, media="application/json"):
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.send_response(code)
        self.send_header("Content-Type", media)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def watch(self, where, selector):
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        end = time.monotonic() + float(self.query.get("timeoutSeconds") or 1800)
        for event in self.objects.follow(*where, selector, self.query.get("resourceVersion", ""), end):
            line = json.dumps(event).encode() + b"\n"
            self.wfile.write(b"%x\r\n%s\r\n" % (len(line), line))
            self.wfile.flush()
        self.wfile.write(b"0\r\n\r\n")

    def log_message(self, text, *args):
        klog(f"{self.command} {self.path} {args[1] if len(args) > 1 else ''}", "httplog.go:134")


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def finish_request(self, request, client_address):
        """The handshake belongs to the connection's own thread."""
        request.settimeout(120)
        try:
            request.do_handshake()
            super().finish_request(request, client_address)
        except OSError:
            pass


def main(words):
    given, _ = flags(words)
    etcd = urlsplit(given.get("etcd-servers", "http://localhost:2379").split(",")[0])
    try:
        Handler.cluster = Cluster()
    except (OSError, KeyError, ValueError) as e:
        emulated.fail(f"Error: unable to load configmap based request-header-client-ca-file: {e}")
    Handler.objects = Objects(etcd.hostname, etcd.port or 2379, uuid.uuid4)
    context = emulated.tls(place(given.get("tls-cert-file", "")), place(given.get("tls-private-key-file", "")))
    context.verify_mode = ssl.CERT_OPTIONAL
    context.load_verify_locations(cadata=Handler.cluster.proxy_ca)
    port = int(given.get("secure-port", "443"))
    try:
        server = Server((emulated.address(), port), Handler)
    except OSError as e:
        emulated.fail(f"Error: failed to listen on 0.0.0.0:{port}: bind: {e.strerror.lower()}")
    server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    emulated.on((2, 15), lambda: os._exit(0))
    klog(f"Serving securely on [::]:{port}", "secure_serving.go:213")
    server.serve_forever()


if __name__ == "__main__":
    main(sys.argv[1:])
