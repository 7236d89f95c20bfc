"""What make install puts where, and what systemd thinks of it without being asked to run it."""
import glob
import os
import re
import subprocess

import pytest

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
UNITS = ("certmilterd.service", "certmilterd.socket", "certagentd.service", "certkeeperd.service",
         "certmilter-passphrases.service", "certmilter-passphrases.timer")
MOST = {"certmilterd.service": 0.5, "certkeeperd.service": 0.5, "certagentd.service": 1.5}


def run(*args, **more):
    r = subprocess.run(args, cwd=ROOT, text=True, capture_output=True, stdin=subprocess.DEVNULL, **more)
    assert r.returncode == 0, f"{args}: {r.returncode}\n{r.stdout}{r.stderr}"
    return r.stdout + r.stderr


@pytest.fixture(scope="module")
def staged(tmp_path_factory):
    """An installation below DESTDIR, for /usr/local and /etc/certmilter."""
    d = tmp_path_factory.mktemp("dest")
    run("make", "install", f"DESTDIR={d}")
    return d


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """One whose PREFIX is a directory here, so that its programs are where its units say."""
    d = tmp_path_factory.mktemp("prefix")
    run("make", "install", f"PREFIX={d}", f"SYSCONFDIR={d}/etc")
    return d


def test_all_is_in_place(staged):
    files = {os.path.join(base, f)[len(str(staged)):]: os.stat(os.path.join(base, f)).st_mode & 0o777
             for base, _, names in os.walk(staged) for f in names}
    local = "/usr/local"
    for name, mode in {
            f"{local}/bin/certmilter": 0o755, f"{local}/sbin/certmilterd": 0o755, f"{local}/sbin/certagentd": 0o755,
            f"{local}/sbin/certkeeperd": 0o755, f"{local}/libexec/certmilter/certinspect": 0o755,
            f"{local}/share/certmilter/profiles/digicert.conf": 0o644,
            f"{local}/share/certmilter/profiles/rehearsal.conf": 0o644,
            f"{local}/share/certmilter/templates/README": 0o644,
            **{f"{local}/share/certmilter/templates/{lang}/{kind}.{form}": 0o644 for lang in ("en", "de")
               for kind in ("key", "certificate") for form in ("txt", "html")},
            f"{local}/share/certmilter/certmilter.conf.sample": 0o644,
            f"{local}/share/certmilter/postfix-main.cf.snippet": 0o644,
            f"{local}/share/certmilter/sendmail.mc.snippet": 0o644,
            f"{local}/share/bash-completion/completions/certmilter": 0o644,
            f"{local}/lib/sysusers.d/certmilter.conf": 0o644, f"{local}/lib/tmpfiles.d/certmilter.conf": 0o644,
            "/etc/certmilter/certmilter.conf": 0o644, "/etc/certmilter/domains": 0o644,
            **{f"{local}/lib/systemd/system/{u}": 0o644 for u in UNITS},
            **{f"{local}/share/man/man{p[-1]}/{p}": 0o644 for p in (
                "certmilter.1", "certmilter.conf.5", "certmilter-profile.5", "certmilterd.8", "certagentd.8",
                "certkeeperd.8", "certinspect.8", "certmilter-order.7")}}.items():
        assert files.pop(name, None) == mode, name
    assert not files, "more than expected"


def test_a_changed_configuration_stays(staged):
    conf = staged / "etc/certmilter/certmilter.conf"
    before = conf.read_text()
    conf.write_text("# mine\n")
    run("make", "install", f"DESTDIR={staged}")
    assert conf.read_text() == "# mine\n"
    conf.write_text(before)


def test_uninstall_leaves_the_configuration_only(tmp_path):
    run("make", "install", f"DESTDIR={tmp_path}")
    run("make", "uninstall", f"DESTDIR={tmp_path}")
    left = sorted(os.path.join(b, f)[len(str(tmp_path)):] for b, _, names in os.walk(tmp_path) for f in names)
    assert left == ["/etc/certmilter/certmilter.conf", "/etc/certmilter/domains"]


def test_no_placeholder_is_left(staged):
    for f in glob.glob(f"{staged}/usr/local/lib/**/*", recursive=True):
        if os.path.isfile(f):
            with open(f) as text:
                assert not re.search(r"@[A-Z]+@", text.read()), f


