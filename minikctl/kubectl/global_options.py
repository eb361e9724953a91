"""The flags that every command takes (`kubectl options`)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from minikctl.kubectl.flags import ARRAY, BOOL, DURATION, INT32, STRING, Option
from minikctl.util.errors import UsageError

if TYPE_CHECKING:
    from minikctl.kubectl.command import Invocation

GLOBAL_OPTIONS: tuple[Option, ...] = (
    Option("as", STRING, help="Act as this user, or as a service account (system:serviceaccount:NAMESPACE:NAME)."),
    Option("as-group", ARRAY, help="Act as a member of this group; may be repeated."),
    Option("as-uid", STRING, help="Act under this UID."),
    Option("as-user-extra", ARRAY, help="Extra user information to act with, KEY=VALUE; may be repeated."),
    Option(
        "cache-dir",
        STRING,
        default="$HOME/.kube/cache",
        help="Where discovery is cached (the local cluster needs no cache).",
    ),
    Option("certificate-authority", STRING, help="File with the certificate of the server's authority."),
    Option("client-certificate", STRING, help="File with a client certificate for TLS."),
    Option("client-key", STRING, help="File with the key of the client certificate."),
    Option("cluster", STRING, help="Name of the kubeconfig cluster to use.", complete="clusters"),
    Option("context", STRING, help="Name of the kubeconfig context to use.", complete="contexts"),
    Option("disable-compression", BOOL, help="Ask the server not to compress its answers."),
    Option("insecure-skip-tls-verify", BOOL, help="Do not check the server's certificate. Not safe."),
    Option("kubeconfig", STRING, help="The kubeconfig file to use."),
    Option("kuberc", STRING, help="The kuberc file with preferences to use; `off` for none."),
    Option(
        "log-flush-frequency", DURATION, default=5.0, help="Most seconds between two flushes of the log.", hidden=True
    ),
    Option("match-server-version", BOOL, help="Refuse to work when client and server versions differ."),
    Option("namespace", STRING, short="n", help="The namespace to work in.", complete="namespaces"),
    Option("password", STRING, help="Password for basic authentication."),
    Option(
        "profile",
        STRING,
        default="none",
        help="Which profile to capture (none|cpu|heap|goroutine|threadcreate|block|mutex|trace).",
    ),
    Option("profile-output", STRING, default="profile.pprof", help="File for the profile."),
    Option(
        "request-timeout", STRING, default="0", help="How long to wait for one request (1s, 2m, 3h); 0 is for ever."
    ),
    Option("server", STRING, short="s", help="Address and port of the API server."),
    Option("state-dir", STRING, help="The state directory of the local cluster (else $MINIKCTL_STATE, ./state, …)."),
    Option("tls-server-name", STRING, help="The name that the server's certificate must carry."),
    Option("token", STRING, help="Bearer token for the API server."),
    Option("user", STRING, help="Name of the kubeconfig user to use.", complete="users"),
    Option("username", STRING, help="User name for basic authentication."),
    Option("v", INT32, short="v", default=0, help="How much to log."),
    Option("vmodule", STRING, help="Log levels by file, PATTERN=N,…"),
    Option("warnings-as-errors", BOOL, help="Exit with an error code when the server sent a warning."),
)


def request_timeout(call: Invocation) -> float | None:
    """Seconds that one request may take by --request-timeout; None for no end. Raises UsageError."""
    from minikctl.api.durations import parse_go_duration

    text = call.flags.get("request-timeout") or "0"
    try:
        seconds = float(int(text)) if re.fullmatch("[0-9]+", text) else parse_go_duration(text)
    except ValueError:
        raise UsageError(
            "Invalid timeout value. Timeout must be a single integer in seconds, or an integer followed by "
            "a corresponding time unit (e.g. 1s | 2m | 3h)"
        ) from None
    return seconds or None
