"""Publishers: files, keys in clear for a consumer, hooks; renewed, revoked, retried; crashes and a full disk."""
import grp
import json
import os
import pwd
import sqlite3
import subprocess
import time

import pytest

from daemons import own
from test_life import cli

HOOK = """\
#!/bin/sh
# One line a call, then what the file "mode" says.
umask 022
cat > {dir}/in.$$
env | sort > {dir}/env.$$
echo "$CERTMILTER_ACTION $CERTMILTER_MAILBOX $CERTMILTER_THUMBPRINT $CERTMILTER_REASON $$" >> {dir}/calls
mode=$(cat {dir}/mode)
case $mode in
    hang) sleep 600 & echo $! > {dir}/child; wait ;;
    later) echo "not now" >&2; exit 75 ;;
    fail) echo "never" >&2; exit 9 ;;
esac
echo "https://directory.test/$CERTMILTER_MAILBOX"
"""
PUBLISHERS = """
publisher "files" {{
    kind = files
    dir  = "{dir}/published"
    p12  = yes
}}
publisher "signer" {{
    kind      = files
    dir       = "{dir}/signer"
    dir_mode  = 0755
    file_mode = 0644
    consumer  = "signing"
}}
publisher "grouped" {{
    kind  = files
    dir   = "{dir}/grouped"
    group = "certmilter"
}}
publisher "small" {{
    kind = files
    dir  = "{dir}/small"
}}
publisher "hook" {{
    kind    = hook
    program = "{dir}/hook/program"
    timeout = 2m
}}
publisher "hasty" {{
    kind    = hook
    program = "{dir}/hook/program"
    timeout = 5s
}}
"""


@pytest.fixture(scope="module")
def site(sites):
    one = {"mode": "confirm"}
    site = sites(domains={
        "example.test": one, "none.test": one,
        "files.test": {**one, "publish": '{ "files" }'}, "signer.test": {**one, "publish": '{ "signer" }',
                                                                        "clear_key": '"signing"'},
        "grouped.test": {**one, "publish": '{ "grouped" }'}, "small.test": {**one, "publish": '{ "small" }'},
        "hook.test": {**one, "publish": '{ "hook" }'}, "hasty.test": {**one, "publish": '{ "hasty" }'}, "both.test": {**one, "publish": '{ "files", "hook" }'},
    }, poll="1s", timing={"resend_after": "5s", "revocation_check": "1m"}, settle="2s")
    site.extra = PUBLISHERS.format(dir=site.dir)
    for name in ("published", "signer", "grouped", "small", "hook"):
        os.makedirs(site.path(name))
        own(site.path(name), "certagent", mode=0o755)
    os.makedirs(site.path("clear"))
    own(site.path("clear"), "certkeeper", "certmilter", 0o2750)
    with open(site.path("hook", "program"), "w") as f:
        f.write(HOOK.format(dir=site.path("hook")))
    os.chmod(site.path("hook", "program"), 0o755)
    mode(site, "good")
    site.keeper.command += ["--consumer", f"signing:{site.path('clear')}:certmilter"]
    site.start()
    site.ca.settings(rate_limits=False)
    for name in site.domains:
        site.ca.post("validate", domain=name)
    return site


@pytest.fixture(autouse=True)
def clean(site):
    yield
    mode(site, "good")
    site.ca.call("DELETE", "faults")
    if not site.agent.running():
        site.start_agent()


def mode(site, word):
    with open(site.path("hook", "mode"), "w") as f:
        f.write(word)
    own(site.path("hook"), "certagent", mode=0o755)


def publications(site, what):
    return site.ask("show", what=what)["publications"]


def published(site, box, publisher, state="published", timeout=40):
    """Waits for the newest certificate of BOX to be in STATE at PUBLISHER; its row."""
    def look():
        rows = [p for p in publications(site, box) if p["publisher"] == publisher]
        return rows and rows[0]["state"] == state and rows[0]
    return site.wait(look, timeout, f"{box} {state} at {publisher}")


def folder(site, name, box):
    return site.path(name, box)


