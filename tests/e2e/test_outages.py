"""What still works when a part doesn't: mail flows, nothing is lost, and it goes on by itself afterwards."""
import base64
import collections
import os
import smtplib
import subprocess
import threading
import time

import pytest

ORDINARY = b"From: a@elsewhere.test\r\nTo: b@example.test\r\nSubject: plain\r\nMessage-ID: <%d@x>\r\n" \
           b"Date: Sun, 22 Nov 2026 12:00:00 +0000\r\n\r\nhello\r\n"


def idle(site):
    s = site.ask("status")
    return s["spool"]["new"] + s["spool"]["cur"] + s["jobs"]["waiting"] == 0


def our_mails(site, domain, n=5):
    """The mails for our request, kept back."""
    site.ca.settings(send_mails=False)
    site.ask("domain.add", domain=domain)
    return site.wait(lambda: len(m := [m for m in site.ca.get("mails", kind="dcv", account="ours")["mails"]
                                       if m["to"].endswith("@" + domain)]) >= n and m, 20, "our mails")


def deliver(site, mail):
    site.send(base64.b64decode(mail["raw_base64"]), mail["to"], mail["from"])


@pytest.mark.slow
def test_a_thousand_mails_while_the_agent_is_stopped(sites):
    """All are accepted, and all are handled once each after it starts; nothing is alarmed twice."""
    site = sites(account=False).start()
    site.agent.stop()
    site.ca.settings(rate_limits=False)
    requests = 200
    site.ca.post("mallory", domain="example.test", times=requests)
    assert site.ca.idle(120)
    sent = site.ca.get("mails", kind="dcv", raw=0, limit=5000)["mails"]
    assert len(sent) == 5 * requests and all(m["outcome"] == "sent" for m in sent)
    site.postfix.wait_empty(120)
    assert len(os.listdir(site.path("spool", "new"))) >= 5 * requests
    site.start_agent()
    site.wait(lambda: sum(m["n"] for m in site.ask("status")["mails"]) >= 5 * requests and idle(site), 240, "all")
    verdicts = collections.Counter(site.verdicts("example.test"))
    assert verdicts == {"alarm/unexpected": 5 * requests}
    ids = [e["data"]["message_id"] for e in site.events("mail.taken")]
    assert len(set(ids)) == len(ids) == 5 * requests
    assert len(site.events("alarm.mail")) == requests, "one alarm for the five copies of a request"
    notices = [e for e in site.events("notice.sent") if "ALARM" in e["data"]["subject"]]
    assert 20 <= len(notices) <= requests, "a flood of alarms is told in fewer mails"
    for sub in ("new", "cur", "dead", "tmp"):
        assert not os.listdir(site.path("spool", sub)) or sub == "cur" and os.listdir(
            site.path("spool", sub)) == [".lock"], sub


def flood(site, senders=4):
    """Ordinary mails from several clients at once until the event is set; the event, the threads, a list of what went
    wrong, and how many were accepted."""
    wrong, count, end = [], [0] * senders, threading.Event()

    def client(n):
        while not end.is_set():
            try:
                with site.postfix.smtp() as s:
                    for k in range(5):
                        s.sendmail("a@elsewhere.test", ["postmaster@example.test"],
                                   ORDINARY % (n * 1000000 + count[n]))
                        count[n] += 1
            except (smtplib.SMTPException, OSError) as e:
                wrong.append(repr(e))
    threads = [threading.Thread(target=client, args=(n,)) for n in range(senders)]
    for t in threads:
        t.start()
    return end, threads, wrong, count


