"""dcv/: opening a link, building and sending its form, against the rehearsal CA and against a hostile server."""

import html.parser
import urllib.parse

import pytest

from catools import Rehearsal, Sink, Tool, setup_fields
from nettools import Authority, Server, reply

NO = {"verified": True, "action": "form", "from": [], "signers": []}
DCV = {**NO, "kind": "domain-validation", "button": "decision=approve", "choices": ["scope=this"],
       "links": ["https://validation.rehearsal-ca.test:{port}/dcv/{token:32:a-z0-9}"]}
MAILBOX = {**NO, "kind": "mailbox-validation", "button": "decision=approve",
           "links": ["https://validation.rehearsal-ca.test:{port}/mailbox/{token:32:a-z0-9}?email={mailbox}"]}


def profile(*kinds):
    return {"id": "test", "title": "Test", "rehearsal": True, "kinds": list(kinds)}


class Page(html.parser.HTMLParser):
    """A page as the inspector describes it."""

    def __init__(self, text):
        super().__init__()
        self.forms = []
        self.feed(text)

    def handle_starttag(self, tag, pairs):
        a = dict(pairs)
        if tag == "form":
            self.forms.append({"action": a.get("action"), "method": a.get("method", "get").lower(),
                               "enctype": a.get("enctype"), "fields": [], "buttons": []})
        elif tag == "button" or (tag == "input" and a.get("type") == "submit"):
            self.forms[-1]["buttons"].append({"name": a.get("name"), "value": a.get("value")})
        elif tag == "select":
            self.forms[-1]["fields"].append({"name": a.get("name"), "type": "select", "options": []})
        elif tag == "option":
            self.forms[-1]["fields"][-1]["options"].append({"value": a.get("value"), "selected": "selected" in a})
        elif tag == "input" and self.forms:
            self.forms[-1]["fields"].append({"name": a.get("name"), "type": a.get("type", "text"),
                                             "value": a.get("value"),
                                             "checked": "checked" in a})

    @property
    def json(self):
        password = any(f["type"] == "password" for form in self.forms for f in form["fields"])
        return {"forms": self.forms, "password_field": password}


def failure(answer):
    return answer["class"], answer.get("code")


# the rehearsal CA

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
    tool = Tool("dcvtool")
    assert tool("setup", **setup_fields(ca, profile=profile(DCV, MAILBOX)))["class"] == "ok"
    yield tool
    tool.close()


def link(ca, **query):
    token = ca.control("/tokens?" + urllib.parse.urlencode(query))["tokens"][0]
    return token["url"], token["token"]


def domain_link(ca, **settings):
    ca.control("/settings", settings)
    ca.control("/send", {"kind": "dcv", "domain": "example.test"})
    return link(ca, domain="example.test", kind="dcv")


def token_state(ca, token):
    return next(t for t in ca.control("/tokens")["tokens"] if t["token"] == token)


def press(tool, opened, **fields):
    page = opened["page"]
    return tool("submit", page=Page(page["body"]).json, url=page["url"], cookies=page["cookies"], **fields)


def test_link_form_narrow_choice(tool, ca):
    url, token = domain_link(ca)
    opened = tool("open", url=url)
    assert opened["class"] == "ok" and opened["page"]["sent"] == "answered" and "example.test" in opened["page"]["body"]
    assert opened["page"]["cookies"].startswith("validation.rehearsal-ca.test\trehearsal_session=")
    done = press(tool, opened)
    assert done["class"] == "ok" and done["page"]["sent"] == "answered" and "notice-done" in done["page"]["body"]
    state = token_state(ca, token)
    assert (state["state"], state["scope"], state["gets"], state["posts"]) == ("already", "this", 1, 1)


@pytest.mark.parametrize("language", ["ja", "ru", "de"])
def test_other_languages(tool, ca, language):
    url, _ = domain_link(ca, language=language)
    assert "notice-done" in press(tool, tool("open", url=url))["page"]["body"]


def test_without_the_cookies_it_fails(tool, ca):
    url, token = domain_link(ca)
    opened = tool("open", url=url)
    opened["page"]["cookies"] = ""
    assert failure(press(tool, opened)) == ("permanent", "dcv.status")
    assert token_state(ca, token)["state"] == "open"


