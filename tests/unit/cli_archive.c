/* tests/unit/cli_archive.c - the file of a backup: headers, what is read back, what is refused. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/digest.h"
#include "base/file.h"
#include "base/json.h"
#include "cli/archive.h"
#include "cli/tar.h"

static char dir[64], file[80];

static int set_up(void **state)
{
    (void)state;
    snprintf(dir, sizeof dir, "/tmp/certmilter-archive-XXXXXX");
    if (!mkdtemp(dir))
        return -1;
    snprintf(file, sizeof file, "%s/x.tar", dir);
    return 0;
}

static int tear_down(void **state)
{
    char part[128];
    (void)state;
    snprintf(part, sizeof part, "%s/%s", dir, CLI_ARCHIVE_PART);
    unlink(part);
    unlink(file);
    return rmdir(dir);
}

static void test_digest(void **state)
{
    char one[BASE_SHA256_HEX], other[BASE_SHA256_HEX], text[1000];
    struct base_digest *d = base_digest_new();
    (void)state;
    memset(text, 'x', sizeof text);
    for (size_t i = 0; i < sizeof text; i += 8)
        base_digest_add(d, text + i, 8);
    base_digest_end(d, one);
    base_sha256_hex(text, sizeof text, other);
    assert_string_equal(one, other);
}

static void test_head(void **state)
{
    static const int64_t sizes[] = {0, 1, 511, 512, (INT64_C(1) << 33) - 1, INT64_C(1) << 33,
                                    INT64_C(1) << 45};
    char head[CLI_TAR_BLOCK], name[CLI_TAR_NAME_MAX + 1], longest[CLI_TAR_NAME_MAX + 2];
    int64_t size;
    bool end;
    (void)state;
    memset(longest, 'n', sizeof longest);
    longest[CLI_TAR_NAME_MAX + 1] = '\0';
    assert_false(cli_tar_head(head, longest, 0, 0));
    longest[CLI_TAR_NAME_MAX] = '\0';
    assert_true(cli_tar_head(head, longest, 7, 0));
    assert_true(cli_tar_parse(head, name, &size, &end));
    assert_string_equal(name, longest);
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        assert_true(cli_tar_head(head, "keeper/x", sizes[i], 1795000000));
        assert_true(cli_tar_parse(head, name, &size, &end) && !end);
        assert_int_equal(size, sizes[i]);
        for (size_t at = 0; at < 265; at++) { /* every byte that is used is in the sum */
            head[at] ^= 1;
            assert_false(cli_tar_parse(head, name, &size, &end) && size == sizes[i] &&
                         strcmp(name, "keeper/x") == 0 && at < 148);
            head[at] ^= 1;
        }
    }
    memset(head, 0, sizeof head);
    assert_true(cli_tar_parse(head, name, &size, &end) && end);
}

static void make(bool finish)
{
    struct cli_archive *w;
    struct base_fail f = {0};
    json_t *m = json_pack("{s:s,s:i}", "format", "certmilter-backup", "version", 1);
    assert_int_equal(cli_archive_create(file, &w, &f), BASE_OK);
    assert_int_equal(cli_archive_add(w, "one", "eins", 4, &f), BASE_OK);
    assert_int_equal(cli_archive_begin(w, "two/none", &f), BASE_OK);
    assert_int_equal(cli_archive_end(w, &f), BASE_OK);
    assert_int_equal(cli_archive_begin(w, "three", &f), BASE_OK);
    for (int i = 0; i < 3000; i++)
        assert_int_equal(cli_archive_more(w, "0123456789", 10, &f), BASE_OK);
    assert_int_equal(cli_archive_end(w, &f), BASE_OK);
    if (finish)
        assert_int_equal(cli_archive_finish(w, m, false, &f), BASE_OK);
    cli_archive_drop(w);
    json_decref(m);
}

