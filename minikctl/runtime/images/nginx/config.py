"""nginx's configuration: text → directives → servers. Says in nginx's words what is wrong with it.

A directive is [name, arguments, block or None, file, line].
"""

import os

MAIN = {
    "user", "worker_processes", "error_log", "pid", "daemon", "events", "http", "include", "worker_rlimit_nofile",
    "load_module", "env", "worker_shutdown_timeout", "master_process", "working_directory",
}  # fmt: skip
WITHOUT_EFFECT = {
    "sendfile", "tcp_nopush", "tcp_nodelay", "keepalive_timeout", "keepalive_requests", "types_hash_max_size",
    "types_hash_bucket_size", "server_names_hash_bucket_size", "server_names_hash_max_size", "client_max_body_size",
    "client_body_buffer_size", "client_header_timeout", "client_body_timeout", "send_timeout", "large_client_header_buffers",
    "reset_timedout_connection", "server_name_in_redirect", "port_in_redirect", "absolute_redirect", "log_not_found",
    "open_file_cache", "resolver", "resolver_timeout", "gzip", "gzip_types", "gzip_vary", "gzip_min_length", "gzip_comp_level",
    "gzip_proxied", "gzip_disable", "gzip_buffers", "gzip_http_version", "gzip_static", "proxy_http_version",
    "proxy_buffering", "proxy_buffers", "proxy_buffer_size", "proxy_busy_buffers_size", "proxy_redirect",
    "proxy_request_buffering", "proxy_send_timeout", "proxy_cache", "proxy_cache_bypass", "proxy_next_upstream",
    "proxy_ssl_server_name", "proxy_ssl_verify", "ssl_protocols", "ssl_ciphers", "ssl_prefer_server_ciphers",
    "ssl_session_cache", "ssl_session_timeout", "ssl_session_tickets", "ssl_dhparam", "keepalive", "zone", "least_conn",
    "ip_hash", "hash", "random", "map_hash_bucket_size", "variables_hash_max_size", "http2", "underscores_in_headers",
    "merge_slashes", "etag", "if_modified_since", "real_ip_header", "set_real_ip_from", "real_ip_recursive",
    "worker_connections", "multi_accept", "use", "charset", "source_charset", "override_charset",
}  # fmt: skip
KNOWN = {
    "server", "location", "listen", "server_name", "root", "alias", "index", "return", "rewrite", "error_page", "try_files",
    "add_header", "access_log", "log_format", "default_type", "types", "autoindex", "proxy_pass", "proxy_set_header",
    "proxy_connect_timeout", "proxy_read_timeout", "proxy_hide_header", "upstream", "stub_status", "allow", "deny", "expires",
    "set", "internal", "server_tokens", "ssl_certificate", "ssl_certificate_key", "map", "if",
}  # fmt: skip
ESCAPED = {"n": "\n", "r": "\r", "t": "\t", '"': '"', "'": "'", "\\": "\\"}
BLOCKS = {"events", "http", "server", "location", "types", "upstream", "map", "if"}


class Wrong(Exception):
    """The configuration cannot be used. `unknown`: because of a directive that this program does not know."""

    unknown = False


def wrong(text, file, line, unknown=False):
    made = Wrong(f"{text} in {file}:{line}")
    made.unknown = unknown
    return made


def words(text, file):
    """(word, line, quoted) of a file; `;`, `{` and `}` are words. Raises Wrong."""
    i, line, size = 0, 1, len(text)
    while i < size:
        c = text[i]
        if c == "\n":
            line += 1
        if c.isspace():
            i += 1
        elif c == "#":
            end = text.find("\n", i)
            i = size if end < 0 else end
        elif c in ";{}":
            yield c, line, False
            i += 1
        elif c in "\"'":
            begun, word, i = line, "", i + 1
            while i < size and text[i] != c:
                if text[i] == "\\" and text[i + 1 : i + 2] in ESCAPED:
                    word, i = word + ESCAPED[text[i + 1]], i + 2
                    continue
                line += text[i] == "\n"
                word, i = word + text[i], i + 1
            if i >= size:
                raise wrong('unexpected end of file, expecting "' + c + '"', file, line)
            yield word, begun, True
            i += 1
        else:
            word = ""
            while (i < size and not text[i].isspace() and text[i] not in ";{") or (
                word.endswith("$") and text[i : i + 1] == "{"
            ):
                if text[i] == "{":  # ${name}
                    end = text.find("}", i)
                    word, i = word + text[i : end + 1], end + 1
                    continue
                if text[i] == "\\" and i + 1 < size and text[i + 1] in "\"' ;{}":
                    i += 1
                word, i = word + text[i], i + 1
            yield word, line, False


