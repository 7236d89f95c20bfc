/* deliver/ldap_open.c - the way to a directory: connection, TLS, bind; and what its
 * answers mean.
 *
 * libldap reads its defaults from ldap.conf(5) and the environment; everything that
 * matters for safety is set here again. No password ever goes over a connection that is
 * not encrypted and whose server is not verified by name. Referrals are not followed. */
#include <stdio.h>
#include <string.h>

#include "ldap_inner.h"

#define SYSTEM_BUNDLE "/etc/ssl/certs/ca-certificates.crt"

static bool starts(const char *s, const char *with)
{
    return strncasecmp(s, with, strlen(with)) == 0;
}

const char *deliver_ldap_filter(struct base_arena *a, const char *filter, const char *mailbox)
{
    struct base_buf b;
    base_buf_init(&b, 0);
    for (const char *p = filter; *p; p++) {
        if (p[0] != '%' || p[1] != 's') {
            base_buf_add(&b, p, 1);
            continue;
        }
        for (const unsigned char *m = (const unsigned char *)mailbox; *m; m++)
            if (*m < 0x20 || *m > 0x7e || strchr("*()\\", *m))
                base_buf_addf(&b, "\\%02x", *m);
            else
                base_buf_add(&b, m, 1);
        p++;
    }
    const char *out = base_arena_strdup(a, base_buf_str(&b));
    base_buf_free(&b);
    return out;
}

/* Later: the same may work without anybody's hand. */
static bool is_temporary(int rc)
{
    switch (rc) {
    case LDAP_SERVER_DOWN:
    case LDAP_CONNECT_ERROR:
    case LDAP_TIMEOUT:
    case LDAP_BUSY:
    case LDAP_UNAVAILABLE:
    case LDAP_TIMELIMIT_EXCEEDED:
    case LDAP_ADMINLIMIT_EXCEEDED:
    case LDAP_OPERATIONS_ERROR:
    case LDAP_LOCAL_ERROR:
    case LDAP_OTHER:            /* what OpenLDAP says of a full disk or a full database */
    case LDAP_ASSERTION_FAILED: /* somebody writes the same entry all the time */
        return true;
    default:
        return false;
    }
}

static const char *code_of(int rc)
{
    switch (rc) {
    case LDAP_INVALID_CREDENTIALS:
    case LDAP_INAPPROPRIATE_AUTH:
    case LDAP_INSUFFICIENT_ACCESS:
        return "deliver.denied";
    case LDAP_REFERRAL:
        return "deliver.referral";
    default:
        return is_temporary(rc) ? "deliver.unreachable" : "deliver.refused";
    }
}

static const char *advice(int rc)
{
    switch (rc) {
    case LDAP_INVALID_CREDENTIALS:
        return ": check bind_dn and its credential";
    case LDAP_INSUFFICIENT_ACCESS:
        return ": give bind_dn the right to write userCertificate and userSMIMECertificate";
    case LDAP_REFERRAL:
        return ": it points to another server; name the one that takes changes in the uri";
    case LDAP_OBJECT_CLASS_VIOLATION:
        return ": the entry's object classes don't allow the attribute (inetOrgPerson does)";
    case LDAP_NO_SUCH_OBJECT:
        return ": there is no such base";
    default:
        return "";
    }
}

enum base_fail_class deliver_ldap_failed(LDAP *ld, const struct policy_publisher *t, int rc,
                                         const char *what, struct base_fail *f)
{
    char *said = NULL;
    struct base_arena *a = base_arena_new();
    if (ld)
        ldap_get_option(ld, LDAP_OPT_DIAGNOSTIC_MESSAGE, &said);
    const char *detail = said && said[0] ? base_printable(a, said, strlen(said), 150) : "";
    enum base_fail_class c =
        base_failf(f, rc == LDAP_NO_MEMORY ? BASE_OURS : is_temporary(rc) ? BASE_TEMPORARY
                                                                          : BASE_PERMANENT,
                   code_of(rc), "%s: %s: %s: %s%s%s%s%s", t->id, t->uri, what, ldap_err2string(rc),
                   detail[0] ? " (" : "", detail, detail[0] ? ")" : "", advice(rc));
    ldap_memfree(said);
    base_arena_free(a);
    return c;
}

