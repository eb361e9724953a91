"""dig [@SERVER] [-p PORT] [-x ADDRESS] [-t TYPE] NAME [TYPE] [+short] [+search] [+tcp] [+noall] [+answer] …"""

import sys
import time

sys.path[:0] = [__file__.rpartition("/")[0]]

import _resolver as dns


class Asked:
    def __init__(self):
        self.server, self.port, self.name, self.kind = "", 53, "", ""
        self.short = self.search = self.tcp = False
        self.comments = self.question = self.answer = self.authority = self.additional = self.stats = True
        self.timeout, self.tries = 5.0, 3

    def plus(self, word):
        name, _, value = word.partition("=")
        on = not name.startswith("no")
        name = name.removeprefix("no")
        sections = ("comments", "question", "answer", "authority", "additional", "stats")
        if name == "all":
            for section in sections:
                setattr(self, section, on)
        elif name in (*sections, "short", "search", "tcp"):
            setattr(self, name, on)
        elif name in ("time", "timeout"):
            self.timeout = float(value or 5)
        elif name in ("tries", "retry"):
            self.tries = int(value or 3) + (name == "retry")


def read(argv):
    asked, words = Asked(), iter(argv)
    for word in words:
        if word.startswith("@"):
            asked.server = word[1:]
        elif word.startswith("+"):
            asked.plus(word[1:])
        elif word in ("-x", "-t", "-p", "-q", "-c"):
            value = next(words, "")
            if word == "-x":
                asked.name, asked.kind = dns.reverse(value), "PTR"
            elif word == "-t":
                asked.kind = value.upper()
            elif word == "-p":
                asked.port = int(value)
            elif word == "-q":
                asked.name = value
        elif word.upper() in dns.TYPES and (asked.name or not asked.kind):
            asked.kind = word.upper()
        elif word.upper() != "IN" and not word.startswith("-"):
            asked.name = word
    return asked


def main(argv):
    try:
        asked = read(argv)
    except ValueError as e:
        sys.exit(f"dig: {e}")
    kind = asked.kind or ("A" if asked.name else "NS")
    if kind not in dns.TYPES:
        sys.exit(f"dig: unknown type {kind}")
    config = dns.Config()
    server = asked.server or (config.servers or ["127.0.0.1"])[0]
    try:
        server = address(server, config)
        begun = time.monotonic()
        for name in config.candidates(asked.name) if asked.search else [asked.name.rstrip(".")]:
            reply = dns.ask(name, kind, server, asked.port, tcp=asked.tcp, timeout=asked.timeout, tries=asked.tries)
            if reply.answers:
                break
    except OSError:
        print(f"\n; <<>> DiG 9.18.0 <<>> {' '.join(argv)}\n;; global options: +cmd")
        print(";; no servers could be reached")
        sys.exit(9)
    except ValueError as e:
        sys.exit(f"dig: {e}")
    if asked.short:
        for record in reply.answers:
            print(record.data)
        return
    show(asked, name, kind, reply, server, (time.monotonic() - begun) * 1000, argv)


def address(server, config):
    try:
        dns.reverse(server)
        return server
    except ValueError:
        for name in config.candidates(server):
            for record in dns.ask(name, "A", config.servers[0]).answers:
                if record.kind == "A":
                    return record.data
    raise ValueError(f"couldn't get address for '{server}': not found")


def show(asked, name, kind, reply, server, millis, argv):
    if asked.comments:
        flags = [
            n
            for bit, n in ((0x8000, "qr"), (0x400, "aa"), (0x200, "tc"), (0x100, "rd"), (0x80, "ra"))
            if reply.flags & bit
        ]
        print(f"\n; <<>> DiG 9.18.0 <<>> {' '.join(argv)}\n;; global options: +cmd\n;; Got answer:")
        print(f";; ->>HEADER<<- opcode: QUERY, status: {reply.code}, id: {reply.id}")
        counts = f"QUERY: 1, ANSWER: {len(reply.answers)}, AUTHORITY: {len(reply.authority)}, ADDITIONAL: {len(reply.additional)}"
        print(f";; flags: {' '.join(flags)}; {counts}\n")
    if asked.question:
        title = ";; QUESTION SECTION:\n" if asked.comments else ""
        print(f"{title};{name}.\t\tIN\t{kind}\n")
    for wanted, title, records in (
        (asked.answer, "ANSWER", reply.answers),
        (asked.authority, "AUTHORITY", reply.authority),
        (asked.additional, "ADDITIONAL", [r for r in reply.additional if r.kind != "OPT"]),
    ):
        if wanted and records:
            if asked.comments:
                print(f";; {title} SECTION:")
            for r in records:
                print(f"{r.name}.\t{r.ttl}\tIN\t{r.kind}\t{r.data}")
            if asked.comments:
                print()
    if asked.stats:
        how = "TCP" if asked.tcp else "UDP"
        print(f";; Query time: {millis:.0f} msec\n;; SERVER: {server}#{asked.port}({server}) ({how})")
        print(f";; WHEN: {time.strftime('%a %b %d %H:%M:%S UTC %Y', time.gmtime())}\n;; MSG SIZE  rcvd: {reply.size}\n")


main(sys.argv[1:])
