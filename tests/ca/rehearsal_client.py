"""What the tests of the rehearsal CA need around it: an SMTP sink, a client, a process, a browser's worth of forms."""

import email
import email.policy
import html.parser
import http.client
import json
import os
import pathlib
import re
import socketserver
import ssl
import subprocess
import sys
import threading
import time
import urllib.parse

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

PROGRAM = pathlib.Path(__file__).with_name("rehearsal_ca.py")
ORDER = "/order/certificate"
JSON = {"Content-Type": "application/json"}


class _Session(socketserver.StreamRequestHandler):
    """Just enough of an SMTP server."""

    def say(self, text):
        self.wfile.write(text.encode() + b"\r\n")

    def handle(self):
        self.say("220 sink")
        sender, recipients = None, []
        while True:
            line = self.rfile.readline().strip().decode("utf-8", "replace")
            verb = line[:4].upper()
            if not line or verb == "QUIT":
                return
            if verb == "EHLO":
                self.say("250-sink\r\n250-8BITMIME\r\n250 SMTPUTF8")
            elif verb == "MAIL":
                sender, recipients = line, []
                self.say("250 ok")
            elif verb == "RCPT":
                if self.server.temporary > 0:
                    self.server.temporary -= 1
                    self.say("451 later")
                else:
                    recipients.append(line.partition("<")[2].partition(">")[0])
                    self.say("250 ok")
            elif verb == "DATA":
                self.say("354 go")
                lines = []
                while (raw := self.rfile.readline()) not in (b".\r\n", b""):
                    lines.append(raw[1:] if raw.startswith(b"..") else raw)
                self.server.mails.append((sender, recipients, b"".join(lines)))
                self.say("250 taken")
            else:
                self.say("250 ok")


class Sink(socketserver.ThreadingTCPServer):
    """Keeps mails as (MAIL line, recipients, raw); refuses the first `temporary` recipients with 451."""

    daemon_threads, allow_reuse_address, block_on_close = True, True, False

    def __init__(self):
        super().__init__(("127.0.0.1", 0), _Session)
        self.mails, self.temporary = [], 0
        threading.Thread(target=self.serve_forever, args=(0.1,), daemon=True).start()


class Answer:
    def __init__(self, status, headers, body):
        self.status, self.headers, self.body = status, headers, body

    @property
    def json(self):
        return json.loads(self.body)

    @property
    def text(self):
        return self.body.decode()


class Rehearsal:
    """A running rehearsal CA and a client for it."""

    def __init__(self, directory, smtp_port, *options):
        self.dir = pathlib.Path(directory)
        self.command = [sys.executable, str(PROGRAM), "--state", str(directory), "--listen", "127.0.0.1:0",
                        "--http-listen", "127.0.0.1:0", "--smtp", f"127.0.0.1:{smtp_port}", *options]
        self.start()

    def start(self):
        self.process = subprocess.Popen(self.command, stdout=subprocess.PIPE, text=True)
        line = self.process.stdout.readline()
        assert line.startswith("rehearsal-ca: ready https://127.0.0.1:"), line
        ready = dict(entry.split("=", 1) for entry in (self.dir / "ready").read_text().split())
        self.port, self.http_port = (int(ready[k].rpartition(":")[2]) for k in ("https", "http"))
        self.context = ssl.create_default_context(cafile=str(self.dir / "tls-root.pem"))
        self.accounts = json.loads((self.dir / "accounts.json").read_text())
        self.local = threading.local()

    def stop(self):
        self.process.terminate()
        return self.process.wait(10)

    def request(self, method, path, body=None, headers=None, again=True):
        """One request over this thread's kept connection."""
        connection = getattr(self.local, "connection", None)
        if connection is None:
            connection = self.local.connection = http.client.HTTPSConnection(
                "localhost", self.port, context=self.context, timeout=20)
        try:
            connection.request(method, path, body, {"User-Agent": "test", **(headers or {})})
            answer = connection.getresponse()
            return Answer(answer.status, answer.headers, answer.read())
        except (http.client.RemoteDisconnected, ConnectionError, http.client.IncompleteRead):
            connection.close()
            self.local.connection = None
            if again and method == "GET":
                return self.request(method, path, body, headers, again=False)
            raise

    def api(self, method, path, body=None, account="ours", key="key", **more):
        headers = {"X-DC-DEVKEY": self.accounts[account][key], **(JSON if body is not None else {})}
        return self.request(method, "/services/v2" + path, None if body is None else json.dumps(body), headers, **more)

    def control(self, path, body=None, method=None):
        answer = self.request(method or ("GET" if body is None else "POST"), "/rehearsal" + path,
                              None if body is None else json.dumps(body), JSON)
        assert answer.status == 200, answer.text
        return answer.json

    def plain(self, method, path, body=None):
        connection = http.client.HTTPConnection("127.0.0.1", self.http_port, timeout=10)
        connection.request(method, path, body)
        answer = connection.getresponse()
        return Answer(answer.status, answer.headers, answer.read())

    def idle(self):
        assert self.control("/idle?timeout=10")["idle"]

    def wait(self, order, status="issued"):
        end = time.monotonic() + 10
        while time.monotonic() < end:
            info = self.api("GET", f"/order/certificate/{order}").json
            if info["status"] == status:
                return info
            time.sleep(0.02)
        raise AssertionError(f"order {order} is {info['status']}, not {status}")

    def keys_of_zone(self):
        """A look-up function for dkimpy that reads the zone file."""
        records = {}
        for line in (self.dir / "zone.txt").read_text().splitlines():
            if " IN TXT " in line:
                owner, text = line.split(" 300 IN TXT ")
                records[owner] = "".join(text.strip('"').split('" "'))
        return lambda name, timeout=5: records.get(name.decode(), "").encode() or None


