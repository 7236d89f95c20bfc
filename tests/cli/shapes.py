"""Profiles of the sample mails (JSON, as the inspector takes them) as profile files."""
import json

from conftest import ROOT

SHAPES = ROOT / "tests" / "data" / "profiles"
LISTS = {"senders", "from_domains", "dkim", "caa", "from", "signers", "subjects", "links", "deny", "places",
         "page_places", "choices", "page_pending", "page_success", "page_done", "page_expired", "page_refused"}


def quote(text):
    return '"%s"' % str(text).replace("\\", "\\\\").replace('"', '\\"')


def option(key, value):
    if key in LISTS:
        return "%s = { %s }" % (key, ", ".join(quote(v) for v in value))
    if isinstance(value, bool):
        return "%s = %s" % (key, "yes" if value else "no")
    return "%s = %s" % (key, quote(value) if isinstance(value, str) else value)


def completed(kind):
    """What a profile file must have and the inspector doesn't need."""
    kind = {k: v for k, v in kind.items() if v != 0}
    if kind.get("action") == "form":
        kind.setdefault("page_pending", ["Approve"])
        kind.setdefault("page_places", ["page:Domain: {domain}"])
    return kind


def text_of(profile):
    lines = [option(k, v) for k, v in profile.items() if k != "kinds"]
    for kind in profile["kinds"]:
        lines.append("kind %s {" % quote(kind["kind"]))
        lines += ["    " + option(k, v) for k, v in completed(kind).items() if k != "kind"]
        lines.append("}")
    return "\n".join(lines) + "\n"


def write_all(folder):
    folder.mkdir()
    for path in sorted(SHAPES.glob("*.json")):
        profile = json.loads(path.read_text())
        if any("{any}" in link for kind in profile["kinds"] for link in kind.get("links", [])):
            continue  # a shape that no file may have
        (folder / (profile["id"] + ".conf")).write_text(text_of(profile))
    return folder
