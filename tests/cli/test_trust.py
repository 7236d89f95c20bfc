"""Attestation, agreements, releases, evidence: what the command asks and shows."""
import json
import subprocess

NOW = 1795356000


def test_who_vouches(site):
    agent = site.serve(order={"text": "ok"}, reissue={"text": "ok"}, renew={"text": "ok"})
    assert site.run("order", "a@example.test", "--attested-by", "John Roe, personnel").status == 0
    assert agent.requests[-1]["attestation"] == {"by": "John Roe, personnel"}
    directory = ("--register-dn", "uid=a,dc=test", "--register-values", r"mail=a@b.test,cn=Roe\, John,x=a=b\\")
    wanted = {"dn": "uid=a,dc=test", "values": {"mail": "a@b.test", "cn": "Roe, John", "x": "a=b\\"}}
    assert site.run("order", "a@example.test", *directory).status == 0
    assert agent.requests[-1]["attestation"] == wanted
    assert site.run("reissue", "order:1", "--reason", "r", *directory).status == 0
    assert agent.asked("reissue")[-1]["attestation"] == wanted
    assert site.run("renew", "--days", "9", *directory).status == 0
    assert agent.asked("renew")[-1]["attestation"] == wanted
    for wrong in ("", "mail", "=x", "mail=", "mail=a,", ",mail=a"):
        for command in (("order", "a@b.test"), ("renew", "a@b.test")):
            r = site.run(*command, "--register-dn", "uid=a", "--register-values", wrong)
            assert r.status == 2 and "register-values" in r.err, (wrong, command)


def test_agreements(site):
    agent = site.serve(agreement_list={"agreements": [
        {"account": "main", "what": "smime-terms", "required": "2", "ok": True, "state": "accepted", "version": "2",
         "name": "Ann Chief", "accepted_at": NOW, "entered_by": "joe (uid 0)"}]}, agreement_accept={"text": "done"})
    r = site.run("agreement", "list")
    assert r.status == 0 and "Ann Chief" in r.out and "smime-terms" in r.out
    r = site.run("agreement", "accept", "main", "--what", "all", "--version", "2", "--name", "Ann Chief")
    assert r.status == 0 and r.out == "done\n"
    q = agent.asked("agreement.accept")[0]
    assert (q["account"], q["what"], q["version"], q["name"]) == ("main", "all", "2", "Ann Chief")
    for missing in ("what", "version", "name"):
        given = [x for n in ("what", "version", "name") if n != missing for x in (f"--{n}", "x")]
        r = site.run("agreement", "accept", "main", *given)
        assert r.status == 2 and f"--{missing}" in r.err


def test_releases(site):
    agent = site.serve(release={"text": "released"}, release_list={"releases": [
        {"id": 3, "account": "main", "orders": 9, "used": 2, "batch": 5, "until": NOW, "who": "ann", "reason": "why"}]})
    r = site.run("release", "main", "--orders", "9", "--reason", "why", "--batch", "5", "--valid", "2d")
    assert r.status == 0 and r.out == "released\n"
    q = agent.asked("release")[0]
    assert (q["account"], q["orders"], q["reason"], q["batch"], q["valid"]) == ("main", 9, "why", 5, 172800)
    assert site.run("release", "main", "--orders", "9", "--reason", " ").status == 2
    assert site.run("release", "main", "--reason", "x").status == 2
    assert site.run("release", "main", "--orders", "x", "--reason", "x").status == 2
    assert site.run("release", "main", "--orders", "1", "--reason", "x", "--valid", "soon").status == 2
    r = site.run("release", "list", "--account", "main")
    assert r.status == 0 and "why" in r.out and agent.asked("release.list")[0]["account"] == "main"


def test_evidence(site, tmp_path):
    for name in ("one", "two"):
        subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", f"/CN={name}",
                        "-days", "9",
                        "-keyout", tmp_path / f"{name}.key", "-out", tmp_path / f"{name}.crt"], check=True,
                       capture_output=True)
    doc = {"format": "certmilter evidence 1", "order": {"id": 7, "mailbox": "a@b.test"}, "mails": [{}, {}]}
    pem = subprocess.run(["openssl", "cms", "-sign", "-nodetach", "-binary", "-signer", tmp_path / "one.crt", "-inkey",
                          tmp_path / "one.key", "-outform", "PEM"], input=json.dumps(doc).encode(), check=True,
                         capture_output=True).stdout.decode()
    agent = site.serve(evidence={"order": "order:7", "evidence": pem})
    out = tmp_path / "e.pem"
    r = site.run("evidence", "7", "--out", out)
    assert r.status == 0 and agent.asked("evidence")[0]["order"] == "7" and out.read_text() == pem
    assert site.run("evidence", "7", "--out", out).status == 1
    assert site.run("evidence", "7", "--out", out, "--force").status == 0
    assert site.run("evidence", "7").out == pem
    r = site.run("evidence", "--verify", out, "--certificate", tmp_path / "one.crt")
    assert r.status == 0 and "order 7 for a@b.test" in r.out and "mails: 2" in r.out
    assert site.run("evidence", "--verify", out, "--certificate", tmp_path / "two.crt").status == 1
    assert site.run("evidence", "--verify", out, "--certificate", out).status == 1
    assert site.run("evidence", "--verify", tmp_path / "one.crt", "--certificate", tmp_path / "one.crt").status == 1
    assert site.run("evidence").status == 2
