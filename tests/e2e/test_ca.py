"""ca/: the CertCentral driver and the evidence for policy, against the rehearsal CA and its misbehaviour."""

import json
import time

import pytest

from catools import Rehearsal, Sink, Tool, csr_of, setup_fields
from nettools import Authority, Server, reply


@pytest.fixture(scope="module")
def ca(tmp_path_factory):
    sink = Sink()
    ca = Rehearsal(tmp_path_factory.mktemp("ca"), sink.server_address[1])
    yield ca
    ca.stop()


@pytest.fixture
def tool(ca):
    ca.control("/reset", {"all": True})
    ca.control("/settings", {"rate_limits": False})
    tool = Tool("catool")
    assert tool("setup", **setup_fields(ca, "ours", "mallory"))["class"] == "ok"
    yield tool
    tool.close()


def fault(ca, match, do, times=1):
    ca.control("/faults", {"match": match, "do": do, "times": times})


def ordered(tool, mailbox="alice@example.test", **fields):
    _, csr = csr_of()
    answer = tool("order", mailbox=mailbox, csr=csr, reference="ref-1", **fields)
    assert answer["class"] == "ok", answer
    return answer["order"], csr


def failure(answer):
    return answer["class"], answer.get("code")


# account

def test_account(tool, ca):
    me = tool("me")
    assert me["account"] == str(ca.accounts["ours"]["account_id"]) and me["role"] == "Administrator"


def test_wrong_and_weak_keys(ca, tool):
    other = Tool("catool")
    fields = setup_fields(ca, "ours")
    fields["accounts"] = [{**fields["accounts"][0], "key": "wrong-key"},
                          {**fields["accounts"][0], "key": ca.accounts["ours"]["view_key"]}]
    other("setup", **fields)
    assert failure(other("me")) == ("permanent", "ca.key")
    assert other("me", account=1)["class"] == "ok"
    answer = other("order", account=1, mailbox="a@example.test", csr=csr_of()[1])
    assert failure(answer) == ("permanent", "ca.denied")
    answer = other("evidence", intent={"account": "ours", "domain": "example.test"})
    assert answer["state"] == "refused" and answer["code"] == "ca.key"
    other.close()


@pytest.mark.parametrize("change,code", [
    ({"driver": "acme"}, "ca.driver"), ({"key": ""}, "ca.key-text"), ({"key": "a b"}, "ca.key-text"),
    ({"key": "a\r\nX: y"}, "ca.key-text"), ({"key": "x" * 257}, "ca.key-text"),
    ({"url": "http://api.test/x"}, "ca.base-url"), ({"url": "https://api.test/x?y"}, "ca.base-url"),
    ({"url": "https://127.0.0.1/x"}, "ca.base-url"), ({"url": ""}, "ca.base-url")])
def test_unusable_accounts_are_told(ca, change, code):
    other = Tool("catool")
    fields = setup_fields(ca, "ours")
    fields["accounts"][0].update(change)
    assert failure(other("setup", **fields)) == ("permanent", code)
    other.close()


# orders

def test_order_pending_issued_download(tool, ca):
    order, csr = ordered(tool)
    assert order["status"] == "waiting-ca" and order["id"].isdigit()
    info = tool("info", id=order["id"])["order"]
    assert (info["status_text"], info["mailboxes"], info["reference"]) == ("pending", ["alice@example.test"], "ref-1")
    assert "".join(info["csr"].split()) == "".join(csr.split()) and abs(info["created"] - time.time()) < 60
    assert failure(tool("download", order=order["id"])) == ("permanent", "ca.absent")
    ca.control("/validate", {"domain": "example.test"})
    ca.wait(int(order["id"]))
    info = tool("info", id=order["id"])["order"]
    assert info["status"] == "issued" and info["certificate"] and info["serial"] and info["valid_till"] > time.time()
    by_order = tool("download", order=order["id"])["pem"]
    by_certificate = tool("download", certificate=info["certificate"])["pem"]
    assert by_order == by_certificate and by_order.count("BEGIN CERTIFICATE") == 2
    changes = {c["order"]: c for c in tool("changes")["list"]}
    assert changes[order["id"]]["status"] == "issued" and changes[order["id"]]["certificate"] == info["certificate"]


