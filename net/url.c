/* net/url.c - which URLs may be requested, and how references resolve.
 *
 * libcurl's own parser reads the URL, as it is the one that will use it; what
 * other parsers read differently (blanks, "\", dot segments, encoded hosts,
 * fragments) is refused before, so that no two readings exist. */
#include <ctype.h>
#include <curl/curl.h>
#include <string.h>
#include <strings.h>

#include "http.h"

static bool unreserved(unsigned char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '.' || c == '_' || c == '~';
}

char *net_url_escape(struct base_arena *a, const char *s)
{
    size_t n = strlen(s);
    char *out = base_arena_array(a, n + 1, 3);
    char *o = out;

    for (size_t i = 0; i < n; i++) {
        unsigned char c = (unsigned char)s[i];
        if (unreserved(c)) {
            *o++ = (char)c;
        } else {
            *o++ = '%';
            *o++ = "0123456789ABCDEF"[c >> 4];
            *o++ = "0123456789ABCDEF"[c & 15];
        }
    }
    return out;
}

/* Would the last label be read as a number, and so the host as an address? */
static bool numeric_host(const char *host)
{
    const char *dot = strrchr(host, '.');
    const char *last = dot != NULL ? dot + 1 : host;

    if (last[0] == '0' && (last[1] == 'x' || last[1] == 'X')) {
        return true;
    }
    return last[0] != '\0' && last[strspn(last, "0123456789")] == '\0';
}

/* Letters, digits, hyphens, dots; no empty label, so no final dot either. */
static bool host_syntax(const char *host)
{
    size_t label = 0;
    size_t n = strlen(host);

    for (size_t i = 0; i < n; i++) {
        unsigned char c = (unsigned char)host[i];
        if (c == '.') {
            if (label == 0) {
                return false;
            }
            label = 0;
        } else if (c < 0x80 && (isalnum(c) || c == '-')) {
            label++;
        } else {
            return false;
        }
    }
    return n <= 253 && label > 0;
}

/* "." or ".." as a path segment, plain or percent-encoded. */
static bool dot_segment(const char *path)
{
    for (const char *p = path; *p == '/';) {
        int dots = 0;
        for (p++; *p != '\0' && *p != '/' && *p != '?'; dots++) {
            if (*p == '.') {
                p++;
            } else if (strncasecmp(p, "%2e", 3) == 0) {
                p += 3;
            } else {
                dots = -1;
                p += strcspn(p, "/?");
                break;
            }
        }
        if (dots == 1 || dots == 2) {
            return true;
        }
    }
    return false;
}

/* What is wrong with the text of the URL, before any parser reads it. */
static const char *text_problem(const char *url)
{
    if (strlen(url) > NET_URL_MAX) {
        return "is too long";
    }
    for (const char *p = url; *p != '\0'; p++) {
        unsigned char c = (unsigned char)*p;
        if (c <= ' ' || c >= 0x7f || strchr("\\\"<>^`{|}", c) != NULL) {
            return "holds characters that no URL has";
        }
    }
    if (strncasecmp(url, "https://", 8) != 0) {
        return "isn't https";
    }
    if (strchr(url, '#') != NULL) {
        return "has a fragment";
    }
    size_t authority = strcspn(url + 8, "/?");
    if (memchr(url + 8, '@', authority) != NULL) {
        return "has user info";
    }
    if (dot_segment(url + 8 + authority)) {
        return "has dot segments";
    }
    return NULL;
}

