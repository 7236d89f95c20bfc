/* cli/table.c - all commands, their arguments, options and one-line help. */
#include "commands.h"

#define END                       \
    {                             \
        NULL, NULL, NULL, CLI_FLAG \
    }
#define MANY 100000

static const struct cli_option doctor_options[] = {
    {"postfix", "DIR", "configuration directory of the Postfix instance to look at", CLI_VALUE},
    END};
static const struct cli_option publish_list_options[] = {
    {"publisher", "NAME", "only of this publisher", CLI_VALUE},
    {"state", "STATE", "waiting, wanted, working, published, withdrawn, failed or given-up", CLI_VALUE},
    END};
static const struct cli_option passphrase_deliver_options[] = {
    {"hook", "PROGRAM", "those of way hook: it gets the passphrase on standard input", CLI_VALUE},
    {"dir", "DIR", "those of way file: a file of mode 0600 for each, for the help desk", CLI_VALUE},
    {"timeout", "TIME", "that PROGRAM may take for one (default 60s)", CLI_VALUE},
    END};
static const struct cli_option passphrase_show_options[] = {
    {"passphrase-out", "FILE", "write it into FILE (mode 0600), not to the terminal", CLI_VALUE},
    END};
static const struct cli_option passphrase_set_options[] = {
    {"passphrase-file", "FILE", "the first line of FILE (- = standard input), not from the terminal",
     CLI_VALUE},
    END};
static const struct cli_option events_options[] = {
    {"prefix", "TYPE", "only events whose type starts so, such as mail. or order.", CLI_VALUE},
    {"after", "ID", "all behind this event, oldest first (0 = all)", CLI_VALUE},
    {"limit", "N", "at most so many (default 100, up to 500)", CLI_VALUE},
    END};
static const struct cli_option domain_add_options[] = {
    {"method", "METHOD", "email, dns-txt, dns-cname or http, if not the domain's own", CLI_VALUE}, END};
static const struct cli_option account_options[] = {
    {"account", "ID", "only of this account", CLI_VALUE}, END};
static const struct cli_option organization_options[] = {
    {"account", "ID", "needed where there are several", CLI_VALUE}, END};
static const struct cli_option organization_add_options[] = {
    {"account", "ID", "needed where there are several", CLI_VALUE},
    {"assumed-name", "NAME", "under which it does business", CLI_VALUE},
    {"address", "TEXT", "street and number, as in the register", CLI_VALUE},
    {"address2", "TEXT", "a second line", CLI_VALUE},
    {"zip", "CODE", "postal code", CLI_VALUE},
    {"city", "NAME", "city", CLI_VALUE},
    {"state", "NAME", "state or province", CLI_VALUE},
    {"country", "CC", "two letters, such as de", CLI_VALUE},
    {"phone", "NUMBER", "the organization's own number, at which the CA calls", CLI_VALUE},
    {"contact-first-name", "NAME", "the organization's contact: who answers for the order", CLI_VALUE},
    {"contact-last-name", "NAME", "", CLI_VALUE},
    {"contact-title", "TEXT", "position", CLI_VALUE},
    {"contact-email", "ADDR", "", CLI_VALUE},
    {"contact-phone", "NUMBER", "", CLI_VALUE},
    {"technical-first-name", "NAME", "a technical contact", CLI_VALUE},
    {"technical-last-name", "NAME", "", CLI_VALUE},
    {"technical-title", "TEXT", "position", CLI_VALUE},
    {"technical-email", "ADDR", "", CLI_VALUE},
    {"technical-phone", "NUMBER", "", CLI_VALUE},
    {"dry-run", NULL, "show the request to the CA; nothing is written or sent", CLI_FLAG},
    END};
static const struct cli_option persist_options[] = {
    {"until", "DATE", "the record shall hold no longer than this (persistUntil)", CLI_VALUE},
    {"policy", "POLICY", "wildcard: for names below it too", CLI_VALUE},
    END};
