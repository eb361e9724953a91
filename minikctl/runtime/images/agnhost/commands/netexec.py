"""A server for tests of networks: HTTP (or HTTPS) and UDP.

`[--http-port N] [--udp-port N|-1] [--udp-listen-addresses A,B] [--http-override PATH] [--tls-cert-file F] …`. SCTP is
not here.
"""

import _thread
import os
import socket
import subprocess
import tempfile
import time

import _server as http
from common import compact, flags, get, listen, place, port_of, say, seconds, server

STARTED = time.monotonic()
LIMIT = 5.0


class Site:
    def __init__(self, override):
        self.override, self.ready, self.server, self.code = override, False, None, 0

    def handle(self, request):
        if self.override:
            peer, port = request.peer, request.port
            request = http.Request("GET", self.override, "HTTP/1.1", {}, [], peer)
            request.port = port
        name = request.path.strip("/").lower() or "root"
        route = getattr(self, f"get_{name}", None) or self.get_root
        say(f"{request.method} {request.target}")
        return route(request, values(request))

    def get_root(self, request, _asked):
        now = time.time()
        stamp = time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(now)) + f".{int(now * 1e9) % 10**9:09d}"
        return http.Answer(200, f"NOW: {stamp} +0000 UTC m=+{time.monotonic() - STARTED:.9f}")

    def get_clientip(self, request, _asked):
        return http.Answer(200, f"{request.peer[0]}:{request.peer[1]}")

    def get_serverport(self, request, _asked):
        return http.Answer(200, str(request.port))

    def get_hostname(self, _request, _asked):
        return http.Answer(200, http.hostname())

    def get_header(self, request, asked):
        return http.Answer(200, request.headers.get(asked.get("key", "").lower(), ""))

    def get_healthz(self, _request, _asked):
        return http.Answer(200 if self.ready else 412, b"")

    def get_echo(self, _request, asked):
        code = asked.get("code") or "200"
        if not code.isdigit():
            return http.Answer(200, f"argument 'code' must be an integer or empty, got \"{code}\"\n")
        return http.Answer(int(code), asked.get("msg", ""))

    def get_redirect(self, _request, asked):
        code = asked.get("code") or "302"
        if not code.isdigit():
            return http.Answer(200, f"argument 'code' must be an integer or empty, got \"{code}\"\n")
        return http.Answer(int(code), b"", headers=[("Location", asked.get("location", ""))])

    def get_shutdown(self, _request, _asked):
        os._exit(0)

    def get_exit(self, _request, asked):
        try:
            wait, timeout = seconds(asked.get("wait", "")), seconds(asked.get("timeout", ""))
            code = int(asked.get("code") or "0")
        except ValueError as e:
            return http.Answer(200, f"an argument is not valid: {e}\n")
        say(
            f"Will begin shutdown in {wait:g}s, allowing {timeout:g}s for connections to close, then will exit with {code}"
        )

        def leave():
            time.sleep(wait)
            if not timeout:
                os._exit(code)
            return http.Answer(200, b"", then=lambda: _thread.start_new_thread(self.close, (timeout, code)))

        if not wait and not timeout:
            os._exit(code)
        return http.Later(leave)

    def close(self, timeout, code):
        """Answer what is being asked, then end."""
        end = time.monotonic() + timeout
        self.code = code
        self.server.drain()
        while not self.server.idle and time.monotonic() < end:
            time.sleep(0.02)
        late = "context deadline exceeded" if not self.server.idle else "<nil>"
        say(f"Graceful shutdown completed with: {late}")
        os._exit(code)

    def get_dial(self, _request, asked):
        protocol, tries = asked.get("protocol", "http").lower() or "http", asked.get("tries") or "1"
        if not tries.isdigit():
            return http.Answer(400, f'tries parameter is invalid. strconv.Atoi: parsing "{tries}": invalid syntax\n')
        if not asked.get("request"):
            return http.Answer(400, "request parameter not specified. <nil>\n")
        if protocol not in DIALERS:
            return http.Answer(400, f"unsupported protocol. {protocol}\n")
        host, port = asked.get("host", ""), asked.get("port", "")
        return http.Later(lambda: dial(DIALERS[protocol], host, port, asked["request"], int(tries)))

    def get_shell(self, _request, asked):
        command = asked.get("shellcommand") or asked.get("shellCommand") or asked.get("cmd", "")
        return http.Later(lambda: shell(command))

    def get_upload(self, request, _asked):
        content = uploaded(request)
        if content is None:
            return http.Answer(200, compact({"error": "Unable to upload file."}))
        folder = place("/uploads")
        try:
            fd, path = tempfile.mkstemp(prefix="upload", dir=folder)
            os.write(fd, content)
            os.close(fd)
            os.chmod(path, 0o700)
        except OSError:
            return http.Answer(200, compact({"error": "Unable to open file for write"}))
        say(f"Wrote upload to {path}")
        return http.Answer(201, compact({"output": "/uploads/" + os.path.basename(path)}))


