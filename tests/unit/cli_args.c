/* tests/unit/cli_args.c - command lines: what is understood, what is refused and how. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "cli/cli.h"

struct world {
    struct cli c;
    char *out, *err;
    size_t nout, nerr;
    struct cli_args args;
};

static void open_world(struct world *w)
{
    memset(w, 0, sizeof(*w));
    w->c.a = base_arena_new();
    w->c.config_path = "/etc/certmilter/certmilter.conf";
    w->c.out = open_memstream(&w->out, &w->nout);
    w->c.err = open_memstream(&w->err, &w->nerr);
}

static void close_world(struct world *w)
{
    fclose(w->c.out);
    fclose(w->c.err);
    free(w->out);
    free(w->err);
    base_arena_free(w->c.a);
}

/* Splits LINE at blanks; a word can't have any. */
static int parse(struct world *w, const char *line)
{
    char *words = base_arena_strdup(w->c.a, line), *save;
    char **argv = base_arena_array(w->c.a, 64, sizeof(*argv));
    int argc = 0;
    for (char *s = strtok_r(words, " ", &save); s; s = strtok_r(NULL, " ", &save))
        argv[argc++] = s;
    int r = cli_parse(&w->c, argc, argv, &w->args);
    fflush(w->c.out);
    fflush(w->c.err);
    return r;
}

static void test_commands(void **state)
{
    static const struct {
        const char *line, *command, *pos;
        bool json, config;
    } cases[] = {
        {"certmilter status", "status", NULL, false, false},
        {"certmilter --json status", "status", NULL, true, false},
        {"certmilter status --json", "status", NULL, true, false},
        {"certmilter --config x.conf --json domain list", "domain list", NULL, true, true},
        {"certmilter domain add example.org --config=x.conf", "domain add", "example.org", false, true},
        {"certmilter held approve --reason seen 17", "held approve", "17", false, false},
        {"certmilter order alice@example.org --days 90", "order", "alice@example.org", false, false},
        {"certmilter explain - --rcpt a@example.org", "explain", "-", false, false},
        {"certmilter ingest -- -odd-name", "ingest", "-odd-name", false, false},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct world w;
        open_world(&w);
        assert_int_equal(parse(&w, cases[i].line), -1);
        assert_string_equal(w.args.command->name, cases[i].command);
        assert_int_equal(w.c.json, cases[i].json);
        assert_int_equal(w.c.config_given, cases[i].config);
        if (cases[i].config)
            assert_string_equal(w.c.config_path, "x.conf");
        assert_int_equal(w.args.npos, cases[i].pos ? 1 : 0);
        if (cases[i].pos)
            assert_string_equal(w.args.pos[0], cases[i].pos);
        close_world(&w);
    }
}

static void test_options(void **state)
{
    struct world w;
    size_t at = 0;
    (void)state;
    open_world(&w);
    assert_int_equal(parse(&w, "certmilter explain m.eml --rcpt a@b.test --intent domain:b.test "
                               "--rcpt c@b.test --intent mailbox:a@b.test:7 --show-links"),
                     -1);
    assert_string_equal(cli_opt(&w.args, "rcpt"), "c@b.test"); /* the last one counts */
    assert_true(cli_has(&w.args, "show-links"));
    assert_false(cli_has(&w.args, "dns-data"));
    assert_null(cli_opt(&w.args, "dns-data"));
    assert_string_equal(cli_opt_next(&w.args, "intent", &at), "domain:b.test");
    assert_string_equal(cli_opt_next(&w.args, "intent", &at), "mailbox:a@b.test:7");
    assert_null(cli_opt_next(&w.args, "intent", &at));
    close_world(&w);
}

static void test_optional_value(void **state)
{
    static const struct {
        const char *line, *value;
        bool apart;
        size_t npos;
    } cases[] = {
        {"certmilter export a@b.test --pem", NULL, false, 1},
        {"certmilter export a@b.test --pem out.pem", "out.pem", true, 1},
        {"certmilter export a@b.test --pem=out.pem", "out.pem", false, 1},
        {"certmilter export a@b.test --pem -", "-", true, 1},
        {"certmilter export a@b.test --pem --force", NULL, false, 1},
        {"certmilter export --pem out.pem a@b.test", "out.pem", true, 1},
        {"certmilter export --force --pem out.pem --reason x a@b.test", "out.pem", true, 1},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct world w;
        open_world(&w);
        assert_int_equal(parse(&w, cases[i].line), -1);
        assert_true(cli_has(&w.args, "pem"));
        if (cases[i].value)
            assert_string_equal(cli_opt(&w.args, "pem"), cases[i].value);
        else
            assert_null(cli_opt(&w.args, "pem"));
        for (size_t k = 0; k < w.args.ngiven; k++)
            if (strcmp(w.args.given[k].name, "pem") == 0)
                assert_int_equal(w.args.given[k].apart, cases[i].apart);
        assert_int_equal(w.args.npos, cases[i].npos);
        close_world(&w);
    }
}

