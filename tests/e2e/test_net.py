"""net/http: what one HTTPS exchange does and refuses, against real TLS servers (reference 1f)."""

import gzip
import socket
import ssl
import threading

import pytest

from nettools import Authority, Server, Tool, reply


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("pki"))


@pytest.fixture(scope="module")
def server(authority):
    server = Server(authority.context("ca.example.test"))
    yield server
    server.close()


@pytest.fixture(scope="module")
def zone(tmp_path_factory):
    path = tmp_path_factory.mktemp("dns") / "zone"
    path.write_text("ca.example.test. 60 IN A 127.0.0.1\n"
                    "other.example.test. 60 IN A 127.0.0.1\n"
                    "meta.example.test. 60 IN A 169.254.169.254\n"
                    "mapped.example.test. 60 IN AAAA ::ffff:127.0.0.1\n"
                    "both.example.test. 60 IN A 10.1.2.3\n"
                    "both.example.test. 60 IN A 127.0.0.1\n"
                    "alias.example.test. 60 IN CNAME ca.example.test.\n")
    return str(path)


@pytest.fixture
def tool(authority, zone):
    tool = Tool("nettool")
    tool("setup", zone=zone, bundle=str(authority.bundle), private=["127.0.0.0/8"])
    yield tool
    tool.close()


@pytest.fixture
def get(tool, server):
    def get(path="/", host="ca.example.test", **fields):
        fields.setdefault("hosts", [f"{host}:{server.port}"])
        return tool("http", url=f"https://{host}:{server.port}{path}", **fields)
    return get


def test_plain_get(get, server):
    server.answers["/ok"] = reply(200, "hello", "Content-Type: text/html", "Set-Cookie: a=1; Path=/",
                                  "Set-Cookie: b=2", "Retry-After: 7")
    answer = get("/ok?x=1", headers=["X-Key: secret"], cookies="c=3")
    assert answer["class"] == "ok" and answer["status"] == 200 and answer["body"] == "hello"
    assert answer["content_type"] == "text/html" and answer["cookies"] == ["a=1; Path=/", "b=2"]
    assert answer["retry_after"] == 7 and answer["peer"] == f"127.0.0.1@{server.port}" and answer["sent"]
    request = server.requests[-1]
    assert request.target == "/ok?x=1" and request.headers["x-key"] == "secret"
    assert request.headers["cookie"] == "c=3" and request.headers["user-agent"].startswith("certmilter/")
    assert not {"referer", "accept-encoding", "expect"} & set(request.headers)


@pytest.mark.parametrize("url", [
    "http://ca.example.test:{port}/ok", "ftp://ca.example.test/ok", "file:///etc/passwd",
    "https://ca.example.test@other.example.test:{port}/ok", "https://user:pw@ca.example.test:{port}/ok",
    "https://other.example.test:{port}/ok", "https://ca.example.test/ok", "https://127.0.0.1:{port}/ok",
    "https://2130706433:{port}/ok", "https://0x7f.1:{port}/ok", "https://127.1:{port}/ok",
    "https://[::1]:{port}/ok", "https://[::ffff:127.0.0.1]:{port}/ok", "https://ca.example.test.:{port}/ok",
    "https://ca.example.test:{port}/ok#x", "https://ca.example.test:{port}/a/../ok",
    "https://ca.example.test:{port}\\@other.example.test/ok", "https:///ca.example.test:{port}/ok"])
def test_urls_that_are_refused_before_any_packet(tool, server, url):
    before = server.connections
    answer = tool("http", url=url.format(port=server.port),
                  hosts=[f"ca.example.test:{server.port}", f"127.0.0.1:{server.port}", "2130706433"])
    assert (answer["class"], answer["code"], answer["sent"]) == ("permanent", "net.url", False)
    assert server.connections == before


@pytest.mark.parametrize("target", ["http://ca.example.test/", "file:///etc/passwd", "https://evil.test/",
                                    "//evil.test/x", "/next?a=1", "gopher://127.0.0.1:25/_x"])
def test_redirects_are_never_followed(get, server, target):
    server.answers["/r"] = reply(302, "", f"Location: {target}")
    before = len(server.requests)
    answer = get("/r")
    assert answer["class"] == "ok" and answer["status"] == 302 and answer["location"] == target
    assert len(server.requests) == before + 1
    expected = {"//evil.test/x": "https://evil.test/x",
                "/next?a=1": f"https://ca.example.test:{server.port}/next?a=1",
                "gopher://127.0.0.1:25/_x": answer.get("redirect")}
    assert answer.get("redirect") == expected.get(target, target)


