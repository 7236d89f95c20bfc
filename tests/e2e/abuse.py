"""Requests that nobody should make: what a daemon's own source says that it reads, filled with what it can't mean."""
import glob
import json
import os
import random
import re
import socket

from daemons import ROOT

HUGE = "x" * 50000
VALUES = [None, True, False, 0, -1, 1, 2**63 - 1, -2**63, 1e308, "", " ", "0", "-1", "9" * 40, HUGE, "\0", "a\0b",
          "line\nline\r\n", "\x1b[2J\u202e\uffff", "../../../etc/passwd", "%s%n%d", "'; drop table orders; --", "@",
          "@@@", "a@" + "b." * 200 + "test", "ä" * 300, "sha256:zz", [], [None], ["", 1, {}], {}, {"": ""},
          [[[[[[[[]]]]]]]], {"a": {"b": {"c": []}}}, ["y" * 60] * 700]
CLASSES = {"temporary", "permanent", "ours"}


def members(folder, name):
    """The members that sources of FOLDER read from what they call NAME, with how they read them."""
    out = set()
    for path in glob.glob(os.path.join(ROOT, folder, "*.c")):
        with open(path) as f:
            text = f.read()
        out |= set(re.findall(r'(?:base_json|keeper_op|json_object|agent)_\w+\(\s*\(?(?:json_t \*\))?(?:' + name +
                              r'),\s*"(\w+)"', text))
    return sorted(out)


def requests(rng, names, good, n):
    """N sets of members: none, all of one value, single ones, and mixtures of good and bad."""
    yield {}
    same = [{name: v for name in names} for v in VALUES if len(json.dumps(v)) * len(names) < 50000]
    single = [{**rng.choice(({}, good)), name: rng.choice(VALUES)} for name in names]
    yield from same
    yield from rng.sample(single, min(len(single), n))
    for _ in range(n):
        some = {k: v for k, v in good.items() if rng.random() < 0.8}
        for name in rng.sample(names, rng.randrange(1, min(6, len(names)) + 1)):
            some[name] = rng.choice(VALUES)
        yield some


def ask(path, request, timeout):
    """The answer; None if the peer closed, or gave none in time."""
    packet = request if isinstance(request, bytes) else json.dumps(request).encode()
    if len(packet) > 65536:
        return None
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as s:
        s.settimeout(timeout)
        s.connect(path)
        try:
            s.send(packet)
            data, fds, _, _ = socket.recv_fds(s, 65537, 4)
        except (TimeoutError, ConnectionError):
            return None
        if not data:
            return None
        answer = json.loads(data)
        if fds:
            answer = json.loads(os.pread(fds[0], answer["memfd"], 0))
            for fd in fds:
                os.close(fd)
        return answer


def wrong(answer):
    """What is wrong with an answer; None: it is fine."""
    if not isinstance(answer, dict) or not isinstance(answer.get("ok"), bool):
        return "no answer that says yes or no"
    if answer["ok"]:
        return None
    if answer.get("class") not in CLASSES or not re.fullmatch(r"[a-z0-9]+(\.[a-z0-9-]+)+", answer.get("code", "")):
        return "no class or code"
    if answer["class"] == "ours":
        return "a bug of ours"
    text = answer.get("text", "")
    if len(text) < 10 or " " not in text or len(text) > 4000:
        return "no sentence"
    return None


def is_garbage(fields):
    """What the sockets' reader takes for no message: it ends the conversation without an answer."""
    text = json.dumps(fields)
    return "\\u0000" in text or len(text) > 60000


GARBAGE = [b"", b"\0", b"{", b"[]", b"null", b'"x"', b"{}", b'{"v":1}', b'{"cmd":null}', b'{"cmd":[1]}', b"\xff\xfe{}",
           b'{"cmd":"status","cmd":"status"}', b"[" * 60000, b'{"a":' * 10000, b"9" * 60000,
           b'{"cmd":"' + b"x" * 60000 + b'"}', b'{"op":"' + b"x" * 60000 + b'","v":1}', b'{"memfd":99}']


def generator(seed=4):
    return random.Random(seed)
