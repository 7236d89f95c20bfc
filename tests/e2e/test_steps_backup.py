"""kill -9 and a full disk at each step of backup and restore: the commands, and the agent that copies its ledger.

Harmless means: a backup under its name is whole; what was there before stays; the daemons go on. A restored ledger
is fenced whenever it is in its place, keys come after it and all at once, and the same command again comes to the
same end, or says that all is there."""
import os
import shutil
import sqlite3
import subprocess

import pytest

import privatesite
import steps
from test_backup import command, members, sheet_of


PART = ".certmilter-backup.part"


@pytest.fixture(scope="module")
def site():
    s = privatesite.Site(timing={}, poll="1s")
    try:
        s.start()
        s.validate("example.test")
        s.stored(s.order("anna@example.test"))
        yield s
    finally:
        s.remove()


@pytest.fixture
def out(tmp_path):
    return str(tmp_path)


def backup(site, path, *more):
    return [site.program("certmilter"), "--config", site.config, "backup", *more, path]


def try_backup(how, n, *args, under=()):
    """A killed command's copy may still be under way in the agent: then the next one is told to come later."""
    while True:
        ran = steps.run(how, n, backup(*args), under=under)
        if "another backup is being made" not in ran.err:
            return ran


def whole(site, path):
    return command(site, "backup", "verify", path).returncode == 0 and "ledger.db" in members(path)


def left(site, out):
    """What a backup leaves beside its file and in the agent's folder."""
    return steps.hidden(out), [n for n in os.listdir(site.path("state")) if "snapshot" in n]


# --- backup ----------------------------------------------------------------------------------------------------

def test_backup_command_killed(site, out):
    """An older backup of that name is replaced by a whole one, or stays."""
    path = out + "/b.tar"
    plain = try_backup("kill", 9999, site, path)
    assert plain.status == 0, plain.err
    with open(path, "rb") as f:
        old = f.read()
    for n in steps.moments(plain, PART):
        ran = try_backup("kill", n, site, path, "--force")
        with open(path, "rb") as f:
            here = f.read()
        assert here == old or whole(site, path), ran.last
        old = here
        assert site.agent.running() and site.ask("status")["ok"]
    assert not ran.killed and whole(site, path)
    command(site, "backup", "--force", path, check=0)
    assert left(site, out) == ([], [])


@pytest.mark.parametrize("how", ["kill", "full"])
def test_backup_agent(site, out, how):
    """The agent ends or has no room while it copies: no backup, said so, and the next one is made."""
    path, state = out + "/b.tar", site.path("state")
    with steps.Held(how, 9999, site.agent.proc.pid, under=[state]) as held:
        command(site, "backup", path, check=0)
    hit = 0
    for n in steps.moments(held.ran):
        os.path.exists(path) and os.unlink(path)
        with steps.Held(how, n, site.agent.proc.pid, under=[state]) as ended:
            p = command(site, "backup", path)
        full = any("ENOSPC" in s for s in ended.ran.steps)
        hit += full or ended.ran.killed
        assert whole(site, path) if p.returncode == 0 else p.returncode == 3 and not os.path.exists(path), p.stderr
        if ended.ran.killed:
            site.agent.proc.wait(20)
            site.start_agent()
        assert site.agent.running() and (p.returncode == 0 or left(site, out) == ([], [])), ended.ran.last
        command(site, "backup", "--force", path, check=0)
        assert whole(site, path)
    assert hit >= 5


def test_backup_target_full(site, out):
    path = out + "/b.tar"
    plain = try_backup("full", 9999, site, path, under=["/tmp"])
    assert plain.status == 0
    os.unlink(path)
    for n in steps.moments(plain, PART)[:-1]:
        ran = try_backup("full", n, site, path, under=["/tmp"])
        assert ran.status == 3 and "no backup was made" in ran.err, (ran.last, ran.err)
        assert os.listdir(out) == [] and left(site, out) == ([], [])
    command(site, "backup", path, check=0)


# --- restore ---------------------------------------------------------------------------------------------------

