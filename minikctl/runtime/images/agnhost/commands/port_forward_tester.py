"""Takes one connection, checks what it says, and sends chunks: $BIND_ADDRESS, $BIND_PORT, $EXPECTED_CLIENT_DATA,
$CHUNKS, $CHUNK_SIZE, $CHUNK_INTERVAL (milliseconds)."""

import os
import socket
import sys
import time

import _server as http

LINGER = 0.5
"""Seconds between the end of what is sent and the end of the connection."""


def number(name):
    text = os.environ.get(name, "")
    if not text.lstrip("-").isdigit():
        http.say(f'Error parsing {name} "{text}": strconv.Atoi: parsing "{text}": invalid syntax')
        sys.exit(1)
    return int(text)


def main(_words):
    host = os.environ.get("BIND_ADDRESS") or "localhost"
    if host == "localhost" and http.address() != "0.0.0.0":
        host = http.address()  # this pod's own part of the loopback network
    try:
        listener = socket.create_server((host, number("BIND_PORT")))
    except OSError as e:
        http.say(f"Error listening: {e}")
        sys.exit(1)
    connection, _ = listener.accept()
    http.say("Accepted client connection")
    expected = os.environ.get("EXPECTED_CLIENT_DATA", "")
    if expected:
        got = connection.recv(len(expected)).decode("utf-8", "replace")
        if len(got) != len(expected):
            http.say(f"Expected to read {len(expected)} bytes from client, but got {len(got)} instead. err=EOF")
            sys.exit(2)
        if got != expected:
            http.say(f'Expect to read "{expected}", but got "{got}". err=<nil>')
            sys.exit(3)
        http.say("Received expected client data")
    chunks, size, wait = number("CHUNKS"), number("CHUNK_SIZE"), number("CHUNK_INTERVAL")
    for i in range(chunks):
        connection.sendall(b"x" * size)
        if i + 1 < chunks:
            time.sleep(wait / 1000)
    http.say("Shutting down connection")
    connection.shutdown(socket.SHUT_WR)
    time.sleep(LINGER)
    connection.close()
    http.say("Done")
