#!/usr/bin/python3
"""Makes the test keys in keys/ and the DKIM records in dns.zone. Run once: the
keys are committed, so that everything made with them stays the same. Existing
files are kept. TEST KEYS: they are public, nothing real may ever use them."""
import base64
import pathlib

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

HERE = pathlib.Path(__file__).resolve().parent
KEYS = HERE / "keys"
MARK = "TEST KEY - public, made for certmilter's tests, worthless anywhere else\n"

# DKIM: selector, domain, kind, extra tags of the record
DKIM = [
    ("s1", "digitalcertvalidation.com", "dkim-rsa2048", ""),
    ("ed", "digitalcertvalidation.com", "dkim-ed25519", ""),
    ("testing", "digitalcertvalidation.com", "dkim-rsa2048", "t=y; "),
    ("short1024", "digitalcertvalidation.com", "dkim-rsa1024", ""),
    ("short768", "digitalcertvalidation.com", "dkim-rsa768", ""),
    ("short512", "digitalcertvalidation.com", "dkim-rsa512", ""),
    ("revoked", "digitalcertvalidation.com", None, ""),
    ("s1", "digicert.com", "dkim-rsa2048", ""),
    ("s1", "trust-provider.com", "dkim-rsa2048", ""),
    ("s1", "certificates.amazon.com", "dkim-rsa2048", ""),
    ("s1", "harica.gr", "dkim-rsa2048", ""),
    ("s1", "acme.synthetic.example", "dkim-rsa2048", ""),
    ("s1", "attacker.example", "dkim-rsa2048b", ""),
    ("s1", "example.test", "dkim-rsa2048b", ""),
]
X509 = ["x509-root", "x509-intermediate", "x509-alice", "x509-bob", "x509-other"]


def new_key(name):
    if "ed25519" in name:
        return ed25519.Ed25519PrivateKey.generate()
    if name == "x509-bob":
        return ec.generate_private_key(ec.SECP256R1())
    bits = int("".join(c for c in name.split("rsa")[-1] if c.isdigit())) if "rsa" in name else 2048
    return rsa.generate_private_key(65537, bits)


def key(name):
    path = KEYS / (name + ".pem")
    if not path.exists():
        pem = new_key(name).private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL
            if "ed25519" not in name else serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption())
        path.write_text(MARK + pem.decode())
    return serialization.load_pem_private_key(path.read_bytes(), None)


def record(name, extra):
    if name is None:
        return "v=DKIM1; k=rsa; p="
    public = key(name).public_key()
    if "ed25519" in name:
        raw = public.public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
        return "v=DKIM1; k=ed25519; %sp=%s" % (extra, base64.b64encode(raw).decode())
    der = public.public_bytes(serialization.Encoding.DER,
                              serialization.PublicFormat.SubjectPublicKeyInfo)
    return "v=DKIM1; k=rsa; %sp=%s" % (extra, base64.b64encode(der).decode())


def quoted(text):
    return " ".join('"%s"' % text[i:i + 200] for i in range(0, len(text), 200))


def main():
    KEYS.mkdir(exist_ok=True)
    for name in X509:
        key(name)
    lines = ["; DKIM keys of the sample mails. TEST KEYS: see keys/README.", "$TTL 3600"]
    for selector, domain, name, extra in DKIM:
        lines.append("%s._domainkey.%s. IN TXT ( %s )" % (selector, domain,
                                                        quoted(record(name, extra))))
    (HERE / "dns.zone").write_text("\n".join(lines) + "\n")
    (KEYS / "README").write_text(
        "TEST KEYS. These private keys are public: they sign the synthetic sample mails in\n"
        "../mails and the certificates in ../certs, and are worthless anywhere else.\n"
        "Made by ../make_keys.py.\n")


if __name__ == "__main__":
    main()
