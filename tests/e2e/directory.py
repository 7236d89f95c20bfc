"""A private slapd on loopback, in a directory of its own: own configuration, database, certificate and ports.

Readable by all, written by cn=writer. Entries are inetOrgPerson with mail. slapd refuses the transfer option
";binary" for userSMIMECertificate as its schema has it; with binary=True that has a syntax that needs the option.
Names: libldap checks the machine's own name in place of "localhost", so the address is 127.0.0.1."""
import base64
import datetime
import ipaddress
import os
import socket
import subprocess
import time

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from ports import free_port

BASE = "dc=example,dc=test"
WRITER, PASSWORD = f"cn=writer,{BASE}", "the writer's password"

CONFIG = """\
include {schema}/core.schema
include {schema}/cosine.schema
{classes}
modulepath /usr/lib/ldap
moduleload back_mdb
pidfile {dir}/slapd.pid
argsfile {dir}/slapd.args
referral ldap://elsewhere.example.test
TLSCACertificateFile {dir}/ca.pem
TLSCertificateFile {dir}/server.pem
TLSCertificateKeyFile {dir}/server.key
database mdb
suffix "{base}"
rootdn "cn=admin,{base}"
rootpw "admin"
directory {dir}/db
access to attrs=userPassword by anonymous auth by * none
access to attrs=userCertificate,userSMIMECertificate by dn.exact="{writer}" write by * read
access to * by * read
"""
BINARY = """\
attributetype ( 2.16.840.1.113730.3.1.40 NAME 'userSMIMECertificate' SYNTAX 1.3.6.1.4.1.1466.115.121.1.49 )
objectclass ( 1.3.6.1.4.1.99999.1 NAME 'inetOrgPerson' SUP person STRUCTURAL
  MAY ( mail $ userCertificate $ userSMIMECertificate ) )
"""


class Directory:
    def __init__(self, directory, name="127.0.0.1", binary=False):
        self.dir, self.process = str(directory), None
        os.makedirs(os.path.join(self.dir, "db"), mode=0o700)
        self.port, self.tls_port = free_port(), free_port()
        self.uri, self.tls_uri = f"ldap://127.0.0.1:{self.port}", f"ldaps://127.0.0.1:{self.tls_port}"
        self.bundle = os.path.join(self.dir, "ca.pem")
        self._certificates(name)
        with open(os.path.join(self.dir, "slapd.conf"), "w") as f:
            f.write(CONFIG.format(
                dir=self.dir, base=BASE, writer=WRITER, schema="/etc/ldap/schema",
                classes=BINARY if binary else "include /etc/ldap/schema/inetorgperson.schema"))

    def _certificates(self, name):
        now = datetime.datetime.utcnow()

        def make(subject, issuer, key, signer, ca):
            b = (x509.CertificateBuilder().subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, subject)]))
                 .issuer_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, issuer)])).public_key(key.public_key())
                 .serial_number(x509.random_serial_number()).not_valid_before(now - datetime.timedelta(hours=1))
                 .not_valid_after(now + datetime.timedelta(days=2))
                 .add_extension(x509.BasicConstraints(ca=ca, path_length=None), True))
            if not ca:
                san = (x509.IPAddress(ipaddress.ip_address(subject)) if subject[0].isdigit() else x509.DNSName(subject))
                b = b.add_extension(x509.SubjectAlternativeName([san]), False)
            return b.sign(signer, hashes.SHA256())
        root, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
        pem = serialization.Encoding.PEM
        files = {"ca.pem": make("Directory CA", "Directory CA", root, root, True).public_bytes(pem),
                 "server.pem": make(name, "Directory CA", key, root, False).public_bytes(pem),
                 "server.key": key.private_bytes(pem, serialization.PrivateFormat.PKCS8,
                                                 serialization.NoEncryption())}
        for file, content in files.items():
            with open(os.path.join(self.dir, file), "wb") as f:
                f.write(content)
        os.chmod(self.dir, 0o755)
        os.chmod(self.bundle, 0o644)

    def start(self):
        self.process = subprocess.Popen(
            ["/usr/sbin/slapd", "-d", "0", "-f", os.path.join(self.dir, "slapd.conf"), "-h",
             f"ldap://127.0.0.1:{self.port}/ ldaps://127.0.0.1:{self.tls_port}/"],
            stdout=subprocess.DEVNULL, stderr=open(os.path.join(self.dir, "log"), "ab"))
        until = time.monotonic() + 60
        while time.monotonic() < until:
            assert self.process.poll() is None, self.log()
            try:
                for port in (self.port, self.tls_port):
                    socket.create_connection(("127.0.0.1", port), 20).close()
                return self
            except OSError:
                time.sleep(0.05)
        raise TimeoutError(self.log())

    def fill(self, *mailboxes):
        """The base, the writer, and an entry for each mailbox."""
        text = (f"dn: {BASE}\nobjectClass: dcObject\nobjectClass: organization\no: Example\ndc: example\n\n"
                f"dn: {WRITER}\nobjectClass: person\ncn: writer\nsn: writer\nuserPassword: {PASSWORD}\n")
        self.ldif("ldapadd", text)
        for mailbox in mailboxes:
            self.add(mailbox)
        return self

    def add(self, mailbox, name=None):
        name = name or mailbox.split("@")[0]
        self.ldif("ldapadd", f"dn: cn={name},{BASE}\nobjectClass: inetOrgPerson\n"
                             f"cn: {name}\nsn: {name}\nmail: {mailbox}\n")

    def ldif(self, program, text):
        r = subprocess.run([program, "-x", "-H", f"ldap://127.0.0.1:{self.port}", "-D", f"cn=admin,{BASE}", "-w",
                            "admin"], input=text, capture_output=True, text=True)
        assert r.returncode == 0, r.stderr

    def search(self, filter, *attributes):
        """{attribute: [bytes]} of the one entry, as a correspondent's program finds it."""
        r = subprocess.run(["ldapsearch", "-x", "-LLL", "-o", "ldif-wrap=no", "-H", f"ldap://127.0.0.1:{self.port}",
                            "-b", BASE, filter, *attributes], capture_output=True, text=True)
        assert r.returncode == 0, r.stderr
        out = {}
        for line in r.stdout.splitlines():
            name, _, value = line.partition(":")
            if not value or name == "dn":
                continue
            out.setdefault(name, []).append(base64.b64decode(value[2:]) if value.startswith(":") else
                                            value[1:].encode())
        return out

    def log(self):
        with open(os.path.join(self.dir, "log")) as f:
            return f.read()

    def stop(self):
        if self.process and self.process.poll() is None:
            self.process.terminate()
            self.process.wait(60)
