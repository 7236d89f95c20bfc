/* The client's calls against a real server in a thread of this process. */
#include "keeper_fixture.h"

#include <pthread.h>
#include <sys/eventfd.h>

#include "base/ipc.h"
#include "base/log.h"
#include "cert/csr.h"
#include "cert/pkcs12.h"
#include "keeper/client.h"
#include "keeper/server.h"

static struct kx x;
static struct keeper_ctx ctx;
static struct keeper_listen agent = {.fd = -1}, admin = {.fd = -1};
static char agent_path[80], admin_path[80];
static int stop_fd;
static pthread_t thread;
static pthread_barrier_t started;

static void ready(void)
{
    pthread_barrier_wait(&started);
}

static void *serve(void *arg)
{
    (void)arg;
    return keeper_serve(&ctx, &agent, &admin, stop_fd, 2, ready, NULL) ? &ctx : NULL;
}

static int setup(void **state)
{
    (void)state;
    (void)keeper_memory_init(&ctx.locked);
    base_log_open("test", LOG_CRIT);
    kx_new(&x);
    ctx.store = x.store;
    ctx.vault = x.vault;
    ctx.started = 12345;
    snprintf(agent_path, sizeof agent_path, "%s/agent", x.dir);
    snprintf(admin_path, sizeof admin_path, "%s/admin", x.dir);
    assert_int_equal(keeper_journal_open(keeper_store_dirfd(x.store), &ctx.journal, NULL), BASE_OK);
    assert_int_equal(base_ipc_listen(agent_path, 0600, &agent.fd, NULL), BASE_OK);
    assert_int_equal(base_ipc_listen(admin_path, 0600, &admin.fd, NULL), BASE_OK);
    agent.rule = admin.rule = (struct keeper_rule){.has_uid = true, .uid = geteuid()};
    stop_fd = eventfd(0, EFD_CLOEXEC);
    pthread_barrier_init(&started, NULL, 2);
    assert_int_equal(pthread_create(&thread, NULL, serve, NULL), 0);
    pthread_barrier_wait(&started);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    void *result;
    assert_int_equal(eventfd_write(stop_fd, 1), 0);
    pthread_join(thread, &result);
    assert_null(result);
    keeper_journal_close(ctx.journal);
    close(agent.fd);
    close(admin.fd);
    close(stop_fd);
    pthread_barrier_destroy(&started);
    kx_end(&x);
    return 0;
}

static void make(const char *request, const char *mailbox, const char *custody, char id[KEEPER_ID],
                 char spki[BASE_SHA256_HEX])
{
    struct base_fail f = {0};
    if (keeper_make_key(agent_path, request, mailbox, "main", "p256", custody, id, spki, &f))
        fail_msg("%s: %s", f.code, f.text);
}

/* A certificate for the key ID, from a CSR, attached; its thumbprint. */
static void certify(const char *id, const char *mailbox, char sha256[BASE_SHA256_HEX])
{
    static X509 *root;
    struct cert_csr csr;
    char *pem;
    const char *const emails[] = {mailbox};
    if (!root)
        root = fx_ca("Root", fx_key("P-384"), NULL, NULL);
    assert_int_equal(keeper_csr(agent_path, x.a, id, "Alice", emails, 1, &pem, NULL), BASE_OK);
    assert_int_equal(cert_csr_parse(x.a, pem, strlen(pem), &csr, NULL), BASE_OK);
    assert_int_equal(csr.emails.n, 1);
    assert_string_equal(csr.emails.v[0], mailbox);
    const unsigned char *p = csr.der.p;
    X509_REQ *req = d2i_X509_REQ(NULL, &p, (long)csr.der.n);
    struct fx_spec s = fx_leaf(root, fx_key("P-384"), X509_REQ_get_pubkey(req));
    struct base_bytes chain[] = {fx_make(x.a, &s), fx_der(x.a, root)};
    base_sha256_hex(chain[0].p, chain[0].n, sha256);
    EVP_PKEY_free(s.key);
    X509_REQ_free(req);
    assert_int_equal(keeper_attach(agent_path, id, cert_bundle_pem(x.a, chain, 2), NULL), BASE_OK);
}

