"""Raw mails, byte by byte, and their DKIM signatures by dkimpy. Deterministic."""
import base64
import pathlib
import quopri

import dkim

HERE = pathlib.Path(__file__).resolve().parent
NOW = 1795356000  # 2026-11-22T14:00:00Z: the clock of all samples
DATE = "Sun, 22 Nov 2026 14:00:00 +0000"
SIGNED = ["from", "to", "subject", "date", "message-id", "content-type", "mime-version"]


def crlf(text):
    return text.replace("\r\n", "\n").replace("\n", "\r\n")


def word(text, charset, how="b", split=None):
    """Encoded words (RFC 2047); SPLIT cuts the bytes, so that characters are torn."""
    raw = text.encode(charset)
    pieces = [raw] if split is None else [raw[i:i + split] for i in range(0, len(raw), split)]
    out = []
    for p in pieces:
        if how == "b":
            out.append("=?%s?B?%s?=" % (charset, base64.b64encode(p).decode()))
        else:
            q = "".join(chr(c) if chr(c).isalnum() and c < 128 else "_" if c == 32 else "=%02X" % c
                        for c in p)
            out.append("=?%s?Q?%s?=" % (charset, q))
    return "\r\n ".join(out)


def encode(data, cte):
    if cte == "base64":
        return base64.encodebytes(data).replace(b"\n", b"\r\n")
    if cte == "quoted-printable":
        return quopri.encodestring(data.replace(b"\r\n", b"\n")).replace(b"\n", b"\r\n")
    return data


class Part:
    """Content headers and an encoded body."""

    def __init__(self, ctype, data, cte="7bit", charset=None, disposition=None, params=""):
        self.headers = [("Content-Type", ctype + ("; charset=%s" % charset if charset else "")
                         + params)]
        if cte != "7bit":
            self.headers.append(("Content-Transfer-Encoding", cte))
        if disposition:
            self.headers.append(("Content-Disposition", disposition))
        if isinstance(data, str):
            data = crlf(data).encode(charset or "us-ascii")
        self.body = encode(data, cte)

    def raw(self):
        return b"".join(b"%s: %s\r\n" % (k.encode(), v.encode()) for k, v in self.headers) + \
            b"\r\n" + self.body


def text(data, charset="us-ascii", cte="7bit", params=""):
    return Part("text/plain", data, cte, charset, params=params)


def html(data, charset="utf-8", cte="quoted-printable"):
    return Part("text/html", data, cte, charset)


def attach(data, ctype, name, cte="base64"):
    return Part(ctype, data, cte, disposition='attachment; filename="%s"' % name,
                params='; name="%s"' % name)


def multi(subtype, boundary, *parts, params=""):
    body = b"This is a message in several parts.\r\n"
    for p in parts:
        body += b"\r\n--" + boundary.encode() + b"\r\n" + p.raw()
        if not body.endswith(b"\r\n"):
            body += b"\r\n"
    body += b"\r\n--" + boundary.encode() + b"--\r\n"
    return Part("multipart/" + subtype, body, params='; boundary="%s"%s' % (boundary, params))


def mail(sender, to, subject, part, message_id, date=DATE, extra=()):
    """Headers in their usual order; returns bytes with CRLF."""
    headers = [("X-Synthetic", "made for certmilter's tests; no CA ever sent this"),
               ("From", sender), ("To", to), ("Subject", subject), ("Date", date),
               ("Message-ID", message_id), ("MIME-Version", "1.0")] + list(extra) + part.headers
    out = b""
    for k, v in headers:
        out += k.encode() + b": " + (v if isinstance(v, bytes) else v.encode("utf-8")) + b"\r\n"
    return out + b"\r\n" + part.body


def key_pem(name):
    return (HERE / "keys" / (name + ".pem")).read_bytes()


def ed25519_seed(pem):
    """dkimpy wants the bare seed in base64."""
    der = base64.b64decode(b"".join(l for l in pem.splitlines()
                                    if l and not l.startswith((b"-", b"TEST"))))
    return base64.b64encode(der[-32:])


def sign(raw, domain, selector="s1", key="dkim-rsa2048", headers=None, canon="relaxed/relaxed",
         at=NOW, expires=None, length=False, top=True):
    """RAW with a DKIM-Signature on top. EXPIRES adds x= (dkimpy knows none: it is
    patched in by signing with an extra field)."""
    algorithm = b"ed25519-sha256" if "ed25519" in key else b"rsa-sha256"
    pem = key_pem(key)
    if "ed25519" in key:
        pem = ed25519_seed(pem)
    present = {line.split(b":")[0].strip().lower() for line in raw.split(b"\r\n\r\n")[0].split(b"\r\n")
               if line[:1] not in (b" ", b"\t")}
    names = [h.encode() for h in (headers or SIGNED) if h.encode() in present]
    original = dkim.time.time, dkim.DKIM.gen_header
    dkim.time.time = lambda: at

    def gen_header(self, fields, *rest, **kw):
        if expires is not None:
            fields = fields[:-2] + [(b"x", str(expires).encode())] + fields[-2:]
        return original[1](self, fields, *rest, **kw)

    dkim.DKIM.gen_header = gen_header
    try:
        c = tuple(x.encode() for x in canon.split("/"))
        field = dkim.sign(raw, selector.encode(), domain.encode(), pem, canonicalize=c,
                          signature_algorithm=algorithm, include_headers=names, length=length)
    finally:
        dkim.time.time, dkim.DKIM.gen_header = original
    return field + raw if top else (field, raw)
