#!/usr/bin/python3
"""A private Postfix instance on loopback, in a directory of its own.

It shares nothing with the host's Postfix but the programs: own configuration,
queue, data directory, log and ports; no chroot, no DNS, no set-gid programs.
Needs root, as Postfix's master does.

As a command:
    postfixenv.py start DIR --port N [--milter unix:PATH]... [--relay HOST:PORT]
    postfixenv.py stop DIR
Without --relay every mail ends in the Maildir DIR/mail/all.
"""
import argparse
import glob
import os
import pwd
import shutil
import smtplib
import socket
import subprocess
import sys
import time

from ports import free_port

POSTFIX = "/usr/sbin/postfix"
MILTER_TIMES = "connect_timeout=5s, command_timeout=10s, content_timeout=30s"

MASTER = """\
cleanup   unix  n - n - 0 cleanup
qmgr      unix  n - n 300 1 qmgr
rewrite   unix  - - n - - trivial-rewrite
bounce    unix  - - n - 0 bounce
defer     unix  - - n - 0 bounce
trace     unix  - - n - 0 bounce
flush     unix  n - n 1000? 0 flush
proxymap  unix  - - n - - proxymap
smtp      unix  - - n - - smtp
relay     unix  - - n - - smtp
error     unix  - - n - - error
retry     unix  - - n - - error
discard   unix  - - n - - discard
virtual   unix  - n n - - virtual
anvil     unix  - - n - 1 anvil
scache    unix  - - n - 1 scache
postlog   unix-dgram n - n - 1 postlogd
"""


def milter_setting(address, default_action="accept"):
    """One milter as the shipped snippet names it; ADDRESS is unix:PATH or inet:HOST:PORT."""
    return f"{{ {address}, default_action={default_action}, {MILTER_TIMES} }}"


