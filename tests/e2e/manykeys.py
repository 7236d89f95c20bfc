"""A keeper's state directory with many keys, written here from the description of the format (keeper/vault.c,
keeper/envelope.c) with Python's cryptography: an independent second implementation, and much faster than asking for each.
"""
import base64
import hashlib
import hmac
import json
import os
import sys

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

DIGITS = "abcdefghijklmnopqrstuvwxyz234567"


def derive(kek, use):
    return HKDF(hashes.SHA256(), 32, None, use.encode()).derive(kek)


def kek_id(kek):
    return hashlib.sha256(derive(kek, "certmilter kek id 1")).hexdigest()[:16]


def seal(key, aad, text):
    iv = os.urandom(12)
    return base64.b64encode(iv + AESGCM(key).encrypt(iv, text, aad.encode())).decode()


def key_id(ids, request):
    mac = int.from_bytes(hmac.new(ids, request.encode(), "sha256").digest(), "big")
    return "".join(DIGITS[mac >> (251 - 5 * i) & 31] for i in range(26))


def write_keys(directory, kek, n, first=0, uid=None, gid=None, certs=()):
    """N records below DIRECTORY (a state directory that exists); their ids. All hold the same private key."""
    private = ec.generate_private_key(ec.SECP256R1())
    pkcs8 = private.private_bytes(serialization.Encoding.DER, serialization.PrivateFormat.PKCS8,
                                  serialization.NoEncryption())
    spki = hashlib.sha256(private.public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)).hexdigest()
    wrap, ids, name, out = derive(kek, "certmilter wrap 1"), derive(kek, "certmilter ids 1"), kek_id(kek), []
    for i in range(first, first + n):
        request, mailbox, created = f"cm-{i:016d}", f"user{i}@example.test", 1700000000 + i
        k = key_id(ids, request)

        def aad(what):
            return f"certmilter {what} 1\n{k}\n{mailbox}\n{spki}\nmain\np256\nkeep\n{created}\n{request}\n"
        data = os.urandom(32)
        record = {"id": k, "mailbox": mailbox, "tenant": "main", "type": "p256", "custody": "keep", "created": created,
                  "spki_sha256": spki, "destroyed": False, "certs": list(certs), "format": 1, "request": request,
                  "kek_id": name, "wrapped": seal(wrap, aad("data key"), data),
                  "sealed": seal(data, aad("private key"), pkcs8)}
        path = os.path.join(directory, "keys", k + ".json")
        with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as f:
            json.dump(record, f)
        if uid is not None:
            os.chown(path, uid, gid)
        out.append(k)
    return out


if __name__ == "__main__":  # DIRECTORY KEK-FILE N UID GID FILE-FOR-IDS
    with open(sys.argv[2]) as k, open(sys.argv[6], "w") as names:
        names.write("\n".join(write_keys(sys.argv[1], bytes.fromhex(k.read().strip()), int(sys.argv[3]),
                                         uid=int(sys.argv[4]), gid=int(sys.argv[5]))))