@pytest.mark.parametrize("name,private", [
    ("meta.example.test", ["127.0.0.0/8"]), ("mapped.example.test", ["127.0.0.0/8"]),
    ("ca.example.test", []), ("ca.example.test", ["10.0.0.0/8", "::1/128"]), ("alias.example.test", [])])
def test_special_addresses_are_refused(authority, zone, server, name, private):
    tool = Tool("nettool")
    tool("setup", zone=zone, bundle=str(authority.bundle), private=private)
    before = server.connections
    answer = tool("http", url=f"https://{name}:{server.port}/ok", hosts=[f"{name}:{server.port}"])
    assert (answer["class"], answer["code"], answer["sent"]) == ("permanent", "net.refused-address", False)
    assert server.connections == before
    tool.close()


def test_refused_addresses_are_left_out(get, server, authority):
    server.answers["/ok"] = reply(200, "hello")
    answer = get("/ok", host="both.example.test")
    # 10.1.2.3 isn't tried; the server's certificate is for another name
    assert answer["code"] == "net.tls" and not answer["sent"]


def test_environment_proxy_and_netrc_are_ignored(authority, zone, server, tmp_path):
    (tmp_path / ".netrc").write_text("machine ca.example.test login evil password evil\n")
    proxy = Server(None)
    keylog = tmp_path / "keylog"
    environment = {k: f"http://127.0.0.1:{proxy.port}" for k in ("https_proxy", "HTTPS_PROXY", "ALL_PROXY")}
    tool = Tool("nettool", {**environment, "HOME": str(tmp_path), "SSLKEYLOGFILE": str(keylog)})
    tool("setup", zone=zone, bundle=str(authority.bundle), private=["127.0.0.0/8"])
    server.answers["/ok"] = reply(200, "hello")
    answer = tool("http", url=f"https://ca.example.test:{server.port}/ok", hosts=[f"ca.example.test:{server.port}"])
    tool.close()
    proxy.close()
    assert answer["body"] == "hello" and proxy.connections == 0
    assert "authorization" not in server.requests[-1].headers and not keylog.exists()


def endless(client, _request):
    client.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n")
    sent = 0
    try:
        while sent < 64 * 1024 * 1024:
            client.sendall(b"x" * 65536)
            sent += 65536
    finally:
        endless.sent = sent
        endless.over.set()


endless.over = threading.Event()


def test_unlimited_body_is_stopped(get, server):
    server.answers["/endless"] = endless
    answer = get("/endless")
    assert (answer["class"], answer["code"], answer["sent"]) == ("permanent", "net.body-cap", True)
    assert endless.over.wait(60) and endless.sent < 16 * 1024 * 1024


def test_body_cap_to_the_byte(get, server):
    server.answers["/size"] = reply(200, b"x" * 1000)
    assert get("/size", body_max=1000)["size"] == 1000
    assert get("/size", body_max=999)["code"] == "net.body-cap"


def test_header_cap(get, server):
    server.answers["/head"] = reply(200, "x", *[f"X-Filler-{i}: {'y' * 4000}" for i in range(20)])
    assert get("/head")["code"] == "net.header-cap"


def test_compressed_answers_are_not_opened(get, server):
    packed = gzip.compress(b"x" * 1000000)
    server.answers["/gz"] = reply(200, packed, "Content-Encoding: gzip")
    assert get("/gz")["size"] == len(packed)


def test_tls_must_be_right(authority, zone, tmp_path):
    stranger = Authority(tmp_path / "stranger", "Other Root")
    cases = [(stranger.context("ca.example.test"), "unknown root"),
             (authority.context("wrong.example.test"), "wrong name"),
             (authority.context("ca.example.test", days=-1), "expired")]
    for context, why in cases:
        server = Server(context)
        server.answers["/"] = reply(200, "hello")
        tool = Tool("nettool")
        tool("setup", zone=zone, bundle=str(authority.bundle), private=["127.0.0.0/8"])
        answer = tool("http", url=f"https://ca.example.test:{server.port}/", hosts=[f"ca.example.test:{server.port}"],
                      headers=["X-Key: secret"])
        assert (answer["class"], answer["code"], answer["sent"]) == ("temporary", "net.tls", False), why
        assert not server.requests, why
        tool.close()
        server.close()


