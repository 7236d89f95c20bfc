/* tests/unit/cli_out.c - tables, times, objects: how answers look, and that text of
 * others can't do anything to a terminal. */
#include <locale.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "base/json.h"
#include "cli/cli.h"

struct world {
    struct cli c;
    char *out, *err;
    size_t nout, nerr;
};

static struct world *open_world(void)
{
    struct world *w = base_xmalloc(sizeof(*w));
    memset(w, 0, sizeof(*w));
    w->c.a = base_arena_new();
    w->c.now = 1795356000; /* 2026-11-22 14:00 UTC */
    w->c.out = open_memstream(&w->out, &w->nout);
    w->c.err = open_memstream(&w->err, &w->nerr);
    return w;
}

static const char *text(struct world *w)
{
    fflush(w->c.out);
    fflush(w->c.err);
    return w->out;
}

static void close_world(struct world *w)
{
    fclose(w->c.out);
    fclose(w->c.err);
    free(w->out);
    free(w->err);
    base_arena_free(w->c.a);
    free(w);
}

static void test_table(void **state)
{
    struct world *w = open_world();
    struct cli_table t;
    (void)state;
    cli_table_init(&t, "DOMAIN", "TENANT", "MODE", "STATE", NULL);
    cli_table_row(&w->c, &t, "example.org", NULL, "confirm", "valid");
    cli_table_row(&w->c, &t, "b\xc3\xbc" "cher.example", "", "hold", "");
    cli_table_print(&w->c, &t);
    /* the column without content is left out, the umlaut is one column wide */
    assert_string_equal(text(w), "DOMAIN          MODE     STATE\n"
                                 "example.org     confirm  valid\n"
                                 "b\xc3\xbc" "cher.example  hold\n");
    close_world(w);
}

static void test_pages(void **state)
{
    struct world *w = open_world();
    struct cli_table t;
    (void)state;
    cli_table_init(&t, "ID", "NAME", NULL);
    cli_table_row(&w->c, &t, "1000", "a");
    cli_table_print(&w->c, &t);
    cli_table_row(&w->c, &t, "1", "b");
    cli_table_print(&w->c, &t);
    cli_table_print(&w->c, &t); /* nothing to print prints nothing */
    assert_string_equal(text(w), "ID    NAME\n1000  a\n1     b\n");
    close_world(w);
}

static void test_width(void **state)
{
    struct world *w = open_world();
    struct cli_table t, pairs = {0};
    (void)state;
    w->c.width = 40;
    cli_table_init(&t, "ID", "WHY", NULL);
    cli_table_row(&w->c, &t, "7", "a sentence that is longer than the line of the terminal is");
    cli_table_print(&w->c, &t);
    assert_string_equal(text(w), "ID  WHY\n7   a sentence that is longer than th...\n");
    rewind(w->c.out);
    cli_pair(&w->c, &pairs, "decision", "hold: a sentence that is longer than the line");
    cli_pair(&w->c, &pairs, "left out", "");
    cli_table_print(&w->c, &pairs);
    assert_string_equal(text(w), "decision  hold: a sentence that is\n"
                                 "          longer than the line\n");
    close_world(w);
}

static void test_wide_text(void **state)
{
    (void)state;
    assert_int_equal(cli_columns("abc"), 3);
    assert_int_equal(cli_columns("\xe7\x94\xb3\xe8\xaf\xb7"), 4); /* two ideographs */
    assert_int_equal(cli_columns("e\xcc\x81"), 1);                /* combining accent */
    assert_int_equal(cli_columns(""), 0);
}

static void test_times(void **state)
{
    struct world *w = open_world();
    struct cli *c = &w->c;
    (void)state;
    assert_string_equal(cli_when(c, 0), "-");
    assert_string_equal(cli_when(c, c->now), "2026-11-22 14:00 (now)");
    assert_string_equal(cli_when(c, c->now - 1500), "2026-11-22 13:35 (25 min ago)");
    assert_string_equal(cli_when(c, c->now + 3 * 86400 + 4 * 3600), "2026-11-25 18:00 (in 3 d 4 h)");
    assert_string_equal(cli_day(c, c->now + 30 * 86400 + 7200), "2026-12-22 (in 30 d)");
    assert_string_equal(cli_day(c, c->now + 86400 + 7200), "2026-11-23 (in 1 d 2 h)");
    setenv("TZ", "America/New_York", 1);
    tzset();
    assert_string_equal(cli_when(c, c->now - 60), "2026-11-22 08:59 (1 min ago)");
    setenv("TZ", "UTC", 1);
    tzset();
    close_world(w);
}

static void test_sizes(void **state)
{
    struct world *w = open_world();
    (void)state;
    assert_string_equal(cli_size(&w->c, 0), "0 B");
    assert_string_equal(cli_size(&w->c, 1023), "1023 B");
    assert_string_equal(cli_size(&w->c, 1536), "1.5 KiB");
    assert_string_equal(cli_size(&w->c, 20LL << 30), "20 GiB");
    close_world(w);
}

