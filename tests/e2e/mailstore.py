"""A private Dovecot on loopback: IMAP over the Maildirs that a private Postfix writes (postfixenv, boxes).

Own configuration, sockets, log and port; every mailbox has the same password."""
import email
import email.policy
import imaplib
import os
import subprocess
import time

from ports import free_port

PASSWORD = "imap-for-tests"

CONFIG = """\
base_dir = {dir}/run
state_dir = {dir}/state
log_path = {dir}/log
protocols = imap
listen = 127.0.0.1
ssl = no
disable_plaintext_auth = no
mail_location = maildir:{mail}/%d/%n
mailbox_list_index = no
service imap-login {{
  inet_listener imap {{
    port = {port}
  }}
  inet_listener imaps {{
    port = 0
  }}
}}
passdb {{
  driver = static
  args = password={password}
}}
userdb {{
  driver = static
  args = uid=65534 gid=65534 home={dir}/home
}}
"""


class MailStore:
    def __init__(self, directory, mail):
        self.dir, self.mail, self.process = str(directory), mail, None
        self.port = free_port()
        for sub in ("run", "state", "home"):
            os.makedirs(os.path.join(self.dir, sub), exist_ok=True)
        os.chmod(self.dir, 0o755)
        os.chown(os.path.join(self.dir, "home"), 65534, 65534)
        with open(os.path.join(self.dir, "dovecot.conf"), "w") as f:
            f.write(CONFIG.format(dir=self.dir, mail=mail, port=self.port, password=PASSWORD))

    def start(self):
        self.process = subprocess.Popen(["/usr/sbin/dovecot", "-F", "-c", os.path.join(self.dir, "dovecot.conf")],
                                        stdin=subprocess.DEVNULL)
        until = time.monotonic() + 60
        while time.monotonic() < until:
            assert self.process.poll() is None, self.log()
            try:
                self.connect("nobody@example.test").logout()
                return self
            except (OSError, imaplib.IMAP4.error):
                time.sleep(0.1)
        raise TimeoutError(self.log())

    def log(self):
        try:
            with open(os.path.join(self.dir, "log")) as f:
                return f.read()
        except OSError:
            return ""

    def connect(self, mailbox):
        box = imaplib.IMAP4("127.0.0.1", self.port, timeout=60)
        box.login(mailbox, PASSWORD)
        return box

    def read(self, mailbox, *search):
        """Mails of MAILBOX that fit an IMAP search, oldest first, parsed."""
        box = self.connect(mailbox)
        try:
            box.select("INBOX", readonly=True)
            numbers = box.search(None, *(search or ("ALL",)))[1][0].split()
            raw = [box.fetch(n, "(RFC822)")[1][0][1] for n in numbers]
        finally:
            box.logout()
        return [email.message_from_bytes(r, policy=email.policy.default) for r in raw]

    def stop(self):
        if self.process and self.process.poll() is None:
            self.process.terminate()
            self.process.wait(60)
