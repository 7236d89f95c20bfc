/* The state directory: records, index, tombstones, what a crash leaves; and the
 * export journal. */
#include "keeper_fixture.h"

#include "keeper/journal.h"

static struct kx x;

static int setup(void **state)
{
    (void)state;
    bool locked;
    (void)keeper_memory_init(&locked);
    return 0;
}

static int each(void **state)
{
    (void)state;
    kx_new(&x);
    return 0;
}

static int after_each(void **state)
{
    (void)state;
    kx_end(&x);
    return 0;
}

static void path_of(const char *id, char out[160])
{
    snprintf(out, 160, "%s/keys/%s.json", x.state, id);
}

static void round_trip(void **state)
{
    (void)state;
    struct keeper_record r = kx_record(&x, "Al\"ice\\@example.test", 1), back;
    struct keeper_cert certs[2] = {{.attached = 5, .pem = "-----BEGIN...\n\"x\"\n"},
                                   {.attached = 6, .pem = "two"}};
    memset(certs[0].sha256, 'a', 64);
    memset(certs[1].sha256, 'b', 64);
    memset(r.k.spki_sha256, 'c', 64);
    r.k.certs = certs;
    r.k.n_certs = 2;
    assert_int_equal(keeper_envelope_seal(x.vault, x.a, &r, fx_key("P-256"), NULL), BASE_OK);
    assert_int_equal(keeper_store_save(x.store, &r, NULL), BASE_OK);
    kx_close(&x);
    kx_open(&x);
    assert_int_equal(keeper_store_load(x.store, x.a, r.k.id, &back, NULL), BASE_OK);
    assert_string_equal(back.k.mailbox, r.k.mailbox);
    assert_string_equal(back.k.tenant, "main");
    assert_string_equal(back.k.type, "p256");
    assert_string_equal(back.k.custody, "keep");
    assert_string_equal(back.request, "req-1");
    assert_string_equal(back.k.spki_sha256, r.k.spki_sha256);
    assert_int_equal(back.k.created, 1001);
    assert_false(back.k.destroyed);
    assert_int_equal(back.k.n_certs, 2);
    assert_string_equal(back.k.certs[0].pem, certs[0].pem);
    assert_int_equal(back.k.certs[1].attached, 6);
    assert_memory_equal(back.sealed.p, r.sealed.p, r.sealed.n);
}

static void what_a_crash_leaves(void **state)
{
    (void)state;
    char path[160];
    struct keeper_record r = kx_saved(&x, "alice@example.test", 1, fx_key("P-256")), back;
    struct keeper_record half = kx_record(&x, "alice@example.test", 2);
    /* killed while writing: a temporary file; between index and record: an entry alone */
    snprintf(path, sizeof path, "%s/keys/.%s.json.abcdefgh.tmp", x.state, half.k.id);
    assert_int_equal(base_file_write(AT_FDCWD, path, "{\"for", 5, 0600, NULL), BASE_OK);
    assert_int_equal(keeper_store_save(x.store, &half, NULL), BASE_OK);
    char record[160];
    path_of(half.k.id, record);
    unlink(record);
    kx_close(&x);
    kx_open(&x);
    assert_int_not_equal(access(path, F_OK), 0);
    char ids[5][KEEPER_ID];
    size_t n;
    assert_int_equal(keeper_store_ids(x.store, NULL, NULL, 5, ids, &n, NULL), BASE_OK);
    assert_int_equal(n, 1);
    assert_string_equal(ids[0], r.k.id);
    struct base_fail f = {0};
    assert_int_equal(keeper_store_ids(x.store, NULL, "ALICE@example.test", 5, ids, &n, NULL),
                     BASE_OK);
    assert_int_equal(n, 2); /* the caller passes over the one that isn't there */
    assert_int_equal(keeper_store_load(x.store, x.a, half.k.id, &back, &f), BASE_PERMANENT);
    assert_string_equal(f.code, "keeper.absent");
    assert_int_equal(keeper_store_load(x.store, x.a, r.k.id, &back, NULL), BASE_OK);
}