def test_mailbox_by_button_and_by_get(tool, ca):
    for page, sent in (("button", True), ("get", False)):
        ca.control("/settings", {"mailbox_page": page})
        ca.control("/send", {"kind": "mailbox", "mailbox": f"{page}@example.test"})
        url, token = link(ca, mailbox=f"{page}@example.test")
        opened = tool("open", url=url, kind="mailbox-validation")
        assert opened["class"] == "ok" and opened["page"]["sent"] == "answered"
        if sent:
            assert token_state(ca, token)["state"] == "open"
            assert press(tool, opened, kind="mailbox-validation")["class"] == "ok"
        assert token_state(ca, token)["state"] == "already"


@pytest.mark.parametrize("fault,at,code", [
    ("no_narrow", "submit", "dcv.narrow"), ("two_forms", "submit", "dcv.form"), ("foreign_action", "submit", "dcv.url"),
    ("login", "submit", "dcv.form"), ("captcha", "submit", "dcv.form"), ("forbidden", "open", "dcv.status"),
    ("expired", "open", "dcv.status"), ("server_error", "open", "dcv.busy"), ("already", "submit", "dcv.form")])
def test_pages_that_are_never_answered(tool, ca, fault, at, code):
    url, token = domain_link(ca)
    ca.control("/page", {"fault": fault, "token": token})
    opened = tool("open", url=url)
    if at == "open":
        assert opened["code"] == code and opened["page"]["body"] and opened["page"]["status"] >= 400
    else:
        assert opened["class"] == "ok"
        answer = press(tool, opened)
        assert failure(answer) == ("permanent", code) and answer["page"]["sent"] == "not-sent"
    assert token_state(ca, token)["posts"] == 0


def test_a_preselected_wide_choice_is_not_taken(tool, ca):
    url, token = domain_link(ca)
    ca.control("/page", {"fault": "preselected_wide", "token": token})
    assert press(tool, tool("open", url=url))["class"] == "ok"
    assert token_state(ca, token)["scope"] == "this"


@pytest.mark.parametrize("do,sent,code", [("drop", "lost", "net.io"), ("cut", "lost", "net.io"),
                                          ("late_status:500", "answered", "dcv.busy")])
def test_a_lost_answer_is_told_apart(tool, ca, do, sent, code):
    url, token = domain_link(ca)
    opened = tool("open", url=url)
    ca.control("/faults", {"match": "POST /dcv/submit", "do": do, "times": 1})
    answer = press(tool, opened)
    assert (answer["code"], answer["page"]["sent"]) == (code, sent)
    assert token_state(ca, token)["state"] == "already" and token_state(ca, token)["posts"] == 1


# a hostile server

@pytest.fixture
def hostile(tmp_path):
    authority = Authority(tmp_path)
    server = Server(authority.context("ca.odd.test", "other.odd.test", "evil.test"))
    (tmp_path / "zone").write_text("ca.odd.test. 60 IN A 127.0.0.1\nother.odd.test. 60 IN A 127.0.0.1\n"
                                   "evil.test. 60 IN A 127.0.0.1\n")
    tool = Tool("dcvtool")

    def setup(**rules):
        links = [f"https://ca.odd.test:{server.port}/v/{{token:4:a-z}}", f"https://other.odd.test:{server.port}/z"]
        kind = {**NO, "kind": "domain-validation", "links": links,
                "deny": [f"https://ca.odd.test:{server.port}/v/deny", "https://ca.odd.test:{port}/reject{any}"],
                **rules}
        assert tool("setup", zone=str(tmp_path / "zone"), bundle=str(authority.bundle), private=["127.0.0.1"],
                    profile=profile(kind))["class"] == "ok"
        return tool, server, f"https://ca.odd.test:{server.port}"
    yield setup
    tool.close()
    server.close()


@pytest.mark.parametrize("path", ["/v/abc", "/v/abcde", "/v/ABCD", "/v/abcd?x", "/v/abcd/", "/", "/v/deny",
                                  "/v/%61bcd"])
def test_links_that_fit_no_template(hostile, path):
    tool, server, base = hostile()
    answer = tool("open", url=base + path)
    assert failure(answer) == ("permanent", "dcv.url") and answer["page"]["sent"] == "not-sent"
    assert not server.requests


@pytest.mark.parametrize("target,code", [
    ("https://evil.test:{port}/v/abcd", "dcv.url"), ("http://ca.odd.test:{port}/v/abcd", "dcv.url"),
    ("file:///etc/passwd", "dcv.url"), ("https://127.0.0.1:{port}/v/abcd", "dcv.url"), ("//evil.test/x", "dcv.url"),
    ("https://ca.odd.test/v/abcd", "dcv.url"), ("/reject?x", "dcv.url"), ("/v/deny", "dcv.url"),
    ("https://u@ca.odd.test:{port}/x", "dcv.url"), ("\\\\evil.test\\x", "dcv.url"), ("", "dcv.redirect")])
