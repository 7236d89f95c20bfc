"""Inputs made to kill parsers end quickly, with a note or a refusal, never with a wrong answer.

The bombs are those of which the libraries are known to die: nested groups,
hundreds of thousands of parts or fields, deep HTML, attributes, archives."""
import contextlib
import io
import json
import resource
import subprocess
import zipfile
import zlib

import pytest

import certkit
import inspector
from mailkit import attach, html, mail, multi, sign, text
from samples_validation import DCV_DOMAIN, DCV_FROM, LINK, SUBJECT, body, html_body, token

HEAD = b"From: no-reply@digitalcertvalidation.com\r\nSubject: x\r\n"
QUICK = 2.0  # seconds of CPU; the sandbox allows 5


@contextlib.contextmanager
def quick():
    def cpu():
        used = resource.getrusage(resource.RUSAGE_CHILDREN)
        return used.ru_utime + used.ru_stime
    start = cpu()
    yield
    assert cpu() - start < QUICK


def timed(raw, **options):
    with quick():
        return inspector.mail(raw, force=True, **options)


def multipart(boundary=b"b", subtype=b"mixed"):
    return b"Content-Type: multipart/" + subtype + b"; boundary=" + boundary + b"\r\n"


def nested_multiparts(depth):
    out = HEAD + multipart(b"b0") + b"\r\n"
    for i in range(depth):
        out += b"--b%d\r\n" % i + multipart(b"b%d" % (i + 1)) + b"\r\n"
    return out + b"--b%d\r\n\r\nx\r\n" % depth


HEADER_BOMBS = {
    "nested-groups": b"From: " + b"a:" * 41000 + b"x@y\r\n\r\nx\r\n",
    "nested-groups-folded": b"From: " + b"a:\r\n " * 3000 + b"x@y\r\n\r\nx\r\n",
    "comments": b"From: " + b"(" * 15000 + b"\r\n\r\nx\r\n",
    "million-comments": b"From: " + b"(" * 1000000 + b"\r\n\r\nx\r\n",
    "half-million-fields": HEAD + b"a:b\r\n" * 500000 + b"\r\nx\r\n",
    "folded-header": HEAD + b"X: a\r\n" + b" b\r\n" * 2000000 + b"\r\n",
    "encoded-words": HEAD + b"Subject: " + b"=?utf-8?q?a?= " * 700000 + b"\r\n\r\nx",
    "rfc2231": HEAD + b"Content-Type: text/plain" + b"".join(
        b"; a*%d*=x" % i for i in range(200000)) + b"\r\n\r\nx",
    "addresses": b"From: " + b"a@b, " * 500000 + b"\r\n\r\nx\r\n",
}
STRUCTURE_BOMBS = {
    "half-million-parts": HEAD + multipart() + b"\r\n" + b"--b\r\n\r\n\r\n" * 500000,
    "deep-1500": nested_multiparts(1500),
    "deep-100000": nested_multiparts(100000),
    "part-fields": HEAD + multipart() + b"\r\n--b\r\n" + b"a:b\r\n" * 500000 + b"\r\nx",
    "part-fields-with-junk": HEAD + multipart() + b"\r\n--b\r\n" + (
        b"a:b\r\n" * 400 + b"junk\r\n") * 1000 + b"\r\nx",
    "inner-groups": HEAD + multipart() + b"\r\n--b\r\nContent-Type: message/rfc822\r\n\r\nTo: " +
    b"a:" * 8000 + b"x@y\r\n\r\nx\r\n--b--\r\n",
    "inner-groups-folded": HEAD + multipart() + b"\r\n--b\r\nContent-Type: message/rfc822\r\n\r\n"
    b"X-A: b\r\nResent-To: " + b"a:\r\n\t" * 8000 + b"x@y\r\n\r\nx\r\n--b--\r\n",
    "inner-long-field": HEAD + multipart() + b"\r\n--b\r\nX: " + b"y" * 9000000 + b"\r\n\r\nx",
}


@pytest.mark.parametrize("name", HEADER_BOMBS)
def test_header_bombs(name):
    result = timed(HEADER_BOMBS[name][:10 * 1024 * 1024])
    assert result.status == 0, (result.status, result.stderr)
    facts = result["facts"]
    assert facts.get("problems") and not facts.get("parsed"), facts
    assert facts["auth"]["result"] != "pass"


@pytest.mark.parametrize("name", STRUCTURE_BOMBS)
def test_structure_bombs(name):
    result = timed(STRUCTURE_BOMBS[name][:10 * 1024 * 1024])
    assert result.status == 0, (result.status, result.stderr)
    assert result["facts"]["problems"], result["facts"]
    assert not result["facts"].get("parsed")