static void no_room(void **state)
{
    (void)state;
    /* the directory can't be written: nothing changes, and the failure is said */
    struct keeper_record r = kx_saved(&x, "alice@example.test", 1, fx_key("P-256")), back;
    struct base_fail f = {0};
    char path[160];
    path_of(r.k.id, path);
    snprintf(path, sizeof path, "%s/keys", x.state);
    char moved[170];
    snprintf(moved, sizeof moved, "%s-away", path);
    r.k.tenant = "changed";
    if (geteuid() != 0) {
        chmod(path, 0500);
        assert_int_not_equal(keeper_store_save(x.store, &r, &f), BASE_OK);
        chmod(path, 0700);
        assert_string_equal(f.code, "file.write");
    } else { /* root may write anywhere: take the index's place with a file */
        char boxes[100];
        snprintf(boxes, sizeof boxes, "%s/mailboxes", x.state);
        nftw(boxes, kx_remove, 4, FTW_DEPTH | FTW_PHYS);
        assert_int_not_equal(keeper_store_save(x.store, &r, &f), BASE_OK);
        assert_string_equal(f.code, "file.write");
    }
    assert_int_equal(keeper_store_load(x.store, x.a, r.k.id, &back, NULL), BASE_OK);
    assert_string_equal(back.k.tenant, "main");
}

static void damaged_files(void **state)
{
    (void)state;
    struct keeper_record r = kx_saved(&x, "alice@example.test", 1, fx_key("P-256")), back;
    char path[160];
    static const char *const bad[] = {"", "{", "[]", "{}", "{\"format\":2}", "null"};
    path_of(r.k.id, path);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct base_fail f = {0};
        assert_int_equal(base_file_write(AT_FDCWD, path, bad[i], strlen(bad[i]), 0600, NULL),
                         BASE_OK);
        assert_int_equal(keeper_store_load(x.store, x.a, r.k.id, &back, &f), BASE_PERMANENT);
        assert_string_equal(f.code, "keeper.damaged");
    }
    /* another key's file under this name */
    struct keeper_record other = kx_saved(&x, "bob@example.test", 2, fx_key("P-384"));
    char from[160];
    path_of(other.k.id, from);
    assert_int_equal(rename(from, path), 0);
    struct base_fail f = {0};
    assert_int_equal(keeper_store_load(x.store, x.a, r.k.id, &back, &f), BASE_PERMANENT);
    assert_string_equal(f.code, "keeper.damaged");
    static const char *const ids[] = {"", "../../../../etc/passwd\0aaaa",
                                      "ABCDEFGHIJKLMNOPQRSTUVWXYZ", "abcdefghijklmnopqrstuvwx/."};
    for (size_t i = 0; i < 4; i++) {
        assert_false(keeper_id_ok(ids[i]));
        assert_int_equal(keeper_store_load(x.store, x.a, ids[i], &back, &f), BASE_PERMANENT);
        assert_string_equal(f.code, "keeper.request");
    }
}

static void tombstone(void **state)
{
    (void)state;
    struct keeper_record r = kx_saved(&x, "alice@example.test", 1, fx_key("P-256")), back;
    char path[160], old[8192];
    path_of(r.k.id, path);
    int fd = open(path, O_RDONLY); /* keeps what the file held before within reach */
    assert_int_equal(keeper_store_destroy(x.store, &r, "left", 77, NULL), BASE_OK);
    ssize_t n = pread(fd, old, sizeof old, 0);
    assert_true(n > 300);
    for (ssize_t i = 0; i < n; i++)
        assert_int_equal(old[i], 0);
    close(fd);
    assert_int_equal(keeper_store_load(x.store, x.a, r.k.id, &back, NULL), BASE_OK);
    assert_true(back.k.destroyed);
    assert_int_equal(back.k.destroyed_at, 77);
    assert_string_equal(back.k.destroyed_reason, "left");
    assert_int_equal(back.sealed.n, 0);
    EVP_PKEY *key;
    struct base_fail f = {0};
    assert_int_equal(keeper_envelope_open(x.vault, &back, &key, &f), BASE_PERMANENT);
    assert_string_equal(f.code, "keeper.destroyed");
}

