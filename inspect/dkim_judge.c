/* inspect/dkim_judge.c - the candidates through libopendkim, then our own conditions.
 *
 * Owns one library handle until the process ends (opening it reads the resolver's
 * files, so that happens before the sandbox; keys never come by that resolver). libopendkim's
 * "passed" alone is believed in nothing: the body hash must match and no error be set, and it must
 * have judged the very signature that was collected. */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* dkim.h of libopendkim wants it declared */
#include <opendkim/dkim.h>

#include "dkim.h"

#define BODY_CHUNK (1024 * 1024)

static DKIM_LIB *library;

/* What the callbacks see; reached through the handle's user context. */
struct judge {
    const struct inspect_dkim *d;
    const struct inspect_key *keys;
    size_t nkeys;
    DKIM_SIGINFO *info[INSPECT_DKIM_CANDIDATES];
};

static bool usable(const struct judge *j, size_t i)
{
    const struct inspect_candidate *c = &j->d->c[i];

    return c->refuse == NULL && c->pair >= 0 && (size_t)c->pair < j->nkeys &&
           j->keys[c->pair].status == INSPECT_KEY_RECORD && j->keys[c->pair].txt != NULL;
}

/* Tag NAME as libopendkim read it, blanks taken out, equals ours. */
static bool same_tag(DKIM_SIGINFO *s, const struct inspect_tags *ours, const char *name)
{
    const unsigned char *v = dkim_sig_gettagvalue(s, false, (unsigned char *)name);
    const char *want = inspect_tag(ours, name);

    if (v == NULL || want == NULL) {
        return false;
    }
    for (; *v != '\0'; v++) {
        if (strchr(" \t\r\n", *v) != NULL) {
            continue;
        }
        if ((unsigned char)*want++ != *v) {
            return false;
        }
    }
    return *want == '\0';
}

static bool same_signature(DKIM_SIGINFO *s, const struct inspect_tags *ours)
{
    return same_tag(s, ours, "b") && same_tag(s, ours, "d") && same_tag(s, ours, "s") &&
           same_tag(s, ours, "bh") && same_tag(s, ours, "h");
}

static DKIM_CBSTAT prescreen(DKIM *dkim, DKIM_SIGINFO **sigs, int n)
{
    struct judge *j = dkim_get_user_context(dkim);

    for (int k = 0; k < n; k++) {
        bool wanted = false;

        for (size_t i = 0; i < j->d->n && !wanted; i++) {
            if (usable(j, i) && j->info[i] == NULL && same_signature(sigs[k], &j->d->c[i].tags)) {
                j->info[i] = sigs[k];
                wanted = true;
            }
        }
        if (!wanted) {
            dkim_sig_ignore(sigs[k]);
        }
    }
    return DKIM_CBSTAT_CONTINUE;
}

static DKIM_CBSTAT key_of(DKIM *dkim, DKIM_SIGINFO *sig, unsigned char *buf, size_t buflen)
{
    struct judge *j = dkim_get_user_context(dkim);

    for (size_t i = 0; i < j->d->n; i++) {
        if (j->info[i] == sig) {
            const char *txt = j->keys[j->d->c[i].pair].txt;
            size_t n = strlen(txt);

            if (n >= buflen) {
                return DKIM_CBSTAT_ERROR;
            }
            memcpy(buf, txt, n + 1);
            return DKIM_CBSTAT_CONTINUE;
        }
    }
    return DKIM_CBSTAT_NOTFOUND;
}

static DKIM_CBSTAT final(DKIM *dkim, DKIM_SIGINFO **sigs, int n)
{
    const struct judge *j = dkim_get_user_context(dkim);

    (void)sigs;
    (void)n;
    for (size_t i = 0; i < j->d->n; i++) {
        if (j->info[i] != NULL) {
            (void)dkim_sig_process(dkim, j->info[i]);
        }
    }
    return DKIM_CBSTAT_CONTINUE;
}

bool inspect_dkim_open(void)
{
    unsigned int flags = DKIM_LIBFLAGS_STRICTHDRS | DKIM_LIBFLAGS_DELAYSIGPROC;

    if (library == NULL) {
        library = dkim_init(NULL, NULL);
    }
    return library != NULL &&
           dkim_options(library, DKIM_OP_SETOPT, DKIM_OPTS_FLAGS, &flags, sizeof(flags)) ==
               DKIM_STAT_OK &&
           dkim_set_prescreen(library, prescreen) == DKIM_STAT_OK &&
           dkim_set_key_lookup(library, key_of) == DKIM_STAT_OK &&
           dkim_set_final(library, final) == DKIM_STAT_OK;
}