static const struct cli_option order_options[] = {
    {"product", "NAME", "individual, business, organization, or the CA's own name", CLI_VALUE},
    {"common-name", "WHICH", "email, name, pseudonym or organization", CLI_VALUE},
    {"first-name", "NAME", "of the person (sponsor-validated products)", CLI_VALUE},
    {"last-name", "NAME", "of the person", CLI_VALUE},
    {"pseudonym", "NAME", "instead of the person's name", CLI_VALUE},
    {"addresses", "ADDR,...", "further addresses of this one person, into the same certificate",
     CLI_MANY},
    {"organization", "ID", "the CA's number of it, if not the account's", CLI_VALUE},
    {"key-type", "TYPE", "rsa2048, rsa3072, rsa4096, p256 or p384", CLI_VALUE},
    {"csr", "FILE", "a request whose key is held elsewhere (PEM; - = standard input)", CLI_VALUE},
    {"later", NULL, "no CSR: the CA invites the recipient to make the key in a browser", CLI_FLAG},
    {"hash", "HASH", "of the CA's signature: sha256, sha384 or sha512", CLI_VALUE},
    {"usage", "USAGE", "dual_use, signing or key_management", CLI_VALUE},
    {"additional-usage", "USAGE,...", "non_repudiation, client_auth", CLI_MANY},
    {"profile-type", "TYPE", "strict or multipurpose", CLI_VALUE},
    {"days", "N", "how long the certificate shall be valid", CLI_VALUE},
    {"years", "N", "the same in years", CLI_VALUE},
    {"until", "DATE", "the same as a date: 2027-12-31", CLI_VALUE},
    {"auto-renew", "N", "renew it so many times by itself (0 = never)", CLI_VALUE},
    {"renew-by", "WHO", "us (default) or ca", CLI_VALUE},
    {"key", "WHICH", "of these renewals: new (default) or reuse", CLI_VALUE},
    {"notify", "ADDR,...", "whom the CA writes to as well", CLI_MANY},
    {"comments", "TEXT", "kept at the CA behind our own mark", CLI_VALUE},
    {"custom", "LABEL=TEXT", "a custom field of the account, by label or number", CLI_MANY},
    {"container", "ID", "the CA's number of the account's division", CLI_VALUE},
    {"payment", "HOW", "profile (contract), balance or card", CLI_VALUE},
    {"language", "CODE", "of the CA's mails about it: en, de, ...", CLI_VALUE},
    {"attested-by", "TEXT", "who vouches for the person: \"NAME, FUNCTION\"", CLI_VALUE},
    {"register-dn", "DN", "the directory's entry that vouches for the person", CLI_VALUE},
    {"register-values", "LIST", "what that entry says: mail=...,sn=...", CLI_VALUE},
    {"dry-run", NULL, "show the exact request; nothing is written or sent", CLI_FLAG},
    {"wait", NULL, "until the certificate is stored, or the order failed", CLI_FLAG},
    {"timeout", "TIME", "with --wait: no longer than this (default 15m)", CLI_VALUE},
    {"csv", "FILE", "one order for each line of FILE (- = standard input); its first line names them",
     CLI_VALUE},
    {"result", "FILE", "with --csv: what became of each line (default FILE.result.csv)", CLI_VALUE},
    {"wave", "N", "with --csv: N orders, then wait for \"batch resume\"", CLI_VALUE},
    {"every", "TIME", "with --wave: the next wave after this time", CLI_VALUE},
    {"no-wait", NULL, "with --csv: leave it to the agent", CLI_FLAG},
    END};
static const struct cli_option batch_show_options[] = {
    {"result", "FILE", "write what became of each line into FILE (CSV)", CLI_VALUE},
    {"wait", NULL, "until it is done, or waits for a person", CLI_FLAG},
    {"timeout", "TIME", "with --wait: no longer than this (default: no limit)", CLI_VALUE},
    END};
static const struct cli_option batch_resume_options[] = {
    {"failed", NULL, "lines that failed or were refused are tried once more", CLI_FLAG}, END};
static const struct cli_option expect_options[] = {
    {"order", "ID", "the CA's number of the order", CLI_VALUE},
    {"account", "ID", "the account it was ordered over, if not the domain's", CLI_VALUE},
    END};
static const struct cli_option agreement_options[] = {
    {"what", "TERMS", "certificate-services, master-services, smime-terms or all", CLI_VALUE},
    {"version", "V", "of the terms, as the CA calls it", CLI_VALUE},
    {"name", "TEXT", "who accepts: \"NAME, FUNCTION\"", CLI_VALUE},
    END};
