"""Real DKIM signatures by dkimpy, and the ways to spoil them. Owns no state but the key it is given."""

import time

import dkim
import dkim.crypto
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, utils

from .keys import ELSEWHERE, SELECTOR, TESTING_SELECTOR

SIGNED = [b"from", b"to", b"subject", b"date", b"message-id", b"mime-version", b"content-type",
          b"content-transfer-encoding"]
LIFE = 14 * 86400
FAULTS = ("no_dkim", "broken_body", "broken_signature", "wrong_d", "unsigned_subject", "l_tag", "second_from",
          "second_subject", "testing_key", "expired", "old", "no_key")

_fast_keys = {}


def _sign_fast(digest, private):
    """dkimpy's RSA step by OpenSSL: its own needs 12 ms and holds the interpreter meanwhile."""
    key = _fast_keys[private["modulus"]]
    return key.sign(digest.digest(), padding.PKCS1v15(), utils.Prehashed(hashes.SHA256()))


dkim.RSASSA_PKCS1_v1_5_sign = _sign_fast


class _Signer(dkim.DKIM):
    """dkimpy's signer, with t= and x= of our choice."""

    signed_at = 0

    def gen_header(self, fields, *args, **kwargs):
        out = []
        for tag, value in fields:
            if tag == b"t":
                out += [(b"t", str(self.signed_at).encode()), (b"x", str(self.signed_at + LIFE).encode())]
            else:
                out.append((tag, value))
        return super().gen_header(out, *args, **kwargs)


def sign(raw, keys, faults=()):
    """The message with its signature in front, spoilt as the faults say. raw has CRLF line ends."""
    if "no_dkim" in faults:
        return raw
    _fast_keys[keys.dkim.private_numbers().public_numbers.n] = keys.dkim
    signer = _Signer(raw)
    signer.signed_at = int(time.time())
    if "expired" in faults:
        signer.signed_at -= LIFE + 2 * 86400
    elif "old" in faults:
        signer.signed_at -= LIFE - 3600
    domain = ELSEWHERE if "wrong_d" in faults else keys.domain
    selector = TESTING_SELECTOR if "testing_key" in faults else "nokey" if "no_key" in faults else SELECTOR
    headers = [h for h in SIGNED if not (h == b"subject" and "unsigned_subject" in faults)]
    field = signer.sign(selector.encode(), domain.encode(), keys.dkim_pem, b"rsa-sha256",
                        canonicalize=(b"relaxed", b"relaxed"), include_headers=headers, length="l_tag" in faults)
    if "broken_signature" in faults:
        raw = raw.replace(b"Subject: ", b"Subject: [changed] ", 1)
    if "broken_body" in faults or "l_tag" in faults:
        raw += b"A line that was added on the way.\r\n"
    signed = field + raw
    if "second_from" in faults:
        signed = b"From: Rehearsal CA <no-reply@lookalike.test>\r\n" + signed
    if "second_subject" in faults:
        signed = b"Subject: Please validate something else\r\n" + signed
    return signed
