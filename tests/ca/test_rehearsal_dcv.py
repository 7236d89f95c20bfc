"""Tests of what the rehearsal CA looks for in DNS and HTTP, and of the sub-command make-mail."""

import email
import email.policy
import http.server
import re
import socket
import subprocess
import sys
import threading
import time
import zipfile
from io import BytesIO

import dkim
import dns.message
import dns.rrset
import pytest
from cryptography import x509

from rehearsal_client import PROGRAM, Rehearsal, Sink, csr_of, order_body, spki


class Zone(threading.Thread):
    """A DNS server for (name, type) -> text in master-file form; everything else does not exist."""

    def __init__(self):
        super().__init__(daemon=True)
        self.records = {}
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 0))
        self.port = self.socket.getsockname()[1]
        self.start()

    def run(self):
        while True:
            data, peer = self.socket.recvfrom(4096)
            query = dns.message.from_wire(data)
            question = query.question[0]
            answer = dns.message.make_response(query)
            name, kind = question.name.to_text(True).lower(), dns.rdatatype.to_text(question.rdtype)
            if (name, kind) in self.records:
                answer.answer.append(dns.rrset.from_text(question.name, 60, "IN", kind, self.records[name, kind]))
            else:
                answer.set_rcode(3)
            self.socket.sendto(answer.to_wire(), peer)


class Files(http.server.BaseHTTPRequestHandler):
    """Serves server.files by (host, path); a value that starts with / is a redirect."""

    def do_GET(self):
        found = self.server.files.get((self.headers["Host"], self.path))
        self.send_response(404 if found is None else 302 if found.startswith("/") else 200)
        if found and found.startswith("/"):
            self.send_header("Location", found)
        self.end_headers()
        self.wfile.write((found or "").encode())

    def log_message(self, *_):
        pass


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    zone, sink = Zone(), Sink()
    web = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Files)
    web.files = {}
    threading.Thread(target=web.serve_forever, daemon=True).start()
    ca = Rehearsal(tmp_path_factory.mktemp("ca"), sink.server_address[1], "--dns", f"127.0.0.1:{zone.port}",
                   "--http-port", str(web.server_port))
    ca.zone, ca.sink, ca.files = zone, sink, web.files
    yield ca
    assert ca.stop() == 0


def add(ca, name, method):
    answer = ca.api("POST", "/domain", {"name": name, "organization": {"id": ca.accounts["ours"]["organization_id"]},
                                        "validations": [{"type": "ov"}], "dcv_method": method})
    assert answer.status == 201, answer.text
    return answer.json["id"], answer.json["dcv_token"]


def check(ca, number):
    return ca.api("PUT", f"/domain/{number}/dcv/validate-token", {})


@pytest.mark.parametrize("place", ["txt.test", "_dnsauth.txt2.test"])
def test_txt_record_lets_a_waiting_order_go_on(world, place):
    name = place.removeprefix("_dnsauth.")
    number, token = add(world, name, "dns-txt-token")
    order = world.api("POST", "/order/certificate/secure_email_sponsor", order_body(
        csr_of()[1], f"alice@{name}", organization=world.accounts["ours"]["organization_id"])).json["id"]
    assert check(world, number).json["errors"][0]["code"] == "invalid_dns_txt"
    world.zone.records[place, "TXT"] = f'"{token["token"]}"'
    assert check(world, number).json == {"token": token["token"], "status": "active"}
    world.wait(order)
    seen = world.api("GET", f"/domain/{number}?include_dcv=true&include_validation=true").json
    assert seen["dcv_method"] == "dns-txt-token" and seen["validations"][0]["dcv_status"] == "complete"


def test_cname_record(world):
    number, token = add(world, "cname.test", "dns-cname-token")
    assert token["verification_value"] == "dcv.rehearsal-ca.test"
    assert check(world, number).status == 400
    world.zone.records["_dnsauth.cname.test", "CNAME"] = f"{token['token']}.dcv.rehearsal-ca.test."
    assert check(world, number).status == 200


