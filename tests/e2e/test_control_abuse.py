"""Every command of the agent's and every operation of the keeper's sockets, asked as nobody should ask: a sentence or a
sane answer, and a daemon that lives."""
import os
import re
import time

import pytest

import abuse
from abuse import ROOT
from privatesite import Site

GOOD = {"mailbox": "anna@example.test", "domain": "example.test", "id": 1, "what": "anna@example.test", "limit": 10,
        "reason": "a test", "name": "Jane Doe", "account": "rehearsal", "timeout": 0, "dry_run": True}
KEEPER = {"id": "a" * 26, "key_id": "a" * 26, "type": "p256", "mailbox": "anna@example.test", "tenant": "default",
          "custody": "keep", "request": "abuse-1"}
SLOW = ("doctor", "evidence", "domain.check")


@pytest.fixture(scope="module")
def site():
    s = Site()
    yield s.start()
    s.remove()


def commands():
    with open(os.path.join(ROOT, "agent", "control.c")) as f:
        text = f.read()
    names = set(re.findall(r'^    \{"([a-z.]+)", agent_cmd_', text, re.M)) | \
        set(re.findall(r'strcmp\(cmd, "([a-z.]+)"\)', text))
    assert len(names) > 60
    return sorted(names)


def operations():
    with open(os.path.join(ROOT, "keeper", "ops.c")) as f:
        names = set(re.findall(r'^    \{"(\w+)", (?:AGENT|ADMIN|BOTH), ', f.read(), re.M))
    assert len(names) > 18
    return sorted(names)


def alive(site, daemon, pid):
    return daemon.running() and daemon.proc.pid == pid and site.ask("status")["ok"]


def test_every_command_survives_absurd_requests(site):
    rng, pid, bad = abuse.generator(), site.agent.proc.pid, []
    names = [n for n in abuse.members("agent", "req") if n not in ("cmd", "v", "by")]
    assert {"mailbox", "domain", "limit", "after", "reason", "account"} <= set(names)
    for cmd in commands():
        seen = 0
        for fields in abuse.requests(rng, names, GOOD, 3 if cmd in SLOW else 20):
            wait = 0.05 if cmd == "mail.wait" else 60
            answer = abuse.ask(site.agent_socket, {"v": 1, "cmd": cmd, "by": "mallory", **fields}, wait)
            seen += answer is not None
            if answer is None:
                time.sleep(0.02)
                assert site.agent.running(), (cmd, repr(fields)[:3000], site.agent.log_text()[-6000:])
            if answer is None and (cmd == "mail.wait" or abuse.is_garbage(fields)):
                continue
            why = abuse.wrong(answer)
            if why:
                bad.append((cmd, why, repr(fields)[:300], repr(answer)[:300]))
            assert site.agent.running(), (cmd, repr(fields)[:3000], site.agent.log_text()[-3000:])
        assert seen > 20 or cmd == "mail.wait", cmd
    assert alive(site, site.agent, pid) and not bad, f"{len(bad)}: {bad[:10]}"


def test_garbage_ends_its_own_conversation_only(site):
    for path in (site.agent_socket, site.path("run/keeper/agent.sock"), site.path("run/keeper/admin.sock")):
        for packet in abuse.GARBAGE:
            if packet:
                answer = abuse.ask(path, packet, 20)
                assert answer is None or answer.get("ok") is False, (path, packet[:40], answer)
    assert site.agent.running() and site.keeper.running() and site.ask("status")["keeper"]["ok"]


@pytest.mark.parametrize("which", ["agent", "admin"])
def test_every_operation_of_the_keeper_survives_absurd_requests(site, which):
    rng, pid, bad = abuse.generator(), site.keeper.proc.pid, []
    names = [n for n in abuse.members("keeper", "call->request|request|q") if n not in ("op", "v")]
    assert {"mailbox", "after", "kek", "type"} <= set(names)
    path, user = site.path("run/keeper", which + ".sock"), "certagent" if which == "agent" else "root"
    with as_user(user):
        for op in operations():
            for fields in abuse.requests(rng, names, KEEPER, 20):
                answer = abuse.ask(path, {"v": 1, "op": op, **fields}, 60)
                if answer is None and abuse.is_garbage(fields):
                    continue
                why = abuse.wrong(answer)
                if why:
                    bad.append((op, why, repr(fields)[:300], repr(answer)[:300]))
                assert site.keeper.running(), (op, fields)
    assert site.keeper.proc.pid == pid and site.ask("status")["ok"] and not bad, f"{len(bad)}: {bad[:10]}"


class as_user:
    """The keeper looks at who connects."""

    def __init__(self, name):
        import pwd
        self.uid = pwd.getpwnam(name).pw_uid

    def __enter__(self):
        os.seteuid(self.uid)

    def __exit__(self, *_):
        os.seteuid(0)
