"""The listeners: HTTPS for API, pages and control; plain HTTP for CRL, OCSP and control. Owns the sockets."""

import base64
import datetime
import http.server
import re
import socket
import socketserver
import ssl
import sys
import urllib.parse

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from . import api, api_domains, api_orders, control, faults, issue, pages

from .web import Call, Reply, error_reply

API_PARTS = (api, api_domains, api_orders)      # each adds its routes when it is imported
LARGEST = 1 << 20
IDLE = 75
SEGMENTS = ((re.compile(r"/[0-9]+(?=/|$)"), "/{id}"), (re.compile(r"/[a-z0-9]{32}(?=/|$)"), "/{token}"),
            (re.compile(r"/[0-9A-Fa-f]{20,64}(?=/|$)"), "/{id}"),
            (re.compile(r"(?<=/domain)/[a-z0-9-]+\.[a-z0-9.-]+(?=/|$)"), "/{name}"))


def pattern_of(path):
    for expression, name in SEGMENTS:
        path = expression.sub(name, path)
    return path


class Handler(http.server.BaseHTTPRequestHandler):
    """One connection, kept alive; every answer goes out in one write."""

    protocol_version = "HTTP/1.1"
    server_version, sys_version = "rehearsal-ca", ""
    timeout = IDLE
    disable_nagle_algorithm = True
    wbufsize = -1

    def answer(self):
        length = self.headers.get("Content-Length") or "0"
        if self.headers.get("Transfer-Encoding") or not length.isdigit():
            return self.write(error_reply(411, "length_required", "A Content-Length header is required."), close=True)
        if int(length) > LARGEST:
            return self.write(error_reply(413, "too_large", "The request is too large."), close=True)
        body = self.rfile.read(int(length))
        call = Call(self.server.ca, self.command, self.path, self.headers, body, self.client_address[0])
        try:
            reply, cut = self.server.route(call)
        except faults.Close:
            self.close_connection = True
            try:
                self.connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
            return None
        return self.write(reply, cut=cut)

    do_GET = do_POST = do_PUT = do_DELETE = do_HEAD = do_PATCH = answer

    def write(self, reply, close=False, cut=False):
        self.send_response_only(reply.status)
        self.send_header("Date", self.date_time_string())
        if reply.status != 204:
            self.send_header("Content-Type", reply.content_type)
            self.send_header("Content-Length", str(len(reply.body)))
        for name, value in reply.headers:
            self.send_header(name, value)
        if close or cut:
            self.send_header("Connection", "close")
            self.close_connection = True
        self.end_headers()
        if self.command != "HEAD" and reply.status != 204:
            self.wfile.write(reply.body[:len(reply.body) // 2] if cut else reply.body)
        self.wfile.flush()

    def log_message(self, format, *args):  # noqa: A002, the name is the base class's
        if self.server.verbose:
            sys.stderr.write(f"rehearsal-ca: {self.command} {self.path} {format % args}\n")


class Server(socketserver.ThreadingMixIn, http.server.HTTPServer):
    """A threaded listener; with a TLS context the handshake happens in the connection's own thread."""

    daemon_threads, block_on_close, allow_reuse_address = True, False, True
    request_queue_size = 256

    def __init__(self, address, ca=None, route=None, context=None, verbose=False):
        self.ca, self.route, self.context, self.verbose = ca, route, context, verbose
        super().__init__(address, Handler)

    def server_bind(self):
        # the base class asks DNS for its own name here, which a rehearsal must not wait for
        socketserver.TCPServer.server_bind(self)
        self.server_name, self.server_port = self.server_address[:2]

    def finish_request(self, request, client_address):
        if self.context is not None:
            request.settimeout(IDLE)
            request = self.context.wrap_socket(request, server_side=True)
        try:
            self.RequestHandlerClass(request, client_address, self)
        finally:
            if self.context is not None:
                self.shutdown_request(request)

    def handle_error(self, request, client_address):
        if not isinstance(sys.exc_info()[1], OSError):
            super().handle_error(request, client_address)


def context_of(keys):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_cert_chain(keys.tls_cert, keys.tls_key)
    return context


def route_https(call):
    """API, pages or control by path."""
    if call.path.startswith("/rehearsal"):
        return control.handle(call), False
    with call.ca.state.lock:
        call.ca.state.count(f"{call.method} {pattern_of(call.path)}")
    handler = api.handle if call.path.startswith(api.PREFIX + "/") else pages.handle
    return faults.meet(call, handler)


def route_http(call):
    """Revocation data, and control for those who have no TLS root at hand."""
    if call.path.startswith("/rehearsal"):
        return control.handle(call), False
    return faults.meet(call, revocation)


def revocation(call):
    ca, keys = call.ca, call.ca.keys
    if call.path == "/smime.crl":
        with ca.state.lock:
            revoked = [(int(r["serial"], 16), datetime.datetime.utcfromtimestamp(r["revoked"]))
                       for r in ca.state.data["certificates"].values() if r["revoked"]]
        return Reply(200, issue.revocation_list(keys.sub, keys.sub_key, revoked), "application/pkix-crl")
    if call.path == "/smime-root.crl":
        return Reply(200, issue.revocation_list(keys.root, keys.root_key, []), "application/pkix-crl")
    if call.path == "/smime-intermediate.crt":
        return Reply(200, keys.sub.public_bytes(Encoding.DER), "application/pkix-cert")
    if call.path == "/ocsp" or call.path.startswith("/ocsp/"):
        raw = call.raw
        if call.method == "GET":
            try:
                raw = base64.b64decode(urllib.parse.unquote(call.target.partition("/ocsp/")[2]))
            except ValueError:
                raw = b""
        return Reply(200, issue.ocsp_answer(keys, raw, lambda serial: known(ca, serial)), "application/ocsp-response")
    return Reply(404, b"not found\n", "text/plain")


def known(ca, serial):
    """(certificate, time of revocation or None) of a serial number, or None."""
    with ca.state.lock:
        record = ca.state.data["certificates"].get(ca.by_serial.get(serial))
        if record is None:
            return None
        revoked = datetime.datetime.utcfromtimestamp(record["revoked"]) if record["revoked"] else None
        return x509.load_pem_x509_certificate(record["pem"].encode()), revoked
