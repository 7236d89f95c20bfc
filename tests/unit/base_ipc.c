/* Unit tests of base/ipc.h: sockets, time limits, peers, and what arrives whole. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dirent.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/ipc.h"
#include "base/json.h"

static char dir[64], path[100];

static int group_setup(void **state)
{
    (void)state;
    strcpy(dir, "/tmp/base_ipc.XXXXXX");
    if (mkdtemp(dir) == NULL) {
        return -1;
    }
    snprintf(path, sizeof path, "%s/socket", dir);
    return 0;
}

static int group_teardown(void **state)
{
    (void)state;
    unlink(path);
    return rmdir(dir);
}

static int open_fds(void)
{
    int n = 0;
    DIR *d = opendir("/proc/self/fd");

    while (readdir(d) != NULL) {
        n++;
    }
    closedir(d);
    return n;
}

static json_t *message_of(size_t bytes)
{
    char *text = malloc(bytes + 1);
    json_t *o = json_object();

    memset(text, 'x', bytes);
    text[bytes] = '\0';
    base_json_set(o, "t", text);
    free(text);
    return o;
}

static void pair(int sv[2])
{
    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sv), 0);
}

static void small_and_large_messages(void **state)
{
    /* around the size of a packet, and far above */
    static const size_t sizes[] = {
        0,       1,       1000, BASE_IPC_MAX - 9, BASE_IPC_MAX - 8, BASE_IPC_MAX - 7, BASE_IPC_MAX,
        1 << 20, 16 << 20};
    struct base_fail f = {0};
    json_t *got;
    int sv[2], before = open_fds();

    (void)state;
    pair(sv);
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        json_t *sent = message_of(sizes[i]);
        if (base_ipc_send(sv[0], sent, 1000, &f) != BASE_OK ||
            base_ipc_recv(sv[1], 1000, &got, &f) != BASE_OK) {
            fail_msg("%zu: %s", sizes[i], f.text);
        }
        assert_true(json_equal(sent, got));
        json_decref(sent);
        json_decref(got);
    }
    close(sv[0]);
    close(sv[1]);
    assert_int_equal(open_fds(), before);
}

static void what_cannot_be_sent(void **state)
{
    struct base_fail f = {0};
    int sv[2], before = open_fds();
    json_t *array = json_array(), *big = message_of(BASE_IPC_MEMFD_MAX);

    (void)state;
    pair(sv);
    assert_int_equal(base_ipc_send(sv[0], array, 1000, &f), BASE_OURS);
    assert_string_equal(f.code, "ipc.message");
    assert_int_equal(base_ipc_send(sv[0], NULL, 1000, &f), BASE_OURS);
    assert_int_equal(base_ipc_send(sv[0], big, 1000, &f), BASE_OURS);
    assert_string_equal(f.code, "ipc.message");
    json_decref(array);
    json_decref(big);
    close(sv[0]);
    close(sv[1]);
    assert_int_equal(open_fds(), before);
}

static void timeouts_and_ends(void **state)
{
    struct base_fail f = {0};
    json_t *got, *o = message_of(30000);
    int sv[2];

    (void)state;
    pair(sv);
    int64_t began = base_mono_ms();
    assert_int_equal(base_ipc_recv(sv[0], 100, &got, &f), BASE_TEMPORARY);
    assert_string_equal(f.code, "ipc.timeout");
    assert_in_range(base_mono_ms() - began, 95, 60000);
    assert_int_equal(base_ipc_recv(sv[0], 0, &got, &f), BASE_TEMPORARY);
    assert_string_equal(f.code, "ipc.timeout");
    /* a peer that takes nothing */
    enum base_fail_class r = BASE_OK;
    for (int i = 0; i < 1000 && r == BASE_OK; i++) {
        r = base_ipc_send(sv[0], o, 50, &f);
    }
    assert_int_equal(r, BASE_TEMPORARY);
    assert_string_equal(f.code, "ipc.timeout");
    close(sv[1]);
    assert_int_equal(base_ipc_send(sv[0], o, 50, &f), BASE_TEMPORARY); /* and no SIGPIPE */
    assert_string_equal(f.code, "ipc.closed");
    close(sv[0]);
    pair(sv);
    close(sv[1]);
    assert_int_equal(base_ipc_recv(sv[0], 50, &got, &f), BASE_TEMPORARY);
    assert_string_equal(f.code, "ipc.closed");
    close(sv[0]);
    json_decref(o);
}

