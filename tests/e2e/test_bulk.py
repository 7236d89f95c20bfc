"""Orders in bulk: from a CSV file, in waves, up to the brake, paused, resumed, stopped, over a crash."""
import json
import os
import re
import signal
import subprocess
import time

import pytest

import bulkkit
from bulkkit import batch, ca_orders, cli, newest, read_result, set_limits, write_csv

DOMAINS = 30
PLACE = "POST .*/order/certificate/secure_email"


@pytest.fixture(scope="module")
def site(sites):
    domains = {f"d{n}.test": {"mode": "confirm"} for n in range(DOMAINS)}
    site = sites(domains=domains, poll="1s", timing={"resend_after": "5s"}, settle="2s")
    bulkkit.raise_limits(site, requests_5s=100000, requests_3min=1000000)
    site.start()
    site.ca.settings(rate_limits=False)
    site.count = 0
    return site


@pytest.fixture
def domain(site):
    site.count += 1
    name = f"d{site.count}.test"
    site.ca.post("validate", domain=name)
    yield name
    site.ca.call("DELETE", "faults")
    site.ca.settings(issue_delay=0, send_mails=True)


def boxes(domain, n):
    return [f"p{i}@{domain}" for i in range(n)]


def test_a_file_is_ordered_once(site, domain):
    path = write_csv(site, "people.csv", boxes(domain, 25))
    out = cli(site, "order", "--csv", path).stdout
    assert "25 lines: 25 issued, 0 failed" in out
    rows = read_result(path + ".result.csv")
    assert [r["mailbox"] for r in rows] == boxes(domain, 25)
    assert all(r["outcome"] == "issued" and r["order"] and r["certificate"] for r in rows), rows
    assert [int(r["line"]) for r in rows] == list(range(2, 27))
    for r in rows[:3]:
        c = site.ask("show", what="certificate:" + r["certificate"])
        assert c["certificate"]["mailboxes"] == [r["mailbox"]]
    want = {b: 1 for b in boxes(domain, 25)}
    assert {b: n for b, n in ca_orders(site).items() if b in want} == want
    # the same file once more, and the same with other line ends and order of columns
    out = cli(site, "order", "--csv", path).stdout
    assert "asked for before" in out
    other = site.path("other.csv")
    with open(other, "w") as f:
        f.write("\ufeffusage,mailbox,key-type\n" + "".join(f"signing,{b},p256\n" for b in boxes(domain, 25)))
    assert "asked for before" in cli(site, "order", "--csv", other).stdout
    # another file with one line more
    longer = write_csv(site, "longer.csv", boxes(domain, 26))
    out = cli(site, "order", "--csv", longer).stdout
    assert "1 issued" in out and "25 ordered before" in out
    assert {r["outcome"] for r in read_result(longer + ".result.csv")[:25]} == {"duplicate"}
    want[f"p25@{domain}"] = 1
    assert {b: n for b, n in ca_orders(site).items() if b in want} == want


def test_the_whole_file_is_priced_first(site, domain):
    """Price, balance and number of orders before anything leaves; too little balance orders and loses nothing."""
    site.ca.settings(tell_prices=True)
    path = write_csv(site, "priced.csv", boxes(domain, 4))
    site.ca.post("balance", balance=3.5)
    for more in ((), ("--dry-run",)):
        r = cli(site, "order", "--csv", path, *more, ok=(1,))
        assert "4 orders of" in r.stderr and "balance 3.50 USD" in r.stderr and "is missing" in r.stderr, r.stderr
    assert not [b for b in ca_orders(site) if b.endswith("@" + domain)], "nothing was ordered"
    site.ca.post("balance", balance=1000000)
    r = cli(site, "order", "--csv", path)
    assert "4 orders of" in r.stderr and "4 issued, 0 failed" in r.stdout
    r = cli(site, "order", "--csv", path)
    assert "asked for before" in r.stdout and "orders of" not in r.stderr, "nothing is bought: nothing is priced"
    site.ca.settings(tell_prices=False)


