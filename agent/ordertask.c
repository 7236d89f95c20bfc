/* agent/ordertask.c - the blocking steps of an order, each one task in the pool.
 *
 * Key and CSR from the keeper; order, look and download at the CA. Each writes
 * what it got into the run; orders.c decides and commits. */
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "form.h"
#include "orderrun.h"

/* The key of before once more. Its CSR is named after this order: an order whose answer was
 * lost is found by its CSR, so no two orders may have the same one. */
static void reuse_key(struct order_run *k, const char *key)
{
    const char *sock = k->conf->cfg->keeper_socket;
    struct policy_strings to = agent_form_addresses(k->a, k->request, k->o.mailbox);
    struct keeper_key have;
    k->cls = keeper_key_info(sock, k->a, key, &have, &k->fail);
    if (!k->cls && (have.destroyed || strcmp(have.custody, "keep") != 0 ||
                    !policy_config_same_mailbox(k->conf->cfg, have.mailbox, k->o.mailbox) ||
                    strcmp(have.tenant, k->o.tenant) != 0))
        k->cls = base_failf(&k->fail, BASE_PERMANENT, "order.key",
                            "the key that shall be used again is %s: order with a new key",
                            have.destroyed                      ? "destroyed"
                            : strcmp(have.custody, "keep") != 0 ? "not kept"
                                                                : "another mailbox's");
    if (!k->cls)
        k->cls = keeper_csr(sock, k->a, key, k->o.reference, to.v, to.n, &k->csr, &k->fail);
    if (!k->cls) {
        snprintf(k->key_id, sizeof(k->key_id), "%s", have.id);
        snprintf(k->spki, sizeof(k->spki), "%s", have.spki_sha256);
    }
}

static void make_key(struct order_run *k)
{
    const char *sock = k->conf->cfg->keeper_socket, *mail = k->o.mailbox;
    const char *name = base_json_strd(k->reissue, "key", k->o.reference);
    const char *again = k->reissue ? NULL : base_json_str(k->request, "reuse_key");
    struct policy_strings to = agent_form_addresses(k->a, k->request, mail);
    if (again) {
        reuse_key(k, again);
        return;
    }
    k->cls = keeper_make_key(sock, name, mail, k->o.tenant,
                             base_json_strd(k->request, "key_type", "rsa3072"),
                             base_json_strd(k->request, "custody", "keep"), k->key_id, k->spki,
                             &k->fail);
    if (!k->cls)
        k->cls = keeper_csr(sock, k->a, k->key_id, mail, to.v, to.n, &k->csr, &k->fail);
}

static void look_up(struct order_run *k)
{
    struct base_fail ignored = {0};
    k->cls = ca_order_info(k->ca, k->o.ca_order, k->a, &k->got, &k->fail);
    /* not every CA has this call; who still has to confirm is only worth knowing while pending */
    if (!k->cls && k->got.status == CA_WAITING_CA)
        ca_email_validations(k->ca, k->o.ca_order, k->a, &k->boxes, &ignored);
}

/* The answer to an order tells no price, what the CA tells of it later does. */
static void ask_price(struct order_run *k)
{
    struct base_fail ignored = {0};
    struct ca_order o;
    if (!k->got.price && k->got.id && !ca_order_info(k->ca, k->got.id, k->a, &o, &ignored)) {
        k->got.price = o.price;
        k->got.currency = o.currency;
    }
}

static void post(struct order_run *k)
{
    struct ca_act act = {.action = CA_REISSUE,
                         .id = k->o.ca_order,
                         .csr = k->req.csr,
                         .signature_hash = base_json_str(k->request, "signature_hash"),
                         .text = base_json_str(k->reissue, "key")};
    struct ca_acted acted;
    if (!k->reissue) {
        k->cls = ca_order(k->ca, &k->req, k->a, &k->got, &k->fail);
        if (!k->cls && k->want_price)
            ask_price(k);
        return;
    }
    k->cls = ca_act(k->ca, &act, k->a, &acted, &k->fail);
    k->got.status_text = "reissue_pending";
}

static void look_caa(struct order_run *k)
{
    const struct policy_account *acc = policy_config_account(k->conf->cfg, k->o.account);
    struct policy_strings issuers = {0}, all = agent_form_addresses(k->a, k->request, k->o.mailbox);
    const char *seen = "", *text;
    if (acc)
        issuers = agent_caa_issuers(k->conf->cfg, acc);
    k->caa = AGENT_CAA_OPEN;
    for (size_t i = 0; i < all.n && k->caa != AGENT_CAA_EXCLUDED; i++) {
        const char *at = strrchr(all.v[i], '@'), *domain = at ? at + 1 : "";
        if (strcmp(domain, seen) == 0)
            continue; /* mostly all of them are of one domain */
        seen = domain;
        enum agent_caa caa = agent_caa_look(k->conf->resolver, domain, &issuers, k->a, &text);
        if (caa > k->caa) { /* the worst news counts */
            k->caa = caa;
            k->caa_text = text;
        }
    }
}

void agent_order_task(struct agent_task *t)
{
    struct order_run *k = (struct order_run *)t;
    switch (k->step) {
    case STEP_CAA:
        look_caa(k);
        break;
    case STEP_KEY:
        make_key(k);
        break;
    case STEP_POST:
        post(k);
        break;
    case STEP_FIND:
        if (k->reissue)
            agent_reissue_find(k);
        else
            k->cls = ca_find_order(k->ca, &k->req, k->o.created, k->a, &k->found, &k->got, &k->fail);
        break;
    case STEP_INFO:
        look_up(k);
        break;
    case STEP_DOWNLOAD:
        k->cls = ca_download(k->ca, k->o.ca_certificate, k->o.ca_order, k->a, &k->pem, &k->fail);
        break;
    }
}

bool agent_order_first_step(struct order_run *k, enum order_step *step)
{
    const char *s = k->o.state;
    bool have_csr = base_json_str(k->request, "csr") || agent_form_later(k->request);
    k->after_caa = have_csr ? STEP_POST : STEP_KEY;
    if (strcmp(s, "preparing") == 0)
        *step = STEP_CAA;
    else if (strcmp(s, "requesting") == 0 || strcmp(s, "unclear") == 0)
        *step = STEP_FIND;
    else if (strcmp(s, "waiting") == 0 || strcmp(s, "person") == 0 || strcmp(s, "issued") == 0)
        *step = STEP_INFO;
    else
        return false;
    return *step != STEP_INFO || k->o.ca_order;
}

void agent_order_request(struct order_run *k)
{
    k->req = (struct ca_order_request){
        .product = k->o.product,
        .mailbox = k->o.mailbox,
        .reference = k->o.reference,
    };
    agent_form_fill(k->a, k->request, &k->req);
}