static const struct cli_option release_options[] = {
    {"orders", "N", "how many above the account's limits", CLI_VALUE},
    {"reason", "TEXT", "needed; kept with your name", CLI_VALUE},
    {"batch", "ID", "only for this list of orders", CLI_VALUE},
    {"valid", "TIME", "so long (default 24h, up to 30d)", CLI_VALUE},
    END};
static const struct cli_option release_list_options[] = {
    {"account", "ID", "only of this account", CLI_VALUE}, END};
static const struct cli_option evidence_options[] = {
    {"out", "FILE", "write it there (default: standard output)", CLI_VALUE},
    {"force", NULL, "replace FILE", CLI_FLAG},
    {"verify", NULL, "FILE instead of ORDER: is it whole, and signed by our keeper", CLI_FLAG},
    {"certificate", "FILE", "with --verify: the signer's certificate (PEM), without the keeper",
     CLI_VALUE},
    {"signer", NULL, "the certificate that evidence is signed with (PEM)", CLI_FLAG},
    END};
static const struct cli_option consent_add_options[] = {
    {"what", "WHAT", "custody (we keep the key) or mailbox-validation (we answer)", CLI_VALUE},
    {"who", "NAME", "who gave it", CLI_VALUE},
    {"how", "TEXT", "in which way: letter of 3 May, ticket 17, signed form", CLI_VALUE},
    {"text", "TEXT", "what exactly was agreed to; @FILE reads it from a file", CLI_VALUE},
    END};
static const struct cli_option consent_list_options[] = {
    {"mailbox", "ADDR", "only those of this mailbox", CLI_VALUE}, END};
static const struct cli_option list_options[] = {
    {"expiring", "TIME", "certificates that end within this time, such as 30d", CLI_VALUE}, END};
static const struct cli_option export_options[] = {
    {"p12", "FILE", "key and certificates as PKCS#12 into FILE (mode 0600)", CLI_VALUE},
    {"pem", "[FILE]", "certificate and chain as PEM into FILE, or - for standard output",
     CLI_MAYBE},
    {"force", NULL, "replace FILE", CLI_FLAG},
    {"passphrase-file", "FILE", "your own passphrase: the first line of FILE (- = standard input)",
     CLI_VALUE},
    {"passphrase-out", "FILE", "write the passphrase into FILE (mode 0600), not to the terminal",
     CLI_VALUE},
    {"reason", "TEXT", "kept in the journal and told to the mailbox's owner", CLI_VALUE},
    END};
static const struct cli_option forget_options[] = {
    {"reason", "TEXT", "needed from who asks; kept with your name", CLI_VALUE},
    {"confirm", NULL, "the second person's word", CLI_FLAG},
    END};
static const struct cli_option import_options[] = {
    {"passphrase-file", "FILE", "the file's passphrase: the first line of FILE (- = standard input)",
     CLI_VALUE},
    {"current", NULL, "it takes the place of the mailbox's current certificate of the same use", CLI_FLAG},
    {"reason", "TEXT", "kept in the journal and told to the mailbox's owner", CLI_VALUE},
    END};
static const struct cli_option reason_options[] = {
    {"reason", "TEXT", "needed; kept with your name", CLI_VALUE}, END};
static const struct cli_option act_options[] = {
    {"reason", "TEXT", "needed; kept with your name", CLI_VALUE},
    {"dry-run", NULL, "show the request to the CA; nothing is written or sent", CLI_FLAG},
    {"timeout", "TIME", "wait for the CA no longer than this (default 60s; 0 = not at all)", CLI_VALUE},
    END};
static const struct cli_option revoke_options[] = {
    {"reason", "TEXT", "needed; kept with your name", CLI_VALUE},
    {"whole-order", NULL, "with order:N: every certificate of the order", CLI_FLAG},
    {"dry-run", NULL, "show the request to the CA; nothing is written or sent", CLI_FLAG},
    {"timeout", "TIME", "wait for the CA no longer than this (default 60s; 0 = not at all)", CLI_VALUE},
    END};
