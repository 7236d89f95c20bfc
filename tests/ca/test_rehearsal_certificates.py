"""Tests of the certificates: their content, their life, the forms in which they come."""

import io
import re
import zipfile

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.serialization import pkcs7
from cryptography.x509 import ocsp
from cryptography.x509.oid import ExtendedKeyUsageOID

from rehearsal_client import ORDER, csr_of, message, order_body, organization, spki, sponsor, text_of


def extension(cert, kind):
    return cert.extensions.get_extension_for_class(kind)


@pytest.mark.parametrize("product,profile,policy", [
    ("secure_email_mailbox", "strict", "2.23.140.1.5.1.3"),
    ("secure_email_sponsor", "multipurpose", "2.23.140.1.5.3.2"),
    ("secure_email_organization", "strict", "2.23.140.1.5.2.3"), ("client_premium", None, "2.23.140.1.5.3.2"),
    ("class1_smime", None, "2.23.140.1.5.1.2")])
def test_certificate_conforms(ca, product, profile, policy):
    ca.control("/validate", {"domain": "example.test"})
    key = rsa.generate_private_key(65537, 2048)
    _, csr = csr_of(key)
    body = order_body(csr, "bob@sub.example.test", organization=organization(ca), certificate={"profile_type": profile})
    if product == "client_premium":
        body["certificate"].update(common_name="Bob Sample", common_name_indicator="given_name_surname")
    if profile is None:
        body["certificate"].pop("profile_type")
    number = ca.api("POST", f"{ORDER}/{product}", body).json["id"]
    record = ca.wait(number)["certificate"]
    pem = ca.api("GET", f"/certificate/{record['id']}/download/format/pem_noroot").text
    blocks = re.findall(r"-----BEGIN.*?-----END.*?-----", pem, re.S)
    leaf, sub = [x509.load_pem_x509_certificate(block.encode()) for block in blocks]
    root = x509.load_pem_x509_certificate((ca.dir / "smime-root.pem").read_bytes())
    for child, parent in ((leaf, sub), (sub, root)):
        parent.public_key().verify(child.signature, child.tbs_certificate_bytes, padding.PKCS1v15(),
                                   child.signature_hash_algorithm)
    assert spki(leaf.public_key()) == spki(key.public_key())
    names = extension(leaf, x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.RFC822Name) == ["bob@sub.example.test"]
    uses = list(extension(leaf, x509.ExtendedKeyUsage).value)
    wanted = [ExtendedKeyUsageOID.EMAIL_PROTECTION]
    assert uses == wanted + ([ExtendedKeyUsageOID.CLIENT_AUTH] if product == "client_premium" else [])
    assert [p.policy_identifier.dotted_string for p in extension(leaf, x509.CertificatePolicies).value] == [policy]
    usage = extension(leaf, x509.KeyUsage)
    assert usage.critical and usage.value.digital_signature and usage.value.key_encipherment
    assert extension(leaf, x509.CRLDistributionPoints).value[0].full_name[0].value.startswith("http://crl.")
    assert (leaf.not_valid_after - leaf.not_valid_before).days <= 825
    assert leaf.serial_number.bit_length() >= 64
    with pytest.raises(x509.ExtensionNotFound):
        extension(leaf, x509.BasicConstraints)
    organization_ids = [a.value for a in leaf.subject if a.oid.dotted_string == "2.5.4.97"]
    assert bool(organization_ids) == ("mailbox" not in product and product != "class1_smime")


