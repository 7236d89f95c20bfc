"""Every word that the CA has for an order's state: what we make of it, what we show, and that we look on."""
import pytest

from agentsocket import Refused

# the CA's word: (our state, words that the reason or the next step has, may it go on by itself)
WORDS = {
    "pending": ("waiting", "", True),
    "processing": ("waiting", "", True),
    "reissue_pending": ("waiting", "", True),
    "needs_approval": ("person", "needs_approval", True),
    "needs_csr": ("person", "needs_csr", True),
    "waiting_pickup": ("person", "pick", True),
    "rejected": ("failed", "rejected", False),
    "denied": ("failed", "denied", False),
    "revoked": ("failed", "revoked", False),
    "canceled": ("cancelled", "canceled", False),
    "somewhere_else": ("waiting", "somewhere_else", True),
}


@pytest.fixture(scope="module")
def ready(site):
    for n in range(20):
        site.ca.post("validate", domain=f"d{n}.test")
    return site


def shown(site, number):
    return site.ask("show", what=f"order:{number}")


@pytest.mark.parametrize("word", WORDS)
def test_word(ready, word):
    site, (state, words, goes_on) = ready, WORDS[word]
    site.ca.settings(issue_delay=600)
    box = f"{word}@d{list(WORDS).index(word)}.test"
    number = site.order(box)
    site.wait(lambda: shown(site, number)["order"]["state"] == "waiting", 20, "waiting")
    ca_order = int(shown(site, number)["order"]["ca_order"])
    site.ca.post("status", order_id=ca_order, status=word, unknown=True)
    s = site.wait(lambda: (s := shown(site, number))["order"].get("ca_status") == word and s, 40, word)
    assert s["order"]["state"] == state
    text = s["order"]["reason"] + " " + s["next"]["text"]
    assert words in text, text
    assert s["timeline"][-1]["what"] and s["next"]["text"]
    if goes_on:
        assert s["next"].get("at"), "when it is looked at again"
        site.ca.settings(issue_delay=0)
        site.ca.post("status", order_id=ca_order, status="processing", finish=True)
        assert site.stored(number)["mailboxes"] == [box]
    else:
        assert s["next"]["text"].startswith("nothing") and not s["next"].get("at")
        with pytest.raises(Refused):
            site.ask("cancel", order=f"order:{number}", reason="too late")
    site.ca.settings(issue_delay=0)


@pytest.mark.parametrize("word", ["issued", "approved", "expired"])
def test_words_with_a_certificate(ready, word):
    """There is one: it is fetched and stored, whatever the word is by then."""
    site = ready
    site.ca.settings(issue_delay=600, send_mails=False)
    box = f"{word}@d{15 + ['issued', 'approved', 'expired'].index(word)}.test"
    number = site.order(box)
    site.wait(lambda: shown(site, number)["order"]["state"] == "waiting", 20, "waiting")
    ca_order = int(shown(site, number)["order"]["ca_order"])
    site.ca.settings(issue_delay=0)
    site.ca.post("status", order_id=ca_order, status="processing", finish=True)
    site.wait(lambda: site.ca.get("state/orders")["orders"][str(ca_order)]["status"] == "issued", 20, "issued there")
    site.ca.post("status", order_id=ca_order, status=word)
    assert site.stored(number, 90)["mailboxes"] == [box]
    site.ca.settings(send_mails=True)
