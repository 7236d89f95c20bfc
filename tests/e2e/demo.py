"""The main job, step by step, on a private site; demo.sh builds, installs and calls this.

    demo.py DIR --prefix PREFIX [--keep]     exit 0 and the line "demo: ok" when every step did what it must
"""
import argparse
import base64
import email
import email.policy
import json
import os
import re
import secrets
import shlex
import subprocess
import sys
import time

import privatesite
from directory import BASE, PASSWORD, WRITER, Directory
from mailstore import MailStore
from privatesite import CONTACT

DOMAIN = "example.test"
PEOPLE = (("alice", "rsa3072", "zip", "a ZIP"), ("bob", "p256", "pem_text", "PEM in the text"))
PUBLISHERS = """
publisher "owner" {{
    kind       = mail
    passphrase = file
    history    = yes
}}
publisher "directory" {{
    kind       = ldap
    uri        = "{uri}"
    starttls   = yes
    base       = "{base}"
    bind_dn    = "{writer}"
    secret     = "directory"
    tls_bundle = "{bundle}"
}}
"""
COLOURS = ("\033[1m", "\033[0m") if sys.stdout.isatty() else ("", "")
SECOND = "second.test"
DNS = """
dns "bind" {{
    zone          = "{zone}"
    server        = "{server}"
    key           = "certmilter"
    secret        = "tsig"
    authoritative = {{ "{server}" }}
}}
"""
DNS_WORDS = {"dns.asked": "the CA named a value", "dns.written": "BIND was told it",
             "dns.shown": "its servers show it, and the CA has looked", "dns.removed": "taken away again"}


class Failed(Exception):
    pass


