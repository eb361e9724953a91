"""`make bench`, or `python bench/run.py [NAME…]`: measure and print the table. Exit code 1 when a goal is missed."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from bench import api_server, ingress, measure, names, pods, scale, services

ALL = (*measure.ALL, *scale.ALL, *api_server.ALL, *services.ALL, *ingress.ALL, *names.ALL, *pods.ALL)


def main(words: list[str]) -> int:
    from tabulate import tabulate

    chosen = [m for m in ALL if not words or m.__name__ in words]
    if not chosen:
        sys.stderr.write(f"there are: {' '.join(m.__name__ for m in ALL)}\n")
        return 2
    figures: list[measure.Figure] = []
    for number, take in enumerate(chosen, 1):
        if sys.stderr.isatty():
            sys.stderr.write(f"\r{number}/{len(chosen)} {take.__name__} …\x1b[K")
            sys.stderr.flush()
        try:
            figures += take()
        except Exception as e:
            figures.append(measure.Figure(take.__name__, f"failed: {e}", reached=False))
    if sys.stderr.isatty():
        sys.stderr.write("\r\x1b[K")
    marks = {True: "yes", False: "NO", None: ""}
    rows = [(f.name, f.value, f.goal, marks[f.reached], f.kubectl) for f in figures]
    print(tabulate(rows, headers=("figure", "here", "goal", "reached", "kubectl"), disable_numparse=True))
    return 1 if any(f.reached is False for f in figures) else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