static bool set_tls(LDAP *ld, const struct policy_publisher *t)
{
    const int demand = LDAP_OPT_X_TLS_DEMAND, client = 0, version = LDAP_OPT_X_TLS_PROTOCOL_TLS1_2;
    const char *bundle = t->tls_bundle ? t->tls_bundle : SYSTEM_BUNDLE;
    return ldap_set_option(ld, LDAP_OPT_X_TLS_REQUIRE_CERT, &demand) == LDAP_OPT_SUCCESS &&
           ldap_set_option(ld, LDAP_OPT_X_TLS_REQUIRE_SAN, &demand) == LDAP_OPT_SUCCESS &&
           ldap_set_option(ld, LDAP_OPT_X_TLS_PROTOCOL_MIN, &version) == LDAP_OPT_SUCCESS &&
           ldap_set_option(ld, LDAP_OPT_X_TLS_CACERTFILE, bundle) == LDAP_OPT_SUCCESS &&
           ldap_set_option(ld, LDAP_OPT_X_TLS_NEWCTX, &client) == LDAP_OPT_SUCCESS;
}

static bool set_options(LDAP *ld, const struct policy_publisher *t)
{
    const int version = LDAP_VERSION3;
    const struct timeval limit = {.tv_sec = (time_t)t->timeout};
    return ldap_set_option(ld, LDAP_OPT_PROTOCOL_VERSION, &version) == LDAP_OPT_SUCCESS &&
           ldap_set_option(ld, LDAP_OPT_REFERRALS, LDAP_OPT_OFF) == LDAP_OPT_SUCCESS &&
           ldap_set_option(ld, LDAP_OPT_RESTART, LDAP_OPT_ON) == LDAP_OPT_SUCCESS &&
           ldap_set_option(ld, LDAP_OPT_NETWORK_TIMEOUT, &limit) == LDAP_OPT_SUCCESS &&
           ldap_set_option(ld, LDAP_OPT_TIMEOUT, &limit) == LDAP_OPT_SUCCESS;
}

static int bind_with(LDAP *ld, const struct policy_publisher *t, char *password)
{
    struct berval cred = {.bv_len = password ? strlen(password) : 0, .bv_val = password};
    if (!t->bind_dn && starts(t->uri, "ldapi:"))
        return ldap_sasl_bind_s(ld, NULL, "EXTERNAL", &cred, NULL, NULL, NULL);
    if (!t->bind_dn)
        return LDAP_SUCCESS;
    return ldap_sasl_bind_s(ld, t->bind_dn, LDAP_SASL_SIMPLE, &cred, NULL, NULL, NULL);
}

/* A name without a password would be an anonymous bind (RFC 4513 section 5.1.2). */
static enum base_fail_class take_password(const struct deliver_world *w,
                                          const struct policy_publisher *t, char **out,
                                          struct base_fail *f)
{
    bool safe = t->starttls || starts(t->uri, "ldaps:") || starts(t->uri, "ldapi:");
    *out = NULL;
    if (!t->bind_dn)
        return BASE_OK;
    if (!safe)
        return base_failf(f, BASE_PERMANENT, "deliver.plain",
                          "%s: a password is never sent over plain %s: use ldaps: or starttls = yes",
                          t->id, t->uri);
    *out = t->secret ? w->secret(w, t->secret) : NULL;
    if (*out && **out)
        return BASE_OK;
    return base_failf(f, BASE_PERMANENT, "deliver.secret",
                      "%s: the credential \"%s\" with the directory's password is absent or empty",
                      t->id, t->secret ? t->secret : "(none named)");
}

static enum base_fail_class connect_to(LDAP *ld, const struct policy_publisher *t, char *password,
                                       struct base_fail *f)
{
    int rc = LDAP_SUCCESS;
    if (!set_options(ld, t) || (!starts(t->uri, "ldapi:") && !set_tls(ld, t)))
        return base_failf(f, BASE_PERMANENT, "deliver.tls",
                          "%s: TLS can't be set up: can the agent read %s?", t->id,
                          t->tls_bundle ? t->tls_bundle : SYSTEM_BUNDLE);
    if (t->starttls && !starts(t->uri, "ldaps:") &&
        (rc = ldap_start_tls_s(ld, NULL, NULL)) != LDAP_SUCCESS)
        return deliver_ldap_failed(ld, t, rc, "StartTLS with a certificate that we trust", f);
    rc = bind_with(ld, t, password);
    return rc == LDAP_SUCCESS ? BASE_OK : deliver_ldap_failed(ld, t, rc, "the bind", f);
}

enum base_fail_class deliver_ldap_open(const struct deliver_world *w,
                                       const struct policy_publisher *t, LDAP **ld,
                                       struct base_fail *f)
{
    char *password;
    *ld = NULL;
    enum base_fail_class c = take_password(w, t, &password, f);
    if (!c && ldap_initialize(ld, t->uri) != LDAP_SUCCESS)
        c = base_failf(f, BASE_PERMANENT, "deliver.uri", "%s: \"%s\" is no LDAP address", t->id,
                       t->uri);
    if (!c)
        c = connect_to(*ld, t, password, f);
    deliver_secret_free(password);
    if (c && *ld) {
        ldap_unbind_ext_s(*ld, NULL, NULL);
        *ld = NULL;
    }
    return c;
}
