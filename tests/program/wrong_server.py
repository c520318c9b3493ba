#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
#
# A debuginfod server whose answers are wrong in the way that the URL names: usage
# wrong_server.py DIRECTORY [CERTIFICATE].  DIRECTORY has the sections of the right answer,
# kheaders and kheaders.id, and of others.  With CERTIFICATE, a file that contains its key, too,
# the server speaks HTTPS.  It prints its port.

import http.server
import pathlib
import random
import ssl
import sys
import time

SECTIONS = pathlib.Path(sys.argv[1])


def damage(data, seed):
    """@data, damaged in one of the ways that disks and networks have."""
    rng = random.Random(seed)
    at = rng.randrange(len(data))
    kind = rng.randrange(5)
    if kind == 0:
        return data[:at]
    if kind == 1:
        return data[:at] + bytes([data[at] ^ 1 << rng.randrange(8)]) + data[at + 1:]
    if kind == 2:
        return data + rng.randbytes(rng.randrange(1, 5000))
    if kind == 3:
        size = rng.randrange(1, 600)
        return data[:at] + bytes(byte ^ 0xa5 for byte in data[at:at + size]) + data[at + size:]
    return data[:at] + data[at + rng.randrange(1, 600):]


class Server(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def reply(self, data, status=200, size=None, **headers):
        self.send_response(status)
        self.send_header("Content-Length", len(data) if size is None else size)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(data)

    def do_GET(self):
        self.close_connection = True
        # /MODE/buildid/HEX/section/.NAME
        _, mode, _, _, _, name = self.path.split("/")
        self.answer(mode, name[1:], (SECTIONS / name[1:]).read_bytes())

    def answer(self, mode, name, data):
        which, _, kind = mode.partition("-")
        if kind.isdigit():
            seed = int(kind)
            wrong = name == ("kheaders", "kheaders.id")[seed % 2]
            return self.reply(damage(data, seed) if wrong else data)
        if which == "id" and name != "kheaders.id" or which == "archive" and name != "kheaders":
            return self.reply(data)
        return getattr(self, kind, self.other)(data, kind, name)

    def right(self, data, *_):
        self.reply(data)

    def other(self, _, kind, name):
        self.reply((SECTIONS / f"{name}.{kind}").read_bytes())

    def short(self, data, *_):
        self.reply(data[:len(data) // 2], size=len(data))

    def empty(self, *_):
        self.reply(b"")

    def html(self, *_):
        self.reply(b"<!DOCTYPE html><title>Sign in</title>\n")

    def missing(self, *_):
        self.reply(b"not found", 404)

    def error(self, *_):
        self.reply(b"oops", 500)

    def huge(self, *_):
        self.reply(b"x" * 1000, size=1 << 40)

    def endless(self, *_):
        self.send_response(200)
        self.end_headers()
        while True:
            self.wfile.write(b"x" * (1 << 16))

    def loop(self, *_):
        self.reply(b"", 302, Location=self.path)

    def stall(self, *_):
        time.sleep(60)

    def slow(self, data, *_):
        self.send_response(200)
        self.send_header("Content-Length", len(data))
        self.end_headers()
        for byte in data:
            self.wfile.write(bytes([byte]))
            time.sleep(0.2)


class Quiet(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_):
        pass        # the client hung up


server = Quiet(("127.0.0.1", 0), Server)
if len(sys.argv) > 2:
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    tls.load_cert_chain(sys.argv[2])
    server.socket = tls.wrap_socket(server.socket, server_side=True)
print(server.server_port, flush=True)
server.serve_forever()
