/* cli/options.c - the options of each command, with one-line help. */
#include "options.h"

#define END                       \
    {                             \
        NULL, NULL, NULL, CLI_FLAG \
    }

const struct cli_option cli_options_doctor[] = {
    {"postfix", "DIR", "configuration directory of the Postfix instance to look at", CLI_VALUE},
    END};
const struct cli_option cli_options_publish_list[] = {
    {"publisher", "NAME", "only of this publisher", CLI_VALUE},
    {"state", "STATE", "waiting, wanted, working, published, withdrawn, failed or given-up", CLI_VALUE},
    END};
const struct cli_option cli_options_passphrase_deliver[] = {
    {"hook", "PROGRAM", "those of way hook: it gets the passphrase on standard input", CLI_VALUE},
    {"dir", "DIR", "those of way file: a file of mode 0600 for each, for the help desk", CLI_VALUE},
    {"timeout", "TIME", "that PROGRAM may take for one (default 60s)", CLI_VALUE},
    END};
const struct cli_option cli_options_passphrase_show[] = {
    {"passphrase-out", "FILE", "write it into FILE (mode 0600), not to the terminal", CLI_VALUE},
    END};
const struct cli_option cli_options_passphrase_set[] = {
    {"passphrase-file", "FILE", "the first line of FILE (- = standard input), not from the terminal",
     CLI_VALUE},
    END};
const struct cli_option cli_options_events[] = {
    {"prefix", "TYPE", "only events whose type starts so, such as mail. or order.", CLI_VALUE},
    {"after", "ID", "all behind this event, oldest first (0 = all)", CLI_VALUE},
    {"limit", "N", "at most so many (default 100, up to 500)", CLI_VALUE},
    END};
const struct cli_option cli_options_domain_add[] = {
    {"method", "METHOD", "email, dns-txt, dns-cname or http, if not the domain's own", CLI_VALUE}, END};
const struct cli_option cli_options_account[] = {
    {"account", "ID", "only of this account", CLI_VALUE}, END};
const struct cli_option cli_options_organization[] = {
    {"account", "ID", "needed where there are several", CLI_VALUE}, END};
