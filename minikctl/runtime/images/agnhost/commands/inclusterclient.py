"""Asks the API server's /healthz again and again with the pod's own token: `[--poll-interval SECONDS]`."""

import hashlib
import os
import time
from base64 import urlsafe_b64encode

import _server as http
from common import BOTH, content_of, flags, klog, place, say

FOLDER = "/var/run/secrets/kubernetes.io/serviceaccount"
WHERE = "main.go:80"


def ask(path, timeout=10.0):
    """(status, body) of a GET at the API server. Raises OSError."""
    import http.client as web
    import ssl

    token = content_of(f"{FOLDER}/token").decode().strip()
    context = ssl.create_default_context(cafile=place(f"{FOLDER}/ca.crt"))
    host, port = os.environ["KUBERNETES_SERVICE_HOST"], int(os.environ["KUBERNETES_SERVICE_PORT"])
    salted = hashlib.sha256(f"salt|Bearer {token}".encode()).digest()
    klog(f"authz_header={urlsafe_b64encode(salted).rstrip(b'=').decode()}", WHERE)
    connection = web.HTTPSConnection(host, port, timeout=timeout, context=context)
    try:
        connection.request("GET", path, headers={"Authorization": f"Bearer {token}"})
        answer = connection.getresponse()
        return answer.status, answer.read().decode("utf-8", "replace")
    finally:
        connection.close()


def main(words):
    given, _ = flags(words)
    every = float(given.get("poll-interval", "30"))
    http.on(BOTH, lambda: os._exit(2))
    klog("started", "main.go:61")
    if "KUBERNETES_SERVICE_HOST" not in os.environ or not os.path.exists(place(f"{FOLDER}/token")):
        say(
            "err: unable to load in-cluster configuration, KUBERNETES_SERVICE_HOST and KUBERNETES_SERVICE_PORT must be defined"
        )
        os._exit(1)
    while True:
        time.sleep(every)
        klog("calling /healthz", "main.go:72")
        try:
            status, body = ask("/healthz")
            problem = "" if status == 200 else f"{status}\n{body}"
        except OSError as e:
            problem = str(e)
        if problem:
            klog("status=failed", "main.go:75", "E")
            klog(f"error checking /healthz: {problem}", "main.go:76", "E")
