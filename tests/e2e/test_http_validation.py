"""Domains validated by a file: a private nginx, the rehearsal CA that really fetches, the daemons.

Every server of the nginx is one domain's; what the agent sees is what the CA would see, at free ports instead of 80
and 443."""
import os
import subprocess
import time

import pytest

import webserver
from agentsocket import Refused
from ports import free_port

NAMES = ("plain", "dynamic", "redir", "loop", "wrongport", "moved", "two", "tlsonly", "content", "link", "evil0",
         "evil1", "evil2", "evil3", "hold", "observe", "crash", "manual", "stays", "mail")
WELL_KNOWN = ".well-known/pki-validation"
HTTP = """
http "{name}" {{
    zone = "{name}.test"
    webroots = {{ {roots} }}
{more}}}
"""
BLOCK = """\
    server {{
        listen {address}:{port}{ssl};
        server_name {name}.test;
        {body}
    }}
"""


class Web:
    """The site's nginx and where each domain's files are."""

    def __init__(self, site):
        self.site, self.server = site, webserver.Webserver(site.path("web"), free_port(), free_port())
        self.roots = {}

    def block(self, name, body="root {root};", address="127.0.0.1", tls=False, root=None):
        root = root or name
        self.roots[name] = self.server.root(root)
        tls_text = f"ssl_certificate {self.server.dir}/tls.pem; ssl_certificate_key {self.server.dir}/tls.key; "
        self.server.blocks.append(BLOCK.format(
            address=address, port=self.server.https if tls else self.server.http, ssl=" ssl" if tls else "", name=name,
            body=(tls_text if tls else "") + body.replace("{root}", self.server.root(root))))

    def prepare(self):
        s = self.server
        for name in ("plain", "dynamic", "content", "link", "evil0", "evil1", "evil2", "evil3", "hold", "observe",
                     "crash", "manual", "stays", "mail"):
            self.block(name)
        # the rehearsal CA fetches at one port only
        self.block("redir", "root {root}; if ($http_user_agent !~ rehearsal) { "
                   f"return 301 https://redir.test:{s.https}$request_uri; }}")
        self.block("redir", tls=True)
        self.block("loop", f"return 302 http://loop.test:{s.http}$request_uri;")
        self.block("wrongport", f"return 307 http://wrongport.test:{self.site.ports['dns']}$request_uri;")
        self.block("moved", f"return 303 http://moved.test:{s.http}/elsewhere;")
        self.block("two")
        self.block("two", address="127.0.0.2", root="two-b")
        self.roots["two"], self.roots["two-b"] = s.root("two"), s.root("two-b")
        self.block("tlsonly", address="127.0.0.3", tls=True)
        self.block("tlsonly")  # for the CA, which looks at one address only

    def sections(self):
        text = ""
        for name in NAMES:
            more = {"dynamic": "    file = dynamic\n", "stays": "    remove = no\n"}.get(name, "")
            roots = f'"{self.roots[name]}"' if name != "manual" else ""
            text += HTTP.format(name=name, roots=roots, more=more)
        return text


@pytest.fixture(scope="module")
def site(sites):
    domains = {f"{n}.test": {"mode": "confirm", "method": "http"} for n in NAMES}
    domains["hold.test"]["mode"], domains["observe.test"]["mode"] = "hold", "observe"
    site = sites(domains=domains, poll="1s", timing={"resend_after": "60s"})
    site.web = Web(site)
    site.web.prepare()
    server = site.web.server
    site.extra = site.web.sections()
    site.rehearsal = f"    http_port = {server.http}\n    https_port = {server.https}\n"
    site.ca.command += ["--http-port", str(server.http)]
    pem = webserver.make_certificate(server.dir, [f"{n}.test" for n in NAMES])
    site.start(agent=False)
    site.dns.records["two.test"] += "two.test. IN A 127.0.0.2\n"
    site.dns.records["tlsonly.test"] = "tlsonly.test. IN A 127.0.0.3\ntlsonly.test. IN MX 10 mx.example.test.\n"
    site.dns.stop()
    site.dns.start()
    with open(site.path("etc/tls-ca.pem"), "a") as f:
        f.write(pem)
    server.start()
    site.start_agent()
    site.ca.settings(rate_limits=False)
    yield site
    server.stop()


@pytest.fixture(autouse=True)
def clean(site):
    yield
    site.ca.call("DELETE", "faults")
    site.ca.settings(http_file=None)