static void is(enum base_fail_class got, enum base_fail_class want, const struct base_fail *f,
               const char *code)
{
    assert_int_equal(got, want);
    assert_int_equal(f->cls, want);
    assert_string_equal(f->code, code);
}

static void ping(void **state)
{
    (void)state;
    struct keeper_status st;
    assert_int_equal(keeper_ping(agent_path, x.a, &st, NULL), BASE_OK);
    assert_string_equal(st.version, CERTMILTER_VERSION);
    assert_string_equal(st.kek_id, keeper_vault_kek_id(x.vault));
    assert_int_equal(st.started, 12345);
    struct base_fail f = {0};
    is(keeper_ping("/nowhere/at/all", x.a, &st, &f), BASE_TEMPORARY, &f, "ipc.connect");
}

static void whole_life(void **state)
{
    (void)state;
    char id[KEEPER_ID], again[KEEPER_ID], spki[BASE_SHA256_HEX], spki2[BASE_SHA256_HEX];
    char sha256[BASE_SHA256_HEX];
    struct keeper_key k;
    struct keeper_export e;
    struct base_fail f = {0};
    make("life", "alice@example.test", "forget", id, spki);
    make("life", "alice@example.test", "forget", again, spki2);
    assert_string_equal(id, again);
    assert_string_equal(spki, spki2);
    is(keeper_make_key(agent_path, "life", "alice@example.test", "main", "p384", "forget", again,
                       spki2, &f),
       BASE_PERMANENT, &f, "keeper.conflict");
    is(keeper_export_p12(admin_path, x.a, id, false, NULL, "root", "r", &e, &f), BASE_PERMANENT, &f,
       "keeper.nocert");
    assert_int_equal(e.fd, -1);
    certify(id, "alice@example.test", sha256);
    assert_int_equal(keeper_key_info(admin_path, x.a, id, &k, NULL), BASE_OK);
    assert_string_equal(k.mailbox, "alice@example.test");
    assert_string_equal(k.custody, "forget");
    assert_string_equal(k.type, "p256");
    assert_string_equal(k.spki_sha256, spki);
    assert_int_equal(k.n_certs, 1);
    assert_string_equal(k.certs[0].sha256, sha256);
    assert_int_equal(strncmp(k.certs[0].pem, "-----BEGIN CERT", 15), 0);

    assert_int_equal(
        keeper_export_p12(admin_path, x.a, "alice@example.test", false, NULL, "root", "phone", &e, NULL),
        BASE_OK);
    assert_string_equal(e.key_id, id);
    assert_string_equal(e.cert_sha256, sha256);
    EVP_PKEY *key;
    struct cert_bundle b;
    assert_int_equal(cert_pkcs12_read(x.a, e.p12.p, e.p12.n, e.passphrase, &key, &b, NULL),
                     BASE_OK);
    char mine[BASE_SHA256_HEX];
    assert_true(keeper_keys_spki(key, mine));
    assert_string_equal(mine, spki);
    assert_int_equal(b.n, 2);
    EVP_PKEY_free(key);
    char *passphrase = e.passphrase;
    assert_int_equal(keeper_export_finish(&e, false, NULL), BASE_OK);
    assert_int_equal(passphrase[0], 0);
    assert_int_equal(keeper_key_info(agent_path, x.a, id, &k, NULL), BASE_OK);
    assert_false(k.destroyed);

    assert_int_equal(
        keeper_export_p12(admin_path, x.a, id, false, "a passphrase of mine", "root", "again", &e, NULL),
        BASE_OK);
    assert_string_equal(e.passphrase, "a passphrase of mine");
    assert_int_equal(keeper_export_finish(&e, true, NULL), BASE_OK);
    assert_int_equal(keeper_export_finish(&e, true, NULL), BASE_OK); /* nothing is left to end */
    assert_int_equal(keeper_key_info(agent_path, x.a, id, &k, NULL), BASE_OK);
    assert_true(k.destroyed && k.destroyed_at > 0 && k.destroyed_reason);
    assert_int_equal(k.n_certs, 1);
    is(keeper_export_p12(admin_path, x.a, id, false, NULL, "root", "r", &e, &f), BASE_PERMANENT, &f,
       "keeper.destroyed");
    assert_int_equal(keeper_destroy(agent_path, id, "twice", NULL), BASE_OK);
}

