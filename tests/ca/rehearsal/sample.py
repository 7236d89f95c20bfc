"""The sub-command make-mail: one signed mail on standard output, made from the keys of a state directory.

Owns nothing; ids and tokens are random unless given. No server has to run.
"""

import argparse
import secrets
import sys

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from . import forms, issue, mails, signing, words
from .keys import Keys
from .state import ALNUM


def random_token():
    return "".join(secrets.choice(ALNUM) for _ in range(32))


def options_of(arguments):
    parser = argparse.ArgumentParser(prog="rehearsal_ca.py make-mail",
                                     description="Write one signed, synthetic mail to standard output.")
    parser.add_argument("--state", required=True, metavar="DIR")
    parser.add_argument("--ca-domain", default="rehearsal-ca.test", help="the CA's own domain (%(default)s)")
    parser.add_argument("--kind", choices=mails.KINDS, default="dcv")
    parser.add_argument("--domain", default="example.test", help="the domain to validate (%(default)s)")
    parser.add_argument("--mailbox", default="alice@example.test")
    parser.add_argument("--to", help="recipient; default: postmaster of the domain, or the mailbox")
    parser.add_argument("--order", type=int, help="order id")
    parser.add_argument("--domain-id", type=int)
    parser.add_argument("--certificate-id", type=int)
    parser.add_argument("--support-id")
    parser.add_argument("--organization", default="Example Rehearsal GmbH")
    parser.add_argument("--token", default=None, help="32 lower-case letters and digits")
    parser.add_argument("--page-port", type=int, default=8443)
    parser.add_argument("--language", choices=words.LANGUAGES, default="en")
    parser.add_argument("--subject")
    parser.add_argument("--message-id", help="the part before the @")
    parser.add_argument("--unbound", action="store_true", help="no id lines and no number in the subject")
    parser.add_argument("--raw-names", action="store_true", help="the organization's name goes in as it is")
    parser.add_argument("--show-order", action="store_true", help="a mailbox mail with its order")
    parser.add_argument("--form", default="zip", help="of an issued mail (%(default)s)",
                        choices=("zip", "pem_text", "p7b", "crt", "link", "none", "wrong_type"))
    parser.add_argument("--csr", help="file: issue a certificate for this CSR, else one for a key nobody has")
    parser.add_argument("--certificate", help="file: PEM of a certificate to send as it is")
    parser.add_argument("--certificate-fault", choices=issue.FAULTS)
    parser.add_argument("--fault", action="append", default=[], choices=signing.FAULTS + mails.FAULTS)
    return parser.parse_args(arguments)


def certificate_of(options, keys):
    """The certificate of an issued mail."""
    if options.certificate:
        with open(options.certificate, "rb") as source:
            return x509.load_pem_x509_certificate(source.read())
    if options.csr:
        with open(options.csr, encoding="ascii") as source:
            key = issue.csr_key(source.read())
    else:
        key = ec.generate_private_key(ec.SECP256R1()).public_key()
    plan = {"key": key, "kind": "mailbox", "profile": "strict", "mailboxes": [options.mailbox], "use": "dual_use",
            "additional": [], "days": 365, "signature_hash": "sha256", "common_name": options.mailbox}
    return issue.certificate(keys, plan, lambda host: f"http://{host}.{options.ca_domain}:8080",
                             options.certificate_fault)


def job_of(options, keys):
    """The mail job that the options describe."""
    token, base = options.token or random_token(), f"https://validation.{options.ca_domain}"
    base += "" if options.page_port == 443 else f":{options.page_port}"
    job = {"kind": options.kind, "language": options.language, "domain": options.domain, "mailbox": options.mailbox,
           "to": options.to or options.mailbox, "organization": options.organization, "faults": options.fault,
           "show_ids": not options.unbound, "raw_names": options.raw_names, "subject": options.subject,
           "order_id": options.order, "domain_id": options.domain_id, "certificate_id": options.certificate_id,
           "support_id": options.support_id or "S-" + random_token()[:8].upper(), "show_order": options.show_order,
           "message_id": options.message_id or random_token()[:24], "link": f"{base}/create/{token}"}
    if options.kind == "dcv":
        job.update(to=options.to or f"postmaster@{options.domain}", link=f"{base}/dcv/{token}", mailbox="")
        if not options.order and not options.domain_id:
            job["order_id"] = 100000000 + secrets.randbelow(900000000)
    else:
        job["domain"] = ""
    if options.kind == "mailbox":
        job["link"] = f"{base}/mailbox/{token}?email={options.mailbox}"
    if options.kind == "issued":
        cert = certificate_of(options, keys)
        job.update(form=options.form, chain=[forms.pem(cert), forms.pem(keys.sub)], p7b=forms.p7(
            [cert, keys.sub], serialization.Encoding.PEM).decode(), link=f"{base}/collect/{token}"
            if options.form == "link" else None)
    return job


def main(arguments):
    options = options_of(arguments)
    keys = Keys(options.state, options.ca_domain, f"http://crl.{options.ca_domain}:8080")
    try:
        job = job_of(options, keys)
    except (OSError, ValueError, issue.BadCSR) as error:
        sys.stderr.write(f"rehearsal_ca.py make-mail: {error}\n")
        return 1
    sys.stdout.buffer.write(mails.compose(job, keys))
    return 0
