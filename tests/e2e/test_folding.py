"""Anna@ and anna@: one mailbox (fold_local_part = yes) or two (no), and from one to the other with a ledger in use."""
import os
import subprocess
import time

import pytest

import ipc
from agentsocket import Refused
from daemons import own
from directory import BASE, PASSWORD, WRITER, Directory
from test_life import cli
from test_publish import published, read, thumbprint

PUBLISHERS = """
publisher "folder" {{
    kind     = files
    dir      = "{dir}/published"
    p12      = yes
    consumer = "signing"
}}
publisher "directory" {{
    kind       = ldap
    uri        = "{ldap}"
    starttls   = yes
    base       = "{base}"
    filter     = "(mail:caseExactIA5Match:=%s)"
    bind_dn    = "{writer}"
    secret     = "directory"
    tls_bundle = "{bundle}"
    timeout    = 5s
}}
"""
ONE = {"mode": "confirm", "publish": '{ "folder" }', "clear_key": '"signing"'}
TWO = {**ONE, "fold_local_part": "no"}


@pytest.fixture(scope="module")
def site(sites):
    domains = {"one.test": ONE, "split.test": ONE, "apart.test": TWO, "join.test": TWO,
               "two.test": {**TWO, "publish": '{ "folder", "directory" }'}}
    site = sites(domains=domains, poll="1s", settle="2s")
    site.ldap = site.beside["slapd"] = Directory(site.path("slapd"))
    site.extra = PUBLISHERS.format(dir=site.dir, ldap=site.ldap.uri, base=BASE, writer=WRITER, bundle=site.ldap.bundle)
    site.credential("directory", PASSWORD, "certagent")
    site.ldap.start().fill()
    site.ldap.add("Anna@two.test", "Anna the first")
    site.ldap.add("anna@two.test", "anna the second")
    os.makedirs(site.path("published"))
    own(site.path("published"), "certagent", mode=0o755)
    os.makedirs(site.path("clear"))
    own(site.path("clear"), "certkeeper", "certmilter", 0o2750)
    site.keeper.command += ["--consumer", f"signing:{site.path('clear')}:certmilter", "--exact-local", "Two.test",
                            "--exact-local", "apart.test"]
    site.start()
    site.ca.settings(rate_limits=False)
    for name in domains:
        site.ca.post("validate", domain=name)
    return site


def shown(site, box):
    return site.ask("show", what=box)


def certificates(site, box):
    return sorted(c["id"] for c in shown(site, box)["certificates"])


def lies_at(*names):
    """The thumbprint of what is there, None if nothing is."""
    return thumbprint(read(*names)) if os.path.exists(os.path.join(*names)) else None


def folder(site, name):
    return lies_at(site.path("published", name, "current/cert.pem"))


def consumer(site, name):
    return lies_at(site.path("clear", name + ".pem"))


def p12_serial(site, box):
    """The serial number of what `export` gives for BOX."""
    file, secret = site.path(f"{time.monotonic_ns()}.p12"), site.path(f"{time.monotonic_ns()}.pass")
    cli(site, "export", box, "--p12", file, "--passphrase-out", secret)
    pem = subprocess.run(["openssl", "pkcs12", "-in", file, "-passin", "file:" + secret, "-nokeys", "-clcerts"],
                         check=True, capture_output=True, text=True).stdout
    return thumbprint(pem[pem.index("-----BEGIN"):])


def switch(site, domain, options):
    site.domains[domain] = options
    site.write_config()
    return site.ask("reload")


def test_one_mailbox_and_its_exact_form(site):
    first = site.stored(site.order("Anna@one.test"))
    second = site.stored(site.order("anna@one.test"))
    assert first["mailboxes"] == ["Anna@one.test"] and second["mailboxes"] == ["anna@one.test"], "as ordered"
    assert certificates(site, "ANNA@one.test") == certificates(site, "Anna@one.test") == [first["id"], second["id"]]
    assert [m["mailbox"] for m in site.ask("list", what="mailboxes")["mailboxes"]
            if m["mailbox"].lower() == "anna@one.test"] == ["Anna@one.test"]
    site.wait(lambda: folder(site, "anna@one.test") == second["thumbprint"], 40, "the newest of both")
    site.wait(lambda: consumer(site, "anna@one.test") == second["thumbprint"], 40, "its key in clear")
    assert not os.path.exists(site.path("published", "%41nna@one.test"))
    assert p12_serial(site, "ANNA@one.test") in (first["thumbprint"], second["thumbprint"])  # newest by the second


