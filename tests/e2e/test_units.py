"""The shipped units under a real systemd: all that certmilter does for a site, inside the sandbox of each unit, with
the drop-ins that the manual pages name and no others.

Process 1 is booted.py's; the CA, BIND, nginx and Postfix run outside of it on loopback. The programs are those of
`make install`, the configuration is in /etc/certmilter and the places are the default ones."""
import base64
import errno
import os
import re
import secrets
import signal
import subprocess
import time

import pytest

import booted
import daemons
import privatesite
import webserver
from nameserver import free_port

pytestmark = pytest.mark.slow
IN = booted.INSIDE
SECRET = base64.b64encode(secrets.token_bytes(32)).decode()
EXTRA = f"""
publisher "folder" {{
    kind     = files
    dir      = "/srv/published"
    p12      = yes
    consumer = "signing-milter"
}}
publisher "program" {{
    kind    = hook
    program = "/etc/certmilter/publish-hook"
    timeout = 20s
}}
publisher "grouped" {{
    kind  = files
    dir   = "/srv/grouped"
    group = "mail"
}}
publisher "owner" {{
    kind       = mail
    passphrase = file
}}
publisher "told" {{
    kind       = mail
    passphrase = hook
}}
http "web" {{
    zone     = "web.test"
    webroots = {{ "{IN}/web/root" }}
}}
dns "bind" {{
    zone          = "txt.test"
    server        = "127.0.0.1@%(dns)d"
    key           = "certmilter"
    secret        = "dns-key"
    authoritative = {{ "127.0.0.1@%(dns)d" }}
}}
dns "program" {{
    zone          = "hook.test"
    hook          = "/etc/certmilter/dns-hook"
    authoritative = {{ "127.0.0.1@%(dns)d" }}
}}
aliases {{
    maps = {{ "hash:/etc/postfix/virtual" }}
}}
watching {{
    metrics = "/var/lib/prometheus/certmilter.prom"
}}
"""
HOOK = """#!/bin/sh
cat >/srv/hook/input
echo "$CERTMILTER_ACTION $CERTMILTER_MAILBOX" >>/srv/hook/calls
echo "told"
"""
DNS_HOOK = """#!/bin/sh
[ "$CERTMILTER_DNS_ACTION" = add ] && verb="add $CERTMILTER_DNS_NAME. 1" || verb="delete $CERTMILTER_DNS_NAME."
printf 'server 127.0.0.1 %d\\nzone hook.test.\\nupdate %%s %%s "%%s"\\nsend\\n' "$verb" \\
    "$CERTMILTER_DNS_TYPE" "$CERTMILTER_DNS_VALUE" | nsupdate -y hmac-sha256:certmilter:%s
"""
TELL = """#!/bin/sh
umask 077
cat >"/var/lib/certmilter-helpdesk/told-$CERTMILTER_MAILBOX"
"""
AGENT = ("LoadCredential=rehearsal", "LoadCredential=dns-key",
         "ReadWritePaths=/srv/published /srv/grouped /srv/hook /var/lib/prometheus",
         f"ReadWritePaths={IN}/web/root",
         # programs, and what they run
         "ExecPaths=/usr/sbin/postmap /etc/certmilter/publish-hook /etc/certmilter/dns-hook",
         "ExecPaths=/bin/sh /bin/cat /usr/bin/nsupdate",
         # postmap looks at the addresses of this host
         "RestrictAddressFamilies=AF_NETLINK",
         # group = "mail" of a publisher
         "SupplementaryGroups=mail", "SystemCallFilter=@chown")
CONSUMER = "--consumer signing-milter:/var/lib/signing-keys:signing-milter"


class Unit:
    """A daemon as privatesite.Daemon is one, started and stopped by systemctl."""

    def __init__(self, site, name):
        self.site, self.name = site, name

    def _ctl(self, verb):
        return self.site.machine.run("systemctl", verb, self.name)

    def running(self):
        return self.site.machine.property(self.name, "ActiveState") == "active"

    def start(self):
        self._ctl("start")

    def stop(self, *_):
        self._ctl("stop")

    def pid(self):
        return int(self.site.machine.property(self.name, "MainPID"))

    def log_text(self):
        return self.site.machine.journal(self.name)

    def complaint(self):
        return None


