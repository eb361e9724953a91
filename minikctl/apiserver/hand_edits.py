"""What people do to object files by hand, taken as writes. Not watched for yet."""

from typing import Any


class HandEdits:
    def __init__(self, api: Any, client: Any): ...

    def start(self) -> None: ...

    def stop(self) -> None: ...