def test_redirects_are_judged_like_links(hostile, target, code):
    tool, server, base = hostile()
    location = [f"Location: {target.format(port=server.port)}"] if target else []
    server.answers["/v/abcd"] = reply(302, "", *location)
    answer = tool("open", url=base + "/v/abcd")
    assert failure(answer) == ("permanent", code) and answer["page"]["sent"] == "answered"
    assert len(server.requests) == 1


def test_redirects_within_the_rules(hostile):
    tool, server, base = hostile()
    server.answers["/v/abcd"] = reply(302, "", "Location: /two", "Set-Cookie: s=1; Path=/", "Set-Cookie: gone=1")
    server.answers["/two"] = reply(303, "", f"Location: https://other.odd.test:{server.port}/three?a=b",
                                   "Set-Cookie: gone=; Max-Age=0", "Set-Cookie: bad=a\x01b")
    server.answers["/three"] = reply(307, "", f"Location: {base}/page")
    server.answers["/page"] = reply(200, "<form>", "Content-Type: text/html; charset=utf-8")
    answer = tool("open", url=base + "/v/abcd")
    assert answer["class"] == "ok" and answer["page"]["hops"] == 3 and answer["page"]["url"] == base + "/page"
    cookies = [r.headers.get("cookie") for r in server.requests]
    assert cookies == [None, "s=1; gone=1", None, "s=1"]       # never to another host
    assert all("referer" not in r.headers for r in server.requests)
    server.answers["/page"] = reply(301, "", "Location: /page2")
    assert failure(tool("open", url=base + "/v/abcd")) == ("permanent", "dcv.redirect")


def test_huge_and_silent_pages(hostile):
    tool, server, base = hostile()
    server.answers["/v/abcd"] = reply(200, b"x" * 262145)
    assert failure(tool("open", url=base + "/v/abcd")) == ("permanent", "net.body-cap")
    server.answers["/v/abcd"] = lambda client, _r: client.recv(1) and None  # silent until the other side gives up
    answer = tool("open", url=base + "/v/abcd", total_ms=4000)
    assert failure(answer) == ("temporary", "net.timeout") and answer["page"]["sent"] == "lost"
    server.answers["/v/abcd"] = reply(429, "later", "Retry-After: 60")
    assert failure(tool("open", url=base + "/v/abcd")) == ("temporary", "dcv.busy")


def submit(tool, base, text, **fields):
    return tool("submit", page=Page(text).json, url=base + "/v/abcd", **fields)


FORM = '<form method=post action="/go"><input type=hidden name=t value="a b&c=\u00e4+\n">' \
       '<button name=ok value=1></form>'


def test_what_is_sent(hostile):
    tool, server, base = hostile()
    server.answers["/go"] = reply(200, "done")
    answer = submit(tool, base, FORM, cookies="ca.odd.test\ts=1\nother.odd.test\tx=2\n")
    assert answer["class"] == "ok" and answer["page"]["sent"] == "answered"
    request = server.requests[-1]
    assert (request.method, request.target) == ("POST", "/go")
    assert request.body == b"t=a+b%26c%3D%C3%A4%2B%0D%0A&ok=1"
    assert request.headers["content-type"] == "application/x-www-form-urlencoded" and request.headers["cookie"] == "s=1"
    assert not {"referer", "origin", "expect"} & set(request.headers)


def test_a_redirect_after_the_post_is_a_get(hostile):
    tool, server, base = hostile()
    for status in (301, 302, 303):
        server.answers["/go"] = reply(status, "", "Location: /done")
        server.answers["/done"] = reply(200, "done")
        answer = submit(tool, base, FORM)
        assert answer["page"]["body"] == "done" and server.requests[-1].method == "GET" and not server.requests[-1].body
    for status in (307, 308):
        server.answers["/go"] = reply(status, "", "Location: /again")
        before = len(server.requests)
        answer = submit(tool, base, FORM)
        assert failure(answer) == ("permanent", "dcv.redirect") and answer["page"]["sent"] == "answered"
        assert len(server.requests) == before + 1
    server.answers["/go"] = reply(302, "", "Location: https://evil.test/")
    answer = submit(tool, base, FORM)
    assert failure(answer) == ("permanent", "dcv.url") and answer["page"]["sent"] == "answered"


INPUT = "<input type={} name={} value={} {}>"


