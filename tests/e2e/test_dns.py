"""net/dns against a real named on a high port: records, proof of absence, and "no answer now" are never mixed up."""

import shutil
import socket
import subprocess
import time

import pytest

from nettools import BUILD, Tool
from ports import free_port

NAMED = shutil.which("named") or "/usr/sbin/named"
KEYGEN = shutil.which("dnssec-keygen") or "/usr/bin/dnssec-keygen"
SIGNZONE = shutil.which("dnssec-signzone") or "/usr/bin/dnssec-signzone"
LONG = "v=DKIM1; k=rsa; p=" + "QUJD" * 200

ZONE = f"""$TTL 300
@ IN SOA ns.example.test. root.example.test. 1 3600 600 86400 60
@ IN NS ns
ns IN A 127.0.0.1
@ IN MX 10 mx1
@ IN MX 20 mx2.example.test.
@ IN CAA 0 issuemail "rehearsal.test; account=1"
@ IN CAA 128 issue ";"
www IN A 192.0.2.1
www IN A 192.0.2.2
www IN AAAA 2001:db8::1
only6 IN AAAA 2001:db8::2
alias IN CNAME alias2
alias2 IN CNAME www
loop IN CNAME loop2
loop2 IN CNAME loop
short IN TXT "one record"
many IN TXT "first"
many IN TXT "second"
sel._domainkey IN TXT {" ".join(f'"{LONG[i:i + 200]}"' for i in range(0, len(LONG), 200))}
bin IN TXT "a\\000b\\255"
empty IN TXT ""
below.tree IN TXT "x"
"""


