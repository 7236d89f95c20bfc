"""Pages of a validation: what a person sees, what a browser would send, which state it is."""
import pytest

import inspector

BOXES = """<!doctype html><html><head><title>Approve &amp; more</title>
<script>var text = "This link has expired";</script></head><body>
<h1>Approve this domain</h1>
<table><tr><th>Domain:</th><td>example.test</td></tr>
<tr><td>Order number:</td><td>70000001</td></tr></table>
<form action="/approve?x=1&amp;y=2" method="POST" enctype="multipart/form-data" id="f1">
<input type="hidden" name="token" value="a&quot;b&#x41;">
<input name="plain"><input type="RADIO" name="scope" value="account" checked> all
<input type="radio" name="scope" value="order"> this
<input type="checkbox" name="sure"><input type="checkbox" name="off" disabled>
<select name="lang"><option value="en">English<option value="de" selected>Deutsch</select>
<select name="none"><optgroup label="g"><option>one</option><option value=2>two</option></optgroup></select>
<textarea name="note">
hello
world</textarea>
<button name="action" value="approve">I <b>approve</b></button>
<button type="button" name="no">no</button><button type="reset">reset</button>
<input type="submit" name="action" value="reject"><input type="image" name="img" alt="go" src="x">
<button name="elsewhere" formaction="https://evil.example/">x</button>
<fieldset disabled><input name="never" value="1"></fieldset>
</form><input name="outside" form="f1" value="o"><input name="stranger" value="s"></body></html>
"""


def read(text, **options):
    result = inspector.page(text if isinstance(text, bytes) else text.encode(), **options)
    assert result.status == 0, result.lines
    return result["page"]


def test_form_as_a_browser_sends_it():
    page = read(BOXES)
    assert page["title"] == "Approve & more"
    (form,) = page["forms"]
    assert (form["action"], form["method"], form["enctype"]) == (
        "/approve?x=1&y=2", "post", "multipart/form-data")
    fields = {(f["name"], f.get("value")): f for f in form["fields"]}
    assert fields[("token", 'a"bA')]["type"] == "hidden"
    assert fields[("plain", None)]["type"] == "text"
    assert fields[("scope", "account")]["checked"] is True
    assert "checked" not in fields[("scope", "order")]
    assert fields[("sure", "on")]["type"] == "checkbox"
    assert [o for o in fields[("lang", None)]["options"] if o.get("selected")] == [
        {"value": "de", "label": "Deutsch", "selected": True}]
    assert fields[("none", None)]["options"][0] == {"value": "one", "label": "one", "selected": True}
    assert fields[("note", "hello\nworld")]["type"] == "textarea"
    assert ("outside", "o") in fields
    names = {n for n, _ in fields}
    assert not names & {"off", "never", "stranger", "no", "elsewhere"}
    assert form["buttons"] == [
        {"name": "action", "value": "approve", "label": "I approve"},
        {"name": "action", "value": "reject", "label": "reject"},
        {"name": "img", "label": "go"}]


def test_places_and_state():
    page = read(BOXES)
    assert page["state"] == "pending"  # what a script holds is not shown
    assert page["domain"] == "example.test"
    assert page["ids"] == [{"name": "order", "value": "70000001", "where": "page:Order number: {order}"}]
    assert "Domain: example.test\nOrder number: 70000001\n" in page["text"]


@pytest.mark.parametrize("text,state", [
    ("Thank you, the domain is approved", "success"), ("It was approved before.", "done"),
    ("This link has expired", "expired"), ("Hello", "unknown"),
    ("<p>This link has\n expired</p>", "expired"),
    ("Approve this domain <input type=password name=p>", "refused"),
    ("Approve this domain <div class='g-recaptcha'></div>", "refused"),
    ("Approve this domain <script src='https://challenges.example/turnstile/v0/api.js'></script>",
     "refused"),
    ("<div style='display:none'>This link has expired</div>Approve this domain", "pending"),
    ("<!-- This link has expired -->Approve this domain", "pending"),
])
def test_states(text, state):
    assert read("<html><body>" + text)["state"] == state


def test_another_domain_on_the_page_is_a_conflict():
    page = read(BOXES.replace("</table>", "<tr><td>Domain:</td><td>evil.test</td></tr></table>"))
    assert page["domain_conflict"] is True


@pytest.mark.parametrize("rows,lines", [
    ("<tr><td>Domain:</td><td><p>example.test</p></td></tr>", ["Domain: example.test"]),
    ("<tr><td><div>Domain:</div></td>\n<td>example.test<br>other</td></tr>",
     ["Domain: example.test", "other"]),
    ("<tr><td><table><tr><td>Domain:</td><td>example.test</td></tr></table></td></tr>",
     ["Domain: example.test"]),
    ("<tr><td>a<br>b</td><td>c</td></tr><tr><td>d</td></tr>", ["a", "b", "c", "d"]),
    ("<tr><td></td><td>Domain:</td><td></td><td>example.test</td></tr>", ["Domain: example.test"]),
])
def test_rows_are_lines(rows, lines):
    assert read("<table>%s</table>" % rows)["text"].split("\n") == lines


def test_form_cut_short_by_a_table():
    page = read("<table><form action=/a method=post><tr><td><input name=x value=1>"
                "<input type=submit name=go value=ok></td></tr></form></table>")
    (form,) = page["forms"]
    assert form["fields"][0]["name"] == "x" and form["buttons"][0]["name"] == "go"


def test_text_is_cut_at_16_kib_and_never_inside_a_character():
    page = read("<p>" + "é" * 20000)
    assert 16000 < len(page["text"].encode()) <= 16384


def test_charset_of_the_page():
    assert "Köln" in read("<meta charset=iso-8859-1><p>Köln".encode("latin1"))["text"]
    assert "承認" in read("<p>承認".encode())["text"]
    japanese = "<meta http-equiv=Content-Type content='text/html; charset=Shift_JIS'><p>承認"
    assert "承認" in read(japanese.encode("shift_jis"))["text"]


def test_many_of_everything():
    text = "<form>" + "<input name=a>" * 300 + "<button>b</button>" * 60 + "</form>"
    text += "<form><select name=s>" + "<option>o" * 600 + "</select></form>" + "<form></form>" * 30
    page = read(text)
    assert len(page["forms"]) == 20
    assert len(page["forms"][0]["fields"]) == 200 and len(page["forms"][0]["buttons"]) == 50
    assert len(page["forms"][1]["fields"][0]["options"]) == 500


def test_unknown_kind_breaks_the_protocol():
    assert inspector.page(b"x", kind="renewal").status == 2


def test_too_large():
    assert inspector.page(b"x" * (256 * 1024 + 1))["error"]["code"] == "input.size"
