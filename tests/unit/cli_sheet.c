/* tests/unit/cli_sheet.c - the key-encryption key on paper: what is written is read back, and
 * every single wrong digit is told at its line. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/bytes.h"
#include "cli/sheet.h"

static void key(unsigned char kek[KEEPER_KEK_BYTES])
{
    for (int i = 0; i < KEEPER_KEK_BYTES; i++)
        kek[i] = (unsigned char)(i * 37 + 11);
}

static void test_round(void **state)
{
    unsigned char kek[KEEPER_KEK_BYTES], got[KEEPER_KEK_BYTES] = {0};
    char line[CLI_SHEET_LINE];
    (void)state;
    key(kek);
    for (int n = 1; n <= CLI_SHEET_LINES; n++) {
        cli_sheet_line(kek, n, line);
        assert_int_equal(strlen(line), CLI_SHEET_LINE - 8);
        assert_true(cli_sheet_take(line, n, got));
        assert_true(cli_sheet_take(line + 1, n, got)); /* without its number */
    }
    assert_memory_equal(kek, got, sizeof kek);
    base_random(kek, sizeof kek);
    for (int n = 1; n <= CLI_SHEET_LINES; n++) {
        cli_sheet_line(kek, n, line);
        for (char *p = line; *p; p++) /* as it is typed */
            *p = (char)(*p >= 'a' && *p <= 'f' ? *p - 32 : *p == ' ' ? '-' : *p);
        assert_true(cli_sheet_take(line, n, got));
    }
    assert_memory_equal(kek, got, sizeof kek);
}

/* A check is one byte: of all wrong single digits few pass, of swapped lines few too. */
static void test_wrong(void **state)
{
    unsigned char kek[KEEPER_KEK_BYTES], got[KEEPER_KEK_BYTES];
    char line[CLI_SHEET_LINE];
    int passed = 0, tried = 0;
    (void)state;
    key(kek);
    for (int n = 1; n <= CLI_SHEET_LINES; n++)
        for (size_t at = 3; at < CLI_SHEET_LINE - 8; at++)
            for (const char *d = "0123456789abcdef"; *d; d++) {
                cli_sheet_line(kek, n, line);
                if (line[at] == ' ' || line[at] == *d)
                    continue;
                line[at] = *d;
                tried++;
                passed += cli_sheet_take(line, n, got);
            }
    assert_true(tried > 1000);
    assert_true(passed * 64 < tried);
    passed = 0;
    for (int n = 1; n <= CLI_SHEET_LINES; n++)
        for (int m = 1; m <= CLI_SHEET_LINES; m++) {
            cli_sheet_line(kek, n, line);
            passed += n != m && (cli_sheet_take(line, m, got) || cli_sheet_take(line + 1, m, got));
        }
    assert_true(passed <= 2);
    static const char *const bad[] = {"", "1", "1  zzzz zzzz  00", "1  0000 0000", "0000 0000 0000 00 00"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_false(cli_sheet_take(bad[i], 1, got));
}

static void test_parse(void **state)
{
    unsigned char kek[KEEPER_KEK_BYTES], got[KEEPER_KEK_BYTES];
    char line[CLI_SHEET_LINE];
    struct base_buf text;
    (void)state;
    key(kek);
    base_buf_init(&text, 0);
    base_buf_adds(&text, "RECOVERY SHEET\nDate: 2026-11-22T14:03:07Z\nKey id:   0123456789abcdef\n\n");
    for (int n = 1; n <= CLI_SHEET_LINES; n++) {
        assert_false(cli_sheet_parse(base_buf_str(&text), got));
        cli_sheet_line(kek, n, line);
        base_buf_addf(&text, "        %s\r\n", line);
    }
    base_buf_adds(&text, "\nThe end");
    assert_true(cli_sheet_parse(base_buf_str(&text), got));
    assert_memory_equal(kek, got, sizeof kek);
    base_buf_free(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_round), cmocka_unit_test(test_wrong),
                                       cmocka_unit_test(test_parse)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