def about(site, name):
    return site.ask("show", what=f"domain:{name}.test")["domain"]


def dcv(site, name):
    return about(site, name).get("dcv") or {}


def files(site, name):
    """All files below a web root."""
    return sorted(os.path.join(base, f) for base, _, names in os.walk(site.web.roots[name]) for f in names)


def types(site, intent):
    return [e["type"] for e in site.events("http.") if e["object"] == f"intent:{intent}"]


def done(site, name):
    return site.ca.is_valid(f"{name}.test") and about(site, name)["state"] == "valid" and not dcv(site, name)


def token(site, name):
    return next(d for d in site.ca.get("state/domains")["domains"].values() if d["name"] == f"{name}.test")["token"]


def add(site, name, timeout=40):
    intent = site.ask("domain.add", domain=f"{name}.test")["intent"]
    site.wait(lambda: done(site, name), timeout, f"{name} done")
    assert site.ask("show", what=f"intent:{intent}")["intent"]["state"] == "confirmed"
    return intent


def says(site, name, *words, timeout=20):
    """Waits until what comes next names all of WORDS."""
    def look():
        text = dcv(site, name).get("next", "")
        return all(w in text for w in words) and text
    return site.wait(look, timeout, f"{name}: {words}")


def test_file(site):
    intent = add(site, "plain")
    assert types(site, intent) == ["http.asked", "http.written", "http.shown", "http.removed"]
    assert files(site, "plain") == []  # taken away again
    assert about(site, "plain")["method"] == "http-token"
    assert f"/{WELL_KNOWN}/fileauth.txt" in site.web.server.requests()
    assert token(site, "plain")["token"] not in open(site.agent.log).read()
    for part in (".well-known", WELL_KNOWN):  # readable for the web server whatever the agent's umask
        assert os.stat(os.path.join(site.web.roots["plain"], part)).st_mode & 0o777 == 0o755


def test_name_given_by_the_ca(site):
    add(site, "dynamic")
    t = token(site, "dynamic")["token"]
    assert f"/{WELL_KNOWN}/{t[:16]}.txt" in site.web.server.requests() and files(site, "dynamic") == []


def test_redirect_to_https(site):
    add(site, "redir")


@pytest.mark.parametrize("name, words", [("loop", ("5 redirects",)), ("wrongport", ("redirect", "port")),
                                         ("moved", ("303",))])
def test_what_no_ca_follows(site, name, words):
    site.ask("domain.add", domain=f"{name}.test")
    says(site, name, *words)
    assert not site.ca.is_valid(f"{name}.test") and dcv(site, name)["step"] in ("wait", "write")


def test_port_443_alone(site):
    """Nobody at port 80 of its address: the file is seen at 443."""
    add(site, "tlsonly")


def test_every_address_must_show_it(site):
    """The second address has another web root; a link makes it the same."""
    site.ask("domain.add", domain="two.test")
    says(site, "two", "127.0.0.2", "404")
    assert not site.ca.is_valid("two.test")
    os.rmdir(site.web.roots["two-b"])
    os.symlink(site.web.roots["two"], site.web.roots["two-b"])
    site.wait(lambda: done(site, "two"), 60, "both addresses")


def test_other_content(site):
    """What a web server puts around the value is seen before the CA is asked."""
    place = os.path.join(site.web.roots["content"], WELL_KNOWN)
    site.ca.fault("PUT .*/dcv/validate-token", "status:500", times=None)
    site.ask("domain.add", domain="content.test")
    site.wait(lambda: files(site, "content"), 20, "the file")
    path = os.path.join(place, "fileauth.txt")
    site.agent.stop()
    with open(path, "w") as f:
        f.write("<html>error</html>")
    site.ca.call("DELETE", "faults")
    site.agent.start()
    # the CA says no and the agent does not take away what isn't ours
    time.sleep(3)
    assert not site.ca.is_valid("content.test") and open(path).read() == "<html>error</html>"
    os.unlink(path)


def test_a_link_is_not_followed(site):
    outside = site.web.server.root("outside")
    os.symlink(outside, os.path.join(site.web.roots["link"], ".well-known"))
    site.ask("domain.add", domain="link.test")
    says(site, "link", "links aren't followed")
    assert os.listdir(outside) == []
    check = [c for c in site.ask("domain.check", domain="link.test")["checks"] if c["name"] == "http"]
    assert check[0]["result"] == "fail"
    os.unlink(os.path.join(site.web.roots["link"], ".well-known"))
    site.wait(lambda: done(site, "link"), 60, "with a directory")


