"""A CA that loses answers, refuses, stalls and talks nonsense while orders go out in bulk, and an agent that is
killed in between: never one order too many, never one lost, and whoever waits is told for what."""
import itertools
import random
import time

import pytest

import bulkkit
from bulkkit import batch, ca_orders, cli, newest, read_result, write_csv

LOST = 200
ORDERS = 260
KILLS = 6
PLACE = "POST .*/order/certificate/secure_email"


@pytest.fixture(scope="module")
def site(sites):
    domains = {f"d{n}.test": {"mode": "confirm"} for n in range(40)}
    site = sites(domains=domains, poll="1s", timing={"resend_after": "5s", "certificate_mail": "3s"}, settle="2s")
    bulkkit.raise_limits(site, requests_5s=100000, requests_3min=1000000)
    site.start()
    site.ca.settings(rate_limits=False, issue_delay=0)
    site.names = itertools.count()
    return site


@pytest.fixture
def domain(site):
    name = f"d{next(site.names)}.test"
    site.ca.post("validate", domain=name)
    yield name
    site.ca.call("DELETE", "faults")
    site.ca.settings(issue_delay=0, send_mails=True, certificate_fault=None)


def start(site, domain, n, name="bulk"):
    boxes = [f"p{i}@{domain}" for i in range(n)]
    path = write_csv(site, f"{name}-{domain}.csv", boxes)
    cli(site, "order", "--csv", path, "--no-wait")
    return boxes, newest(site), path + ".result.csv"


def done(site, number, timeout):
    site.wait(lambda: batch(site, number)["state"] == "done", timeout, f"batch done, not {batch(site, number)}")
    return batch(site, number)


def hits(site):
    return sum(f["hits"] for f in site.ca.get("faults")["faults"])


@pytest.mark.slow
def test_lost_answers_and_kills(site, domain):
    """LOST answers get lost after the CA accepted the order, and the agent is killed again and again."""
    dice = random.Random(4711)
    site.ca.fault(PLACE, "drop", times=LOST, probability=0.8)
    boxes, number, _ = start(site, domain, ORDERS)
    for _ in range(KILLS):
        time.sleep(dice.uniform(0.05, 0.6))
        bulkkit.restart(site)
    assert batch(site, number)["state"] != "done", "the kills came too late for the test to say anything"
    state = done(site, number, 240)
    assert hits(site) >= LOST * 0.9, "too few answers were lost for the test to say anything"
    assert state["issued"] == ORDERS and state["failed"] + state["refused"] + state["duplicate"] == 0
    count = ca_orders(site)
    assert [b for b in boxes if count[b] != 1] == []
    # and every line has an order of its own, whose number at the CA is that of its mailbox
    rows = []
    after = 0
    while after is not None:
        page = site.ask("batch.results", batch=number, after=after)
        rows, after = rows + page["results"], page.get("next")
    assert len({r["order"] for r in rows}) == ORDERS and all(r["certificate"] for r in rows)


def reasons(site, number):
    return {r.get("text", "") for r in site.ask("batch.results", batch=number)["results"]}


def test_a_storm_of_429(site, domain):
    site.ca.fault("/services/v2/", "status:429", times=25, probability=0.7)
    boxes, number, _ = start(site, domain, 12)
    site.wait(lambda: any("too many requests" in t or "limit of requests" in t for t in reasons(site, number)), 90,
              "a sentence about the limit")
    site.ca.call("DELETE", "faults")
    assert done(site, number, 120)["issued"] == 12
    assert all(ca_orders(site)[b] == 1 for b in boxes)


@pytest.mark.parametrize("fault, sentence", [
    ("status:500", "open whether"), ("late_status:500", "open whether"), ("late_status:503", "open whether"),
    ("half_json", "looking whether it arrived"), ("html", "looking whether it arrived"), ("cut", "looking whether"),
    ("drop", "looking whether it arrived"), (["slow:1", "drop"], "looking whether it arrived"),
])
def test_nonsense_in_answer_to_an_order(site, domain, fault, sentence):
    """Answered so or so, ordered or not: each line ends with exactly one order, and waits with a sentence until then."""
    site.ca.fault(PLACE, fault, times=4)
    site.ca.fault("GET .*/order/certificate\\?", "slow:0.5", times=4)
    boxes, number, _ = start(site, domain, 6)
    seen = set()

    def look():
        seen.update(reasons(site, number))
        return batch(site, number)["state"] == "done"
    site.wait(look, 60, "done")
    assert batch(site, number)["issued"] == 6
    assert all(ca_orders(site)[b] == 1 for b in boxes)
    assert any("lost" in t or "not list the order yet" in t or "did not arrive" in t for t in seen), seen