def test_message_nesting():
    raw = HEAD + b"Content-Type: message/rfc822\r\n\r\n" * 20000 + b"x"
    assert timed(raw).status == 0


@pytest.mark.parametrize("depth,noted", [(19, False), (25, True), (300, True)])
def test_depth_is_capped(depth, noted):
    facts = timed(nested_multiparts(depth))["facts"]
    assert facts["parsed"]
    assert any("nested deeper" in p for p in facts.get("problems", [])) == noted


def test_parts_are_capped():
    raw = HEAD + multipart() + b"\r\n" + b"".join(
        b"--b\r\n\r\nhttps://example.net/%d\r\n" % i for i in range(300))
    facts = timed(raw)["facts"]
    assert any("more than 200 parts" in p for p in facts["problems"])
    assert len(facts["links"]) == 199


HTML_BOMBS = {
    "deep-div": b"<div>" * 50000,
    "deep-div-closed": b"<div>" * 20000 + b"</div>" * 20000,
    "deep-b": b"<b>" * 80000,
    "different-b": b"".join(b"<b id=%d>" % i for i in range(10000)) + b"<p>x" * 30000,
    "misnested": b"<b><p></b>" * 25000,
    "tables": b"<table><tr><td>" * 17000,
    "formatting-in-tables": b"".join(b"<b x=%d><table><td></b></table>" % i for i in range(3000)) +
    b"<p>x" * 30000,
    "selects": b"<select><option>" * 16000,
    "forms": b"<form><input><button>" * 12000,
    "anchors": b"<a href=https://example.net/>" * 9000,
    "buttons": b"<button>" * 30000,
    "entities": b"&amp;&#x41;&notanentity;" * 10000,
    "open-comment": b"<!--" + b"-" * 250000,
    "lists": b"<ul><li>" * 30000,
}


@pytest.mark.parametrize("name", HTML_BOMBS)
def test_html_bombs(name):
    data = HTML_BOMBS[name][:256 * 1024]
    part = b"Content-Type: text/html\r\n\r\n" + data
    result = timed(HEAD + part)
    assert result.status == 0, (result.status, result.stderr)
    with quick():
        assert inspector.page(data).status in (0, 1)


def test_attributes_are_capped():
    for n, noted in ((199, False), (201, True), (40000, True)):
        data = b"<a " + b" ".join(b"x%d=1" % i for i in range(n)) + b" href='https://example.net/a'>x"
        facts = timed(HEAD + b"Content-Type: text/html\r\n\r\n" + data)["facts"]
        assert bool(facts.get("problems")) == noted, n


def test_large_html_is_left_out_but_the_text_is_read():
    link = LINK % token(1)
    part = multi("alternative", "b", text(body(link)), html(html_body(link) + " " * 300000, cte="7bit"))
    raw = sign(mail(DCV_FROM, "postmaster@example.test", SUBJECT, part, "<x@y>"), DCV_DOMAIN)
    facts = timed(raw)["facts"]
    assert facts["auth"]["result"] == "pass" and facts["domain"] == "example.test"
    assert any("256 KiB" in p for p in facts["problems"])