@pytest.mark.parametrize("unit", sorted(MOST))
def test_exposure(installed, unit):
    run("systemd-analyze", "security", "--offline=true", f"--threshold={round(MOST[unit] * 10)}", "--no-pager",
        f"{installed}/lib/systemd/system/{unit}")


def test_threshold_means_what_we_think(installed):
    """The same call with less than the unit has fails."""
    r = subprocess.run(["systemd-analyze", "security", "--offline=true", "--threshold=1", "--no-pager",
                        f"{installed}/lib/systemd/system/certagentd.service"], capture_output=True)
    assert r.returncode != 0


def test_systemd_finds_nothing_wrong(installed):
    units = [f"{installed}/lib/systemd/system/{u}" for u in UNITS]
    r = subprocess.run(["systemd-analyze", "verify", "--man=no", *units], text=True, capture_output=True)
    said = r.stdout + r.stderr
    assert r.returncode == 0 and not [line for line in said.splitlines() if "cert" in line], said


@pytest.mark.parametrize("unit", UNITS)
def test_a_unit_names_manual_pages_that_exist(installed, unit):
    with open(f"{installed}/lib/systemd/system/{unit}") as f:
        pages = re.findall(r"man:([\w.-]+)\((\d)\)", f.read())
    assert pages, "the unit names no page"
    for name, section in pages:
        assert os.path.exists(f"{installed}/share/man/man{section}/{name}.{section}")


def test_each_daemon_gets_what_its_design_says(staged):
    def settings(unit):
        with open(f"{staged}/usr/local/lib/systemd/system/{unit}") as f:
            return [line.strip() for line in f if not line.startswith("#")]
    milter, agent, keeper = (settings(f"cert{n}d.service") for n in ("milter", "agent", "keeper"))
    for unit in (milter, agent, keeper):
        assert "Type=notify" in unit and "LimitCORE=0" in unit and "MemoryDenyWriteExecute=yes" in unit
    assert "PrivateNetwork=yes" in keeper and "PrivateNetwork=yes" in milter and "PrivateNetwork=yes" not in agent
    assert "KillSignal=SIGUSR2" in milter
    assert any(s.startswith("SystemCallFilter=") and "seccomp" in s and "landlock_restrict_self" in s for s in agent)
    # with user namespaces of their own, these two couldn't tell their peers apart
    assert "PrivateUsers=yes" not in keeper and "PrivateUsers=yes" not in agent
    assert any(s.startswith("LoadCredential=kek:") for s in keeper)
    assert any(s.startswith("LoadCredential=") for s in agent)


def test_users_and_spool(staged):
    conf = f"{staged}/usr/local/lib"
    run("systemd-sysusers", "--dry-run", f"{conf}/sysusers.d/certmilter.conf")
    with open(f"{conf}/tmpfiles.d/certmilter.conf") as f:
        lines = [line.split() for line in f if line.startswith("d ")]
    assert {(e[1], e[2], e[3], e[4]) for e in lines} == {
        ("/var/spool/certmilter", "0750", "root", "certspool"),
        ("/var/spool/certmilter/tmp", "2770", "certmilter", "certspool"),
        ("/var/spool/certmilter/new", "2770", "certmilter", "certspool"),
        ("/var/spool/certmilter/cur", "0700", "certagent", "certspool"),
        ("/var/spool/certmilter/dead", "0700", "certagent", "certspool")}


def test_postfix_accepts_the_snippet(tmp_path):
    with open(os.path.join(ROOT, "etc", "postfix-main.cf.snippet")) as f:
        text = f.read()
    (tmp_path / "main.cf").write_text("compatibility_level = 3.6\n" + text)
    (tmp_path / "master.cf").write_text("")
    out = run("postconf", "-c", str(tmp_path), "-h", "smtpd_milters")
    assert "default_action=accept" in out and "unix:certmilter/milter.sock" in out
    changed = run("postconf", "-c", str(tmp_path), "-n").splitlines()
    assert {line.split(" =")[0] for line in changed if " =" in line} <= {"compatibility_level", "smtpd_milters",
                                                                         "config_directory"}
