"""certmilter passphrase against the real keeper, without an agent."""
import base64
import os
import stat

import pytest

from test_export import certified, keeper  # noqa: F401  (keeper is a fixture; its import finds what follows)
import ipc
from test_keeper import open_p12

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="the keeper's admin socket is root's")
ALICE = "alice@example.test"
GOOD = "correct horse battery"


def seal(keeper, way="file", request="x", delivered=True, **more):
    """A sealed bundle whose mail arrived; its export id and bytes."""
    key, _ = certified(keeper, **more)
    with ipc.Conversation(keeper.sock) as c:
        out = c.ask({"v": 1, "op": "seal_bundle", "key_id": key, "mailbox": more.get("mailbox", ALICE),
                     "request": request, "way": way, "who": "t", "reason": "t"})
        c.ask({"v": 1, "op": "export_done", "delivered": delivered})
    return out["export"], base64.b64decode(out["p12"])


def program(site, body):
    path = site.path / "hook"
    path.write_text(f"#!/bin/sh\n{body}\n")
    path.chmod(0o755)
    return path


def desk(site):
    path = site.path / "desk"
    path.mkdir(exist_ok=True, mode=0o700)
    return path


def test_into_a_file(site, keeper, tmp_path):  # noqa: F811
    export, p12 = seal(keeper)
    answer, status = site.ask("passphrase", "list")
    assert status == 0 and [w["export"] for w in answer["waiting"]] == [export]
    r = site.run("passphrase", "deliver", "--dir", desk(site))
    assert (r.status, r.err) == (0, "") and ALICE in r.out
    [file] = desk(site).iterdir()
    assert file.name == f"{ALICE}.{export}.txt" and stat.S_IMODE(file.stat().st_mode) == 0o600
    word = [line.split()[1] for line in file.read_text().splitlines() if line.startswith("passphrase")][0]
    assert open_p12(tmp_path, p12, word)[1] == 2 and word not in r.out
    r = site.run("passphrase", "deliver", "--dir", desk(site))
    assert (r.status, r.out, r.err) == (0, "", "") and len(list(desk(site).iterdir())) == 1
    r = site.run("passphrase", "show", export, "--passphrase-out", site.path / "p")
    assert r.status == 1 and not (site.path / "p").exists()  # the keeper wiped it


def test_by_a_program(site, keeper, tmp_path):  # noqa: F811
    export, p12 = seal(keeper, way="hook")
    told = site.path / "told"
    r = site.run("passphrase", "deliver", "--hook", program(site, "echo no paper >&2; exit 75"))
    assert r.status == 3 and "no paper" in r.err
    r = site.run("passphrase", "deliver", "--hook", program(site, "echo broken >&2; exit 2"))
    assert r.status == 4 and "broken" in r.err
    r = site.run("passphrase", "deliver", "--hook", site.path / "none")
    assert r.status != 0
    r = site.run("passphrase", "deliver", "--hook", program(site, f"env > {told}; cat >> {told}"))
    assert r.status == 0, r.err
    lines = told.read_text().splitlines()
    assert f"CERTMILTER_MAILBOX={ALICE}" in lines and f"CERTMILTER_EXPORT={export}" in lines
    assert "CERTMILTER_AGAIN=yes" in lines and not any(line.startswith("HOME=") for line in lines)
    assert open_p12(tmp_path, p12, lines[-1])[1] == 2
    assert site.run("passphrase", "deliver", "--hook", program(site, "exit 2")).status == 0  # nothing waits


def test_only_what_arrived(site, keeper):  # noqa: F811
    seal(keeper, delivered=False)
    r = site.run("passphrase", "deliver", "--dir", desk(site))
    assert (r.status, r.out) == (0, "") and list(desk(site).iterdir()) == []


def test_folder_and_arguments(site, keeper):  # noqa: F811
    seal(keeper)
    desk(site).chmod(0o777)
    assert site.run("passphrase", "deliver", "--dir", desk(site)).status == 1
    assert site.run("passphrase", "deliver", "--dir", site.path / "none").status == 1
    assert site.run("passphrase", "deliver").status == 2
    assert site.run("passphrase", "deliver", "--hook", "relative").status == 2
    assert list(desk(site).iterdir()) == []


def test_set_and_clear(site, keeper):  # noqa: F811
    r = site.run("passphrase", "set", ALICE, "--passphrase-file", "-", stdin=GOOD + "\nmore\n")
    assert r.status == 0 and GOOD not in r.out + r.err
    assert site.run("passphrase", "set", ALICE).status == 2  # no terminal
    for weak in ("short", "aaaaaaaaaaaaaaaa"):
        r = site.run("passphrase", "set", ALICE, "--passphrase-file", "-", stdin=weak + "\n")
        assert r.status == 1 and "12" in r.err and weak not in r.err
    assert site.run("passphrase", "clear", ALICE).status == 0
    assert site.run("passphrase", "clear", ALICE).status == 1


def test_show(site, keeper, tmp_path):  # noqa: F811
    export, p12 = seal(keeper)
    assert site.run("passphrase", "show", export).status == 2  # no terminal
    r = site.run("passphrase", "show", export, "--passphrase-out", site.path / "p")
    assert r.status == 0, r.err
    word = (site.path / "p").read_text().strip()
    assert open_p12(tmp_path, p12, word)[1] == 2
    r = site.run("passphrase", "show", export, tty=True)
    assert r.status == 0 and word in r.out