def test_order_life(ca):
    ca.control("/validate", {"domain": "example.test"})
    number = sponsor(ca, csr_of()[1], "dora@example.test", skip_approval=False)
    assert ca.api("GET", f"{ORDER}/{number}").json["status"] == "needs_approval"
    request = ca.api("GET", "/request?filters[status]=pending").json["requests"][0]
    assert ca.api("PUT", f"/request/{request['id']}/status", {"status": "approved"}).status == 204
    first = ca.wait(number)["certificate"]
    key, csr = csr_of()
    answer = ca.api("POST", f"{ORDER}/{number}/reissue", {"certificate": {"csr": csr}, "skip_approval": True})
    assert answer.status == 201 and answer.json["id"] == number
    second = ca.wait(number)["certificate"]
    assert second["id"] != first["id"]
    old = ca.api("GET", f"/certificate/{first['id']}/download/format/pem_nointermediate").text
    new = ca.api("GET", f"/certificate/download/order/{number}/format/pem_nointermediate").text
    assert old != new
    ca.control("/duplicate_pem", {"order_id": number})
    assert ca.api("GET", f"/certificate/{second['id']}/download/format/pem_nointermediate").text == old
    ca.control("/duplicate_pem", {"order_id": number, "on": False})
    changes = ca.api("GET", ORDER + "/status-changes?minutes=5").json["orders"]
    assert {"order_id": number, "certificate_id": second["id"], "status": "issued"} in changes
    assert ca.api("GET", ORDER + "/status-changes?minutes=20000").json["errors"][0]["code"] == "time_frame_too_long"
    assert ca.api("GET", f"{ORDER}/{second['thumbprint']}").json["id"] == number
    assert ca.api("GET", ORDER + "?filters[email]=dora@example.test").json["page"]["total"] == 1
    assert ca.api("GET", ORDER + "?filters[email]=%25ora@&filters[status]=issued").json["page"]["total"] == 1
    assert ca.api("PUT", f"{ORDER}/{number}/status", {"status": "CANCELED"}).status == 400
    assert revocation_of(ca, second["id"])[0] == ocsp.OCSPCertStatus.GOOD
    assert ca.api("PUT", f"/certificate/{second['id']}/revoke", {"skip_approval": True}).status == 204
    assert ca.api("PUT", f"{ORDER}/{number}/revoke", {"comments": "x"}).json["type"] == "revoke"
    assert revocation_of(ca, second["id"]) == (ocsp.OCSPCertStatus.REVOKED, True)
    assert ca.api("GET", f"{ORDER}/{number}").json["status"] == "issued"


def revocation_of(ca, certificate):
    """(OCSP status, whether the CRL has it)."""
    record = ca.control(f"/certificate/{certificate}")
    leaf, sub = (x509.load_pem_x509_certificate(record[k].encode()) for k in ("pem", "chain"))
    request = ocsp.OCSPRequestBuilder().add_certificate(leaf, sub, hashes.SHA1()).build()
    answer = ocsp.load_der_ocsp_response(
        ca.plain("POST", "/ocsp", request.public_bytes(serialization.Encoding.DER)).body)
    crl = x509.load_der_x509_crl(ca.plain("GET", "/smime.crl").body)
    assert crl.is_signature_valid(sub.public_key())
    sub.public_key().verify(answer.signature, answer.tbs_response_bytes, padding.PKCS1v15(), hashes.SHA256())
    return answer.certificate_status, crl.get_revoked_certificate_by_serial_number(leaf.serial_number) is not None


def test_download_formats(ca):
    ca.control("/validate", {"domain": "example.test"})
    number = sponsor(ca, csr_of()[1], "erik@example.test")
    record = ca.wait(number)["certificate"]
    for fmt, count in (("default", 3), ("default_pem", 3), ("default_cer", 3), ("apache", 2)):
        body = ca.api("GET", f"/certificate/{record['id']}/download/format/{fmt}").body
        names = zipfile.ZipFile(io.BytesIO(body)).namelist()
        assert len(names) == count and names[0].endswith(".cer" if fmt == "default_cer" else ".crt")
    for fmt in ("cer", "p7b"):
        body = ca.api("GET", f"/certificate/download/order/{number}/format/{fmt}").body
        assert len(pkcs7.load_pem_pkcs7_certificates(body)) == 3
    for fmt, count in (("pem_all", 3), ("pem_noroot", 2), ("pem_nointermediate", 2)):
        assert ca.api("GET", f"/certificate/{record['id']}/download/format/{fmt}").text.count("BEGIN CERT") == count
    assert len(ca.api("GET", f"/certificate/{record['id']}/chain").json["intermediates"]) == 2
    assert ca.api("GET", f"/certificate/{record['id']}/download/format/nonsense").status == 404


@pytest.mark.parametrize("form", ["pem_text", "p7b", "crt", "link", "none", "wrong_type"])
def test_issued_forms(ca, sink, form):
    ca.control("/validate", {"domain": "example.test"})
    ca.control("/settings", {"issued_form": form})
    ca.wait(sponsor(ca, csr_of()[1], "gina@example.test", additional_emails=["copy@example.test"]))
    ca.idle()
    assert [m[1] for m in sink.mails] == [["gina@example.test"], ["copy@example.test"]]
    mail = message(sink.mails[0][2])
    kinds = [p.get_content_type() for p in mail.iter_attachments()]
    wanted = {"p7b": ["application/x-pkcs7-certificates"], "crt": ["application/x-x509-user-cert"] * 2,
              "wrong_type": ["image/jpeg"]}.get(form, [])
    if mail.get_content_type() == "multipart/mixed":
        assert kinds == wanted
    assert ("BEGIN CERTIFICATE" in text_of(sink.mails[0][2])) == (form == "pem_text")
    assert ("/collect/" in text_of(sink.mails[0][2])) == (form == "link")
