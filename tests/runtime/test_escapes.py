"""What a container may try in order to get out, and that it gets nowhere: as root and as an ordinary user.

Fork bombs and memory are in limits/test_enforced.py, huge logs in tests/kubelet/test_log_files.py.
"""

from __future__ import annotations

import os
import resource  # noqa: F401 - nobody may not read the interpreter of the tests, and could not import it later
import subprocess
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from minikctl.kubelet.volume_manager import make_beneath
from minikctl.runtime.interface import Mount, Security
from minikctl.runtime.sandbox import beneath, bwrap
from tests.runtime.conftest import Node, until
from tests.runtime.test_sandbox_runtime import close, open_node
from tests.support import host_files
from tests.support.ordinary_user import as_ordinary_user, open_folder

Check = Callable[[Node, Path], None]
PLACES = ("/", "/etc", "/mnt", "/opt", "/root", "/srv", "/usr", "/usr/bin", "/usr/local/bin", "/var", "/dev", "/home")


@pytest.fixture(params=["root", "nobody"])
def inside(request: pytest.FixtureRequest) -> Iterator[Callable[[Check], None]]:
    """Run a check with a node's runtime and a folder of the host's, as this sort of user."""
    if request.param == "root" and os.geteuid() != 0:
        pytest.skip("not root")

    def run(check: Check) -> None:
        def whole() -> None:
            if refused := bwrap.probe(folder / "probe"):
                pytest.skip(f"no sandbox on this machine: {refused}")
            node = open_node(folder / "state")
            try:
                check(node, folder)
            finally:
                close(node)

        whole() if request.param == "root" else as_ordinary_user(folder, whole)

    with open_folder() as folder:
        yield run


def said(node: Node, script: str, name: str = "app", **more: object) -> str:
    container = node.run("sh", "-c", script, name=name, **more)
    node.ended(container)
    return "\n".join(line.split(" ", 2)[2] for line in node.log(container))


def host() -> dict[str, tuple[int, int]]:
    return {p: (os.stat(p).st_mtime_ns, len(os.listdir(p))) for p in PLACES if os.access(p, os.R_OK)}


WRITES = """
for d in / /etc /mnt /opt /root /srv /usr /usr/bin /usr/local/bin /var /dev /home; do
    touch $d/minikctl-escape; mkdir $d/minikctl-folder; ln -s /etc/shadow $d/minikctl-link
done 2>/dev/null
rm -rf /usr/bin/[a-m]* /etc/* 2>/dev/null
echo over
"""


DESTRUCTION = """
exec 2>/dev/null
chmod 777 /etc /usr /usr/bin /usr/bin/e* /usr/lib /bin /lib; chown 1:1 /usr/bin/env /etc/passwd
for f in /usr/bin/env /usr/bin/id /usr/bin/sort; do
    ln $f /data/; cp -p $f /data/copy; chmod 4755 $f; touch -d 2001-01-01 $f; echo x >>$f; mv $f $f.old
done
mv /etc /etc2; mv /usr/games /gone; ln -sfn / /data/root; ln -sfn /usr /data/usr
rm -rf /data/root/usr/bin/n* /data/usr/bin/o*
tar -cf /data/t.tar -P --transform 's,.*,../../../../../../etc/minikctl-escape,' /etc/hostname
tar -xPf /data/t.tar -C /data; (cd /data && tar -xPf t.tar)
for i in $(seq 100); do (sleep 1 &); done
rm -rf --no-preserve-root /data/root/etc /home /opt /root /usr/lib/ssl /var /etc /bin/[a-q]*
"""


def test_the_whole_host_is_as_it_was(inside: Callable[[Check], None]) -> None:
    """Every file of it, after all that is tried elsewhere on this page, and by somebody who only wants to do harm."""

    def check(node: Node, folder: Path) -> None:
        data, kept = folder / "data", folder / "kept"
        for place in (data, kept):
            place.mkdir()
            place.chmod(0o777)
        (kept / "file").write_text("the host's")
        mounts = (Mount(str(data), "/data"), Mount(str(kept), "/kept", read_only=True))
        with host_files.untouched():
            for i, script in enumerate(
                (WRITES, PROC, PRIVILEGED, FALSE_FRIENDS.replace("sleep 600", "true"), DESTRUCTION)
            ):
                said(
                    node, script.replace("{secret}", "/etc/shadow").replace("{name}", "shadow"), f"c{i}", mounts=mounts
                )
            said(node, DESTRUCTION, "user", mounts=mounts, security=Security(user=1000))
            running = node.run("sleep", "600", name="running", mounts=mounts)
            until(lambda: node.runtime.exec_sync(running, ["true"], 10).exit_code == 0, "one can exec")
            node.runtime.exec_sync(running, ["sh", "-c", DESTRUCTION], 60)
        assert (kept / "file").read_text() == "the host's"

    inside(check)


