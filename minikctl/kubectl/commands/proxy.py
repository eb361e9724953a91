"""`kubectl proxy`. Source: kubectl `pkg/cmd/proxy/proxy.go`."""

from __future__ import annotations

import contextlib
import os
import socket
from pathlib import Path

from minikctl.kubectl.command import Command, Invocation
from minikctl.kubectl.flags import BOOL, DURATION, INT, Option
from minikctl.kubectl.proxying import Dial, Filter, Headers, Proxy, patterns
from minikctl.util.duplex import Duplex
from minikctl.util.errors import UsageError

PORT, ADDRESS = 8001, "127.0.0.1"
HOSTS = r"^localhost$,^127\.0\.0\.1$,^\[::1\]$"
REJECTED = "^/api/.*/pods/.*/exec,^/api/.*/pods/.*/attach"


def run(call: Invocation) -> None:
    """Until Ctrl-C. Raises UsageError."""
    flags = call.flags
    if flags.port != PORT and flags.unix_socket:
        raise UsageError("cannot set --unix-socket and --port at the same time")
    chosen = _filter(call)
    dial, prefix = _way(call)
    if prefix and not flags.append_server_path:
        hint = "use --append-server-path to automatically append the path to each request"
        call.klog("W", "proxy.go:167", f"Your kube context contains a server path {prefix}, {hint}")
    proxy = Proxy(
        dial=dial,
        filter=chosen,
        api_prefix=_with_slash(flags.api_prefix),
        static=_static(call),
        static_prefix=_with_slash(flags.www_prefix),
        append_path=prefix if flags.append_server_path else "",
    )
    with _listening(call) as listener:
        shown = flags.unix_socket or "{}:{}".format(*_shown(listener))
        call.out(f"Starting to serve on {shown}")
        call.env.stdout.flush()
        with contextlib.suppress(KeyboardInterrupt):
            proxy.serve(listener)
        proxy.close()


def _filter(call: Invocation) -> Filter | None:
    flags = call.flags
    if flags.disable_filter:
        if not flags.unix_socket:
            text = "Request filter disabled, your proxy is vulnerable to XSRF attacks, please be cautious"
            call.klog("W", "proxy.go:175", text)
        return None
    return Filter(
        accept_paths=patterns(flags.accept_paths),
        reject_paths=patterns(flags.reject_paths),
        accept_hosts=patterns(flags.accept_hosts),
        reject_methods=patterns(flags.reject_methods),
    )


def _way(call: Invocation) -> tuple[Dial, str]:
    """(how to reach the server, the path in its address)."""
    from minikctl.kubectl.connection import open_transport

    transport = open_transport(call)

    def dial() -> tuple[Duplex, Headers, str]:
        sock, credentials, _ = transport.upgrade("", ())
        if call.flags.keepalive > 0:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        return Duplex(sock), credentials, transport.url.netloc

    return dial, transport.url.prefix


def _static(call: Invocation) -> Path | None:
    given: str = call.flags.www
    if not given:
        return None
    path = call.env.cwd / given
    if not path.exists():
        why = f"stat {given}: no such file or directory"
        call.klog("W", "proxy.go:197", f"Failed to stat static file directory {given}: {why}")
    elif not path.is_dir():
        call.klog("W", "proxy.go:199", f"Static file directory {given} is not a directory")
    return path


def _with_slash(prefix: str) -> str:
    return prefix if prefix.endswith("/") else f"{prefix}/"


def _shown(listener: socket.socket) -> tuple[str, int]:
    host, port = listener.getsockname()[:2]
    return (f"[{host}]" if ":" in host else host), port


def _listening(call: Invocation) -> socket.socket:
    """Raises UsageError when the address cannot be had."""
    flags = call.flags
    try:
        if flags.unix_socket:
            return _unix_socket(call.env.cwd / flags.unix_socket)
        family = socket.AF_INET6 if ":" in flags.address else socket.AF_INET
        return socket.create_server((flags.address.strip("[]"), flags.port), family=family, backlog=128)
    except (OSError, OverflowError) as e:
        why = os.strerror(e.errno).lower() if isinstance(e, OSError) and e.errno and e.errno > 0 else str(e)
        where = f"unix {flags.unix_socket}" if flags.unix_socket else f"tcp {flags.address}:{flags.port}"
        raise UsageError(f"listen {where}: bind: {why}") from None


def _unix_socket(path: Path) -> socket.socket:
    """For this user alone; a socket that is there already is replaced, another file is not. Raises OSError."""
    from minikctl.util.sockets import listen_unix

    if path.exists() and not path.is_socket():
        raise FileExistsError(98, "address already in use")
    return listen_unix(path)


COMMAND = Command(
    name="proxy",
    summary="Run a proxy to the Kubernetes API server",
    group="Troubleshooting and Debugging",
    use="proxy [--port=PORT] [--www=static-dir] [--www-prefix=prefix] [--api-prefix=prefix]",
    description="Serve the cluster's API over plain HTTP on a local port, with your own credentials, to whoever may "
    "connect there; and static files beside it.",
    examples=(
        ("The whole API at port 8001", "proxy"),
        ("Any free port", "proxy --port=0"),
        ("The API below /k8s/", "proxy --api-prefix=/k8s/"),
        ("With the files of a folder below /static/", "proxy --www=./site"),
    ),
    options=(
        Option("accept-hosts", default=HOSTS, help="Regular expressions for hosts (in the Host header) to accept."),
        Option("accept-paths", default="^.*", help="Regular expressions for paths to accept."),
        Option("address", default=ADDRESS, help="The IP address to listen on."),
        Option("api-prefix", default="/", help="The prefix to serve the API under."),
        Option("append-server-path", BOOL, help="Put the path of the context's server before every request's path."),
        Option("disable-filter", BOOL, help="Pass everything on. Dangerous on a port that others can reach."),
        Option("keepalive", DURATION, help="Keep connections to the server alive this long; 0 for not at all."),
        Option("port", INT, short="p", default=PORT, help="The port to listen on; 0 for any free one."),
        Option("reject-methods", default="^$", help="Regular expressions for HTTP methods to reject."),
        Option("reject-paths", default=REJECTED, help="Regular expressions for paths to reject, accepted ones too."),
        Option("unix-socket", short="u", help="A Unix socket to listen on instead of a port."),
        Option("www", short="w", help="A folder of static files to serve as well.", complete="folders"),
        Option("www-prefix", short="P", default="/static/", help="The prefix to serve static files under."),
    ),
    run=run,
)
