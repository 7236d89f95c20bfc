"""Cancel, revoke, reissue, renew, requests: what is asked, and how its outcome is told."""
import pytest


def outcome(kind, act="revoke:main:7", text="why"):
    return {"events": [{"id": 9, "type": kind, "at": 1, "data": {"act": act, "text": text}},
                       {"id": 5, "type": "act.asked", "at": 1, "data": {"act": act}},
                       {"id": 4, "type": "act.failed", "at": 1, "data": {"act": act, "text": "an older try"}}]}


@pytest.mark.parametrize("kind,status", [("act.done", 0), ("act.waits", 4), ("act.failed", 1)])
def test_outcomes(site, kind, status):
    agent = site.serve(revoke={"act": "revoke:main:7", "text": "asked"}, events=outcome(kind))
    r = site.run("revoke", "order:3", "--reason", "lost", "--whole-order")
    assert r.status == status and "why" in r.out + r.err
    q = agent.asked("revoke")[0]
    assert (q["what"], q["reason"], q["whole_order"]) == ("order:3", "lost", True)


def test_an_older_outcome_is_none(site):
    site.serve(cancel={"act": "revoke:main:7", "text": "asked"},
               events={"events": outcome("x")["events"][1:]})
    r = site.run("cancel", "3", "--reason", "x", "--timeout", "1s")
    assert r.status == 3 and "has not answered yet" in r.err
    assert site.run("cancel", "3", "--reason", "x", "--timeout", "0").status == 0


@pytest.mark.parametrize("words", [("cancel", "3"), ("revoke", "certificate:1"), ("reissue", "a@example.test"),
                                   ("request", "approve", "4"), ("request", "reject", "4")])
def test_a_reason_is_needed(site, words):
    agent = site.serve()
    assert site.run(*words).status == 2 and site.run(*words, "--reason", " ").status == 2
    assert agent.requests == []


def test_dry_run_shows_the_request(site):
    agent = site.serve(revoke={"sends": {"method": "PUT", "path": "certificate/7/revoke"}, "text": "would"})
    r = site.run("revoke", "certificate:1", "--reason", "x", "--dry-run")
    assert r.status == 0 and "certificate/7/revoke" in r.out and agent.requests[0]["dry_run"] is True


def test_renew(site):
    agent = site.serve(renew={"renewals": [{"mailbox": "a@example.test", "state": "preparing", "order": 3}],
                              "text": "1 ordered", "attention": ["not everything was renewed"]})
    r = site.run("renew", "--days", "30")
    assert r.status == 4 and "a@example.test" in r.out and agent.requests[0]["days"] == 30
    assert site.run("renew").status == 2 and site.run("renew", "a@example.test", "--days", "3").status == 2
    assert site.run("renew", "--days", "many").status == 2


def test_requests(site):
    agent = site.serve(request_list={"requests": [{"id": "4", "type": "revoke", "mailbox": "a@example.test"}]},
                       request_decide={"act": "approve:main:4", "text": "asked"},
                       events=outcome("act.done", "approve:main:4"))
    r = site.run("request", "list")
    assert r.status == 0 and "revoke" in r.out
    assert site.run("request", "approve", "4", "--reason", "ok").status == 0
    assert agent.asked("request.decide")[0]["approve"] is True
