"""Talks to certinspect as doc/inspect.md says, and knows the test data."""
import json
import os
import pathlib
import re
import subprocess

ROOT = pathlib.Path(__file__).resolve().parents[2]
DATA = ROOT / "tests" / "data"
PROGRAM = pathlib.Path(os.environ.get("CERTINSPECT",
                                      ROOT / "build/libexec/certmilter/certinspect"))
NOW = 1795356060  # one minute after the sample mails


def zone(path=DATA / "dns.zone"):
    """name -> TXT text"""
    out = {}
    for name, rdata in re.findall(r"^(\S+)\. IN TXT \( (.*) \)$", path.read_text(), re.M):
        out[name] = "".join(re.findall(r'"([^"]*)"', rdata))
    return out


def profiles():
    return [json.loads(p.read_text()) for p in sorted((DATA / "profiles").glob("*.json"))]


class Result:
    def __init__(self, status, lines, stderr):
        self.status, self.lines, self.stderr = status, lines, stderr

    def __getitem__(self, key):
        for line in self.lines:
            if key in line:
                return line[key]
        raise KeyError("%s not in %r (exit %r, stderr %r)" % (key, self.lines, self.status,
                                                              self.stderr))

    def get(self, key):
        return next((line[key] for line in self.lines if key in line), None)


def converse(header, data, answer, timeout=90):
    """ANSWER(domain, selector) gives one answer object."""
    p = subprocess.Popen([str(PROGRAM)], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                         stderr=subprocess.PIPE, env={}, close_fds=True)
    lines = []
    try:
        try:
            p.stdin.write(json.dumps(header).encode() + b"\n" + data)
            p.stdin.flush()
        except BrokenPipeError:
            pass
        for raw in iter(p.stdout.readline, b""):
            line = json.loads(raw)
            lines.append(line)
            if "dns" in line:
                answers = [answer(q["d"], q["s"]) for q in line["dns"]]
                p.stdin.write(json.dumps({"answers": answers}).encode() + b"\n")
                p.stdin.flush()
        return Result(p.wait(timeout), lines, p.stderr.read().decode(errors="replace"))
    finally:
        p.kill()
        p.wait()
        for f in (p.stdin, p.stdout, p.stderr):
            try:
                f.close()
            except BrokenPipeError:
                pass


def from_zone(records):
    def answer(domain, selector):
        txt = records.get("%s._domainkey.%s" % (selector, domain))
        return {"status": "record", "txt": txt} if txt is not None else {"status": "none"}
    return answer


def mail(raw, force=False, now=NOW, answer=None, profile_list=None, **more):
    header = {"v": 1, "input": "mail", "size": len(raw), "now": now, "force": force,
              "profiles": profiles() if profile_list is None else profile_list, **more}
    return converse(header, raw, answer or from_zone(zone()))


def page(raw, profile="digicert-shape", kind="domain-validation"):
    chosen = [p for p in profiles() if p["id"] == profile]
    header = {"v": 1, "input": "page", "size": len(raw), "now": NOW, "profiles": chosen,
              "kind": kind, "url": "https://dcv.synthetic.example/approve"}
    return converse(header, raw, None)


def certificates(raw, **more):
    header = {"v": 1, "input": "certificates", "size": len(raw), "now": NOW, **more}
    return converse(header, raw, None)
