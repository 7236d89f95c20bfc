"""The rehearsal CA as a process beside the site, and its control calls."""
import email
import email.policy
import json
import os
import re
import ssl
import subprocess
import sys
import time
import urllib.error
import urllib.parse
import urllib.request

HERE = os.path.dirname(os.path.abspath(__file__))
PROGRAM = os.path.join(os.path.dirname(HERE), "ca", "rehearsal_ca.py")


class RehearsalCA:
    def __init__(self, directory, https, http, smtp, dns=None):
        self.dir, self.https, self.http, self.proc, self.env = directory, https, http, None, {}
        self.log = os.path.join(directory, "ca.log")
        self.command = [sys.executable, PROGRAM, "--state", directory, "--listen", f"127.0.0.1:{https}",
                        "--http-listen", f"127.0.0.1:{http}", "--smtp", smtp]
        if dns:
            self.command += ["--dns", dns]

    def start(self):
        os.makedirs(self.dir, exist_ok=True)
        with open(self.log, "ab") as log:
            self.proc = subprocess.Popen(self.command, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                         start_new_session=True, env={**os.environ, **self.env})
        until = time.monotonic() + 180
        while not os.path.exists(self.path("ready")):
            if time.monotonic() > until or self.proc.poll() is not None:
                raise RuntimeError("the rehearsal CA doesn't start:\n" + open(self.log).read()[-4000:])
            time.sleep(0.05)
        return self

    def stop(self):
        if self.proc and self.proc.poll() is None:
            self.proc.terminate()
            try:
                self.proc.wait(60)
            except subprocess.TimeoutExpired:
                self.proc.kill()
                self.proc.wait()
        self.proc = None

    def path(self, name):
        return os.path.join(self.dir, name)

    @property
    def account(self):
        with open(self.path("accounts.json")) as f:
            return json.load(f)["ours"]

    # --- control calls -----------------------------------------------------------------------
    def call(self, method, name, body=None, /, **query):
        url = f"http://127.0.0.1:{self.http}/rehearsal/{name}"
        if query:
            url += "?" + urllib.parse.urlencode(query)
        data = json.dumps(body).encode() if body is not None else None
        request = urllib.request.Request(url, data, {"Content-Type": "application/json", "User-Agent": "test"},
                                         method=method)
        try:
            with urllib.request.urlopen(request, timeout=200) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as e:
            raise RuntimeError(f"{method} {url}: {e.code} {e.read()[:500]!r}") from None

    def get(self, name, /, **query):
        return self.call("GET", name, **query)

    def post(self, name, /, **body):
        return self.call("POST", name, body)

    def settings(self, **new):
        return self.post("settings", **new)

    def fault(self, match, do, times=1, **more):
        return self.post("faults", match=match, do=do, times=times, **more)

    def reset(self):
        return self.post("reset", all=True)

    def counters(self):
        return self.get("counters")

    def tokens(self, **query):
        return self.get("tokens", **query)

    def idle(self, timeout=120):
        """Until no mail and no issuing is left; False if that takes longer."""
        return self.get("idle", timeout=timeout)["idle"]

    def api(self, method, path, body=None, account="ours", key="key"):
        """A call of the CA's own API, as somebody else who has the key."""
        context = ssl.create_default_context(cafile=self.path("tls-root.pem"))
        with open(self.path("accounts.json")) as f:
            secret = json.load(f)[account][key]
        data = json.dumps(body).encode() if body is not None else None
        request = urllib.request.Request(
            f"https://127.0.0.1:{self.https}/services/v2{path}", data,
            {"Content-Type": "application/json", "User-Agent": "test", "X-DC-DEVKEY": secret}, method=method)
        with urllib.request.urlopen(request, timeout=60, context=context) as answer:
            text = answer.read()
            return json.loads(text) if text else {}

    def is_valid(self, domain, account="ours"):
        """Does the CA hold the domain as validated in this account?"""
        return any(d["name"] == domain and d["account"] == account and (d["valid_until"] or 0) > time.time()
                   for d in self.get("state/domains")["domains"].values())

    def posts(self):
        """How many times a form was sent, by token."""
        return {token: c["posts"] for token, c in self.counters()["tokens"].items() if c["posts"]}


def link_in(raw):
    """The validation link of a mail's text part."""
    text = email.message_from_bytes(raw, policy=email.policy.default).get_body(("plain",)).get_content()
    return re.search(r"https://\S+", text).group()
