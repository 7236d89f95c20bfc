"""What the tests of net, ca and dcv share: the test programs, a throw-away CA, an HTTPS server that misbehaves."""

import datetime
import json
import os
import pathlib
import socket
import ssl
import subprocess
import threading

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = ROOT / os.environ.get("CERTMILTER_BUILD", "build")


class Tool:
    """One of build/helpers/*tool: a line of JSON in, a line of JSON out."""

    def __init__(self, name, environment=None):
        self.process = subprocess.Popen([BUILD / "helpers" / name], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        text=True, env={**os.environ, **(environment or {})})

    def __call__(self, do, **fields):
        self.process.stdin.write(json.dumps({"do": do, **fields}) + "\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        assert line, f"the tool died: {self.process.wait(10)}"
        return json.loads(line)

    def close(self):
        self.process.stdin.close()
        assert self.process.wait(20) == 0
        self.process.stdout.close()


class Authority:
    """A root made for one test run."""

    def __init__(self, directory, name="Test Root"):
        self.dir = pathlib.Path(directory)
        self.dir.mkdir(parents=True, exist_ok=True)
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        self.cert = self.sign(self.name, self.key.public_key(), ca=True)
        self.bundle = self.dir / "root.pem"
        self.bundle.write_bytes(self.cert.public_bytes(serialization.Encoding.PEM))

    def sign(self, subject, key, names=(), ca=False, days=1):
        now = datetime.datetime.utcnow()
        builder = (x509.CertificateBuilder().subject_name(subject).issuer_name(self.name).public_key(key)
                   .serial_number(x509.random_serial_number()).not_valid_before(now - datetime.timedelta(days=2))
                   .not_valid_after(now + datetime.timedelta(days=days))
                   .add_extension(x509.BasicConstraints(ca=ca, path_length=None), True))
        if names:
            builder = builder.add_extension(x509.SubjectAlternativeName([x509.DNSName(n) for n in names]), False)
        return builder.sign(self.key, hashes.SHA256())

    def context(self, *names, days=1):
        """A server's TLS context for these names."""
        key = ec.generate_private_key(ec.SECP256R1())
        cert = self.sign(x509.Name([]), key.public_key(), names, days=days)
        path = self.dir / f"{names[0]}{days}.pem"
        path.write_bytes(cert.public_bytes(serialization.Encoding.PEM) + key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()))
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(path)
        return context


class Request:
    def __init__(self, head, body, connection):
        lines = head.decode("latin-1").split("\r\n")
        self.method, self.target, _ = lines[0].split(" ", 2)
        self.headers = {k.lower(): v for k, _, v in (line.partition(": ") for line in lines[1:])}
        self.body, self.connection = body, connection


class Server:
    """HTTPS (or HTTP with context None) on a loopback port; self.answers maps a path to bytes or a function."""

    def __init__(self, context, host="127.0.0.1"):
        self.context, self.requests, self.connections, self.answers = context, [], 0, {}
        self.socket = socket.create_server((host, 0))
        self.port = self.socket.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                client, _ = self.socket.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client):
        self.connections += 1
        number = self.connections
        try:
            if self.context:
                client = self.context.wrap_socket(client, server_side=True)
            client.settimeout(20)
            data = b""
            while True:
                while b"\r\n\r\n" not in data:
                    more = client.recv(65536)
                    if not more:
                        return
                    data += more
                head, _, data = data.partition(b"\r\n\r\n")
                request = Request(head, b"", number)
                size = int(request.headers.get("content-length", 0))
                while len(data) < size:
                    data += client.recv(65536)
                request.body, data = data[:size], data[size:]
                self.requests.append(request)
                answer = self.answers.get(request.target.partition("?")[0], reply(404, b"no\n"))
                if callable(answer):
                    answer = answer(client, request)
                if answer is None:
                    return
                client.sendall(answer)
        except (OSError, ssl.SSLError):
            pass
        finally:
            client.close()

    def close(self):
        self.socket.close()


def reply(status, body=b"", *headers):
    """The bytes of an answer."""
    if isinstance(body, str):
        body = body.encode()
    lines = [f"HTTP/1.1 {status} X", f"Content-Length: {len(body)}", *headers]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body