class Demo:
    def __init__(self, site):
        self.site, self.rows, self.number = site, [], 0
        self.env = {"PATH": os.path.join(site.prefix, "bin") + ":" + os.environ["PATH"], "LANG": "C.UTF-8",
                    "CERTMILTER_CONFIG": site.config}

    # --- telling ----------------------------------------------------------------------------------------
    def step(self, title):
        self.number += 1
        print(f"\n{COLOURS[0]}{self.number}. {title}{COLOURS[1]}", flush=True)

    def say(self, text):
        print("   " + text.replace("\n", "\n   "), flush=True)

    def must(self, what, seen, wanted):
        """A line of the final table; the demo ends if it isn't as wanted."""
        self.rows.append((what, seen, seen == wanted))
        if seen != wanted:
            raise Failed(f"{what}: {seen}, wanted {wanted}")

    def run(self, *args, show=True, ok=(0,)):
        """A certmilter command as an administrator types it."""
        if show:
            self.say("$ " + shlex.join(["certmilter", *args]))
        r = subprocess.run([self.site.program("certmilter"), *args], env=self.env, text=True, capture_output=True,
                           stdin=subprocess.DEVNULL, timeout=120)
        if show and (text := (r.stderr + r.stdout).rstrip()):
            self.say(text)
        if r.returncode not in ok:
            raise Failed(f"certmilter {' '.join(args)}: exit {r.returncode}\n{r.stdout}{r.stderr}")
        return r.stdout

    def json(self, *args, ok=(0,)):
        return json.loads(self.run("--json", *args, show=False, ok=ok))

    def wait(self, what, name, seconds=60):
        until = time.monotonic() + seconds
        while not (value := what()):
            if time.monotonic() > until:
                raise Failed(f"not within {seconds} s: {name}")
            time.sleep(0.1)
        return value

    # --- mails ----------------------------------------------------------------------------------------------
    def mails(self, account):
        """The validation mails that the CA made for an account."""
        return [m for m in self.site.ca.get("mails", kind="dcv", account=account)["mails"]]

    def deliver(self, mail):
        self.site.postfix.send(mail["from"], [mail["to"]], base64.b64decode(mail["raw_base64"]))

    def decided(self):
        """(verdict, recipient, token's owner) of each validation mail that the agent is done with."""
        return [e for e in self.site.events() if e["type"] in ("mail.decided", "alarm.mail")]

    @staticmethod
    def subject(raw):
        return str(email.message_from_bytes(raw, policy=email.policy.default)["Subject"])

    def alarms(self):
        found = []
        for raw in self.site.delivered(CONTACT):
            m = email.message_from_bytes(raw, policy=email.policy.default)
            if "ALARM" in m["Subject"]:
                found.append(m)
        return found

    # --- the steps ----------------------------------------------------------------------------------------------
    def a_stranger_first(self):
        self.step("Before we ask for anything: a stranger orders for our domain")
        self.site.ca.settings(send_mails=False)
        self.site.ca.post("mallory", domain=DOMAIN)
        mails = self.wait(lambda: len(m := self.mails("mallory")) == 5 and m, "Mallory's mails")
        self.say("Mallory has an account at the same CA and orders a certificate for our domain. The CA sends\n"
                 "five mails, genuine and signed, to our role addresses; each has a token of its own.")
        for m in mails:
            self.deliver(m)
        self.wait(lambda: len(self.decided()) == 5, "five decisions")
        alarms = self.wait(self.alarms, "the alarm mail")
        self.say(f"certmilter answered none. Its alarm lies in the mailbox of {CONTACT}:")
        self.say("    " + alarms[0]["Subject"])
        self.must("Mallory before us: mails answered", len(self.site.ca.posts()), 0)
        self.must("Mallory before us: alarm mails", len(alarms), 1)
        return mails

    def our_domain(self, before):
        self.step(f"We have {DOMAIN} validated, and Mallory orders again")
        self.run("domain", "add", DOMAIN)
        ours = self.wait(lambda: len(m := self.mails("ours")) == 5 and m, "our mails")
        self.site.ca.post("mallory", domain=DOMAIN)
        hers = self.wait(lambda: len(m := self.mails("mallory")) == 10 and m, "Mallory's mails")[5:]
        self.must("tokens in the CA's mails to us", len({m["token"] for m in ours}), 5)
        self.say("The CA's mails arrive through SMTP, hers and ours by turns:")
        for theirs, own in zip(hers, ours):
            for m, whose in ((theirs, "hers"), (own, "ours")):
                self.deliver(m)
                self.say(f"    {m['to']:28} token {m['token'][:4]}...  {whose}")
        self.wait(lambda: len(self.decided()) == 15, "fifteen decisions")
        self.site.ca.settings(send_mails=True)
        posts = self.site.ca.posts()
        used = [m["token"] for m in ours if m["token"] in posts]
        verdicts = [e["data"]["verdict"] + "/" + e["data"]["reason"] for e in self.decided()]
        self.must("validations confirmed", sum(posts.values()), 1)
        self.must("... of which ours", len(used), 1)
        self.must("copies closed unused", verdicts.count("observe/already-done"), 4)
        self.must("Mallory's mails alarmed", verdicts.count("alarm/unexpected"), 10)
        self.wait(lambda: len(self.alarms()) == 2, "the second alarm mail")
        self.must("alarm mails (one for each of her orders)", len(self.alarms()), 2)
        self.say("\nThe second alarm, as the contact reads it:\n")
        self.say(re.sub("(?m)^", "  | ", self.alarms()[1].get_content().strip()))

    def proven(self):
        self.step("The domain is valid at the CA")
        state = self.wait(lambda: [d for d in self.json("domain", "list", ok=(0, 4))["domains"]
                                   if d["state"] == "valid"], "validity")
        self.run("domain", "list", ok=(0, 4))
        self.must("domain in our ledger", state[0]["state"], "valid")
        self.must("domain in our account at the CA", self.site.ca.is_valid(DOMAIN, "ours"), True)
        self.must("domain in Mallory's account", self.site.ca.is_valid(DOMAIN, "mallory"), False)

    def consents(self):
        self.step("The owners of two mailboxes agree that their keys are kept")
        for who, *_ in PEOPLE:
            self.run("consent", "add", f"{who}@{DOMAIN}", "--what", "custody", "--who", who, "--how",
                     "signed form", "--text", "My keys are kept by the mail administrators.")
        self.must("consents recorded", len(self.json("consent", "list")["consents"]), 2)

    def orders(self):
        for who, key, form, words in PEOPLE:
            self.step(f"A certificate for {who}@{DOMAIN}, key {key}; the CA sends it as {words}")
            self.site.ca.settings(issued_form=form)
            self.run("order", f"{who}@{DOMAIN}", "--key-type", key, "--wait", "--timeout", "3m", ok=(0, 4))
            shown = self.json("show", f"{who}@{DOMAIN}", ok=(0, 4))
            certificate = shown["certificates"][0]
            self.wait(lambda: self.site.delivered(f"{who}@{DOMAIN}"), "the CA's mail in the mailbox")
            self.must(f"{who}: certificate", certificate["state"], "current")
            self.must(f"{who}: came by", certificate["source"].split(":")[0], "mail")
        self.say("")
        self.run("list", ok=(0, 4))
        self.must("orders that the CA got from us", self.site.ca.counters()["orders"].get("ours"), len(PEOPLE))

    def use(self):
        self.step("PKCS#12 exported, and used by openssl cms")
        work = self.site.path("export")
        os.makedirs(work, mode=0o700, exist_ok=True)
        letter = os.path.join(work, "letter.txt")
        with open(letter, "w") as f:
            f.write("Dear all,\r\n\r\nthis is signed.\r\n")
        for who, key, *_ in PEOPLE:
            p12, word = os.path.join(work, who + ".p12"), os.path.join(work, who + ".pass")
            self.run("export", f"{who}@{DOMAIN}", "--p12", p12, "--passphrase-out", word, "--reason", "demo")
            self.must(f"{who} ({key}): signed and verified", self._sign(who, work, p12, word, letter), True)
            self.must(f"{who} ({key}): encrypted and decrypted", self._decrypt(who, work, letter), True)
            told = self.wait(lambda: [m for m in map(self.subject, self.site.delivered(f"{who}@{DOMAIN}"))
                                      if "private key" in m], "the mail that tells of the export")
            self.say("told to " + who + ": " + told[0])
        self.say("signed, verified against the CA's root, encrypted, decrypted: as it must be")

    def openssl(self, *args):
        r = subprocess.run(["openssl", *args], capture_output=True, text=True, stdin=subprocess.DEVNULL)
        if r.returncode != 0:
            raise Failed(f"openssl {' '.join(args)}:\n{r.stderr}")

    def _sign(self, who, work, p12, word, letter):
        def at(ext):
            return os.path.join(work, who + ext)
        self.openssl("pkcs12", "-in", p12, "-passin", "file:" + word, "-nodes", "-nocerts", "-out", at(".key"))
        self.openssl("pkcs12", "-in", p12, "-passin", "file:" + word, "-clcerts", "-nokeys", "-out", at(".crt"))
        self.openssl("pkcs12", "-in", p12, "-passin", "file:" + word, "-cacerts", "-nokeys", "-out", at(".chain"))
        self.openssl("cms", "-sign", "-in", letter, "-binary", "-signer", at(".crt"), "-inkey", at(".key"),
                     "-certfile", at(".chain"), "-out", at(".signed"))
        self.openssl("cms", "-verify", "-in", at(".signed"), "-CAfile", self.site.ca.path("smime-root.pem"),
                     "-purpose", "smimesign", "-binary", "-out", at(".read"))
        return same(letter, at(".read"))

    def _decrypt(self, who, work, letter):
        def at(ext):
            return os.path.join(work, who + ext)
        self.openssl("cms", "-encrypt", "-aes256", "-binary", "-in", letter, "-out", at(".secret"), at(".crt"))
        self.openssl("cms", "-decrypt", "-binary", "-in", at(".secret"), "-recip", at(".crt"), "-inkey", at(".key"),
                     "-out", at(".opened"))
        return same(letter, at(".opened"))

    # --- delivery -------------------------------------------------------------------------------------------------
    def published(self, box, certificate):
        """Both publishers have this certificate of BOX."""
        rows = [p for p in self.json("show", box, ok=(0, 4))["publications"] if p["certificate"] == certificate]
        return len(rows) == 2 and all(p["state"] == "published" for p in rows)

    def current(self, box):
        shown = self.json("show", box, ok=(0, 4))["certificates"]
        return max(c["id"] for c in shown if c["state"] == "current")

    def bundles(self, box):
        """The PKCS#12 files that lie in the mailbox, by IMAP, oldest first."""
        return [p.get_content() for m in self.site.beside["dovecot"].read(box) for p in m.iter_attachments()
                if (p.get_filename() or "").endswith(".p12")]

    def handed(self, known):
        """The passphrase that the help desk has now and had not before."""
        desk = self.site.path("helpdesk")
        os.makedirs(desk, mode=0o700, exist_ok=True)
        self.run("passphrase", "deliver", "--dir", desk)
        texts = [open(os.path.join(desk, name)).read() for name in os.listdir(desk) if name.startswith("alice@")]
        words = {re.search(r"(?m)^passphrase +(\S+)$", t)[1] for t in texts} - set(known)
        self.must("passphrases for the help desk", len(words), 1)
        return words.pop()

    def from_directory(self, box, work):
        """A correspondent looks BOX up and encrypts a letter to what it finds."""
        found = self.wait(lambda: self.site.beside["slapd"].search(f"(mail={box})", "userCertificate;binary").get(
            "userCertificate;binary"), "the certificate in the directory")
        self.must("certificates in the directory", len(found), 1)
        with open(os.path.join(work, "peer.der"), "wb") as f:
            f.write(found[0])
        self.openssl("x509", "-inform", "DER", "-in", os.path.join(work, "peer.der"), "-out",
                     os.path.join(work, "peer.pem"))

    def reads(self, p12, word, work, secret):
        """How many keys of a bundle open a mail that lies in the mailbox."""
        with open(os.path.join(work, "got.p12"), "wb") as f:
            f.write(p12)
        r = subprocess.run(["openssl", "pkcs12", "-in", f.name, "-passin", "pass:" + word, "-nocerts", "-nodes"],
                           capture_output=True, check=True)
        opened = 0
        for n, key in enumerate(r.stdout.split(b"-----BEGIN")[1:]):
            path = os.path.join(work, f"got{n}.key")
            with open(path, "wb") as f:
                f.write(b"-----BEGIN" + key)
            r = subprocess.run(["openssl", "cms", "-decrypt", "-binary", "-in", secret, "-inkey", path],
                               capture_output=True)
            with open(os.path.join(work, "letter.txt"), "rb") as f:
                opened += r.returncode == 0 and r.stdout == f.read()
        return opened

    def write_to(self, box, name, work):
        """The letter, encrypted, through SMTP into the mailbox; a copy as IMAP gives it."""
        path = os.path.join(work, name)
        self.openssl("cms", "-encrypt", "-aes256", "-binary", "-in", os.path.join(work, "letter.txt"), "-from",
                     "carol@elsewhere.test", "-to", box, "-subject", name, "-out", path,
                     os.path.join(work, "peer.pem"))
        with open(path, "rb") as f:
            self.site.postfix.send("carol@elsewhere.test", [box], f.read())
        mail = self.wait(lambda: self.site.beside["dovecot"].read(box, "SUBJECT", name), "the letter")[0]
        with open(path, "wb") as f:
            f.write(mail.as_bytes())
        return path

    def delivery(self):
        box, work = f"alice@{DOMAIN}", self.site.path("export")
        self.step("Delivered by itself: a mail to the owner, and the organization's directory")
        self.wait(lambda: self.published(box, self.current(box)), "both publishers")
        first = self.wait(lambda: self.bundles(box), "the PKCS#12 in the mailbox")
        self.run("publish", "list", ok=(0, 4))
        self.must("PKCS#12 in the mailbox (IMAP)", len(first), 1)
        word = self.handed([])
        self.from_directory(box, work)
        old = self.write_to(box, "old-letter", work)
        self.must("mail encrypted to the directory's certificate, read", self.reads(first[0], word, work, old), 1)
        self.step("Renewed: the old mail stays readable")
        before = self.current(box)
        self.run("renew", box, ok=(0, 4))
        self.wait(lambda: self.current(box) != before and self.published(box, self.current(box)), "the renewal", 90)
        second = self.wait(lambda: self.bundles(box)[1:], "the second PKCS#12")[0]
        word = self.handed([word])
        self.wait(lambda: len(self.site.beside["slapd"].search(f"(mail={box})", "userCertificate;binary").get(
            "userCertificate;binary", [])) == 1, "the directory")
        self.from_directory(box, work)
        new = self.write_to(box, "new-letter", work)
        self.must("the new mail, read with the new bundle", self.reads(second, word, work, new), 1)
        self.must("the old mail, read with the new bundle", self.reads(second, word, work, old), 1)

    def ordinary(self):
        self.step("Ordinary mail is not touched")
        raw = (b"From: Carol <carol@elsewhere.test>\nTo: alice@example.test\nSubject:  odd  spacing\t!\n"
               b"Date: Sun, 22 Nov 2026 12:00:00 +0000\nMessage-ID: <demo-ordinary@elsewhere.test>\n"
               b"X-Folded: one\n\ttwo\n   three\n\nBody with 8 bits: \xc3\xa4\xff, "
               b"a dot line next\n.\n\nand no more.\n")
        before = len(self.site.delivered(f"alice@{DOMAIN}"))
        self.site.postfix.send("carol@elsewhere.test", [f"alice@{DOMAIN}"], raw.replace(b"\n", b"\r\n"))
        arrived = self.wait(lambda: self.site.delivered(f"alice@{DOMAIN}")[before:], "the mail")[0]
        same_bytes = arrived.endswith(raw)
        added = [line.split(b":")[0].decode() for line in arrived[:-len(raw)].split(b"\n")
                 if line and line[:1] not in b" \t"]
        self.say("added by Postfix in front: " + ", ".join(added))
        self.must("ordinary mail: byte for byte", same_bytes, True)
        self.must("ordinary mail: added by us", [a for a in added if "ertmilter" in a], [])

    # --- without the CA's mails ---------------------------------------------------------------------------------
    def dns_zone(self):
        """A second domain as a zone of BIND that one TSIG key may put the one record into."""
        secret = base64.b64encode(secrets.token_bytes(32)).decode()
        ns, at = self.site.dns, f"127.0.0.1@{self.site.ports['dns']}"
        ns.keys["certmilter"] = ("hmac-sha256", secret)
        ns.zones[SECOND] = (f"{SECOND}. IN NS ns1.{SECOND}.\nns1.{SECOND}. IN A 127.0.0.1\n"
                            f"{SECOND}. IN A 127.0.0.1\n{SECOND}. IN MX 10 mx.example.test.\n")
        ns.policy[SECOND] = f"grant certmilter name _dnsauth.{SECOND}. TXT;"
        ns.stop()
        ns.start()
        self.site.credential("tsig", secret + "\n", "certagent")
        section = DNS.format(zone=SECOND, server=at)
        self.site.extra += section
        self.site.domains[SECOND] = {"mode": "confirm", "method": "dns-txt"}
        self.site.write_config()
        return section

    def by_dns(self):
        self.step(f"A second way beside the mail's: {SECOND} by a DNS record on BIND")
        self.say("Added to the configuration, with the TSIG key's secret as a credential:")
        self.say(re.sub("(?m)^", "  | ", f'domain "{SECOND}" {{ mode = confirm; method = dns-txt ... }}\n'
                        + self.dns_zone().strip()))
        self.site.ca.settings(send_mails=False)
        before, mails = sum(self.site.ca.posts().values()), len(self.mails("ours"))
        self.run("reload")
        self.run("domain", "add", SECOND)
        name = f"domain:{SECOND}"
        self.wait(lambda: (d := self.json("show", name)["domain"])["state"] == "valid" and not d.get("dcv"),
                  f"{SECOND} valid, its record taken away")
        happened = [e["type"] for e in self.site.events("dns.")]
        self.say("    " + ", ".join(DNS_WORDS.get(t, t) for t in happened))
        self.run("domain", "list", ok=(0, 4))
        self.must("second domain: record written, seen, removed", happened == list(DNS_WORDS), True)
        self.must("second domain: in our account at the CA", self.site.ca.is_valid(SECOND, "ours"), True)
        self.must("second domain: validation mails of the CA", len(self.mails("ours")) - mails, 0)
        self.must("second domain: links opened", sum(self.site.ca.posts().values()) - before, 0)

    def by_api(self):
        box = f"carol@{SECOND}"
        self.step(f"A certificate for {box} by the API alone; the CA sends no mail")
        self.run("consent", "add", box, "--what", "custody", "--who", "carol", "--how", "signed form",
                 "--text", "My keys are kept by the mail administrators.")
        self.run("order", box, "--key-type", "p256", "--wait", "--timeout", "3m", ok=(0, 4))
        certificate = self.json("show", box, ok=(0, 4))["certificates"][0]
        self.must("carol: certificate", certificate["state"], "current")
        self.must("carol: came by", certificate["source"].split(":")[0], "api")
        self.site.ca.settings(send_mails=True)

    def table(self):
        print(f"\n{COLOURS[0]}What happened{COLOURS[1]}\n")
        width = max(len(r[0]) for r in self.rows)
        for what, seen, good in self.rows:
            shown = "yes" if seen is True else "no" if seen is False else "nothing" if seen == [] else seen
            print(f"  {what:{width}}  {shown!s:9} {'ok' if good else 'WRONG'}")

    def all(self):
        self.our_domain(self.a_stranger_first())
        self.proven()
        self.consents()
        self.orders()
        self.use()
        self.delivery()
        self.ordinary()
        self.by_dns()
        self.by_api()
        self.step("What the program says about all that")
        self.run("status", ok=(0, 4))


