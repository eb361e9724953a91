"""Opens parts of volumes without ever leaving the volume, and then becomes the program that mounts them.

Started as `python -I -S beneath.py FOLDER COMMAND...`. `FOLDER/beneath` has three fields for each part, a zero behind
each: the descriptor to open it as, the volume, the path in it. No component may be a symbolic link, so that another
container that has the volume too cannot turn one around between the look and the mount. Imports nothing of this project.
"""

import json
import os
import sys

PLACE = "beneath"


def main(folder, command):
    with open(f"{folder}/{PLACE}", "rb") as f:  # noqa: PTH123 - pathlib takes milliseconds
        fields = f.read().split(b"\0")[:-1]
    try:
        for number, base, path in zip(fields[::3], fields[1::3], fields[2::3], strict=True):
            fd = open_beneath(base, path)
            os.dup2(fd, int(number), inheritable=True)
            os.close(fd)
    except OSError as e:
        text = f"failed to prepare subPath: {os.fsdecode(path)}: {e.strerror}"
        with open(f"{folder}/failure.json", "w") as f:  # noqa: PTH123
            json.dump({"reason": "StartError", "message": text}, f)
        return 128
    return os.execvp(command[0], command)


def open_beneath(base, path):
    """A descriptor (O_PATH) of what is at `path` in the folder `base`. Raises OSError, also for symbolic links."""
    here = os.open(base, os.O_PATH | os.O_DIRECTORY)
    parts = [p for p in path.split(b"/") if p not in (b"", b".")]
    for i, part in enumerate(parts):
        folder = os.O_DIRECTORY if i < len(parts) - 1 else 0
        try:
            there = os.open(part, os.O_PATH | os.O_NOFOLLOW | folder, dir_fd=here)
        finally:
            os.close(here)
        if is_link(there):
            os.close(there)
            raise OSError(40, "a symbolic link")
        here = there
    return here


def is_link(fd):
    return os.fstat(fd).st_mode & 0o170000 == 0o120000


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2:]))
