"""Keys that last: TLS root and server key, S/MIME root and intermediate, DKIM keys, and the zone file.

Owns the files in the state directory except state.json. Made once, reused at the next start; the TLS server
key is made again when the domain changed or its certificate is about to end.
"""

import base64
import datetime
import ipaddress
import os
import pathlib

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

HOSTS = ("api", "validation", "crl", "ocsp")
SELECTOR = "r1"
TESTING_SELECTOR = "r1test"      # the same key, published with t=y
ELSEWHERE = "elsewhere.test"     # signs validly, but is no domain of this CA

PEM = serialization.Encoding.PEM
DER = serialization.Encoding.DER


def now():
    return datetime.datetime.now(datetime.timezone.utc).replace(tzinfo=None)


def write_file(path, data, mode=0o644):
    """Write atomically: a reader sees the old file or the new one, never half of it."""
    path = pathlib.Path(path)
    part = path.with_name(path.name + ".part")
    with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode), "wb") as out:
        os.fchmod(out.fileno(), mode)
        out.write(data if isinstance(data, bytes) else data.encode())
    os.replace(part, path)


def key_pem(key):
    return key.private_bytes(PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption())


def name(*pairs):
    return x509.Name([x509.NameAttribute(oid, value) for oid, value in pairs])


def ca_name(common_name):
    return name((NameOID.COUNTRY_NAME, "XX"), (NameOID.ORGANIZATION_NAME, "Rehearsal CA (synthetic)"),
                (NameOID.COMMON_NAME, common_name))


def key_usage(**on):
    flags = dict.fromkeys(("digital_signature", "content_commitment", "key_encipherment", "data_encipherment",
                           "key_agreement", "key_cert_sign", "crl_sign", "encipher_only", "decipher_only"), False)
    return x509.KeyUsage(**{**flags, **on})


def ca_certificate(common_name, key, issuer=None, issuer_key=None, days=3650, path_length=None, extra=()):
    """A CA certificate, self-signed where no issuer is given."""
    subject = ca_name(common_name)
    signer = issuer_key or key
    builder = (x509.CertificateBuilder().subject_name(subject).issuer_name(issuer.subject if issuer else subject)
               .public_key(key.public_key()).serial_number(x509.random_serial_number())
               .not_valid_before(now() - datetime.timedelta(hours=1))
               .not_valid_after(now() + datetime.timedelta(days=days))
               .add_extension(x509.BasicConstraints(True, path_length), True)
               .add_extension(key_usage(key_cert_sign=True, crl_sign=True, digital_signature=True), True)
               .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), False)
               .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key()), False))
    for extension in extra:
        builder = builder.add_extension(extension, False)
    return builder.sign(signer, hashes.SHA256())