def test_whatever_is_written_stays_inside(inside: Callable[[Check], None]) -> None:
    def check(node: Node, _folder: Path) -> None:
        before = host()
        assert "over" in said(node, WRITES)
        assert host() == before
        assert not any(os.path.lexists(f"{p}/minikctl-{n}") for p in PLACES for n in ("escape", "folder", "link"))

    inside(check)


def test_links_in_volumes(inside: Callable[[Check], None]) -> None:
    """Made by one container, followed by another: by neither do they lead to the host."""

    def check(node: Node, folder: Path) -> None:
        secret, data = folder / "secret", folder / "data"
        secret.write_text("the host's")
        data.mkdir()
        data.chmod(0o777)
        mounts = (Mount(str(data), "/d"),)
        said(node, f"ln -s {secret} /d/a; ln -s ../../../../../..{secret} /d/b; ln -s / /d/c", "one", mounts=mounts)
        tries = [f"cat /d/{way}" for way in ("a", "b", f"c{secret}")] + [f"echo x >>/d/{way}" for way in ("a", "b")]
        assert "the host's" not in said(node, "; ".join(tries), "two", mounts=mounts)
        assert secret.read_text() == "the host's"

    inside(check)


PROC = """
exec 2>/dev/null
cat /proc/1/root{secret} /proc/self/root{secret} /proc/*/root{secret} /proc/self/cwd/../../..{secret}
for p in /proc/[0-9]*; do cat $p/root{secret}; cat $p/cwd/{name}; tr '\\0' '\\n' <$p/environ | grep HOSTS_OWN; done
for fd in /proc/*/fd/*; do cat $fd/../../../../..{secret} $fd/{name} $fd/../{name}; done
for name in kernel/core_pattern kernel/panic vm/overcommit_memory fs/file-max kernel/modprobe kernel/hostname; do
    old=$(cat /proc/sys/$name) && echo "$old" >/proc/sys/$name && echo wrote $name
done
echo h >/proc/sysrq-trigger && echo wrote sysrq
echo 1 >/sys/kernel/mm/ksm/run && echo wrote sys
mkdir /sys/fs/cgroup/memory/escape /sys/fs/cgroup/escape && echo made a group
head -c 1 /dev/mem /dev/kmem /proc/kcore /dev/sda /dev/vda && echo read memory
echo over
"""


def test_proc_and_sys(inside: Callable[[Check], None]) -> None:
    def check(node: Node, folder: Path) -> None:
        secret = folder / "secret"
        secret.write_text("the host's")
        os.environ["HOSTS_OWN"] = "x"
        script = PROC.replace("{secret}", str(secret)).replace("{name}", "secret")
        assert said(node, script).splitlines() == ["over"]

    inside(check)


PRIVILEGED = """
exec 2>/dev/null
mount -t tmpfs none /mnt && echo mounted
mount -o remount,rw /sys && touch /sys/x && echo remounted
umount -l /usr && ls /usr/escape
mknod /tmp/disk b 8 0 && head -c 1 /tmp/disk && echo made a disk
mknod /tmp/memory c 1 1 && head -c 1 /tmp/memory && echo made memory
nsenter -t 1 -m true && nsenter -t 1 -n -p ls {secret} && echo entered
unshare -Urm sh -c 'mount -o remount,rw,bind /sys && echo 1 >/sys/kernel/profiling' && echo nested
chroot /proc/1/root cat {secret}
hostname escaped 2>/dev/null; date -s 2001-01-01 >/dev/null && echo set the clock
echo over
"""


def test_what_only_the_real_root_may(inside: Callable[[Check], None]) -> None:
    def check(node: Node, folder: Path) -> None:
        secret = folder / "secret"
        secret.write_text("the host's")
        name = os.uname().nodename
        assert said(node, PRIVILEGED.replace("{secret}", str(secret))).splitlines() == ["over"]
        assert os.uname().nodename == name

    inside(check)