def test_immediate_issue(tool, ca):
    ca.control("/validate", {"domain": "example.test"})
    ca.control("/settings", {"immediate_issue": True})
    order, _ = ordered(tool)
    assert order["status"] == "issued" and order["certificate"] and order["chain"].count("BEGIN CERTIFICATE") == 3


def test_sponsor_order_carries_everything(tool, ca):
    order, _ = ordered(tool, product="secure_email_sponsor", first_name="Jane", last_name="Doe", usage=2, days=100,
                       profile_type="multipurpose")
    plan = ca.control("/state/orders")["orders"][order["id"]]["plan"]
    assert (plan["kind"], plan["use"]) == ("sponsor", "key_management")
    assert (plan["days"], plan["profile"]) == (100, "multipurpose")
    assert plan["common_name"] == "Jane Doe"
    second, _ = ordered(tool, product="secure_email_sponsor", first_name="Jane", last_name="Doe",
                        renewal_of=order["id"])
    assert ca.control("/state/orders")["orders"][second["id"]]["renewal_of"] == int(order["id"])


@pytest.mark.parametrize("fields", [{"mailbox": "no address"}, {"mailbox": ""}, {"product": "../user"},
                                    {"reference": "a b"}, {"renewal_of": "1/2"}])
def test_orders_that_are_never_sent(tool, ca, fields):
    before = ca.control("/counters")["requests"]
    answer = tool("order", **{"mailbox": "a@example.test", "csr": csr_of()[1], **fields})
    assert failure(answer) == ("permanent", "ca.input")
    assert ca.control("/counters")["requests"] == before


def test_refused_order_says_why(tool):
    answer = tool("order", mailbox="a@example.test", csr="no csr")
    assert failure(answer) == ("permanent", "ca.refused") and "invalid_csr" in answer["text"]


@pytest.mark.parametrize("id_", ["", "../user/me", "1?x", "a" * 65, "."])
def test_ids_that_cannot_be(tool, id_):
    assert failure(tool("info", id=id_)) == ("permanent", "ca.input")


@pytest.mark.parametrize("word,status", [
    ("needs_approval", "waiting-person"), ("needs_csr", "waiting-us"), ("waiting_pickup", "waiting-person"),
    ("processing", "waiting-ca"), ("reissue_pending", "waiting-ca"), ("rejected", "failed"), ("denied", "failed"),
    ("canceled", "failed"), ("revoked", "failed"), ("approved", "issued"), ("being_moved_to_mars", "unknown")])
def test_every_status_has_a_meaning(tool, ca, word, status):
    order, _ = ordered(tool)
    ca.control("/status", {"order_id": int(order["id"]), "status": word, "unknown": True})
    info = tool("info", id=order["id"])["order"]
    assert (info["status"], info["status_text"]) == (status, word)


def test_lists_and_filters(tool, ca):
    a, _ = ordered(tool, "alice@example.test")
    b, _ = ordered(tool, "bob+x@example.test")
    ordered(tool, "alice@example.test", account=1)
    assert [o["id"] for o in tool("list", mailbox="Alice@example.test")["list"]] == [a["id"]]
    assert [o["id"] for o in tool("list", mailbox="bob+x@example.test")["list"]] == [b["id"]]
    assert {o["id"] for o in tool("list")["list"]} == {b["id"], a["id"]}
    assert len(tool("list", max=1)["list"]) == 1 and tool("list", max=1)["more"]
    assert tool("list", status="issued")["list"] == []
    assert tool("list", since=int(time.time()) + 4 * 86400)["list"] == []
    assert len(tool("list", since=int(time.time()) - 60)["list"]) == 2


# what goes wrong on the way

@pytest.mark.parametrize("do,code", [("status:500", "ca.busy"), ("status:503", "ca.busy"), ("half_json", "ca.answer"),
                                     ("html", "ca.answer"), ("drop", "net.io"), ("cut", "net.io"),
                                     ("redirect:https://elsewhere.test/", "ca.answer")])
def test_broken_reads_are_temporary(tool, ca, do, code):
    order, _ = ordered(tool)
    # a dropped GET is repeated once by libcurl if it went over a kept connection
    fault(ca, "GET .*/order/certificate/", do, times=2)
    assert failure(tool("info", id=order["id"])) == ("temporary", code)
    ca.control("/faults", method="DELETE")
    assert tool("info", id=order["id"])["class"] == "ok"