@pytest.mark.parametrize("method", ["http-token", "http-token-dynamic"])
def test_http_file(world, method):
    name = f"{method}.test"
    number, token = add(world, name, method)
    assert check(world, number).json["errors"][0]["code"] == "file_random_value_not_found"
    path = re.sub(r"^http://[^/]+", "", token["http_token_url"])
    world.files[name, path] = "/moved"
    world.files[name, "/moved"] = token["token"] + "\n"
    assert check(world, number).status == 200


def test_the_ca_looks_by_itself(world):
    number, token = add(world, "poll.test", "dns-txt-token")
    world.zone.records["poll.test", "TXT"] = f'"{token["token"]}"'
    world.control("/settings", {"dcv_poll": 0.2})
    end = time.monotonic() + 10
    while world.api("GET", f"/domain/{number}?include_validation=1").json["validations"][0]["status"] != "active":
        assert time.monotonic() < end
        time.sleep(0.05)


def test_contact_record_gets_a_copy(world):
    world.zone.records["_validation-contactemail.contact.test", "TXT"] = '"certs@contact.test"'
    world.idle()
    world.sink.mails.clear()
    made = world.api("POST", "/domain", {"name": "contact.test", "validations": [{"type": "ov"}], "organization": {
        "id": world.accounts["ours"]["organization_id"]}}).json
    assert made["validation_emails"]["dns_txt_emails"] == ["certs@contact.test"]
    world.idle()
    assert ["certs@contact.test"] in [m[1] for m in world.sink.mails] and len(world.sink.mails) == 6


def make_mail(ca, *options):
    command = [sys.executable, str(PROGRAM), "make-mail", "--state", str(ca.dir), *options]
    raw = subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout
    return raw, email.message_from_bytes(raw, policy=email.policy.default)


def test_make_mail(world, tmp_path):
    raw, mail = make_mail(world, "--order", "123456", "--domain", "example.test", "--language", "ja", "--token",
                          "a" * 32)
    assert dkim.verify(raw, dnsfunc=world.keys_of_zone())
    text = mail.get_body(("plain",)).get_content()
    assert "Order: 123456" in text and f"https://validation.rehearsal-ca.test:8443/dcv/{'a' * 32}" in text
    key, csr = csr_of()
    (tmp_path / "csr").write_text(csr)
    raw, mail = make_mail(world, "--kind", "issued", "--mailbox", "bob@example.test", "--csr", str(tmp_path / "csr"))
    assert dkim.verify(raw, dnsfunc=world.keys_of_zone()) and mail["To"] == "bob@example.test"
    archive = zipfile.ZipFile(BytesIO(next(mail.iter_attachments()).get_content()))
    cert = x509.load_pem_x509_certificate(archive.read("certificate.crt"))
    assert spki(cert.public_key()) == spki(key.public_key())
    raw, _ = make_mail(world, "--fault", "no_dkim", "--unbound")
    assert b"DKIM-Signature" not in raw and b"Order:" not in raw


@pytest.mark.parametrize("fault", ["wrong_key", "wrong_mailbox", "extra_mailbox", "no_san", "server_auth", "any_eku",
                                   "no_eku", "no_key_usage", "ca_true", "too_long", "not_yet", "expired",
                                   "legacy_policy", "no_policy", "two_policies", "other_issuer"])
def test_certificate_faults_differ_from_a_good_certificate(world, fault):
    world.control("/validate", {"domain": "faulty.test"})
    world.control("/settings", {"certificate_fault": fault, "issue_delay": 0})
    key, csr = csr_of()
    number = world.api("POST", "/order/certificate/secure_email_mailbox", order_body(csr, "a@faulty.test")).json["id"]
    record = world.wait(number)["certificate"]
    world.control("/settings", {"certificate_fault": None})
    cert = x509.load_pem_x509_certificate(world.control(f"/certificate/{record['id']}")["pem"].encode())
    kinds = {e.oid for e in cert.extensions}
    assert (spki(cert.public_key()) != spki(key.public_key())) == (fault == "wrong_key")
    assert (x509.SubjectAlternativeName.oid not in kinds) == (fault == "no_san")
    assert (x509.ExtendedKeyUsage.oid not in kinds) == (fault == "no_eku")
    assert (x509.BasicConstraints.oid in kinds) == (fault == "ca_true")
    assert ((cert.not_valid_after - cert.not_valid_before).days > 825) == (fault == "too_long")