def read(*names):
    with open(os.path.join(*names)) as f:
        return f.read()


def thumbprint(pem):
    return subprocess.run(["openssl", "x509", "-noout", "-fingerprint", "-sha256"], input=pem, text=True, check=True,
                          capture_output=True).stdout.split("=")[1].strip().replace(":", "").lower()


def calls(site, box):
    try:
        lines = read(site.path("hook", "calls")).splitlines()
    except FileNotFoundError:
        return []
    return [line.split() for line in lines if line.split()[1] == box]


def certificates(site, box):
    return sorted(site.ask("show", what=box)["certificates"], key=lambda c: -c["id"])


def reissued(site, box):
    n = len(certificates(site, box))
    cli(site, "reissue", box, "--reason", "new phone")
    site.wait(lambda: len(certificates(site, box)) == n + 1, 30, "the next certificate")
    return certificates(site, box)[0]


def seals(site, box):
    """Exports of the key of BOX, as the keeper's journal has them."""
    with open(site.path("keys", "exports.log")) as f:
        return [e["kind"] for e in map(json.loads, f) if e["mailbox"] == box]


# --- files ----------------------------------------------------------------------------------------------

def test_files(site):
    box = "a@files.test"
    c = site.stored(site.order(box))
    row = published(site, box, "files")
    here = folder(site, "published", box)
    assert row["where"] == here and row["kind"] == "files" and "sealed by export" in row["note"]
    assert os.path.islink(here + "/current") and "/" not in os.readlink(here + "/current")
    assert sorted(os.listdir(here + "/current")) == ["cert.pem", "chain.pem", "fullchain.pem", "key.p12"]
    assert thumbprint(read(here, "current/cert.pem")) == c["thumbprint"]
    assert read(here, "current/fullchain.pem") == read(here, "current/cert.pem") + read(here, "current/chain.pem")
    assert read(here, "current/cert.pem").count("BEGIN") == 1 and read(here, "current/chain.pem").count("BEGIN") >= 1
    assert oct(os.stat(here).st_mode & 0o7777) == "0o750"
    assert oct(os.stat(here + "/current/key.p12").st_mode & 0o7777) == "0o640"
    # the PKCS#12 opens with the passphrase that only the administrator's way gives out, and is one export
    assert seals(site, box) == ["seal"]
    cli(site, "publish", "run", box)
    time.sleep(1)
    published(site, box, "files")
    assert seals(site, box) == ["seal"] and len([n for n in os.listdir(here) if n.startswith("v-")]) == 1
    # a person sees it
    assert "published" in cli(site, "show", box) and here in cli(site, "show", box)
    assert here in cli(site, "publish", "list", "--publisher", "files")
    assert publications(site, f"certificate:{c['id']}")[0]["where"] == here
    site.wait(lambda: [m for m in site.delivered(box) if b"Subject: The private key" in m], 20, "the owner is told")


def test_renewed_keeps_history_and_revoked_is_removed(site):
    box = "b@files.test"
    first = site.stored(site.order(box))
    published(site, box, "files")
    here = folder(site, "published", box)
    old = os.readlink(here + "/current")
    second = reissued(site, box)
    site.wait(lambda: os.readlink(here + "/current") != old, 40, "the switch")
    assert thumbprint(read(here, "current/cert.pem")) == second["thumbprint"]
    assert thumbprint(read(here, old, "cert.pem")) == first["thumbprint"]           # history
    states = site.wait(lambda: {p["thumbprint"]: p["state"] for p in publications(site, box)} ==
                       {first["thumbprint"]: "withdrawn", second["thumbprint"]: "published"}, 30, "states")
    assert states
    # revoked, though only history: it goes
    cli(site, "revoke", f"certificate:{first['id']}", "--reason", "lost")
    site.wait(lambda: not os.path.exists(here + "/" + old), 30, "the revoked one's folder gone")
    assert thumbprint(read(here, "current/cert.pem")) == second["thumbprint"]
    cli(site, "revoke", f"certificate:{second['id']}", "--reason", "left")
    site.wait(lambda: not os.path.lexists(here + "/current"), 30, "nothing is current")
    site.wait(lambda: [n for n in os.listdir(here) if n.startswith(("v-", "sealed-"))] == [], 20, "history gone")
    site.wait(lambda: {p["state"] for p in publications(site, box)} == {"withdrawn"}, 20, "withdrawn")
    assert [e for e in site.events("publish.done") if e["data"]["action"] == "withdraw" and
            e["data"]["reason"] == "revoked" and e["data"]["mailbox"] == box]