static const struct cli_option reissue_options[] = {
    {"reason", "TEXT", "needed; kept with your name", CLI_VALUE},
    {"csr", "FILE", "a new request, where the key is held elsewhere", CLI_VALUE},
    {"attested-by", "TEXT", "who vouches for the person: \"NAME, FUNCTION\"", CLI_VALUE},
    {"register-dn", "DN", "the directory's entry that vouches for the person", CLI_VALUE},
    {"register-values", "LIST", "what that entry says: mail=...,sn=...", CLI_VALUE},
    {"dry-run", NULL, "show the request to the CA; nothing is written or sent", CLI_FLAG},
    {"issued-between", "A..B", "all that were issued on these days, such as 2026-11-01..2026-11-22",
     CLI_VALUE},
    {"issuer", "NAME", "only those whose issuer's name has this in it", CLI_VALUE},
    {"deadline", "TIME", "until when it must be done (2026-11-27T12:00:00Z, or 5d)", CLI_VALUE},
    {"drill", NULL, "say who is affected, and the hours, money and mails; nothing is changed",
     CLI_FLAG},
    {"price", "AMOUNT", "what a reissue costs by your contract, for the forecast", CLI_VALUE},
    {"result", "FILE", "write what became of each certificate into FILE (CSV)", CLI_VALUE},
    {"wave", "N", "N of them, then wait for \"batch resume\"", CLI_VALUE},
    {"every", "TIME", "with --wave: the next wave after this time", CLI_VALUE},
    {"timeout", "TIME", "watch no longer than this (default: no limit)", CLI_VALUE},
    {"no-wait", NULL, "leave it to the agent", CLI_FLAG},
    END};
static const struct cli_option renew_options[] = {
    {"days", "N", "all certificates that end within so many days", CLI_VALUE},
    {"key", "WHICH", "new or reuse, if not as ordered before", CLI_VALUE},
    {"attested-by", "TEXT", "who vouches for the person: \"NAME, FUNCTION\"", CLI_VALUE},
    {"register-dn", "DN", "the directory's entry that vouches for the person", CLI_VALUE},
    {"register-values", "LIST", "what that entry says: mail=...,sn=...", CLI_VALUE},
    {"dry-run", NULL, "show the requests to the CA; nothing is written or sent", CLI_FLAG},
    {"batch", NULL, "with --days: as a batch at a safe rate, that can be paused and resumed", CLI_FLAG},
    {"result", "FILE", "with --batch: write what became of each certificate into FILE (CSV)", CLI_VALUE},
    {"wave", "N", "with --batch: N of them, then wait for \"batch resume\"", CLI_VALUE},
    {"every", "TIME", "with --wave: the next wave after this time", CLI_VALUE},
    {"timeout", "TIME", "with --batch: watch no longer than this (default: no limit)", CLI_VALUE},
    {"no-wait", NULL, "with --batch: leave it to the agent", CLI_FLAG},
    END};
static const struct cli_option request_options[] = {
    {"account", "ID", "needed where there are several", CLI_VALUE},
    {"reason", "TEXT", "needed to decide; kept with your name", CLI_VALUE},
    {"dry-run", NULL, "show the request to the CA; nothing is written or sent", CLI_FLAG},
    {"timeout", "TIME", "wait for the CA no longer than this (default 60s; 0 = not at all)", CLI_VALUE},
    END};
static const struct cli_option request_list_options[] = {
    {"account", "ID", "only of this account", CLI_VALUE}, END};
static const struct cli_option ingest_options[] = {
    {"rcpt", "ADDR", "envelope recipient; needed", CLI_VALUE},
    {"sender", "ADDR", "envelope sender", CLI_VALUE},
    {"wait", "TIME", "for its outcome, at most (default 30s; 0 = not at all)", CLI_VALUE},
    END};
static const struct cli_option explain_options[] = {
    {"rcpt", "ADDR", "envelope recipient; needed", CLI_VALUE},
    {"intent", "KIND:NAME[:ID]",
     "as if this request of ours were open, such as domain:example.org:123", CLI_MANY},
    {"dns-data", "FILE", "resource records in zone syntax, used instead of the DNS", CLI_VALUE},
    {"at", "TIME", "judge as of then (2026-11-22 or 2026-11-22T14:03:07Z), not now", CLI_VALUE},
    {"show-links", NULL, "whole links: a token in them lets whoever sees it confirm", CLI_FLAG},
    END};
static const struct cli_option test_options[] = {
    {"dns-data", "FILE", "resource records in zone syntax, used instead of the DNS", CLI_VALUE},
    {"at", "TIME", "judge as of then, not now", CLI_VALUE},
    END};