def test_a_pipe_and_options_for_all_lines(site, domain):
    for box in boxes(domain, 3) + [f"z@{domain}"]:
        site.consent(box)
    text = "mailbox,days\n" + "".join(f"{b},\n" for b in boxes(domain, 3)) + f"z@{domain},100\n"
    out = cli(site, "order", "--csv", "-", "--usage", "signing", "--key-type", "p256", "--days", "200",
              "--result", site.path("piped.csv"), input=text).stdout
    assert "4 issued" in out and "\r" not in out and "\033" not in out
    rows = read_result(site.path("piped.csv"))
    certs = [site.ask("show", what="certificate:" + r["certificate"])["certificate"] for r in rows]
    days = [round((c["not_after"] - c["not_before"]) / 86400) for c in certs]
    assert days == [200, 200, 200, 100]


def test_all_errors_before_anything_is_sent(site, domain):
    path = site.path("bad.csv")
    before = len(site.ask("batch.list", limit=500)["batches"])
    with open(path, "w") as f:
        f.write(f"mailbox,days\na@{domain},365\nb@{domain}\n,3\nc@{domain},soon\n\"d\"@{domain},1\n")
    r = cli(site, "order", "--csv", path, ok=(1,))
    for place in ("bad.csv:3:1: expected 2 fields", "bad.csv:4:1: the mailbox is missing", "bad.csv:5:",
                  "bad.csv:6:4:"):
        assert place in r.stderr, r.stderr
    assert len(site.ask("batch.list", limit=500)["batches"]) == before
    answer = json.loads(cli(site, "--json", "order", "--csv", path, ok=(1,)).stdout)
    assert answer["code"] == "csv.errors" and len(answer["errors"]) == 4
    with open(path, "w") as f:
        f.write("mailbox,colour,mailbox\na@b.test,red,c@d.test\n")
    r = cli(site, "order", "--csv", path, ok=(1,))
    assert "no field \"colour\"" in r.stderr and "\"mailbox\" twice" in r.stderr
    with open(path, "w") as f:
        f.write("")
    cli(site, "order", "--csv", path, ok=(1,))


def changing(site):
    """Requests at the CA that change something."""
    return sum(n for k, n in site.ca.counters()["requests"].items() if not k.startswith("GET"))


def test_dry_run_asks_the_agent_about_every_line(site, domain):
    path = write_csv(site, "dry.csv", boxes(domain, 3) + ["x@elsewhere.test"])
    before = (changing(site), len(site.ask("batch.list", limit=500)["batches"]))
    r = cli(site, "order", "--csv", path, "--dry-run", ok=(1,))
    assert "3 orders of" in r.stderr, "what is refused has no price"
    assert "line 5 would be refused: x@elsewhere.test is in no controlled domain" in r.stdout
    assert "4 lines: 3 would be ordered, 1 refused; nothing was written or sent" in r.stdout
    assert "order/certificate/secure_email_mailbox" in r.stdout
    assert not os.path.exists(path + ".result.csv")
    assert (changing(site), len(site.ask("batch.list", limit=500)["batches"])) == before
    assert not any(b in ca_orders(site) for b in boxes(domain, 3))


def test_refused_lines_are_told_and_tried_again(site, domain):
    path = write_csv(site, "mixed.csv", [f"a@{domain}", "x@elsewhere.test", f"a@{domain}"])
    r = cli(site, "order", "--csv", path, ok=(4,))
    assert [x["outcome"] for x in read_result(path + ".result.csv")] == ["issued", "refused", "duplicate"]
    assert "controlled domain" in read_result(path + ".result.csv")[1]["text"], r.stdout
    number = newest(site)
    cli(site, "batch", "resume", str(number), ok=(1,))
    cli(site, "batch", "resume", str(number), "--failed")
    site.wait(lambda: batch(site, number)["state"] == "done", 20, "done again")
    assert batch(site, number)["refused"] == 1


