"""A private BIND on a high port of loopback that holds the root zone, and in it nothing but our names.

So every name that nobody put here does not exist, and no query leaves the machine. Runs as the user bind from a copy of the program: Debian's AppArmor profile is bound to
the path /usr/sbin/named and allows that one to read /etc/bind only.
"""
import os
import pwd
import shutil
import socket
import subprocess
import time

import dns.message
import dns.query

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
"""
HEAD = """\
$TTL 300
. IN SOA ns.invalid. hostmaster.invalid. {serial} 300 60 86400 1
. IN NS ns.invalid.
ns.invalid. IN A 127.0.0.1
"""


class Nameserver:
    """`records`: {any name: lines in master-file syntax, with absolute names}."""

    def __init__(self, directory, port):
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
        self._put("named.conf", CONF.format(dir=self.dir, port=self.port))
        self.program = os.path.join(self.dir, "named-private")
        if not os.path.exists(self.program):
            shutil.copy(NAMED, self.program)
            os.chmod(self.program, 0o755)

    def _put(self, name, text):
        with open(os.path.join(self.dir, name), "w") as f:
            f.write(text)

    def start(self):
        self.write()
        with open(self.log, "ab") as log:
            self.proc = subprocess.Popen(
                [self.program, "-f", "-u", "bind", "-c", os.path.join(self.dir, "named.conf"), "-n", "1"],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True)
        until = time.monotonic() + 20
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
                self.proc.wait(10)
            except subprocess.TimeoutExpired:
                self.proc.kill()
                self.proc.wait()
        self.proc = None


def is_free(port):
    with socket.socket() as s:
        try:
            s.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def free_port():
    """A port of loopback that is free for TCP and UDP."""
    while True:
        with socket.socket() as t, socket.socket(type=socket.SOCK_DGRAM) as u:
            t.bind(("127.0.0.1", 0))
            try:
                u.bind(t.getsockname())
            except OSError:
                continue
            return t.getsockname()[1]
