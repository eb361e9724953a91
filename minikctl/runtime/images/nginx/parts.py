"""The smaller parts of `sites`: variables, patterns, times."""

import os
import time

import _server as http
from config import every, first

COMBINED = (
    '$remote_addr - $remote_user [$time_local] "$request" $status $body_bytes_sent "$http_referer" "$http_user_agent"'
)


def _host(site, request):
    return request.raw.headers.get("host", "").partition(":")[0] or "localhost"


def _forwarded(site, request):
    return ", ".join(filter(None, (request.raw.headers.get("x-forwarded-for", ""), request.raw.peer[0])))


VARIABLES = {
    "host": _host,
    "uri": lambda s, r: r.uri,
    "document_uri": lambda s, r: r.uri,
    "request_uri": lambda s, r: r.raw.target,
    "args": lambda s, r: r.args,
    "query_string": lambda s, r: r.args,
    "is_args": lambda s, r: "?" if r.args else "",
    "remote_addr": lambda s, r: r.raw.peer[0],
    "remote_port": lambda s, r: str(r.raw.peer[1]),
    "remote_user": lambda s, r: "-",
    "binary_remote_addr": lambda s, r: r.raw.peer[0],
    "hostname": lambda s, r: http.hostname(),
    "server_name": lambda s, r: (first(r.server[2], "server_name") or [""])[0],
    "server_addr": lambda s, r: os.environ.get("POD_IP", ""),
    "server_port": lambda s, r: str(r.raw.port),
    "server_protocol": lambda s, r: r.raw.version,
    "scheme": lambda s, r: "https" if s.listeners().get(r.raw.port) else "http",
    "request_method": lambda s, r: r.raw.method,
    "request": lambda s, r: f"{r.raw.method} {r.raw.target} {r.raw.version}",
    "request_body": lambda s, r: r.raw.body.decode("utf-8", "replace"),
    "request_length": lambda s, r: str(len(r.raw.body)),
    "content_type": lambda s, r: r.raw.headers.get("content-type", ""),
    "content_length": lambda s, r: r.raw.headers.get("content-length", ""),
    "time_local": lambda s, r: http.log_date(time.time()),
    "time_iso8601": lambda s, r: time.strftime("%Y-%m-%dT%H:%M:%S+00:00", time.gmtime()),
    "msec": lambda s, r: f"{time.time():.3f}",
    "pid": lambda s, r: str(os.getpid()),
    "nginx_version": lambda s, r: s.version,
    "proxy_add_x_forwarded_for": _forwarded,
    "proxy_host": lambda s, r: _host(s, r),
    "request_id": lambda s, r: os.urandom(16).hex(),
    "request_time": lambda s, r: "0.000",
    "upstream_addr": lambda s, r: "-",
    "upstream_response_time": lambda s, r: "-",
}


def port_of(listen):
    """`80`, `*:8080`, `[::]:80` (None: the IPv4 one stands beside it)."""
    if listen.startswith(("[", "unix:")):
        return None
    number = listen.rpartition(":")[2]
    return int(number) if number.isdigit() else 80


def plain(server, port):
    return port == 80 and not every(server[2], "listen")


def inherited(blocks, name):
    """The innermost directive of a name."""
    return next((d for block in reversed(blocks) for d in reversed(block) if d[0] == name), None)


def members(block):
    """(host, port) of an upstream's servers, as often as their weights say; those that are down left out."""
    found = []
    for _, arguments, *_ in every(block, "server"):
        if "down" in arguments:
            continue
        weight = next((int(a[7:]) for a in arguments if a.startswith("weight=")), 1)
        host, colon, port = arguments[0].rpartition(":")
        found += [(host, int(port)) if colon and port.isdigit() else (arguments[0], 80)] * weight
    return found


def types_of(block):
    return {e: d[0] for t in every(block, "types") for d in t[2] for e in d[1]}


def within(address, wanted):
    import ipaddress

    try:
        return ipaddress.ip_address(address) in ipaddress.ip_network(wanted, strict=False)
    except ValueError:
        return False


def listing(uri, path):
    names = sorted(os.listdir(path))
    rows = "".join(f'<a href="{n}">{n}</a>\r\n' for n in (n + "/" * os.path.isdir(f"{path}/{n}") for n in names))
    title = f"Index of {uri}"
    return (
        f"<html>\r\n<head><title>{title}</title></head>\r\n<body>\r\n<h1>{title}</h1><hr><pre>"
        f'<a href="../">../</a>\r\n{rows}</pre><hr></body>\r\n</html>\r\n'
    )


def shown(path, base):
    return path[len(base) :] if base and path.startswith(base) else path


def seconds(text):
    for unit, factor in (("ms", 0.001), ("s", 1), ("m", 60), ("h", 3600), ("d", 86400)):
        if text.endswith(unit):
            return float(text[: -len(unit)]) * factor
    return float(text)


def expiry(text):
    if text in ("epoch", "max"):
        date = "Thu, 01 Jan 1970 00:00:01 GMT" if text == "epoch" else "Thu, 31 Dec 2037 23:55:55 GMT"
        return [("Expires", date), ("Cache-Control", "no-cache" if text == "epoch" else "max-age=315360000")]
    age = int(seconds(text))
    kept = "no-cache" if age < 0 else f"max-age={age}"
    return [("Expires", http.http_date(time.time() + age)), ("Cache-Control", kept)]


def unverified():
    import ssl

    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context