def test_strange_names_stay_below_the_folder(site):
    box = "x/y=1@files.test"
    site.stored(site.order(box))
    row = published(site, box, "files")
    assert row["where"] == site.path("published", "x%2Fy%3D1@files.test")
    assert os.path.isdir(row["where"])


def test_revoked_before_it_was_checked_is_never_published(site):
    """Neither responder nor list answers, so nothing is published; then it is revoked."""
    box = "c@hook.test"
    for what in ("POST /ocsp", "GET /smime.crl"):
        site.ca.fault(what, "status:500", times=None)
    c = site.stored(site.order(box))
    site.wait(lambda: publications(site, box), 20, "a row")
    time.sleep(1.5)
    assert publications(site, box)[0]["state"] == "waiting" and calls(site, box) == []
    cli(site, "revoke", f"certificate:{c['id']}", "--reason", "wrong")
    site.wait(lambda: publications(site, box)[0]["state"] == "withdrawn", 20, "withdrawn")
    assert [call for call in calls(site, box) if call[0] == "publish"] == []


def test_group(site):
    """Another group needs membership: refused with a sentence, then retried."""
    box = "a@grouped.test"
    site.stored(site.order(box))
    row = published(site, box, "grouped", "given-up")
    assert "group" in row["error"] and "certmilter.conf(5)" in row["error"]
    assert not os.path.lexists(folder(site, "grouped", box) + "/current")
    out = cli(site, "status", ok=(4,))
    assert "1 publications were given up" in out
    assert [(c["result"], "1 were given up" in c["text"]) for c in site.ask("doctor")["checks"]
            if c["name"] == "publishers"] == [("warn", True)]
    site.wait(lambda: [m for m in site.delivered("it@example.test") if b"grouped" in m], 20, "the contact is told")
    os.chown(site.path("grouped"), pwd.getpwnam("certagent").pw_uid, grp.getgrnam("certmilter").gr_gid)
    os.chmod(site.path("grouped"), 0o2755)
    groups = site.agent.groups
    site.agent.stop()
    site.agent.groups = groups + [grp.getgrnam("certmilter").gr_gid]
    try:
        site.start_agent()
        assert "1 publications are tried" in cli(site, "publish", "retry", box)
        published(site, box, "grouped")
        st = os.stat(folder(site, "grouped", box) + "/current/cert.pem")
        assert grp.getgrgid(st.st_gid).gr_name == "certmilter"
    finally:
        site.agent.stop()
        site.agent.groups = groups
        site.start_agent()


def test_full_disk(site):
    """A tiny file system: the old version stays whole; with room again the new one comes."""
    box = "a@small.test"
    small = site.path("small")
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=256k,mode=0755", "tmpfs", small], check=True)
    try:
        own(small, "certagent", mode=0o755)
        first = site.stored(site.order(box))
        published(site, box, "small")
        here = folder(site, "small", box)
        with open(os.path.join(small, "ballast"), "wb", buffering=0) as f:
            try:
                while True:
                    f.write(b"x" * 4096)
            except OSError:
                pass
        second = reissued(site, box)
        row = published(site, box, "small", "failed")
        assert "No space left" in row["error"] and row["next_try"] > 0
        assert thumbprint(read(here, "current/cert.pem")) == first["thumbprint"]
        assert thumbprint(read(here, "current/fullchain.pem")) == first["thumbprint"]
        assert [n for n in os.listdir(here) if n.startswith(".")] == []
        os.unlink(os.path.join(small, "ballast"))
        published(site, box, "small")                                          # by itself
        assert thumbprint(read(here, "current/cert.pem")) == second["thumbprint"]
    finally:
        subprocess.run(["umount", "-l", small], check=True)


