/* policy/watch.h - the watch file: what certmilterd has to look at.
 *
 * The agent compiles it from configuration, profiles and open intents; the
 * milter reads it and nothing else. It holds no addresses in clear: every
 * entry is 64 bits of the SHA-256 of its normalised form (1,000,000 addresses
 * are 8 MB). A collision costs one needless look at a mail, no more: interest
 * is never authentication.
 *
 * The file is binary, versioned, ends with the SHA-256 of all before it, and
 * is replaced as a whole. A loaded watch is immutable: any number of threads
 * may ask it. */
#ifndef POLICY_WATCH_H
#define POLICY_WATCH_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/arena.h"
#include "base/fail.h"

#define POLICY_WATCH_MAX_MAIL (10 * 1024 * 1024) /* default of max_mail */
#define POLICY_WATCH_ADDR_LEN 512                /* a normalised address with its NUL */

/* ---- normalising ------------------------------------------------------------- */

/* The one form in which addresses are compared: no angle brackets, source
 * route, quotes around the local part, "+extension" or trailing dot; ASCII in
 * lower case; domain as A-labels (IDNA2008, UTS 46). Bare "postmaster" stays
 * "postmaster" (RFC 5321 section 4.5.1). NULL if ADDR is no address (also for <>,
 * address literals and overlong ones). */
char *policy_watch_normalise(struct base_arena *a, const char *addr);
/* The same with the case of the local part as it came. */
char *policy_watch_normalise_exact(struct base_arena *a, const char *addr);
/* The same into OUT, without allocation for ASCII input. */
bool policy_watch_normalise_to(const char *addr, size_t n, char out[POLICY_WATCH_ADDR_LEN]);
/* The same; the case of the local part stays without FOLD. */
bool policy_watch_form_to(const char *addr, size_t n, bool fold, char out[POLICY_WATCH_ADDR_LEN]);
/* A domain alone. */
bool policy_watch_domain_to(const char *domain, size_t n, char out[POLICY_WATCH_ADDR_LEN]);

/* ---- building (agent) -------------------------------------------------------- */

struct policy_watch_build;

struct policy_watch_build *policy_watch_build_new(void);
void policy_watch_build_free(struct policy_watch_build *b); /* NULL is fine */
void policy_watch_build_max_mail(struct policy_watch_build *b, int64_t bytes);
/* All return false (and add nothing) if the text is no domain or address.
 * Adding one twice is fine. */
/* Envelope senders of DOMAIN and its subdomains are of interest. */
bool policy_watch_build_add_sender_domain(struct policy_watch_build *b, const char *domain);
/* A From address of DOMAIN or a subdomain makes a mail ours. */
bool policy_watch_build_add_from_domain(struct policy_watch_build *b, const char *domain);
/* A controlled domain: its five role addresses are watched. */
bool policy_watch_build_add_domain(struct policy_watch_build *b, const char *domain);
/* A listed contact or a mailbox with an open intent. */
bool policy_watch_build_add_address(struct policy_watch_build *b, const char *addr);
/* Writes PATH through base_file_write(); its codes, and watch.size (permanent). */
enum base_fail_class policy_watch_build_write(struct policy_watch_build *b, const char *path,
                                              mode_t mode, struct base_fail *f);

/* ---- reading (milter, doctor) -------------------------------------------------- */

struct policy_watch;

/* Codes (permanent): watch.absent, watch.damaged, watch.version; watch.read
 * (temporary). */
enum base_fail_class policy_watch_load(const char *path, struct policy_watch **w,
                                       struct base_fail *f);
/* The same from memory (copied). */
enum base_fail_class policy_watch_parse(const void *p, size_t n, struct policy_watch **w,
                                        struct base_fail *f);
void policy_watch_free(struct policy_watch *w); /* NULL is fine */

int64_t policy_watch_max_mail(const struct policy_watch *w);
/* ADDR as in MAIL FROM or RCPT TO, with or without angle brackets. */
bool policy_watch_interest_sender(const struct policy_watch *w, const char *addr);
bool policy_watch_interest_rcpt(const struct policy_watch *w, const char *addr);
/* VALUE is a From field's value as it arrived (folds, comments, lists). True if
 * any address in it is of a profile's domain; a value with broken syntax is
 * searched more eagerly, never less. */
bool policy_watch_from(const struct policy_watch *w, const char *value, size_t n);

struct policy_watch_info {
    int64_t written; /* seconds since the epoch */
    size_t sender_domains, from_domains, domains, addresses;
};
void policy_watch_info(const struct policy_watch *w, struct policy_watch_info *i);

#endif