static const struct cli_option record_options[] = {
    {"kind", "KIND", "what the mail is: domain-validation, mailbox-validation, ...", CLI_VALUE},
    {"rcpt", "ADDR", "its envelope recipient", CLI_VALUE},
    {"profile", "ID", "if not the one that the sender tells", CLI_VALUE},
    {"dns-data", "FILE", "resource records in zone syntax, used instead of the DNS", CLI_VALUE},
    {"at", "TIME", "judge the signature as of then, not now", CLI_VALUE},
    {"link", "N", "which of the mail's links it is about, as shown", CLI_VALUE},
    {"page", "FILE", "the saved page behind the link", CLI_VALUE},
    {"answer", "FILE", "the saved page that came after the button", CLI_VALUE},
    {"approve", "HOST", "approve links to this host, by its name", CLI_VALUE},
    {"template", "T", "with --approve: the shape of the link, as shown", CLI_VALUE},
    {"button", "N=V", "with --approve: the button to press", CLI_VALUE},
    {"choice", "N=V", "with --approve: the narrow choice", CLI_VALUE},
    {"masked-out", "FILE", "write the mail with its tokens masked, to be shared", CLI_VALUE},
    {"force", NULL, "replace that FILE", CLI_FLAG},
    {"list", NULL, "what has been approved here", CLI_FLAG},
    {"withdraw", NULL, "take an approval back: --withdraw PROFILE KIND", CLI_FLAG},
    END};

static const struct cli_option backup_options[] = {
    {"force", NULL, "replace FILE", CLI_FLAG}, END};
static const struct cli_option verify_options[] = {
    {"sheet", "[FILE]",
     "open every key with the recovery sheet: asked for, or read from FILE (- = standard input)",
     CLI_MAYBE},
    {"kek", "FILE", "the same with the key's own file; proves nothing about the sheet", CLI_VALUE},
    END};
static const struct cli_option restore_options[] = {
    {"sheet", "[FILE]", "open every key with the recovery sheet, and write the key where the keeper reads it",
     CLI_MAYBE},
    {"replace", NULL, "move a ledger and a keeper's state that are there aside", CLI_FLAG},
    {"keeper-state", "DIR", "the keeper's state directory (default /var/lib/certkeeper)", CLI_VALUE},
    {"agent-user", "USER", "default certagent", CLI_VALUE},
    {"keeper-user", "USER", "default certkeeper", CLI_VALUE},
    {"report", NULL, "after a restore: what the CA has that the backup doesn't", CLI_FLAG},
    {"finish", NULL, "after a restore: end the fence, go on as always", CLI_FLAG},
    {"force", NULL, "with --finish: though an account could not be read", CLI_FLAG},
    END};
static const struct cli_option sheet_options[] = {
    {"out", "FILE", "write it into FILE (mode 0600), not to standard output", CLI_VALUE},
    {"kek", "FILE", "the key's file (default: kek in credentials_dir; - = standard input)", CLI_VALUE},
    {"force", NULL, "replace FILE", CLI_FLAG},
    END};
static const struct cli_option rewrap_options[] = {
    {"new-kek", "FILE", "the new key: 32 bytes, or 64 hex digits; needed", CLI_VALUE}, END};