# --- keys in clear ------------------------------------------------------------------------------------------

def test_clear_key_for_a_consumer(site):
    box = "a@signer.test"
    c = site.stored(site.order(box))
    row = published(site, box, "signer")
    assert row["clear_key"]
    path = site.path("clear", box + ".pem")
    text = read(path)
    assert text.startswith("-----BEGIN PRIVATE KEY-----") and thumbprint(text) == c["thumbprint"]
    st = os.stat(path)
    assert (oct(st.st_mode & 0o7777), grp.getgrgid(st.st_gid).gr_name) == ("0o640", "certmilter")
    assert pwd.getpwuid(st.st_uid).pw_name == "certkeeper"
    key = subprocess.run(["openssl", "pkey", "-pubout"], input=text, text=True, capture_output=True, check=True).stdout
    assert key == subprocess.run(["openssl", "x509", "-noout", "-pubkey"], input=text, text=True, capture_output=True,
                                 check=True).stdout
    # nothing of the key in the agent's folder; journaled once, whatever is repeated; told to the owner
    for base, _, files in os.walk(site.path("signer")):
        assert not [f for f in files if "PRIVATE" in read(base, f)]
    cli(site, "publish", "run", box)
    site.wait(lambda: len([e for e in site.events("publish.done") if e["data"]["mailbox"] == box]) == 2, 20, "again")
    assert seals(site, box) == ["consumer"]
    assert site.ask("status")["publications"]["clear_keys"] == 1
    site.wait(lambda: site.delivered(box) and [e for e in site.events("key.exported")
                                               if e["data"]["mailbox"] == box and e["data"]["kind"] == "consumer"], 20,
              "the owner is told")
    # another certificate takes its place; revoked, the key goes
    second = reissued(site, box)
    site.wait(lambda: thumbprint(read(path)) == second["thumbprint"], 40, "the new key")
    cli(site, "revoke", f"certificate:{second['id']}", "--reason", "left")
    site.wait(lambda: not os.path.exists(path), 30, "the key gone")
    site.wait(lambda: site.ask("status")["publications"]["clear_keys"] == 0, 10, "none counted")


def test_the_agent_cannot_choose_where_keys_go(site):
    """What the keeper's own command line doesn't name, no request can."""
    import ipc
    box = "b@signer.test"
    site.stored(site.order(box))
    published(site, box, "signer")
    key = next(c["key_id"] for c in certificates(site, box))
    thumb = certificates(site, box)[0]["thumbprint"]

    def ask(**more):
        try:
            ipc.ask(site.path("run/keeper/agent.sock"), {
                "v": 1, "op": "consumer", "action": "write", "consumer": "signing", "key_id": key,
                "cert_sha256": thumb, "mailbox": box, "who": "x", "reason": "y", **more})
            return "ok"
        except ipc.Refused as e:
            return e.code
    assert ask() == "ok"
    assert ask(consumer="../../etc") == "keeper.consumer"
    assert ask(mailbox="other@signer.test") == "keeper.mismatch"
    assert ask(cert_sha256="0" * 64) == "keeper.nocert"
    assert ask(action="dump") == "keeper.request"
    os.chmod(site.path("clear"), 0o2755)
    assert ask() == "keeper.consumer"
    os.chmod(site.path("clear"), 0o2750)


# --- hook --------------------------------------------------------------------------------------------------

