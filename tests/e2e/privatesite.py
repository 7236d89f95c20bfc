#!/usr/bin/python3
"""A whole site in one directory: BIND, the rehearsal CA, Postfix, and certmilter's three daemons.

Used by the end-to-end tests (class Site) and by demo.sh (as a command). Everything listens on loopback or on sockets
in the directory; the host's own Postfix, BIND, /etc/hosts and /etc/resolv.conf are neither read nor changed.
Needs root: Postfix's master does, and each daemon gets its own user.

    privatesite.py start DIR [--prefix PREFIX]     prints "export" lines; everything goes on running
    privatesite.py stop DIR                        ends what start left running; the files stay
"""
import argparse
import atexit
import json
import os
import re
import secrets
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
import time

import agentsocket
import daemons
import nameserver
import postfixenv
import rehearsal
from daemons import ROOT, Daemon, own

BUILD = os.path.join(ROOT, os.environ.get("CERTMILTER_BUILD", "build"))
ROLES = ("admin", "administrator", "webmaster", "hostmaster", "postmaster")
PORTS = ("dns", "https", "http", "smtp")
CONTACT = "it@example.test"

CONFIG = """\
# Written for a private site; see certmilter.conf(5).
contact  = "{contact}"
hostname = "mx.example.test"

{account}
{domains}
profile "rehearsal" {{
    file = "{profile}"
}}

paths {{
    spool_dir           = "{dir}/spool"
    state_dir           = "{dir}/state"
    milter_socket       = "unix:{dir}/run/milter/milter.sock"
    agent_socket        = "{dir}/run/agent/control.sock"
    keeper_socket       = "{dir}/run/keeper/agent.sock"
    keeper_admin_socket = "{dir}/run/keeper/admin.sock"
    credentials_dir     = "{dir}/etc/credentials"
    profile_dir         = "{profiles}"
    trust_bundle        = "{dir}/etc/smime-ca.pem"
}}

network {{
    resolvers = {{ "127.0.0.1@{dns}" }}
}}

notices {{
    smtp = "127.0.0.1:{smtp}"
    from = "certmilter@mx.example.test"
}}

timing {{
{timing}}}
{extra}"""
ACCOUNT = """\
account "rehearsal" {{
    profile      = "rehearsal"
    driver       = certcentral
    base_url     = "https://api.rehearsal-ca.test:{https}/services/v2"
    api_key      = "rehearsal"
    tls_bundle   = "{dir}/etc/tls-ca.pem"
    organization = {organization}
    poll         = {poll}
{account_options}{account_more}}}

rehearsal {{
    private_networks = {{ "127.0.0.0/8" }}
    link_bundle      = "{dir}/etc/tls-ca.pem"
{rehearsal}}}
"""
DOMAIN = """\
domain "{name}" {{
{options}}}
"""


PATIENCE = 90  # seconds
CA_KEYS = {}  # of the first site of this process: making them takes seconds