def test_own_bundle_means_only_that_bundle(authority, zone, server):
    """Without a bundle the system's roots count, and ours isn't one; a missing file is our fault."""
    for bundle, code in ((None, "net.tls"), ("/nonexistent/bundle.pem", "net.internal")):
        tool = Tool("nettool")
        fields = {"bundle": bundle} if bundle else {}
        tool("setup", zone=zone, private=["127.0.0.0/8"], **fields)
        answer = tool("http", url=f"https://ca.example.test:{server.port}/ok", hosts=[f"ca.example.test:{server.port}"])
        assert answer["code"] == code
        tool.close()


def test_old_tls_is_refused(authority, zone):
    context = authority.context("ca.example.test")
    context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1_1
    context.set_ciphers("ALL:@SECLEVEL=0")
    server = Server(context)
    tool = Tool("nettool")
    tool("setup", zone=zone, bundle=str(authority.bundle), private=["127.0.0.0/8"])
    answer = tool("http", url=f"https://ca.example.test:{server.port}/", hosts=[f"ca.example.test:{server.port}"])
    assert answer["code"] == "net.tls"
    tool.close()
    server.close()


def drop(client, _request):
    client.close()


def half(client, _request):
    client.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nhalf")


def nonsense(client, _request):
    client.sendall(b"hello, I speak HTTP/0.9\n" * 10)


def silent(client, _request):
    client.recv(1)  # until the other side has given up


@pytest.mark.parametrize("behaviour,code,total_ms", [
    (drop, "net.io", 30000), (half, "net.io", 30000), (nonsense, "net.io", 30000), (silent, "net.timeout", 4000)])
def test_broken_answers_are_temporary_and_say_sent(get, server, behaviour, code, total_ms):
    server.answers["/broken"] = behaviour
    answer = get("/broken", method="POST", body="a=1", type="text/plain", total_ms=total_ms)
    assert (answer["class"], answer["code"], answer["sent"]) == ("temporary", code, True)


def test_nobody_listens(tool):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
        answer = tool("http", url=f"https://ca.example.test:{port}/", hosts=[f"ca.example.test:{port}"])
    assert (answer["class"], answer["code"], answer["sent"]) == ("temporary", "net.connect", False)


def test_unknown_name_is_temporary(tool):
    answer = tool("http", url="https://missing.example.test/", hosts=["missing.example.test"])
    assert (answer["class"], answer["code"], answer["sent"]) == ("temporary", "net.nohost", False)


def test_methods_and_bodies(get, server):
    server.answers["/echo"] = lambda _c, r: reply(200, f"{r.method} {r.headers.get('content-type')} {r.body.decode()}")
    assert get("/echo", method="PUT", body="{}", type="application/json")["body"] == "PUT application/json {}"
    assert get("/echo", method="POST")["body"] == "POST None "
    assert get("/echo", method="DELETE")["body"] == "DELETE None "
    assert get("/echo", headers=["X: 1\r\nY: 2"])["code"] == "net.internal"
    assert get("/echo", cookies="a=1\r\nY: 2")["code"] == "net.internal"


def test_kept_connection_serves_gets_only(get, server):
    """libcurl repeats a request on its own when a kept connection is dead: never with a POST."""
    server.answers["/ok"] = reply(200, "hello")
    numbers = []
    for method in ("GET", "GET", "POST", "GET"):
        assert get("/ok", method=method, keep=True)["status"] == 200
        numbers.append(server.requests[-1].connection)
    assert numbers[0] == numbers[1] and numbers[2] not in numbers[:2]

    def close_when_posted(client, request):
        client.close()
    server.answers["/post"] = close_when_posted
    before = len(server.requests)
    answer = get("/post", method="POST", keep=True)
    assert answer["code"] == "net.io" and answer["sent"] and len(server.requests) == before + 1


def test_fresh_connection_each_time_without_keep(get, server):
    server.answers["/ok"] = reply(200, "hello")
    numbers = [(get("/ok"), server.requests[-1].connection)[1] for _ in range(3)]
    assert len(set(numbers)) == 3


