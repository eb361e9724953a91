"""nslookup NAME|ADDRESS [SERVER]: prints as busybox does in its images (before 1.29 otherwise than after), else as bind."""

import os
import re
import sys

sys.path[:0] = [__file__.rpartition("/")[0]]

import _resolver as dns


def flavour():
    """What the image's own nslookup is: old, busybox, or bind."""
    image = os.environ.get("MINIKCTL_IMAGE", "")
    match = re.search(r"busybox[^:]*:1\.(\d+)", image)
    if match:
        return "old" if int(match[1]) < 29 else "busybox"
    return "busybox" if re.search(r"busybox|alpine", image) else "bind"


def is_address(text):
    try:
        dns.reverse(text)
    except ValueError:
        return False
    return True


def main(argv):
    kinds, words = [], []
    for word in argv:
        match = re.fullmatch(r"-(?:type|query|querytype|q|ty)=(\w+)", word)
        if match:
            kinds.append(match[1].upper())
        elif not word.startswith("-"):
            words.append(word)
    if not words or any(k not in dns.TYPES for k in kinds):
        sys.exit("Usage: nslookup [-type=TYPE] HOST [DNS_SERVER]")
    config = dns.Config()
    servers = words[1:2] or config.servers or ["127.0.0.1"]
    if not is_address(servers[0]):
        found = (r.data for n in config.candidates(servers[0]) for r in dns.ask(n, "A", config.servers[0]).answers)
        servers = [next(found, servers[0])]
    style = flavour()
    for server in servers:
        try:
            found = look_up(words[0], kinds, server, config)
        except OSError:
            continue
        except ValueError as e:
            sys.exit(f"nslookup: {e}")
        say_server(server, style)
        show(words[0], found, style, server)
        return
    if style == "old":
        say_server(servers[0], style)
        sys.exit(f"nslookup: can't resolve '{words[0]}'")
    sys.exit(";; connection timed out; no servers could be reached")


def look_up(name, kinds, server, config):
    """(the name that was found or asked last, replies)."""
    if is_address(name):
        return dns.reverse(name), [dns.ask(dns.reverse(name), "PTR", server)]
    asked = name, []
    for candidate in config.candidates(name):
        replies = [dns.ask(candidate, kind, server) for kind in kinds or ("A", "AAAA")]
        asked = candidate, replies
        if any(r.answers for r in replies):
            break
    return asked


def say_server(server, style):
    if style == "old":
        own = reverse_name(server, server)
        print(f"Server:    {server}\nAddress 1: {server}{' ' + own if own else ''}\n")
    else:
        print(f"Server:\t\t{server}\nAddress:\t{server}{':' if style == 'busybox' else '#'}53\n")


def reverse_name(address, server):
    try:
        return next((r.data.rstrip(".") for r in dns.ask(dns.reverse(address), "PTR", server, tries=1).answers), "")
    except (OSError, ValueError):
        return ""


def show(asked, found, style, server):
    name, replies = found
    records = [r for reply in replies for r in reply.answers]
    if not records:
        if style == "old":
            sys.exit(f"nslookup: can't resolve '{asked}'")
        code = replies[0].code if replies else "NXDOMAIN"
        if code == "NOERROR":
            print(f"*** Can't find {asked}: No answer\n")
        else:
            print(f"** server can't find {name if style == 'bind' else asked}: {code}\n")
        sys.exit(1)
    if style == "old":
        print(f"Name:      {asked}")
        for i, record in enumerate((r for r in records if r.kind in ("A", "AAAA", "PTR")), 1):
            if record.kind == "PTR":
                print(f"Address {i}: {asked} {record.data.rstrip('.')}")
            else:
                own = reverse_name(record.data, server)
                print(f"Address {i}: {record.data}{' ' + own if own else ''}")
        return
    for record in records:
        if record.kind in ("A", "AAAA"):
            print(f"Name:\t{record.name}\nAddress: {record.data}")
        elif record.kind == "CNAME":
            print(f"{record.name}\tcanonical name = {record.data.rstrip('.') if style == 'busybox' else record.data}")
        elif record.kind == "PTR":
            print(f"{record.name}\tname = {record.data.rstrip('.') if style == 'busybox' else record.data}")
        elif record.kind == "SRV":
            print(f"{record.name}\tservice = {record.data}")
        else:
            print(f"{record.name}\t{record.kind.lower() if record.kind != 'TXT' else 'text'} = {record.data}")
    print()


main(sys.argv[1:])