static void sealed(void **state)
{
    (void)state;
    char id[KEEPER_ID], spki[BASE_SHA256_HEX], sha256[BASE_SHA256_HEX], *pass;
    struct keeper_export e;
    struct base_fail f = {0};
    struct keeper_journal_entry *list;
    size_t n, before;
    make("sealed", "carol@example.test", "keep", id, spki);
    certify(id, "carol@example.test", sha256);
    assert_int_equal(keeper_exports_since(agent_path, x.a, 0, 100, &list, &before, NULL), BASE_OK);
    assert_int_equal(keeper_seal_p12(agent_path, x.a, id, "agent", "delivery", &e, NULL), BASE_OK);
    assert_null(e.passphrase);
    assert_int_equal(keeper_export_finish(&e, true, NULL), BASE_OK);
    is(keeper_admin_passphrase(agent_path, x.a, e.id, "agent", "r", &pass, &f), BASE_PERMANENT, &f,
       "keeper.denied");
    assert_null(pass);
    is(keeper_seal_p12(admin_path, x.a, id, "root", "r", &e, &f), BASE_PERMANENT, &f,
       "keeper.denied");
    assert_int_equal(keeper_exports_since(admin_path, x.a, (int64_t)before, 100, &list, &n, NULL),
                     BASE_OK);
    assert_int_equal(n, 1);
    assert_string_equal(list[0].kind, "seal");
    assert_string_equal(list[0].mailbox, "carol@example.test");
    assert_string_equal(list[0].tenant, "main");
    assert_string_equal(list[0].cert_sha256, sha256);
    assert_string_equal(list[0].who, "agent");
    assert_int_equal(list[0].uid, geteuid());
    assert_int_equal(
        keeper_admin_passphrase(admin_path, x.a, list[0].export, "root", "call", &pass, NULL),
        BASE_OK);
    assert_int_equal(strlen(pass), 29);
    is(keeper_admin_passphrase(admin_path, x.a, id, "root", "call", &pass, &f), BASE_PERMANENT, &f,
       "keeper.absent");
    assert_int_equal(keeper_exports_since(admin_path, x.a, (int64_t)before + 1, 1, &list, &n, NULL),
                     BASE_OK);
    assert_int_equal(n, 1);
    assert_string_equal(list[0].kind, "passphrase");
    assert_string_equal(list[0].reason, "call");
    assert_null(list[0].cert_sha256);
}

static void listing(void **state)
{
    (void)state;
    char id[KEEPER_ID], spki[BASE_SHA256_HEX], path[160];
    struct keeper_key *list;
    size_t n, count = 0;
    for (int i = 0; i < 12; i++) {
        char request[20];
        snprintf(request, sizeof request, "list-%d", i);
        make(request, "list@example.test", "keep", id, spki);
    }
    assert_int_equal(keeper_list(admin_path, x.a, NULL, "List@example.test", false, 100, &list, &n, NULL),
                     BASE_OK);
    assert_int_equal(n, 12);
    /* one that can't be read is passed over, and the page is filled all the same */
    snprintf(path, sizeof path, "%s/keys/%s.json", x.state, list[2].id);
    assert_int_equal(base_file_write(AT_FDCWD, path, "{", 1, 0600, NULL), BASE_OK);
    const char *after = NULL;
    do {
        assert_int_equal(
            keeper_list(agent_path, x.a, after, "list@example.test", false, 5, &list, &n, NULL), BASE_OK);
        if (!after)
            assert_int_equal(n, 5);
        if (n > 0)
            after = list[n - 1].id;
        count += n;
    } while (n == 5);
    assert_int_equal(count, 11);
    assert_int_equal(unlink(path), 0);
    struct base_fail f = {0};
    is(keeper_list(agent_path, x.a, NULL, NULL, false, 101, &list, &n, &f), BASE_PERMANENT, &f,
       "keeper.request");
}