def test_waves(site, domain):
    path = write_csv(site, "waves.csv", boxes(domain, 7))
    r = cli(site, "order", "--csv", path, "--wave", "3", ok=(4,))
    number = newest(site)
    assert f"certmilter batch resume {number}" in r.stdout
    assert sum(ca_orders(site)[b] for b in boxes(domain, 7)) <= 3
    state = batch(site, number)
    assert state["state"] == "paused" and state["waiting"] == 4
    cli(site, "batch", "resume", str(number))
    site.wait(lambda: batch(site, number)["waiting"] == 1, 20, "second wave")
    assert batch(site, number)["state"] == "paused"
    cli(site, "batch", "resume", str(number))
    cli(site, "batch", "show", str(number), "--wait", "--result", site.path("waves.out"))
    assert len(read_result(site.path("waves.out"))) == 7
    # by the clock
    cli(site, "order", "--csv", write_csv(site, "timed.csv", [f"t{b}" for b in boxes(domain, 4)]),
        "--wave", "2", "--every", "3s")
    state = batch(site, newest(site))
    assert state["state"] == "done" and state["ended"] - state["started"] >= 3
    cli(site, "order", "--csv", path, "--every", "3s", ok=(2,))


def test_pause_stop_and_no_wait(site, domain):
    site.ca.settings(issue_delay=600)
    site.ca.fault(PLACE, "slow:1", times=None)  # two at once: the last line is placed a minute and a half from now
    path = write_csv(site, "long.csv", boxes(domain, 200))
    r = cli(site, "order", "--csv", path, "--no-wait")
    number = newest(site)
    assert f"certmilter batch show {number}" in r.stdout
    site.wait(lambda: batch(site, number)["placed"] > 0, 10, "begun")
    cli(site, "batch", "pause", str(number))
    still = batch(site, number)
    assert still["state"] == "paused" and 0 < still["waiting"] < 200
    time.sleep(1.5)
    assert batch(site, number)["waiting"] == still["waiting"]
    cli(site, "batch", "pause", str(number), ok=(1,))
    cli(site, "batch", "stop", str(number))
    rows = read_result_of(site, number)
    assert len(rows) == 200 and {r["outcome"] for r in rows} == {"waiting", "placed"}
    # a stopped batch stays as it is when its file comes again, and can be resumed
    out = cli(site, "order", "--csv", path, "--no-wait").stdout
    assert "asked for before" in out and batch(site, number)["state"] == "stopped"
    assert "stopped" in cli(site, "batch", "list").stdout
    cli(site, "batch", "stop", "99999", ok=(1,))


def read_result_of(site, number):
    path = site.path(f"r{number}.csv")
    cli(site, "batch", "show", str(number), "--result", path, ok=(0, 4))
    return read_result(path)


