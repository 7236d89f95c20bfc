"""Backup and restore: one pair of ledger and keys, proved with the recovery sheet, restored on an empty machine.

The archive is read here with Python's tarfile, the digests with hashlib, the ledger with sqlite3: none of it shares
code with the product.
"""
import hashlib
import io
import json
import os
import re
import resource
import shutil
import signal
import sqlite3
import subprocess
import sys
import tarfile
import tempfile
import time

import pytest

import privatesite

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))


def command(site, *args, stdin=None, limit=None, check=None, extra_env=None):
    """Runs certmilter for SITE; LIMIT: bytes that it may write into one file."""
    def before():
        if limit is not None:
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
            resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
    p = subprocess.run([site.program("certmilter"), "--config", site.config, *args], input=stdin, text=True,
                       capture_output=True, timeout=300, preexec_fn=before, env={**os.environ, **(extra_env or {})})
    if check is not None:
        assert p.returncode == check, (p.returncode, p.stdout, p.stderr)
    return p


def sheet_of(site, path):
    command(site, "keeper", "recovery-sheet", "--out", path, check=0)
    return path


def members(path):
    with tarfile.open(path) as t:
        return {m.name: t.extractfile(m).read() for m in t.getmembers()}


def order_at(ca, order):
    return next(o for o in ca.state()["orders"] if str(o["id"]) == str(order))


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


@pytest.fixture(scope="module")
def taken(site, tmp_path_factory):
    """A backup and the sheet, for those who only look."""
    d = tmp_path_factory.mktemp("backup")
    command(site, "backup", str(d / "b.tar"), check=0)
    return str(d / "b.tar"), sheet_of(site, str(d / "sheet"))


class TestFile:
    def test_is_a_tar_with_digests_that_others_can_read(self, site, taken):
        got = members(taken[0])
        names = list(got)
        assert names[0] == "ledger.db" and names[-2:] == ["SHA256SUMS", "MANIFEST.json"]
        lines = got["SHA256SUMS"].decode().splitlines()
        assert lines == [f"{hashlib.sha256(got[n]).hexdigest()}  {n}" for n in names[:-2]]
        manifest = json.loads(got["MANIFEST.json"])
        assert manifest["sums_sha256"] == hashlib.sha256(got["SHA256SUMS"]).hexdigest()
        assert manifest["members"] == len(names) - 2 and manifest["keys"] == 1
        keys = [n for n in names if n.startswith("keeper/keys/")]
        assert len(keys) == 1 and set(json.loads(got[keys[0]])) > {"wrapped", "sealed", "kek_id"}
        assert subprocess.run(["tar", "tf", taken[0]], capture_output=True, text=True).stdout.split() == names

    def test_no_secret_is_in_it(self, site, taken):
        blob = open(taken[0], "rb").read()
        kek = open(site.path("etc/credentials/kek")).read().strip()
        assert kek.encode() not in blob and bytes.fromhex(kek) not in blob
        assert b"PRIVATE KEY" not in blob
        assert os.stat(taken[0]).st_mode & 0o777 == 0o600

    def test_ledger_names_no_key_that_is_not_there(self, site, taken, out):
        with open(out + "/l.db", "wb") as f:
            f.write(members(taken[0])["ledger.db"])
        db = sqlite3.connect(out + "/l.db")
        assert db.execute("pragma integrity_check").fetchone() == ("ok",)
        named = {r[0] for r in db.execute("select key_id from certificate where key_id is not null")}
        assert named and named <= {n[12:-5] for n in members(taken[0]) if n.startswith("keeper/keys/")}

    def test_into_a_directory_and_never_over_another(self, site, out):
        p = command(site, "--json", "backup", out, check=0)
        path = json.loads(p.stdout)["file"]
        assert os.path.dirname(path) == out and os.listdir(out) == [os.path.basename(path)]
        assert command(site, "backup", path).returncode == 1
        command(site, "backup", "--force", path, check=0)
        assert not os.path.exists(site.path("state/ledger.db.snapshot"))
        assert site.ask("status")["backup"]["at"] > time.time() - 60

    def test_list(self, site, taken):
        m = json.loads(command(site, "--json", "backup", "list", taken[0], check=0).stdout)
        assert m["ledger"]["certificates"] >= 1 and m["kek_id"]
        assert "kek id" in command(site, "backup", "list", taken[0], check=0).stdout

    def test_writing_goes_on_meanwhile(self, site, out):
        """A pair is consistent however much happens: every key that the ledger names is in it."""
        numbers = [site.order(f"busy{i}@example.test") for i in range(6)]
        for i in range(4):
            p = command(site, "--json", "backup", f"{out}/{i}.tar", check=0)
            assert json.loads(p.stdout)["ledger"]["keys_missing"] == 0
        for n in numbers:
            site.stored(n)
        command(site, "backup", "verify", f"{out}/3.tar", check=0)