@pytest.mark.parametrize("do", ["late_status:500", "drop", "cut", "half_json", "html", "status:502"])
def test_lost_order_is_looked_for_never_repeated(tool, ca, do):
    since = int(time.time())
    other, _ = ordered(tool)                      # an order for the same mailbox that isn't this one
    _, csr = csr_of()
    fault(ca, "POST .*/order/certificate/", do)
    answer = tool("order", mailbox="alice@example.test", csr=csr, reference="ref-2")
    assert failure(answer) == ("temporary", "ca.lost")
    arrived = do not in ("html", "status:502")    # these answer without doing it
    assert len(ca.control("/state/orders")["orders"]) == 1 + arrived
    found = tool("find", mailbox="alice@example.test", csr=csr, reference="ref-2", since=since)
    assert found["found"] == ("found" if arrived else "not")
    if arrived:
        assert found["order"]["id"] != other["id"] and found["order"]["reference"] == "ref-2"


def test_order_that_never_left(tool, ca):
    """Nobody listens: not lost, just unreachable."""
    other = Tool("catool")
    fields = setup_fields(ca, "ours")
    fields["accounts"][0]["url"] = "https://api.rehearsal-ca.test:1/services/v2"
    other("setup", **fields)
    assert failure(other("order", mailbox="a@example.test", csr=csr_of()[1])) == ("temporary", "net.connect")
    other.close()


def test_half_an_order_list_is_no_proof_of_absence(tool, ca):
    _, csr = csr_of()
    for do in ("half_json", "status:500", "drop", "html"):
        fault(ca, "GET .*/order/certificate", do, times=2)
        answer = tool("find", mailbox="alice@example.test", csr=csr, since=0)
        assert answer["class"] == "temporary", do
        ca.control("/faults", method="DELETE")


def test_slow_answer(tool, ca):
    fault(ca, "GET .*/user/me", "slow:1")
    start = time.monotonic()
    assert tool("me")["class"] == "ok" and time.monotonic() - start >= 1


def test_own_limit_keeps_below_the_cas(ca):
    """150 requests by 8 threads at once against a CA that allows 100 in 5 s: none is refused."""
    ca.control("/reset", {"all": True})
    tool = Tool("catool")
    tool("setup", **setup_fields(ca, "ours"))
    start = time.monotonic()
    answer = tool("storm", threads=8, calls=15)
    assert answer["ok"] == 120 and time.monotonic() - start > 5
    assert not [k for k in ca.control("/counters")["requests"] if " 429" in k]
    tool.close()


def test_429_closes_the_account_for_a_while(tool, ca):
    fault(ca, "GET .*/user/me", "status:429")
    assert failure(tool("me")) == ("temporary", "ca.busy")
    before = ca.control("/counters")["requests"]
    answer = tool("storm", threads=4, calls=1)
    assert answer["ok"] == 0 and set(answer["codes"]) == {"ca.busy"} and answer["wait"] > 1000
    assert ca.control("/counters")["requests"] == before


# domains

def test_domain_life(tool, ca):
    added = tool("domain", verb="add", name="example.test")["domain"]
    roles = [f"{r}@example.test" for r in ("admin", "administrator", "webmaster", "hostmaster", "postmaster")]
    assert sorted(added["recipients"]) == sorted(roles)
    ca.idle()
    assert len(ca.control("/mails?kind=domain-validation&raw=0")["mails"]) in (0, 5)
    info = tool("domain", id=added["id"])["domain"]
    assert (info["name"], info["pending"], info["valid"], info["dcv_method"]) == ("example.test", True, False, "email")
    tokens = len(ca.control("/tokens?domain=example.test")["tokens"])
    assert tokens == 5
    assert tool("domain", verb="resend", id=added["id"], recipients=[roles[0]])["class"] == "ok"
    assert len(ca.control("/tokens?domain=example.test")["tokens"]) == 6
    assert tool("domain", verb="resend", id=added["id"])["class"] == "ok"
    assert len(ca.control("/tokens?domain=example.test")["tokens"]) == 11
    assert sorted(tool("domain", verb="recipients", id=added["id"])["domain"]["recipients"]) == sorted(roles)
    ca.control("/validate", {"domain": "example.test"})
    info = tool("domain", id=added["id"])["domain"]
    assert (info["pending"], info["valid"]) == (False, True) and info["valid_till"] > time.time()
    ca.control("/expire", {"domain": "example.test"})
    info = tool("domain", id=added["id"])["domain"]
    assert not info["valid"]
    assert tool("domain", verb="submit", id=added["id"])["class"] == "ok"
    assert tool("domain", id=added["id"])["domain"]["pending"]