static int by_text(const void *p, const void *q)
{
    return strcmp(p, q);
}

static void pages(void **state)
{
    (void)state;
    char all[40][KEEPER_ID], ids[40][KEEPER_ID];
    size_t n;
    for (int i = 0; i < 40; i++) {
        struct keeper_record r = kx_record(&x, i % 2 ? "a@example.test" : "b@example.test", i);
        memset(r.k.spki_sha256, 'c', 64);
        r.sealed = r.wrapped = (struct base_bytes){(const unsigned char *)"x", 1};
        r.kek_id = "0";
        assert_int_equal(keeper_store_save(x.store, &r, NULL), BASE_OK);
        memcpy(all[i], r.k.id, KEEPER_ID);
    }
    qsort(all, 40, KEEPER_ID, by_text);
    for (size_t limit = 1; limit <= 40; limit += 13) {
        size_t at = 0;
        do {
            assert_int_equal(
                keeper_store_ids(x.store, at ? all[at - 1] : NULL, NULL, limit, ids, &n, NULL),
                BASE_OK);
            for (size_t i = 0; i < n; i++)
                assert_string_equal(ids[i], all[at + i]);
            at += n;
        } while (n == limit);
        assert_int_equal(at, 40);
    }
    assert_int_equal(keeper_store_ids(x.store, NULL, "A@EXAMPLE.test", 40, ids, &n, NULL), BASE_OK);
    assert_int_equal(n, 20);
    assert_int_equal(keeper_store_ids(x.store, ids[9], "a@example.test", 40, ids, &n, NULL),
                     BASE_OK);
    assert_int_equal(n, 10);
    assert_int_equal(keeper_store_ids(x.store, NULL, "c@example.test", 40, ids, &n, NULL), BASE_OK);
    assert_int_equal(n, 0);
}

/* A page that comes from what was remembered must not miss a key that was added since. */
static void keys_added_between_pages(void **state)
{
    (void)state;
    char all[60][KEEPER_ID], ids[60][KEEPER_ID], seen[KEEPER_ID];
    size_t n, got = 0, have = 0;
    for (int i = 0; i < 60; i++) {
        struct keeper_record r = kx_record(&x, "a@example.test", i);
        memcpy(all[i], r.k.id, KEEPER_ID);
    }
    qsort(all, 60, KEEPER_ID, by_text);
    for (int pass = 0; pass < 2; pass++)
        for (int i = 0; i < 60; i++) { /* half of them first, then the others while pages are read */
            struct keeper_record r = kx_record(&x, "a@example.test", i);
            size_t at = (size_t)((char(*)[KEEPER_ID])bsearch(r.k.id, all, 60, KEEPER_ID, by_text) - all);
            if (at % 2 != (size_t)pass)
                continue;
            memset(r.k.spki_sha256, 'c', 64);
            r.sealed = r.wrapped = (struct base_bytes){(const unsigned char *)"x", 1};
            r.kek_id = "0";
            assert_int_equal(keeper_store_save(x.store, &r, NULL), BASE_OK);
            have++;
            if (have == 30) { /* the first page, remembered with what follows it */
                assert_int_equal(keeper_store_ids(x.store, NULL, NULL, 1, ids, &n, NULL), BASE_OK);
                assert_int_equal(n, 1);
                assert_string_equal(ids[0], all[0]);
            }
        }
    memcpy(seen, all[0], KEEPER_ID);
    do {
        assert_int_equal(keeper_store_ids(x.store, seen, NULL, 7, ids, &n, NULL), BASE_OK);
        for (size_t i = 0; i < n; i++, got++)
            assert_string_equal(ids[i], all[got + 1]);
        if (n > 0)
            memcpy(seen, ids[n - 1], KEEPER_ID);
    } while (n == 7);
    assert_int_equal(got, 59);
}