class Booted(privatesite.Site):
    """A site whose daemons are units of a machine of its own."""

    def _daemons(self):
        self.machine = booted.Machine(self.installed, self.dir)
        self.machine.start()
        self.milter, self.keeper, self.agent = (Unit(self, f"cert{n}d.service") for n in ("milter", "keeper", "agent"))
        self.agent_socket = self.machine.path("/run/certagent/control.sock")

    def _install(self):
        self.installed = self.path("installed")
        subprocess.run(["make", "-s", "install", f"DESTDIR={self.installed}"], cwd=daemons.ROOT, check=True,
                       capture_output=True)
        return os.path.join(self.installed, "usr/local")

    def write_config(self):
        """In there: default places, and what the units read of the site where it is in there."""
        super().write_config()
        with open(self.config) as f:
            text = f.read()
        text = re.sub(r"(?ms)^paths \{.*?^\}", f'paths {{\n    trust_bundle = "{IN}/etc/smime-ca.pem"\n}}', text)
        text = text.replace(self.prefix, "/usr/local").replace(self.dir, IN)
        self.machine.write("/etc/certmilter/certmilter.conf", text)

    def credential(self, name, text, user):
        if user == "certagent":
            self.machine.write(f"/etc/credstore/{name}", text, 0o600)

    def wait_watch(self):
        self.machine.run("systemctl", "kill", "--kill-whom=main", "--signal=USR1", self.milter.name)
        time.sleep(0.1)

    def start_milter(self):
        self.machine.run("systemctl", "enable", "--now", "certmilterd.socket", "certmilterd")

    def stop(self):
        super().stop()
        self.machine.stop()

    def cli(self, *args, ok=(0,), stdin=None):
        return self.machine.run("certmilter", *args, ok=ok, stdin=stdin)


def prepare(s):
    """As an administrator would after `make install`: users, places, key-encryption key, drop-ins."""
    m, port = s.machine, s.ports["dns"]
    m.run("systemd-sysusers")
    m.run("systemd-tmpfiles", "--create")
    m.run("groupadd", "--system", "signing-milter")
    for owner, group, mode, name in (
            ("root", "root", "700", "/etc/certmilter/credentials"), ("certagent", "certagent", "755", "/srv/published"),
            ("certagent", "certagent", "755", "/srv/grouped"), ("certagent", "certagent", "755", "/srv/hook"),
            ("certagent", "certagent", "755", "/var/lib/prometheus"),
            ("certkeeper", "signing-milter", "2750", "/var/lib/signing-keys")):
        m.run("install", "-d", "-o", owner, "-g", group, "-m", mode, name)
    m.run("sh", "-c", "umask 077; openssl rand -hex 32 >/etc/certmilter/credentials/kek")
    m.write("/etc/certmilter/publish-hook", HOOK, 0o755)
    m.write("/etc/certmilter/dns-hook", DNS_HOOK % (port, SECRET), 0o755)
    m.write("/usr/local/sbin/tell", TELL, 0o755)
    m.write("/etc/postfix/main.cf", "compatibility_level = 3.6\n")
    m.write("/etc/postfix/virtual", "sales@example.test anna@example.test\n")
    m.run("postmap", "/etc/postfix/virtual")
    # Postfix runs outside: it finds the socket in a directory of both
    m.run("sh", "-c", f"mkdir -p /var/spool/postfix/certmilter && mount --bind {IN}/run/milter "
          "/var/spool/postfix/certmilter")
    m.drop_in("certagentd.service", *AGENT)
    start = re.search(r"(?m)^ExecStart=(.*)$", m.run("systemctl", "cat", "certkeeperd.service"))[1]
    m.drop_in("certkeeperd.service", "ReadWritePaths=/var/lib/signing-keys", "ExecStart=",
              f"ExecStart={start} {CONSUMER}")


def zones(s):
    s.dns.keys["certmilter"] = ("hmac-sha256", SECRET)
    for z in ("txt.test", "hook.test"):
        s.dns.zones[z] = f"{z}. IN NS ns1.{z}.\nns1.{z}. IN A 127.0.0.1\n{z}. IN A 127.0.0.1\n{z}. IN MX 10 mx.{z}.\n"
        s.dns.policy[z] = f"grant certmilter name _dnsauth.{z}. TXT;"
    s.credential("dns-key", SECRET + "\n", "certagent")


def supported():
    """None, or why no systemd can be started here."""
    with open("/proc/filesystems") as f:
        kinds = f.read().split()
    missing = [k for k in ("overlay", "cgroup2") if k not in kinds]
    return f"the kernel has no {missing[0]}" if missing else None