def test_processes_of_the_host(inside: Callable[[Check], None]) -> None:
    def check(node: Node, _folder: Path) -> None:
        victim = subprocess.Popen(["sleep", "600"])
        try:
            script = f"ls /proc | grep -c '^[0-9]'; kill -9 {victim.pid} {os.getpid()}; kill -9 -1; echo over"
            text = said(node, f"exec 2>/dev/null; {script}").splitlines()
            assert int(text[0]) < 8 and text[1:] in ([], ["over"])
            assert victim.poll() is None
        finally:
            victim.kill()
            victim.wait()

    inside(check)


def test_other_containers_are_out_of_reach(inside: Callable[[Check], None]) -> None:
    def check(node: Node, folder: Path) -> None:
        other = node.run("sh", "-c", "echo private >/tmp/file; sleep 600", name="other")
        main = node.main(other)
        script = f"kill -9 {main.pid}; cat /tmp/file; find / -name state -path '*{folder.name}*' 2>/dev/null; ipcs -m | wc -l"
        assert "private" not in said(node, f"({script}) 2>/dev/null; echo over")
        assert node.status(other).is_running

    inside(check)


def test_no_descriptor_comes_along(inside: Callable[[Check], None]) -> None:
    """A folder of the host's that is open is a way out."""

    def check(node: Node, folder: Path) -> None:
        data = folder / "data"
        (data / "part").mkdir(parents=True)
        os.chmod(data, 0o777)
        python_is_there = os.geteuid() == 0  # nobody may not run the interpreter of the tests
        mounts = (Mount(f"{data}/part", "/p", beneath=str(data)),) if python_is_there else ()
        found = said(
            node, "ls -l /proc/self/fd | grep -v 'fd$' | awk '{print $9}' | sort | tr '\\n' ' '", mounts=mounts
        )
        assert set(found.split()) <= {"0", "1", "2", "3"}  # 3: the folder that ls reads

    inside(check)


# ---------------------------------------------------------------------- what a container prepares for those who exec into it

FALSE_FRIENDS = """
for name in setpriv setsid env unshare nsenter sh; do
    printf '#!/bin/false\n' >/usr/local/sbin/$name; chmod 755 /usr/local/sbin/$name
done
touch /ready; exec sleep 600
"""


def prepared(node: Node, script: str, **more: object) -> str:
    container = node.run("/bin/sh", "-c", script, **more)
    until(
        lambda: node.runtime.exec_sync(container, ["/usr/bin/test", "-e", "/ready"], 10).exit_code == 0, "it is ready"
    )
    return container


def in_it(node: Node, container: str, script: str) -> str:
    return node.runtime.exec_sync(container, ["/bin/sh", "-c", f"exec 2>/dev/null; {script}"], 10).output.decode()


def test_what_runs_before_a_command_is_not_the_containers(inside: Callable[[Check], None]) -> None:
    def check(node: Node, folder: Path) -> None:
        traps = (("LD_PRELOAD", "/nosuch.so"), ("LOCPATH", "/traps"), ("ENV", "/traps"), ("BASH_ENV", "/traps"))
        container = prepared(node, FALSE_FRIENDS, env=traps)
        script = "grep CapEff /proc/1/status /proc/self/status | cut -f2; echo $LD_PRELOAD $LOCPATH $ENV $BASH_ENV"
        said = in_it(node, container, script).splitlines()
        first, second, variables = (line for line in said if "ld.so" not in line)  # the loader complains
        assert first == second and variables == "/nosuch.so /traps /traps /traps"

    inside(check)


def test_no_program_of_the_host_is_looked_for_where_the_container_says(inside: Callable[[Check], None]) -> None:
    """Its PATH may name a folder that is, on the host, one of its volumes."""

    def check(node: Node, folder: Path) -> None:
        volume, proof = folder / "volume", folder / "proof"
        volume.mkdir()
        for name in ("nsenter", "bwrap", "sh", "setsid", "cat"):
            (volume / name).write_text(f"#!/bin/sh\ntouch {proof}\n")
            (volume / name).chmod(0o755)
        mounts = (Mount(str(volume), "/volume"),)
        container = node.run("/bin/sleep", "600", env=(("PATH", f"{volume}:/usr/bin:/bin"),), mounts=mounts)
        until(lambda: in_it(node, container, "echo there") == "there\n", "one can exec")
        session = node.runtime.exec(container, ["cat", "/proc/1/comm"], stdin=False, tty=True)
        while session.read() is not None:
            pass
        assert session.exit_code() == 0 and not proof.exists()

    inside(check)


