"""Pages that aren't as they should be: what is never sent, and what is said about it."""
import base64

import pytest

NEVER_SENT = {
    "wrong_domain": {"alarm/page-other"},
    "foreign_order": {"alarm/page-foreign", "alarm/page-other"},
    "expired": {"hold/page-expired"},
    "login": {"hold/page-refused"},
    "captcha": {"hold/page-refused"},
    "forbidden": {"hold/page-refused"},
    "no_narrow": {"hold/no-narrow-form", "hold/page-drift"},
    "foreign_action": {"hold/no-narrow-form", "hold/page-refused", "hold/unproven"},
}


def one_mail(site, domain, fault=None):
    """Our request with one mail delivered, whose page is spoilt."""
    site.ca.settings(send_mails=False)
    site.ask("domain.add", domain=domain)
    mail = site.wait(lambda: site.ca.get("mails", kind="dcv", to=f"admin@{domain}")["mails"], 20, "our mail")[0]
    if fault:
        site.ca.post("page", fault=fault, token=mail["token"])
    site.send(base64.b64decode(mail["raw_base64"]), mail["to"], mail["from"])
    return mail


@pytest.mark.parametrize("fault", sorted(NEVER_SENT))
def test_what_is_never_sent(site, domain, fault):
    mail = one_mail(site, domain, fault)
    site.wait(lambda: site.verdicts(domain), 40, "a decision")
    assert set(site.verdicts(domain)) <= NEVER_SENT[fault], site.verdicts(domain)
    assert not site.ca.posts().get(mail["token"]) and not site.ca.is_valid(domain)


@pytest.mark.parametrize("fault", ["preselected_wide", "two_forms", "further_applicants", "no_ids"])
def test_pages_that_only_look_odd(site, domain, fault):
    """Whatever is decided: the wide choice is never sent, nothing is sent twice, and nobody else becomes valid."""
    mail = one_mail(site, domain, fault)
    site.wait(lambda: site.verdicts(domain), 40, "a decision")
    sent = site.ca.posts().get(mail["token"], 0)
    assert sent <= 1
    assert site.ca.is_valid(domain) == (site.verdicts(domain)[0] == "confirm/confirmed") == bool(sent)
    record = next(d for d in site.ca.get("state/domains")["domains"].values()
                  if d["name"] == domain and d["account"] == "ours")
    assert record["scope"] in (None, "this", "fqdn", "narrow") or "all" not in str(record["scope"])


def test_a_page_that_says_done_is_asked_about(site, domain):
    """The page says it was approved already; the API decides whether that is so."""
    mail = one_mail(site, domain, "already")
    site.wait(lambda: site.ca.counters()["tokens"].get(mail["token"]), 20, "the page was opened")
    assert not site.ca.is_valid(domain) and not site.verdicts(domain)
    site.ca.post("validate", account="ours", domain=domain)
    site.wait(lambda: site.state_of(domain) == "valid", 60, "valid")
    assert not site.ca.posts().get(mail["token"])


def test_an_expired_link_is_asked_for_again(site, domain):
    """The CA is asked to send again, and one of the new mails is confirmed."""
    mail = one_mail(site, domain, "expired")
    site.wait(lambda: site.verdicts(domain), 20, "a decision")
    site.ca.settings(send_mails=True)
    site.wait(lambda: site.state_of(domain) == "valid", 90, "valid")
    assert not site.ca.posts().get(mail["token"])
    tokens = {t["token"] for t in site.ca.tokens(domain=domain, account="ours")["tokens"]}
    assert sum(n for t, n in site.ca.posts().items() if t in tokens) == 1


@pytest.mark.parametrize("do", ["status:500", "status:503", "status:429", "drop", "slow:1", "html", "cut"])
def test_a_page_that_fails_for_a_moment(site, domain, do):
    site.ca.fault("GET /dcv/", do, times=1)
    mail = one_mail(site, domain)
    site.wait(lambda: site.state_of(domain) == "valid" or site.verdicts(domain), 60, "an end")
    if site.state_of(domain) == "valid":
        assert site.ca.posts()[mail["token"]] == 1
    else:
        assert site.verdicts(domain)[0].startswith("hold/") and not site.ca.posts().get(mail["token"])


def test_a_redirect_to_elsewhere_is_not_followed(site, domain):
    site.ca.fault("GET /dcv/", f"redirect:http://127.0.0.1:{site.ports['http']}/rehearsal/settings", times=5)
    mail = one_mail(site, domain)
    site.wait(lambda: site.verdicts(domain), 40, "a decision")
    assert site.verdicts(domain)[0].startswith("hold/") and not site.ca.posts().get(mail["token"])


def test_a_huge_page_is_cut(site, domain):
    site.ca.fault("GET /dcv/", "huge:50000000", times=5)
    mail = one_mail(site, domain)
    site.wait(lambda: site.verdicts(domain) or site.ask("status")["jobs"]["failing"], 40, "a decision")
    assert not site.ca.posts().get(mail["token"]) and site.agent.running()


@pytest.mark.parametrize("language", ["de", "ja", "ru", "zh-CN"])
def test_pages_and_mails_in_other_languages(site, domain, language):
    site.ca.settings(language=language)
    one_mail(site, domain)
    site.wait(lambda: site.state_of(domain) == "valid", 40, "valid")


def test_mailbox_mails_are_left_alone(site, domain):
    """mailbox_validation is off: the mail of a mailbox is recorded, never opened."""
    made = site.ca.post("send", kind="mailbox", mailbox=f"alice@{domain}")
    site.wait(lambda: site.verdicts(domain), 40, "a decision")
    assert not any(v.startswith("confirm") for v in site.verdicts(domain))
    assert not any(t in site.ca.counters()["tokens"] for t in made["tokens"])


@pytest.mark.parametrize("kind", ["csr-invitation", "renewal-notice", "organization-consent", "order-approval"])
def test_what_is_for_a_person(site, domain, kind):
    before = site.ca.counters()["requests"]
    site.ca.post("send", kind=kind, domain=domain, mailbox=f"alice@{domain}")
    site.wait(lambda: site.verdicts(domain), 40, "a decision")
    assert all(v.startswith("observe/") for v in site.verdicts(domain))
    opened = {r for r in site.ca.counters()["requests"] if r not in before}
    assert not any("create" in r for r in opened), opened


def test_a_mail_of_no_known_kind_is_not_skipped(site, domain):
    site.ca.post("send", kind="other", domain=domain, mailbox=f"alice@{domain}")
    site.wait(lambda: [e for e in site.events("mail.decided") if e["data"]["reason"] == "template-drift"], 40, "told")