/* Times were judged in dkim_collect.c, by the clock of the request; the library's
 * clock is made to agree by a drift. It computes t= minus drift without a sign,
 * so the drift is never more than the smallest t=. */
static bool set_options(const struct judge *j, int min_key_bits)
{
    unsigned int bits = (unsigned int)min_key_bits;
    uint64_t drift = INT64_MAX / 2;

    for (size_t i = 0; i < j->d->n; i++) {
        const char *t = inspect_tag(&j->d->c[i].tags, "t");
        int64_t at;

        if (usable(j, i) && t != NULL && base_parse_int(t, 0, INT64_MAX / 2, &at) &&
            (uint64_t)at < drift) {
            drift = (uint64_t)at;
        }
    }
    return library != NULL &&
           dkim_options(library, DKIM_OP_SETOPT, DKIM_OPTS_MINKEYBITS, &bits, sizeof(bits)) ==
               DKIM_STAT_OK &&
           dkim_options(library, DKIM_OP_SETOPT, DKIM_OPTS_CLOCKDRIFT, &drift, sizeof(drift)) ==
               DKIM_STAT_OK;
}

/* The whole mail through the library; false if it refused to go on. */
static bool run(DKIM *dkim, const struct inspect_header *h)
{
    for (size_t i = 0; i < h->n; i++) {
        const struct base_bytes *raw = &h->fields[i].raw;
        DKIM_STAT s = dkim_header(dkim, (unsigned char *)raw->p, raw->n);

        /* somebody else's broken signature is none of ours */
        if (s != DKIM_STAT_OK && !inspect_field_is(&h->fields[i], "DKIM-Signature")) {
            return false;
        }
    }
    if (dkim_eoh(dkim) != DKIM_STAT_OK) {
        return false;
    }
    for (size_t at = 0; at < h->body.n;) {
        size_t n = h->body.n - at < BODY_CHUNK ? h->body.n - at : BODY_CHUNK;

        if (dkim_body(dkim, (unsigned char *)h->body.p + at, n) != DKIM_STAT_OK) {
            return false;
        }
        at += n;
    }
    /* RFC 6376 3.4.3 and 3.4.4 end a body in CRLF; the library leaves that to us */
    if (h->body.n > 0 && (h->body.n < 2 || memcmp(h->body.p + h->body.n - 2, "\r\n", 2) != 0) &&
        dkim_body(dkim, (unsigned char *)"\r\n", 2) != DKIM_STAT_OK) {
        return false;
    }
    (void)dkim_eom(dkim, NULL); /* each signature is looked at by itself */
    return true;
}

/* What the library lets through: a key record of another kind than the signature. */
static const char *refuse_key(struct base_arena *a, const char *txt, const char *algorithm)
{
    struct inspect_tags t;

    if (!inspect_tags_read(a, (struct base_bytes){(const unsigned char *)txt, strlen(txt)}, &t)) {
        return "the key record is malformed";
    }
    const char *kind = inspect_tag(&t, "k");
    size_t n = strcspn(algorithm, "-");

    kind = kind != NULL ? kind : "rsa";
    if (strlen(kind) != n || strncasecmp(kind, algorithm, n) != 0) {
        return "the key is of another kind than the signature";
    }
    return NULL;
}

static const char *refuse_result(struct base_arena *a, const struct judge *j, size_t i,
                                 int min_key_bits, int *bits)
{
    DKIM_SIGINFO *s = j->info[i];
    const struct inspect_candidate *c = &j->d->c[i];
    unsigned int size = 0;

    if (s == NULL) {
        return "the signature could not be read";
    }
    unsigned int flags = dkim_sig_getflags(s);
    DKIM_SIGERROR error = dkim_sig_geterror(s);

    if (dkim_sig_getkeysize(s, &size) == DKIM_STAT_OK) {
        *bits = (int)size;
    }
    if (dkim_sig_getbh(s) == DKIM_SIGBH_MISMATCH) {
        return "the body was changed (body hash)";
    }
    if (error != DKIM_SIGERROR_OK) {
        const char *text = dkim_sig_geterrorstr(error);

        return base_arena_printf(a, "the signature is bad: %s", text != NULL ? text : "unknown");
    }
    if ((flags & DKIM_SIGFLAG_TESTKEY) != 0) {
        return "the key is marked as a test key (t=y)";
    }
    if ((flags & DKIM_SIGFLAG_PROCESSED) == 0 || (flags & DKIM_SIGFLAG_PASSED) == 0) {
        return "the signature does not fit the header";
    }
    if (dkim_sig_getbh(s) != DKIM_SIGBH_MATCH) {
        return "the body hash was not compared";
    }
    if (strcasecmp((const char *)dkim_sig_getdomain(s), inspect_tag(&c->tags, "d")) != 0 ||
        strcmp((const char *)dkim_sig_getselector(s), inspect_tag(&c->tags, "s")) != 0) {
        return "the signature is read in two ways";
    }
    const char *why = refuse_key(a, j->keys[c->pair].txt, inspect_tag(&c->tags, "a"));

    if (why != NULL) {
        return why;
    }
    if (strcasecmp(inspect_tag(&c->tags, "a"), "rsa-sha256") == 0 && *bits < min_key_bits) {
        return base_arena_printf(a, "the key has %d bits, less than %d", *bits, min_key_bits);
    }
    return NULL;
}

