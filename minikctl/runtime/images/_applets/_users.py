"""adduser and addgroup with busybox' flags, which are not those of the programs that Debian calls so."""

import getopt
import os
import sys

ROOT = os.environ.get("MINIKCTL_ROOT", "/").rstrip("/")
"""Where the container's files are, if it has no root of its own: the machine's are not to be changed."""
PASSWD, GROUP, SHADOW = f"{ROOT}/etc/passwd", f"{ROOT}/etc/group", f"{ROOT}/etc/shadow"


def main(name, argv):
    try:
        flags, words = getopt.gnu_getopt(argv, *(OF_GROUPS if name == "addgroup" else OF_USERS))
    except getopt.GetoptError as e:
        fail(name, f"{e.msg} (this is busybox' {name})")
    options = {LONG.get(flag, flag): value for flag, value in flags}
    if not words or len(words) > 2:
        fail(name, f"usage: {name} [OPTIONS] " + ("GROUP | USER GROUP" if name == "addgroup" else "USER [GROUP]"))
    try:
        if len(words) == 2:
            join(name, *words)
        elif name == "addgroup":
            add_group(name, words[0], options)
        else:
            add_user(name, words[0], options)
    except OSError as e:
        fail(name, f"{e.filename}: {e.strerror}")


OF_USERS = (
    "h:g:s:G:u:k:SDH",
    ["home=", "gecos=", "shell=", "ingroup=", "uid=", "system", "disabled-password", "no-create-home"],
)
OF_GROUPS = ("g:S", ["gid=", "system"])
LONG = {
    "--home": "-h", "--gecos": "-g", "--shell": "-s", "--ingroup": "-G", "--uid": "-u", "--system": "-S",
    "--disabled-password": "-D", "--no-create-home": "-H", "--gid": "-g",
}  # fmt: skip


def lines(path):
    with open(path) as f:
        return [line.rstrip("\n").split(":") for line in f if line.strip()]


def put(path, found):
    with open(path, "w") as f:
        f.writelines(":".join(line) + "\n" for line in found)


def free(used, system):
    used = {int(n) for n in used if n.isdigit()}
    return next(str(n) for n in (range(100, 1000) if system else range(1000, 65000)) if n not in used)


def number(name, given, used, system):
    if not given:
        return free(used, system)
    if not given.isdigit():
        fail(name, f"invalid number '{given}'")
    if given in used:
        fail(name, f"{'gid' if name == 'addgroup' else 'uid'} '{given}' in use")
    return given


def add_group(name, group, options):
    known = lines(GROUP)
    if any(line[0] == group for line in known):
        fail(name, f"group '{group}' in use")
    gid = number(name, options.get("-g", ""), {line[2] for line in known}, "-S" in options)
    put(GROUP, [*known, [group, "x", gid, ""]])
    return gid


def add_user(name, user, options):
    known, groups, system = lines(PASSWD), lines(GROUP), "-S" in options
    if any(line[0] == user for line in known):
        fail(name, f"user '{user}' in use")
    uid = number(name, options.get("-u", ""), {line[2] for line in known}, system)
    wanted = options.get("-G") or ("nogroup" if system else "")
    if wanted:
        gid = next((line[2] for line in groups if line[0] == wanted), None)
        if gid is None:
            fail(name, f"unknown group {wanted}")
    else:
        taken = any(line[2] == uid for line in groups)
        gid = add_group(name, user, {} if taken else {"-g": uid})
    home = options.get("-h") or f"/home/{user}"
    shell = options.get("-s") or ("/bin/false" if system else "/bin/sh")
    put(PASSWD, [*known, [user, "x", uid, gid, options.get("-g") or "Linux User,,,", home, shell]])
    if os.path.exists(SHADOW):
        put(SHADOW, [*lines(SHADOW), [user, "!", "19000", "0", "99999", "7", "", "", ""]])
    folder = ROOT + home
    if "-H" not in options and not os.path.isdir(folder):
        os.makedirs(folder)
        if os.geteuid() == 0:
            os.chown(folder, int(uid), int(gid))
        os.chmod(folder, 0o2755)


def join(name, user, group):
    known = lines(GROUP)
    if not any(line[0] == user for line in lines(PASSWD)):
        fail(name, f"unknown user {user}")
    line = next((line for line in known if line[0] == group), None)
    if line is None:
        fail(name, f"unknown group {group}")
    members = [m for m in line[3].split(",") if m]
    if user not in members:
        line[3] = ",".join([*members, user])
        put(GROUP, known)


def fail(name, text):
    sys.stderr.write(f"{name}: {text}\n")
    sys.exit(1)
