"""What the tests of orders in bulk share: a site with limits raised, files of orders, the command, the CA's count."""
import collections
import csv
import json
import os
import subprocess

RAISED = {"orders_run": 1000000, "orders_day": 1000000, "orders_month": 1000000}


def raise_limits(site, **options):
    """Options of the account section; call before the site starts."""
    write = site.write_config

    def write_raised():
        write()
        with open(site.config) as f:
            text = f.read()
        lines = "".join(f"    {k} = {v}\n" for k, v in {**RAISED, **options}.items())
        assert "    poll         =" in text
        with open(site.config, "w") as f:
            f.write(text.replace("    poll         =", lines + "    poll         =", 1))
    site.write_config = write_raised


def set_limits(site, **options):
    """The same for a site that runs."""
    with open(site.config) as f:
        lines = f.read().splitlines()
    for k, v in options.items():
        at = [i for i, line in enumerate(lines) if line.split("=")[0].strip() == k]
        assert at, k
        lines[at[0]] = f"    {k} = {v}"
    with open(site.config, "w") as f:
        f.write("\n".join(lines) + "\n")
    site.ask("reload")


def cli(site, *args, ok=(0,), timeout=300, **more):
    env = {**os.environ, "LC_ALL": "C.UTF-8"}
    r = subprocess.run([site.program("certmilter"), "--config", site.config, *args], capture_output=True, text=True,
                       timeout=timeout, env=env, **more)
    assert r.returncode in ok, (args, r.returncode, r.stdout[-3000:], r.stderr[-3000:])
    return r


def write_csv(site, name, boxes, fields="key-type,usage", values="p256,signing"):
    path = site.path(name)
    for box in boxes:
        if "elsewhere" not in box:
            site.consent(box)
    with open(path, "w", newline="") as f:
        f.write(f"mailbox,{fields}\r\n")
        for box in boxes:
            f.write(f"{box},{values}\r\n")
    return path


def read_result(path):
    with open(path, newline="") as f:
        return list(csv.DictReader(f))


def ca_orders(site):
    """Orders of ours at the CA by mailbox."""
    count = collections.Counter()
    for o in site.ca.get("state/orders")["orders"].values():
        if o["account"] == "ours":
            count.update(e.lower() for e in o["emails"])
    return count


def batch(site, number):
    return site.ask("batch.status", batch=number)


def newest(site):
    return site.ask("batch.list", limit=1)["batches"][0]["batch"]


def restart(site):
    site.agent.kill()
    site.start_agent()


def show(site, number):
    return json.loads(cli(site, "--json", "show", f"order:{number}").stdout)["order"]