class Site:
    """One site below DIRECTORY (a temporary one if None).

    domains: {name: {option: value}} for the configuration; with account=False there is no CA account (guard mode).
    timing: options of the section "timing"; own_socket: the milter opens its socket itself; settle: how long the
    rehearsal profile gives mails to arrive, instead of its ten minutes; extra: further text of the configuration;
    boxes: mailboxes that have a Maildir of their own (for an IMAP server).
    Each domain of an account names a standing register for its orders (option attestation; None leaves it out), and
    the CA's terms are accepted when the agent starts (agreements=False: they are not). account_options:
    {option: value} of the account, more or instead.
    `rehearsal` and `account_more`, attributes: further lines of the section "rehearsal" and of the account."""

    def __init__(self, directory=None, prefix=None, domains=None, account=True, timing=None, poll="2s",
                 own_socket=False, settle=None, extra="", boxes=(), agreements=True, account_options=None):
        daemons.ensure_users()
        self.temporary = directory is None
        self.dir = os.path.abspath(directory or tempfile.mkdtemp(prefix="cm-", dir="/tmp"))
        os.makedirs(self.dir, exist_ok=True)
        os.chmod(self.dir, 0o755)
        self.account, self.timing, self.poll, self.own_socket = account, timing or {}, poll, own_socket
        self.settle, self.extra, self.boxes, self.agreements = settle, extra, boxes, agreements
        self.account_options = {"payment": "balance", "skip_approval": "yes", **(account_options or {})}
        self.rehearsal = self.account_more = ""
        if domains is None:
            domains = {"example.test": {"mode": "confirm"}} if account else {"example.test": {}}
        self.domains = domains
        self.ports = {name: nameserver.free_port() for name in PORTS}
        self.copy_keys = CA_KEYS.get("pid") == os.getpid() and nameserver.is_free(CA_KEYS["http"])
        if self.copy_keys:
            self.ports["http"] = CA_KEYS["http"]  # it stands in the intermediate's certificate
        self.prefix = prefix or self._install()
        self.config = self.path("etc", "certmilter.conf")
        self.agent_socket = self.path("run", "agent", "control.sock")
        self._directories()
        smtp = f"127.0.0.1:{self.ports['smtp']}"
        self.dns = nameserver.Nameserver(self.path("dns"), self.ports["dns"])
        self.ca = rehearsal.RehearsalCA(self.path("ca"), self.ports["https"], self.ports["http"], smtp,
                                        self.dns.address)
        self.postfix = None
        self.socket = None
        self.beside = {}  # what a test runs beside it, by name: something with process and stop()
        self._daemons()

    def path(self, *names):
        return os.path.join(self.dir, *names)

    def program(self, name):
        sub = {"certmilter": "bin", "certinspect": "libexec/certmilter"}.get(name, "sbin")
        return os.path.join(self.prefix, sub, name)

    # --- building ------------------------------------------------------------------------------------
    def _install(self):
        """A copy of the build tree that the daemons' users can reach."""
        prefix = self.path("prefix")
        for sub in ("bin", "sbin", "libexec", "share"):
            shutil.copytree(os.path.join(BUILD, sub), os.path.join(prefix, sub), dirs_exist_ok=True)
        for base, dirs, files in os.walk(prefix):
            for name in dirs + files:
                p = os.path.join(base, name)
                os.chmod(p, os.stat(p).st_mode | stat.S_IRGRP | stat.S_IROTH |
                         (stat.S_IXGRP | stat.S_IXOTH if os.stat(p).st_mode & stat.S_IXUSR else 0))
        return prefix

    def _directories(self):
        for name, user, mode in (("etc", "root", 0o755), ("etc/credentials", "root", 0o755), ("log", "root", 0o755),
                                 ("run", "root", 0o755), ("run/milter", "certmilter", 0o755),
                                 ("run/agent", "certagent", 0o755), ("run/keeper", "certkeeper", 0o755),
                                 ("state", "certagent", 0o711), ("keys", "certkeeper", 0o700)):
            os.makedirs(self.path(name), exist_ok=True)
            own(self.path(name), user, mode=mode)
        daemons.make_spool(self.path("spool"))

    def _daemons(self):
        milter = "unix:" + self.path("run", "milter", "milter.sock") if self.own_socket else "fd:3"
        self.milter = Daemon(
            "certmilterd", "certmilter",
            [self.program("certmilterd"), "--socket", milter, "--socket-mode", "0666", "--spool", self.path("spool"),
             "--watch", self.path("state", "watch")], self.path("log", "certmilterd"), "milter.ready", ["certspool"])
        self.keeper = Daemon(
            "certkeeperd", "certkeeper",
            [self.program("certkeeperd"), "--state", self.path("keys"), "--socket", self.path("run/keeper/agent.sock"),
             "--admin-socket", self.path("run/keeper/admin.sock"), "--agent-user", "certagent", "--kek", "kek",
             "--credentials", self.path("etc/credentials")], self.path("log", "certkeeperd"), "keeper.ready")
        self.agent = Daemon(
            "certagentd", "certagent", [self.program("certagentd"), "--config", self.config],
            self.path("log", "certagentd"), "agent.started", ["certspool"])

    def credential(self, name, text, user):
        p = self.path("etc", "credentials", name)
        with open(os.open(p, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as f:
            f.write(text)
        own(p, user, mode=0o600)

    def write_config(self):
        values = dict(dir=self.dir, contact=CONTACT, profiles=os.path.join(self.prefix, "share/certmilter/profiles"),
                      poll=self.poll, organization=self.ca.account["organization_id"], **self.ports)
        values["profile"] = self._profile(values["profiles"] + "/rehearsal.conf")
        values["account_options"] = "".join(f"    {k} = {v}\n" for k, v in self.account_options.items())
        values["rehearsal"], values["account_more"] = self.rehearsal, self.account_more
        values["account"] = ACCOUNT.format(**values) if self.account else ""
        values["timing"] = "".join(f"    {k} = {v}\n" for k, v in self.timing.items())
        values["domains"], values["extra"] = "", self.extra
        for name, options in self.domains.items():
            if self.account:
                options = {"account": '"rehearsal"', "attestation": '"Personnel department, Jane Doe"', **options}
            values["domains"] += DOMAIN.format(name=name, options="".join(
                f"    {k} = {v}\n" for k, v in options.items() if v is not None))
        with open(self.config, "w") as f:
            f.write(CONFIG.format(**values))
        os.chmod(self.config, 0o644)

    def _profile(self, shipped):
        if not self.settle:
            return shipped
        with open(shipped) as f:
            text = re.sub(r"(?m)^(\s*settle\s*=\s*)\S+$", rf"\g<1>{self.settle}", f.read())
        with open(self.path("etc", "rehearsal.conf"), "w") as f:
            f.write(text)
        os.chmod(f.name, 0o644)
        return f.name

    def _trust(self):
        """What the CA made at its first start, put where the configuration names it."""
        def put(name, *sources):
            text = "".join(open(self.ca.path(s)).read() for s in sources)
            with open(self.path("etc", name), "w") as f:
                f.write(text)
            os.chmod(self.path("etc", name), 0o644)
        put("tls-ca.pem", "tls-root.pem")
        put("smime-ca.pem", "smime-root.pem", "smime-intermediate.pem")
        self.credential("rehearsal", self.ca.account["key"], "certagent")
        if not os.path.exists(self.path("etc/credentials/kek")):
            self.credential("kek", secrets.token_hex(32), "certkeeper")

    # --- life ---------------------------------------------------------------------------------------------
    def start_around(self):
        """All but certmilter's daemons."""
        self._start_ca()
        with open(self.ca.path("zone.txt")) as f:
            self.dns.records["rehearsal-ca.test"] = f.read()
        self.dns.records["mx"] = "mx.example.test. IN A 127.0.0.1\n"
        for name in self.domains:
            self.dns.records[name] = f"{name}. IN A 127.0.0.1\n{name}. IN MX 10 mx.example.test.\n"
        self.dns.start()
        self._trust()
        self.write_config()
        self.start_postfix()
        return self

    def _start_ca(self):
        """The first site's CA makes its keys; later ones of the same process start with a copy."""
        ignore = shutil.ignore_patterns("state.json", "accounts.json", "ready", "*.log")
        if self.copy_keys:
            shutil.copytree(CA_KEYS["dir"], self.ca.dir, dirs_exist_ok=True)
        self.ca.start()
        if CA_KEYS.get("pid") != os.getpid():
            kept = tempfile.mkdtemp(prefix="cm-ca-", dir="/tmp")
            atexit.register(shutil.rmtree, kept, ignore_errors=True)
            shutil.copytree(self.ca.dir, kept, ignore=ignore, dirs_exist_ok=True)
            CA_KEYS.update(pid=os.getpid(), dir=kept, http=self.ports["http"])

    def start_postfix(self, **more):
        milter = "unix:" + self.path("run", "milter", "milter.sock")
        self.postfix = postfixenv.Postfix(self.path("mta"), self.ports["smtp"], [milter],
                                          **{"boxes": self.boxes, **more})
        self.postfix.start()

    def start_milter(self):
        if not self.own_socket and self.socket is None:
            self.socket = self.milter.listen = daemons.milter_socket(self.path("run", "milter", "milter.sock"))
        self.milter.start()

    def start(self, agent=True):
        self.start_around()
        self.start_milter()
        if self.account:
            self.keeper.start()
        if agent:
            self.start_agent()
        return self

    def start_agent(self):
        self.agent.start()
        self.wait(lambda: self.ask("status")["watch"].get("written"), 10, "watch file")
        self.wait_watch()
        if self.agreements:
            self.accept_agreements()
        return self

    def accept_agreements(self):
        """What of the CA's terms nobody accepted yet, for every account."""
        after = None
        while True:
            page = self.ask("agreement.list", **({"after": after} if after else {}))
            for g in page["agreements"]:
                if not g["ok"]:
                    version = "rehearsal-1" if g["required"] == "any" else g["required"]
                    self.ask("agreement.accept", account=g["account"], what=g["what"], version=version,
                             name="Jane Doe, head of the site")
            after = page.get("next")
            if not after:
                return

    def wait_watch(self):
        """Until the milter has read the watch file that is there now (it looks every 2 s)."""
        if self.milter.running():
            seen = len(self.milter.log_text())
            self.milter.proc.send_signal(signal.SIGUSR1)
            self.milter.wait_log("watch.loaded", PATIENCE, seen)

    def stop(self):
        for step in (lambda: self.postfix and self.postfix.stop(), lambda: self.milter.stop(signal.SIGUSR2, 70),
                     self.agent.stop, self.keeper.stop, self.ca.stop, self.dns.stop,
                     *(x.stop for x in self.beside.values())):
            try:
                step()
            except Exception as e:  # the others must be stopped too
                sys.stderr.write(f"privatesite: {e}\n")
        if self.socket:
            self.socket.close()
            self.socket = self.milter.listen = None

    def remove(self):
        self.stop()
        said = [c for c in (d.complaint() for d in (self.milter, self.agent, self.keeper)) if c]
        if self.temporary:
            shutil.rmtree(self.dir, ignore_errors=True)
        assert not said, "\n".join(said)

    # --- talking --------------------------------------------------------------------------------------------
    def ask(self, cmd, **fields):
        return agentsocket.ask(self.agent_socket, cmd, **fields)

    def ask_as(self, user, cmd, **fields):
        """The same by a user of the host who is in the socket's group; the whole answer."""
        group = os.stat(self.agent_socket).st_gid
        with open(agentsocket.__file__) as f:
            code = f.read() + ("\nimport sys\ntry:\n    print(json.dumps(ask(**json.loads(sys.stdin.read()))))\n"
                               "except Refused as e:\n    print(json.dumps(e.answer))\n")
        r = subprocess.run([sys.executable, "-c", code], user=user, group=group, extra_groups=[group], text=True,
                           input=json.dumps({"path": self.agent_socket, "cmd": cmd, **fields}), capture_output=True,
                           check=True, cwd="/", timeout=60)
        return json.loads(r.stdout)

    def send(self, raw, rcpt, sender="somebody@elsewhere.test"):
        rcpt = [rcpt] if isinstance(rcpt, str) else rcpt
        self.postfix.send(sender, rcpt, raw)

    def wait(self, what, timeout=30, name="condition"):
        """WHAT() until it is true; its value. The agent's log goes into the failure. On a loaded machine everything
        takes longer, so no time is less than PATIENCE: what comes in time costs none of it."""
        timeout = max(timeout, PATIENCE)
        until = time.monotonic() + timeout
        while True:
            value = what()
            if value:
                return value
            if time.monotonic() > until:
                raise AssertionError(f"{name}: not within {timeout} s\n{self.agent.log_text()[-6000:]}")
            time.sleep(0.05)

    def delivered(self, rcpt):
        """Delivered mails for RCPT, as they lie in the mailbox."""
        mark = f"\nDelivered-To: {rcpt}\n".encode()
        return [raw for raw in self.postfix.delivered() if mark in b"\n" + raw.split(b"\n\n")[0] + b"\n"]

    def events(self, prefix=None):
        """All of the record, oldest first."""
        out, after = [], 0
        while after is not None:
            page = self.ask("events", limit=500, after=after, **({"prefix": prefix} if prefix else {}))
            out += page["events"]
            after = page.get("next")
        return out

    def verdicts(self, domain):
        """What was decided about mails for DOMAIN, as "verdict/reason", in order."""
        out = []
        for e in self.events():
            d = e.get("data") or {}
            of = d.get("domain") or (d.get("mailbox") or "@").rpartition("@")[2]
            if e["type"] in ("mail.decided", "alarm.mail") and of == domain:
                out.append(f"{d['verdict']}/{d['reason']}")
        return out

    def state_of(self, domain):
        """The domain as our ledger has it: "valid", "pending" ..."""
        after = None
        while True:
            page = self.ask("domain.list", limit=500, **({"after": after} if after else {}))
            for d in page["domains"]:
                if d["domain"] == domain:
                    return d.get("state")
            after = page.get("next")
            if not after:
                return None

    def validate(self, domain, timeout=30):
        """Has the domain validated by mail, and waits for it."""
        self.ask("domain.add", domain=domain)
        self.wait(lambda: self.state_of(domain) == "valid", timeout, f"{domain} valid")

    def consent(self, mailbox, what="custody"):
        self.ask("consent.add", mailbox=mailbox, what=what, who="owner", how="form", text="agreed")

    def order(self, mailbox, **more):
        """An order with the owner's consent; its number."""
        self.consent(mailbox)
        return self.ask("order", mailbox=mailbox, **{"key_type": "p256", **more})["order"]

    def order_state(self, number):
        return self.ask("show", what=f"order:{number}")["order"]["state"]

    def stored(self, number, timeout=60):
        """Waits until the order's certificate is stored; the certificate."""
        self.wait(lambda: self.order_state(number) == "stored", timeout, f"order {number} stored")
        box = self.ask("show", what=f"order:{number}")["order"]["mailbox"]
        return next(c for c in self.ask("show", what=box)["certificates"] if c["order"] == number)

    # --- as a command ------------------------------------------------------------------------------------------
    def save(self):
        """Who runs, so that another call can stop exactly these."""
        pids = {n: [d.proc.pid, started(d.proc.pid)]
                for n, d in (("milter", self.milter), ("agent", self.agent), ("keeper", self.keeper),
                             ("ca", self.ca), ("dns", self.dns)) if d.proc}
        pids.update({n: [x.process.pid, started(x.process.pid)] for n, x in self.beside.items()})
        with open(self.path("running.json"), "w") as f:
            json.dump({"pids": pids, "ports": self.ports, "prefix": self.prefix}, f)


def started(pid):
    """When a process started, in ticks since boot; None if there is none."""
    try:
        with open(f"/proc/{pid}/stat") as f:
            fields = f.read().rpartition(")")[2].split()
        return None if fields[0] == "Z" else int(fields[19])
    except OSError:
        return None


def stop_saved(directory):
    """Ends what start left running in DIRECTORY: by number and start time, so never anything else."""
    mta = postfixenv.Postfix(os.path.join(directory, "mta"), 1)
    if os.path.isdir(mta.conf):
        mta.stop()
    try:
        with open(os.path.join(directory, "running.json")) as f:
            pids = json.load(f)["pids"]
    except FileNotFoundError:
        return
    for name in sorted(pids, key=lambda n: n != "milter"):
        pid, since = pids[name]
        if not pid or since is None or started(pid) != since:
            continue
        os.kill(pid, signal.SIGUSR2 if name == "milter" else signal.SIGTERM)
        until = time.monotonic() + 30
        while started(pid) == since and time.monotonic() < until:
            time.sleep(0.05)
        if started(pid) == since:
            os.kill(pid, signal.SIGKILL)
    os.unlink(os.path.join(directory, "running.json"))


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    sub = p.add_subparsers(dest="command", required=True)
    a = sub.add_parser("start")
    a.add_argument("dir")
    a.add_argument("--prefix", help="an installation; default: a copy of the build tree")
    sub.add_parser("stop").add_argument("dir")
    o = p.parse_args()
    if os.getuid() != 0:
        sys.exit("privatesite.py: needs root")
    if o.command == "stop":
        stop_saved(o.dir)
        return
    site = Site(o.dir, o.prefix)
    try:
        site.start()
    except BaseException:
        site.stop()
        raise
    site.save()


if __name__ == "__main__":
    main()