def test_two_mailboxes(site):
    upper = site.stored(site.order("Anna@two.test"))
    with pytest.raises(Refused) as e:  # her consent is hers
        site.ask("order", mailbox="anna@two.test", key_type="p256")
    assert "custody" in str(e.value) or "consent" in str(e.value)
    lower = site.stored(site.order("anna@two.test"))
    assert certificates(site, "Anna@two.test") == [upper["id"]] and certificates(site, "anna@two.test") == [lower["id"]]
    assert certificates(site, "Anna@TWO.test") == [upper["id"]], "the domain is always folded"
    assert certificates(site, "ANNA@two.test") == []
    for box, c, name in (("Anna@two.test", upper, "%41nna@two.test"), ("anna@two.test", lower, "anna@two.test")):
        for publisher in ("folder", "directory"):
            published(site, box, publisher)
        assert folder(site, name) == c["thumbprint"] and consumer(site, name) == c["thumbprint"]
        assert p12_serial(site, box) == c["thumbprint"]
        [der] = site.ldap.search(f"(mail:caseExactIA5Match:={box})", "userCertificate;binary")["userCertificate;binary"]
        pem = subprocess.run(["openssl", "x509", "-inform", "DER"], input=der, capture_output=True, check=True).stdout
        assert thumbprint(pem.decode()) == c["thumbprint"]
    cli(site, "export", "ANNA@two.test", "--p12", site.path("no.p12"), "--passphrase-out", site.path("no.pass"), ok=(1,))


def keeper(site, op, **more):
    try:
        return ipc.ask(site.path("run/keeper/agent.sock"), {"v": 1, "op": op, "who": "x", "reason": "y", **more})
    except ipc.Refused as e:
        return e.code


def test_the_agent_cannot_mix_them_up(site):
    """An agent that lies: nothing in these requests says that the two are two."""
    [upper] = shown(site, "Anna@two.test")["certificates"]
    [lower] = shown(site, "anna@two.test")["certificates"]
    assert [k["id"] for k in keeper(site, "list", mailbox="Anna@two.test")["keys"]] == [upper["key_id"]]
    assert keeper(site, "list", mailbox="ANNA@two.test")["keys"] == []
    write = dict(action="write", consumer="signing", key_id=lower["key_id"], cert_sha256=lower["thumbprint"])
    assert keeper(site, "consumer", mailbox="Anna@two.test", **write) == "keeper.mismatch"
    assert consumer(site, "%41nna@two.test") == upper["thumbprint"]
    seal = dict(mailbox="Anna@two.test", way="file", history=True)
    assert keeper(site, "seal_bundle", key_id=lower["key_id"], request="q1", **seal) == "keeper.request"
    assert keeper(site, "seal_bundle", key_id=upper["key_id"], request="q2", **seal)["keys"] == 1, "not anna's as well"
    # of a domain that its command line doesn't name, the spellings are one, unless the request asks for one alone
    boxes = {c["key_id"] for c in shown(site, "anna@one.test")["certificates"]}
    assert {k["id"] for k in keeper(site, "list", mailbox="ANNA@one.test")["keys"]} == boxes and len(boxes) == 2
    assert len(keeper(site, "list", mailbox="Anna@one.test", exact=True)["keys"]) == 1


def test_lines_of_a_file(site):
    """The same order twice is one, in whatever spelling where those are one mailbox."""
    for domain, want in (("one.test", ["duplicate"]), ("two.test", [])):
        file = site.path(f"{domain}.csv")
        with open(file, "w") as f:
            f.write(f"mailbox,key-type\nBulk@{domain},p256\nbulk@{domain},p256\n")
        for box in (f"Bulk@{domain}", f"bulk@{domain}"):
            site.consent(box)
        cli(site, "order", "--csv", file, "--wait")
        number = site.ask("batch.list")["batches"][0]["batch"]
        lines = site.ask("batch.results", batch=number)["results"]
        assert [line["outcome"] for line in lines if line["outcome"] == "duplicate"] == want, lines


def test_forgetting_one_leaves_the_other(site):
    site.stored(site.order("Gone@apart.test"))
    kept = site.stored(site.order("gone@apart.test"))
    site.ask("forget", mailbox="Gone@apart.test", reason="left", by="ann")
    with pytest.raises(Refused):
        site.ask("forget", mailbox="gone@apart.test", confirm=True, by="bob")
    site.ask("forget", mailbox="Gone@apart.test", confirm=True, by="bob")
    site.wait(lambda: shown(site, "Gone@apart.test")["forgotten"]["state"] == "done", 20, "done")
    assert "forgotten" not in shown(site, "gone@apart.test")
    assert p12_serial(site, "gone@apart.test") == kept["thumbprint"]
    cli(site, "export", "Gone@apart.test", "--p12", site.path("g.p12"), "--passphrase-out", site.path("g.pass"), ok=(1,))
    published(site, "gone@apart.test", "folder")
    assert folder(site, "gone@apart.test") == kept["thumbprint"]


