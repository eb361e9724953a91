"""Options in a URL's query, read as Kubernetes' conversion does (the first of several values counts)."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Any

from minikctl.api.errors import bad_request
from minikctl.apiserver.http.messages import Request


def boolean(request: Request, name: str) -> bool:
    """True unless it is absent, `false` or `0`."""
    values = request.queries.get(name)
    return values is not None and len(values) > 0 and values[0].lower() not in ("false", "0")


def integer(request: Request, name: str) -> int | None:
    """None when it is absent. Raises ApiError BadRequest."""
    values = request.queries.get(name)
    if not values:
        return None
    if not re.fullmatch("[-+]?[0-9]+", values[0]):
        raise bad_request(f'strconv.ParseInt: parsing "{values[0]}": invalid syntax')
    number = int(values[0])
    if not -(1 << 63) <= number < 1 << 63:
        raise bad_request(f'strconv.ParseInt: parsing "{values[0]}": value out of range')
    return number


def text(request: Request, name: str) -> str:
    values = request.queries.get(name)
    return values[0] if values else ""


def log_options(request: Request) -> dict[str, Any]:
    """PodLogOptions. Raises ApiError BadRequest."""
    options: dict[str, Any] = {
        "container": text(request, "container"),
        "follow": boolean(request, "follow"),
        "previous": boolean(request, "previous"),
        "timestamps": boolean(request, "timestamps"),
        "sinceTime": text(request, "sinceTime"),
        "stream": text(request, "stream"),
    }
    for name in ("sinceSeconds", "tailLines", "limitBytes"):
        if (number := integer(request, name)) is not None:
            options[name] = number
    if options["sinceTime"]:
        _check_time(options["sinceTime"])
    return {k: v for k, v in options.items() if v != "" and v is not False}


def _check_time(value: str) -> None:
    try:
        if datetime.fromisoformat(value).tzinfo is not None and "T" in value:
            return
    except ValueError:
        pass
    raise bad_request(f'parsing time "{value}" as "2006-01-02T15:04:05Z07:00": cannot parse "{value}" as "2006"')


def session_options(request: Request, *, with_command: bool) -> dict[str, Any]:
    """PodExecOptions, PodAttachOptions. Raises ApiError BadRequest."""
    options: dict[str, Any] = {"container": text(request, "container")}
    for name in ("stdin", "stdout", "stderr", "tty"):
        options[name] = boolean(request, name)
    if not {"stdin", "stdout", "stderr"} & request.queries.keys():
        options |= {"stdout": True, "stderr": True}
    if with_command:
        options["command"] = request.queries.get("command", [])
    if options["tty"]:
        options["stderr"] = False  # a terminal has one stream of output
    if not (options["stdin"] or options["stdout"] or options["stderr"]):
        raise bad_request("you must specify at least 1 of stdin, stdout, stderr")
    return options
