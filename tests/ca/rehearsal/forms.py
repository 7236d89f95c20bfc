"""The forms in which a certificate is handed out: ZIP, PEM, PKCS#7. Pure functions on certificates."""

import io
import zipfile

from cryptography.hazmat.primitives.serialization import Encoding, pkcs7

FORMATS = ("default", "default_pem", "default_cer", "apache", "cer", "p7b", "pem_all", "pem_nointermediate",
           "pem_noroot")


def pem(cert, crlf=False):
    text = cert.public_bytes(Encoding.PEM).decode()
    return text.replace("\n", "\r\n") if crlf else text


def zip_of(entries):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for filename, data in entries:
            archive.writestr(filename, data)
    return out.getvalue()


def p7(certs, encoding=Encoding.PEM):
    return pkcs7.serialize_certificates(certs, encoding)


def download(fmt, leaf, sub, root):
    """(body, content type, file name) of one documented download format."""
    names, chain = ("certificate", "intermediate", "root"), (leaf, sub, root)
    if fmt in ("default", "default_pem", "default_cer", "apache"):
        end = "cer" if fmt == "default_cer" else "crt"
        count = 2 if fmt == "apache" else 3
        entries = [(f"{n}.{end}", pem(c, crlf=True)) for n, c in list(zip(names, chain))[:count]]
        return zip_of(entries), "application/zip", "certificate.zip"
    if fmt in ("cer", "p7b"):
        return p7([leaf, sub, root]), "application/x-pkcs7-certificates", f"certificate.{fmt}"
    parts = {"pem_all": chain, "pem_nointermediate": (leaf, root), "pem_noroot": (leaf, sub)}[fmt]
    return "".join(pem(c, crlf=True) for c in parts).encode(), "application/x-pem-file", "certificate.pem"