def test_the_working_directory_is_in_the_container(inside: Callable[[Check], None]) -> None:
    def check(node: Node, folder: Path) -> None:
        secret = folder / "secret"
        secret.write_text("the host's")
        script = f"cd /; rmdir /wd && ln -s {folder} /wd && mkdir -p {folder} && touch /ready; exec sleep 600"
        container = node.run("/bin/sh", "-c", script, working_dir="/wd")
        until(lambda: in_it(node, container, "ls /ready") == "/ready\n", "it is ready")
        assert in_it(node, container, "ls -a . ..; cat secret; cat ../*/secret; pwd -P").split()[-1] == str(folder)
        assert "secret" not in in_it(node, container, "ls")
        missing = node.run("/bin/sh", "-c", "cd /; rmdir /gone; exec sleep 600", working_dir="/gone", name="missing")
        until(lambda: "No such file" in in_it(node, missing, "echo x"), "there is nothing to be in")

    inside(check)


def test_exec_has_no_more_rights(inside: Callable[[Check], None]) -> None:
    def check(node: Node, folder: Path) -> None:
        data = folder / "data"
        data.mkdir()
        mounts = (Mount(str(data), "/d", read_only=True),)
        container = prepared(node, "touch /ready; exec sleep 600", mounts=mounts)
        assert (
            in_it(node, container, "mount -o remount,rw,bind /d; touch /d/x; umount /proc/sys; hostname x; id -u")
            == "0\n"
        )
        assert os.listdir(data) == []

    inside(check)


def test_read_only_stays_read_only(inside: Callable[[Check], None]) -> None:
    def check(node: Node, folder: Path) -> None:
        data = folder / "data"
        data.mkdir()
        script = (
            "exec 2>/dev/null; touch /d/x; mount -o remount,rw /d; mount -o remount,rw,bind /d; touch /d/y; touch /z"
        )
        mounts = (Mount(str(data), "/d", read_only=True),)
        assert said(node, f"{script}; echo over", mounts=mounts, security=Security(read_only_root=True)) == "over"
        assert os.listdir(data) == []

    inside(check)


# ---------------------------------------------------------------------- parts of volumes, while somebody turns them around

FLIP = "while :; do mkdir /d/part; rmdir /d/part; ln -s {target} /d/part; rm /d/part; done 2>/dev/null"


def test_a_part_of_a_volume_never_leads_out_of_it(tmp_path: Path) -> None:
    """One container turns `part` from a folder into a link to the host and back, others are started with it."""
    if refused := bwrap.probe(tmp_path / "probe"):
        pytest.skip(f"no sandbox on this machine: {refused}")
    secrets, data = tmp_path / "secrets", tmp_path / "data"
    for folder in (secrets, data):
        folder.mkdir()
    (secrets / "key").write_text("the host's")
    node = open_node(tmp_path / "state")
    try:
        node.run("sh", "-c", FLIP.replace("{target}", str(secrets)), name="racer", mounts=(Mount(str(data), "/d"),))
        until(lambda: os.path.lexists(data / "part"), "the race has begun")
        reasons = []
        for i in range(25):
            mount = Mount(f"{data}/part", "/p", beneath=str(data))
            one = node.run("sh", "-c", "cat /p/key; touch /p/mine", name=f"c{i}", mounts=(mount,))
            node.ended(one)
            assert "the host's" not in " ".join(node.log(one))
            reasons.append(node.status(one).reason)
        assert sorted(os.listdir(secrets)) == ["key"]
        assert "StartError" in reasons
    finally:
        close(node)


def test_missing_folders_are_made_inside_only(tmp_path: Path) -> None:
    outside, base = tmp_path / "outside", tmp_path / "base"
    for folder in (outside, base):
        folder.mkdir()
    stop = threading.Event()

    def race() -> None:
        place = base / "a"
        while not stop.is_set():
            for step in (lambda: place.symlink_to(outside), place.unlink, place.mkdir, lambda: os.rmdir(place)):
                try:
                    step()
                except OSError:
                    pass

    racer = threading.Thread(target=race)
    racer.start()
    try:
        for _ in range(300):
            try:
                make_beneath(base, ("a", "b"))
            except OSError:
                continue
    finally:
        stop.set()
        racer.join()
    assert list(outside.iterdir()) == []


def test_parts_are_opened_without_links(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "file").write_text("inside")
    (tmp_path / "link").symlink_to("in")
    fd = beneath.open_beneath(os.fsencode(tmp_path), b"in/file")
    assert Path(f"/proc/self/fd/{fd}").read_text() == "inside"
    os.close(fd)
    for path in (b"link", b"link/file", b"in/none"):
        with pytest.raises(OSError):
            beneath.open_beneath(os.fsencode(tmp_path), path)