class Form(html.parser.HTMLParser):
    """The first form of a page: action, hidden fields, choices, buttons, and texts by id."""

    def __init__(self, text):
        super().__init__()
        self.action, self.fields, self.choices, self.buttons, self.ids, self._id = None, {}, [], [], {}, None
        self.checked = []
        self.feed(text)

    def handle_starttag(self, tag, pairs):
        attributes = dict(pairs)
        if tag == "form" and self.action is None:
            self.action = attributes["action"]
        elif tag == "input" and attributes.get("type") == "hidden":
            self.fields[attributes["name"]] = attributes["value"]
        elif tag == "input" and attributes.get("type") == "radio":
            self.choices.append(attributes["value"])
            self.checked += [attributes["value"]] if "checked" in attributes else []
        elif tag == "button":
            self.buttons.append((attributes["name"], attributes["value"]))
        self._id = attributes.get("id") if tag in ("span", "p") else self._id

    def handle_data(self, data):
        if self._id and data.strip():
            self.ids[self._id] = data.strip()
            self._id = None


def csr_of(key=None, tag="CERTIFICATE REQUEST"):
    """(key, CSR in PEM with the given tag)."""
    key = key or ec.generate_private_key(ec.SECP256R1())
    request = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([])).sign(key, hashes.SHA256())
    pem = request.public_bytes(serialization.Encoding.PEM).decode()
    return key, pem.replace("CERTIFICATE REQUEST", tag)


def spki(key):
    return key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)


def order_body(csr, *emails, organization=None, **more):
    """An order that is right for every secure_email product."""
    certificate = {"emails": list(emails), "csr": csr, "profile_type": "strict", "signature_hash": "sha256",
                   "usage_designation": {"primary_usage": "dual_use"}, "common_name_indicator": "email_address",
                   "individual": {"first_name": "Alice", "last_name": "Sample"}}
    body = {"certificate": {**certificate, **more.pop("certificate", {})}, "order_validity": {"years": 1},
            "payment_method": "balance", "skip_approval": True, **more}
    if organization:
        body["organization"] = {"id": organization}
    return body


def message(raw):
    return email.message_from_bytes(raw, policy=email.policy.default)


def text_of(raw):
    return message(raw).get_body(("plain",)).get_content()


def link_of(raw):
    return re.search(r"https://\S+", text_of(raw)).group()


def path_of(link):
    parts = urllib.parse.urlsplit(link)
    return parts.path + ("?" + parts.query if parts.query else "")


def submit(ca, link, scope="this", decision="approve"):
    """Open a link and send its form as a browser would."""
    page = ca.request("GET", path_of(link))
    form = Form(page.text)
    cookie = page.headers["Set-Cookie"].partition(";")[0]
    fields = {**form.fields, "decision": decision, **({"scope": scope} if scope else {})}
    return ca.request("POST", form.action, urllib.parse.urlencode(fields),
                      {"Cookie": cookie, "Content-Type": "application/x-www-form-urlencoded"})


def organization(ca, account="ours"):
    return ca.accounts[account]["organization_id"]


def sponsor(ca, csr, address, account="ours", **more):
    answer = ca.api("POST", ORDER + "/secure_email_sponsor",
                    order_body(csr, address, organization=organization(ca, account), **more), account)
    assert answer.status == 201, answer.text
    return answer.json["id"]


# python3 writes its cache beside the sources; the tests leave none behind
os.environ["PYTHONDONTWRITEBYTECODE"] = "1"
