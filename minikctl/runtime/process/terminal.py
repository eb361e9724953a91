"""shim.sh for a container with a terminal: holds the pseudo-terminal, so that it outlives the agent.

Started as `python -I -S terminal.py FOLDER PRESENCE COMMAND...`; see shim.sh for what it writes and waits for. Besides,
the pipe `resize` takes lines `<width> <height>`. Imports nothing of this project.
"""

import fcntl
import os
import select
import signal
import struct
import sys
import termios

CHUNK = 65536
SANDBOXED = "bwrap.args"
OPENED = ((9, SANDBOXED), (8, "seccomp"), (7, "processes"))
STATUS = (6, "bwrap.status")


def note(path, text):
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    os.write(fd, text.encode())
    os.close(fd)


def own_stat():
    return read("/proc/self/stat")


def read(path):
    fd = os.open(path, os.O_RDONLY)
    data = os.read(fd, CHUNK)
    os.close(fd)
    return data.decode(errors="replace")


def join(folder):
    """The container's limits hold from here on."""
    try:
        groups = read(f"{folder}/cgroups").split("\n")[:-1]
    except OSError:
        return
    for group in groups:
        try:
            fd = os.open(group, os.O_WRONLY)
            os.write(fd, b"0")
            os.close(fd)
        except OSError:
            pass


def become(folder, slave, argv):
    """The main process, in the child."""
    join(folder)
    if not os.path.exists(f"{folder}/{SANDBOXED}"):  # else its first process does that in its own namespace
        os.setsid()
        fcntl.ioctl(slave, termios.TIOCSCTTY, 0)
    for fd in (0, 1, 2):
        os.dup2(slave, fd)
    os.closerange(3, 256)
    for number, name in OPENED:
        if os.path.exists(f"{folder}/{name}"):
            os.dup2(os.open(f"{folder}/{name}", os.O_RDONLY), number)
    if os.path.exists(f"{folder}/{SANDBOXED}"):
        os.dup2(os.open(f"{folder}/{STATUS[1]}", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), STATUS[0])
    for number in range(1, signal.NSIG):
        if number not in (signal.SIGKILL, signal.SIGSTOP):
            try:
                signal.signal(number, signal.SIG_DFL)
            except (OSError, ValueError):
                pass
    note(f"{folder}/main", own_stat())
    try:
        os.execvp(argv[0], argv)
    except OSError as e:
        os.write(2, f"exec: {argv[0]}: {e.strerror}\r\n".encode())
        os._exit(126 if isinstance(e, PermissionError) else 127)


def open_pipes(folder):
    """What comes in: keys and sizes. Opened before the main process begins, so that nothing gets lost."""
    pipes = {}
    for name in ("stdin", "resize"):
        if os.path.exists(f"{folder}/{name}"):
            pipes[os.open(f"{folder}/{name}", os.O_RDWR | os.O_NONBLOCK)] = name
    return pipes


def relay(pipes, master, child, out):
    """Pass bytes on until the main process has ended."""
    ended = os.pidfd_open(child)
    poll = select.poll()
    for fd in (master, ended, *pipes):
        poll.register(fd, select.POLLIN)
    while True:
        ready = [fd for fd, _ in poll.poll()]
        if master in ready and not copy(master, out):
            poll.unregister(master)
        for fd in sorted(ready, key=lambda fd: pipes.get(fd) != "resize"):  # the size holds for what is typed after it
            if pipes.get(fd) == "resize":
                resize(master, os.read(fd, CHUNK))
            elif pipes.get(fd) == "stdin":
                write_all(master, os.read(fd, CHUNK))
        if ended in ready and master not in ready:
            return


def copy(source, target):
    try:
        data = os.read(source, CHUNK)
    except OSError:
        return False
    write_all(target, data)
    return bool(data)


def write_all(fd, data):
    while data:
        try:
            data = data[os.write(fd, data) :]
        except OSError:
            return


def resize(master, text):
    for line in text.decode(errors="replace").splitlines():
        try:
            width, height = map(int, line.split())
        except ValueError:
            continue
        fcntl.ioctl(master, termios.TIOCSWINSZ, struct.pack("HHHH", height, width, 0, 0))


def bury():
    """Kill and collect what the main process left behind."""
    for _ in range(200):
        try:
            left = read(f"/proc/self/task/{os.getpid()}/children").split()
        except OSError:
            return
        if not left:
            return
        for pid in left:
            os.kill(int(pid), signal.SIGKILL)
            try:
                os.waitpid(int(pid), 0)
            except ChildProcessError:
                pass


def main():
    folder, presence, *argv = sys.argv[1:]
    note(f"{folder}/shim", own_stat())
    for number in (signal.SIGHUP, signal.SIGINT, signal.SIGQUIT, signal.SIGTERM, signal.SIGUSR1, signal.SIGUSR2):
        signal.signal(number, lambda *_: None)
    out = os.open(f"{folder}/stdout", os.O_RDWR)
    os.open(f"{folder}/stderr", os.O_RDWR)
    master, slave = os.openpty()
    fcntl.ioctl(master, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
    pipes = open_pipes(folder)
    child = os.fork()
    if child == 0:
        become(folder, slave, argv)
    os.close(slave)
    relay(pipes, master, child, out)
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    bury()
    note(f"{folder}/exit", f"{code if code >= 0 else 128 - code}\n")
    if os.path.exists(presence):
        os.close(os.open(presence, os.O_WRONLY))


main()
