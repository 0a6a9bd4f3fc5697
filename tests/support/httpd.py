#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A scripted HTTP server on loopback for tests: it fails on request, and says what it was asked.

    httpd.py --root DIR --script FILE --log FILE [--tls DIR]

One JSON line on stdout names the base URLs of its listeners:

    http, other     the same content on two ports (two origins)
    https           TLS, certificate for 127.0.0.1 and localhost, signed by DIR/ca.pem
    wronghost       TLS, certificate for another host, signed by the same authority
    proxy           takes CONNECT (always led to the https listener) and absolute-form requests
                    (answered as if by the host asked for)

The TLS files are made with the openssl program in the --tls directory when they are not there.
The server ends when its standard input closes.

The script is a JSON object: path -> list of steps. The n-th request for a path meets the n-th
step, the last one stays. A path without steps is a file below the root, with ETag, Last-Modified,
conditional requests and ranges, or 404. A step may hold (all optional):

    status      default 200             headers      more header fields (see below)
    body        text                    file         path below the root, for the content
    repeat      [text, count]           length       Content-Length to claim; null: none, close
    etag        value; turns on conditional requests and ranges
    last_modified                       ranges       false: ignore Range
    cut         send so many bytes of the body, then close    reset   true: close with RST
    stall       send so many bytes of the body, then nothing  slow    [bytes, seconds] per piece
    chunked     true                    content_range  value to claim instead of the right one
    raw         bytes to send instead of any answer (latin-1), then close
    basic       "user:password" that must come, else 401
    bearer      token that must come, else 401

`{http}`, `{other}`, `{https}`, `{wronghost}` and `{proxy}` in header values become base URLs.
Keys that do not begin with "/": "tokens" lists conda tokens: /t/TOKEN/x is x for these and 403 for
others; "proxy_auth" is "user:password" for the proxy.

