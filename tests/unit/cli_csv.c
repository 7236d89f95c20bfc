/* The CSV reader: what RFC 4180 allows, what it does not, and where that is. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "cli/csv.h"

struct reader {
    struct base_arena *a;
    struct cli_csv r;
    struct cli_csv_record rec;
    struct cli_csv_error e;
};

static struct reader reader(const char *text, size_t n)
{
    struct reader x = {.a = base_arena_new()};
    cli_csv_init(&x.r, text, n);
    return x;
}

static enum cli_csv_got next(struct reader *x)
{
    return cli_csv_next(&x->r, x->a, &x->rec, &x->e);
}

#define READER(text) reader(text, sizeof(text) - 1)
#define RECORD(x, at, ...)                                                                         \
    do {                                                                                           \
        static const char *const want[] = {__VA_ARGS__};                                           \
        assert_int_equal(next(&(x)), CLI_CSV_RECORD);                                              \
        assert_int_equal((x).rec.line, at);                                                        \
        assert_int_equal((x).rec.n, sizeof want / sizeof *want);                                   \
        for (size_t i_ = 0; i_ < (x).rec.n; i_++)                                                  \
            assert_string_equal((x).rec.field[i_], want[i_]);                                      \
    } while (0)
#define ENDS(x)                                                                                    \
    do {                                                                                           \
        assert_int_equal(next(&(x)), CLI_CSV_END);                                                 \
        base_arena_free((x).a);                                                                    \
    } while (0)
#define WRONG(x, at, col, part)                                                                    \
    do {                                                                                           \
        assert_int_equal(next(&(x)), CLI_CSV_ERROR);                                               \
        assert_int_equal((x).e.line, at);                                                          \
        assert_int_equal((x).e.column, col);                                                       \
        assert_non_null(strstr((x).e.text, part));                                                 \
    } while (0)

static void plain(void **state)
{
    (void)state;
    struct reader x = READER("\xef\xbb\xbf"
                             "mailbox,days\r\na@b.test,365\r\n\r\n,\n\xc3\xa4,x y");
    RECORD(x, 1, "mailbox", "days");
    assert_int_equal(x.rec.column[0], 1);
    assert_int_equal(x.rec.column[1], 9);
    RECORD(x, 2, "a@b.test", "365");
    RECORD(x, 4, "", "");
    RECORD(x, 5, "\xc3\xa4", "x y");
    ENDS(x);
    struct reader none = READER("");
    ENDS(none);
    struct reader blank = READER("\n\r\n");
    ENDS(blank);
}

static void quotes(void **state)
{
    (void)state;
    struct reader x = READER("\"a,b\",\"say \"\"yes\"\"\",\"\"\n\"two\r\nlines\",z\n1,2");
    RECORD(x, 1, "a,b", "say \"yes\"", "");
    RECORD(x, 2, "two\nlines", "z");
    RECORD(x, 4, "1", "2");
    ENDS(x);
}

/* Each error has its place, and reading goes on with the next line. */
static void errors(void **state)
{
    (void)state;
    struct reader x = READER("ok,1\nab\"c,2\n\"x\"y,3\na,\xff\n\x01,1\na\rb,1\n\xed\xa0\x80\nlast,9\n");
    RECORD(x, 1, "ok", "1");
    WRONG(x, 2, 3, "quotation mark within");
    WRONG(x, 3, 4, "comma");
    WRONG(x, 4, 3, "UTF-8");
    WRONG(x, 5, 1, "control");
    WRONG(x, 6, 2, "control");
    WRONG(x, 7, 1, "UTF-8");
    RECORD(x, 8, "last", "9");
    ENDS(x);
    struct reader open = READER("a,b\n1,\"never\nclosed\n");
    RECORD(open, 1, "a", "b");
    WRONG(open, 2, 3, "not closed");
    RECORD(open, 3, "closed");
    ENDS(open);
    struct reader nul = READER("a\0b\n");
    WRONG(nul, 1, 2, "control");
    ENDS(nul);
}

static void caps(void **state)
{
    static char big[3 * CLI_CSV_RECORD_MAX];
    static char many[200];
    (void)state;
    memset(big, 'x', sizeof big);
    memcpy(big + sizeof big - 6, "\nab,c\n", 6);
    struct reader x = reader(big, sizeof big);
    WRONG(x, 1, CLI_CSV_RECORD_MAX + 1, "64 KiB");
    RECORD(x, 2, "ab", "c");
    ENDS(x);
    memset(many, ',', sizeof many);
    struct reader y = reader(many, sizeof many);
    WRONG(y, 1, 65, "64 fields");
    ENDS(y);
}

static void written(void **state)
{
    struct base_arena *a = base_arena_new();
    (void)state;
    assert_string_equal(cli_csv_field(a, NULL), "");
    assert_string_equal(cli_csv_field(a, "a b"), "a b");
    assert_string_equal(cli_csv_field(a, "a,\"b\""), "\"a,\"\"b\"\"\"");
    assert_string_equal(cli_csv_field(a, "x\ny"), "\"x\ny\"");
    assert_string_equal(cli_csv_field(a, "=cmd()"), "\"'=cmd()\"");
    assert_string_equal(cli_csv_field(a, "-1"), "\"'-1\"");
    base_arena_free(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(plain), cmocka_unit_test(quotes),  cmocka_unit_test(errors),
        cmocka_unit_test(caps),  cmocka_unit_test(written),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