def values(request):
    """The query's, and those of a form."""
    found = request.parameters()
    if request.headers.get("content-type", "").startswith("application/x-www-form-urlencoded"):
        form = http.Request("GET", "?" + request.body.decode("utf-8", "replace"), "", {}, [], request.peer)
        found = form.parameters() | found
    return found


def uploaded(request):
    """The form's part `file`."""
    from email.parser import BytesParser
    from email.policy import HTTP

    head = f"Content-Type: {request.headers.get('content-type', '')}\r\n\r\n".encode()
    message = BytesParser(policy=HTTP).parsebytes(head + request.body)
    for part in message.iter_parts() if message.is_multipart() else ():
        if part.get_param("name", header="content-disposition") == "file":
            return part.get_payload(decode=True)
    return None


def shell(command):
    done = subprocess.run(["/bin/sh", "-c", command], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    output = {"output": done.stdout.decode("utf-8", "replace")} if done.stdout else {}
    if done.returncode:
        output = {"error": f"exit status {done.returncode}", **output}
    return http.Answer(200, compact(output))


def dial(dialer, host, port, request, tries):
    responses, errors, last = [], [], ""
    for _ in range(tries):
        try:
            last = dialer(host, int(port), request)
            responses.append(last)
        except (OSError, ValueError) as e:
            last = ""
            errors.append(str(e))
    output = {"errors": errors} if errors else {}
    if last:
        output["responses"] = responses
    return http.Answer(200, compact(output))


def dial_http(host, port, request):
    return get(host, port, "/" + request, LIMIT)


def dial_udp(host, port, request):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.settimeout(LIMIT)
        sock.connect((host, port))
        sock.send(request.encode())
        try:
            return sock.recv(2048).decode("utf-8", "replace")
        except OSError as e:
            raise OSError(f"reading from udp connection failed. err:'{e}'") from None


DIALERS = {"http": dial_http, "udp": dial_udp}


def answer_udp(sock):
    data, peer = sock.recvfrom(2048)
    text = data.decode("utf-8", "replace").strip().lower()
    if text == "hostname":
        sock.sendto(http.hostname().encode(), peer)
    elif text.startswith("echo "):
        sock.sendto(text[5:].encode(), peer)
    elif text == "clientip":
        sock.sendto(f"{peer[0]}:{peer[1]}".encode(), peer)
    elif text:
        say(f"Unknown UDP command received from {peer[0]}:{peer[1]}: {text}")


def main(words):
    given, _ = flags(words)
    port, udp = port_of(given, "http-port", 8080), port_of(given, "udp-port", 8081)
    site = Site(given.get("http-override", ""))
    site.server = made = server()
    if port_of(given, "sctp-port", -1) != -1:
        say("this emulation has no SCTP: --sctp-port is without effect")
    cert = given.get("tls-cert-file")
    listen(
        made, port, site.handle, http.tls(place(cert), place(given.get("tls-private-key-file", ""))) if cert else None
    )
    say(f"Started HTTP server on port {port}")
    if udp != -1:
        for address in given.get("udp-listen-addresses", "").split(","):
            sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            try:
                sock.bind((address or http.address(), udp))
            except OSError as e:
                say(f"Error occurred: failed to create listener for UDP address {address}:{udp}:{e.strerror}")
                os._exit(1)
            made.watch(sock, answer_udp)
            say(f"Started UDP server on port {address} {udp}")
        site.ready = True
    made.run()
    os._exit(site.code)
