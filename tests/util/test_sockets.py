"""Unix sockets at long paths."""

from __future__ import annotations

import pytest

from minikctl.util.sockets import MAX_PATH, connect_unix, listen_unix


@pytest.mark.parametrize("folder", ["short", "x" * 120 + "/" + "y" * 120])
def test_listen_and_connect(tmp_path, folder):
    path = tmp_path / folder / "a.sock"
    path.parent.mkdir(parents=True)
    assert len(str(path)) > MAX_PATH or folder == "short"
    listener = listen_unix(path)
    with listener, connect_unix(path, timeout=5) as client:
        accepted, _ = listener.accept()
        with accepted:
            client.sendall(b"hi")
            assert accepted.recv(2) == b"hi"
    assert path.stat().st_mode & 0o777 == 0o600
    with pytest.raises(ConnectionRefusedError):
        connect_unix(path)
    listen_unix(path).close()


def test_nothing_there(tmp_path):
    with pytest.raises(FileNotFoundError):
        connect_unix(tmp_path / "no.sock")
