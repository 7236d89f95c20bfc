"""Composes the CA's mails from jobs. A job is a plain dict, so that it survives a restart in the snapshot.

Owns the shape of text, HTML and attachments. The reference block is the only place where ids stand, with English
labels in every language; what an applicant typed stands in the prose.
"""

import email.policy
import email.utils
import html
from email.message import EmailMessage

from . import forms, words
from .signing import sign

KINDS = ("dcv", "mailbox", "issued", "csr-invitation", "renewal-notice", "organization-consent", "order-approval",
         "other")
SYNTHETIC = "Synthetic message of a rehearsal CA, for tests only."
# faults of content; those of the signature are in signing.FAULTS
FAULTS = ("lookalike_link", "http_link", "userinfo_link", "no_link", "two_links", "two_ids", "two_domains",
          "text_only", "html_only")


def one_line(text):
    return " ".join(str(text).split())


def references(job):
    """The reference block: (label, value) pairs."""
    pairs, ids = [], job.get("show_ids", True)
    if job["kind"] == "dcv":
        pairs.append(("Domain", job["domain"]))
        if ids and job.get("order_id"):
            pairs.append(("Order", job["order_id"]))
        elif ids and job.get("domain_id"):
            pairs.append(("Domain ID", job["domain_id"]))
        pairs.append(("Support ID", job["support_id"]))
    elif job["kind"] == "mailbox":
        pairs.append(("Mailbox", job["mailbox"]))
        if job.get("show_order"):
            pairs.append(("Order", job["order_id"]))
    else:
        if job.get("mailbox"):
            pairs.append(("Mailbox", job["mailbox"]))
        if job.get("domain"):
            pairs.append(("Domain", job["domain"]))
        if ids and job.get("order_id"):
            pairs.append(("Order", job["order_id"]))
        if ids and job.get("certificate_id"):
            pairs.append(("Certificate ID", job["certificate_id"]))
    faults = job.get("faults", ())
    if "two_ids" in faults:
        pairs.append(("Order", 999999999))
    if "two_domains" in faults:
        pairs.append(("Domain", "second.test"))
    return pairs


def link_of(job):
    link, faults = job.get("link"), job.get("faults", ())
    if not link or "no_link" in faults:
        return None
    scheme, _, rest = link.partition("://")
    host, _, path = rest.partition("/")
    if "lookalike_link" in faults:
        name, colon, port = host.partition(":")
        host = f"{name}.lookalike.test{colon}{port}"
    if "userinfo_link" in faults:
        host = f"{host.partition(':')[0]}@lookalike.test"
    if "http_link" in faults:
        scheme = "http"
    return f"{scheme}://{host}/{path}"


def subject_of(job):
    values = {"domain": job.get("domain", ""), "mailbox": job.get("mailbox", "")}
    subject = words.mail(job["kind"] + "_subject", job["language"]).format(**values)
    number = job.get("order_id") or job.get("domain_id")
    if job["kind"] == "mailbox" or not job.get("show_ids", True) or not number:
        return subject
    return f"{subject} ({number})"


def prose(job, escape=lambda text: text):
    """(sentences before the link, sentence that leads to it)."""
    language = job["language"]
    organization = job.get("organization", "")
    if not job.get("raw_names"):
        organization = escape(one_line(organization))
    values = {"domain": escape(job.get("domain", "")), "mailbox": escape(job.get("mailbox", "")),
              "organization": organization}
    if job["kind"] == "dcv":
        return words.mail("dcv_intro", language).format(**values), words.mail("dcv_do", language)
    if job["kind"] == "mailbox":
        return "", words.mail("mailbox_intro", language).format(**values)
    intro = words.mail("issued_intro", language) if job["kind"] == "issued" else job.get("text", "")
    return intro, words.mail("see", language)