The log has one JSON line per request, written before the answer: listener, method, target, path,
headers (names in lower case), status.
"""

import argparse
import base64
import email.utils
import hashlib
import json
import os
import socket
import ssl
import struct
import subprocess
import sys
import threading
import time

LISTENERS = ("http", "other", "https", "wronghost", "proxy")
REASONS = {200: "OK", 206: "Partial Content", 301: "Moved Permanently", 302: "Found",
           303: "See Other", 304: "Not Modified", 307: "Temporary Redirect",
           308: "Permanent Redirect", 401: "Unauthorized", 403: "Forbidden", 404: "Not Found",
           407: "Proxy Authentication Required", 410: "Gone", 416: "Range Not Satisfiable",
           429: "Too Many Requests", 500: "Internal Server Error", 502: "Bad Gateway",
           503: "Service Unavailable"}


def openssl(directory, *arguments):
    subprocess.run(["openssl", *arguments], cwd=directory, check=True,
                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def make_certificates(directory):
    """An authority and two server certificates; EC keys, as they are made in no time."""
    if os.path.exists(os.path.join(directory, "wronghost.pem")):
        return
    os.makedirs(directory, exist_ok=True)
    openssl(directory, "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
            "-nodes", "-keyout", "ca.key", "-out", "ca.pem", "-days", "30",
            "-subj", "/CN=envm test authority")
    for name, alternatives in (("https", "IP:127.0.0.1,DNS:localhost,DNS:secure.example"),
                               ("wronghost", "DNS:elsewhere.example")):
        with open(os.path.join(directory, name + ".ext"), "w") as out:
            out.write("subjectAltName=" + alternatives + "\n")
        openssl(directory, "req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
                "-nodes", "-keyout", name + ".key", "-out", name + ".csr",
                "-subj", "/CN=envm test server")
        openssl(directory, "x509", "-req", "-in", name + ".csr", "-CA", "ca.pem",
                "-CAkey", "ca.key", "-CAcreateserial", "-out", name + ".pem", "-days", "30",
                "-extfile", name + ".ext")


class Cut(Exception):
    """The connection ends here."""


class Request:
    def __init__(self, stream):
        line = stream.readline(65536)
        if not line.strip():
            raise Cut
        self.method, self.target, _ = line.decode("latin-1").split(" ", 2)
        self.headers = {}
        while True:
            line = stream.readline(65536).decode("latin-1")
            if line in ("\r\n", "\n", ""):
                break
            name, _, value = line.partition(":")
            self.headers[name.strip().lower()] = value.strip()
        path = self.target
        if "://" in path:
            path = "/" + path.split("://", 1)[1].partition("/")[2]
        self.path = path.partition("?")[0]

    def has_credentials(self, field, scheme, value):
        if scheme == "Basic":
            value = base64.b64encode(value.encode()).decode()
        return self.headers.get(field) == scheme + " " + value


class Server:
    def __init__(self, options):
        self.root = options.root
        self.log = open(options.log, "a", buffering=1)
        self.lock = threading.Lock()
        self.counts = {}
        self.bases = {}
        self.ports = {}
        with open(options.script) as source:
            self.script = json.load(source)
        self.contexts = {}
        if options.tls:
            make_certificates(options.tls)
            for name in ("https", "wronghost"):
                context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
                context.load_cert_chain(os.path.join(options.tls, name + ".pem"),
                                        os.path.join(options.tls, name + ".key"))
                self.contexts[name] = context

    def listen(self):
        for name in LISTENERS:
            if name in ("https", "wronghost") and name not in self.contexts:
                continue
            listener = socket.create_server(("127.0.0.1", 0), backlog=128)
            port = listener.getsockname()[1]
            scheme = "https" if name in self.contexts else "http"
            self.ports[name] = port
            self.bases[name] = "%s://127.0.0.1:%d" % (scheme, port)
            threading.Thread(target=self.accept, args=(name, listener), daemon=True).start()
        print(json.dumps(self.bases), flush=True)

    def accept(self, name, listener):
        while True:
            connection, _ = listener.accept()
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            threading.Thread(target=self.serve, args=(name, connection), daemon=True).start()

    def serve(self, name, connection):
        try:
            if name in self.contexts:
                connection = self.contexts[name].wrap_socket(connection, server_side=True)
            stream = connection.makefile("rb")
            while True:
                request = Request(stream)
                if name == "proxy" and not self.check_proxy(connection, request):
                    continue
                if request.method == "CONNECT":
                    self.tunnel(connection, request)
                    break
                self.answer(name, connection, request)
        except (Cut, OSError, ValueError):
            pass
        finally:
            try:
                connection.close()
            except OSError:
                pass

    # --- the proxy ------------------------------------------------------------------------

    def check_proxy(self, connection, request):
        wanted = self.script.get("proxy_auth")
        if not wanted or request.has_credentials("proxy-authorization", "Basic", wanted):
            return True
        self.record("proxy", request, 407)
        connection.sendall(b"HTTP/1.1 407 Proxy Authentication Required\r\n"
                           b"Proxy-Authenticate: Basic realm=proxy\r\nContent-Length: 0\r\n\r\n")
        return False

    def tunnel(self, connection, request):
        self.record("proxy", request, 200)
        upstream = socket.create_connection(("127.0.0.1", self.ports["https"]))
        connection.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
        back = threading.Thread(target=self.pump, args=(upstream, connection), daemon=True)
        back.start()
        self.pump(connection, upstream)
        back.join()

    @staticmethod
    def pump(source, target):
        try:
            while True:
                data = source.recv(65536)
                if not data:
                    break
                target.sendall(data)
            target.shutdown(socket.SHUT_WR)
        except OSError:
            pass

    # --- answers --------------------------------------------------------------------------

    def record(self, name, request, status):
        entry = {"listener": name, "method": request.method, "target": request.target,
                 "path": request.path, "headers": request.headers, "status": status}
        with self.lock:
            self.log.write(json.dumps(entry, sort_keys=True) + "\n")

    def next_step(self, path):
        steps = self.script.get(path)
        if steps is None:
            return None
        with self.lock:
            count = self.counts.get(path, 0)
            self.counts[path] = count + 1
        return steps[min(count, len(steps) - 1)]

    def read_file(self, path):
        full = os.path.normpath(os.path.join(self.root, path.lstrip("/")))
        if not full.startswith(os.path.abspath(self.root)) or not os.path.isfile(full):
            return None, None
        with open(full, "rb") as source:
            data = source.read()
        return data, email.utils.formatdate(int(os.stat(full).st_mtime), usegmt=True)

    def file_step(self, path):
        data, modified = self.read_file(path)
        if data is None:
            return {"status": 404, "body": "no such file\n"}
        return {"data": data, "last_modified": modified,
                "etag": '"' + hashlib.sha256(data).hexdigest()[:16] + '"'}

    def content(self, step):
        if "data" in step:
            return step["data"]
        if "file" in step:
            return self.read_file(step["file"])[0] or b""
        if "repeat" in step:
            return step["repeat"][0].encode("latin-1") * step["repeat"][1]
        return step.get("body", "").encode()

    def strip_token(self, path):
        """The path behind /t/TOKEN; None when the token is not one of ours."""
        if "tokens" not in self.script or not path.startswith("/t/"):
            return path
        token, _, rest = path[3:].partition("/")
        return "/" + rest if token in self.script["tokens"] else None

    def answer(self, name, connection, request):
        path = self.strip_token(request.path)
        if path is None:
            step = {"status": 403, "body": "bad token\n"}
        else:
            step = self.next_step(path) or self.file_step(path)
        if "basic" in step and not request.has_credentials("authorization", "Basic", step["basic"]):
            step = {"status": 401, "body": "who are you?\n"}
        if "bearer" in step and not request.has_credentials("authorization", "Bearer",
                                                            step["bearer"]):
            step = {"status": 401, "body": "who are you?\n"}
        if "raw" in step:
            self.record(name, request, 0)
            connection.sendall(step["raw"].encode("latin-1"))
            raise Cut
        self.send(name, connection, request, step)

    def select(self, request, step, data):
        """Status, extra fields and bytes: what conditional requests and ranges make of it."""
        status = step.get("status", 200)
        etag, modified = step.get("etag"), step.get("last_modified")
        fields = {}
        if etag:
            fields["ETag"] = etag
        if modified:
            fields["Last-Modified"] = modified
        if status != 200:
            return status, fields, data
        match, since = request.headers.get("if-none-match"), request.headers.get("if-modified-since")
        if (etag and match == etag) or (match is None and modified and since == modified):
            return 304, fields, b""
        wanted = request.headers.get("range", "")
        fresh = request.headers.get("if-range") in (None, etag)
        if not wanted.startswith("bytes=") or not etag or not fresh or not step.get("ranges", True):
            return status, fields, data
        start = int(wanted[6:].partition("-")[0])
        if start >= len(data):
            return 416, {"Content-Range": "bytes */%d" % len(data)}, b""
        fields["Content-Range"] = step.get("content_range") or "bytes %d-%d/%d" % (
            start, len(data) - 1, len(data))
        return 206, fields, data[start:]

    def send(self, name, connection, request, step):
        status, fields, data = self.select(request, step, self.content(step))
        self.record(name, request, status)
        for key, value in step.get("headers", {}).items():
            for base, url in self.bases.items():
                value = value.replace("{" + base + "}", url)
            fields[key] = value
        length = step.get("length", len(data))
        close = "length" in step or "cut" in step or step.get("reset", False)
        if step.get("chunked"):
            fields["Transfer-Encoding"] = "chunked"
        elif length is not None and status != 304:
            fields["Content-Length"] = str(length)
        if close:
            fields["Connection"] = "close"
        head = "HTTP/1.1 %d %s\r\n" % (status, REASONS.get(status, "Whatever"))
        head += "".join("%s: %s\r\n" % item for item in fields.items()) + "\r\n"
        connection.sendall(head.encode("latin-1"))
        if request.method != "HEAD":
            self.send_body(connection, step, data)
        if close:
            self.hang_up(connection, step)

    def send_body(self, connection, step, data):
        end = min(len(data), step.get("cut", len(data)), step.get("stall", len(data)))
        size, pause = step.get("slow", (1 << 16, 0))
        for at in range(0, end, size):
            piece = data[at:min(at + size, end)]
            if step.get("chunked"):
                piece = b"%x\r\n" % len(piece) + piece + b"\r\n"
            connection.sendall(piece)
            if pause:
                time.sleep(pause)
        if "stall" in step:
            time.sleep(600)
        if step.get("chunked") and end == len(data):
            connection.sendall(b"0\r\n\r\n")

    @staticmethod
    def hang_up(connection, step):
        if step.get("reset"):
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        raise Cut


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--root", required=True)
    parser.add_argument("--script", required=True)
    parser.add_argument("--log", required=True)
    parser.add_argument("--tls")
    server = Server(parser.parse_args())
    server.listen()
    while sys.stdin.buffer.read(4096):
        pass


if __name__ == "__main__":
    main()