def test_domain_lists(tool, ca):
    for name in ("example.test", "sub.example.test", "example.test.other.test"):
        assert tool("domain", verb="add", name=name)["class"] == "ok"
    assert [d["name"] for d in tool("domains", name="Example.test")["list"]] == ["example.test"]
    assert len(tool("domains")["list"]) == 3 and tool("domains", name="missing.test")["list"] == []
    assert failure(tool("domain", verb="add", name="example.test")) == ("permanent", "ca.refused")
    answer = tool("domain", verb="add", name="third.test", recipients=["admin@third.test"])["domain"]
    assert answer["recipients"] == ["admin@third.test"]


# evidence

def evidence(tool, **fields):
    answer = tool("evidence", **fields)
    assert answer["state"] == "ok", answer
    return answer


def test_evidence_of_a_domain(tool, ca):
    domain = tool("domain", verb="add", name="example.test")["domain"]["id"]
    intent = {"kind": "domain", "account": "ours", "domain": "example.test", "domain_id": domain}
    answer = evidence(tool, intent=intent, ids=[["domain_id", domain], ["support", "S-1"]])
    assert answer["found"] and answer["pending"] and answer["by_email"] and not answer["valid"]
    assert answer["domain"] == "example.test" and answer["ids"] == [domain] and answer["id_owner"] == "intent"
    # without the id, by name
    assert evidence(tool, intent={**intent, "domain_id": None})["ids"] == [domain]
    assert evidence(tool, intent={**intent, "domain_id": "999999"})["ids"] == [domain]
    ca.control("/validate", {"domain": "example.test"})
    answer = evidence(tool, intent=intent)
    assert answer["valid"] and not answer["pending"]


def test_evidence_knows_whose_ids(tool, ca):
    ours = tool("domain", verb="add", name="example.test")["domain"]["id"]
    theirs = tool("domain", verb="add", name="example.test", account=1)["domain"]["id"]
    order, _ = ordered(tool, "x@unrelated.test", account=1)
    intent = {"account": "ours", "domain": "example.test", "domain_id": ours}
    # an order of the other account that we hold too
    answer = evidence(tool, intent=intent, ids=[["order", order["id"]]])
    assert answer["id_owner"] == "other" and answer["owner_account"] == "mallory"
    answer = evidence(tool, intent=intent, ids=[["domain_id", theirs]])
    assert answer["id_owner"] == "other"
    # nobody's order: somebody else's; one such id is enough
    answer = evidence(tool, intent=intent, ids=[["domain_id", ours], ["order", "987654321"]])
    assert answer["id_owner"] == "nowhere"
    assert evidence(tool, intent=intent, ids=[["support", "S-1"]])["id_owner"] == "unknown"
    assert evidence(tool, intent=intent)["id_owner"] == "not-asked"
    # without an intent
    answer = evidence(tool, domain="example.test", ids=[["domain_id", ours]])
    assert answer["id_owner"] == "other" and answer["owner_account"] == "ours"
    answer = evidence(tool, domain="example.test")
    assert answer["id_owner"] == "not-asked" and answer["owner_account"] == "ours" and answer["pending_elsewhere"]
    answer = evidence(tool, domain="stranger.test", ids=[["order", "987654321"]])
    assert answer["id_owner"] == "nowhere" and not answer["pending_elsewhere"]


def asked(ca):
    return sum(ca.control("/counters")["requests"].values())