const struct cli_option cli_options_organization_add[] = {
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
const struct cli_option cli_options_persist[] = {
    {"until", "DATE", "the record shall hold no longer than this (persistUntil)", CLI_VALUE},
    {"policy", "POLICY", "wildcard: for names below it too", CLI_VALUE},
    END};
const struct cli_option cli_options_order[] = {
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
const struct cli_option cli_options_batch_show[] = {
    {"result", "FILE", "write what became of each line into FILE (CSV)", CLI_VALUE},
    {"wait", NULL, "until it is done, or waits for a person", CLI_FLAG},
    {"timeout", "TIME", "with --wait: no longer than this (default: no limit)", CLI_VALUE},
    END};
const struct cli_option cli_options_batch_resume[] = {
    {"failed", NULL, "lines that failed or were refused are tried once more", CLI_FLAG}, END};
const struct cli_option cli_options_expect[] = {
    {"order", "ID", "the CA's number of the order", CLI_VALUE},
    {"account", "ID", "the account it was ordered over, if not the domain's", CLI_VALUE},
    END};
const struct cli_option cli_options_agreement[] = {
    {"what", "TERMS", "certificate-services, master-services, smime-terms or all", CLI_VALUE},
    {"version", "V", "of the terms, as the CA calls it", CLI_VALUE},
    {"name", "TEXT", "who accepts: \"NAME, FUNCTION\"", CLI_VALUE},
    END};
const struct cli_option cli_options_release[] = {
    {"orders", "N", "how many above the account's limits", CLI_VALUE},
    {"reason", "TEXT", "needed; kept with your name", CLI_VALUE},
    {"batch", "ID", "only for this list of orders", CLI_VALUE},
    {"valid", "TIME", "so long (default 24h, up to 30d)", CLI_VALUE},
    END};
const struct cli_option cli_options_release_list[] = {
    {"account", "ID", "only of this account", CLI_VALUE}, END};
const struct cli_option cli_options_evidence[] = {
    {"out", "FILE", "write it there (default: standard output)", CLI_VALUE},
    {"force", NULL, "replace FILE", CLI_FLAG},
    {"verify", NULL, "FILE instead of ORDER: is it whole, and signed by our keeper", CLI_FLAG},
    {"certificate", "FILE", "with --verify: the signer's certificate (PEM), without the keeper",
     CLI_VALUE},
    {"signer", NULL, "the certificate that evidence is signed with (PEM)", CLI_FLAG},
    END};
const struct cli_option cli_options_consent_add[] = {
    {"what", "WHAT", "custody (we keep the key) or mailbox-validation (we answer)", CLI_VALUE},
    {"who", "NAME", "who gave it", CLI_VALUE},
    {"how", "TEXT", "in which way: letter of 3 May, ticket 17, signed form", CLI_VALUE},
    {"text", "TEXT", "what exactly was agreed to; @FILE reads it from a file", CLI_VALUE},
    END};
const struct cli_option cli_options_consent_list[] = {
    {"mailbox", "ADDR", "only those of this mailbox", CLI_VALUE}, END};
const struct cli_option cli_options_list[] = {
    {"expiring", "TIME", "certificates that end within this time, such as 30d", CLI_VALUE}, END};
const struct cli_option cli_options_export[] = {
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
const struct cli_option cli_options_forget[] = {
    {"reason", "TEXT", "needed from who asks; kept with your name", CLI_VALUE},
    {"confirm", NULL, "the second person's word", CLI_FLAG},
    END};
const struct cli_option cli_options_import[] = {
    {"passphrase-file", "FILE", "the file's passphrase: the first line of FILE (- = standard input)",
     CLI_VALUE},
    {"current", NULL, "it takes the place of the mailbox's current certificate of the same use", CLI_FLAG},
    {"reason", "TEXT", "kept in the journal and told to the mailbox's owner", CLI_VALUE},
    END};
const struct cli_option cli_options_reason[] = {
    {"reason", "TEXT", "needed; kept with your name", CLI_VALUE}, END};
const struct cli_option cli_options_act[] = {
    {"reason", "TEXT", "needed; kept with your name", CLI_VALUE},
    {"dry-run", NULL, "show the request to the CA; nothing is written or sent", CLI_FLAG},
    {"timeout", "TIME", "wait for the CA no longer than this (default 60s; 0 = not at all)", CLI_VALUE},
    END};
const struct cli_option cli_options_revoke[] = {
    {"reason", "TEXT", "needed; kept with your name", CLI_VALUE},
    {"whole-order", NULL, "with order:N: every certificate of the order", CLI_FLAG},
    {"dry-run", NULL, "show the request to the CA; nothing is written or sent", CLI_FLAG},
    {"timeout", "TIME", "wait for the CA no longer than this (default 60s; 0 = not at all)", CLI_VALUE},
    END};
const struct cli_option cli_options_reissue[] = {
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
const struct cli_option cli_options_renew[] = {
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
const struct cli_option cli_options_request[] = {
    {"account", "ID", "needed where there are several", CLI_VALUE},
    {"reason", "TEXT", "needed to decide; kept with your name", CLI_VALUE},
    {"dry-run", NULL, "show the request to the CA; nothing is written or sent", CLI_FLAG},
    {"timeout", "TIME", "wait for the CA no longer than this (default 60s; 0 = not at all)", CLI_VALUE},
    END};
const struct cli_option cli_options_request_list[] = {
    {"account", "ID", "only of this account", CLI_VALUE}, END};
const struct cli_option cli_options_ingest[] = {
    {"rcpt", "ADDR", "envelope recipient; needed", CLI_VALUE},
    {"sender", "ADDR", "envelope sender", CLI_VALUE},
    {"wait", "TIME", "for its outcome, at most (default 30s; 0 = not at all)", CLI_VALUE},
    END};
const struct cli_option cli_options_explain[] = {
    {"rcpt", "ADDR", "envelope recipient; needed", CLI_VALUE},
    {"intent", "KIND:NAME[:ID]",
     "as if this request of ours were open, such as domain:example.org:123", CLI_MANY},
    {"dns-data", "FILE", "resource records in zone syntax, used instead of the DNS", CLI_VALUE},
    {"at", "TIME", "judge as of then (2026-11-22 or 2026-11-22T14:03:07Z), not now", CLI_VALUE},
    {"show-links", NULL, "whole links: a token in them lets whoever sees it confirm", CLI_FLAG},
    END};
const struct cli_option cli_options_test[] = {
    {"dns-data", "FILE", "resource records in zone syntax, used instead of the DNS", CLI_VALUE},
    {"at", "TIME", "judge as of then, not now", CLI_VALUE},
    END};
const struct cli_option cli_options_record[] = {
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

const struct cli_option cli_options_backup[] = {
    {"force", NULL, "replace FILE", CLI_FLAG}, END};
const struct cli_option cli_options_verify[] = {
    {"sheet", "[FILE]",
     "open every key with the recovery sheet: asked for, or read from FILE (- = standard input)",
     CLI_MAYBE},
    {"kek", "FILE", "the same with the key's own file; proves nothing about the sheet", CLI_VALUE},
    END};
const struct cli_option cli_options_restore[] = {
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
const struct cli_option cli_options_sheet[] = {
    {"out", "FILE", "write it into FILE (mode 0600), not to standard output", CLI_VALUE},
    {"kek", "FILE", "the key's file (default: kek in credentials_dir; - = standard input)", CLI_VALUE},
    {"force", NULL, "replace FILE", CLI_FLAG},
    END};
const struct cli_option cli_options_rewrap[] = {
    {"new-kek", "FILE", "the new key: 32 bytes, or 64 hex digits; needed", CLI_VALUE}, END};
