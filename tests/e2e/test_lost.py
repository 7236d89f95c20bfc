"""A CA that loses answers, refuses, stalls and talks nonsense while orders go out in bulk, and an agent that is
killed in between: never one order too many, never one lost, and whoever waits is told for what."""
import itertools
import random

import pytest

import bulkkit
from bulkkit import batch, ca_orders, cli, newest, read_result, write_csv

LOST = 200
ORDERS = 260
KILLS = 6
WAVE = 40
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
    # whatever became of the test: no request to order of its batches may meet a fault of the next one's
    for b in site.ask("batch.list", limit=20)["batches"]:
        if b["state"] not in ("done", "stopped", "placed"):
            site.ask("batch.stop", batch=b["batch"])
        if b["state"] != "done":
            site.wait(lambda b=b: not early(site, b["batch"]), 60, "orders at the CA")


def early(site, number):
    """Orders of the batch that are not at the CA yet."""
    page = site.ask("batch.results", batch=number)["results"]
    return [r for r in page if r["outcome"] == "placed" and
            site.order_state(r["order"]) in ("preparing", "requesting", "unclear")]


def start(site, domain, n, *more, name="bulk"):
    boxes = [f"p{i}@{domain}" for i in range(n)]
    path = write_csv(site, f"{name}-{domain}.csv", boxes)
    cli(site, "order", "--csv", path, *more, "--no-wait")
    return boxes, newest(site), path + ".result.csv"


def done(site, number, timeout):
    site.wait(lambda: batch(site, number)["state"] == "done", timeout, f"batch done, not {batch(site, number)}")
    return batch(site, number)


def hits(site):
    return sum(f["hits"] for f in site.ca.get("faults")["faults"])


@pytest.mark.slow
def test_lost_answers_and_kills(site, domain):
    """LOST answers get lost after the CA accepted the order, and the agent is killed again and again: each time
    within a wave, so that enough is left to do however fast the machine is."""
    dice = random.Random(4711)
    site.ca.fault(PLACE, "drop", times=LOST, probability=0.9)
    boxes, number, _ = start(site, domain, ORDERS, "--wave", str(WAVE))
    for i in range(KILLS):
        arrived = i * WAVE + dice.randint(1, WAVE - 5)
        site.wait(lambda n=arrived: sum(ca_orders(site)[b] for b in boxes) >= n, 120, f"{arrived} orders at the CA")
        bulkkit.restart(site)
        site.wait(lambda: batch(site, number)["state"] == "paused", 120, "a wave placed")
        assert batch(site, number)["waiting"] == ORDERS - (i + 1) * WAVE
        cli(site, "batch", "resume", str(number))
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


def texts(site, number):
    """All that an administrator reads about the batch now."""
    return reasons(site, number) | {batch(site, number).get("text", "")}


def lost(site, boxes):
    """Events of orders whose answer was lost."""
    return [e for e in site.events("order.state") if e["data"]["mailbox"] in boxes and
            e["data"]["reason"] == "the CA's answer to the order was lost: looking whether it arrived"]


def test_a_storm_of_429(site, domain):
    """Nothing gets through: whether a line was placed or waits before that, it is told for what."""
    site.ca.fault("/services/v2/", "status:429", times=None)
    boxes, number, _ = start(site, domain, 12)
    site.wait(lambda: any("too many requests" in t or "limit of requests" in t for t in texts(site, number)), 90,
              "a sentence about the limit")
    assert not any(ca_orders(site)[b] for b in boxes)
    site.ca.call("DELETE", "faults")
    assert done(site, number, 120)["issued"] == 12
    assert all(ca_orders(site)[b] == 1 for b in boxes)


def test_what_waits_before_it_is_placed(site, domain):
    """No line could be placed at all: the batch itself says why, in the command and in the list."""
    site.ca.fault("/services/v2/", "status:429", times=None)
    site.wait(lambda: "open in" in site.agent.log_text() and hits(site) > 0, 60, "closed")
    boxes, number, _ = start(site, domain, 4)

    def told():
        shown = cli(site, "batch", "show", str(number), ok=(0, 3)).stdout
        return "is running: the limit of requests for account rehearsal is reached, open in " in shown
    site.wait(told, 60, "told")
    site.wait(lambda: "limit of requests" in site.ask("batch.list", limit=1)["batches"][0].get("text", ""), 60, "list")
    site.ca.call("DELETE", "faults")
    state = done(site, number, 120)
    assert state["issued"] == 4 and "limit" not in state["text"]
    assert all(ca_orders(site)[b] == 1 for b in boxes)


@pytest.mark.parametrize("fault, arrived", [
    ("status:500", False), ("late_status:500", True), ("late_status:503", True), ("half_json", True), ("html", False),
    ("cut", True), ("drop", True), (["slow:1", "drop"], True),
])
def test_nonsense_in_answer_to_an_order(site, domain, fault, arrived):
    """Answered so or so, ordered or not: each line ends with exactly one order, and the record has why."""
    site.ca.settings(issue_delay=600)  # no certificate comes before the answer is known to be lost
    site.ca.fault(PLACE, fault, times=4)
    site.ca.fault("GET .*/order/certificate\\?", "slow:0.5", times=4)
    boxes, number, _ = start(site, domain, 6)
    site.wait(lambda: all(ca_orders(site)[b] for b in boxes) and not early(site, number), 60, "ordered")
    assert len(lost(site, boxes)) == 4
    again = [e for e in site.events("order.state") if e["data"]["mailbox"] in boxes and
             e["data"]["reason"] == "the first request did not arrive at the CA: asking again"]
    assert len(again) == (0 if arrived else 4)
    ours = {e: o["id"] for o in site.ca.get("state/orders")["orders"].values() for e in o["emails"]}
    for b in boxes:
        site.ca.post("status", order_id=ours[b], status="processing", finish=True)
    assert done(site, number, 60)["issued"] == 6
    assert all(ca_orders(site)[b] == 1 for b in boxes)