class Keys:
    """All key material of one state directory, loaded or made."""

    def __init__(self, directory, domain, http_base):
        self.dir = pathlib.Path(directory)
        self.dir.mkdir(parents=True, exist_ok=True)
        self.domain = domain
        self._tls()
        self._smime(http_base)
        self._dkim()
        self._zone()

    def _load_key(self, filename):
        return serialization.load_pem_private_key((self.dir / filename).read_bytes(), None)

    def _load_cert(self, filename):
        return x509.load_pem_x509_certificate((self.dir / filename).read_bytes())

    def _have(self, *filenames):
        return all((self.dir / f).exists() for f in filenames)

    def _tls(self):
        self.tls_cert, self.tls_key = self.dir / "tls-server.pem", self.dir / "tls-server.key"
        if not self._have("tls-root.pem", "tls-root.key"):
            key = ec.generate_private_key(ec.SECP256R1())
            cert = ca_certificate("Rehearsal TLS Root (synthetic)", key)
            write_file(self.dir / "tls-root.key", key_pem(key), 0o600)
            write_file(self.dir / "tls-root.pem", cert.public_bytes(PEM))
        wanted = [f"{host}.{self.domain}" for host in HOSTS] + ["localhost"]
        if self._have("tls-server.pem", "tls-server.key"):
            cert = self._load_cert("tls-server.pem")
            names = cert.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
            if (names.get_values_for_type(x509.DNSName) == wanted
                    and cert.not_valid_after > now() + datetime.timedelta(days=7)):
                return
        root, root_key = self._load_cert("tls-root.pem"), self._load_key("tls-root.key")
        key = ec.generate_private_key(ec.SECP256R1())
        addresses = [x509.IPAddress(ipaddress.ip_address(a)) for a in ("127.0.0.1", "::1")]
        cert = (x509.CertificateBuilder().subject_name(name((NameOID.COMMON_NAME, wanted[0])))
                .issuer_name(root.subject).public_key(key.public_key())
                .serial_number(x509.random_serial_number())
                .not_valid_before(now() - datetime.timedelta(hours=1))
                .not_valid_after(now() + datetime.timedelta(days=390))
                .add_extension(x509.SubjectAlternativeName([x509.DNSName(w) for w in wanted] + addresses), False)
                .add_extension(x509.BasicConstraints(False, None), True)
                .add_extension(key_usage(digital_signature=True), True)
                .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), False)
                .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), False)
                .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(root_key.public_key()), False)
                .sign(root_key, hashes.SHA256()))
        write_file(self.tls_key, key_pem(key), 0o600)
        write_file(self.tls_cert, cert.public_bytes(PEM))

    def _smime(self, http_base):
        if not self._have("smime-root.pem", "smime-root.key", "smime-intermediate.pem", "smime-intermediate.key"):
            root_key = rsa.generate_private_key(65537, 3072)
            key = rsa.generate_private_key(65537, 3072)
            root = ca_certificate("Rehearsal S/MIME Root (synthetic)", root_key)
            uri = x509.UniformResourceIdentifier(f"{http_base}/smime-root.crl")
            sub = ca_certificate(
                "Rehearsal S/MIME Issuing CA (synthetic)", key, root, root_key, 1825, 0,
                (x509.ExtendedKeyUsage([ExtendedKeyUsageOID.EMAIL_PROTECTION, ExtendedKeyUsageOID.CLIENT_AUTH]),
                 x509.CertificatePolicies([x509.PolicyInformation(x509.ObjectIdentifier("2.5.29.32.0"), None)]),
                 x509.CRLDistributionPoints([x509.DistributionPoint([uri], None, None, None)])))
            write_file(self.dir / "smime-root.key", key_pem(root_key), 0o600)
            write_file(self.dir / "smime-intermediate.key", key_pem(key), 0o600)
            write_file(self.dir / "smime-root.pem", root.public_bytes(PEM))
            write_file(self.dir / "smime-intermediate.pem", sub.public_bytes(PEM))
        self.root, self.root_key = self._load_cert("smime-root.pem"), self._load_key("smime-root.key")
        self.sub, self.sub_key = self._load_cert("smime-intermediate.pem"), self._load_key("smime-intermediate.key")

    def _dkim(self):
        if not self._have("dkim.key"):
            write_file(self.dir / "dkim.key", key_pem(rsa.generate_private_key(65537, 2048)), 0o600)
        self.dkim = self._load_key("dkim.key")
        self.dkim_pem = key_pem(self.dkim)

    def _zone(self):
        public = self.dkim.public_key().public_bytes(DER, serialization.PublicFormat.SubjectPublicKeyInfo)
        record = "v=DKIM1; k=rsa; {}p=" + base64.b64encode(public).decode()
        d = self.domain
        lines = ["; resource records of the rehearsal CA (synthetic), absolute names"]
        lines += [f"{host}.{d}. 300 IN A 127.0.0.1" for host in HOSTS]
        lines += [f"{d}. 300 IN A 127.0.0.1", f"{d}. 300 IN MX 10 {d}.",
                  txt_record(d, "v=spf1 ip4:127.0.0.1 ip6:::1 -all"),
                  txt_record(f"_dmarc.{d}", "v=DMARC1; p=reject; adkim=s"),
                  txt_record(f"{SELECTOR}._domainkey.{d}", record.format("")),
                  txt_record(f"{TESTING_SELECTOR}._domainkey.{d}", record.format("t=y; ")),
                  txt_record(f"{SELECTOR}._domainkey.{ELSEWHERE}", record.format(""))]
        write_file(self.dir / "zone.txt", "\n".join(lines) + "\n")


def txt_record(owner, text):
    """A TXT record in master-file syntax; strings of at most 255 bytes each."""
    strings = [text[i:i + 250] for i in range(0, len(text), 250)]
    return f"{owner}. 300 IN TXT " + " ".join(f'"{s}"' for s in strings)
