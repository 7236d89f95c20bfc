/* net/update.c - one signed change of a zone.
 *
 * Builds the packet with ldns, sends it over TCP, verifies the answer. Owns the
 * copies of the secret that it makes, and wipes them. */
#include "update.h"

#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "records.h"
#include "wire.h"

#define TIMEOUT_MS 10000
#define FUDGE 300
/* errors of TSIG (RFC 8945 3) that an unsigned answer names */
#define BADSIG 16
#define BADKEY 17
#define BADTIME 18

static enum base_fail_class bad_input(struct base_fail *f, const char *what)
{
    return base_failf(f, BASE_PERMANENT, "net.update.input", "%s can't be put into a DNS update",
                      what);
}

/* TEXT in the master file's quotes: no byte of it means anything there. */
static ldns_rdf *text_rdf(const char *text)
{
    size_t n = strnlen(text, 256);
    uint8_t data[256]; /* a byte of length, then so many: no string */

    if (n > 255) {
        return NULL;
    }
    data[0] = (uint8_t)n;
    memcpy(data + 1, text, n);
    return ldns_rdf_new_frm_data(LDNS_RDF_TYPE_STR, n + 1, data);
}

static ldns_rdf *name_rdf(const char *name)
{
    ldns_rdf *d = NULL;

    return name != NULL && name[0] != '\0' && strlen(name) <= 254 &&
                   ldns_str2rdf_dname(&d, name) == LDNS_STATUS_OK
               ? d
               : NULL;
}

/* RR for the update section: an addition of class IN, or a deletion of class NONE. */
static ldns_rr *update_rr(const struct net_rr *rr, bool add)
{
    ldns_rdf *owner = name_rdf(rr->name);
    ldns_rdf *data = rr->type == NET_DNS_TXT ? text_rdf(rr->value) : name_rdf(rr->value);
    ldns_rr *out;

    if (owner == NULL || data == NULL || (rr->type != NET_DNS_TXT && rr->type != NET_DNS_CNAME)) {
        ldns_rdf_deep_free(owner);
        ldns_rdf_deep_free(data);
        return NULL;
    }
    out = ldns_rr_new();
    ldns_rr_set_owner(out, owner);
    ldns_rr_set_type(out, net_records_type(rr->type));
    ldns_rr_set_class(out, add ? LDNS_RR_CLASS_IN : LDNS_RR_CLASS_NONE);
    ldns_rr_set_ttl(out, add ? (uint32_t)rr->ttl : 0);
    ldns_rr_push_rdf(out, data);
    return out;
}

static ldns_pkt *packet(const struct net_primary *p, const struct net_rr *rr, bool add)
{
    ldns_rdf *zone = name_rdf(p->zone);
    ldns_rr *change = update_rr(rr, add);
    ldns_rr_list *changes = ldns_rr_list_new();
    ldns_pkt *pkt = NULL;

    if (zone != NULL && change != NULL) {
        ldns_rr_list_push_rr(changes, change);
        pkt = ldns_update_pkt_new(zone, LDNS_RR_CLASS_IN, NULL, changes, NULL);
        zone = pkt != NULL ? NULL : zone; /* the packet's now; it copied the changes */
        change = NULL;
    }
    if (pkt != NULL) {
        uint16_t id;
        base_random(&id, sizeof id);
        ldns_pkt_set_id(pkt, id);
    }
    ldns_rdf_deep_free(zone);
    ldns_rr_free(change);
    ldns_rr_list_deep_free(changes);
    return pkt;
}

