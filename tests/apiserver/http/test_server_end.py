"""SIGTERM: watches end as if their time were over, and the process is gone soon after, without an error."""

from __future__ import annotations

import json
import threading
from pathlib import Path

from tests.support.https import serving_https
from tests.support.waiting import eventually


def test_the_end_of_the_server_ends_watches_cleanly(tmp_path: Path) -> None:
    with serving_https(tmp_path / "state") as https:
        admin = https.admin()
        lines: list[dict[str, object]] = []
        ended = threading.Event()

        def watch() -> None:
            with admin.stream("GET", "/api/v1/namespaces?watch=true") as answer:
                for line in answer.iter_lines():
                    lines.append(json.loads(line))
            ended.set()  # without an exception: the stream was finished, not cut off

        thread = threading.Thread(target=watch, daemon=True)
        thread.start()
        eventually(lambda: bool(lines))
        https.client.create("namespaces", {"metadata": {"name": "last"}})
        eventually(lambda: any(line["object"]["metadata"]["name"] == "last" for line in lines))  # type: ignore[index]
        https.process.terminate()
        assert https.process.wait(10) == 0
        assert ended.wait(10)
