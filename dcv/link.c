/* dcv/link.c - opening the link, sending the form.
 *
 * Redirects are followed here, one by one, each judged like the link itself.
 * What can't be told apart afterwards is kept in out->sent, because a repeated
 * confirmation is worse than a missing one. */
#include <string.h>

#include "ca/fence.h"
#include "cookies.h"
#include "hosts.h"

#define HOPS_MAX 3

static const struct net_request page_request = {
    .headers = (const char *[]){"Accept: text/html, text/plain;q=0.8, */*;q=0.1"},
    .nheaders = 1,
    .body_max = NET_BODY_PAGE,
};

static bool is_redirect(int status)
{
    return status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
}

/* One exchange; its outcome goes into OUT. */
static enum base_fail_class exchange(const struct dcv_context *c, const struct dcv_hosts *hosts,
                                     const struct net_url *url, const char *post,
                                     struct base_arena *a, struct dcv_page *out,
                                     struct net_response *resp, struct base_fail *f)
{
    struct net_request r = page_request;
    enum base_fail_class cls = ca_fence_check("POST", f); /* a look at some links confirms too */

    if (cls != BASE_OK) {
        return cls;
    }
    r.url = url->url;
    r.hosts = hosts->v;
    r.nhosts = hosts->n;
    r.cookies = dcv_cookies_for(a, out->cookies, url->host);
    r.total_ms = c->total_ms;
    if (post != NULL) {
        r.method = "POST";
        r.content_type = "application/x-www-form-urlencoded";
        r.body = post;
        r.nbody = strlen(post);
    }
    out->status = 0;
    out->url = url->url;
    cls = net_http(&c->scope, &r, NULL, a, resp, f);
    if (cls == BASE_OK) {
        out->status = resp->status;
        out->content_type = resp->content_type;
        out->body = resp->body;
        out->retry_after = resp->retry_after;
        out->cookies = dcv_cookies_take(a, out->cookies, url->host, resp->cookies, resp->ncookies);
    }
    return cls;
}

static enum base_fail_class judge_status(const struct net_url *url, int status, struct base_fail *f)
{
    if (status >= 200 && status <= 299) {
        return BASE_OK;
    }
    if (status == 429 || status >= 500) {
        return base_failf(f, BASE_TEMPORARY, "dcv.busy", "%s answered %d", url->host, status);
    }
    return base_failf(f, BASE_PERMANENT, "dcv.status", "%s answered %d", url->host, status);
}

/* Follows what RESP redirects to, as GETs, until there is a page. */
static enum base_fail_class follow(const struct dcv_context *c,
                                   const struct policy_kind_rules *rules,
                                   const struct dcv_hosts *hosts, struct net_url *url,
                                   struct net_response *resp, struct base_arena *a,
                                   struct dcv_page *out, struct base_fail *f)
{
    enum base_fail_class cls = BASE_OK;

    while (cls == BASE_OK && is_redirect(resp->status)) {
        if (resp->redirect == NULL || out->hops == HOPS_MAX) {
            return base_failf(f, BASE_PERMANENT, "dcv.redirect", "%s redirects %s", url->host,
                              resp->redirect == NULL ? "to nowhere" : "too often");
        }
        cls = dcv_hosts_check(a, rules, hosts, resp->redirect, url, f);
        if (cls == BASE_OK) {
            out->hops++;
            cls = exchange(c, hosts, url, NULL, a, out, resp, f);
        }
    }
    return cls == BASE_OK ? judge_status(url, resp->status, f) : cls;
}

static enum dcv_sent sent_of(enum base_fail_class cls, const struct net_response *resp)
{
    if (cls == BASE_OK) {
        return DCV_ANSWERED;
    }
    return resp->sent ? DCV_LOST : DCV_NOT_SENT;
}

static void start_page(struct dcv_page *out, const char *url, const char *cookies)
{
    *out = (struct dcv_page){.url = url, .cookies = cookies, .retry_after = -1};
    out->body = (struct base_bytes){(const unsigned char *)"", 0};
}

enum base_fail_class dcv_link_open(const struct dcv_context *c,
                                   const struct policy_kind_rules *rules, const char *url,
                                   struct base_arena *a, struct dcv_page *out, struct base_fail *f)
{
    struct net_response resp;
    struct dcv_hosts hosts;
    struct net_url target;
    enum base_fail_class cls;

    start_page(out, url, "");
    dcv_hosts_of(a, rules, url, &hosts);
    cls = dcv_hosts_check_link(a, rules, &hosts, url, &target, f);
    if (cls != BASE_OK) {
        return cls;
    }
    cls = exchange(c, &hosts, &target, NULL, a, out, &resp, f);
    out->sent = sent_of(cls, &resp);
    return cls == BASE_OK ? follow(c, rules, &hosts, &target, &resp, a, out, f) : cls;
}

enum base_fail_class dcv_link_submit(const struct dcv_context *c,
                                     const struct policy_kind_rules *rules,
                                     const struct policy_page *page, const struct dcv_page *opened,
                                     const char *code, struct base_arena *a, struct dcv_page *out,
                                     struct base_fail *f)
{
    struct net_response resp;
    struct dcv_hosts hosts;
    struct net_url target;
    struct dcv_post post;
    enum base_fail_class cls;

    start_page(out, opened->url, opened->cookies != NULL ? opened->cookies : "");
    cls = dcv_form_build(a, rules, page, opened->url, code, &post, f);
    if (cls != BASE_OK) {
        return cls;
    }
    dcv_hosts_of(a, rules, opened->url, &hosts);
    cls = dcv_hosts_check(a, rules, &hosts, post.url, &target, f);
    if (cls != BASE_OK) {
        return cls;
    }
    cls = exchange(c, &hosts, &target, post.body, a, out, &resp, f);
    out->sent = sent_of(cls, &resp);
    if (cls != BASE_OK) {
        return cls;
    }
    if (resp.status == 307 || resp.status == 308) {
        return base_failf(f, BASE_PERMANENT, "dcv.redirect",
                          "%s wants the form sent again elsewhere", target.host);
    }
    return follow(c, rules, &hosts, &target, &resp, a, out, f);
}