def form(*fields, head='method=post action="/go"', buttons="<button name=ok value=1>"):
    return f"<form {head}>{''.join(fields)}{buttons}</form>"


RADIOS = INPUT.format("radio", "scope", "this", "") + INPUT.format("radio", "scope", "all", "checked")
SELECT = "<select name=scope><option value=all selected><option value=this></select>"


@pytest.mark.parametrize("text,rules,outcome", [
    (form(), {}, "ok=1"),
    (form(buttons=""), {}, ""),
    (form(buttons="<button name=a value=1><button name=b value=2>"), {}, "dcv.form"),
    (form(buttons="<button name=a value=1><button name=b value=2>"), {"button": "b=2"}, "b=2"),
    (form(buttons="<button name=a value=1>"), {"button": "b"}, "dcv.form"),
    (form(buttons="<button name=b value=x>"), {"button": "b"}, "b=x"),
    (form() + form(), {}, "dcv.form"),
    (form() + form(head='method=get action="/search"'), {}, "ok=1"),
    (form(head='method=get action="/go"'), {}, "dcv.form"),
    (form(head="method=post"), {}, "ok=1"),
    (form(head='method=post action="/go" enctype="multipart/form-data"'), {}, "dcv.form"),
    (form(head='method=post action="/go" enctype="application/x-www-form-urlencoded"'), {}, "ok=1"),
    (form(RADIOS), {"choices": ["scope=this"]}, "scope=this&ok=1"),
    (form(RADIOS), {}, "dcv.narrow"),
    (form(RADIOS), {"choices": ["scope=here"]}, "dcv.narrow"),
    (form(RADIOS), {"choices": ["scope=this", "extra=1"]}, "dcv.narrow"),
    (form(RADIOS, RADIOS), {"choices": ["scope=this"]}, "dcv.narrow"),
    (form(RADIOS, INPUT.format("hidden", "scope", "all", "")), {"choices": ["scope=this"]}, "dcv.narrow"),
    (form(RADIOS, INPUT.format("text", "scope", "all", "")), {"choices": ["scope=this"]}, "dcv.narrow"),
    (form(SELECT), {"choices": ["scope=this"]}, "scope=this&ok=1"),
    (form(SELECT), {}, "dcv.narrow"),
    (form(SELECT), {"choices": ["scope=no"]}, "dcv.narrow"),
    (form(INPUT.format("checkbox", "all", "1", "")), {}, "ok=1"),
    (form(INPUT.format("checkbox", "all", "1", "checked")), {}, "dcv.narrow"),
    (form(INPUT.format("checkbox", "terms", "yes", "")), {"choices": ["terms=yes"]}, "terms=yes&ok=1"),
    (form(INPUT.format("password", "p", "", "")), {}, "dcv.form"),
    (form(INPUT.format("file", "p", "", "")), {}, "dcv.form"),
    (form(INPUT.format("text", "note", "", "")), {}, "note=&ok=1"),
    (form(INPUT.format("submit", "other", "1", "")), {"button": "ok=1"}, "ok=1"),
    (form(INPUT.format("image", "i", "1", "")), {}, "ok=1"),
    (form(head='method=post action="https://evil.test/go"'), {}, "dcv.url"),
    (form(head='method=post action="javascript:alert(1)"'), {}, "dcv.url"),
    (form(head='method=post action="http://ca.odd.test/go"'), {}, "dcv.url"),
    (form(head='method=post action="/reject/1"'), {}, "dcv.url"),
    (form(head='method=post action="../../go"'), {}, "ok=1"),
    (form(head='method=post action="?x=1"'), {}, "ok=1")])
def test_forms(hostile, text, rules, outcome):
    tool, server, base = hostile(**rules)
    answer = submit(tool, base, text, dry=True)
    if outcome.startswith("dcv."):
        assert failure(answer) == ("permanent", outcome)
    else:
        assert answer["class"] == "ok" and answer["post_body"] == outcome, answer
        assert answer["post_url"].startswith(base + "/")
    assert not server.requests


def test_codes(hostile):
    tool, _, base = hostile()
    one = form(INPUT.format("text", "code", "", ""), INPUT.format("hidden", "t", "1", ""))
    assert submit(tool, base, one, code="AB 12", dry=True)["post_body"] == "code=AB+12&t=1&ok=1"
    two = form(INPUT.format("text", "code", "", ""), INPUT.format("text", "name", "", ""))
    for text in (two, form()):
        assert failure(submit(tool, base, text, code="AB12", dry=True)) == ("permanent", "dcv.code")
