/* agent/ordertask.c - the blocking steps of an order, each one task in the pool.
 *
 * Key and CSR from the keeper; order, look and download at the CA. Each writes
 * what it got into the run; orders.c decides and commits. */
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "orderrun.h"

static void make_key(struct order_run *k)
{
    const char *sock = k->conf->cfg->keeper_socket, *mail = k->o.mailbox;
    const char *name = base_json_strd(k->reissue, "key", k->o.reference);
    k->cls = keeper_make_key(sock, name, mail, k->o.tenant,
                             base_json_strd(k->request, "key_type", "rsa3072"),
                             base_json_strd(k->request, "custody", "keep"), k->key_id, k->spki,
                             &k->fail);
    if (!k->cls)
        k->cls = keeper_csr(sock, k->a, k->key_id, mail, &mail, 1, &k->csr, &k->fail);
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
    const char *at = strrchr(k->o.mailbox, '@');
    struct policy_strings issuers = {0};
    if (acc)
        issuers = agent_caa_issuers(k->conf->cfg, acc);
    k->caa = agent_caa_look(k->conf->resolver, at ? at + 1 : "", &issuers, k->a, &k->caa_text);
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

void agent_order_request(struct order_run *k)
{
    const char *usage = base_json_strd(k->request, "usage", "dual_use");
    k->req = (struct ca_order_request){
        .product = k->o.product,
        .mailbox = k->o.mailbox,
        .csr = base_json_str(k->request, "csr"),
        .usage = strcmp(usage, "signing") == 0          ? CA_USAGE_SIGN
                 : strcmp(usage, "key_management") == 0 ? CA_USAGE_ENCRYPT
                                                        : CA_USAGE_DUAL,
        .profile_type = base_json_strd(k->request, "profile_type", "strict"),
        .validity_days = base_json_int(k->request, "validity_days", 365),
        .first_name = base_json_str(k->request, "first_name"),
        .last_name = base_json_str(k->request, "last_name"),
        .reference = k->o.reference,
        .renewal_of = base_json_str(k->request, "renewal_of"),
    };
}