/* The secret as one base64 text, malloc'ed; NULL if it is none. */
static char *secret_text(const struct net_primary *p)
{
    static const char alphabet[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/=";
    size_t from = 0, to = p->nsecret;

    while (from < to && strchr(" \t\r\n", p->secret[from]) != NULL) {
        from++;
    }
    while (to > from && strchr(" \t\r\n", p->secret[to - 1]) != NULL) {
        to--;
    }
    if (to - from < 8 || to - from > 1024 || (to - from) % 4 != 0) {
        return NULL;
    }
    char *s = base_xmalloc(to - from + 1);
    memcpy(s, p->secret + from, to - from);
    s[to - from] = '\0';
    if (strspn(s, alphabet) != to - from) {
        explicit_bzero(s, to - from);
        free(s);
        return NULL;
    }
    return s;
}

static enum base_fail_class bad_key(const struct net_primary *p, const char *what,
                                    struct base_fail *f)
{
    return base_failf(f, BASE_PERMANENT, "net.update.key",
                      "%s: %s (TSIG): compare the key's name \"%s\", its algorithm %s and its secret "
                      "with the server's, and the clocks of both hosts",
                      p->server, what, p->key, p->algorithm);
}

/* What the server says about our signature; NULL if nothing. */
static const char *tsig_error(const ldns_pkt *answer)
{
    const ldns_rr *t = ldns_pkt_tsig(answer);
    const ldns_rdf *d = t != NULL && ldns_rr_rd_count(t) > 5 ? ldns_rr_rdf(t, 5) : NULL;

    switch (d != NULL && ldns_rdf_size(d) == 2 ? ldns_rdf2native_int16(d) : 0) {
    case BADSIG:
        return "the server finds our signature wrong, so the secrets differ";
    case BADKEY:
        return "the server doesn't know the key";
    case BADTIME:
        return "the server finds our clock wrong";
    default:
        return NULL;
    }
}

static enum base_fail_class judge(const struct net_primary *p, const struct net_rr *rr,
                                  const ldns_pkt *answer, bool genuine, struct base_fail *f)
{
    ldns_pkt_rcode rcode = ldns_pkt_get_rcode(answer);
    const char *tsig = tsig_error(answer);

    if (tsig != NULL) {
        return bad_key(p, tsig, f);
    }
    switch (rcode) {
    case LDNS_RCODE_REFUSED:
        return base_failf(f, BASE_PERMANENT, "net.update.refused",
                          "%s refuses to let key \"%s\" change %s %s: expected an update-policy that "
                          "grants it",
                          p->server, p->key, rr->type == NET_DNS_TXT ? "TXT" : "CNAME", rr->name);
    case LDNS_RCODE_NOTAUTH:
    case LDNS_RCODE_NOTZONE:
    case LDNS_RCODE_NOTIMPL:
        return base_failf(f, BASE_PERMANENT, "net.update.zone",
                          "%s takes no updates of %s in zone %s: expected its primary server, and "
                          "a zone that holds the name",
                          p->server, rr->name, p->zone);
    case LDNS_RCODE_NOERROR:
        /* an unsigned or wrongly signed yes is nobody's */
        return genuine ? BASE_OK : bad_key(p, "the answer's signature is wrong", f);
    default:
        return base_failf(f, BASE_TEMPORARY, "net.update.server", "%s answered code %d to the update",
                          p->server, (int)rcode);
    }
}

static enum base_fail_class talk(const struct net_primary *p, const struct net_rr *rr,
                                 ldns_pkt *pkt, const char *secret, struct base_fail *f)
{
    const char *algorithm =
        strcmp(p->algorithm, "hmac-sha512") == 0 ? "hmac-sha512." : "hmac-sha256.";
    uint8_t *msg = NULL, *got = NULL;
    size_t n = 0, ngot = 0;
    ldns_pkt *answer = NULL;
    enum base_fail_class cls;

    if (ldns_pkt_tsig_sign(pkt, p->key, secret, FUDGE, algorithm, NULL) != LDNS_STATUS_OK ||
        ldns_pkt2wire(&msg, pkt, &n) != LDNS_STATUS_OK) {
        LDNS_FREE(msg);
        return bad_input(f, "the key's name, algorithm or secret");
    }
    cls = net_wire_exchange(p->server, true, msg, n,
                            p->timeout_ms > 0 ? p->timeout_ms : TIMEOUT_MS, &got, &ngot, f);
    LDNS_FREE(msg);
    if (cls != BASE_OK) {
        return cls;
    }
    if (ldns_wire2pkt(&answer, got, ngot) != LDNS_STATUS_OK) {
        cls = base_failf(f, BASE_TEMPORARY, "net.update.server", "%s: its answer can't be read",
                         p->server);
    } else {
        const ldns_rdf *mac = ldns_rr_rdf(ldns_pkt_tsig(pkt), 3);
        bool genuine = ldns_pkt_tsig(answer) != NULL &&
                       ldns_pkt_tsig_verify(answer, got, ngot, p->key, secret, mac);
        cls = judge(p, rr, answer, genuine, f);
    }
    ldns_pkt_free(answer);
    free(got);
    return cls;
}

enum base_fail_class net_update(const struct net_primary *p, const struct net_rr *rr, bool add,
                                struct base_fail *f)
{
    ldns_pkt *pkt = packet(p, rr, add);
    char *secret = secret_text(p);
    enum base_fail_class cls;

    if (pkt == NULL) {
        cls = bad_input(f, "the zone, name or value");
    } else if (secret == NULL) {
        cls = base_failf(f, BASE_PERMANENT, "net.update.input",
                         "the secret of key \"%s\" is no base64 text as in the server's key file",
                         p->key);
    } else {
        cls = talk(p, rr, pkt, secret, f);
    }
    if (secret != NULL) {
        explicit_bzero(secret, strlen(secret));
    }
    free(secret);
    ldns_pkt_free(pkt);
    return cls;
}