@pytest.mark.slow
def test_nonsense_in_answer_to_a_look(site, domain):
    """Every kind of it, one after another, for looks and for what is fetched; an order is not lost by that."""
    kinds = ["status:500", "status:403", "status:404", "half_json", "html", "drop", "cut", "huge:9000000"]
    site.ca.settings(send_mails=False)
    for kind in kinds:
        site.ca.fault("GET .*/order/certificate/", kind, times=2)
        site.ca.fault("GET .*/certificate/.*download", kind, times=1)
    boxes, number, _ = start(site, domain, 8)
    seen = set()

    def look():
        seen.update(reasons(site, number))
        return batch(site, number)["state"] == "done"
    site.wait(look, 240, "done")
    assert batch(site, number)["issued"] == 8
    assert not [f for f in site.ca.get("faults")["faults"] if f["times"]], "every kind was met"
    assert all(ca_orders(site)[b] == 1 for b in boxes)
    assert any("can't be seen at the CA, looking again" in t for t in seen), seen


@pytest.mark.slow
def test_the_same_certificate_for_everybody(site, domain):
    """Downloads that give another order's certificate: refused, fetched again later, and none is ordered anew."""
    site.ca.settings(send_mails=False)
    first, number, _ = start(site, domain, 1, "first")
    assert done(site, number, 60)["issued"] == 1
    orders = site.ca.get("state/orders")["orders"].values()
    other = next(o["certificate_ids"][0] for o in orders if o["emails"] == first)
    boxes = [f"q{i}@{domain}" for i in range(2)]
    cli(site, "order", "--csv", write_csv(site, f"dup-{domain}.csv", boxes), "--no-wait")
    number = newest(site)
    site.wait(lambda: all(ca_orders(site)[b] == 1 for b in boxes), 20, "ordered")
    for o in site.ca.get("state/orders")["orders"].values():
        if o["emails"][0] in boxes:
            site.ca.post("duplicate_pem", order_id=o["id"], certificate_id=other)
    site.wait(lambda: batch(site, number)["state"] == "placed", 20, "placed")
    site.wait(lambda: all("the CA gave the certificate of order" in t for t in reasons(site, number)), 60, "told")
    assert batch(site, number)["issued"] == 0 and batch(site, number)["placed"] == 2
    assert all(ca_orders(site)[b] == 1 for b in boxes)


def test_an_order_refused_by_the_ca(site, domain):
    site.ca.fault(PLACE, "status:400", times=2)
    boxes, number, result = start(site, domain, 4)
    state = done(site, number, 60)
    assert state["failed"] == 2 and state["issued"] == 2
    cli(site, "batch", "show", str(number), "--result", result, ok=(4,))
    bad = [r for r in read_result(result) if r["outcome"] == "failed"]
    assert len(bad) == 2 and all("the CA answered 400" in r["text"] for r in bad)
    assert sum(ca_orders(site)[b] for b in boxes) == 2
    # once the cause is gone they are tried again
    cli(site, "batch", "resume", str(number), "--failed")
    assert done(site, number, 60)["issued"] == 4
    assert all(ca_orders(site)[b] == 1 for b in boxes)


def test_a_key_that_is_refused_holds_the_batch(site, domain):
    """Not a thousand refusals: what is on its way waits, and nothing follows."""
    site.ca.fault("/services/v2/", "status:401")
    site.ca.post("faults", match="/services/v2/", do="status:401")
    boxes, number, _ = start(site, domain, 60)
    site.wait(lambda: batch(site, number)["placed"] >= 30, 20, "begun")
    time.sleep(2)
    assert batch(site, number)["waiting"] >= 20 and batch(site, number)["failed"] == 0
    site.ca.call("DELETE", "faults")
    site.wait(lambda: batch(site, number)["placed"] + batch(site, number)["issued"] == 60, 120, "goes on")
    assert sum(ca_orders(site)[b] > 1 for b in boxes) == 0