def parse(path, read, listed):
    """The directives of a file and of those that it includes. read(path) → text; listed(pattern) → paths."""
    tokens = list(words(read(path), path))
    found, left = _block(tokens, path, read, listed, top=True)
    if left:
        raise wrong('unexpected "}"', path, left[0][1])
    return found


def _block(tokens, file, read, listed, top=False):
    found, now, line = [], [], 1
    while tokens:
        word, line, quoted = tokens.pop(0)
        if quoted or word not in (";", "{", "}"):
            now.append((word, line))
        elif word == "}":
            if top:
                return found, [(word, line)]
            if now:
                raise wrong('unexpected "}"', file, line)
            return found, []
        elif not now:
            raise wrong(f'unexpected "{word}"', file, line)
        else:
            name, at = now[0]
            arguments, now = [w for w, _ in now[1:]], []
            if word == "{":
                inner, _ = _block(tokens, file, read, listed)
                found.append([name, arguments, inner, file, at])
            elif name == "include":
                found += _included(arguments[0], file, at, read, listed)
            else:
                found.append([name, arguments, None, file, at])
    if now:
        raise wrong('unexpected end of file, expecting ";" or "}"', file, line)
    if not top:
        raise wrong('unexpected end of file, expecting "}"', file, line)
    return found, []


def _included(pattern, file, line, read, listed):
    pattern = pattern if pattern.startswith("/") else "/etc/nginx/" + pattern
    paths = listed(pattern)
    if not paths and not any(c in pattern for c in "*?["):
        raise wrong(f'open() "{pattern}" failed (2: No such file or directory)', file, line)
    return [d for p in paths for d in parse(p, read, listed)]


def check(directives, context="main"):
    """Raises Wrong for what nginx would not take, or what is not emulated."""
    for name, arguments, block, file, line in directives:
        if context in ("types", "map"):
            continue
        if context == "upstream" and name == "server":
            continue
        allowed = MAIN if context == "main" else KNOWN | WITHOUT_EFFECT
        if name not in allowed:
            if name in MAIN | KNOWN | WITHOUT_EFFECT:
                raise wrong(f'"{name}" directive is not allowed here', file, line)
            raise wrong(f'unknown directive "{name}"', file, line, unknown=True)
        if (name in BLOCKS) != (block is not None):
            if block is None:
                raise wrong(f'directive "{name}" has no opening "{{"', file, line)
            raise wrong(f'directive "{name}" is not terminated by ";"', file, line)
        if (
            block is None
            and not arguments
            and name not in ("internal", "stub_status", "ip_hash", "least_conn", "random")
        ):
            raise wrong(f'invalid number of arguments in "{name}" directive', file, line)
        if block is not None:
            check(block, name)
            _check_block(name, block, file, line)


def _check_block(name, block, file, line):
    if name == "if":
        inside = {d[0] for d in block} - {"return", "rewrite", "set", "add_header"}
        if inside:
            raise wrong(f'"{sorted(inside)[0]}" inside of "if" is not emulated', file, line, unknown=True)


def first(directives, name, default=None):
    """The arguments of a directive."""
    return next((d[1] for d in directives if d[0] == name), default)


def every(directives, name):
    return [d for d in directives if d[0] == name]


def local_files(base):
    """read and listed for files below a folder: paths in the configuration are those of the container."""

    def read(path):
        try:
            fd = os.open(base + path, os.O_RDONLY)
        except OSError as e:
            raise Wrong(f'open() "{path}" failed ({e.errno}: {e.strerror})') from None
        try:
            data = b""
            while part := os.read(fd, 65536):
                data += part
            return data.decode("utf-8", "replace")
        finally:
            os.close(fd)

    def listed(pattern):
        import fnmatch

        folder, _, name = pattern.rpartition("/")
        try:
            names = sorted(os.listdir(base + folder))
        except OSError:
            return []
        return [f"{folder}/{n}" for n in names if fnmatch.fnmatchcase(n, name) and (n[0] != "." or name[0] == ".")]

    return read, listed