@pytest.fixture(scope="module")
def site():
    if supported():
        pytest.skip(supported())
    domains = {"example.test": {"publish": '{ "folder", "program", "grouped", "owner" }',
                                "clear_key": '"signing-milter"'},
               "told.test": {"publish": '{ "told" }'}, "web.test": {"method": "http"},
               "txt.test": {"method": "dns-txt"}, "hook.test": {"method": "dns-txt"}}
    s = Booted(domains={n: {"mode": "confirm", **more} for n, more in domains.items()}, poll="1s",
               timing={"resend_after": "60s"})
    web = webserver.Webserver(s.path("web"), free_port(), free_port())
    try:
        s.extra = EXTRA % s.ports
        s.rehearsal = f"    http_port = {web.http}\n    https_port = {web.https}\n"
        s.ca.command += ["--http-port", str(web.http)]
        zones(s)
        prepare(s)
        root = web.root("root")
        web.blocks.append(f"    server {{ listen 127.0.0.1:{web.http}; server_name web.test; root {root}; }}\n")
        s.start()
        s.machine.run("systemctl", "enable", "certkeeperd", "certagentd")
        web.start()
        s.ca.settings(rate_limits=False)
        s.validate("example.test")
        s.stored(s.order("anna@example.test"))
        yield s
    finally:
        web.stop()
        s.remove()


def publications(s, box):
    return {p["publisher"]: p for p in s.ask("show", what=box)["publications"]}


def test_all_are_up_and_said_so(site):
    for unit in (site.milter, site.keeper, site.agent):
        assert unit.running() and site.machine.property(unit.name, "NRestarts") == "0", unit.log_text()
    assert site.machine.run("systemctl", "list-units", "--failed", "--plain", "--no-legend").strip() == ""
    doctor = site.cli("doctor", ok=(0, 4, 1))
    assert "Permission denied" not in doctor and "Operation not permitted" not in doctor, doctor


def test_a_mail_was_confirmed_and_its_certificate_taken(site):
    """Postfix, the socket of systemd, the spool, the inspector in its own sandbox inside the agent's."""
    assert any(v.startswith("confirm/") for v in site.verdicts("example.test")), site.verdicts("example.test")
    cert = site.ask("show", what="anna@example.test")["certificates"][0]
    assert cert["state"] == "current" and cert["key_id"]


def test_publishers(site):
    def all_done():
        rows = publications(site, "anna@example.test")
        return rows if len(rows) == 4 and all(p["state"] == "published" for p in rows.values()) else None
    site.wait(all_done, 60, "published by all four: " + str(publications(site, "anna@example.test")))
    m = site.machine
    assert "BEGIN CERTIFICATE" in m.run("cat", "/srv/published/anna@example.test/current/fullchain.pem")
    assert m.run("stat", "-c", "%G %a", "/srv/grouped/anna@example.test/current/cert.pem").strip() == "mail 640"
    assert m.run("cat", "/srv/hook/calls") == "publish anna@example.test\n"
    assert m.run("head", "-1", "/var/lib/signing-keys/anna@example.test.pem").strip() == "-----BEGIN PRIVATE KEY-----"
    assert m.run("stat", "-c", "%U %G %a", "/var/lib/signing-keys/anna@example.test.pem").strip() == \
        "certkeeper signing-milter 640"


@pytest.mark.parametrize("domain", ["web.test", "txt.test", "hook.test"])
def test_validated_by_file_by_signed_update_and_by_program(site, domain):
    site.validate(domain, 60)


def test_aliases_and_metrics(site):
    assert site.ask("alias", address="sales@example.test")["mailbox"] == "anna@example.test"
    text = site.wait(lambda: site.machine.run("cat", "/var/lib/prometheus/certmilter.prom", ok=(0, 1)), 90, "metrics")
    assert "certmilter_keeper_up 1" in text


def test_passphrases_by_their_timer(site):
    m = site.machine
    m.run("systemctl", "enable", "--now", "certmilter-passphrases.timer")
    assert m.property("certmilter-passphrases.timer", "ActiveState") == "active"
    m.run("systemctl", "start", "certmilter-passphrases.service")
    names = m.run("ls", "/var/lib/certmilter-helpdesk").split()
    assert len(names) == 1 and names[0].startswith("anna@example.test")
    assert "passphrase" in m.run("cat", f"/var/lib/certmilter-helpdesk/{names[0]}")
    # the same by a program, with the drop-in that the unit's comment shows
    m.drop_in("certmilter-passphrases.service", "ExecStart=",
              "ExecStart=/usr/local/bin/certmilter passphrase deliver --dir /var/lib/certmilter-helpdesk "
              "--hook /usr/local/sbin/tell")
    site.ca.post("validate", domain="told.test")
    site.stored(site.order("ben@told.test"))
    site.wait(lambda: [p for p in publications(site, "ben@told.test").values() if p["state"] == "published"],
              60, "mailed")
    m.run("systemctl", "start", "certmilter-passphrases.service")
    assert m.run("cat", "/var/lib/certmilter-helpdesk/told-ben@told.test").strip()


