#!/usr/bin/python3
"""Entry point of the rehearsal CA: reads the options, starts the parts, stops them on SIGTERM or SIGINT.

    rehearsal_ca.py --state DIR [options]              run
    rehearsal_ca.py make-mail --state DIR [options]    write one signed mail to standard output
"""

import argparse
import os
import pathlib
import signal
import sys
import threading

from rehearsal import orders, polling, sample, server
from rehearsal.authority import Authority
from rehearsal.keys import Keys, write_file
from rehearsal.state import State

COMPANIES = {"ours": "Example Rehearsal GmbH", "mallory": "Mallory Synthetic Ltd"}


def address(text):
    """HOST:PORT as a pair; brackets around an IPv6 address are taken off."""
    host, _, port = text.rpartition(":")
    if not host or not port.isdigit() or int(port) > 65535:
        raise argparse.ArgumentTypeError(f"{text!r} is not HOST:PORT")
    return host.strip("[]"), int(port)


def smtp_address(text):
    return None if text == "none" else address(text)


def options_of(arguments):
    parser = argparse.ArgumentParser(prog="rehearsal_ca.py", description="A certificate authority for rehearsals.")
    parser.add_argument("--state", required=True, metavar="DIR", help="keys, zone file and snapshot; made if missing")
    parser.add_argument("--domain", default="rehearsal-ca.test", help="the CA's own domain (%(default)s)")
    parser.add_argument("--seed", help="ids and tokens follow from it (and from how often DIR was started)")
    parser.add_argument("--listen", type=address, default="127.0.0.1:8443", metavar="HOST:PORT",
                        help="HTTPS for API, pages, control (%(default)s; port 0: any free one)")
    parser.add_argument("--http-listen", type=address, default="127.0.0.1:8080", metavar="HOST:PORT",
                        help="HTTP for CRL, OCSP, control (%(default)s)")
    parser.add_argument("--smtp", type=smtp_address, default="127.0.0.1:2525", metavar="HOST:PORT",
                        help="where mails go (%(default)s); none: keep them for /rehearsal/mails only")
    parser.add_argument("--dns", type=address, metavar="HOST:PORT",
                        help="resolver for DNS proofs and contact records; without it none is ever found")
    parser.add_argument("--http-host", default="127.0.0.1", help="where files of HTTP proofs are fetched (%(default)s)")
    parser.add_argument("--http-port", type=int, default=80, help="and at which port (%(default)s)")
    parser.add_argument("--account", action="append", default=[], metavar="NAME", help="one more account; repeatable")
    parser.add_argument("--ready-fd", type=int, metavar="N", help="write the ready line to this descriptor too")
    parser.add_argument("--verbose", action="store_true", help="log requests to standard error")
    return parser.parse_args(arguments)


def announce(options, directory, https, http):
    """Tell everybody who waits that the CA answers."""
    base = f"https://{options.listen[0]}:{https}"
    write_file(directory / "ready", f"https={base}\nhttp=http://{options.http_listen[0]}:{http}\npid={os.getpid()}\n")
    line = f"rehearsal-ca: ready {base}\n"
    sys.stdout.write(line)
    sys.stdout.flush()
    if options.ready_fd is not None:
        with os.fdopen(options.ready_fd, "w") as out:
            out.write(line)


def run(options):
    directory = pathlib.Path(options.state)
    directory.mkdir(parents=True, exist_ok=True)
    (directory / "ready").unlink(missing_ok=True)
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    plain = server.Server(options.http_listen, route=server.route_http, verbose=options.verbose)
    secure = server.Server(options.listen, route=server.route_https, verbose=options.verbose)
    http, https = plain.server_port, secure.server_port
    port = "" if http == 80 else f":{http}"
    keys = Keys(directory, options.domain, f"http://crl.{options.domain}{port}")
    state = State(directory, options.seed)
    for name in ["ours", "mallory", *options.account]:
        state.add_account(name, COMPANIES.get(name, f"{name.title()} Synthetic Ltd"))
    state.write_accounts()
    ca = Authority(state, keys, https, http, options.smtp, options.dns, (options.http_host, options.http_port))
    orders.resume(ca)
    ca.start()
    polling.start(ca)
    secure.context = server.context_of(keys)
    for listener in (plain, secure):
        listener.ca = ca
        threading.Thread(target=listener.serve_forever, args=(0.2,), daemon=True).start()
    announce(options, directory, https, http)
    stop.wait()
    (directory / "ready").unlink(missing_ok=True)
    for listener in (secure, plain):
        listener.shutdown()
        listener.server_close()
    ca.stop()
    return 0


def main(arguments):
    os.umask(0o022)     # whoever talks to the CA reads its roots and zone; keys are written 0600
    if arguments[:1] == ["make-mail"]:
        return sample.main(arguments[1:])
    try:
        return run(options_of(arguments))
    except OSError as error:
        sys.stderr.write(f"rehearsal_ca.py: can't start: {error}\n")
        return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
