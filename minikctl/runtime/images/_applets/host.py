"""host [-t TYPE] NAME|ADDRESS [SERVER]"""

import sys

sys.path[:0] = [__file__.rpartition("/")[0]]

import _resolver as dns

WORDS = {"A": "has address", "AAAA": "has IPv6 address", "CNAME": "is an alias for", "PTR": "domain name pointer"}
MORE = {
    "SRV": "has SRV record",
    "TXT": "descriptive text",
    "NS": "name server",
    "MX": "mail is handled by",
    "SOA": "has SOA record",
}


def main(argv):
    kinds, words, args = [], [], iter(argv)
    for word in args:
        if word == "-t":
            kinds.append(next(args, "").upper())
        elif not word.startswith("-"):
            words.append(word)
    if not words or any(k not in dns.TYPES for k in kinds):
        sys.exit("Usage: host [-t TYPE] NAME [SERVER]")
    config = dns.Config()
    server = words[1] if len(words) > 1 else (config.servers or ["127.0.0.1"])[0]
    try:
        names, kinds = [dns.reverse(words[0])], ["PTR"]
    except ValueError:
        names, kinds = config.candidates(words[0]), kinds or ["A", "AAAA"]
    try:
        for name in names:
            replies = [dns.ask(name, kind, server) for kind in kinds]
            if any(r.answers for r in replies):
                break
    except OSError:
        sys.exit(";; connection timed out; no servers could be reached")
    except ValueError as e:
        sys.exit(f"host: {e}")
    seen = set()
    for record in (r for reply in replies for r in reply.answers):
        line = f"{record.name} {WORDS.get(record.kind) or MORE.get(record.kind, 'has ' + record.kind + ' record')} {record.data}"
        if line not in seen:
            seen.add(line)
            print(line)
    if not seen:
        code = replies[0].code
        if code == "NOERROR":
            sys.exit(f"{name} has no {'/'.join(kinds)} record")
        number = next(n for n, c in dns.CODES.items() if c == code)
        sys.exit(f"Host {words[0]} not found: {number}({code})")


main(sys.argv[1:])
