"""Package managers of emulated images. Nothing can be installed: what runs are the programs of this machine. What is here
already counts as installed, anything else is refused."""

import os
import shutil
import sys

PROGRAMS = {
    "bind-tools": "dig", "bind9-dnsutils": "dig", "build-base": "cc", "build-essential": "cc", "dnsutils": "nslookup",
    "gnupg": "gpg", "iproute2": "ip", "iputils": "ping", "iputils-ping": "ping", "net-tools": "ifconfig",
    "netcat": "nc", "netcat-openbsd": "nc", "netcat-traditional": "nc", "nodejs": "node", "openssh-client": "ssh",
    "postgresql-client": "psql", "procps": "ps", "procps-ng": "ps", "py3-pip": "pip3", "python3-pip": "pip3",
    "redis-tools": "redis-cli", "util-linux": "lsblk", "default-mysql-client": "mysql", "mysql-client": "mysql",
    "xz-utils": "xz",
}  # fmt: skip
DATA = {"ca-certificates": "/etc/ssl/certs", "tzdata": "/usr/share/zoneinfo"}
NOTHING_TO_DO = (
    "update",
    "upgrade",
    "dist-upgrade",
    "clean",
    "autoclean",
    "autoremove",
    "del",
    "remove",
    "purge",
    "cache",
)


def there(package):
    """Where this machine has what the package brings; None when it does not."""
    package = package.partition("=")[0].partition("~")[0].partition(":")[0].rstrip("<>")
    if package in DATA:
        return DATA[package] if os.path.isdir(DATA[package]) else None
    return shutil.which(PROGRAMS.get(package, package))


def main(name, verb, argv, code):
    words = [w for w in argv if not w.startswith("-")]
    if not words:
        sys.exit(f"usage: {name} {verb} PACKAGE...")
    if words[0] != verb:
        if words[0] not in NOTHING_TO_DO:
            sys.exit(f"{name}: {words[0]}: not in an emulated image: it has no packages")
        print(f"{name} {words[0]}: nothing to do: this image is emulated, its programs are this machine's")
        return
    found = {package: there(package) for package in words[1:]}
    for package, path in found.items():
        if path:
            print(f"{package}: this machine's is used ({path})")
    missing = [package for package, path in found.items() if not path]
    sys.stdout.flush()
    if missing:
        sys.stderr.write(
            f"{name}: cannot install {' '.join(missing)}: this image is emulated and has this machine's programs only. "
            "Install it on this machine, or take the real image (minikctl image pull, minikctl image load)\n"
        )
        sys.exit(code)
