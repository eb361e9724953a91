"""What a configuration answers: request → answer. Files and other servers are all it looks at.

The order is nginx's: the server by port and name, rewrites of the server, the location (exact, then the longest prefix
unless a regular expression matches, `^~` before those), its rewrites and return, access, then content.
"""

import os
import re

import _server as http
from config import every, first
from parts import (
    COMBINED,
    VARIABLES,
    expiry,
    inherited,
    listing,
    members,
    plain,
    port_of,
    seconds,
    shown,
    types_of,
    unverified,
    within,
)

REDIRECTS = (301, 302, 303, 307, 308)
TURNS = 10
"""How often one request may be sent on inside."""


class Request:
    """One request on its way through: `uri` changes, `variables` grow."""

    def __init__(self, raw, server):
        self.raw, self.server, self.uri, self.args = raw, server, raw.path, raw.query
        self.variables, self.groups, self.status = {}, (), 0


class Site:
    """base: the folder that stands for `/`. `page(status)`: nginx's own page. note(text): a line of the error log."""

    def __init__(self, http_block, base, version, page, note):
        self.block, self.base, self.version, self.page, self.note = http_block, base, version, page, note
        self.servers = every(http_block, "server")
        self.upstreams = {d[1][0]: members(d[2]) for d in every(http_block, "upstream")}
        self.turn, self.accepted, self.requests = 0, 0, 0
        self.types = types_of(http_block)

    # ------------------------------------------------------------------ which server, which location

    def listeners(self):
        """{port: (certificate, key) or None}."""
        found = {}
        for server in self.servers:
            for arguments in [d[1] for d in every(server[2], "listen")] or [["80"]]:
                port = port_of(arguments[0])
                if port is not None:
                    secure = "ssl" in arguments[1:]
                    pair = (
                        first(server[2], "ssl_certificate", [""])[0],
                        first(server[2], "ssl_certificate_key", [""])[0],
                    )
                    found[port] = pair if secure else found.get(port)
        return found

    def server_for(self, port, host):
        mine = [s for s in self.servers if port in [port_of(d[1][0]) for d in every(s[2], "listen")] or plain(s, port)]
        names = [(n, s) for s in mine for d in every(s[2], "server_name") for n in d[1]]
        host = host.rpartition(":")[0] if ":" in host else host
        host = host.lower()
        for name, server in names:
            if name == host:
                return server
        for name, server in names:
            if (name.startswith("*.") and host.endswith(name[1:])) or (
                name.endswith(".*") and host.startswith(name[:-1])
            ):
                return server
        for name, server in names:
            if name.startswith("~") and re.search(name[1:], host):
                return server
        default = [s for s in mine if any({"default_server", "default"} & set(d[1]) for d in every(s[2], "listen"))]
        return (default or mine or self.servers)[0]

    def location_for(self, block, uri):
        best, length = None, -1
        found = every(block, "location")
        for d in found:
            kind, pattern = (d[1][0], d[1][1]) if len(d[1]) > 1 else ("", d[1][0])
            if kind == "=" and uri == pattern:
                return d, ()
            if kind in ("", "^~") and uri.startswith(pattern) and len(pattern) > length:
                best, length = d, len(pattern)
        if best is None or best[1][0] != "^~":
            for d in found:
                if d[1][0] in ("~", "~*"):
                    match = re.search(d[1][1], uri, re.IGNORECASE if d[1][0] == "~*" else 0)
                    if match:
                        return d, match.groups()
        if best is not None:
            inner, groups = self.location_for(best[2], uri)
            return (inner, groups) if inner is not None else (best, ())
        return None, ()

    # ------------------------------------------------------------------ answering

    def answer(self, raw):
        self.requests += 1
        server = self.server_for(raw.port, raw.headers.get("host", ""))
        request = Request(raw, server)
        return self._process(request, TURNS)

    def _process(self, request, turns, blocks=None):
        if turns <= 0:
            self.note("rewrite or internal redirection cycle", request)
            return self._error(request, 500, [self.block, request.server[2]], turns)
        server = request.server[2]
        if blocks is None:
            early = self._rewrites(request, server, [self.block, server])
            if early is not None:
                return early if not isinstance(early, int) else self._error(request, early, [self.block, server], turns)
        location, groups = self.location_for(server, request.uri)
        blocks = [self.block, server, *([location[2]] if location is not None else [])]
        request.groups = groups or request.groups
        before = request.uri
        if location is not None:
            early = self._rewrites(request, location[2], blocks)
            if isinstance(early, int):
                return self._error(request, early, blocks, turns)
            if early == "last" or (early is None and request.uri != before and early != "break"):
                return self._process(request, turns - 1, blocks)
            if early is not None and early != "break":
                return early
        if not self._allowed(request, blocks):
            return self._error(request, 403, blocks, turns)
        made = self._content(request, location, blocks, turns)
        return self._error(request, made, blocks, turns) if isinstance(made, int) else made

    def _rewrites(self, request, directives, blocks):
        """None, an answer, a status, "last" or "break"."""
        for name, arguments, block, _, _ in directives:
            if name == "set":
                request.variables[arguments[0].lstrip("$")] = self.text(arguments[1], request)
            elif name == "if" and self._holds(arguments, request):
                made = self._rewrites(request, block, [*blocks, block])
                if made is not None:
                    return made
            elif name == "return":
                return self._returned(request, arguments, blocks)
            elif name == "rewrite":
                match = re.search(arguments[0], request.uri)
                if not match:
                    continue
                request.groups = match.groups()
                target, flag = self.text(arguments[1], request), (arguments[2] if len(arguments) > 2 else "")
                if flag in ("redirect", "permanent") or target.startswith(("http://", "https://")):
                    return self._redirect(request, 301 if flag == "permanent" else 302, target, blocks)
                request.uri, question, query = target.partition("?")
                request.args = "&".join(filter(None, (query, request.args))) if question else request.args
                if flag in ("last", "break"):
                    return flag
        return None

    def _holds(self, arguments, request):
        words = [a for a in " ".join(arguments).strip("() ").split(" ") if a]
        if len(words) == 1:
            return self.text(words[0], request) not in ("", "0")
        if words[0] in ("-f", "!-f", "-d", "!-d", "-e", "!-e"):
            test = {"f": os.path.isfile, "d": os.path.isdir, "e": os.path.exists}[words[0][-1]]
            return test(self.base + self.text(words[1], request)) != words[0].startswith("!")
        left, how, right = self.text(words[0], request), words[1], self.text(" ".join(words[2:]), request)
        if how in ("=", "!="):
            return (left == right) == (how == "=")
        match = re.search(right, left, re.IGNORECASE if how.endswith("*") else 0)
        if match and not how.startswith("!"):
            request.groups = match.groups() or request.groups
        return bool(match) != how.startswith("!")

    def _returned(self, request, arguments, blocks):
        if not arguments[0].isdigit():
            return self._redirect(request, 302, self.text(arguments[0], request), blocks)
        status = int(arguments[0])
        if status == 444:
            return http.Answer(444, b"", "", then=None)
        if len(arguments) == 1:
            return status if status >= 300 else self._made(request, status, b"", self._default_type(blocks), blocks)
        text = self.text(arguments[1], request)
        if status in REDIRECTS:
            return self._redirect(request, status, text, blocks)
        return self._made(request, status, text.encode(), self._default_type(blocks), blocks)

    def _redirect(self, request, status, target, blocks):
        if target.startswith("/"):
            scheme = "https" if self.listeners().get(request.raw.port) else "http"
            target = f"{scheme}://{request.raw.headers.get('host', 'localhost')}{target}"
        return self._made(request, status, self.page(status).encode(), "text/html", blocks, [("Location", target)])

    def _allowed(self, request, blocks):
        for block in reversed(blocks):
            rules = [d for d in block if d[0] in ("allow", "deny")]
            for name, arguments, *_ in rules:
                if arguments[0] == "all" or within(request.raw.peer[0], arguments[0]):
                    return name == "allow"
            if rules:
                break
        return True

    def _content(self, request, location, blocks, turns):
        for block in blocks[-1:]:
            if every(block, "internal") and turns == TURNS:
                return 404
            if every(block, "stub_status"):
                now = f"Active connections: 1 \nserver accepts handled requests\n {self.requests} {self.requests} "
                text = f"{now}{self.requests} \nReading: 0 Writing: 1 Waiting: 0 \n"
                return self._made(request, 200, text.encode(), "text/plain", blocks)
            if (passed := first(block, "proxy_pass")) is not None:
                return http.Later(lambda: self._proxied(request, location, passed[0], blocks, turns))
        tried = inherited(blocks, "try_files")
        if tried is not None:
            return self._tried(request, location, tried[1], blocks, turns)
        return self._file(request, location, blocks, turns)

    def _tried(self, request, location, names, blocks, turns):
        for name in names[:-1]:
            uri = self.text(name, request)
            folder = name.endswith("/")
            uri = uri[:-1] if folder and len(uri) > 1 else uri
            path = self._path(uri, location, blocks)
            if os.path.isdir(path) if folder else os.path.isfile(path):
                request.uri = uri
                return self._file(request, location, blocks, turns)
        last = names[-1]
        if last.startswith("="):
            return int(last[1:])
        return self._again(request, self.text(last, request), turns)

    def _again(self, request, uri, turns):
        if uri.startswith("@"):
            found = next((d for d in every(request.server[2], "location") if d[1] == [uri]), None)
            if found is None:
                return 500
            blocks = [self.block, request.server[2], found[2]]
            early = self._rewrites(request, found[2], blocks)
            if early is not None and early not in ("last", "break"):
                return early
            return self._content(request, found, blocks, turns - 1)
        request.uri, question, query = uri.partition("?")
        request.args = query if question else request.args
        return self._process(request, turns - 1, [])

    def _root(self, blocks):
        found = inherited(blocks, "root")
        return found[1][0] if found is not None else "/etc/nginx/html"

    def _path(self, uri, location, blocks):
        """Where on this machine a path is served from."""
        alias = first(location[2], "alias") if location is not None else None
        if alias is not None:
            return os.path.normpath(self.base + alias[0] + "/" + uri[len(location[1][-1]) :].lstrip("/"))
        root = self._root(blocks)
        root = root if root.startswith("/") else "/etc/nginx/" + root
        return os.path.normpath(self.base + root + uri)

    def _file(self, request, location, blocks, turns):
        if request.raw.method not in ("GET", "HEAD"):
            return 405
        if ".." in request.uri.split("/"):
            return 400
        path = self._path(request.uri, location, blocks)
        if os.path.isdir(path):
            if not request.uri.endswith("/"):
                query = f"?{request.args}" if request.args else ""
                return self._redirect(request, 301, request.uri + "/" + query, blocks)
            names = (inherited(blocks, "index") or ["", ["index.html"]])[1]
            for name in names:
                if name.startswith("/"):
                    return self._again(request, name, turns)
                if os.path.isfile(f"{path}/{name}"):
                    return self._again(request, request.uri + name, turns)
            if (inherited(blocks, "autoindex") or ["", ["off"]])[1] == ["on"]:
                return self._made(request, 200, listing(request.uri, path).encode(), "text/html", blocks)
            self.note(f'directory index of "{shown(path, self.base)}/" is forbidden', request)
            return 403
        status, body, _, modified = http.serve_file(os.path.dirname(path), "/" + os.path.basename(path))
        if status != 200:
            number, words = (13, "Permission denied") if status == 403 else (2, "No such file or directory")
            self.note(f'open() "{shown(path, self.base)}" failed ({number}: {words})', request)
            return status
        tag = f'"{int(modified):x}-{len(body):x}"'
        headers = [("Last-Modified", http.http_date(modified)), ("ETag", tag), ("Accept-Ranges", "bytes")]
        if request.raw.headers.get("if-none-match") == tag:
            return http.Answer(304, b"", "", headers)
        return self._made(request, 200, body, self._media(path, blocks), blocks, headers)

    def _error(self, request, status, blocks, turns):
        for block in reversed(blocks):
            for _, arguments, *_ in every(block, "error_page"):
                codes = [a for a in arguments[:-1] if a.isdigit()]
                if str(status) not in codes or turns <= 0:
                    continue
                other = next((a[1:] for a in arguments[:-1] if a.startswith("=")), None)
                target = self.text(arguments[-1], request)
                if target.startswith("http"):
                    return self._redirect(request, int(other or 302), target, blocks)
                request.raw.method = "GET" if request.raw.method != "HEAD" else "HEAD"
                made = self._again(request, target, min(turns, TURNS) - 1)
                if isinstance(made, http.Answer):
                    made.status = int(other) if other else (status if made.status == 200 else made.status)
                    return made
                if isinstance(made, http.Later):
                    return made
                if isinstance(made, int):
                    status = made
                return self._made(request, status, self.page(status).encode(), "text/html", blocks)
        return self._made(request, status, self.page(status).encode(), "text/html", blocks)

    def _made(self, request, status, body, media, blocks, headers=()):
        headers = list(headers)
        for block in reversed(blocks):
            own = every(block, "add_header")
            for _, arguments, *_ in own:
                if status in (200, 201, 204, 206, 301, 302, 303, 304, 307, 308) or arguments[-1] == "always":
                    headers.append((arguments[0], self.text(arguments[1], request)))
            if own:
                break
        expires = inherited(blocks, "expires")
        if expires is not None and expires[1][0] != "off" and status == 200:
            headers += expiry(expires[1][-1])
        made = http.Answer(status, body, media, headers)
        made.log = self._log(blocks)
        return made

    def _log(self, blocks):
        found = inherited(blocks, "access_log")
        if found is not None and found[1][0] == "off":
            return None
        name = found[1][1] if found is not None and len(found[1]) > 1 else "combined"
        formats = {
            d[1][0]: "".join(a for a in d[1][1:] if not a.startswith("escape="))
            for d in every(self.block, "log_format")
        }
        return (found[1][0] if found is not None else "/var/log/nginx/access.log"), formats.get(name, COMBINED)

    # ------------------------------------------------------------------ other servers

    def _proxied(self, request, location, target, blocks, turns):
        import http.client as web
        from urllib.parse import urlsplit

        parts = urlsplit(self.text(target, request))
        path = parts.path
        prefix = location[1][-1] if location[1][0] not in ("~", "~*") else ""
        raw_path = request.raw.target.partition("?")[0] if request.uri == request.raw.path else request.uri
        path = path + raw_path[len(prefix) :] if path else raw_path
        path += f"?{request.args}" if request.args and "?" not in path else ""
        for member in self._members(parts):
            kind = web.HTTPSConnection if parts.scheme == "https" else web.HTTPConnection
            more = {"context": unverified()} if parts.scheme == "https" else {}
            timeout = seconds((inherited(blocks, "proxy_connect_timeout") or ["", ["60s"]])[1][0])
            connection = kind(*member, timeout=timeout, **more)
            try:
                connection.connect()
                connection.sock.settimeout(seconds((inherited(blocks, "proxy_read_timeout") or ["", ["60s"]])[1][0]))
                connection.request(
                    request.raw.method, path, request.raw.body, self._sent_headers(request, parts, blocks)
                )
                answer = connection.getresponse()
                body = answer.read()
            except TimeoutError:
                self.note(
                    "upstream timed out (110: Connection timed out) while reading response header from upstream",
                    request,
                )
                return self._error(request, 504, blocks, turns)
            except (OSError, web.HTTPException) as e:
                number = getattr(e, "errno", None) or 111
                words = getattr(e, "strerror", None) or e
                self.note(f"connect() failed ({number}: {words}) while connecting to upstream", request)
                continue
            finally:
                connection.close()
            hidden = {
                "connection",
                "transfer-encoding",
                "content-length",
                "content-type",
                "server",
                "date",
                "keep-alive",
            }
            hidden |= {d[1][0].lower() for b in blocks for d in every(b, "proxy_hide_header")}
            headers = [(k, v) for k, v in answer.getheaders() if k.lower() not in hidden]
            media = answer.getheader("content-type", "")
            return self._made(request, answer.status, body, media, blocks, headers)
        return self._error(request, 502, blocks, turns)

    def _members(self, parts):
        """(host, port) to try, each time beginning with the next one."""
        members = self.upstreams.get(parts.hostname if parts.port is None else parts.netloc)
        if not members:
            return [(parts.hostname, parts.port or (443 if parts.scheme == "https" else 80))]
        self.turn += 1
        start = self.turn % len(members)
        return members[start:] + members[:start]

    def _sent_headers(self, request, parts, blocks):
        dropped = ("host", "connection", "keep-alive", "transfer-encoding", "content-length", "upgrade", "expect")
        headers = {k: v for k, v in request.raw.raw_headers if k.lower() not in dropped}
        headers["Host"], headers["Connection"] = parts.netloc, "close"
        for block in reversed(blocks):
            own = every(block, "proxy_set_header")
            for _, (name, value), *_ in own:
                for present in [k for k in headers if k.lower() == name.lower()]:
                    del headers[present]
                text = self.text(value, request)
                if text and name.lower() not in ("upgrade",):
                    headers[name] = text if name.lower() != "connection" else "close"
            if own:
                break
        return headers

    # ------------------------------------------------------------------ words

    def text(self, template, request):
        """With its variables filled in."""
        if "$" not in template:
            return template
        return re.sub(r"\$(?:\{(\w+)\}|(\w+))", lambda m: self.variable(m[1] or m[2], request), template)

    def variable(self, name, request):
        raw = request.raw
        if name.isdigit():
            return (request.groups[int(name) - 1] or "") if 0 < int(name) <= len(request.groups) else ""
        if name in request.variables:
            return request.variables[name]
        if name.startswith("http_"):
            return raw.headers.get(name[5:].replace("_", "-"), "")
        if name.startswith("arg_"):
            return raw.parameters().get(name[4:], "")
        if name.startswith("cookie_"):
            pairs = dict(p.strip().partition("=")[::2] for p in raw.headers.get("cookie", "").split(";"))
            return pairs.get(name[7:], "")
        for d in every(self.block, "map"):
            if d[1][1] == "$" + name:
                return self._mapped(d, request)
        return VARIABLES[name](self, request) if name in VARIABLES else ""

    def _mapped(self, directive, request):
        value, default = self.text(directive[1][0], request), ""
        for key, arguments, *_ in directive[2]:
            if key == "default":
                default = arguments[0]
            elif key == value or (key.startswith("~") and re.search(key[1:].lstrip("*"), value, re.IGNORECASE)):
                return self.text(arguments[0], request)
        return self.text(default, request)

    def _default_type(self, blocks):
        return (inherited(blocks, "default_type") or ["", ["text/plain"]])[1][0]

    def _media(self, path, blocks):
        extension = path.rpartition(".")[2].lower() if "." in os.path.basename(path) else ""
        return self.types.get(extension) or self._default_type(blocks)