def test_hook(site):
    box = "a@hook.test"
    c = site.stored(site.order(box))
    row = published(site, box, "hook")
    assert row["where"] == f"https://directory.test/{box}"
    action, _, thumb, reason, pid = calls(site, box)[0]
    assert (action, thumb, reason) == ("publish", c["thumbprint"], "issued") and len(calls(site, box)) == 1
    env = dict(line.split("=", 1) for line in read(site.path("hook", f"env.{pid}")).splitlines())
    assert set(env) - {"PWD", "SHLVL", "_", "OLDPWD"} == {
        "PATH", "CERTMILTER_ACTION", "CERTMILTER_REASON", "CERTMILTER_PUBLISHER", "CERTMILTER_MAILBOX",
        "CERTMILTER_TENANT", "CERTMILTER_THUMBPRINT", "CERTMILTER_SERIAL", "CERTMILTER_USAGE",
        "CERTMILTER_NOT_BEFORE", "CERTMILTER_NOT_AFTER"}
    given = json.loads(read(site.path("hook", f"in.{pid}")))
    assert given["action"] == "publish" and given["certificate"]["thumbprint"] == c["thumbprint"]
    assert thumbprint(given["certificate"]["chain_pem"]) == c["thumbprint"]
    assert [x["thumbprint"] for x in given["current"]] == [c["thumbprint"]] and "PRIVATE" not in json.dumps(given)
    # the next one is there before the old one is taken away
    second = reissued(site, box)
    site.wait(lambda: len(calls(site, box)) == 3, 40, "three calls")
    assert [(x[0], x[2], x[3]) for x in calls(site, box)[1:]] == [
        ("publish", second["thumbprint"], "renewed"), ("withdraw", c["thumbprint"], "superseded")]
    cli(site, "revoke", f"certificate:{second['id']}", "--reason", "left")
    site.wait(lambda: len(calls(site, box)) == 4, 30, "withdrawn")
    assert calls(site, box)[3][:4] == ["withdraw", box, second["thumbprint"], "revoked"]
    assert json.loads(read(site.path("hook", f"in.{calls(site, box)[3][4]}")))["current"] == []


def test_hook_that_says_later(site):
    box = "later@hook.test"
    mode(site, "later")
    site.stored(site.order(box))
    row = published(site, box, "hook", "failed")
    assert "not now" in row["error"] and row["next_try"] > 0
    assert "next try" in cli(site, "show", box).lower()
    site.wait(lambda: len(calls(site, box)) >= 2, 20, "tried again by itself")
    assert len([e for e in site.events("publish.failed") if e["data"]["mailbox"] == box]) == 1
    mode(site, "good")
    published(site, box, "hook")


def test_hook_that_fails_is_given_up_until_a_person_says_retry(site):
    box = "fail@hook.test"
    mode(site, "fail")
    site.stored(site.order(box))
    row = published(site, box, "hook", "given-up")
    assert "never" in row["error"] and "status 9" in row["error"]
    n = len(calls(site, box))
    time.sleep(3)
    assert len(calls(site, box)) == n == 1
    listed = json.loads(cli(site, "--json", "publish", "list", "--state", "given-up"))["publications"]
    assert box in [p["mailbox"] for p in listed]
    mode(site, "good")
    cli(site, "publish", "retry", box)
    published(site, box, "hook")
    cli(site, "publish", "retry", "nobody@hook.test", ok=(1,))


def test_hook_that_hangs(site):
    box = "hang@hasty.test"
    mode(site, "hang")
    site.stored(site.order(box))
    child = int(site.wait(lambda: os.path.exists(site.path("hook", "child")) and read(site.path("hook", "child")), 20,
                          "it hangs"))
    row = published(site, box, "hasty", "failed")
    assert "longer than 5 s" in row["error"]
    mode(site, "good")

    def gone():
        try:
            return read(f"/proc/{child}/stat").rpartition(")")[2].split()[0] == "Z"
        except (FileNotFoundError, ProcessLookupError):
            return True
    site.wait(gone, 10, "its process group ended")
    published(site, box, "hasty")


# --- crashes, configuration -------------------------------------------------------------------------------------

def test_killed_while_a_hook_runs(site):
    box = "crash@both.test"
    mode(site, "hang")
    site.stored(site.order(box))
    site.wait(lambda: calls(site, box), 30, "the hook runs")
    assert "working" in {p["state"] for p in publications(site, box)}
    site.agent.kill()
    mode(site, "good")
    site.start_agent()
    published(site, box, "hook")
    published(site, box, "files")
    assert {c[0] for c in calls(site, box)} == {"publish"} and len(calls(site, box)) == 2