def test_other_accounts_are_asked_within_bounds(ca):
    """The account of the domain has to answer; what the others say is remembered, and what they fail with is no obstacle."""
    ca.control("/reset", {"all": True})
    tool = Tool("catool")
    ours, other = setup_fields(ca, "ours"), setup_fields(ca, "mallory")
    dead = {**other["accounts"][0], "id": "dead", "key": "NOTAKEYATALL"}
    tool("setup", **{**ours, "accounts": ours["accounts"] + other["accounts"] + [dead]})
    theirs = tool("domain", verb="add", name="example.test", account=1)["domain"]["id"]
    about = dict(domain="example.test", home="ours")
    answer = evidence(tool, **about, ids=[["domain_id", theirs]])
    assert (answer["id_owner"], answer["owner_account"]) == ("other", "mallory")
    before = asked(ca)
    answer = evidence(tool, **about, ids=[["order", "987654321"]])
    assert (answer["state"], answer["id_owner"]) == ("ok", "nowhere")
    first = asked(ca) - before
    answer = evidence(tool, **about, ids=[["order", "987654321"]])
    assert (answer["state"], answer["id_owner"]) == ("ok", "nowhere")
    again = asked(ca) - before - first
    assert 0 < again < first, "the account of the domain, and the one that could not say"
    # without an account that it concerns each answer is needed, and so is that of the domain's own
    assert tool("evidence", domain="example.test", ids=[["order", "987654322"]])["state"] == "refused"
    assert tool("evidence", domain="example.test", home="dead", ids=[["order", "987654322"]])["state"] == "refused"
    tool.close()


def test_mallory_alone_is_nowhere(ca):
    """Only our account is ours: Mallory's genuine order for our domain belongs to nobody of us."""
    ca.control("/reset", {"all": True})
    tool = Tool("catool")
    tool("setup", **setup_fields(ca, "ours"))
    domain = tool("domain", verb="add", name="example.test")["domain"]["id"]
    made = ca.control("/mallory", {"domain": "example.test"})["orders"][0]
    answer = tool("evidence", intent={"account": "ours", "domain": "example.test", "domain_id": domain},
                  ids=[["order", str(made)]])
    assert answer["state"] == "ok" and answer["id_owner"] == "nowhere" and str(made) not in answer["ids"]
    tool.close()


def test_evidence_of_a_domain_that_an_order_asked_for(tool, ca):
    order, _ = ordered(tool, "x@example.test", product="secure_email_sponsor", first_name="J", last_name="D")
    intent = {"account": "ours", "domain": "example.test", "order": order["id"]}
    answer = evidence(tool, intent=intent, ids=[["order", order["id"]]])
    assert order["id"] in answer["ids"] and answer["id_owner"] == "intent"
    # an order for another domain lends its id to nobody
    answer = evidence(tool, intent={**intent, "domain": "other.test"}, ids=[["order", order["id"]]])
    assert order["id"] not in answer["ids"] and answer["id_owner"] == "intent"


def test_evidence_of_a_mailbox(tool, ca):
    order, _ = ordered(tool)
    intent = {"kind": "mailbox", "account": "ours", "domain": "example.test", "mailbox": "alice@example.test",
              "order": order["id"]}
    answer = evidence(tool, intent=intent, ids=[["order", order["id"]]])
    assert answer["found"] and answer["pending"] and not answer["valid"] and answer["by_email"]
    assert answer["id_owner"] == "intent" and answer["domain"] == "example.test"
    assert evidence(tool, intent={**intent, "order": None})["ids"] == answer["ids"]
    assert not evidence(tool, intent={**intent, "mailbox": "bob@example.test"})["found"]
    token = ca.control(f"/tokens?order_id={order['id']}&kind=mailbox")["tokens"][0]["token"]
    assert ca.api("PUT", f"/email-validation/{token}?email=alice@example.test").status == 204
    answer = evidence(tool, intent=intent)
    assert answer["valid"] and not answer["pending"]
    assert tool("validations", order=order["id"])["list"] == [{"mailbox": "alice@example.test", "validated": True}]


def test_evidence_without_the_validation_list(tool, ca):
    """The list isn't in today's public reference: without it the order's state decides."""
    order, _ = ordered(tool)
    intent = {"kind": "mailbox", "account": "ours", "domain": "example.test", "mailbox": "alice@example.test",
              "order": order["id"]}
    fault(ca, "GET .*/email-validation", "status:404", times=2)
    answer = evidence(tool, intent=intent)
    assert answer["pending"] and not answer["valid"]
    ca.control("/validate", {"domain": "example.test"})
    ca.wait(int(order["id"]))
    answer = evidence(tool, intent=intent)
    assert answer["valid"] and not answer["pending"]