def test_interrupting_the_command_leaves_the_batch(site, domain):
    site.ca.settings(issue_delay=600)
    path = write_csv(site, "ctrlc.csv", boxes(domain, 5))
    p = subprocess.Popen([site.program("certmilter"), "--config", site.config, "order", "--csv", path],
                         stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    site.wait(lambda: all(ca_orders(site)[b] == 1 for b in boxes(domain, 5)), 20, "ordered, whichever comes first")
    site.wait(lambda: catches(p.pid, signal.SIGINT), 20, "it watches the batch")
    p.send_signal(signal.SIGINT)
    out, err = p.communicate(timeout=90)
    assert p.returncode == 3, (out, err)
    number = newest(site)
    assert f"batch show {number}, batch pause|resume|stop {number}" in out
    assert len(read_result(path + ".result.csv")) == 5 and batch(site, number)["state"] in ("running", "placed")
    for o in site.ca.get("state/orders")["orders"].values():
        if o["emails"][0] in boxes(domain, 5):
            site.ca.post("status", order_id=o["id"], status="processing", finish=True)
    site.wait(lambda: batch(site, number)["state"] == "done", 40, "done")
    assert batch(site, number)["issued"] == 5


def catches(pid, sig):
    """Has the process a handler for SIG?"""
    with open(f"/proc/{pid}/status") as f:
        mask = next(int(line.split()[1], 16) for line in f if line.startswith("SigCgt:"))
    return bool(mask >> (sig - 1) & 1)


def test_progress_on_a_terminal_is_true(site, domain):
    """Every line adds up, and none goes back."""
    site.ca.settings(issue_delay=4)
    path = write_csv(site, "tty.csv", boxes(domain, 40) + ["x@elsewhere.test"])
    main, other = os.openpty()
    p = subprocess.Popen([site.program("certmilter"), "--config", site.config, "order", "--csv", path], stdout=other,
                         stderr=subprocess.DEVNULL, stdin=subprocess.DEVNULL)
    os.close(other)
    text = b""
    while True:
        try:
            part = os.read(main, 4096)
        except OSError:  # the other end is closed
            break
        if not part:
            break
        text += part
    os.close(main)
    assert p.wait(90) == 4
    lines = re.findall(r"(\d+) of (\d+): (\d+) issued, (\d+) failed, (\d+) refused, (\d+) ordered before, "
                       r"(\d+) under way, (\d+) left", text.decode())
    assert len(lines) >= 2, text
    seen = [tuple(int(n) for n in line) for line in lines]
    for over, total, issued, failed, refused, before, placed, left in seen:
        assert total == 41 and over == issued + failed + refused + before and over + placed + left == total
    assert [s[0] for s in seen] == sorted(s[0] for s in seen)
    assert seen[-1][2:] == (40, 0, 1, 0, 0, 0)


def test_the_brake_holds_and_lets_go(site, domain):
    ours = site.ca.counters()["orders"].get("ours", 0)
    total = len([o for o in site.events("order.placed")])
    set_limits(site, orders_day=total + 4)
    try:
        path = write_csv(site, "brake.csv", boxes(domain, 10))
        r = cli(site, "order", "--csv", path, ok=(4,))
        number = newest(site)
        assert batch(site, number)["state"] == "braked"
        assert "6 lines wait at the spending brake" in r.stdout
        time.sleep(6)  # it is looked at again, and holds
        assert sum(ca_orders(site)[b] for b in boxes(domain, 10)) == 4
        assert site.ca.counters()["orders"]["ours"] == ours + 4
        assert f"batch {number}: 6 lines wait" in cli(site, "status", ok=(4,)).stdout
        assert {r["outcome"] for r in read_result(path + ".result.csv")} <= {"issued", "placed", "waiting"}
        release(site, number)
        site.wait(lambda: batch(site, number)["state"] == "done", 40, "released")
        assert batch(site, number)["issued"] == 10
    finally:
        set_limits(site, orders_day=1000000)
    assert all(ca_orders(site)[b] == 1 for b in boxes(domain, 10))


def release(site, number):
    assert f"--orders 6 --reason TEXT --batch {number}" in batch(site, number)["text"]
    cli(site, "release", "rehearsal", "--orders", "6", "--batch", str(number), "--reason", "it is meant")


def test_other_orders_go_on_meanwhile(site, domain):
    """A single order is not behind the batch's hundreds."""
    site.ca.settings(issue_delay=0)
    site.ca.fault(PLACE, "slow:1", times=None)  # two at once: more than two minutes for the batch
    path = write_csv(site, "many.csv", boxes(domain, 300))
    cli(site, "order", "--csv", path, "--no-wait")
    number = newest(site)
    site.wait(lambda: batch(site, number)["placed"] > 0, 10, "begun")
    single = site.order(f"single@{domain}", usage="signing")
    site.stored(single, 120)
    assert batch(site, number)["state"] == "running" and batch(site, number)["waiting"] > 0
    site.ca.call("DELETE", "faults")
    site.wait(lambda: batch(site, number)["state"] == "done", 180, "done")
    assert batch(site, number)["issued"] == 300


def test_killed_in_between(site, domain):
    path = write_csv(site, "kill.csv", boxes(domain, 60))
    cli(site, "order", "--csv", path, "--no-wait")
    number = newest(site)
    for left in (45, 25, 5):
        site.wait(lambda: batch(site, number)["waiting"] <= left, 60, f"{left} left")
        bulkkit.restart(site)
    site.wait(lambda: batch(site, number)["state"] == "done", 90, "done")
    assert batch(site, number)["issued"] == 60
    count = ca_orders(site)
    assert [count[b] for b in boxes(domain, 60)] == [1] * 60


# --- the day on which a CA revokes in bulk -------------------------------------------------------------

def current(site, box):
    return [c for c in site.ask("show", what=box)["certificates"] if c["state"] == "current"]


def test_reissue_day(site, domain):
    path = write_csv(site, "day.csv", boxes(domain, 6))
    cli(site, "order", "--csv", path)
    old = {b: current(site, b)[0] for b in boxes(domain, 6)}
    today = time.strftime("%Y-%m-%d", time.gmtime())  # conftest keeps midnight out
    issuer = "Rehearsal"
    before = site.ca.counters()["requests"]
    everything = site.ask("reissue.forecast", since=0, until=4000000000)["certificates"]
    assert everything >= 6
    out = cli(site, "reissue", "--issued-between", f"2020-01-01..{today}", "--issuer", issuer, "--drill",
              "--deadline", "5d", "--price", "2.50").stdout
    assert f"{everything} certificates are affected" in out and "hours" in out
    money = f"{everything * 250 // 100}.{everything * 250 % 100:02d}"
    assert f"money: {money}, at 2.50 each" in out and f"mails of the CA to mailboxes here: {everything}" in out
    assert all(b in out for b in boxes(domain, 6))
    assert "not told" in cli(site, "reissue", "--issued-between", f"2020-01-01..{today}", "--drill").stdout
    assert not [k for k in site.ca.counters()["requests"] if "reissue" in k and k not in before]
    # nobody has that issuer, and a deadline that can't be kept
    assert "0 certificates" in cli(site, "reissue", "--issued-between", f"2020-01-01..{today}", "--issuer", "Nobody",
                                   "--drill").stdout
    set_limits(site, requests_3min=1)
    r = cli(site, "reissue", "--issued-between", f"2020-01-01..{today}", "--drill", "--deadline", "1m", ok=(4,))
    assert "can't be kept" in r.stdout + r.stderr
    set_limits(site, requests_3min=1000000)
    # the day itself, paused in between; in three waves at least, however many the tests before left
    wave = max(1, everything // 3)
    cli(site, "reissue", "--issued-between", f"2020-01-01..{today}", ok=(2,))
    r = cli(site, "reissue", "--issued-between", f"2020-01-01..{today}", "--reason", "the CA revokes on Friday",
            "--deadline", "5d", "--wave", str(wave), ok=(4,))
    number = newest(site)
    assert batch(site, number)["state"] == "paused" and batch(site, number)["waiting"] == everything - wave
    set_wave = cli(site, "batch", "resume", str(number))
    site.wait(lambda: batch(site, number)["state"] == "paused", 20, f"second wave {set_wave.stdout}")

    def done():
        if batch(site, number)["state"] == "paused":
            cli(site, "batch", "resume", str(number))
        return batch(site, number)["state"] == "done"
    site.wait(done, 400, "done")
    state = batch(site, number)
    assert state["issued"] == everything and state["failed"] == 0, state
    for b in boxes(domain, 6):
        new = current(site, b)
        assert len(new) == 1 and new[0]["id"] != old[b]["id"] and new[0]["order"] == old[b]["order"]
        all_of = {c["id"]: c for c in site.ask("show", what=b)["certificates"]}
        assert all_of[old[b]["id"]]["state"] == "superseded"
        cli(site, "export", b, "--pem", "-")
    assert re.search(rf"^{number} +reissue +done", cli(site, "batch", "list").stdout, re.M)


def set_validity(site, domain, validity):
    site.domains[domain] = {**site.domains[domain], "validity": validity}
    site.write_config()
    site.ask("reload")


def test_renewals_as_a_batch(site, domain):
    """Ordered for the time that the domain says, and renewed for what it says by then."""
    path = write_csv(site, "soon.csv", boxes(domain, 3), "key-type,usage", "p256,signing")
    set_validity(site, domain, "20d")
    cli(site, "order", "--csv", path)
    set_validity(site, domain, "365d")
    old = {b: current(site, b)[0]["id"] for b in boxes(domain, 3)}
    cli(site, "renew", "--batch", ok=(2,))
    cli(site, "renew", "--days", "25", "--batch", "--dry-run", ok=(2,))
    out = cli(site, "renew", "--days", "25", "--batch", "--result", site.path("renewed.csv"), ok=(0, 4)).stdout
    rows = {r["mailbox"]: r for r in read_result(site.path("renewed.csv"))}
    assert all(rows[b]["outcome"] == "issued" for b in boxes(domain, 3)), (out, rows)
    for b in boxes(domain, 3):
        assert ca_orders(site)[b] == 2
        assert old[b] not in [c["id"] for c in current(site, b)]
    # once more: nothing is left to renew for them
    cli(site, "renew", "--days", "25", "--batch", ok=(0, 1, 4))
    assert all(ca_orders(site)[b] == 2 for b in boxes(domain, 3))