static void test_foreign_text(void **state)
{
    struct world *w = open_world();
    json_t *o = json_object();
    (void)state;
    assert_string_equal(cli_text(&w->c, "a\x1b[31mb\nc\r\xe2\x80\xae" "d"), "a?[31mb?c??d");
    assert_string_equal(cli_text(&w->c, NULL), "");
    base_json_set(o, "subject", "x\x1b]0;owned\x07y");
    base_json_set(o, "na\x1bme", "v");
    cli_object(&w->c, o, NULL);
    cli_complain(&w->c, "%s", "e\x1b[2Jf");
    assert_null(strchr(text(w), 0x1b));
    assert_non_null(strstr(w->out, "x?]0;owned?y"));
    assert_string_equal(w->err, "certmilter: e?[2Jf\n");
    json_decref(o);
    close_world(w);
}

/* For a terminal JSON is ASCII: C1 controls and bidi overrides stay escapes. */
static void test_json_to_terminal(void **state)
{
    struct world *w = open_world();
    json_t *o = json_object();
    (void)state;
    base_json_set(o, "s", "\xc2\x9b" "31m\xe2\x80\xae" "x");
    w->c.tty = true;
    cli_json(&w->c, o);
    for (const char *p = text(w); *p; p++)
        assert_true(*p == '\n' || (*p >= ' ' && *p < 127));
    assert_non_null(strstr(w->out, "\\u009B"));
    json_decref(o);
    close_world(w);
}

static void test_object(void **state)
{
    static const char *const skip[] = {"secret", NULL};
    struct world *w = open_world();
    json_error_t e;
    json_t *o = json_loads("{\"ok\":true,\"id\":7,\"not_after\":1797948000,\"created\":0,"
                           "\"recipients\":[\"a@b.test\",\"c@b.test\"],\"empty\":\"\",\"yes\":true,"
                           "\"form\":{\"button_name\":\"x=y\"},\"list\":[{\"n\":1},{\"n\":2}],"
                           "\"secret\":\"s\",\"attention\":[\"x\"]}",
                           0, &e);
    (void)state;
    cli_object(&w->c, o, skip);
    assert_string_equal(text(w), "id             7\n"
                                 "not after      2026-12-22 14:00 (in 30 d)\n"
                                 "recipients     a@b.test, c@b.test\n"
                                 "yes            yes\n"
                                 "form\n"
                                 "  button name  x=y\n"
                                 "list 1\n"
                                 "  n            1\n"
                                 "list 2\n"
                                 "  n            2\n");
    assert_string_equal(cli_cell(&w->c, o, "not_after"), "2026-12-22 (in 30 d)");
    assert_string_equal(cli_cell(&w->c, o, "absent"), "");
    json_decref(o);
    close_world(w);
}

static void test_failures(void **state)
{
    static const struct {
        enum base_fail_class cls;
        int status;
    } cases[] = {{BASE_TEMPORARY, 3}, {BASE_PERMANENT, 1}, {BASE_OURS, 1}};
    (void)state;
    for (size_t i = 0; i < 3; i++) {
        struct world *w = open_world();
        struct base_fail f = {0};
        base_failf(&f, cases[i].cls, "x.y", "it is so");
        assert_int_equal(cli_failed(&w->c, &f), cases[i].status);
        assert_string_equal(text(w), "");
        assert_string_equal(w->err, "certmilter: it is so\n");
        w->c.json = true;
        assert_int_equal(cli_failed(&w->c, &f), cases[i].status);
        json_t *o = json_loads(text(w), 0, NULL);
        assert_false(base_json_bool(o, "ok", true));
        assert_string_equal(base_json_str(o, "code"), "x.y");
        assert_string_equal(base_json_str(o, "class"), base_fail_class_name(cases[i].cls));
        json_decref(o);
        close_world(w);
    }
}

static void test_attention(void **state)
{
    struct world *w = open_world();
    json_t *o = json_loads("{\"attention\":[\"look\\u001b\",\"there\"]}", 0, NULL);
    json_t *none = json_loads("{\"attention\":[]}", 0, NULL);
    (void)state;
    assert_int_equal(cli_attention(&w->c, none), CLI_DONE);
    assert_int_equal(cli_attention(&w->c, o), CLI_ATTENTION);
    assert_string_equal(text(w), "! look?\n! there\n");
    json_decref(o);
    json_decref(none);
    close_world(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_table),        cmocka_unit_test(test_pages),
        cmocka_unit_test(test_width),        cmocka_unit_test(test_wide_text),
        cmocka_unit_test(test_times),        cmocka_unit_test(test_sizes),
        cmocka_unit_test(test_foreign_text), cmocka_unit_test(test_json_to_terminal),
        cmocka_unit_test(test_object),       cmocka_unit_test(test_failures),
        cmocka_unit_test(test_attention),
    };
    setlocale(LC_CTYPE, "C.UTF-8");
    setenv("TZ", "UTC", 1);
    tzset();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
