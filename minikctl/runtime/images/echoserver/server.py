"""What runs in echoserver containers."""

import sys

sys.path[:0] = [__file__.rpartition("/")[0].rpartition("/")[0]]

import os
import time

import _server as http

PORT = 8080
OLD = http.tag() in ("1.0", "1.1", "1.2", "1.3", "1.4")
SERVER = "nginx: 1.10.0 - lua: 10001" if OLD else "nginx: 1.13.3 - lua: 10008"


def handle(request):
    host = request.headers.get("host", http.address())
    headers = sorted((k.lower(), v) for k, v in request.raw_headers)
    body = request.body.decode("utf-8", "replace") or "-no body in request-"
    uri = f"http://{host.partition(':')[0]}:{PORT}{request.target}"
    text = (old if OLD else new)(request, headers, body, uri)
    return http.Answer(200, text, "text/plain")


def old(request, headers, body, uri):
    shown = "\n".join(f"{k}={v}" for k, v in headers)
    return (
        f"CLIENT VALUES:\nclient_address={request.peer[0]}\ncommand={request.method}\nreal path={request.target}\n"
        f"query={request.query or 'nil'}\nrequest_version={request.version[5:]}\nrequest_uri={uri}\n\n"
        f"SERVER VALUES:\nserver_version={SERVER}\n\nHEADERS RECEIVED:\n{shown}\nBODY:\n{body}"
    )


def new(request, headers, body, uri):
    names = (("node name", "NODE_NAME"), ("pod name", "POD_NAME"), ("pod namespace", "POD_NAMESPACE"))
    pod = [f"\t{title}:\t{os.environ[name]}" for title, name in names if name in os.environ]
    shown = "\n".join(f"\t{k}={v}" for k, v in headers)
    return (
        f"\n\nHostname: {http.hostname()}\n\nPod Information:\n"
        + ("\n".join(pod) or "\t-no pod information available-")
        + f"\n\nServer values:\n\tserver_version={SERVER}\n\nRequest Information:\n"
        f"\tclient_address={request.peer[0]}\n\tmethod={request.method}\n\treal path={request.target}\n"
        f"\tquery={request.query}\n\trequest_version={request.version[5:]}\n\trequest_scheme=http\n"
        f"\trequest_uri={uri}\n\nRequest Headers:\n{shown}\n\nRequest Body:\n\t{body}\n\n"
    )


def access(request, answer, size):
    http.say(
        f'{request.peer[0]} - - [{http.log_date(time.time())}] "{request.method} {request.target} {request.version}" '
        f'{answer.status} {size} "-" "{request.headers.get("user-agent", "-")}"'
    )


def main():
    try:
        server = http.Server(http.address(), PORT, handle, SERVER.replace(": ", "/", 1).partition(" ")[0], access)
    except OSError as e:
        http.fail(f"nginx: [emerg] bind() to {http.address()}:{PORT} failed ({e.errno}: {e.strerror})")
    http.on((2, 3, 15), server.stop)
    http.say("Generating self-signed cert", 2)
    server.run()


main()
