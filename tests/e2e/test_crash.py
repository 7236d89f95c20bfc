"""kill -9 of the agent, and answers that get lost: never a form or an order sent twice, and the right end."""
import random
import time

import pytest


def window(site, domain_or_box, pattern, do="slow:2"):
    """The next request that fits takes two seconds; returns a function that waits until it is under way."""
    site.ca.call("DELETE", "faults")
    site.ca.fault(pattern, do, times=1)

    def reached():
        return any(f["hits"] for f in site.ca.get("faults")["faults"])
    return lambda: site.wait(reached, 30, f"{pattern} for {domain_or_box}")


def crash(site):
    site.agent.kill()
    site.start_agent()


def check_domain(site, domain, timeout=90):
    """It became valid, by one form in all, or by a second mail's after the CA never got the first."""
    site.wait(lambda: site.state_of(domain) == "valid", timeout, f"{domain} valid")
    posts = site.ca.posts()
    mine = {t["token"]: posts.get(t["token"], 0) for t in site.ca.tokens(domain=domain, account="ours")["tokens"]}
    assert sorted(mine.values())[-2:] == [0, 1], mine
    assert site.ca.is_valid(domain)
    confirmed = [e for e in site.events("intent.ended") if e["data"]["domain"] == domain]
    assert [e["data"]["state"] for e in confirmed] == ["confirmed"]


def was_hit(site):
    """The fault met a request: the test tested something."""
    return all(f["hits"] for f in site.ca.get("faults")["faults"])


def orders_for(site, box):
    return [o for o in site.ca.get("state/orders")["orders"].values() if box in o["emails"] and o["account"] == "ours"]


CONFIRM_STEPS = {
    "asking the CA to validate": "POST /services/v2/domain",
    "looking at the API before": "GET /services/v2/domain",
    "opening the page": "GET /dcv/",
    "sending the form": "POST /dcv/submit",
}


@pytest.mark.parametrize("step", CONFIRM_STEPS)
def test_killed_while(site, domain, step):
    wait = window(site, domain, CONFIRM_STEPS[step])
    site.ask("domain.add", domain=domain)
    wait()
    crash(site)
    check_domain(site, domain)


def test_killed_between_form_and_proof(site, domain):
    """The form arrived; the look that should prove it is under way."""
    site.ask("domain.add", domain=domain)
    site.wait(lambda: [e for e in site.events("confirm.sending") if e["data"].get("domain") == domain], 30, "sending")
    site.ca.fault("GET /services/v2/", "slow:2", times=3)
    site.wait(lambda: site.ca.is_valid(domain), 30, "the form")
    crash(site)
    check_domain(site, domain)


def test_the_form_was_committed_and_never_left(site, domain):
    """Killed with the POST refused on the way: unknown, the API says pending, a new mail is answered instead."""
    wait = window(site, domain, "POST /dcv/submit", ["slow:2", "refuse"])
    site.ask("domain.add", domain=domain)
    wait()
    crash(site)
    check_domain(site, domain, 120)


@pytest.mark.parametrize("do", ["drop", "late_status:500", "late_status:429", "cut", "html"])
def test_the_answer_to_the_form_is_lost(site, domain, do):
    site.ca.fault("POST /dcv/submit", do, times=1)
    site.ask("domain.add", domain=domain)
    check_domain(site, domain, 120)
    assert was_hit(site)


def test_the_form_never_arrives(site, domain):
    site.ca.fault("POST /dcv/submit", "refuse", times=1)
    site.ask("domain.add", domain=domain)
    check_domain(site, domain, 120)
    assert was_hit(site)


@pytest.mark.slow
def test_killed_at_random_moments(site, domain):
    """Of a confirmation and of an order after it, again and again."""
    rng = random.Random(4)
    names = [domain] + [f"d{next(site.fresh)}.test" for _ in range(5)]
    for name in names:
        site.ask("domain.add", domain=name)
        time.sleep(rng.uniform(0, 0.7))
        crash(site)
    for name in names:
        check_domain(site, name, 120)
    numbers = {}
    for name in names:
        numbers[name] = site.order(f"alice@{name}")
        time.sleep(rng.uniform(0, 0.9))
        crash(site)
    for name in names:
        site.stored(numbers[name], 120)
        assert len(orders_for(site, f"alice@{name}")) == 1


ORDER_STEPS = {
    "placing the order": "POST /services/v2/order/certificate/",
    "looking at the order": "GET /services/v2/order/certificate/",
}


@pytest.mark.parametrize("step", ORDER_STEPS)
def test_order_killed_while(site, domain, step):
    site.validate(domain)
    box = f"bob@{domain}"
    site.ca.settings(send_mails=step != "looking at the order")
    wait = window(site, box, ORDER_STEPS[step])
    number = site.order(box)
    wait()
    crash(site)
    site.ca.settings(send_mails=True)
    site.stored(number, 120)
    assert len(orders_for(site, box)) == 1


def test_order_killed_while_the_key_is_made(site, domain):
    import signal
    site.validate(domain)
    box = f"bob@{domain}"
    site.keeper.proc.send_signal(signal.SIGSTOP)
    try:
        number = site.order(box)
        time.sleep(0.5)
        site.agent.kill()
    finally:
        site.keeper.proc.send_signal(signal.SIGCONT)
    site.start_agent()
    site.stored(number, 120)
    assert len(orders_for(site, box)) == 1


def test_order_killed_while_its_mail_is_under_way(site, domain):
    site.validate(domain)
    box = f"bob@{domain}"
    site.agent.wait_log("agent.started")
    number = site.order(box)
    site.wait(lambda: site.delivered(box), 60, "the mail with the certificate")
    crash(site)
    site.stored(number, 120)
    assert len(orders_for(site, box)) == 1 and len(site.ask("show", what=box)["certificates"]) == 1


def test_the_keeper_is_killed(site, domain):
    site.validate(domain)
    box = f"bob@{domain}"
    number = site.order(box, key_type="rsa3072")
    site.keeper.kill()
    time.sleep(0.5)
    site.keeper.start()
    site.stored(number, 120)
    assert len(orders_for(site, box)) == 1


@pytest.mark.parametrize("do", ["drop", "late_status:500", "late_status:429", "half_json", "cut"])
def test_the_answer_to_the_order_is_lost(site, domain, do):
    """It costs money: the CA is looked at before anything is ordered again."""
    site.validate(domain)
    box = f"carol@{domain}"
    site.ca.fault("POST /services/v2/order/certificate/", do, times=1)
    number = site.order(box)
    site.stored(number, 120)
    assert len(orders_for(site, box)) == 1 and was_hit(site)


@pytest.mark.parametrize("do", ["refuse", "status:500", "status:429", "status:503"])
def test_the_order_never_arrives(site, domain, do):
    site.validate(domain)
    box = f"dave@{domain}"
    site.ca.fault("POST /services/v2/order/certificate/", do, times=1)
    number = site.order(box)
    site.stored(number, 120)
    assert len(orders_for(site, box)) == 1 and was_hit(site)
