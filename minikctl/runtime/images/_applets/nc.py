"""nc [-zvunlk] [-w SECONDS] [-p PORT] [-e PROGRAM] [HOST] [PORT[-PORT]]: connections by hand."""

import select
import socket
import subprocess
import sys

FLAGS, VALUES = "zvunlkNdqt46", "wpesiq"


class Options:
    def __init__(self, argv):
        self.flags, self.values, self.words = set(), {}, []
        args = iter(argv)
        for word in args:
            if not word.startswith("-") or word == "-":
                self.words.append(word)
                continue
            if word in ("-e", "-c"):
                self.values["e"] = list(args) if word == "-e" else ["sh", "-c", next(args, "")]
                break
            for i, letter in enumerate(word[1:], 2):
                if letter in "wpsiq":
                    self.values[letter] = word[i:] or next(args, "")
                    break
                if letter not in FLAGS:
                    fail(f"nc: invalid option -- '{letter}'")
                self.flags.add(letter)

    def has(self, letter):
        return letter in self.flags


def fail(text):
    sys.stderr.write(text + "\n")
    sys.exit(1)


def main(argv):
    options = Options(argv)
    wait = float(options.values["w"]) if options.values.get("w") else None
    try:
        if options.has("l"):
            port = options.values.get("p") or (options.words[-1] if options.words else "")
            if not port.isdigit():
                fail("nc: a port is needed to listen")
            listen(options, options.words[0] if len(options.words) > 1 else "", int(port), wait)
        elif len(options.words) < 2:
            fail("usage: nc [-zvu] [-w SECONDS] HOST PORT | nc -l -p PORT [-k] [-e PROGRAM]")
        else:
            connect(options, options.words[0], options.words[1], wait)
    except KeyboardInterrupt:
        sys.exit(130)
    except OSError as e:
        fail(f"nc: {e.strerror or e}")


def connect(options, host, ports, wait):
    first, _, last = ports.partition("-")
    if not first.isdigit() or (last and not last.isdigit()):
        fail(f"nc: bad port '{ports}'")
    kind = socket.SOCK_DGRAM if options.has("u") else socket.SOCK_STREAM
    failed = None
    for port in range(int(first), int(last or first) + 1):
        try:
            found = socket.getaddrinfo(host, port, socket.AF_INET, kind)[0][4]
        except socket.gaierror:
            fail(
                f"nc: bad address '{host}'"
                if not options.has("v")
                else f'nc: getaddrinfo for host "{host}" port {port}: Name or service not known'
            )
        sock = socket.socket(socket.AF_INET, kind)
        sock.settimeout(wait)
        try:
            sock.connect(found)
        except OSError as e:
            failed = e
            why = "Connection timed out" if isinstance(e, TimeoutError) else e.strerror
            if options.has("v"):
                sys.stderr.write(f"nc: connect to {host} ({found[0]}) port {port} (tcp) failed: {why}\n")
            continue
        failed = None
        if options.has("v"):
            how = "udp" if options.has("u") else "tcp"
            sys.stderr.write(f"Connection to {host} ({found[0]}) {port} port [{how}/*] succeeded!\n")
        if options.has("z"):
            sock.close()
            continue
        sock.settimeout(None)
        run(options, sock, wait)
        return
    if failed is not None:
        if not options.has("v"):
            why = "Connection timed out" if isinstance(failed, TimeoutError) else failed.strerror
            sys.stderr.write(f"nc: {host} ({ports}): {why}\n")
        sys.exit(1)


def listen(options, host, port, wait):
    kind = socket.SOCK_DGRAM if options.has("u") else socket.SOCK_STREAM
    server = socket.socket(socket.AF_INET, kind)
    server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    server.bind((host, port))
    if kind == socket.SOCK_DGRAM:
        data, client = server.recvfrom(65535)
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()
        server.connect(client)
        run(options, server, wait)
        return
    server.listen(16)
    if options.has("v"):
        sys.stderr.write(f"Listening on {host or '0.0.0.0'} {port}\n")
    while True:
        client, peer = server.accept()
        if options.has("v"):
            sys.stderr.write(f"Connection received on {peer[0]} {peer[1]}\n")
        run(options, client, wait)
        if not options.has("k"):
            return


def run(options, sock, wait):
    """Pass on what both sides say, until the other side ends."""
    if options.values.get("e"):
        subprocess.run(options.values["e"], stdin=sock.fileno(), stdout=sock.fileno(), check=False)
        sock.close()
        return
    sources = [sock] if options.has("d") else [sock, sys.stdin]
    stream = sock.type == socket.SOCK_STREAM
    with sock:
        while sources:
            ready = select.select(sources, [], [], wait)[0]
            if not ready:
                return
            if sock in ready:
                data = sock.recv(65536)
                if not data and stream:
                    return
                sys.stdout.buffer.write(data)
                sys.stdout.buffer.flush()
            if sys.stdin in ready:
                data = sys.stdin.buffer.raw.read(65536)
                if data:
                    sock.sendall(data)
                else:
                    sources.remove(sys.stdin)
                    if stream:
                        sock.shutdown(socket.SHUT_WR)
                    elif wait is None:
                        return


main(sys.argv[1:])
