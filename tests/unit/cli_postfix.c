/* tests/unit/cli_postfix.c - what postconf prints, read. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "cli/postfix.h"

static void test_milters(void **state)
{
    struct base_arena *a = base_arena_new();
    struct cli_milter v[CLI_MILTERS_MAX];
    (void)state;
    assert_int_equal(cli_milters_read(a, "", v), 0);
    assert_int_equal(cli_milters_read(a, NULL, v), 0);
    assert_int_equal(cli_milters_read(a, "{ unix:certmilter/milter.sock, default_action=accept, "
                                         "connect_timeout=5s }, inet:localhost:8891 unix:/x,"
                                         "{unix:/y default_action = quarantine}",
                                      v),
                     4);
    assert_string_equal(v[0].socket, "unix:certmilter/milter.sock");
    assert_string_equal(v[0].default_action, "accept");
    assert_string_equal(v[1].socket, "inet:localhost:8891");
    assert_null(v[1].default_action);
    assert_string_equal(v[2].socket, "unix:/x");
    assert_string_equal(v[3].socket, "unix:/y");
    /* an unclosed brace or an empty one is no reason to stumble */
    assert_int_equal(cli_milters_read(a, "{ unix:/z", v), 1);
    assert_int_equal(cli_milters_read(a, "{ } {,}", v), 0);
    base_arena_free(a);
}

static void test_sockets(void **state)
{
    static const struct {
        const char *text;
        bool postfix, good;
        const char *path, *host;
        int port;
    } cases[] = {
        {"unix:/run/x.sock", false, true, "/run/x.sock", NULL, 0},
        {"unix:certmilter/milter.sock", true, true, "certmilter/milter.sock", NULL, 0},
        {"local:/x", false, true, "/x", NULL, 0},
        {"inet:8891@127.0.0.1", false, true, NULL, "127.0.0.1", 8891},
        {"inet:127.0.0.1:8891", true, true, NULL, "127.0.0.1", 8891},
        {"inet6:8891@[::1]", false, true, NULL, "::1", 8891},
        {"inet:[::1]:8891", true, true, NULL, "::1", 8891},
        {"inet:8891", false, true, NULL, "localhost", 8891},
        {"inet:x@y", false, false, NULL, NULL, 0},
        {"unix:", false, false, NULL, NULL, 0},
        {"fd:3", false, false, NULL, NULL, 0},
        {"", true, false, NULL, NULL, 0},
    };
    struct base_arena *a = base_arena_new();
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct cli_socket s;
        assert_int_equal(cli_socket_read(a, cases[i].text, cases[i].postfix, &s), cases[i].good);
        if (cases[i].path)
            assert_string_equal(s.path, cases[i].path);
        if (cases[i].host) {
            assert_string_equal(s.host, cases[i].host);
            assert_int_equal(s.port, cases[i].port);
        }
    }
    base_arena_free(a);
}

static void test_postconf(void **state)
{
    struct base_arena *a = base_arena_new();
    struct cli_postfix p = {0};
    (void)state;
    cli_postfix_params(a,
                       "smtpd_milters = { unix:certmilter/milter.sock, default_action=accept }\n"
                       "milter_default_action = tempfail\nqueue_directory = /var/spool/postfix\n"
                       "smtpd_forbid_bare_newline = normalize\nmail_version = 3.7.11\n"
                       "receive_override_options =\n",
                       &p);
    assert_string_equal(p.milters, "{ unix:certmilter/milter.sock, default_action=accept }");
    assert_string_equal(p.default_action, "tempfail");
    assert_string_equal(p.queue_directory, "/var/spool/postfix");
    assert_string_equal(p.bare_newline, "normalize");
    assert_false(p.no_milters);
    cli_postfix_services(a,
                         "smtp       inet  n       -       y       -       -       smtpd\n"
                         "pickup     unix  n       -       y       60      1       pickup\n"
                         "submission inet  n       -       -       -       -       smtpd\n"
                         "    -o syslog_name=postfix/submission\n"
                         "garbage\n",
                         &p);
    assert_int_equal(p.nsmtpd, 2);
    assert_string_equal(p.smtpd[0].name, "smtp/inet");
    assert_true(p.smtpd[0].chroot);
    assert_false(p.smtpd[1].chroot);
    cli_postfix_overrides(a,
                          "submission/inet/smtpd_milters =\n"
                          "submission/inet/receive_override_options = no_milters\n"
                          "pickup/unix/smtpd_milters = x\n",
                          &p);
    assert_null(p.smtpd[0].milters);
    assert_string_equal(p.smtpd[1].milters, ""); /* none, not the global ones */
    assert_true(p.smtpd[1].no_milters);
    base_arena_free(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_milters),
        cmocka_unit_test(test_sockets),
        cmocka_unit_test(test_postconf),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