def test_postfix_goes_on_without_the_milter(sites):
    """kill -9 of certmilterd under load, with a socket of its own: every mail is accepted at once."""
    site = sites(own_socket=True).start()
    end, threads, wrong, count = flood(site)
    try:
        site.wait(lambda: sum(count) > 20, name="mails are accepted")
        site.milter.kill()
        before = sum(count)  # a client that waited for connect_timeout each time would need longer than the test waits
        site.wait(lambda: sum(count) > before + 120, name="Postfix doesn't stall")
        site.milter.start()
        before = sum(count)
        site.wait(lambda: sum(count) > before + 20, name="mails are accepted")
    finally:
        end.set()
        for t in threads:
            t.join()
    assert not wrong
    site.postfix.wait_empty()
    assert len(site.delivered("postmaster@example.test")) == sum(count)
    # and it takes mails again
    site.validate("example.test", 60)


def test_no_mail_is_missed_by_a_restart(site, domain):
    """Drained and started again under load, five times, with the socket held as systemd holds it."""
    import signal
    mails = our_mails(site, domain)
    end, threads, wrong, count = flood(site)
    taken = []

    def ca_mails():
        for m in mails:
            deliver(site, m)
            time.sleep(0.5)
    ca = threading.Thread(target=ca_mails)
    ca.start()
    try:
        while ca.is_alive():
            assert site.milter.stop(signal.SIGUSR2, 60) == 0
            site.milter.start()
            time.sleep(0.3)
    finally:
        end.set()
        for t in [ca, *threads]:
            t.join()
    assert not wrong and sum(count) > 0
    site.wait(lambda: len(site.verdicts(domain)) == 5, 40, "five decisions")
    for m in mails:
        arrived = site.wait(lambda: site.delivered(m["to"]), 20, "delivery")
        taken.append(b"X-Certmilter: v=1; taken" in arrived[-1])
    assert all(taken)


@pytest.mark.slow
def test_the_resolver_is_down(site, domain):
    """No key, no verdict; when it answers again the mail is judged and confirmed."""
    mails = our_mails(site, domain)
    site.agent.stop()        # its cache goes with it
    site.dns.stop()
    site.start_agent()
    deliver(site, mails[0])
    time.sleep(4)
    assert not site.verdicts(domain) and not site.ca.posts().get(mails[0]["token"])
    site.dns.start()
    site.wait(lambda: site.state_of(domain) == "valid", 90, "valid")
    assert site.verdicts(domain) == ["confirm/confirmed"]


def test_the_ca_is_down(site, domain):
    mails = our_mails(site, domain)
    site.ca.stop()
    try:
        deliver(site, mails[0])
        time.sleep(3)
        assert not site.verdicts(domain)
    finally:
        site.ca.start()
    site.wait(lambda: site.state_of(domain) == "valid", 90, "valid")
    assert site.ca.posts()[mails[0]["token"]] == 1


@pytest.mark.parametrize("do", ["status:429", "status:500", "status:503", "drop", "half_json", "html", "cut"])
def test_the_api_is_sick(site, domain, do):
    """Each of the next five answers is spoilt."""
    mails = our_mails(site, domain)
    site.ca.fault("GET /services/v2/", do, times=5)
    deliver(site, mails[0])
    site.wait(lambda: site.state_of(domain) == "valid", 120, "valid")
    assert site.ca.posts()[mails[0]["token"]] == 1


def test_the_api_refuses_our_key(site, domain):
    """Nothing is confirmed, one alarm for the account, and it goes on when the key works again."""
    mails = our_mails(site, domain)
    site.ca.fault("/services/v2/", "status:401", times=None)
    for m in mails[:2]:
        deliver(site, m)
    site.wait(lambda: [e for e in site.events("notice.sent") if "API key" in e["data"]["subject"]], 60, "told")
    assert not site.verdicts(domain)
    assert not any(site.ca.posts().get(m["token"]) for m in mails)
    site.ca.call("DELETE", "faults")
    site.wait(lambda: site.state_of(domain) == "valid", 120, "valid")
    assert len([e for e in site.events("notice.sent") if "API key" in e["data"]["subject"]]) == 1


