/* net/smtp.c - one mail to the local MTA with libcurl.
 *
 * Owns nothing beyond the call. What libcurl puts into SMTP commands is checked
 * here before, so that no address can carry a second command. */
#include "smtp.h"

#include <ctype.h>
#include <curl/curl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/bytes.h"

#define MESSAGE_MAX ((size_t)1024 * 1024)
#define RECIPIENTS_MAX 100

struct upload {
    struct base_buf text; /* with CRLF line ends */
    size_t sent;
};

static bool address_ok(const char *s)
{
    size_t n = strlen(s);

    for (size_t i = 0; i < n; i++) {
        unsigned char c = (unsigned char)s[i];
        if (c <= ' ' || c == 0x7f || c == '<' || c == '>') {
            return false;
        }
    }
    return n > 0 && n <= 320;
}

static bool host_ok(const char *s)
{
    size_t n = strlen(s);

    for (size_t i = 0; i < n; i++) {
        unsigned char c = (unsigned char)s[i];
        if (c >= 0x80 || (!isalnum(c) && strchr("-._", c) == NULL)) {
            return false;
        }
    }
    return n > 0 && n <= 253;
}

/* "host:port", "127.0.0.1:25", "[::1]:25". */
static bool server_ok(const char *s)
{
    const char *colon = strrchr(s, ':');
    int64_t port;

    if (colon == NULL || colon == s || !base_parse_int(colon + 1, 1, 65535, &port)) {
        return false;
    }
    for (const char *p = s; p < colon; p++) {
        unsigned char c = (unsigned char)*p;
        if (c >= 0x80 || (!isalnum(c) && strchr("-.:[]", c) == NULL)) {
            return false;
        }
    }
    return true;
}

static size_t on_read(char *p, size_t size, size_t n, void *arg)
{
    struct upload *u = arg;
    size_t left = u->text.n - u->sent;

    n *= size;
    n = n < left ? n : left;
    memcpy(p, u->text.p + u->sent, n);
    u->sent += n;
    return n;
}

/* Every line end becomes CRLF. */
static void crlf(struct base_buf *out, const unsigned char *p, size_t n)
{
    base_buf_init(out, 0);
    for (size_t i = 0; i < n;) {
        const unsigned char *lf = memchr(p + i, '\n', n - i);
        size_t end = lf != NULL ? (size_t)(lf - p) : n;
        size_t next = lf != NULL ? end + 1 : n;
        if (end > i && p[end - 1] == '\r') {
            end--;
        }
        base_buf_add(out, p + i, end - i);
        base_buf_adds(out, "\r\n");
        i = next;
    }
}

static enum base_fail_class check(const struct net_mail *m, struct base_fail *f)
{
    bool ok = m->nrcpts > 0 && m->nrcpts <= RECIPIENTS_MAX;

    if (!server_ok(m->server)) {
        return base_failf(f, BASE_PERMANENT, "net.smtp.server",
                          "expected host:port for the mail server");
    }
    if (m->nmessage == 0 || m->nmessage > MESSAGE_MAX) {
        return base_failf(f, BASE_PERMANENT, "net.smtp.size",
                          "a notice of %zu bytes; expected 1 to %zu", m->nmessage, MESSAGE_MAX);
    }
    ok = ok && (m->helo == NULL || host_ok(m->helo));
    ok = ok && (m->from == NULL || m->from[0] == '\0' || address_ok(m->from));
    for (size_t i = 0; ok && i < m->nrcpts; i++) {
        ok = address_ok(m->rcpts[i]);
    }
    return ok ? BASE_OK
              : base_failf(f, BASE_PERMANENT, "net.smtp.address",
                           "an envelope address or our host name is unusable");
}

static enum base_fail_class result(CURL *easy, CURLcode rc, const char *error, struct base_fail *f)
{
    long reply = 0;

    if (rc == CURLE_OK) {
        return BASE_OK;
    }
    if (error[0] == '\0') {
        error = curl_easy_strerror(rc);
    }
    curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &reply);
    if (rc == CURLE_COULDNT_CONNECT || rc == CURLE_COULDNT_RESOLVE_HOST) {
        return base_failf(f, BASE_TEMPORARY, "net.connect", "the mail server: %s", error);
    }
    if (rc == CURLE_OPERATION_TIMEDOUT) {
        return base_failf(f, BASE_TEMPORARY, "net.timeout", "the mail server: %s", error);
    }
    if (reply >= 500 && reply <= 599) {
        return base_failf(f, BASE_PERMANENT, "net.smtp.refused",
                          "the mail server refused with %ld: %s", reply, error);
    }
    if (reply >= 400) {
        return base_failf(f, BASE_TEMPORARY, "net.smtp.later",
                          "the mail server put us off with %ld: %s", reply, error);
    }
    return base_failf(f, BASE_TEMPORARY, "net.io", "the mail server: %s", error);
}

enum base_fail_class net_smtp_send(const struct net_mail *m, struct base_fail *f)
{
    char error[CURL_ERROR_SIZE] = "";
    char url[700];
    struct curl_slist *rcpts = NULL;
    struct upload u = {.sent = 0};
    enum base_fail_class cls = check(m, f);

    if (cls != BASE_OK) {
        return cls;
    }
    CURL *easy = curl_easy_init();
    bool ok = easy != NULL;
    for (size_t i = 0; ok && i < m->nrcpts; i++) {
        struct curl_slist *more = curl_slist_append(rcpts, m->rcpts[i]);
        ok = more != NULL;
        rcpts = ok ? more : rcpts;
    }
    if (!ok || snprintf(url, sizeof url, "smtp://%s/%s", m->server,
                        m->helo != NULL ? m->helo : "localhost") >= (int)sizeof url) {
        curl_easy_cleanup(easy);
        curl_slist_free_all(rcpts);
        return base_failf(f, BASE_OURS, "net.internal", "libcurl has no handle for us");
    }
    crlf(&u.text, m->message, m->nmessage);
    curl_easy_setopt(easy, CURLOPT_URL, url);
    curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "smtp");
    curl_easy_setopt(easy, CURLOPT_PROXY, "");
    curl_easy_setopt(easy, CURLOPT_NETRC, (long)CURL_NETRC_IGNORED);
    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, error);
    curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, 5000L);
    curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, (long)(m->total_ms > 0 ? m->total_ms : 30000));
    curl_easy_setopt(easy, CURLOPT_MAIL_FROM,
                     m->from != NULL && m->from[0] != '\0' ? m->from : NULL);
    curl_easy_setopt(easy, CURLOPT_MAIL_RCPT, rcpts);
    curl_easy_setopt(easy, CURLOPT_UPLOAD, 1L);
    curl_easy_setopt(easy, CURLOPT_READFUNCTION, on_read);
    curl_easy_setopt(easy, CURLOPT_READDATA, &u);
    curl_easy_setopt(easy, CURLOPT_INFILESIZE_LARGE, (curl_off_t)u.text.n);
    cls = result(easy, curl_easy_perform(easy), error, f);
    curl_easy_cleanup(easy);
    curl_slist_free_all(rcpts);
    base_buf_free(&u.text);
    return cls;
}