class Machine:
    """Places for a restore beside the running site: a ledger, a keeper's state, a credential."""

    def __init__(self, site, directory):
        self.site, self.dir = site, str(directory)
        self.file, self.sheet = self.path("b.tar"), sheet_of(site, self.path("sheet"))
        command(site, "backup", self.file, check=0)
        self.ledger, self.keys, self.kek = self.path("m/state/ledger.db"), self.path("m/keys"), self.path("m/cred/kek")
        self.config = self.path("conf")
        with open(self.config, "w") as f:
            f.write(f'paths {{\n state_dir = "{self.path("m/state")}"\n credentials_dir = "{self.path("m/cred")}"\n}}\n')
        self.given = {n.rpartition("/")[2]: t for n, t in members(self.file).items() if n.startswith("keeper/keys/")}
        assert self.given

    def path(self, name):
        return os.path.join(self.dir, name)

    def empty(self, used):
        """USED: somebody else's ledger, its write-ahead log and a key are there."""
        shutil.rmtree(self.path("m"), ignore_errors=True)
        for d in ("m/state", "m/cred"):
            os.makedirs(self.path(d))
        self.old = {}
        if used:
            os.makedirs(self.keys + "/keys")
            self.old = {self.ledger: b"old", self.ledger + "-wal": b"wal", self.keys + "/keys/k.json": b"key"}
            for p, text in self.old.items():
                with open(p, "wb") as f:
                    f.write(text)

    def command(self, used):
        return [self.site.program("certmilter"), "--config", self.config, "restore", self.file, "--keeper-state",
                self.keys, f"--sheet={self.sheet}", *(["--replace"] if used else [])]

    def ours(self):
        """(the ledger is there, the keys are there): this backup's."""
        ledger = keys = False
        if os.path.exists(self.ledger) and open(self.ledger, "rb").read(3) != b"old":
            db = sqlite3.connect(f"file:{self.ledger}?mode=ro", uri=True)
            meta = dict(db.execute("SELECT key, value FROM meta"))
            db.close()
            assert meta["fence"], "never without its fence"
            ledger = True
        if os.path.isdir(self.keys + "/keys") and not os.path.exists(self.keys + "/keys/k.json"):
            for name, text in self.given.items():
                assert open(f"{self.keys}/keys/{name}", "rb").read() == text
            assert os.path.exists(self.kek), "the key from the sheet is there before what it opens"
            keys = True
        return ledger, keys

    def nothing_lost(self):
        """What was there lies somewhere, whole."""
        found = {}
        for base, _, names in os.walk(self.path("m")):
            for name in names:
                with open(os.path.join(base, name), "rb") as f:
                    found[f.read()] = os.path.join(base, name)
        return all(text in found for text in self.old.values()) and (
            not self.old or os.path.exists(self.ledger) and found[b"old"] == self.ledger or
            found[b"wal"] == found[b"old"] + "-wal")  # SQLite opens what was moved aside with its last transactions


@pytest.fixture(scope="module")
def machine(site, tmp_path_factory):
    return Machine(site, tmp_path_factory.mktemp("machine"))


@pytest.mark.parametrize("how, used", [("kill", True), ("full", False)])
def test_restore(machine, how, used):
    m = machine
    m.empty(used)
    plain = steps.run(how, 9999, m.command(used), files=True, under=[m.path("m")])
    assert plain.status == 0, plain.err
    seen = set()
    for n in steps.moments(plain, ".restore"):
        m.empty(used)
        ran = steps.run(how, n, m.command(used), files=True, under=[m.path("m")])
        full = any("ENOSPC" in s for s in ran.steps)
        ledger, keys = m.ours()
        seen.add((ledger, keys))
        assert ledger or not keys, ran.last
        assert m.nothing_lost(), ran.last
        assert not full or ran.status in (3, 4) and (ran.status == 4) == (ledger and keys), (ran.last, ran.err)
        again = subprocess.run(m.command(used and not keys), capture_output=True, text=True, timeout=60)
        assert again.returncode == 0 or keys and "restore.exists" in again.stderr + again.stdout or \
            keys and "is there already" in again.stderr, (ran.last, again.stderr)
        assert m.ours() == (True, True) and m.nothing_lost(), ran.last
        assert steps.hidden(m.path("m")) == [] and not [
            x for d in (m.path("m"), m.path("m/state")) for x in os.listdir(d) if x.endswith(".restore")]
    assert seen >= {(False, False), (True, False), (True, True)} or how == "full"