def test_killed_at_any_moment(site):
    """kill -9 at moments of chance while certificates change: a reader never sees a mix, and the end is right."""
    box = "any@files.test"
    site.stored(site.order(box))
    published(site, box, "files")
    here = folder(site, "published", box)
    for pause in (0.05, 0.3, 0.8):
        n = len(certificates(site, box))
        site.wait(lambda: site.ask("show", what=box)["orders"][0]["state"] == "stored", 40, "stored")
        cli(site, "reissue", box, "--reason", "again")
        time.sleep(pause)
        site.agent.kill()
        chain = read(here, "current/fullchain.pem")
        assert chain == read(here, "current/cert.pem") + read(here, "current/chain.pem")
        site.start_agent()
        site.wait(lambda: len(certificates(site, box)) > n, 60, "the next certificate")
        site.wait(lambda: thumbprint(read(here, "current/cert.pem")) == certificates(site, box)[0]["thumbprint"], 60,
                  "the newest is published")
    assert [x for x in os.listdir(here) if x.startswith(".")] == []


def test_a_new_publisher_gets_what_is_current(site):
    box = "a@none.test"
    c = site.stored(site.order(box))
    time.sleep(1)
    assert publications(site, box) == []
    site.domains["none.test"] = {"mode": "confirm", "publish": '{ "files" }'}
    site.write_config()
    cli(site, "reload")
    published(site, box, "files")
    assert thumbprint(read(folder(site, "published", box), "current/cert.pem")) == c["thumbprint"]
    # taken out of the configuration it is left alone, and said
    site.domains["none.test"] = {"mode": "confirm"}
    site.write_config()
    cli(site, "reload")
    time.sleep(1)
    assert os.path.exists(folder(site, "published", box) + "/current")
    assert publications(site, box)[0]["state"] == "published"
    # revoked it goes all the same
    cli(site, "revoke", f"certificate:{c['id']}", "--reason", "left")
    site.wait(lambda: not os.path.lexists(folder(site, "published", box) + "/current"), 30, "gone")


def test_clear_key_is_taken_away_when_the_domain_no_longer_wants_it(site):
    box = "gone@signer.test"
    site.stored(site.order(box))
    path = site.path("clear", box + ".pem")
    site.wait(lambda: os.path.exists(path), 40, "the key")
    before = dict(site.domains["signer.test"])
    site.domains["signer.test"] = {k: v for k, v in before.items() if k != "clear_key"}
    site.write_config()
    cli(site, "reload")
    site.wait(lambda: not os.path.exists(path), 30, "the key gone")
    assert not published(site, box, "signer")["clear_key"]
    site.domains["signer.test"] = before
    site.write_config()
    cli(site, "reload")
    site.wait(lambda: os.path.exists(path), 30, "the key is back")


@pytest.fixture(scope="module", autouse=True)
def tidy(site):
    yield
    subprocess.run(["umount", "-l", site.path("small")], capture_output=True)


def test_expired_is_taken_away(site):
    """The end comes by the clock alone; the ledger is edited while nobody holds it, as no CA sells three seconds."""
    box = "end@hook.test"
    c = site.stored(site.order(box))
    published(site, box, "hook")
    site.agent.stop()
    end = int(time.time()) + 4
    with sqlite3.connect(site.path("state", "ledger.db")) as db:
        trigger = db.execute("SELECT sql FROM sqlite_master WHERE name = 'certificate_fixed'").fetchone()[0]
        db.execute("DROP TRIGGER certificate_fixed")
        db.execute("UPDATE certificate SET not_after = ? WHERE id = ?", (end, c["id"]))
        db.execute("UPDATE publication SET not_after = ? WHERE certificate = ?", (end, c["id"]))
        db.execute(trigger)
    db.close()
    for name in os.listdir(site.path("state")):
        if name.startswith("ledger.db"):
            own(site.path("state", name), "certagent", mode=0o600)
    site.start_agent()
    site.wait(lambda: len(calls(site, box)) == 2, 60, "taken away")
    assert calls(site, box)[1][:4] == ["withdraw", box, c["thumbprint"], "expired"]
    published(site, box, "hook", "withdrawn")