def flat_bomb():
    """128 KB that unpack to 128 MiB."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as z:
        with z.open("a.crt", "w", force_zip64=True) as f:
            for _ in range(128):
                f.write(b"\0" * (1024 * 1024))
    return out.getvalue()


def lying_bomb():
    """A file whose header says 1000 bytes and which unpacks to 50 MB."""
    packed = zlib.compressobj(9, zlib.DEFLATED, -15)
    data = packed.compress(b"\0" * 50000000) + packed.flush()
    good = bytearray(certkit.archive([("a.crt", b"\0" * 1000)]))
    local = 30 + len("a.crt")
    directory = good.find(b"PK\1\2")
    old = directory - local
    raw = good[:local] + data + good[directory:]
    for base in (18, raw.find(b"PK\1\2") + 20):
        raw[base:base + 4] = len(data).to_bytes(4, "little")
    end = raw.find(b"PK\5\6")
    raw[end + 16:end + 20] = (directory - old + len(data)).to_bytes(4, "little")
    return bytes(raw)


def overlap_bomb(n=60):
    """N directory entries over one local header."""
    raw = bytearray(certkit.archive([("a.crt", b"\0" * 1000000)]))
    at, end = raw.find(b"PK\1\2"), raw.find(b"PK\5\6")
    entry = bytes(raw[at:end])
    tail = bytearray(raw[end:])
    for offset in (8, 10):
        tail[offset:offset + 2] = n.to_bytes(2, "little")
    tail[12:16] = (len(entry) * n).to_bytes(4, "little")
    return bytes(raw[:at]) + entry * n + bytes(tail)


@pytest.mark.parametrize("make", [flat_bomb, lying_bomb, overlap_bomb])
def test_zip_bombs(make):
    data = make()
    part = multi("mixed", "b", text("x\n"), attach(data, "application/zip", "a.zip"))
    facts = timed(HEAD + part.raw())["facts"]
    assert facts.get("problems"), facts
    assert not facts.get("certificates")
    assert inspector.certificates(data).status == 1


def test_pkcs7_bombs():
    block = certkit.pem(certkit.make_all()["alice"])
    with quick():
        result = inspector.certificates(block * 5000)
    assert result.status == 0 and len(result["certificates"]) == 1
    with quick():
        assert inspector.certificates(b"\x30\x80" * 100000).status == 1


def test_pem_flood():
    block = b"-----BEGIN CERTIFICATE-----\r\nMIIB\r\n-----END CERTIFICATE-----\r\n"
    raw = HEAD + b"\r\n" + block * 100000
    assert timed(raw[:10 * 1024 * 1024]).status == 0


def test_memory_bomb_kills_only_the_child():
    raw = HEAD + b"Content-Type: text/plain; charset=iso-8859-1\r\n\r\n" + b"\xe9" * (10 * 1024 * 1024 - 200)
    result = inspector.mail(raw, force=True)
    assert result.status == 0 or result.status < 0
    assert result["auth"]["result"] == "none"


# ---- the conversation -------------------------------------------------------------

def talk(data, timeout=90):
    p = subprocess.run([str(inspector.PROGRAM)], input=data, capture_output=True, env={},
                       timeout=timeout, check=False)
    return p.returncode, [json.loads(l) for l in p.stdout.splitlines()]


@pytest.mark.parametrize("data", [
    b"", b"\n", b"x\n", b"[]\n", b"{}\n", b'{"v":2,"input":"mail","size":0}\n',
    b'{"v":1,"input":"shell","size":0}\n', b'{"v":1,"input":"mail"}\n',
    b'{"v":1,"input":"mail","size":-1}\n', b'{"v":1,"input":"mail","size":10}\nabc',
    b'{"v":1,"v":1,"input":"mail","size":0}\n', b'{"v":1,"input":"mail","size":"x"}\n',
    b'{"v":1,"input":"mail","size":0,"profiles":[{}]}\n',
    b'{"v":1,"input":"mail","size":0,"profiles":[' + b'{"id":"a"},' * 70 + b'{"id":"a"}]}\n',
    b"{" * 100000 + b"\n", b'{"a":"' + b"x" * (9 * 1024 * 1024) + b'"}\n',
])
def test_broken_requests(data):
    status, lines = talk(data)
    assert status == 2, (status, lines)
    assert all("error" in line for line in lines)


def test_an_argument_is_refused():
    p = subprocess.run([str(inspector.PROGRAM), "x"], input=b"", capture_output=True, env={}, check=False)
    assert p.returncode == 2


def test_too_large():
    status, lines = talk(b'{"v":1,"input":"mail","size":10485761}\n')
    assert status == 1 and lines[0]["error"]["code"] == "input.size"


def test_empty_mail():
    facts = inspector.mail(b"")["facts"]
    assert facts["auth"]["result"] == "none" and facts.get("size", 0) == 0


def test_silence_instead_of_dns_answers():
    raw = (inspector.DATA / "mails" / "dcv-ov-en.eml").read_bytes()
    header = {"v": 1, "input": "mail", "size": len(raw), "now": inspector.NOW,
              "profiles": inspector.profiles()}
    status, lines = talk(json.dumps(header).encode() + b"\n" + raw)
    assert status == 2 and [next(iter(l)) for l in lines] == ["dns"]
    status, lines = talk(json.dumps(header).encode() + b"\n" + raw + b"{}\n")
    assert status == 2 and "error" in lines[-1]


def test_fewer_answers_than_questions_count_as_tempfail():
    raw = (inspector.DATA / "mails" / "dcv-ov-en.eml").read_bytes()
    header = {"v": 1, "input": "mail", "size": len(raw), "now": inspector.NOW,
              "profiles": inspector.profiles()}
    status, lines = talk(json.dumps(header).encode() + b"\n" + raw + b'{"answers":[]}\n')
    assert status == 0 and lines[1]["auth"]["result"] == "tempfail"
