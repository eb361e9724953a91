"""Small network programs: `--runner NAME --options JSON`, or `--serve :PORT` and POST /run/NAME.

nat-closewait-server closes its side of a connection and waits; nat-closewait-client connects and sees that.
"""

import json
import os
import socket
import time

import _server as http
from common import flags, listen, say, server

leaked = []


def _place(text):
    host, _, port = text.rpartition(":")
    return host.strip("[]") or http.address(), int(port)


def closewait_server(options):
    with socket.create_server(_place(options["LocalAddr"])) as listener:
        say(f"Server listening on {options['LocalAddr']}")
        connection, _ = listener.accept()
        with connection:
            say("Client connected")
            connection.shutdown(socket.SHUT_WR)
            wait = options.get("PostFinTimeoutSeconds", 0)
            say(f"Server sent FIN, waiting {wait} seconds")
            time.sleep(wait)
    say("Done")


def closewait_client(options):
    limit = options.get("TimeoutSeconds", 0) or None
    connection = socket.create_connection(_place(options["RemoteAddr"]), limit)
    say("Connected to server")
    if connection.recv(1):
        raise OSError("Got data but expected EOF")
    wait = options.get("PostFinTimeoutSeconds", 0)
    say(f"Server has half-closed the connection, waiting {wait} seconds")
    if options.get("LeakConnection"):
        leaked.append(connection)
    time.sleep(wait)
    if not options.get("LeakConnection"):
        connection.close()
    say("Done")


RUNNERS = {"nat-closewait-server": closewait_server, "nat-closewait-client": closewait_client}


def handle(request):
    runner = RUNNERS.get(request.path.removeprefix("/run/"))
    if runner is None:
        return http.Answer(404, f"No such runner: {request.path.removeprefix('/run/')}\n")

    def work():
        try:
            runner(json.loads(request.body or b"{}"))
        except (OSError, ValueError, KeyError) as e:
            return http.Answer(500, f"{e}\n")
        return http.Answer(200, "ok\n")

    return http.Later(work)


def main(words):
    given, _ = flags(words)
    if given.get("serve"):
        made = server()
        listen(made, _place(given["serve"])[1], handle)
        made.run()
        return
    runner = RUNNERS.get(given.get("runner", ""))
    if runner is None:
        http.fail(f"No such runner: {given.get('runner', '')} (there are: {', '.join(RUNNERS)})")
    try:
        runner(json.loads(given.get("options", "{}")))
    except (OSError, ValueError, KeyError) as e:
        say(f"Error: {e}")
        os._exit(1)
