/* dcv/http.h - a validation by a file on the domain's own web server.
 *
 * The file is NAME in .well-known/pki-validation below each web root, and holds
 * the CA's value and nothing else. Every function is one step that may be
 * repeated. All but the rules block; run them in the pool. */
#ifndef DCV_HTTP_H
#define DCV_HTTP_H
#include "base/arena.h"
#include "base/fail.h"
#include "ca/ca.h"
#include "net/http.h"
#include "policy/config.h"

#define DCV_HTTP_REDIRECTS 5
#define DCV_HTTP_BODY 5000

/* ---- the file (file.c) ----------------------------------------------------------- */

/* Puts VALUE into the file NAME below each of the web roots: whole or not at all, readable
 * for everybody. The directories are made where they are missing. Below a web root no
 * symbolic link is followed, and one in the file's place is never replaced. Codes (permanent):
 * dcv.file.name, dcv.file.root (a root that is absent or no directory), dcv.file.place (what
 * stands there is no directory, no regular file, or may not be written), file.*. */
enum base_fail_class dcv_file_put(const struct policy_strings *roots, const char *name,
                                  const char *value, struct base_fail *f);
/* Takes the files away that hold VALUE; others and absent ones stay as they are. */
enum base_fail_class dcv_file_remove(const struct policy_strings *roots, const char *name,
                                     const char *value, struct base_fail *f);

/* ---- looking at it as the CA does (fetch.c) ------------------------------------------ */

struct dcv_ports { /* 80 and 443 but in a rehearsal */
    int http, https;
};
/* What follows from an answer: pure. STATUS 301, 302, 307 and 308 with a target that is http on
 * the one port or https on the other of a host that has a name: *next is its URL, *plain its
 * scheme; a 2xx: *next is NULL. HOPS: redirects followed so far. Temporary dcv.http: anything
 * else, and one redirect too many. */
enum base_fail_class dcv_http_step(struct base_arena *a, struct dcv_ports ports, int status,
                                   const char *redirect, int hops, const char **next, bool *plain,
                                   struct net_host *host, struct base_fail *f);
/* Is the file to be had at DOMAIN, at each of its addresses (at most 8, and but for IPv6 ones
 * that this host has no way to), with exactly VALUE (and white
 * space at the end)? At port 80, or where nobody answers there at 443. BASE_OK or temporary
 * dcv.http, with what was found where. */
enum base_fail_class dcv_http_shown(const struct net_scope *s, struct dcv_ports ports,
                                    const char *domain, const char *name, const char *value,
                                    struct base_arena *a, struct base_fail *f);
const char *dcv_http_url(struct base_arena *a, const char *domain, const char *name);
#endif