static void test_round(void **state)
{
    struct cli_reader *r;
    struct cli_member m;
    struct base_buf text;
    struct base_fail f = {0};
    bool more;
    (void)state;
    make(true);
    assert_int_equal(cli_reader_open(file, &r, &f), BASE_OK);
    assert_int_equal(base_json_int(cli_reader_manifest(r), "members", 0), 3);
    assert_int_equal(cli_reader_next(r, &m, &more, &f), BASE_OK);
    assert_true(more && strcmp(m.name, "one") == 0 && m.size == 4);
    assert_int_equal(cli_reader_text(r, &m, 4, &text, &f), BASE_OK);
    assert_string_equal(base_buf_str(&text), "eins");
    base_buf_free(&text);
    assert_int_equal(cli_reader_next(r, &m, &more, &f), BASE_OK);
    assert_true(more && strcmp(m.name, "two/none") == 0 && m.size == 0);
    assert_int_equal(cli_reader_next(r, &m, &more, &f), BASE_OK);
    assert_true(more && m.size == 30000);
    assert_int_equal(cli_reader_text(r, &m, 29999, &text, &f), BASE_PERMANENT); /* its cap */
    base_buf_free(&text);
    assert_int_equal(cli_reader_next(r, &m, &more, &f), BASE_OK); /* unread, and checked */
    assert_false(more);
    cli_reader_close(r);
    struct cli_archive *w;
    json_t *o = json_object();
    assert_int_equal(cli_archive_create(file, &w, &f), BASE_OK);
    assert_int_equal(cli_archive_finish(w, o, false, &f), BASE_PERMANENT); /* never over another */
    assert_string_equal(f.code, "file.exists");
    cli_archive_drop(w);
    json_decref(o);
}

static void test_unfinished(void **state)
{
    struct cli_archive *w, *second;
    struct base_fail f = {0};
    (void)state;
    make(false);
    assert_int_equal(access(file, F_OK), -1);
    assert_int_equal(cli_archive_create(file, &w, &f), BASE_OK);
    assert_int_equal(cli_archive_create(file, &second, &f), BASE_PERMANENT);
    assert_string_equal(f.code, "backup.busy");
    cli_archive_drop(w);
}

/* Any byte that is changed, and any cut, is told: at opening or at its member. */
static bool whole(void)
{
    struct cli_reader *r;
    struct cli_member m;
    struct base_fail f = {0};
    bool more = true;
    enum base_fail_class c = cli_reader_open(file, &r, &f);
    if (c)
        return false;
    while (!c && more)
        c = cli_reader_next(r, &m, &more, &f);
    cli_reader_close(r);
    return c == BASE_OK;
}

static void test_damage(void **state)
{
    struct base_buf good;
    (void)state;
    make(true);
    assert_true(whole());
    assert_int_equal(base_file_read(AT_FDCWD, file, 1 << 20, &good, NULL), BASE_OK);
    int64_t at = 0, size;
    char name[CLI_TAR_NAME_MAX + 1];
    bool end = false;
    while (cli_tar_parse((char *)good.p + at, name, &size, &end) && !end) {
        for (int64_t i = 0; i < size; i += size > 100 ? 97 : 1) { /* contents; padding is nobody's */
            good.p[at + CLI_TAR_BLOCK + i] ^= 1;
            assert_int_equal(base_file_write(AT_FDCWD, file, good.p, good.n, 0600, NULL), BASE_OK);
            if (whole())
                fail_msg("a changed byte %lld of %s went unnoticed", (long long)i, name);
            good.p[at + CLI_TAR_BLOCK + i] ^= 1;
        }
        at += CLI_TAR_BLOCK + (size + CLI_TAR_BLOCK - 1) / CLI_TAR_BLOCK * CLI_TAR_BLOCK;
    }
    for (size_t n = 0; n < (size_t)at; n += 487) {
        assert_int_equal(base_file_write(AT_FDCWD, file, good.p, n, 0600, NULL), BASE_OK);
        assert_false(whole());
    }
    base_buf_free(&good);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_digest),
        cmocka_unit_test(test_head),
        cmocka_unit_test_setup_teardown(test_round, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_unfinished, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_damage, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