def signed_zone(path):
    """A zone signed.test with a trust anchor; bogus.signed.test is altered after signing."""
    (path / "signed.zone").write_text("$TTL 300\n@ IN SOA ns root 1 3600 600 86400 60\n@ IN NS ns\nns IN A 127.0.0.1\n"
                                      'good IN TXT "signed text"\nbogus IN TXT "before"\n')
    subprocess.run([KEYGEN, "-q", "-a", "ECDSAP256SHA256", "-f", "KSK", "-K", path, "signed.test"], check=True,
                   stdout=subprocess.DEVNULL)
    subprocess.run([SIGNZONE, "-q", "-S", "-z", "-o", "signed.test", "-K", path, "-f", path / "signed.signed",
                    path / "signed.zone"], check=True, cwd=path, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    text = (path / "signed.signed").read_text()
    assert '"before"' in text
    (path / "signed.signed").write_text(text.replace('"before"', '"after!"'))
    (path / "anchor").write_text((path / "dsset-signed.test.").read_text())


@pytest.fixture(scope="module")
def named(tmp_path_factory):
    path = tmp_path_factory.mktemp("named")
    (path / "example.zone").write_text(ZONE)
    signed_zone(path)
    port = free_port()
    (path / "named.conf").write_text(f"""
options {{ directory "{path}"; pid-file none; session-keyfile "{path}/session.key"; listen-on-v6 {{ none; }};
  listen-on port {port} {{ 127.0.0.1; }}; recursion no; allow-query {{ any; }}; dnssec-validation no; }};
controls {{ }};
zone "example.test" {{ type master; file "example.zone"; }};
zone "signed.test" {{ type master; file "signed.signed"; }};
zone "broken.test" {{ type master; file "missing.zone"; }};
""")
    log = open(path / "log", "w", encoding="utf-8")
    process = subprocess.Popen([NAMED, "-g", "-4", "-c", path / "named.conf"], stdout=log, stderr=log)
    until = time.monotonic() + 60
    while "running" not in (path / "log").read_text():
        assert process.poll() is None and time.monotonic() < until, (path / "log").read_text()
        time.sleep(0.05)
    yield path, port
    process.terminate()
    process.wait(60)
    log.close()


@pytest.fixture(scope="module")
def lookup(named):
    tool = Tool("nettool")
    tool("setup", servers=[f"127.0.0.1@{named[1]}"])
    yield lambda name, kind="TXT": tool("dns", name=name, type=kind)
    tool.close()


def texts(answer):
    assert answer["status"] == "record", answer
    return sorted(r["text"] for r in answer["records"])


def test_txt(lookup):
    assert texts(lookup("short.example.test")) == ["one record"]
    assert texts(lookup("Short.Example.TEST.")) == ["one record"]
    assert texts(lookup("many.example.test")) == ["first", "second"]
    assert texts(lookup("sel._domainkey.example.test")) == [LONG]
    assert texts(lookup("empty.example.test")) == [""]
    answer = lookup("bin.example.test")["records"][0]
    assert answer["len"] == 4 and answer["text"] == "a"      # a NUL is kept, the length counts


def test_addresses(lookup):
    assert texts(lookup("www.example.test", "A")) == ["192.0.2.1", "192.0.2.2"]
    assert texts(lookup("www.example.test", "AAAA")) == ["2001:db8::1"]
    assert texts(lookup("www.example.test", "ADDRESSES")) == ["192.0.2.1", "192.0.2.2", "2001:db8::1"]
    assert texts(lookup("only6.example.test", "ADDRESSES")) == ["2001:db8::2"]
    assert lookup("short.example.test", "ADDRESSES")["status"] == "none"


def test_cname(lookup):
    answer = lookup("alias.example.test", "A")
    assert texts(answer) == ["192.0.2.1", "192.0.2.2"] and answer["name"] == "www.example.test"
    assert texts(lookup("alias.example.test", "CNAME")) == ["alias2.example.test"]
    assert lookup("www.example.test", "CNAME")["status"] == "none"
    assert lookup("loop.example.test", "A")["status"] != "record"


def test_many_threads(named):
    tool = Tool("nettool")
    tool("setup", servers=[f"127.0.0.1@{named[1]}"])
    assert tool("storm", name="sel._domainkey.example.test", threads=16, calls=20)["ok"] == 320
    tool.close()


def test_mx_and_caa(lookup):
    records = lookup("example.test", "MX")["records"]
    assert sorted((r["preference"], r["text"]) for r in records) == [(10, "mx1.example.test"), (20, "mx2.example.test")]
    records = lookup("example.test", "CAA")["records"]
    assert sorted((r["tag"], r["flags"], r["text"]) for r in records) == [
        ("issue", 128, ";"), ("issuemail", 0, "rehearsal.test; account=1")]
    answer = lookup("a.b.www.example.test", "CAA-CLIMB")
    assert answer["status"] == "record" and answer["name"] == "example.test"


def test_absence_is_proven(lookup):
    answer = lookup("missing.example.test")
    assert (answer["status"], answer["nxdomain"]) == ("none", True)
    for name in ("www.example.test", "tree.example.test"):
        answer = lookup(name)
        assert (answer["status"], answer["nxdomain"]) == ("none", False)
    for name in ("", ".", "a..b", "x" * 64 + ".test", "a b.test", "ä.test", ".".join(["a" * 60] * 5)):
        assert lookup(name)["status"] == "none"


@pytest.mark.parametrize("name", ["x.broken.test", "elsewhere.test"])     # SERVFAIL, REFUSED
def test_server_failures_are_no_answer(lookup, name):
    for kind in ("TXT", "A", "ADDRESSES", "CAA-CLIMB"):
        answer = lookup(name, kind)
        assert answer["status"] == "tempfail" and answer["why"] and not answer["records"], kind


def test_silence_is_no_answer():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as mute:
        mute.bind(("127.0.0.1", 0))
        tool = Tool("nettool")
        tool("setup", servers=[f"127.0.0.1@{mute.getsockname()[1]}"], timeout=700)
        for _ in range(2):
            start = time.monotonic()
            answer = tool("dns", name="www.example.test", type="A")
            assert answer["status"] == "tempfail" and time.monotonic() - start < 20  # libunbound alone would try for longer
        answer = tool("http", url="https://www.example.test/", hosts=["www.example.test"])
        assert (answer["class"], answer["code"]) == ("temporary", "net.dns")
        tool.close()


def test_dnssec(named):
    path, port = named
    tool = Tool("nettool")
    tool("setup", servers=[f"127.0.0.1@{port}"], anchor=str(path / "anchor"))
    good = tool("dns", name="good.signed.test", type="TXT")
    assert texts(good) == ["signed text"] and good["secure"]
    bogus = tool("dns", name="bogus.signed.test", type="TXT")
    assert bogus["status"] == "tempfail" and bogus["bogus"] and "DNSSEC" in bogus["why"]
    assert not tool("dns", name="short.example.test", type="TXT")["secure"]
    missing = tool("dns", name="missing.signed.test", type="TXT")
    assert missing["status"] == "none" and missing["secure"]
    tool.close()


def test_zone_file_answers_alone(tmp_path):
    path = tmp_path / "zone"
    path.write_text("; comment\n$TTL 60\n$ORIGIN example.test.\n" + 'sel._domainkey IN TXT "v=DKIM1; p=A" "BC"\n'
                    "www 30 IN A 192.0.2.7\nalias IN CNAME www\n@ IN MX 5 www\n"
                    '@ IN CAA 0 issuemail "x.test"\n'
                    "$ORIGIN .\nabsolute.test 60 IN TXT ( \"over\"\n  \"lines\" )\n")
    tool = Tool("nettool")
    tool("setup", zone=str(path))
    assert texts(tool("dns", name="sel._domainkey.example.test")) == ["v=DKIM1; p=ABC"]
    assert texts(tool("dns", name="absolute.test")) == ["overlines"]
    answer = tool("dns", name="alias.example.test", type="A")
    assert texts(answer) == ["192.0.2.7"] and answer["name"] == "www.example.test" and answer["ttl"] == 30
    assert tool("dns", name="example.test", type="CAA")["records"][0]["tag"] == "issuemail"
    assert tool("dns", name="missing.test")["nxdomain"] and not tool("dns", name="www.example.test")["nxdomain"]
    tool.close()


@pytest.mark.parametrize("text,line", [("a.test. 60 IN TXT \"x\"\nb.test. 60 IN A not-an-address\n", "line 2"),
                                       ("$INCLUDE /etc/passwd\n", "line 1")])
def test_bad_zone_files_name_the_line(tmp_path, text, line):
    path = tmp_path / "zone"
    path.write_text(text)
    done = subprocess.run([BUILD / "helpers" / "nettool"], input=f'{{"do":"setup","zone":"{path}"}}\n', text=True,
                          capture_output=True, check=False)
    assert done.returncode == 1 and "net.dns.zone" in done.stderr and line in done.stderr


def test_unusable_servers_are_told(tmp_path):
    for setup in ('"servers":["not an address"]', '"servers":["127.0.0.1"],"anchor":"/nonexistent/anchor"'):
        done = subprocess.run([BUILD / "helpers" / "nettool"], input=f'{{"do":"setup",{setup}}}\n', text=True,
                              capture_output=True, check=False)
        assert done.returncode == 1 and "net.dns.setup" in done.stderr, setup