const struct cli_command cli_commands[] = {
    {"status", "", 0, 0, "what is going on, and what needs attention", NULL, cli_cmd_status, NULL},
    {"doctor", "", 0, 0, "check the installation: daemons, Postfix, DNS, API, clock, files",
     doctor_options, cli_cmd_doctor,
     "Every check is ok, warn or fail and says what to do. Works without the daemons.\n"},
    {"domain list", "", 0, 0, "controlled domains and how far they are validated", NULL,
     cli_cmd_domain_list, NULL},
    {"domain add", "DOMAIN", 1, 1, "ask the CA to validate a controlled domain",
     domain_add_options, cli_cmd_domain_add,
     "What is controlled stands in the configuration; nothing else can make it so.\n"},
    {"domain resend", "DOMAIN", 1, 1, "have the validation mails of its open request sent again", NULL,
     cli_cmd_domain_resend, NULL},
    {"domain persist", "DOMAIN", 1, 1, "the persistent TXT record for it, and whether it is there",
     persist_options, cli_cmd_domain_persist,
     "Nothing is written. The account names persist_issuer and persist_account_uri.\n"},
    {"domain plan", "", 0, 0, "the steps that lead away from validation by mail, which ends in 2028",
     NULL, cli_cmd_domain_plan, NULL},
    {"domain release", "DOMAIN", 1, 1, "have its record or file written (mode hold)",
     reason_options, cli_cmd_domain_release, NULL},
    {"domain check", "DOMAIN", 1, 1, "would a validation of it work: mailboxes, MX, CAA, account",
     NULL, cli_cmd_domain_check, NULL},
    {"organization list", "", 0, 0, "organizations of the CA accounts, validated ones first",
     account_options, cli_cmd_organization_list, NULL},
    {"organization show", "ID|NAME", 1, 1, "one of them, with its validation and its clock",
     account_options, cli_cmd_organization_show, NULL},
    {"organization add", "NAME", 1, 1, "add an organization and have it validated for S/MIME",
     organization_add_options, cli_cmd_organization_add,
     "A person of the CA calls, usually within 24 hours of the first order for it.\n"},
    {"organization submit", "ID", 1, 1, "have a new or expired one validated (again)",
     organization_options, cli_cmd_organization_submit, NULL},
    {"product list", "", 0, 0, "what the CA accounts may order", account_options,
     cli_cmd_product_list, NULL},
    {"product show", "PRODUCT", 1, 1, "one product, and the custom fields that orders need",
     account_options, cli_cmd_product_show, NULL},
    {"order", "[RECIPIENT...]", 0, MANY, "order a certificate for each recipient, or for many from a file",
     order_options, cli_cmd_order,
     "A recipient is a mailbox, or several of one person with commas: alice@x.org,a.smith@x.org.\n"
     "Several recipients are several orders; names of persons come from a CSV file then.\n"
     "With --csv the agent orders line by line, at the rate that the CA allows, up to the spending\n"
     "brake; it goes on when this command ends. The same file once more orders nothing twice.\n"
     "certmilter-order(7) lists the whole form.\n"},
    {"batch list", "", 0, 0, "orders in bulk, newest first", NULL, cli_cmd_batch_list, NULL},
    {"batch show", "BATCH", 1, 1, "how far one of them is", batch_show_options, cli_cmd_batch_show,
     NULL},
    {"batch pause", "BATCH", 1, 1, "order nothing more of it until it is resumed", NULL,
     cli_cmd_batch_pause, NULL},
    {"batch resume", "BATCH", 1, 1, "go on with it", batch_resume_options, cli_cmd_batch_resume, NULL},
    {"batch stop", "BATCH", 1, 1, "order nothing more of it; what was ordered goes on", NULL,
     cli_cmd_batch_stop, NULL},
    {"agreement list", "", 0, 0, "the CA's terms, and who accepted them for each account", NULL,
     cli_cmd_agreement_list, NULL},
    {"agreement accept", "ACCOUNT", 1, 1, "accept the CA's terms for an account", agreement_options,
     cli_cmd_agreement_accept,
     "Nothing is ordered before all of them are accepted in the version that the configuration\n"
     "names, and none after the CA changed what it shows, until they are accepted again.\n"},
    {"release", "ACCOUNT", 1, 1, "let orders pass above the limits of an account", release_options,
     cli_cmd_release, NULL},
    {"release list", "", 0, 0, "what was released above the limits, and used of it",
     release_list_options, cli_cmd_release_list, NULL},
    {"evidence", "[ORDER|FILE]", 0, 1, "all that is known of an order, as one signed file",
     evidence_options, cli_cmd_evidence,
     "Attestation, agreements, consents, mails, events, certificates: JSON within a CMS message\n"
     "that the keeper signs; \"openssl cms -verify -inform PEM\" reads it too.\n"},
    {"cancel", "ORDER", 1, 1, "cancel an order that is not issued yet, or its reissue", act_options,
     cli_cmd_cancel, NULL},
    {"revoke", "CERTIFICATE|order:N", 1, 1, "have a certificate revoked", revoke_options,
     cli_cmd_revoke,
     "One certificate: certificate:N, a thumbprint or a serial number; order:N if it has but one.\n"
     "Every certificate of an order only with order:N --whole-order.\n"},
    {"reissue", "[ORDER|MAILBOX]", 0, 1, "another certificate of the same order, with a new key",
     reissue_options, cli_cmd_reissue,
     "The old certificate and its key stay here, and exportable.\n"},
    {"renew", "[MAILBOX]", 0, 1, "a new order in place of a certificate that ends", renew_options,
     cli_cmd_renew,
     "Limits of the account hold. Domains with \"renew\" in the configuration do it by themselves.\n"},
    {"emails", "ORDER [ADDR...]", 1, MANY, "whom the CA writes to about an order, besides its mailbox",
     act_options, cli_cmd_emails, "Replaces the list that the order had.\n"},
    {"request list", "", 0, 0, "what waits at the CA for a person's approval", request_list_options,
     cli_cmd_request_list, NULL},
    {"request approve", "ID", 1, 1, "approve it", request_options, cli_cmd_request_approve, NULL},
    {"request reject", "ID", 1, 1, "reject it", request_options, cli_cmd_request_reject, NULL},
    {"expect", "domain|mailbox NAME", 2, 2, "expect mails of what was ordered in the CA's portal",
     expect_options, cli_cmd_expect, NULL},
    {"consent add", "MAILBOX", 1, 1, "record what a mailbox's owner agreed to",
     consent_add_options, cli_cmd_consent_add, NULL},
    {"consent list", "", 0, 0, "recorded consents", consent_list_options, cli_cmd_consent_list,
     NULL},
    {"consent withdraw", "ID", 1, 1, "the owner took it back", NULL, cli_cmd_consent_withdraw,
     NULL},
    {"list", "", 0, 0, "mailboxes with their certificates", list_options, cli_cmd_list, NULL},
    {"show", "WHAT", 1, 1, "all about a mailbox, domain, order, certificate, intent or mail", NULL,
     cli_cmd_show,
     "WHAT: a mailbox, a domain, the CA's order number, a thumbprint or serial, or one of\n"
     "order:N intent:N mail:N certificate:N domain:NAME.\n"},
    {"export", "MAILBOX|KEY", 0, 1, "certificate and key as PKCS#12, or certificate as PEM",
     export_options, cli_cmd_export,
     "A PKCS#12 comes from the keeper itself and works without the agent. The keeper makes\n"
     "its passphrase; it is shown once. The export is logged and the owner is told by mail.\n"},
    {"forget", "MAILBOX", 1, 1, "destroy its keys, and its data when that may go", forget_options,
     cli_cmd_forget,
     "Two persons: one asks with a reason, another one confirms within 7 days. Its private keys\n"
     "are destroyed then, so mails encrypted to it can't be read any more. What proves the\n"
     "orders stays until two years past the last certificate's end; then names and addresses go\n"
     "too, and a dated tombstone remains. Revoke its certificates first if they are valid.\n"},
    {"import", "FILE", 1, 1, "a certificate from elsewhere, with its key or without", import_options,
     cli_cmd_import,
     "FILE: a PKCS#12, or certificates as PEM (leaf and chain). A key goes to the keeper, so that\n"
     "the mails of its time stay readable; the owner is told by mail. The mailbox is the one that\n"
     "the certificate names.\n"},
    {"publish list", "", 0, 0, "where certificates are published, and what fails",
     publish_list_options, cli_cmd_publish_list, NULL},
    {"publish retry", "MAILBOX|CERTIFICATE", 1, 1, "try again what failed or was given up", NULL,
     cli_cmd_publish_retry, NULL},
    {"publish run", "MAILBOX", 1, 1, "publish everything of a mailbox anew", NULL,
     cli_cmd_publish_run, "Also what is published already; mails that were sent are not sent twice.\n"},
    {"publish history", "MAILBOX", 1, 1, "mail key and certificate again, with the older keys", NULL,
     cli_cmd_publish_history,
     "For a new device: publishers of kind mail send the newest certificate that can decrypt,\n"
     "with up to 20 older keys of the mailbox, so that old mail is readable there.\n"},
    {"passphrase deliver", "", 0, 0, "hand out the passphrases of what was mailed",
     passphrase_deliver_options, cli_cmd_passphrase_deliver,
     "For root, by certmilter-passphrases.timer. Works without the agent. PROGRAM runs once for\n"
     "each, with CERTMILTER_MAILBOX and CERTMILTER_EXPORT; exit 75 means later. What it took\n"
     "(exit 0), or what lies in DIR, is wiped by the keeper.\n"},
    {"passphrase list", "", 0, 0, "passphrases that wait to be handed out", NULL,
     cli_cmd_passphrase_list, NULL},
    {"passphrase show", "EXPORT", 1, 1, "that of one sealed PKCS#12", passphrase_show_options,
     cli_cmd_passphrase_show, "Logged, and told to the owner by mail.\n"},
    {"passphrase set", "MAILBOX", 1, 1, "the passphrase that its owner chose for every PKCS#12",
     passphrase_set_options, cli_cmd_passphrase_set,
     "At least 12 bytes of 6 different kinds. For publishers with passphrase = preset: without\n"
     "one nothing is sent to the mailbox.\n"},
    {"passphrase clear", "MAILBOX", 1, 1, "take that passphrase away", NULL,
     cli_cmd_passphrase_clear, NULL},
    {"held list", "", 0, 0, "mails that wait for a person", NULL, cli_cmd_held_list, NULL},
    {"held show", "ID", 1, 1, "one of them, with every check", NULL, cli_cmd_held_show, NULL},
    {"held approve", "ID", 1, 1, "release it", reason_options, cli_cmd_held_approve,
     "What is unknown or unbound can be approved; a failed check of domain, account,\n"
     "signature, host or used token can't.\n"},
    {"held deny", "ID", 1, 1, "close it unanswered", reason_options, cli_cmd_held_deny, NULL},
    {"explain", "FILE", 1, 1, "what would be done with a mail, and why", explain_options,
     cli_cmd_explain,
     "Needs no daemon. FILE - is standard input. Intents are domain, mailbox or order; ID is\n"
     "taken as order, certificate, domain and support id alike. Without a configuration the\n"
     "domains of the intents, or else the recipient's, are taken as controlled.\n"},
    {"ingest", "FILE", 1, 1, "take a mail that missed the milter (- = standard input)",
     ingest_options, cli_cmd_ingest, NULL},
    {"profile check", "FILE", 1, 1, "is this profile of a CA well-formed", NULL,
     cli_cmd_profile_check, NULL},
    {"profile test", "FILE MAIL...", 2, MANY, "what a profile makes of sample mails", test_options,
     cli_cmd_profile_test, NULL},
    {"profile record", "[MAIL]", 0, 2, "learn a CA's links and pages from a mail of the own account",
     record_options, cli_cmd_profile_record,
     "  certmilter profile record MAIL --kind KIND --rcpt ADDR [--page FILE] [--answer FILE]\n"
     "      shows host, shape of the link and form; nothing is changed\n"
     "  ... --approve HOST --template T [--button N=V] [--choice N=V]\n"
     "      approves them for this site, in your name\n"
     "  certmilter profile record --list, --withdraw PROFILE KIND\n"},
    {"backup list", "FILE", 1, 1, "what a backup is of", NULL, cli_cmd_backup_list, NULL},
    {"backup verify", "FILE", 1, 1, "is a backup whole, and does the recovery sheet open it", verify_options,
     cli_cmd_backup_verify,
     "With --sheet every key in it is opened; that it worked is recorded, and doctor asks for it.\n"},
    {"backup", "FILE|DIR", 1, 1, "ledger and keys as one file, while all goes on", backup_options,
     cli_cmd_backup,
     "Private keys are in it encrypted only: it is of no use without the recovery sheet.\n"},
    {"restore", "[FILE]", 0, 1, "put a backup in its places; look at it, end its fence", restore_options,
     cli_cmd_restore,
     "The daemons must be stopped. Afterwards the agent reads what the CA has and sends\n"
     "nothing until restore --finish.\n"},
    {"keeper recovery-sheet", "", 0, 0, "the key-encryption key, to be printed and locked away",
     sheet_options, cli_cmd_keeper_sheet, NULL},
    {"keeper rewrap", "", 0, 0, "everything under another key-encryption key, while all goes on",
     rewrap_options, cli_cmd_keeper_rewrap, "Interrupted, the same command goes on.\n"},
    {"keeper status", "", 0, 0, "keys and key-encryption key of the keeper", NULL, cli_cmd_keeper_status,
     NULL},
    {"events", "", 0, 0, "the newest entries of the record of all decisions and actions",
     events_options, cli_cmd_events, NULL},
    {"reload", "", 0, 0, "have the agent read its configuration anew", NULL, cli_cmd_reload, NULL},
    {"help", "[COMMAND]", 0, 2, "this list, or all about one command", NULL, cli_cmd_help, NULL},
    {"version", "", 0, 0, "the version of this command", NULL, cli_cmd_version, NULL},
    {NULL, NULL, 0, 0, NULL, NULL, NULL, NULL},
};