class Postfix:
    """One instance below DIR. `listeners` maps ports to smtpd's own settings. Each address in `boxes` has a Maildir
    of its own, mail/DOMAIN/LOCALPART/, as an IMAP server wants it."""

    def __init__(self, directory, port=None, milters=(), relay=None, discard=False, listeners=None,
                 settings=None, boxes=()):
        self.dir = os.path.abspath(directory)
        self.conf = os.path.join(self.dir, "postfix")
        self.queue = os.path.join(self.dir, "queue")
        self.data = os.path.join(self.dir, "data")
        self.mail = os.path.join(self.dir, "mail")
        self.log = os.path.join(self.dir, "postfix.log")
        self.port = port or free_port()
        self.listeners = listeners if listeners is not None else {
            self.port: {"smtpd_milters": ", ".join(milter_setting(m) for m in milters)}}
        self.relay, self.discard, self.settings = relay, discard, dict(settings or {})
        self.boxes = tuple(boxes)

    # --- configuration ---------------------------------------------------------------
    def main_cf(self):
        s = {
            "compatibility_level": "3.6",
            "config_directory": self.conf,
            "queue_directory": self.queue,
            "data_directory": self.data,
            "maillog_file": self.log,
            "maillog_file_prefixes": self.dir,
            "myhostname": "mx.example.test",
            "mydomain": "example.test",
            "mydestination": "",
            "alias_maps": "",
            "alias_database": "",
            "local_recipient_maps": "",
            "inet_interfaces": "127.0.0.1",
            "inet_protocols": "ipv4",
            "mynetworks": "127.0.0.0/8",
            "smtpd_relay_restrictions": "permit_mynetworks, reject",
            "smtpd_peername_lookup": "no",
            "smtp_dns_support_level": "disabled",
            "smtp_host_lookup": "native",
            "smtp_tls_security_level": "none",
            "smtpd_tls_security_level": "none",
            "message_size_limit": "41943040",
            "virtual_mailbox_limit": "0",
            "virtual_mailbox_domains": "static:all",
            "virtual_mailbox_maps": f"texthash:{self.conf}/boxes, static:all/",
            "virtual_mailbox_base": self.mail,
            "virtual_uid_maps": "static:65534",
            "virtual_gid_maps": "static:65534",
            "virtual_minimum_uid": "100",
            "in_flow_delay": "0",
            "default_process_limit": "200",
            "biff": "no",
            "smtputf8_enable": "yes",
            "multi_instance_enable": "no",
        }
        if self.discard:
            s["virtual_mailbox_domains"] = ""
            s["default_transport"] = s["relay_transport"] = "discard:test"
        elif self.relay:
            host, port = self.relay.rsplit(":", 1)
            s["virtual_mailbox_domains"] = ""
            s["default_transport"] = s["relay_transport"] = f"smtp:[{host}]:{port}"
        s.update(self.settings)
        return "".join(f"{k} = {v}\n" for k, v in s.items())

    def master_cf(self):
        out = ""
        for port, options in self.listeners.items():
            out += f"127.0.0.1:{port} inet n - n - - smtpd\n"
            for k, v in options.items():
                out += f"  -o {{ {k} = {v} }}\n"
        return out + MASTER

    def write(self):
        os.makedirs(self.conf, exist_ok=True)
        for d in (self.queue, self.mail):
            os.makedirs(d, exist_ok=True)
        os.makedirs(self.data, exist_ok=True)
        os.chown(self.data, pwd.getpwnam("postfix").pw_uid, -1)
        os.chown(self.mail, 65534, 65534)
        for d in (self.dir, self.conf, self.queue):
            os.chmod(d, 0o755)
        with open(os.path.join(self.conf, "boxes"), "w") as f:
            f.write("".join("{0}@{1} {1}/{0}/\n".format(*box.split("@")) for box in self.boxes))
        with open(os.path.join(self.conf, "main.cf"), "w") as f:
            f.write(self.main_cf())
        with open(os.path.join(self.conf, "master.cf"), "w") as f:
            f.write(self.master_cf())

    # --- life ---------------------------------------------------------------------------
    def postfix(self, *args, check=True):
        env = {k: v for k, v in os.environ.items() if k != "MAIL_CONFIG"}
        r = subprocess.run([POSTFIX, "-c", self.conf, *args], env=env, text=True,
                           stdin=subprocess.DEVNULL, capture_output=True)
        if check and r.returncode != 0:
            raise RuntimeError(f"postfix {args} failed ({r.returncode}):\n{r.stdout}{r.stderr}\n"
                               f"{self.log_text()[-4000:]}")
        return r.returncode

    def start(self):
        self.write()
        self.postfix("start")
        until = time.monotonic() + 60
        for port in self.listeners:
            while True:
                try:
                    with socket.create_connection(("127.0.0.1", port), 20) as s:
                        s.settimeout(60)
                        if s.recv(3) == b"220":
                            s.sendall(b"QUIT\r\n")
                            s.recv(200)
                            s.recv(200)
                            break
                except OSError:
                    pass
                if time.monotonic() > until:
                    raise RuntimeError("Postfix doesn't answer:\n" + self.log_text())
                time.sleep(0.05)
        return self

    def stop(self):
        if self.postfix("status", check=False) == 0:
            self.postfix("stop", check=False)
        until = time.monotonic() + 60
        while self.postfix("status", check=False) == 0 and time.monotonic() < until:
            time.sleep(0.1)

    def log_text(self):
        try:
            with open(self.log, errors="replace") as f:
                return f.read()
        except OSError:
            return ""

    # --- looking ----------------------------------------------------------------------------
    def queued(self):
        """Files in the queue that aren't delivered yet."""
        return sum(len(files) for q in ("incoming", "active", "deferred", "maildrop", "hold")
                   for _, _, files in os.walk(os.path.join(self.queue, q)))

    def wait_empty(self, timeout=180):
        until = time.monotonic() + timeout
        while self.queued():
            if time.monotonic() > until:
                raise RuntimeError("the queue doesn't get empty:\n" + self.log_text()[-4000:])
            time.sleep(0.02)

    def delivered(self):
        """Every delivered mail as bytes, oldest first."""
        files = [name for where in ("all", "*/*") for sub in ("new", "cur")
                 for name in glob.glob(os.path.join(self.mail, where, sub, "*"))]
        out = []
        for name in sorted(files, key=lambda p: os.stat(p).st_mtime_ns):
            with open(name, "rb") as f:
                out.append(f.read())
        return out

    def smtp(self, port=None):
        return smtplib.SMTP("127.0.0.1", port or self.port, local_hostname="client.test",
                            timeout=60)

    def send(self, sender, recipients, raw, port=None):
        """One mail in a session of its own. smtplib's exceptions pass."""
        with self.smtp(port) as s:
            s.sendmail(sender, recipients, raw, mail_options=["BODY=8BITMIME"])


def main():
    p = argparse.ArgumentParser(description=__doc__,
                                formatter_class=argparse.RawDescriptionHelpFormatter)
    sub = p.add_subparsers(dest="command", required=True)
    a = sub.add_parser("start")
    a.add_argument("dir")
    a.add_argument("--port", type=int, required=True)
    a.add_argument("--milter", action="append", default=[])
    a.add_argument("--relay")
    a.add_argument("--set", action="append", default=[], metavar="NAME=VALUE")
    a = sub.add_parser("stop")
    a.add_argument("dir")
    a.add_argument("--remove", action="store_true", help="remove queue, data and configuration")
    o = p.parse_args()
    if os.getuid() != 0:
        sys.exit("postfixenv.py: needs root")
    if o.command == "start":
        Postfix(o.dir, o.port, o.milter, o.relay,
                settings=dict(s.split("=", 1) for s in o.set)).start()
    else:
        e = Postfix(o.dir, 1)
        if os.path.isdir(e.conf):
            e.stop()
        if o.remove:
            for d in (e.conf, e.queue, e.data):
                shutil.rmtree(d, ignore_errors=True)


if __name__ == "__main__":
    main()