static void one_owner(void **state)
{
    (void)state;
    struct keeper_store *second;
    struct base_fail f = {0};
    struct stat st;
    assert_int_equal(keeper_store_open(x.state, &second, &f), BASE_PERMANENT);
    assert_non_null(strstr(f.text, "another keeper"));
    assert_int_equal(keeper_store_open("/proc/none/x", &second, &f), BASE_PERMANENT);
    assert_string_equal(f.code, "keeper.state");
    chmod(x.state, 0755);
    kx_close(&x);
    kx_open(&x);
    assert_int_equal(stat(x.state, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0700);
}

/* --- the journal -------------------------------------------------------------- */

static enum base_fail_class add(struct keeper_journal *j, int n)
{
    char reason[20];
    snprintf(reason, sizeof reason, "reason %d", n);
    struct keeper_journal_entry e = {.kind = "export",
                                     .key_id = "k",
                                     .mailbox = "a@b",
                                     .tenant = "t",
                                     .who = "root",
                                     .reason = reason,
                                     .uid = 7};
    enum base_fail_class c = keeper_journal_add(j, &e, NULL);
    assert_int_equal(e.n, n);
    return c;
}

static void journal_numbers(struct keeper_journal *j, int64_t after, size_t limit, int64_t first,
                            size_t count)
{
    json_t *list;
    assert_int_equal(keeper_journal_since(j, after, limit, &list, NULL), BASE_OK);
    assert_int_equal(json_array_size(list), count);
    for (size_t i = 0; i < count; i++)
        assert_int_equal(json_integer_value(json_object_get(json_array_get(list, i), "n")),
                         first + (int64_t)i);
    json_decref(list);
}

static void append_to_journal(const char *text)
{
    char path[100];
    snprintf(path, sizeof path, "%s/exports.log", x.state);
    int fd = open(path, O_WRONLY | O_APPEND);
    assert_true(base_write_all(fd, text, strlen(text)));
    close(fd);
}

static void journal(void **state)
{
    (void)state;
    struct keeper_journal *j;
    int dir = keeper_store_dirfd(x.store);
    assert_int_equal(keeper_journal_open(dir, &j, NULL), BASE_OK);
    journal_numbers(j, 0, 10, 1, 0);
    for (int i = 1; i <= 25; i++)
        assert_int_equal(add(j, i), BASE_OK);
    journal_numbers(j, 0, 10, 1, 10);
    journal_numbers(j, 20, 10, 21, 5);
    journal_numbers(j, 25, 10, 1, 0);
    keeper_journal_close(j);
    struct stat whole, now;
    fstatat(dir, "exports.log", &whole, 0);
    append_to_journal("{\"n\":26,\"at\":1"); /* torn */
    assert_int_equal(keeper_journal_open(dir, &j, NULL), BASE_OK);
    fstatat(dir, "exports.log", &now, 0);
    assert_int_equal(now.st_size, whole.st_size);
    journal_numbers(j, 23, 10, 24, 2);
    assert_int_equal(add(j, 26), BASE_OK);
    journal_numbers(j, 23, 10, 24, 3);
    keeper_journal_close(j);
    static const char *const bad[] = {"{}\n", "garbage\n"};
    for (size_t i = 0; i < 2; i++) {
        struct base_fail f = {0};
        append_to_journal(bad[i]);
        assert_int_equal(keeper_journal_open(dir, &j, &f), BASE_PERMANENT);
        assert_string_equal(f.code, "keeper.journal");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, each, after_each)
        T(round_trip), T(what_a_crash_leaves), T(no_room), T(damaged_files), T(tombstone),
        T(pages),      T(keys_added_between_pages), T(one_owner),           T(journal),
    };
    return cmocka_run_group_tests(tests, setup, NULL);
}