def test_backup_restore_and_another_kek(site):
    """The commands that doc/backup.md names, as it names them."""
    m = site.machine
    m.run("mkdir", "-p", "/backup")
    site.cli("keeper", "recovery-sheet", "--out", "/root/sheet")
    site.cli("backup", "/backup/one.tar")
    site.cli("backup", "verify", "/backup/one.tar", "--sheet=/root/sheet")
    m.run("sh", "-c", "umask 077; openssl rand -hex 32 >/root/kek.new")
    site.cli("keeper", "rewrap", "--new-kek", "/root/kek.new")
    m.run("install", "-m", "600", "/root/kek.new", "/etc/certmilter/credentials/kek")
    m.run("systemctl", "restart", "certkeeperd")
    export = ("export", "anna@example.test", "--reason", "x")
    site.cli(*export, "--p12", "/root/anna.p12", "--passphrase-out", "/root/word")
    # an empty machine: the key comes from the paper
    m.run("systemctl", "stop", "certagentd", "certkeeperd")
    m.run("sh", "-c", "rm -rf /var/lib/certmilter/* /var/lib/certkeeper /etc/certmilter/credentials/kek")
    site.cli("restore", "/backup/one.tar", "--sheet=/root/sheet")
    m.run("systemctl", "start", "certkeeperd", "certagentd")
    assert "fenced" in site.cli("status", ok=(0, 4))
    site.wait(lambda: "the fence is down" in site.cli("restore", "--finish", ok=(0, 3)), 60, "finished")
    site.cli(*export, "--p12", "/root/anna2.p12", "--passphrase-out", "/root/word2")


def test_reload_kill_and_stop(site):
    m = site.machine
    before = site.agent.pid()
    m.run("systemctl", "reload", "certagentd")
    site.wait(lambda: "config.loaded by=signal" in site.agent.log_text(), 20, "reloaded")
    assert site.agent.pid() == before
    for unit in (site.milter, site.keeper, site.agent):
        pid = unit.pid()
        m.run("systemctl", "kill", "--kill-whom=main", "--signal=KILL", unit.name)
        site.wait(lambda: unit.pid() not in (0, pid) and unit.running(), 60, f"{unit.name} again")
    site.wait(lambda: os.path.exists(site.agent_socket) and site.ask("status"), 30, "answers again")
    site.stored(site.order("carl@example.test"))


def test_what_the_sandbox_keeps_from_them(site):
    """/proc/PID/root is the file system as the process has it, and we are root."""
    for unit, hidden, written in ((site.keeper, "/var/lib/certmilter/ledger.db", "/var/lib/certmilter"),
                                  (site.agent, "/var/lib/certkeeper/keys", "/etc"),
                                  (site.milter, "/var/lib/certkeeper/keys", "/var/lib/certmilter")):
        root = f"/proc/{site.machine.host_pid(unit.pid())}/root"
        assert os.path.exists(site.machine.path(hidden)) and not os.path.exists(root + hidden), unit.name
        with pytest.raises(OSError) as e:
            os.close(os.open(f"{root}{written}/x", os.O_WRONLY | os.O_CREAT))
        assert e.value.errno in (errno.EROFS, errno.EACCES), unit.name
        with pytest.raises(PermissionError):
            subprocess.run([root + "/usr/bin/id"], check=False)
    for unit in (site.keeper, site.milter):
        with open(f"/proc/{site.machine.host_pid(unit.pid())}/net/dev") as f:
            assert [line.split(":")[0].strip() for line in f if ":" in line] == ["lo"], unit.name
    for unit in (site.milter, site.keeper, site.agent):
        with open(f"/proc/{site.machine.host_pid(unit.pid())}/status") as f:
            status = dict(line.split(":\t", 1) for line in f if ":\t" in line)
        assert status["CapBnd"].strip("0\n") == "" and status["NoNewPrivs"].strip() == "1", status
        assert status["Seccomp"].strip() == "2" and "root" not in status["Uid"]


def test_nothing_was_refused_by_a_filter(site):
    """No child died of SIGSYS, and nothing that the units deny was wanted."""
    text = site.machine.journal()
    assert f"status={int(signal.SIGSYS)}/SYS" not in text and "code=dumped" not in text
    for unit in (site.milter, site.keeper, site.agent):
        log = unit.log_text()
        bad = [x for x in log.splitlines() if re.search(r"Operation not permitted|Read-only file system|SIGSYS", x)]
        assert not bad, (unit.name, bad[:5])