def text_body(job):
    intro, lead = prose(job)
    link = link_of(job)
    parts = [intro] if intro else []
    if link:
        parts.append(f"{lead}\n{link}")
        if "two_links" in job.get("faults", ()):
            parts.append(link[:-32] + "0" * 32)
    if job["kind"] == "issued" and job.get("form") == "pem_text":
        parts.append("".join(job["chain"]).strip())
    parts.append("Reference data\n" + "\n".join(f"{label}: {value}" for label, value in references(job)))
    return "\n\n".join(parts) + f"\n\n-- \n{SYNTHETIC}\n"


def html_body(job):
    intro, lead = prose(job, html.escape)
    link = link_of(job)
    out = ["<!DOCTYPE html>", f'<html lang="{job["language"]}"><body>']
    if intro:
        out.append(f"<p>{intro}</p>")
    if link:
        out.append(f'<p>{lead}<br>\n<a href="{html.escape(link)}">Rehearsal CA</a></p>')
        if "two_links" in job.get("faults", ()):
            out.append(f'<p><a href="{html.escape(link[:-32])}{"0" * 32}">Rehearsal CA</a></p>')
    out.append("<p>Reference data<br>\n" + "<br>\n".join(
        f"{label}: {html.escape(str(value))}" for label, value in references(job)) + "</p>")
    out.append(f"<p>{SYNTHETIC}</p>\n</body></html>\n")
    return "\n".join(out)


def encoding_of(language, *texts):
    """The language's own charset where all texts fit in it, else UTF-8 in base64."""
    charset, transfer = words.ENCODINGS[language]
    try:
        for text in texts:
            text.encode(charset)
    except UnicodeEncodeError:
        return "utf-8", "base64"
    return charset, transfer


def attach(message, job):
    """The certificate of an issued mail, in the form the job asks for."""
    leaf, intermediate = job["chain"]
    form = job.get("form", "zip")
    archive = forms.zip_of([("certificate.crt", leaf), ("intermediate.crt", intermediate)])
    if form == "zip":
        message.add_attachment(archive, "application", "zip", filename="certificate.zip")
    elif form == "wrong_type":
        message.add_attachment(archive, "image", "jpeg", filename="certificate.zip")
    elif form == "p7b":
        message.add_attachment(job["p7b"].encode(), "application", "x-pkcs7-certificates", filename="certificate.p7b")
    elif form == "crt":
        for filename, pem in (("certificate.crt", leaf), ("intermediate.crt", intermediate)):
            message.add_attachment(pem.encode(), "application", "x-x509-user-cert", filename=filename)


def compose(job, keys):
    """The signed message of a job, as bytes with CRLF line ends."""
    text, markup = text_body(job), html_body(job)
    charset, transfer = encoding_of(job["language"], text, markup)
    policy = email.policy.SMTP if job["to"].isascii() else email.policy.SMTPUTF8
    message = EmailMessage(policy=policy)
    if job["kind"] in ("issued", "renewal-notice", "other"):
        message["From"] = f"Rehearsal CA <certificates@{keys.domain}>"
    else:
        message["From"] = f"Rehearsal CA Validation <no-reply@{keys.domain}>"
    message["To"] = job["to"]
    message["Subject"] = job.get("subject") or subject_of(job)
    message["Date"] = email.utils.formatdate(localtime=False)
    message["Message-ID"] = f"<{job['message_id']}@{keys.domain}>"
    faults = job.get("faults", ())
    if "html_only" in faults:
        message.set_content(markup, subtype="html", charset=charset, cte=transfer)
    else:
        message.set_content(text, charset=charset, cte=transfer)
        if "text_only" not in faults:
            message.add_alternative(markup, subtype="html", charset=charset, cte=transfer)
    if job["kind"] == "issued" and job.get("chain") and job.get("form") not in ("pem_text", "link", "none"):
        attach(message, job)
    if message.is_multipart():
        message["Content-Transfer-Encoding"] = "8bit" if transfer == "8bit" else "7bit"
    return sign(message.as_bytes(), keys, faults)