class TestVerify:
    def test_doctor_is_red_until_the_sheet_opened_a_backup(self, site, taken):
        def finding():
            checks = json.loads(command(site, "--json", "doctor").stdout)["checks"]
            return {c["result"] for c in checks if c["name"] == "backup"}
        assert finding() == {"fail"}
        p = command(site, "--json", "backup", "verify", taken[0], "--kek", site.path("etc/credentials/kek"), check=0)
        assert json.loads(p.stdout)["proved"] is False, "the credential itself proves nothing about the paper"
        assert finding() == {"fail"}
        p = command(site, "--json", "backup", "verify", taken[0], f"--sheet={taken[1]}", check=0)
        assert json.loads(p.stdout)["proved"] is True and json.loads(p.stdout)["opened"] == 1
        assert finding() == {"ok"}

    def test_the_sheet_typed_in(self, site, taken):
        lines = re.findall(r"(?m)^ +([1-8]  [0-9a-f]{4} [0-9a-f]{4}  [0-9a-f]{2})$", open(taken[1]).read())
        assert len(lines) == 8
        p = command(site, "--json", "backup", "verify", taken[0], "--sheet", stdin="\n".join(lines) + "\n", check=0)
        assert json.loads(p.stdout)["proved"] is True
        wrong = lines[:3] + [lines[3][:-1] + ("0" if lines[3][-1] != "0" else "1")] + lines[4:]
        p = command(site, "backup", "verify", taken[0], "--sheet", stdin="\n".join(wrong) + "\n")
        assert p.returncode == 1 and "line 4" in p.stderr

    def test_sheet_says_what_it_is_and_holds_the_key(self, site, taken):
        text = open(taken[1]).read()
        digits = "".join(re.findall(r"(?m)^ +[1-8]  ([0-9a-f]{4}) ([0-9a-f]{4})  ", text)[i][j]
                         for i in range(8) for j in range(2))
        assert digits == open(site.path("etc/credentials/kek")).read().strip()
        assert "backup verify" in text and "restore" in text
        assert os.stat(taken[1]).st_mode & 0o777 == 0o600

    def test_another_key_opens_nothing(self, site, taken, out):
        with open(out + "/kek", "w") as f:
            f.write("ab" * 32)
        p = command(site, "backup", "verify", taken[0], "--kek", out + "/kek")
        assert p.returncode == 1 and "wrong one" in p.stderr

    @pytest.mark.parametrize("what", ["ledger.db", "keeper/keys/", "SHA256SUMS", "MANIFEST.json"])
    def test_a_changed_byte_is_found(self, site, taken, out, what):
        with tarfile.open(taken[0]) as t:
            m = next(m for m in t.getmembers() if m.name.startswith(what))
        blob = bytearray(open(taken[0], "rb").read())
        blob[m.offset_data + m.size // 2] ^= 1
        with open(out + "/x.tar", "wb") as f:
            f.write(blob)
        p = command(site, "backup", "verify", out + "/x.tar")
        assert p.returncode == 1 and "damaged" in p.stderr

    def test_a_cut_file_is_none(self, site, taken, out):
        size = os.path.getsize(taken[0])
        for n in (0, 100, 512, size // 2, size - 1024 - 1):
            shutil.copy(taken[0], out + "/x.tar")
            os.truncate(out + "/x.tar", n)
            assert command(site, "backup", "verify", out + "/x.tar").returncode == 1

    def test_a_member_taken_out_is_missed(self, site, taken, out):
        got = members(taken[0])
        gone = next(n for n in got if n.startswith("keeper/keys/"))
        with tarfile.open(out + "/x.tar", "w", format=tarfile.USTAR_FORMAT) as t:
            for name, text in got.items():
                if name != gone:
                    i = tarfile.TarInfo(name)
                    i.size = len(text)
                    t.addfile(i, io.BytesIO(text))
        p = command(site, "backup", "verify", out + "/x.tar")
        assert p.returncode == 1 and "missing" in p.stderr


class TestFailures:
    def test_full_disk_at_any_size(self, site, out):
        """Cut off at each of many sizes: no file, no rest, and the next one works."""
        command(site, "backup", out + "/whole.tar", check=0)
        size = os.path.getsize(out + "/whole.tar")
        for limit in [0, 511, 4096, 65536] + [size * i // 12 for i in range(1, 12)]:
            p = command(site, "backup", out + "/x.tar", limit=limit)
            assert p.returncode == 3, (limit, p.stdout, p.stderr)
            assert sorted(os.listdir(out)) == ["whole.tar"]
        command(site, "backup", out + "/x.tar", check=0)

    def test_killed_at_any_moment(self, site, out):
        left, part = 0, out + "/.certmilter-backup.part"
        for i in range(400):
            p = subprocess.Popen([site.program("certmilter"), "--config", site.config, "backup", out + "/k.tar"],
                                 stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            if i < 25:
                time.sleep(0.008 * i)
            else:  # and as soon as there is something of it, however slow the machine is
                while p.poll() is None and not os.path.exists(part):
                    pass
            p.kill()
            p.wait()
            if os.path.exists(out + "/k.tar"):
                command(site, "backup", "verify", out + "/k.tar", check=0)
                os.unlink(out + "/k.tar")
            assert set(os.listdir(out)) <= {".certmilter-backup.part"}
            if os.path.exists(part):
                left += 1
                if i % 2:
                    os.unlink(part)
            if i >= 25 and left > 5:
                break
        assert left > 5, "some were killed while they wrote"
        site.wait(lambda: command(site, "backup", "--force", out + "/k.tar").returncode == 0, 20, "backup afterwards")
        assert os.listdir(out) == ["k.tar"]

    def test_agent_killed_meanwhile(self, site, out):
        site.agent.kill()
        p = command(site, "backup", out + "/x.tar")
        assert p.returncode == 3 and os.listdir(out) == []
        open(site.path("state/ledger.db.snapshot"), "w").close()  # what a killed agent may leave
        site.start_agent()
        assert not os.path.exists(site.path("state/ledger.db.snapshot"))
        command(site, "backup", out + "/x.tar", check=0)

    def test_keeper_down(self, site, out):
        site.keeper.stop()
        try:
            p = command(site, "backup", out + "/x.tar")
            assert p.returncode == 3 and "certkeeperd" in p.stderr and os.listdir(out) == []
        finally:
            site.keeper.start()


class TestMany:
    """Memory stays the same however many keys there are (tests/bench/backup.py: 100,000)."""

    @staticmethod
    def peak(site, *args):
        p = subprocess.Popen([site.program("certmilter"), "--config", site.config, *args], stdout=subprocess.DEVNULL)
        _, status, usage = os.wait4(p.pid, 0)
        assert os.waitstatus_to_exitcode(status) == 0
        return usage.ru_maxrss  # KiB

    @staticmethod
    def keeper_peak(site):
        with open(f"/proc/{site.keeper.proc.pid}/status") as f:
            return next(int(line.split()[1]) for line in f if line.startswith("VmHWM"))

    def test_memory_does_not_grow_with_the_keys(self, site, taken, out):
        import pwd
        import manykeys
        user = pwd.getpwnam("certkeeper")
        kek = bytes.fromhex(open(site.path("etc/credentials/kek")).read().strip())
        cert = {"attached": 1, "sha256": "0" * 64, "pem": "x" * 4000}
        peaks = []
        for first, n in ((0, 1200), (1200, 4800)):
            manykeys.write_keys(site.path("keys"), kek, n, first, user.pw_uid, user.pw_gid, [cert])
            tar = f"{out}/{n}.tar"
            peaks.append((self.peak(site, "backup", tar),
                          self.peak(site, "backup", "verify", tar, f"--sheet={taken[1]}"), self.keeper_peak(site)))
            assert json.loads(members(tar)["MANIFEST.json"])["keys"] >= first + n
        # five times as many keys, 20 MB more of them: no more memory than one page's worth
        for before, after in zip(*peaks):
            assert after - before < 12 * 1024, peaks
