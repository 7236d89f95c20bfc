/* tests/unit/milter_options.c - command line and listening sockets of certmilterd. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#include "milter/listener.h"
#include "milter/options.h"

static enum milter_options_result run(struct milter_options *o, char **told, const char *line)
{
    static char copy[500], *text;
    char *argv[20], *save = NULL;
    int argc = 0;
    size_t n;
    snprintf(copy, sizeof copy, "certmilterd %s", line);
    for (char *w = strtok_r(copy, " ", &save); w; w = strtok_r(NULL, " ", &save))
        argv[argc++] = w;
    argv[argc] = NULL;
    free(text);
    text = NULL;
    FILE *f = open_memstream(&text, &n);
    enum milter_options_result r = milter_options_read(o, argc, argv, f);
    fclose(f);
    if (told)
        *told = text;
    return r;
}

#define NEEDED "--socket fd:3 --spool /s --watch /w"

static void good(void **state)
{
    (void)state;
    struct milter_options o;
    char *told;
    assert_int_equal(run(&o, &told, NEEDED), MILTER_OPTIONS_RUN);
    assert_string_equal(told, "");
    assert_string_equal(o.socket, "fd:3");
    assert_string_equal(o.spool, "/s");
    assert_string_equal(o.watch, "/w");
    assert_int_equal(o.socket_mode, 0660);
    assert_int_equal(o.drain_seconds, 60);
    assert_int_equal(o.spool_cap, 0);
    assert_int_equal(run(&o, &told, NEEDED " --socket-mode 600 --spool-cap 64M --spool-per-client 9"
                                           " --drain-seconds 5"),
                     MILTER_OPTIONS_RUN);
    assert_int_equal(o.socket_mode, 0600);
    assert_int_equal(o.spool_cap, 64 << 20);
    assert_int_equal(o.per_client, 9);
    assert_int_equal(o.drain_seconds, 5);
    assert_int_equal(run(&o, &told, "--help"), MILTER_OPTIONS_DONE);
    assert_non_null(strstr(told, "--spool-per-client"));
    assert_int_equal(run(&o, &told, "--version"), MILTER_OPTIONS_DONE);
}

static void bad(void **state)
{
    (void)state;
    struct milter_options o;
    char *told;
    static const char *const lines[] = {
        "", "--socket fd:3 --spool /s", NEEDED " --socket-mode 999", NEEDED " --socket-mode 7777",
        NEEDED " --socket-mode rw", NEEDED " --spool-cap 5", NEEDED " --spool-cap -1",
        NEEDED " --spool-per-client 0", NEEDED " --drain-seconds x", NEEDED " --what",
        NEEDED " more", NEEDED " --spool",
    };
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
        assert_int_equal(run(&o, &told, lines[i]), MILTER_OPTIONS_USAGE);
        assert_int_not_equal(strlen(told), 0);
    }
    run(&o, &told, "--spool-cap x --what");
    for (const char **p = (const char *[]){"--spool-cap", "--what", "--socket is missing",
                                           "--watch is missing", NULL};
         *p; p++)
        assert_non_null(strstr(told, *p));
}

static void specs(void **state)
{
    (void)state;
    struct milter_listener l;
    static const char *const bad_specs[] = {
        "",          "unix:",           "unix:relative", "inet:",        "inet:25",
        "inet:@::1", "inet:0@127.0.0.1", "inet:70000@127.0.0.1", "inet:x@127.0.0.1",
        "inet:9@mx.example", "inet:9@::1", "inet6:9@127.0.0.1", "fd:", "fd:0", "fd:x", "tcp:1"};
    for (size_t i = 0; i < sizeof bad_specs / sizeof *bad_specs; i++) {
        struct base_fail f = {0};
        if (milter_listener_open(bad_specs[i], 0600, &l, &f) != BASE_PERMANENT ||
            strcmp(f.code, "socket.spec") != 0)
            fail_msg("%s: %s", bad_specs[i], f.text);
    }
    char big[200] = "unix:/";
    memset(big + 6, 'x', 150);
    assert_int_equal(milter_listener_open(big, 0600, &l, NULL), BASE_PERMANENT);
    assert_int_equal(milter_listener_open("fd:900", 0600, &l, NULL), BASE_PERMANENT);
}

/* Made with its mode, refused while somebody answers, taken over when stale,
 * silent after it was closed, and its path gone. */
static void unix_socket(void **state)
{
    (void)state;
    char dir[] = "/tmp/listener-test-XXXXXX", spec[64];
    assert_non_null(mkdtemp(dir));
    snprintf(spec, sizeof spec, "unix:%s/s", dir);
    const char *path = spec + 5;
    struct milter_listener l, second;
    struct base_fail f;
    struct stat st;
    umask(022);
    assert_int_equal(milter_listener_open(spec, 0620, &l, &f), BASE_OK);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0620);
    assert_int_equal(umask(022), 022);
    assert_int_equal(milter_listener_open(spec, 0600, &second, &f), BASE_PERMANENT);
    assert_string_equal(f.code, "socket.listen");

    struct sockaddr_un a = {.sun_family = AF_UNIX};
    strcpy(a.sun_path, path);
    int c = socket(AF_UNIX, SOCK_STREAM, 0);
    assert_int_equal(connect(c, (struct sockaddr *)&a, sizeof a), 0);
    struct pollfd p = {.fd = l.fd, .events = POLLIN};
    assert_int_equal(poll(&p, 1, 1000), 1);
    assert_int_equal(milter_listener_close(&l, &f), BASE_OK);
    assert_int_equal(poll(&p, 1, 50), 0);
    assert_int_equal(access(path, F_OK), -1);
    close(c);

    assert_int_equal(milter_listener_open(spec, 0600, &l, &f), BASE_OK);
    close(l.fd); /* as after kill -9 */
    assert_int_equal(milter_listener_open(spec, 0600, &second, &f), BASE_OK);
    /* the path belongs to somebody else by now: it stays */
    char aside[80];
    snprintf(aside, sizeof aside, "%s.aside", path);
    assert_int_equal(rename(path, aside), 0);
    struct milter_listener third;
    assert_int_equal(milter_listener_open(spec, 0600, &third, &f), BASE_OK);
    assert_int_equal(milter_listener_close(&second, &f), BASE_OK);
    assert_int_equal(access(path, F_OK), 0);
    assert_int_equal(milter_listener_close(&third, &f), BASE_OK);
    assert_int_equal(remove(aside), 0);

    fclose(fopen(path, "w")); /* something else is never removed */
    assert_int_equal(milter_listener_open(spec, 0600, &l, &f), BASE_PERMANENT);
    assert_int_equal(remove(path), 0);
    assert_int_equal(rmdir(dir), 0);
}

static void passed_in(void **state)
{
    (void)state;
    struct milter_listener l;
    char spec[16];
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    struct sockaddr_un a = {.sun_family = AF_UNIX}; /* an abstract name by itself */
    assert_int_equal(bind(fd, (struct sockaddr *)&a, sizeof a.sun_family), 0);
    snprintf(spec, sizeof spec, "fd:%d", fd);
    assert_int_equal(milter_listener_open(spec, 0600, &l, NULL), BASE_PERMANENT);
    assert_int_equal(listen(fd, 5), 0);
    assert_int_equal(milter_listener_open(spec, 0600, &l, NULL), BASE_OK);
    assert_int_equal(l.fd, fd);
    close(fd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(good), cmocka_unit_test(bad),
                                       cmocka_unit_test(specs), cmocka_unit_test(unix_socket),
                                       cmocka_unit_test(passed_in)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
