"""Every sample mail through certinspect: what its maker expects, and nothing else changed.

CERTMILTER_REGENERATE=1 records the whole facts beside each mail; the hand-written
expectations must hold in any case."""
import json
import os

import pytest

import inspector

MAILS = sorted(p.stem for p in (inspector.DATA / "mails").glob("*.eml"))
REGENERATE = os.environ.get("CERTMILTER_REGENERATE") == "1"


def load(name):
    folder = inspector.DATA / "mails"
    return (folder / (name + ".eml")).read_bytes(), json.loads((folder / (name + ".json")).read_text())


def recorded(facts):
    """Facts as they are kept: certificates by their main members."""
    out = dict(facts)
    if "certificates" in out:
        out["certificates"] = [{k: c.get(k) for k in ("sha256", "subject", "spki_sha256")}
                               for c in out["certificates"]]
    return out


def seen(facts):
    """The answers to what samples expect."""
    links = facts.get("links", [])
    ids = {}
    for i in facts.get("ids", []):
        ids.setdefault(i["name"], i["value"])
    certs = facts.get("certificates", [])
    return {
        "auth": facts["auth"]["result"], "profile": facts.get("profile"), "kind": facts["kind"],
        "kind_by": facts.get("kind_by"), "from": facts.get("from"), "subject": facts.get("subject"),
        "domain": facts.get("domain"), "mailbox": facts.get("mailbox"), "order": ids.get("order"),
        "ids": ids, "code": facts.get("code"), "date": facts.get("date"),
        "fits": sum(1 for l in links if l["state"] == "fits"),
        "denied": sum(1 for l in links if l["state"] == "denied"),
        "token": next((l.get("token") for l in links if l["state"] == "fits"), None),
        "certificates": len(certs), "spki": [c["spki_sha256"] for c in certs],
        "kind_conflict": facts.get("kind_conflict", False),
        "domain_conflict": facts.get("domain_conflict", False),
        "id_conflict": facts.get("id_conflict", False), "parsed": facts.get("parsed", False),
    }


def check(facts, expect):
    got = seen(facts)
    for key, value in expect.items():
        if key == "problems":
            problems = facts.get("problems", [])
            assert len(problems) == len(value), problems
            for text in value:
                assert any(text in p for p in problems), problems
        elif key == "reason":
            assert value is None or value in facts["auth"].get("reason", ""), facts["auth"]
        else:
            assert got[key] == value, (key, facts)


def test_there_are_enough_samples():
    assert len(MAILS) >= 60


@pytest.mark.parametrize("name", MAILS)
def test_sample(name):
    raw, data = load(name)
    result = inspector.mail(raw)
    assert result.status == 0, result.stderr
    facts = result["facts"]
    assert facts["size"] == len(raw)
    assert result["auth"] == facts["auth"]
    check(facts, {"parsed": data["expect"].get("auth") == "pass", **data["expect"]})
    if REGENERATE:
        path = inspector.DATA / "mails" / (name + ".json")
        data["facts"] = recorded(facts)
        path.write_text(json.dumps(data, indent=1, ensure_ascii=False, sort_keys=True) + "\n")
    assert recorded(facts) == data["facts"]


@pytest.mark.parametrize("name", ["dcv-subject-rewritten", "dcv-footer-added", "dcv-key-absent"])
def test_force_parses_what_did_not_pass(name):
    facts = inspector.mail(load(name)[0], force=True)["facts"]
    assert facts["auth"]["result"] == "fail" and facts["parsed"]
    assert facts["kind"] == "domain-validation" and facts["kind_by"] == "link"
    assert facts["domain"] == "example.test"


def test_same_result_with_lf_and_crlf():
    raw, _ = load("dcv-ov-en")
    a, b = inspector.mail(raw)["facts"], inspector.mail(raw.replace(b"\r\n", b"\n"))["facts"]
    for facts in (a, b):
        del facts["size"], facts["raw_sha256"]
    assert a == b


def test_auth_is_written_before_facts():
    lines = inspector.mail(load("dcv-ov-en")[0]).lines
    assert [next(iter(line)) for line in lines] == ["dns", "auth", "facts"]


def test_no_question_without_a_signature_of_a_profile():
    lines = inspector.mail(load("ordinary-mail")[0]).lines
    assert [next(iter(line)) for line in lines] == ["auth", "facts"]
