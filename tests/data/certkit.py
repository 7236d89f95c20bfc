"""Certificates of the sample mails: a root, an intermediate, S/MIME leaves.

Deterministic: fixed keys, serials and dates, RSA PKCS#1 signatures."""
import datetime
import io
import pathlib
import zipfile

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.serialization import pkcs7
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID, ObjectIdentifier

HERE = pathlib.Path(__file__).resolve().parent
FROM = datetime.datetime(2026, 11, 22)
BASE = "http://pki.synthetic.example/"


def key(name):
    return serialization.load_pem_private_key((HERE / "keys" / (name + ".pem")).read_bytes(), None)


def name(cn, org=None):
    parts = [x509.NameAttribute(NameOID.COUNTRY_NAME, "DE")] if org else []
    if org:
        parts.append(x509.NameAttribute(NameOID.ORGANIZATION_NAME, org))
    return x509.Name(parts + [x509.NameAttribute(NameOID.COMMON_NAME, cn)])


def usage(*names):
    all_names = ["digital_signature", "content_commitment", "key_encipherment", "data_encipherment",
                 "key_agreement", "key_cert_sign", "crl_sign", "encipher_only", "decipher_only"]
    return x509.KeyUsage(**{n: n in names for n in all_names})


def ca(subject, subject_key, issuer, issuer_key, serial, days):
    b = (x509.CertificateBuilder().subject_name(subject).issuer_name(issuer)
         .public_key(subject_key.public_key()).serial_number(serial)
         .not_valid_before(FROM - datetime.timedelta(days=30))
         .not_valid_after(FROM + datetime.timedelta(days=days))
         .add_extension(x509.BasicConstraints(True, None), True)
         .add_extension(usage("key_cert_sign", "crl_sign"), True)
         .add_extension(x509.SubjectKeyIdentifier.from_public_key(subject_key.public_key()), False)
         .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(
             issuer_key.public_key()), False))
    return b.sign(issuer_key, hashes.SHA256())


def leaf(mailboxes, subject_key, issuer, serial, days=730):
    rsa_key = hasattr(subject_key.public_key(), "e") or "RSA" in type(subject_key).__name__
    use = ("digital_signature", "key_encipherment" if rsa_key else "key_agreement")
    issuer_key = key("x509-intermediate")
    b = (x509.CertificateBuilder().subject_name(name(mailboxes[0])).issuer_name(issuer.subject)
         .public_key(subject_key.public_key()).serial_number(serial)
         .not_valid_before(FROM).not_valid_after(FROM + datetime.timedelta(days=days, seconds=-1))
         .add_extension(x509.SubjectAlternativeName([x509.RFC822Name(m) for m in mailboxes]), False)
         .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.EMAIL_PROTECTION]), False)
         .add_extension(usage(*use), True)
         .add_extension(x509.CertificatePolicies([x509.PolicyInformation(
             ObjectIdentifier("2.23.140.1.5.1.2"), None)]), False)
         .add_extension(x509.SubjectKeyIdentifier.from_public_key(subject_key.public_key()), False)
         .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(
             issuer_key.public_key()), False)
         .add_extension(x509.CRLDistributionPoints([x509.DistributionPoint(
             [x509.UniformResourceIdentifier(BASE + "ca.crl")], None, None, None)]), False)
         .add_extension(x509.AuthorityInformationAccess([
             x509.AccessDescription(ObjectIdentifier("1.3.6.1.5.5.7.48.1"),
                                    x509.UniformResourceIdentifier(BASE + "ocsp")),
             x509.AccessDescription(ObjectIdentifier("1.3.6.1.5.5.7.48.2"),
                                    x509.UniformResourceIdentifier(BASE + "ca.cer"))]), False))
    return b.sign(issuer_key, hashes.SHA256())


def make_all():
    """name -> certificate"""
    root_name, inter_name = name("Synthetic Test Root", "Synthetic CA"), name(
        "Synthetic Test S/MIME CA", "Synthetic CA")
    root = ca(root_name, key("x509-root"), root_name, key("x509-root"), 1001, 7300)
    inter = ca(inter_name, key("x509-intermediate"), root_name, key("x509-root"), 1002, 3650)
    return {
        "root": root,
        "intermediate": inter,
        "alice": leaf(["alice@example.test"], key("x509-alice"), inter, 0x10AA01),
        "bob": leaf(["bob@example.test", "bob.b@example.test"], key("x509-bob"), inter, 0x10AA02),
        "other": leaf(["carol@elsewhere.test"], key("x509-other"), inter, 0x10AA03),
    }


def pem(cert):
    return cert.public_bytes(serialization.Encoding.PEM)


def der(cert):
    return cert.public_bytes(serialization.Encoding.DER)


def p7b(certs, as_pem=False):
    return pkcs7.serialize_certificates(
        certs, serialization.Encoding.PEM if as_pem else serialization.Encoding.DER)


def spki_sha256(cert):
    digest = hashes.Hash(hashes.SHA256())
    digest.update(cert.public_key().public_bytes(serialization.Encoding.DER,
                                                 serialization.PublicFormat.SubjectPublicKeyInfo))
    return digest.finalize().hex()


def archive(files):
    """A ZIP of (name, bytes) with fixed dates."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as z:
        for file_name, data in files:
            info = zipfile.ZipInfo(file_name, (2026, 11, 22, 14, 0, 0))
            info.compress_type = zipfile.ZIP_DEFLATED
            z.writestr(info, data)
    return out.getvalue()