def test_address_is_checked_on_kept_connections_too(authority, server, tool, tmp_path):
    """A kept connection to an address that is no longer allowed serves nobody, whatever the name resolves to now."""
    server.answers["/ok"] = reply(200, "hello")
    url, hosts = f"https://ca.example.test:{server.port}/ok", [f"ca.example.test:{server.port}"]
    assert tool("http", url=url, hosts=hosts, keep=True)["status"] == 200
    (tmp_path / "zone").write_text("ca.example.test. 60 IN A 8.8.8.8\n")
    tool("setup", zone=str(tmp_path / "zone"), bundle=str(authority.bundle), private=[])
    before = len(server.requests)
    answer = tool("http", url=url, hosts=hosts, keep=True)
    assert answer["code"] == "net.refused-address" and not answer["sent"] and len(server.requests) == before


# mail to the local MTA

class Mta:
    """Answers each verb as told."""

    def __init__(self, **answers):
        self.answers, self.lines, self.data = answers, [], b""
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.port = self.socket.getsockname()[1]
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        client, _ = self.socket.accept()
        stream = client.makefile("rwb")

        def say(text):
            stream.write(text.encode() + b"\r\n")
            stream.flush()
        say("220 hello")
        while line := stream.readline().decode().strip():
            self.lines.append(line)
            verb = line.split()[0].upper()
            answer = self.answers.get(verb, "250 ok")
            if verb == "DATA" and answer.startswith("250"):
                say("354 go")
                while (raw := stream.readline()) not in (b".\r\n", b""):
                    self.data += raw
                answer = self.answers.get("END", "250 taken")
            if answer == "drop":
                client.shutdown(socket.SHUT_RDWR)
                return
            say(answer)
            if verb == "QUIT":
                return


def send(tool, mta, **fields):
    mail = {"from": "certmilter@example.test", "rcpts": ["a@example.test", "b@example.test"], "helo": "mx.example.test",
            "message": "Subject: x\n\n.dot\nline\r\nend", **fields}
    return tool("smtp", server=f"127.0.0.1:{mta.port}", **mail)


def test_mail_is_handed_over(tool):
    mta = Mta()
    assert send(tool, mta)["class"] == "ok"
    assert mta.lines[:2] == ["EHLO mx.example.test", "MAIL FROM:<certmilter@example.test>"]
    assert "RCPT TO:<a@example.test>" in mta.lines and "RCPT TO:<b@example.test>" in mta.lines
    assert mta.data == b"Subject: x\r\n\r\n..dot\r\nline\r\nend\r\n"


def test_null_sender(tool):
    mta = Mta()
    assert send(tool, mta, **{"from": ""})["class"] == "ok" and "MAIL FROM:<>" in mta.lines


@pytest.mark.parametrize("answers,outcome", [
    ({"MAIL": "550 no"}, ("permanent", "net.smtp.refused")),
    ({"RCPT": "550 unknown"}, ("permanent", "net.smtp.refused")),
    ({"RCPT": "451 later"}, ("temporary", "net.smtp.later")), ({"END": "452 full"}, ("temporary", "net.smtp.later")),
    ({"END": "554 no"}, ("permanent", "net.smtp.refused")), ({"END": "drop"}, ("temporary", "net.io")),
    ({"EHLO": "drop"}, ("temporary", "net.io"))])
def test_mail_refusals(tool, answers, outcome):
    result = send(tool, Mta(**answers))
    assert (result["class"], result["code"]) == outcome, result


@pytest.mark.parametrize("fields,code", [
    ({"rcpts": ["a@b>\r\nRCPT TO:<c@d"]}, "net.smtp.address"), ({"rcpts": []}, "net.smtp.address"),
    ({"from": "a b@c"}, "net.smtp.address"), ({"helo": "x\r\ny"}, "net.smtp.address"),
    ({"message": ""}, "net.smtp.size"),
    ({"server": "127.0.0.1"}, "net.smtp.server"), ({"server": "127.0.0.1:0"}, "net.smtp.server"),
    ({"server": "x/y:25"}, "net.smtp.server")])
def test_mail_that_is_never_tried(tool, fields, code):
    mail = {"server": "127.0.0.1:1", "from": "a@b.test", "rcpts": ["c@d.test"], "message": "x", **fields}
    assert tool("smtp", **mail)["code"] == code


def test_no_mta(tool):
    answer = tool("smtp", server="127.0.0.1:1", rcpts=["c@d.test"], message="x")
    assert (answer["class"], answer["code"]) == ("temporary", "net.connect")