static void test_refused(void **state)
{
    static const struct {
        const char *line, *says;
    } cases[] = {
        {"certmilter", "usage: certmilter"},
        {"certmilter statsu", "did you mean \"status\"?"},
        {"certmilter domian list", "did you mean \"domain\"?"},
        {"certmilter domain", "say what to do"},
        {"certmilter domain lst", "did you mean \"domain list\"?"},
        {"certmilter help-me-please-now", "there is no command \"help-me-please-now\"\n"},
        {"certmilter cancel", "cancel: ORDER is missing"},
        {"certmilter status now", "\"now\" is one word too many"},
        {"certmilter order a@b.test --colour red", "no option --colour"},
        {"certmilter order a@b.test --key-type", "--key-type: a value is missing"},
        {"certmilter order a@b.test --wait=5", "no option --wait=5"},
        {"certmilter status -x", "no option -x"},
        {"certmilter --frobnicate status", "no option --frobnicate"},
        {"certmilter expect domain", "is missing"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct world w;
        open_world(&w);
        assert_int_equal(parse(&w, cases[i].line), CLI_USAGE);
        if (!strstr(w.err, cases[i].says))
            fail_msg("%s: %s", cases[i].line, w.err);
        assert_int_equal(w.nout, 0); /* nothing that a pipe could take for an answer */
        close_world(&w);
    }
}

static void test_help(void **state)
{
    static const char *const lines[] = {"certmilter --help", "certmilter -h",
                                        "certmilter order --help", "certmilter domain --help",
                                        "certmilter --help domain list"};
    static const char *const says[] = {"status", "Exit:", "--key-type TYPE", "domain check",
                                       "domain list"};
    (void)state;
    for (size_t i = 0; i < sizeof(lines) / sizeof(*lines); i++) {
        struct world w;
        open_world(&w);
        assert_int_equal(parse(&w, lines[i]), CLI_DONE);
        assert_non_null(strstr(w.out, says[i]));
        assert_int_equal(w.nerr, 0);
        close_world(&w);
    }
}

/* No line is longer than 80 columns; then the text with each run of blanks and line ends as one blank. */
static const char *unfolded(struct world *w)
{
    char *text = base_arena_strdup(w->c.a, w->out), *to = text;
    for (const char *p = w->out; *p; p += strcspn(p, "\n"), p += *p == '\n')
        assert_in_range(strcspn(p, "\n"), 0, 80);
    for (const char *p = w->out; *p; p++)
        if ((*p != ' ' && *p != '\n') || (to > text && to[-1] != ' '))
            *to++ = *p == '\n' ? ' ' : *p;
    *to = '\0';
    return text;
}

/* Each command has what its help and its dispatch need, and its name is found again. */
static void test_table(void **state)
{
    (void)state;
    for (const struct cli_command *k = cli_commands; k->name; k++) {
        struct world w;
        open_world(&w);
        assert_non_null(k->run);
        assert_true(k->min <= k->max);
        assert_int_equal(k->min > 0, k->args[0] && k->args[0] != '[' && strcmp(k->name, "export") != 0);
        assert_int_equal(parse(&w, base_arena_printf(w.c.a, "certmilter help %s", k->name)), -1);
        assert_int_equal(w.args.command->run(&w.c, &w.args), CLI_DONE);
        fflush(w.c.out);
        const char *text = unfolded(&w);
        assert_non_null(strstr(text, k->summary));
        for (const struct cli_option *o = k->options; o && o->name; o++) {
            assert_non_null(o->help);
            assert_int_equal(o->arg == NULL, o->kind == CLI_FLAG);
            assert_non_null(strstr(text, o->help));
        }
        close_world(&w);
    }
}

static void test_durations(void **state)
{
    struct world w;
    int64_t v;
    (void)state;
    open_world(&w);
    assert_int_equal(parse(&w, "certmilter list --expiring 30d"), -1);
    assert_true(cli_opt_duration(&w.c, &w.args, "expiring", 5, &v));
    assert_int_equal(v, 30 * 86400);
    assert_true(cli_opt_duration(&w.c, &w.args, "other", 5, &v));
    assert_int_equal(v, 5);
    assert_int_equal(parse(&w, "certmilter list --expiring soon"), -1);
    assert_false(cli_opt_duration(&w.c, &w.args, "expiring", 5, &v));
    fflush(w.c.err);
    assert_non_null(strstr(w.err, "--expiring: expected a time such as"));
    close_world(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_commands),       cmocka_unit_test(test_options),
        cmocka_unit_test(test_optional_value), cmocka_unit_test(test_refused),
        cmocka_unit_test(test_help),           cmocka_unit_test(test_table),
        cmocka_unit_test(test_durations),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