@pytest.mark.parametrize("name, path", [
    ("evil0", "/.well-known/pki-validation/../../index.html"), ("evil1", "/index.html"),
    ("evil2", "/.well-known/pki-validation/.htaccess"), ("evil3", "/.well-known/pki-validation/a%2fb")])
def test_a_name_that_leads_elsewhere(site, name, path):
    site.ca.settings(http_file=path)
    site.ask("domain.add", domain=f"{name}.test")
    says(site, name, "random value")
    assert files(site, name) == []
    site.ca.settings(http_file=None)  # the agent asks for another value, and goes on
    site.wait(lambda: done(site, name), 40, "a plain name")


def test_by_hand(site):
    run = subprocess.run([site.program("certmilter"), "--config", site.config, "domain", "add", "manual.test"],
                         capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    rec = dcv(site, "manual")["record"]
    assert rec["type"] == "FILE" and rec["value"] in run.stdout
    assert f"http://manual.test/{WELL_KNOWN}/fileauth.txt" in run.stdout
    place = os.path.join(site.web.roots["manual"], WELL_KNOWN)
    os.makedirs(place)
    with open(os.path.join(place, rec["name"]), "w") as f:
        f.write(rec["value"] + "\n")
    site.wait(lambda: done(site, "manual"), 60, "by hand")
    assert len(files(site, "manual")) == 1  # what a person wrote stays


def test_the_file_may_stay(site):
    intent = add(site, "stays")
    assert len(files(site, "stays")) == 1 and "http.removed" not in types(site, intent)


def test_hold_needs_a_person(site):
    site.ask("domain.add", domain="hold.test")
    says(site, "hold", "held")
    assert files(site, "hold") == []
    with pytest.raises(Refused):
        site.ask("domain.release", domain="hold.test")
    site.ask("domain.release", domain="hold.test", reason="ticket 17")
    site.wait(lambda: done(site, "hold"), 40, "released")


def test_observe_writes_nothing(site):
    site.ask("domain.add", domain="observe.test")
    says(site, "observe", "not written")
    time.sleep(2)
    assert files(site, "observe") == [] and not site.ca.is_valid("observe.test")


def test_a_validation_mail_meanwhile_is_a_strangers(site):
    """While a request runs by HTTP, and when it is through, a mail that wants a click is nobody's of us."""
    site.ca.fault("PUT .*/dcv/validate-token", "status:500", times=None)
    site.ask("domain.add", domain="mail.test")
    site.wait(lambda: dcv(site, "mail").get("step") == "check", 20, "under way")
    # also where the mail shows no id, and the CA holds the domain as pending in our account
    site.ca.settings(id_in_mail=False)
    site.ca.post("send", kind="dcv", domain="mail.test", account="ours", recipients=["admin@mail.test"])
    site.ca.settings(id_in_mail=True)
    site.ca.post("send", kind="dcv", domain="mail.test", account="stranger")
    site.wait(lambda: "alarm/unexpected" in site.verdicts("mail.test"), 30, "the alarm")
    site.wait(lambda: len(site.verdicts("mail.test")) >= 2, 20, "two verdicts")
    assert set(site.verdicts("mail.test")) == {"alarm/unexpected"}
    site.ca.call("DELETE", "faults")
    site.wait(lambda: done(site, "mail"), 60, "by its file")
    seen = len(site.verdicts("mail.test"))
    site.ca.post("send", kind="dcv", domain="mail.test", account="stranger")
    site.wait(lambda: len(site.verdicts("mail.test")) > seen, 30, "a verdict")
    assert set(site.verdicts("mail.test")) == {"alarm/unexpected"}


@pytest.mark.slow
def test_killed_between_the_steps(site):
    """kill -9 again and again: one domain, one token, and no file is left."""
    for _ in range(12):
        site.ca.fault("/domain", "slow:0.4", times=1)
    site.ask("domain.add", domain="crash.test")
    for n in range(8):
        time.sleep(0.05 + 0.11 * n)
        site.agent.kill()
        site.agent.start()
    site.wait(lambda: done(site, "crash"), 60, "after the crashes")
    assert files(site, "crash") == []
    assert len([d for d in site.ca.get("state/domains")["domains"].values() if d["name"] == "crash.test"]) == 1
    ended = [e for e in site.events("intent.ended") if (e["data"] or {}).get("domain") == "crash.test"]
    assert len(ended) == 1
