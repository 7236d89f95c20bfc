#!/usr/bin/python3
"""Writes the sample mails, test certificates and test profiles. Deterministic:
run twice, nothing changes. Each mail gets NAME.json beside it: "expect" is
written here by hand; "facts" is what certinspect answered when it was last
recorded (CERTMILTER_REGENERATE=1 pytest tests/inspect) and is kept.

Everything is synthetic: own words, made-up ids, test keys."""
import json
import pathlib

import certkit
import profiles
import samples_issued
import samples_other
import samples_traps
import samples_validation

HERE = pathlib.Path(__file__).resolve().parent


def write_certificates():
    certs = certkit.make_all()
    (HERE / "certs").mkdir(exist_ok=True)
    for name, cert in certs.items():
        (HERE / "certs" / (name + ".pem")).write_bytes(certkit.pem(cert))
    return certs


def conf_value(value):
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, list):
        return "{ " + ", ".join(conf_value(v) for v in value) + " }"
    return '"%s"' % value.replace("\\", "\\\\").replace('"', '\\"')


def conf(profile):
    """The same profile in the syntax of certmilter-profile(5)."""
    lines = ["# Synthetic, for tests. Written by make_mails.py from profiles.py."]
    lines += ["%s = %s" % (k, conf_value(v)) for k, v in profile.items() if k != "kinds"]
    for kind in profile["kinds"]:
        lines.append('\nkind "%s" {' % kind["kind"])
        lines += ["    %s = %s" % (k, conf_value(v)) for k, v in kind.items() if k != "kind"]
        lines.append("}")
    return "\n".join(lines) + "\n"


def write_profiles():
    (HERE / "profiles").mkdir(exist_ok=True)
    for name, profile in profiles.PROFILES.items():
        (HERE / "profiles" / (name + ".conf")).write_text(conf(profile))
        (HERE / "profiles" / (name + ".json")).write_text(
            json.dumps(profile, indent=1, ensure_ascii=False, sort_keys=True) + "\n")


def write_mail(name, raw, expect):
    folder = HERE / "mails"
    folder.mkdir(exist_ok=True)
    (folder / (name + ".eml")).write_bytes(raw)
    path = folder / (name + ".json")
    old = json.loads(path.read_text()) if path.exists() else {}
    new = {"synthetic": True, "expect": expect}
    if "facts" in old:
        new["facts"] = old["facts"]
    path.write_text(json.dumps(new, indent=1, ensure_ascii=False, sort_keys=True) + "\n")


def main():
    certs = write_certificates()
    write_profiles()
    names = set()
    for module in (samples_validation, samples_issued, samples_other, samples_traps):
        for name, raw, expect in module.samples(certs):
            assert name not in names, name
            names.add(name)
            write_mail(name, raw, expect)
    for path in (HERE / "mails").iterdir():
        if path.stem not in names:
            path.unlink()
    print("%d mails" % len(names))


if __name__ == "__main__":
    main()