@pytest.mark.parametrize("do", ["status:500", "drop", "html", "half_json", "status:429"])
def test_unreachable_is_never_no(tool, ca, do):
    domain = tool("domain", verb="add", name="example.test")["domain"]["id"]
    fault(ca, "GET .*/domain", do, times=5)
    answer = tool("evidence", intent={"account": "ours", "domain": "example.test", "domain_id": domain},
                  ids=[["order", "987654321"]])
    assert answer["state"] == "unreachable" and answer["class"] == "temporary" and not answer["found"]


# an API that answers what nobody documented

@pytest.fixture
def odd(tmp_path):
    authority = Authority(tmp_path)
    server = Server(authority.context("api.odd.test"))
    (tmp_path / "zone").write_text("api.odd.test. 60 IN A 127.0.0.1\n")
    tool = Tool("catool")
    tool("setup", zone=str(tmp_path / "zone"), bundle=str(authority.bundle), private=["127.0.0.1"],
         accounts=[{"id": "odd", "url": f"https://api.odd.test:{server.port}/v2/", "key": "the-secret-key",
                    "organization": 7}])
    yield tool, server
    tool.close()
    server.close()


def answers(server, path, value, status=200):
    body = value if isinstance(value, (str, bytes)) else json.dumps(value)
    server.answers[path] = reply(status, body, "Content-Type: application/json")


def test_errors_as_object_and_without_body(odd):
    tool, server = odd
    answers(server, "/v2/user/me", {"errors": {"code": "access_denied", "message": "No\u0007 way"}}, 400)
    answer = tool("me")
    assert failure(answer) == ("permanent", "ca.refused") and "access_denied: No? way" in answer["text"]
    for status, code in ((400, "ca.refused"), (401, "ca.key"), (403, "ca.denied"), (404, "ca.absent"), (500, "ca.busy"),
                         (302, "ca.answer")):
        answers(server, "/v2/user/me", "", status)
        assert tool("me")["code"] == code
    assert server.requests[-1].headers["x-dc-devkey"] == "the-secret-key"


def test_an_echoed_key_is_withheld(odd):
    tool, server = odd
    answers(server, "/v2/user/me", {"errors": [{"code": "bad", "message": "bad key the-secret-key"}]}, 401)
    assert "the-secret-key" not in tool("me")["text"]


@pytest.mark.parametrize("value", ["null", "[]", "7", '"x"', "{}", '{"id":null}', '{"id":-1}', '{"id":"../x"}',
                                   '{"id":{}}'])
def test_answers_of_another_shape(odd, value):
    tool, server = odd
    answers(server, "/v2/order/certificate/5", value)
    assert failure(tool("info", id="5")) == ("temporary", "ca.answer")
    server.answers["/v2/order/certificate/secure_email_mailbox"] = reply(201, value)
    assert failure(tool("order", mailbox="a@b.test", csr="x")) == ("temporary", "ca.lost")
    server.answers["/v2/order/certificate"] = reply(200, value)
    assert failure(tool("find", mailbox="a@b.test", csr="x")) == ("temporary", "ca.answer")


def test_find_without_csr_uses_the_reference_or_is_unsure(odd):
    tool, server = odd
    answers(server, "/v2/order/certificate", {"orders": [{"id": 5, "certificate": {"emails": ["a@b.test"]}}]})
    for info, found in (({"comments": "ref-9"}, "found"), ({"comments": "other"}, "not"),
                        ({"requests": [{"comments": "ref-9"}]}, "found"), ({}, "unsure"),
                        ({"certificate": {"csr": "-----BEGIN NEW CERTIFICATE REQUEST-----\r\nQU\r\nJD\r\n"
                                                 "-----END NEW CERTIFICATE REQUEST-----\r\n"}}, "found"),
                        ({"certificate": {"csr": "QUJE"}, "comments": "ref-9"}, "not")):
        answers(server, "/v2/order/certificate/5", {"id": 5, **info})
        answer = tool("find", mailbox="a@b.test", reference="ref-9",
                      csr="-----BEGIN CERTIFICATE REQUEST-----\nQUJD\n-----END CERTIFICATE REQUEST-----\n")
        assert answer["found"] == found, info