def start(site):
    """The site with a directory and an IMAP store beside it."""
    slapd = site.beside["slapd"] = Directory(site.path("slapd"))
    site.extra = PUBLISHERS.format(uri=slapd.uri, base=BASE, writer=WRITER, bundle=slapd.bundle)
    site.credential("directory", PASSWORD, "certagent")
    slapd.start().fill(*(f"{who}@{DOMAIN}" for who, *_ in PEOPLE))
    site.start()
    site.beside["dovecot"] = MailStore(site.path("dovecot"), site.postfix.mail).start()


def same(a, b):
    with open(a, "rb") as x, open(b, "rb") as y:
        return x.read() == y.read()


def main():
    p = argparse.ArgumentParser()
    p.add_argument("dir")
    p.add_argument("--prefix", required=True)
    p.add_argument("--keep", action="store_true")
    o = p.parse_args()
    print("Starting BIND, the rehearsal CA, Postfix, slapd, Dovecot and the three daemons below " + o.dir, flush=True)
    site = privatesite.Site(o.dir, o.prefix, boxes=[f"{who}@{DOMAIN}" for who, *_ in PEOPLE], domains={
        DOMAIN: {"mode": "confirm", "publish": '{ "owner", "directory" }'}})
    demo, good = Demo(site), False
    try:
        start(site)
        demo.all()
        demo.table()
        good = True
    except (Failed, AssertionError, RuntimeError, OSError, ValueError, LookupError,
            subprocess.SubprocessError) as e:
        print(f"\ndemo: failed: {e}", flush=True)
        print("\n".join(["--- the agent's log, last lines", *site.agent.log_text().splitlines()[-15:]]), flush=True)
    finally:
        if good and o.keep:
            site.save()
        else:
            site.stop()
    if good and o.keep:
        print(f"\nEverything goes on running; ./demo.sh --stop ends it. Talk to it with\n\n"
              f"export PATH={site.prefix}/bin:$PATH\nexport CERTMILTER_CONFIG={site.config}\n")
    if good:
        print("demo: ok", flush=True)
    sys.exit(0 if good else 1)


if __name__ == "__main__":
    main()