static void describe(struct base_arena *a, const struct inspect_candidate *c,
                     struct policy_auth *out)
{
    const char *signed_at = inspect_tag(&c->tags, "t"), *expires = inspect_tag(&c->tags, "x");
    char *domain = base_arena_strdup(a, inspect_tag(&c->tags, "d"));

    base_ascii_lower(domain);
    out->domain = domain;
    out->selector = inspect_tag(&c->tags, "s");
    out->algorithm = inspect_tag(&c->tags, "a");
    out->signature = inspect_tag(&c->tags, "b");
    if (signed_at == NULL || !base_parse_int(signed_at, 0, INT64_MAX / 2, &out->signed_at)) {
        out->signed_at = 0;
    }
    if (expires == NULL || !base_parse_int(expires, 0, INT64_MAX / 2, &out->expires_at)) {
        out->expires_at = 0;
    }
}

/* Result of candidate I alone. */
static enum policy_auth_result judge_one(struct base_arena *a, const struct judge *j, size_t i,
                                         bool ran, int min_key_bits, struct policy_auth *out)
{
    const struct inspect_candidate *c = &j->d->c[i];

    describe(a, c, out);
    if (c->refuse != NULL) {
        out->reason = c->refuse;
        return POLICY_AUTH_FAIL;
    }
    if ((size_t)c->pair >= j->nkeys || j->keys[c->pair].status == INSPECT_KEY_TEMPFAIL) {
        out->reason = "the key could not be looked up now";
        return POLICY_AUTH_TEMPFAIL;
    }
    if (!usable(j, i)) {
        out->reason = "there is no key record for the signature";
        return POLICY_AUTH_FAIL;
    }
    out->reason = ran ? refuse_result(a, j, i, min_key_bits, &out->key_bits)
                      : "the mail could not be verified";
    return out->reason == NULL ? POLICY_AUTH_PASS : POLICY_AUTH_FAIL;
}

static void judge_all(struct base_arena *a, const struct judge *j, bool ran, int min_key_bits,
                      struct policy_auth *out)
{
    for (size_t i = 0; i < j->d->n; i++) {
        struct policy_auth one = {0};

        one.result = judge_one(a, j, i, ran, min_key_bits, &one);
        /* a pass is the end; a tempfail weighs more than a failure */
        if (i == 0 || one.result == POLICY_AUTH_PASS ||
            (one.result == POLICY_AUTH_TEMPFAIL && out->result == POLICY_AUTH_FAIL)) {
            *out = one;
        }
        if (out->result == POLICY_AUTH_PASS) {
            return;
        }
    }
}

void inspect_dkim_judge(struct base_arena *a, const struct inspect_header *h,
                        const struct inspect_dkim *d, const struct inspect_key *keys, size_t nkeys,
                        int min_key_bits, struct policy_auth *out)
{
    struct judge j = {.d = d, .keys = keys, .nkeys = nkeys};
    DKIM *dkim = NULL;
    DKIM_STAT s = DKIM_STAT_OK;
    bool ran = false, any = false;

    memset(out, 0, sizeof(*out));
    for (size_t i = 0; i < d->n; i++) {
        any = any || usable(&j, i);
    }
    if (any && set_options(&j, min_key_bits) &&
        (dkim = dkim_verify(library, (const unsigned char *)"mail", NULL, &s)) != NULL) {
        (void)dkim_set_user_context(dkim, &j);
        ran = run(dkim, h);
    }
    judge_all(a, &j, ran, min_key_bits, out);
    if (dkim != NULL) {
        dkim_free(dkim);
    }
}