def test_a_filter_that_is_ignored_misleads_nobody(odd):
    tool, server = odd
    orders = [{"id": i, "status": "pending", "certificate": {"id": 100 + i, "emails": [f"u{i}@b.test"]}}
              for i in range(1, 6)]
    answers(server, "/v2/order/certificate", {"orders": orders})
    assert [o["id"] for o in tool("list", mailbox="u3@b.test")["list"]] == ["3"]
    answers(server, "/v2/domain", {"domains": [{"id": i, "name": f"d{i}.test"} for i in range(1, 6)]})
    assert [d["id"] for d in tool("domains", name="d4.test")["list"]] == ["4"]
    assert tool("owner", name="certificate", value="103")["owner"] == "here"
    assert tool("owner", name="certificate", value="3")["owner"] == "not"


def test_pages_are_read_to_the_end(odd):
    tool, server = odd

    def page(_client, request):
        offset = int(request.target.partition("offset=")[2].partition("&")[0])
        rows = [{"id": i + 1, "name": f"d{i}.test"} for i in range(offset, min(offset + 1000, 2500))]
        return reply(200, json.dumps({"domains": rows, "page": {"total": 2500}}))
    server.answers["/v2/domain"] = page
    assert len(tool("domains")["list"]) == 2500
    assert [d["id"] for d in tool("domains", name="d2400.test")["list"]] == ["2401"]


@pytest.mark.parametrize("newest_first", [True, False])
def test_an_unsorted_list_is_read_to_the_end(odd, newest_first):
    """Reading stops early only where the list proves that it is sorted: a missed order would be ordered twice."""
    tool, server = odd
    now = int(time.time())
    stamps = [time.strftime("%Y-%m-%dT%H:%M:%S+00:00", time.gmtime(now - 3600 * i)) for i in range(2500)]
    rows = [{"id": i + 1, "date_created": s} for i, s in enumerate(stamps)]
    rows = rows if newest_first else rows[::-1]

    def page(_client, request):
        offset = int(request.target.partition("offset=")[2].partition("&")[0])
        return reply(200, json.dumps({"orders": rows[offset:offset + 1000]}))
    server.answers["/v2/order/certificate"] = page
    found = [o["id"] for o in tool("list", since=now - 3600, max=5000)["list"]]
    assert "1" in found and "2" in found and "1000" not in found
    assert len(server.requests) == (1 if newest_first else 3)


def test_endless_pages_end(odd):
    tool, server = odd
    rows = reply(200, json.dumps({"orders": [{"id": i} for i in range(1, 1001)]}))
    server.answers["/v2/order/certificate"] = rows
    answer = tool("list", max=5000)
    assert len(answer["list"]) == 5000 and answer["more"] and len(server.requests) < 30
    answer = tool("domains")
    assert answer["code"] == "ca.absent"


@pytest.mark.parametrize("size,total", [(100, True), (5000, False), (5000, True)])
def test_pages_of_another_size(odd, size, total):
    """An API that gives fewer or more members than asked hides none."""
    tool, server = odd
    rows = [{"id": i + 1, "name": f"d{i}.test"} for i in range(2500)]

    def page(_client, request):
        offset = int(request.target.partition("offset=")[2].partition("&")[0])
        return reply(200, json.dumps({"domains": rows[offset:offset + size], "orders": rows[offset:offset + size],
                                      **({"page": {"total": 2500}} if total else {})}))
    server.answers["/v2/domain"] = server.answers["/v2/order/certificate"] = page
    assert len(tool("domains")["list"]) == 2500
    assert len(tool("list", max=5000)["list"]) == 2500


def test_api_never_leaves_its_host(odd):
    tool, server = odd
    server.answers["/v2/user/me"] = reply(307, "", "Location: https://api.odd.test:1/steal")
    assert failure(tool("me")) == ("temporary", "ca.answer") and len(server.requests) == 1


def test_certificate_download_that_is_none(odd):
    tool, server = odd
    answers(server, "/v2/certificate/5/download/format/pem_noroot", "PK\x03\x04")
    assert failure(tool("download", certificate="5")) == ("temporary", "ca.answer")
    assert failure(tool("download")) == ("permanent", "ca.input")