def test_neither_an_answer_nor_a_look(site, domain):
    """Whether the orders arrived can't be seen either: that is told, and none is sent again until it can."""
    site.ca.fault(PLACE, "drop", times=3)
    site.ca.fault("GET .*/order/certificate\\?", "status:500", times=None)
    site.ca.settings(issue_delay=600)
    boxes, number, _ = start(site, domain, 3)
    site.wait(lambda: reasons(site, number) == {"looking whether the order arrived at the CA: the CA answered 500: "
                                                "server_error: The service is not available."}, 60, "told")
    assert all(ca_orders(site)[b] == 1 for b in boxes) and len(lost(site, boxes)) == 3
    site.ca.call("DELETE", "faults")
    site.wait(lambda: not early(site, number), 120, "found")
    for o in site.ca.get("state/orders")["orders"].values():
        if o["emails"][0] in boxes:
            site.ca.post("status", order_id=o["id"], status="processing", finish=True)
    assert done(site, number, 60)["issued"] == 3
    assert all(ca_orders(site)[b] == 1 for b in boxes)


@pytest.mark.slow
def test_nonsense_in_answer_to_a_look(site, domain):
    """Every kind of it, one after another, for looks and for what is fetched; an order is not lost by that."""
    kinds = ["status:500", "status:403", "status:404", "half_json", "html", "drop", "cut", "huge:9000000"]
    site.ca.settings(send_mails=False)
    site.ca.fault("GET .*/order/certificate/", "status:403", times=None)
    boxes, number, _ = start(site, domain, 8)
    site.wait(lambda: all("can't be seen at the CA, looking again: our key may not do this" in t
                          for t in reasons(site, number)), 60, "told")
    site.ca.call("DELETE", "faults")
    for kind in kinds:
        site.ca.fault("GET .*/order/certificate/", kind, times=2)
        site.ca.fault("GET .*/certificate/.*download", kind, times=1)
    assert done(site, number, 240)["issued"] == 8
    assert not [f for f in site.ca.get("faults")["faults"] if f["times"]], "every kind was met"
    assert all(ca_orders(site)[b] == 1 for b in boxes)


@pytest.mark.slow
def test_the_same_certificate_for_everybody(site, domain):
    """Downloads that give another order's certificate: refused, fetched again later, and none is ordered anew."""
    site.ca.settings(send_mails=False)
    first, number, _ = start(site, domain, 1, name="first")
    assert done(site, number, 60)["issued"] == 1
    orders = site.ca.get("state/orders")["orders"].values()
    other = next(o["certificate_ids"][0] for o in orders if o["emails"] == first)
    boxes = [f"q{i}@{domain}" for i in range(2)]
    site.ca.fault("GET .*/certificate/.*download", "status:500", times=None)  # none is fetched before it is prepared
    cli(site, "order", "--csv", write_csv(site, f"dup-{domain}.csv", boxes), "--no-wait")
    number = newest(site)
    site.wait(lambda: all(ca_orders(site)[b] == 1 for b in boxes), 60, "ordered")
    for o in site.ca.get("state/orders")["orders"].values():
        if o["emails"][0] in boxes:
            site.ca.post("duplicate_pem", order_id=o["id"], certificate_id=other)
    site.ca.call("DELETE", "faults")
    site.wait(lambda: batch(site, number)["state"] == "placed", 60, "placed")
    site.wait(lambda: all("the CA gave the certificate of order" in t for t in reasons(site, number)), 120, "told")
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
    site.ca.fault("/services/v2/", "status:401", times=None)
    boxes, number, _ = start(site, domain, 60)

    def refused():
        return [r for r in site.ask("batch.results", batch=number)["results"]
                if "the CA refuses our key" in r.get("text", "")]
    site.wait(lambda: len(refused()) == 32, 120, "what is on its way is told")
    assert "32 orders over account rehearsal are not known to be at the CA yet" in batch(site, number)["text"]
    assert batch(site, number)["waiting"] == 28 and batch(site, number)["failed"] == 0
    site.ca.call("DELETE", "faults")
    site.wait(lambda: batch(site, number)["waiting"] == 0 and not early(site, number), 180, "goes on")
    assert batch(site, number)["failed"] == 0
    assert all(ca_orders(site)[b] == 1 for b in boxes)


def test_a_status_that_nobody_knows(site, domain):
    site.ca.settings(issue_delay=600)
    boxes, number, _ = start(site, domain, 3)
    site.wait(lambda: sum(ca_orders(site)[b] for b in boxes) == 3, 60, "ordered")
    ours = {e: o["id"] for o in site.ca.get("state/orders")["orders"].values() for e in o["emails"]}
    for b in boxes:
        site.ca.post("status", order_id=ours[b], status="on_the_moon", unknown=True)
    site.wait(lambda: all("on_the_moon" in t and "does not know: waiting" in t for t in reasons(site, number)), 60,
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
    """What it expected is expected no more, and stands in no other order's way; its certificate is still taken."""
    domain = f"d{next(site.names)}.test"                # not validated yet
    number = lose(site, domain)
    assert intents(site, domain) == {"cancelled"}
    assert "cancel" in bulkkit.show(site, number)["reason"]
    second = site.order(f"a@{domain}", **SPONSOR)       # by a person who looked
    site.stored(second, 90)
    site.wait(lambda: intents(site, domain) == {"cancelled", "confirmed"}, 90, "the second one's is confirmed")
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