def test_ordinary_mail_with_all_of_us_down(site):
    """Agent, keeper, CA and resolver: nobody notices."""
    for part in (site.agent, site.keeper, site.ca, site.dns):
        part.stop()
    try:
        raw = ORDINARY % 4711
        began = time.monotonic()
        site.send(raw, "alice@example.test")
        assert time.monotonic() - began < 9  # the shortest of the times that Postfix would wait for a milter is 10 s
        site.postfix.wait_empty()
        arrived = [m for m in site.delivered("alice@example.test") if b"<4711@x>" in m]
        assert len(arrived) == 1 and arrived[0].endswith(raw.replace(b"\r\n", b"\n"))
    finally:
        site.ca.start()
        site.dns.start()
        site.keeper.start()
        site.start_agent()


class Small:
    """A small file system over a directory of the site."""

    def __init__(self, path, size):
        self.path, st = path, os.stat(path)
        r = subprocess.run(["mount", "-t", "tmpfs", "-o",
                            f"size={size},mode={st.st_mode & 0o7777:o},uid={st.st_uid},gid={st.st_gid}", "tmpfs", path],
                           capture_output=True, text=True)
        if r.returncode != 0:
            pytest.skip("no tmpfs may be mounted here: " + r.stderr)

    def fill(self):
        fd = os.open(os.path.join(self.path, "ballast"), os.O_WRONLY | os.O_CREAT)
        try:
            while os.write(fd, b"\0" * 1024):
                pass
        except OSError:
            pass
        os.close(fd)

    def free(self):
        os.unlink(os.path.join(self.path, "ballast"))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        subprocess.run(["umount", "-l", self.path], check=True)


def test_the_ledgers_disk_is_full(sites):
    """Nothing is decided that can't be written down; mails wait, and are handled when there is room."""
    site = sites()
    with Small(site.path("state"), "4m") as disk:
        site.start()
        mails = our_mails(site, "example.test")
        disk.fill()
        for m in mails:
            deliver(site, m)
        time.sleep(3)
        assert not any(site.ca.posts().get(m["token"]) for m in mails) or site.ca.is_valid("example.test")
        site.postfix.wait_empty()
        assert all(len(site.delivered(m["to"])) == 1 for m in mails)
        disk.free()

        def valid():
            if not site.agent.running():  # it may have ended, as systemd would start it again
                site.start_agent()
            try:
                return site.state_of("example.test") == "valid"
            except OSError:
                return False
        site.wait(valid, 120, "valid")
        assert sum(site.ca.posts().values()) == 1
        site.stop()


def test_the_spools_disk_is_full(sites):
    """That mail alone gets 451; ordinary mail doesn't notice; the sender's next try is taken."""
    import daemons
    site = sites()
    with Small(site.path("spool"), "1m") as disk:
        daemons.make_spool(site.path("spool"))
        site.start()
        mails = our_mails(site, "example.test")
        disk.fill()
        with pytest.raises(smtplib.SMTPResponseException) as refused:
            deliver(site, mails[0])
        assert refused.value.smtp_code == 451
        site.send(ORDINARY % 1, "postmaster@example.test")
        disk.free()
        for m in mails:
            deliver(site, m)
        site.wait(lambda: site.state_of("example.test") == "valid", 60, "valid")
        assert len(site.delivered(mails[0]["to"])) == 1
        site.stop()


def test_the_certificate_comes_while_the_answer_to_its_order_is_lost(site, domain):
    """The validation that the order asked for ends with it: nothing waits for that order's number any more."""
    def asked():
        intents = site.ask("show", what=f"order:{number}")["intents"]
        return [i["state"] for i in intents if i["kind"] == "domain"]
    site.ca.settings(issue_delay=0)
    site.ca.fault("POST .*/order/certificate/secure_email", ["slow:2", "drop"])
    site.ca.fault("GET .*/order/certificate\\?", "slow:6", times=3)
    number = site.order(f"kim@{domain}", product="secure_email_sponsor", first_name="Kim", last_name="Doe")
    site.wait(asked, 10, "the request is recorded before the order leaves")
    site.ca.post("validate", domain=domain)
    site.stored(number)
    assert asked() == ["confirmed"]