static void two_tenants(void **state)
{
    (void)state;
    char id[KEEPER_ID], id2[KEEPER_ID], spki[BASE_SHA256_HEX], sha256[BASE_SHA256_HEX];
    struct keeper_export e;
    struct base_fail f = {0};
    make("t-1", "dave@example.test", "keep", id, spki);
    certify(id, "dave@example.test", sha256);
    assert_int_equal(keeper_make_key(agent_path, "t-2", "dave@example.test", "other", "p256",
                                     "keep", id2, spki, NULL),
                     BASE_OK);
    assert_int_equal(
        keeper_export_p12(admin_path, x.a, "dave@example.test", false, NULL, "root", "r", &e, NULL),
        BASE_OK); /* the other tenant's key has no certificate */
    keeper_export_finish(&e, true, NULL);
    certify(id2, "dave@example.test", sha256);
    is(keeper_export_p12(admin_path, x.a, "dave@example.test", false, NULL, "root", "r", &e, &f),
       BASE_PERMANENT, &f, "keeper.ambiguous");
    assert_int_equal(keeper_export_p12(admin_path, x.a, id2, false, NULL, "root", "r", &e, NULL), BASE_OK);
    assert_string_equal(e.cert_sha256, sha256);
    keeper_export_finish(&e, true, NULL);
}

/* A long history of certificates comes back whole, by memfd. */
static void large_answer(void **state)
{
    (void)state;
    char id[KEEPER_ID], spki[BASE_SHA256_HEX], sha256[BASE_SHA256_HEX];
    struct keeper_key k;
    make("large", "erin@example.test", "keep", id, spki);
    for (int i = 0; i < 60; i++)
        certify(id, "erin@example.test", sha256);
    assert_int_equal(keeper_key_info(agent_path, x.a, id, &k, NULL), BASE_OK);
    assert_int_equal(k.n_certs, 60);
    assert_string_equal(k.certs[59].sha256, sha256);
}

struct worker {
    pthread_t thread;
    int n;
    char id[10][KEEPER_ID];
};

static void *hammer(void *arg)
{
    struct worker *w = arg;
    char spki[BASE_SHA256_HEX], request[20];
    for (int i = 0; i < 10; i++) {
        snprintf(request, sizeof request, "both-%d", i);
        if (keeper_make_key(agent_path, request, "frank@example.test", "main", "p256", "keep",
                            w->id[i], spki, NULL))
            w->n++;
    }
    return NULL;
}

static void at_once(void **state)
{
    (void)state;
    struct worker w[8] = {0};
    for (int i = 0; i < 8; i++)
        assert_int_equal(pthread_create(&w[i].thread, NULL, hammer, &w[i]), 0);
    for (int i = 0; i < 8; i++)
        pthread_join(w[i].thread, NULL);
    for (int i = 0; i < 8; i++) {
        assert_int_equal(w[i].n, 0);
        assert_memory_equal(w[i].id, w[0].id, sizeof w[i].id);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ping),    cmocka_unit_test(whole_life),  cmocka_unit_test(sealed),
        cmocka_unit_test(listing), cmocka_unit_test(two_tenants), cmocka_unit_test(large_answer),
        cmocka_unit_test(at_once),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