def test_from_one_to_two_and_not_back(site):
    upper = site.stored(site.order("Berta@split.test"))
    lower = site.stored(site.order("berta@split.test"))
    alone = site.stored(site.order("Carl@split.test"))
    site.wait(lambda: consumer(site, "carl@split.test") == alone["thumbprint"], 40, "Carl's, folded")
    site.wait(lambda: folder(site, "berta@split.test") == lower["thumbprint"], 40, "published as one")
    site.wait(lambda: consumer(site, "berta@split.test") == lower["thumbprint"], 40, "with a key in clear")
    assert "warnings" not in switch(site, "split.test", TWO)
    assert [e["data"] for e in site.events("folding.changed")][-1] == {"domain": "split.test", "fold_local_part": False}

    def apart():
        assert certificates(site, "Berta@split.test") == [upper["id"]], "each by its own exact form"
        assert certificates(site, "berta@split.test") == [lower["id"]]
    apart()
    # what only one of them had moves with its name, files, keys in clear and all
    site.wait(lambda: folder(site, "%43arl@split.test") == alone["thumbprint"], 40, "a folder of its own")
    site.wait(lambda: consumer(site, "%43arl@split.test") == alone["thumbprint"], 40, "and a key")
    site.wait(lambda: not os.path.lexists(site.path("published", "carl@split.test", "current")), 40, "not the former one")
    site.wait(lambda: not os.path.exists(site.path("clear", "carl@split.test.pem")), 40, "nor its key")
    assert os.listdir(site.path("published", "carl@split.test")) == []
    for box in ("Berta@split.test", "berta@split.test", "Carl@split.test"):
        site.wait(lambda b=box: all(p["state"] in ("published", "withdrawn") for p in shown(site, b)["publications"]), 40,
                  "all is settled")
    # Berta's was superseded by berta's while they were one, and is not brought back
    assert folder(site, "berta@split.test") == consumer(site, "berta@split.test") == lower["thumbprint"]
    assert folder(site, "%42erta@split.test") is None and consumer(site, "%42erta@split.test") is None
    assert p12_serial(site, "Berta@split.test") == upper["thumbprint"], "but her key is hers"
    assert p12_serial(site, "berta@split.test") == lower["thumbprint"]
    assert "--exact-local split.test" in cli(site, "doctor", ok=(0, 1, 4)), "the keeper doesn't know yet"
    # back: two persons' keys never become one's by an option
    [warning] = switch(site, "split.test", ONE)["warnings"]
    assert "Berta@split.test and berta@split.test are two mailboxes" in warning and "fold_local_part = no" in warning
    for again in range(2):
        apart()
        assert warning in site.ask("status")["attention"]
        assert "Berta@split.test and berta@split.test" in cli(site, "doctor", ok=(0, 1, 4))
        assert certificates(site, "BERTA@split.test") == []
        if not again:
            site.agent.kill()
            site.start_agent()
    r = subprocess.run([site.program("certmilter"), "--config", site.config, "reload"], capture_output=True, text=True)
    assert r.returncode == 0 and warning in r.stderr
    assert "warnings" not in switch(site, "split.test", TWO)
    assert warning not in site.ask("status")["attention"]


def test_from_two_to_one_where_nothing_is_in_the_way(site):
    c = site.stored(site.order("Dora@join.test"))
    site.wait(lambda: folder(site, "%44ora@join.test") == c["thumbprint"], 40, "published")
    site.wait(lambda: consumer(site, "%44ora@join.test") == c["thumbprint"], 40, "its key")
    assert certificates(site, "dora@join.test") == []
    assert "warnings" not in switch(site, "join.test", ONE)
    assert certificates(site, "dora@join.test") == certificates(site, "DORA@join.test") == [c["id"]]
    site.wait(lambda: os.path.exists(site.path("published", "dora@join.test/current")), 40, "the folder's other name")
    site.wait(lambda: os.path.exists(site.path("clear", "dora@join.test.pem")), 40, "the key's")
    site.wait(lambda: not os.path.lexists(site.path("published", "%44ora@join.test/current")), 40, "not the former one")
    site.wait(lambda: not os.path.exists(site.path("clear", "%44ora@join.test.pem")), 40, "nor its key")
    assert folder(site, "dora@join.test") == consumer(site, "dora@join.test") == c["thumbprint"]
    assert [m["mailbox"] for m in site.ask("list", what="mailboxes")["mailboxes"] if "ora@join" in m["mailbox"]] \
        == ["Dora@join.test"], "the exact form stays"
    assert p12_serial(site, "dora@join.test") == c["thumbprint"]
