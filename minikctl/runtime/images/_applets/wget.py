"""wget [-qS] [-O FILE] [-T SECONDS] [-t TRIES] [--spider] [--header=…] [--post-data=…] URL: as busybox's."""

import http.client
import os
import re
import socket
import sys
import urllib.parse

MOST_REDIRECTS = 5


class Options:
    def __init__(self, argv):
        self.quiet = self.spider = self.show = self.check = False
        self.output, self.data, self.method, self.url = "", None, "", ""
        self.timeout, self.tries, self.headers = 900.0, 1, {}
        args = iter(argv)
        for word in args:
            name, has_value, value = word.partition("=")
            if word.startswith("--"):
                self.long(name, value, args, bool(has_value))
            elif word.startswith("-") and len(word) > 1:
                self.short(word[1:], args)
            else:
                self.url = word

    def long(self, name, value, args, has_value):
        flags = {"--quiet": "quiet", "--spider": "spider", "--server-response": "show"}
        if name in flags:
            setattr(self, flags[name], True)
            return
        if name in ("--header", "--post-data", "--timeout", "--tries", "--output-document", "--user-agent", "--method"):
            value = value if has_value else next(args, "")
        if name == "--header":
            key, _, text = value.partition(":")
            self.headers[key.strip()] = text.strip()
        elif name == "--post-data":
            self.data = value.encode()
        elif name == "--timeout":
            self.timeout = float(value)
        elif name == "--tries":
            self.tries = int(value)
        elif name == "--output-document":
            self.output = value
        elif name == "--user-agent":
            self.headers["User-Agent"] = value
        elif name == "--method":
            self.method = value

    def short(self, letters, args):
        i = 0
        while i < len(letters):
            letter, i = letters[i], i + 1
            if letter in "OTtUPo":
                value = letters[i:] or next(args, "")
                self.value(letter, value)
                return
            if letter == "q":
                self.quiet = True
            elif letter == "S":
                self.show = True
            elif letter not in "cnvY":
                fail(f"wget: unrecognized option: {letter}")

    def value(self, letter, value):
        if letter == "O":
            self.output = value
        elif letter == "T":
            self.timeout = float(value)
        elif letter == "t":
            self.tries = int(value)
        elif letter == "U":
            self.headers["User-Agent"] = value


def fail(text, code=1):
    sys.stderr.write(text + "\n")
    sys.exit(code)


def main(argv):
    try:
        options = Options(argv)
    except ValueError as e:
        fail(f"wget: {e}")
    if not options.url:
        fail("wget: missing URL")
    url = options.url if re.match(r"https?://", options.url) else f"http://{options.url}"
    for _ in range(MOST_REDIRECTS):
        url = fetch(options, url)
        if not url:
            return
    fail("wget: too many redirections")


def fetch(options, url):
    """The next URL when this one redirects, "" when all is done."""
    parts = urllib.parse.urlsplit(url)
    host = parts.hostname or ""
    try:
        port = parts.port or (443 if parts.scheme == "https" else 80)
        address = socket.getaddrinfo(host, port, socket.AF_INET, socket.SOCK_STREAM)[0][4]
    except (socket.gaierror, ValueError):
        fail(f"wget: bad address '{parts.netloc}'")
    shown = f"{host} ({address[0]}:{address[1]})"
    if not options.quiet:
        sys.stderr.write(f"Connecting to {shown}\n")
    try:
        response = request(options, parts, port)
    except TimeoutError:
        fail("wget: download timed out")
    except (OSError, http.client.HTTPException) as e:
        why = getattr(e, "strerror", None) or str(e) or type(e).__name__
        fail(
            f"wget: can't connect to remote host ({address[0]}): {why}"
            if isinstance(e, ConnectionRefusedError)
            else f"wget: error getting response: {why}"
        )
    if options.show:
        sys.stderr.write(f"  HTTP/1.1 {response.status} {response.reason}\n")
        sys.stderr.write("".join(f"  {k}: {v}\n" for k, v in response.getheaders()))
    if response.status in (301, 302, 303, 307, 308) and response.getheader("Location"):
        return urllib.parse.urljoin(url, response.getheader("Location"))
    if response.status >= 400:
        fail(f"wget: server returned error: HTTP/1.1 {response.status} {response.reason}")
    save(options, parts, response)
    return ""


def request(options, parts, port):
    if parts.scheme == "https":
        import ssl

        context = ssl._create_unverified_context()  # busybox's does not look at certificates either
        connection = http.client.HTTPSConnection(parts.hostname, port, timeout=options.timeout, context=context)
    else:
        connection = http.client.HTTPConnection(parts.hostname, port, timeout=options.timeout)
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    method = options.method or ("POST" if options.data is not None else "HEAD" if options.spider else "GET")
    headers = {"User-Agent": "Wget", "Connection": "close", **options.headers}
    if options.data is not None:
        headers.setdefault("Content-Type", "application/x-www-form-urlencoded")
    connection.request(method, target, body=options.data, headers=headers)
    return connection.getresponse()


def save(options, parts, response):
    if options.spider:
        if not options.quiet:
            sys.stderr.write("remote file exists\n")
        return
    name = options.output or os.path.basename(parts.path) or "index.html"
    try:
        out = sys.stdout.buffer if name == "-" else open(name, "xb" if not options.output else "wb")
    except FileExistsError:
        fail(f"wget: can't open '{name}': File exists")
    except OSError as e:
        fail(f"wget: can't open '{name}': {e.strerror}")
    try:
        while data := response.read(65536):
            out.write(data)
        out.flush()
    except TimeoutError:
        fail("wget: download timed out")
    except (OSError, http.client.HTTPException) as e:
        fail(f"wget: connection closed prematurely: {e}")
    if not options.quiet and name != "-":
        sys.stderr.write(f"saving to '{name}'\n'{name}' saved\n")


main(sys.argv[1:])
