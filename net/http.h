/* net/http.h - one bounded HTTPS exchange, and the address rules behind it.
 *
 * https only (but for a request marked plain), TLS 1.2 or later, HTTP/1.1, no proxy (nor one from the
 * environment), no netrc, no cookie engine, no compression, no redirect is ever
 * followed: the caller gets the target and checks it like any other URL. The
 * host must be in the caller's list before anything is looked up; names are
 * resolved by our own resolver, the addresses filtered, pinned, and checked
 * again on the socket and before the request leaves. Header and body are
 * counted while they arrive.
 *
 * All calls block; all are thread-safe, except that one struct net_http_conn
 * serves one thread at a time. Times are milliseconds. */
#ifndef NET_HTTP_H
#define NET_HTTP_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/bytes.h"
#include "base/fail.h"

struct net_resolver;
struct sockaddr;

/* Once, at the start of the process, before the first thread. Code: net.init (ours). */
enum base_fail_class net_init(struct base_fail *f);

/* What all exchanges of one kind share; nothing here is owned or changed. */
struct net_scope {
    struct net_resolver *resolver;
    const char **private_networks; /* CIDRs that may be reached although special; for a rehearsal */
    size_t nprivate;
    const char *bundle;     /* PEM file of trusted CAs; NULL = the system's */
    const char *user_agent; /* NULL = "certmilter/VERSION" */
};

/* ---- URLs ------------------------------------------------------------------- */

struct net_host {
    const char *name; /* exact, compared ASCII case-folded */
    int port;         /* 0 = 443 */
};
struct net_url {
    const char *url;  /* as it will be requested */
    const char *host; /* lower case */
    int port;
    const char *path; /* with query */
};
#define NET_URL_MAX 4096

/* Refuses everything but https://HOST[:PORT]/... with HOST and PORT in the list:
 * other schemes, user info, fragments, IP literals in any notation, control,
 * blank, non-ASCII and "\" characters, more than NET_URL_MAX bytes.
 * Permanent "net.url". OUT (may be NULL) is filled from A. */
enum base_fail_class net_url_check(struct base_arena *a, const char *url,
                                   const struct net_host *hosts, size_t nhosts, struct net_url *out,
                                   struct base_fail *f);
/* REF resolved against the absolute URL BASE (RFC 3986 section 5); not checked.
 * A fragment is dropped. Permanent "net.url". */
enum base_fail_class net_url_resolve(struct base_arena *a, const char *base, const char *ref,
                                     const char **out, struct base_fail *f);
/* Host and port of an http:// URL that keeps all other rules; false otherwise. */
bool net_plain_host(struct base_arena *a, const char *url, struct net_host *out);
/* Percent-encodes everything but unreserved characters (RFC 3986 section 2.3). */
char *net_url_escape(struct base_arena *a, const char *s);

/* ---- addresses -------------------------------------------------------------- */

/* May we connect there? False for every special range of IPv4 and IPv6 (RFC
 * 6890 and successors: loopback, private, link-local, shared, multicast,
 * reserved, documentation, benchmarking, mapped and translated forms, 6to4,
 * Teredo); of 64:ff9b::/96 the embedded IPv4 address is judged. An address in
 * one of CIDRS is allowed whatever it is. */
bool net_address_allowed(const struct sockaddr *sa, const char **cidrs, size_t ncidrs);

/* ---- the exchange ----------------------------------------------------------- */

#define NET_BODY_PAGE (256 * 1024)     /* usual cap of a validation page */
#define NET_BODY_API (4 * 1024 * 1024) /* usual cap of an API answer */

struct net_request {
    const char *method; /* "GET" (also NULL), "POST", "PUT", "DELETE" */
    const char *url;
    const struct net_host *hosts; /* checked as by net_url_check() */
    size_t nhosts;
    const char *address; /* only this one of the host's addresses; NULL = any */
    bool plain; /* http:// instead of https://, for answers that are signed themselves (OCSP) */
    const char **headers; /* "Name: value" lines of the caller; may hold a secret */
    size_t nheaders;
    const char *content_type; /* with a body */
    const void *body;
    size_t nbody;
    const char *cookies; /* value of the Cookie field; NULL = none */
    size_t body_max;     /* 0 = NET_BODY_PAGE */
    size_t header_max;   /* 0 = 64 KiB */
    int connect_ms;      /* 0 = 5 s */
    int total_ms;        /* 0 = 30 s, name look-up included */
};

struct net_response {
    int status;
    const char *content_type; /* NULL if absent, as all below */
    const char *location;     /* as it came */
    const char *redirect;     /* absolute target of a 3xx; not checked */
    int64_t retry_after;      /* seconds from now, 0..86400; -1 = none */
    const char **cookies;     /* values of Set-Cookie, at most 32 */
    size_t ncookies;
    struct base_bytes body; /* a NUL that isn't counted follows */
    const char *peer;       /* "192.0.2.1@443" */
    const char *url;        /* as requested */
    bool sent;              /* set on failure too: the request may have reached the server */
};

/* A handle whose connection is kept for the next GET to the same host. A
 * request other than GET always goes over a connection of its own, because
 * libcurl silently repeats a request when a kept connection turns out dead. */
struct net_http_conn;
struct net_http_conn *net_http_conn_new(void);
void net_http_conn_free(struct net_http_conn *c); /* NULL is fine */

/* BASE_OK whenever a complete answer came, whatever its status. RESP is always
 * initialised, its memory is from A. CONN NULL = a fresh connection.
 * Permanent: net.url, net.refused-address, net.body-cap, net.header-cap.
 * Temporary: net.dns, net.nohost (no such name or no address), net.connect,
 * net.tls (also a certificate that doesn't verify), net.timeout, net.io.
 * Ours: net.internal (also a bundle file that can't be read). */
enum base_fail_class net_http(const struct net_scope *s, const struct net_request *r,
                              struct net_http_conn *conn, struct base_arena *a,
                              struct net_response *resp, struct base_fail *f);

/* Retry-After (RFC 9110 section 10.2.3): seconds or a date -> seconds from NOW,
 * 0..86400; -1 if it is neither. */
int64_t net_retry_after(const char *value, int64_t now);

#endif