/* Reads host, port and path of URL; NULL or what is wrong. */
static const char *read_url(struct base_arena *a, const char *url, struct net_url *out)
{
    CURLU *u = curl_url();
    char *whole = NULL, *host = NULL, *port = NULL;
    const char *problem = "can't be read";

    if (u != NULL &&
        curl_url_set(u, CURLUPART_URL, url, CURLU_DISALLOW_USER | CURLU_PATH_AS_IS) == CURLUE_OK &&
        curl_url_get(u, CURLUPART_HOST, &host, 0) == CURLUE_OK &&
        curl_url_get(u, CURLUPART_PORT, &port, CURLU_DEFAULT_PORT) == CURLUE_OK &&
        curl_url_get(u, CURLUPART_URL, &whole, 0) == CURLUE_OK) {
        int64_t number = 0;
        size_t n = strlen(host);
        char *lower = base_arena_strdup(a, host);
        base_ascii_lower(lower);
        problem = NULL;
        if (!host_syntax(host) || numeric_host(host)) {
            problem = "has no host name";
        } else if (strncasecmp(url + 8, host, n) != 0 || strchr(":/?", url[8 + n]) == NULL) {
            problem = "writes its host in an odd way";
        } else if (!base_parse_int(port, 1, 65535, &number)) {
            problem = "has no port number";
        }
        out->url = base_arena_strdup(a, whole);
        out->host = lower;
        out->port = (int)number;
        const char *slash = strchr(out->url + 8, '/');
        out->path = slash != NULL ? slash : "/";
    }
    curl_free(whole);
    curl_free(host);
    curl_free(port);
    curl_url_cleanup(u);
    return problem;
}

enum base_fail_class net_url_check(struct base_arena *a, const char *url,
                                   const struct net_host *hosts, size_t nhosts, struct net_url *out,
                                   struct base_fail *f)
{
    struct net_url parsed = {0};
    const char *problem = text_problem(url);

    if (problem == NULL) {
        problem = read_url(a, url, &parsed);
    }
    if (problem != NULL) {
        return base_failf(f, BASE_PERMANENT, "net.url", "the URL %s", problem);
    }
    for (size_t i = 0; i < nhosts; i++) {
        int port = hosts[i].port != 0 ? hosts[i].port : 443;
        if (port == parsed.port && base_ascii_caseeq(hosts[i].name, parsed.host)) {
            if (out != NULL) {
                *out = parsed;
            }
            return BASE_OK;
        }
    }
    return base_failf(f, BASE_PERMANENT, "net.url", "%s port %d isn't one of the allowed hosts",
                      parsed.host, parsed.port);
}

bool net_plain_host(struct base_arena *a, const char *url, struct net_host *out)
{
    struct net_url parsed = {0};

    if (strncasecmp(url, "http://", 7) != 0) {
        return false;
    }
    /* the rules are those of https, so they are asked of the same URL with that scheme */
    const char *twin = base_arena_printf(a, "https://%s", url + 7);
    if (text_problem(twin) != NULL || read_url(a, twin, &parsed) != NULL) {
        return false;
    }
    size_t n = strlen(parsed.host);
    out->name = parsed.host;
    out->port = twin[8 + n] == ':' ? parsed.port : 80;
    return true;
}

enum base_fail_class net_url_resolve(struct base_arena *a, const char *base, const char *ref,
                                     const char **out, struct base_fail *f)
{
    CURLU *u = curl_url();
    char *whole = NULL;
    bool ok = false;
    size_t n;

    ref += strspn(ref, " \t\r\n\f");
    n = strcspn(ref, "#");
    while (n > 0 && strchr(" \t\r\n\f", ref[n - 1]) != NULL) {
        n--;
    }
    if (u != NULL && n <= NET_URL_MAX && curl_url_set(u, CURLUPART_URL, base, 0) == CURLUE_OK &&
        curl_url_set(u, CURLUPART_FRAGMENT, NULL, 0) == CURLUE_OK) {
        /* An empty reference is the base itself; libcurl wouldn't take it. */
        ok =
            n == 0 || curl_url_set(u, CURLUPART_URL, base_arena_strndup(a, ref, n), 0) == CURLUE_OK;
        ok = ok && curl_url_get(u, CURLUPART_URL, &whole, 0) == CURLUE_OK;
    }
    if (ok) {
        *out = base_arena_strdup(a, whole);
    }
    curl_free(whole);
    curl_url_cleanup(u);
    return ok ? BASE_OK
              : base_failf(f, BASE_PERMANENT, "net.url", "a reference on the page can't be read");
}