static void listening(void **state)
{
    struct base_fail f = {0};
    struct stat st;
    int a, b;

    (void)state;
    mode_t before = umask(0);
    assert_int_equal(base_ipc_listen(path, 0660, &a, &f), BASE_OK);
    assert_int_equal(umask(before), 0); /* put back */
    assert_int_equal(stat(path, &st), 0);
    assert_true(S_ISSOCK(st.st_mode));
    assert_int_equal(st.st_mode & 07777, 0660);
    assert_true(fcntl(a, F_GETFD) & FD_CLOEXEC);
    assert_int_equal(base_ipc_listen(path, 0600, &b, &f), BASE_OK); /* an old one goes */
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0600);
    close(a);
    close(b);
    unlink(path);
    close(open(path, O_CREAT | O_WRONLY, 0600)); /* but nothing else */
    assert_int_equal(base_ipc_listen(path, 0600, &a, &f), BASE_OURS);
    assert_string_equal(f.code, "ipc.listen");
    assert_int_equal(a, -1);
    assert_int_equal(stat(path, &st), 0);
    assert_true(S_ISREG(st.st_mode));
    unlink(path);
    char long_path[200];
    memset(long_path, 'p', sizeof long_path - 1);
    long_path[sizeof long_path - 1] = '\0';
    assert_int_equal(base_ipc_listen(long_path, 0600, &a, &f), BASE_OURS);
}

static void connecting_fails_softly(void **state)
{
    struct base_fail f = {0};
    int l, fd, queued[200], n = 0;

    (void)state;
    unlink(path);
    assert_int_equal(base_ipc_connect(path, 100, &fd, &f), BASE_TEMPORARY);
    assert_string_equal(f.code, "ipc.connect");
    assert_int_equal(fd, -1);
    assert_int_equal(base_ipc_listen(path, 0600, &l, &f), BASE_OK);
    /* nobody accepts: the queue fills, then the limit holds */
    while (n < 200 && base_ipc_connect(path, 100, &queued[n], &f) == BASE_OK) {
        n++;
    }
    assert_in_range(n, 1, 199);
    assert_string_equal(f.code, "ipc.connect");
    while (n > 0) {
        close(queued[--n]);
    }
    close(l);
    assert_int_equal(base_ipc_connect(path, 100, &fd, &f), BASE_TEMPORARY); /* refused */
    assert_string_equal(f.code, "ipc.connect");
    unlink(path);
}

/* Answers one request with its sum and who asked. */
static void *serve_one(void *arg)
{
    int l = *(int *)arg, fd = accept(l, NULL, NULL);
    uid_t uid;
    gid_t gid;
    pid_t pid;
    json_t *req, *answer = json_object();

    if (base_ipc_peer(fd, &uid, &gid, &pid) && base_ipc_recv(fd, 5000, &req, NULL) == BASE_OK) {
        base_json_setn(answer, "sum", base_json_int(req, "a", 0) + base_json_int(req, "b", 0));
        base_json_setn(answer, "uid", uid);
        base_json_setn(answer, "gid", gid);
        base_json_setn(answer, "pid", pid);
        json_decref(req);
        base_ipc_send(fd, answer, 5000, NULL);
    }
    json_decref(answer);
    close(fd);
    return NULL;
}

static void calling_shows_who_asks(void **state)
{
    int l, status;
    pthread_t t;
    uid_t other = geteuid() == 0 ? 65534 : geteuid();
    gid_t group = geteuid() == 0 ? 65533 : getegid();

    (void)state;
    assert_int_equal(base_ipc_listen(path, 0666, &l, NULL), BASE_OK);
    assert_int_equal(chmod(dir, 0755), 0);
    pthread_create(&t, NULL, serve_one, &l);
    pid_t pid = fork();
    if (pid == 0) {
        json_t *req = json_object(), *answer;
        if (geteuid() == 0 && (setresgid(group, group, group) || setresuid(other, other, other))) {
            _exit(2);
        }
        base_json_setn(req, "a", 40);
        base_json_set(req, "b", "2");
        if (base_ipc_call(path, req, 5000, &answer, NULL) != BASE_OK) {
            _exit(3);
        }
        bool good = base_json_int(answer, "sum", 0) == 42 &&
                    base_json_int(answer, "uid", -1) == other &&
                    base_json_int(answer, "gid", -1) == group &&
                    base_json_int(answer, "pid", -1) == getpid();
        _exit(good ? 0 : 4);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
    pthread_join(t, NULL);
    close(l);
    unlink(path);
    assert_false(base_ipc_peer(-1, NULL, NULL, NULL));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(small_and_large_messages), cmocka_unit_test(what_cannot_be_sent),
        cmocka_unit_test(timeouts_and_ends),        cmocka_unit_test(listening),
        cmocka_unit_test(connecting_fails_softly),  cmocka_unit_test(calling_shows_who_asks),
    };

    return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
