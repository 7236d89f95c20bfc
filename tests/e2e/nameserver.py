"""A private BIND on a high port of loopback that holds the root zone, and in it nothing but our names.

So every name that nobody put here does not exist, and no query leaves the machine. Runs as the user bind from a copy of
the program: Debian's AppArmor profile is bound to the path /usr/sbin/named and lets that one read /etc/bind only.
"""
import os
import pwd
import shutil
import socket
import subprocess
import threading
import time

import dns.message
import dns.query

from ports import free_port, is_free  # noqa: F401 - for whoever has a name server

NAMED = "/usr/sbin/named"
CONF = """\
options {{
    directory "{dir}";
    listen-on port {port} {{ 127.0.0.1; }};
    listen-on-v6 {{ none; }};
    pid-file none;
    session-keyfile none;
    recursion no;
    allow-query {{ any; }};
    allow-transfer {{ none; }};
    dnssec-validation no;
    empty-zones-enable no;
    notify no;
}};
controls {{ }};
logging {{ category default {{ default_stderr; }}; }};
zone "." {{ type primary; file "root.zone"; }};
{zones}"""
KEY = """\
key "{name}" {{ algorithm {algorithm}; secret "{secret}"; }};
"""
ZONE = """\
zone "{name}" {{ type primary; file "{name}.zone"; {policy}}};
"""
ZONE_HEAD = """\
$TTL 60
{name}. IN SOA ns1.{name}. hostmaster.{name}. {serial} 300 60 86400 1
"""
HEAD = """\
$TTL 300
. IN SOA ns.invalid. hostmaster.invalid. {serial} 300 60 86400 1
. IN NS ns.invalid.
ns.invalid. IN A 127.0.0.1
"""


class Nameserver:
    """`records`: {any name: lines in master-file syntax, with absolute names}.

    `zones`: {name: lines} of further zones, which keep what updates brought; `keys`: {TSIG key: (algorithm, secret)};
    `policy`: {zone: lines of its update-policy}. With `signed` the root zone, so every name of `records`, is signed
    (`anchor`: the file with its trust anchor); `altered`: (text, other text of the same kind), replaced after that."""

    def __init__(self, directory, port):
        self.signed, self.altered, self.anchor = False, None, os.path.join(directory, "dsset-.")
        self.zones, self.keys, self.policy = {}, {}, {}
        self.dir, self.port, self.records, self.proc = directory, port, {}, None
        self.serial = int(time.time())
        self.address = f"127.0.0.1:{port}"
        self.log = os.path.join(directory, "named.log")

    def write(self):
        user = pwd.getpwnam("bind")
        os.makedirs(self.dir, exist_ok=True)
        os.chown(self.dir, user.pw_uid, user.pw_gid)
        self.serial += 1
        self._put("root.zone", HEAD.format(serial=self.serial) + "".join(self.records.values()))
        if self.signed:
            self._sign()
        text = "".join(KEY.format(name=k, algorithm=v[0], secret=v[1]) for k, v in self.keys.items())
        for name, lines in self.zones.items():
            policy = self.policy.get(name)
            text += ZONE.format(name=name, policy=f"update-policy {{ {policy} }}; " if policy else "")
            if not policy or not os.path.exists(os.path.join(self.dir, f"{name}.zone")):
                self._put(f"{name}.zone", ZONE_HEAD.format(name=name, serial=self.serial) + lines)
                os.chown(os.path.join(self.dir, f"{name}.zone"), user.pw_uid, user.pw_gid)
        self._put("named.conf", CONF.format(dir=self.dir, port=self.port, zones=text))
        self.program = os.path.join(self.dir, "named-private")
        if not os.path.exists(self.program):
            shutil.copy(NAMED, self.program)
            os.chmod(self.program, 0o755)

    def _sign(self):
        quiet = dict(check=True, cwd=self.dir, stdout=subprocess.DEVNULL)
        if not os.path.exists(self.anchor):
            subprocess.run(["dnssec-keygen", "-q", "-a", "ECDSAP256SHA256", "-f", "KSK", "."], **quiet)
            subprocess.run(["dnssec-keygen", "-q", "-a", "ECDSAP256SHA256", "."], **quiet)
        subprocess.run(["dnssec-signzone", "-q", "-S", "-o", ".", "-f", "root.signed", "root.zone"],
                       stderr=subprocess.DEVNULL, **quiet)
        with open(os.path.join(self.dir, "root.signed")) as f:
            text = f.read()
        if self.altered:
            assert self.altered[0] in text
            text = text.replace(*self.altered)
        self._put("root.zone", text)

    def _put(self, name, text):
        with open(os.path.join(self.dir, name), "w") as f:
            f.write(text)

    def start(self):
        self.write()
        with open(self.log, "ab") as log:
            self.proc = subprocess.Popen(
                [self.program, "-f", "-u", "bind", "-c", os.path.join(self.dir, "named.conf"), "-n", "1"],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True)
        until = time.monotonic() + 60
        while True:
            try:
                dns.query.udp(dns.message.make_query(".", "SOA"), "127.0.0.1", timeout=0.5, port=self.port)
                return self
            except (dns.exception.Timeout, OSError):
                pass
            if time.monotonic() > until or self.proc.poll() is not None:
                raise RuntimeError("named doesn't answer:\n" + open(self.log, errors="replace").read()[-4000:])
            time.sleep(0.05)

    def change(self, name, lines):
        """Other records under NAME, served at once."""
        self.records[name] = lines
        self.stop()
        self.start()

    def stop(self):
        if self.proc and self.proc.poll() is None:
            self.proc.terminate()
            try:
                self.proc.wait(60)
            except subprocess.TimeoutExpired:
                self.proc.kill()
                self.proc.wait()
        self.proc = None


class Relay:
    """Port 53 of an address of loopback, over UDP, handed on to a name server's port: NS records name no ports, and
    BIND listens on addresses of interfaces only."""

    def __init__(self, address, port):
        self.port = port
        self.socket = socket.socket(type=socket.SOCK_DGRAM)
        self.socket.bind((address, 53))
        threading.Thread(target=self._run, daemon=True).start()

    def _run(self):
        while True:
            try:
                query, client = self.socket.recvfrom(65535)
            except OSError:
                return  # closed
            with socket.socket(type=socket.SOCK_DGRAM) as up:
                up.settimeout(2)
                try:
                    up.sendto(query, ("127.0.0.1", self.port))
                    self.socket.sendto(up.recv(65535), client)
                except OSError:
                    pass  # as if it had been lost on the way

    def close(self):
        self.socket.close()