def test_a_status_that_nobody_knows(site, domain):
    site.ca.settings(issue_delay=600)
    boxes, number, _ = start(site, domain, 3)
    site.wait(lambda: sum(ca_orders(site)[b] for b in boxes) == 3, 20, "ordered")
    ours = {e: o["id"] for o in site.ca.get("state/orders")["orders"].values() for e in o["emails"]}
    for b in boxes:
        site.ca.post("status", order_id=ours[b], status="on_the_moon", unknown=True)
    site.wait(lambda: all("on_the_moon" in t and "does not know: waiting" in t for t in reasons(site, number)), 30,
              "told")
    assert batch(site, number)["state"] == "placed"
    for b in boxes:
        site.ca.post("status", order_id=ours[b], status="processing", finish=True)
    assert done(site, number, 60)["issued"] == 3


@pytest.mark.parametrize("fault", ["wrong_key", "other_issuer"])
def test_another_certificate_than_ordered(site, domain, fault):
    """Refused with the rule that it breaks; the order is not taken for done, and none is ordered in its place."""
    site.ca.settings(certificate_fault=fault)
    boxes, number, _ = start(site, domain, 2)
    site.wait(lambda: len([e for e in site.events("certificate.refused") if e["data"]["mailbox"] in boxes] +
                          [e for e in site.events("alarm.certificate") if e["data"]["mailbox"] in boxes]) >= 2, 60,
              "refused")
    assert batch(site, number)["issued"] == 0
    assert all(ca_orders(site)[b] == 1 for b in boxes)
    cli(site, "batch", "stop", str(number), ok=(0, 1))


SPONSOR = dict(product="secure_email_sponsor", first_name="Jane", last_name="Doe")


def intents(site, domain):
    return {i["state"] for i in site.ask("show", what=f"domain:{domain}")["intents"] if i["kind"] == "domain"}


def lose(site, domain):
    """An order of a domain that isn't validated, whose answer is lost at a CA that shows nothing to tell orders by."""
    site.ca.settings(tell_marks=False)
    site.ca.fault(PLACE, "drop", times=1)
    number = site.order(f"a@{domain}", **SPONSOR)
    site.wait(lambda: site.order_state(number) == "person", 60, "nobody knows")
    site.ca.settings(tell_marks=True)
    return number


def test_nobody_knows_whether_it_arrived(site):
    """What it expected is expected no more, and stands in no other order's way; its certificate is taken all the same."""
    domain = f"d{next(site.names)}.test"                # not validated yet
    number = lose(site, domain)
    assert intents(site, domain) == {"cancelled"}
    assert "cancel" in bulkkit.show(site, number)["reason"]
    second = site.order(f"a@{domain}", **SPONSOR)       # by a person who looked
    site.stored(second, 90)
    assert intents(site, domain) == {"cancelled", "confirmed"}
    assert number != second and ca_orders(site)[f"a@{domain}"] == 2
    site.stored(number, 90)                             # its mail came: it did arrive


def test_a_person_closes_what_nobody_knows(site):
    domain = f"d{next(site.names)}.test"
    number = lose(site, domain)

    def told():
        return [k for k in site.ca.counters()["requests"] if k.startswith("PUT") and "/status" in k]
    before = told()
    assert "closed here" in cli(site, "cancel", f"order:{number}", "--reason", "not there", "--dry-run").stdout
    assert site.order_state(number) == "person"
    assert "closed here" in cli(site, "cancel", f"order:{number}", "--reason", "not there").stdout
    order = bulkkit.show(site, number)
    assert order["state"] == "cancelled" and "not there" in order["reason"] and "not knowing" in order["reason"]
    assert told() == before, "the CA is not asked"
    assert "nothing to cancel" in cli(site, "cancel", f"order:{number}", "--reason", "x", ok=(1,)).stderr
