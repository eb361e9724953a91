"""What the machine under a node has and is: read once, when the agent starts."""

from __future__ import annotations

import os
import platform
import socket
import uuid
from dataclasses import dataclass
from pathlib import Path

_ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64", "armv7l": "arm", "i686": "386"}


@dataclass(frozen=True, slots=True)
class Machine:
    """cpu in cores, memory and disk in bytes; the rest as a Node's nodeInfo has it."""

    cpu: int
    memory: int
    disk: int
    architecture: str
    operating_system: str
    kernel: str
    os_image: str
    machine_id: str
    system_uuid: str
    boot_id: str
    address: str


def this_machine(folder: str | os.PathLike[str] = "/") -> Machine:
    """The machine we run on; `disk` is the file system of `folder`."""
    disk = os.statvfs(folder)
    return Machine(
        cpu=len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1,
        memory=os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"),
        disk=disk.f_blocks * disk.f_frsize,
        architecture=architecture(),
        operating_system=platform.system().lower(),
        kernel=platform.release(),
        os_image=_os_image(),
        machine_id=_first_line("/etc/machine-id") or uuid.uuid5(uuid.NAMESPACE_DNS, platform.node()).hex,
        system_uuid=_first_line("/sys/class/dmi/id/product_uuid") or _first_line("/etc/machine-id"),
        boot_id=_first_line("/proc/sys/kernel/random/boot_id"),
        address=host_address(),
    )


def simulated_machine(index: int) -> Machine:
    """The machine that a simulated node pretends to be."""
    one = uuid.uuid5(uuid.NAMESPACE_DNS, f"simulated-node-{index}")
    gib = 1024**3
    address = f"10.0.{index // 256}.{index % 256}"
    return Machine(
        8, 32 * gib, 200 * gib, architecture(), "linux", platform.release(), "simulated", one.hex, str(one), "", address
    )


def architecture() -> str:
    """Go's name of the processor architecture."""
    return _ARCHITECTURES.get(platform.machine(), platform.machine())


def host_address() -> str:
    """The machine's first address towards the world; the loopback address when it has none. Sends nothing."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))
            return str(probe.getsockname()[0])
        except OSError:
            return "127.0.0.1"


def _os_image() -> str:
    try:
        return platform.freedesktop_os_release().get("PRETTY_NAME", "")
    except OSError:
        return platform.platform(terse=True)


def _first_line(path: str) -> str:
    try:
        return Path(path).read_text().strip()
    except OSError:
        return ""
