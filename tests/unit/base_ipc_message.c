/* Unit tests of base/ipc.h: packets and descriptors that must be refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/ipc.h"
#include "base/json.h"

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

static void pair(int sv[2])
{
    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sv), 0);
}

/* Sends TEXT as it is, with descriptors. */
static void send_raw(int fd, const char *text, size_t n, const int *fds, size_t nfds)
{
    _Alignas(struct cmsghdr) char space[CMSG_SPACE(16 * sizeof(int))] = {0};
    struct iovec iov = {(void *)text, n};
    struct msghdr m = {.msg_iov = &iov, .msg_iovlen = 1};

    if (nfds > 0) {
        m.msg_control = space;
        m.msg_controllen = CMSG_SPACE(nfds * sizeof(int));
        struct cmsghdr *c = CMSG_FIRSTHDR(&m);
        c->cmsg_level = SOL_SOCKET;
        c->cmsg_type = SCM_RIGHTS;
        c->cmsg_len = CMSG_LEN(nfds * sizeof(int));
        memcpy(CMSG_DATA(c), fds, nfds * sizeof(int));
    }
    assert_int_equal(sendmsg(fd, &m, 0), n);
}

/* TEXT and FDS are refused as a message, and no descriptor stays behind. */
static void refused(const char *text, size_t n, const int *fds, size_t nfds)
{
    struct base_fail f = {0};
    json_t *msg;
    int sv[2], before = open_fds();

    pair(sv);
    send_raw(sv[0], text, n, fds, nfds);
    if (base_ipc_recv(sv[1], 1000, &msg, &f) != BASE_PERMANENT) {
        fail_msg("accepted: %.60s", text);
    }
    assert_string_equal(f.code, "ipc.message");
    assert_null(msg);
    close(sv[0]);
    close(sv[1]);
    assert_int_equal(open_fds(), before);
}

static int memfd_with(const char *text, int seals)
{
    int fd = memfd_create("test", MFD_CLOEXEC | MFD_ALLOW_SEALING);

    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
    assert_int_equal(fcntl(fd, F_ADD_SEALS, seals), 0);
    return fd;
}

#define ALL_SEALS (F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL)

static void wrong_packets_are_refused(void **state)
{
    static char large[BASE_IPC_MAX + 1];
    static const char *const wrong[] = {"x",
                                        "[]",
                                        "\"x\"",
                                        "{}{}",
                                        "{\"a\":1,\"a\":2}",
                                        "{\"memfd\":5}",
                                        "{\"memfd\":\"5\"}",
                                        "{\"memfd\":null}"};

    (void)state;
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        refused(wrong[i], strlen(wrong[i]), NULL, 0);
    }
    memset(large, ' ', sizeof large);
    large[0] = '{';
    large[1] = '}'; /* valid but for its size */
    refused(large, sizeof large, NULL, 0);
}

static void unsealed_memfds_are_refused(void **state)
{
    static const int seals[] = {
        0, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL,
        F_SEAL_SHRINK | F_SEAL_WRITE | F_SEAL_SEAL, F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL};
    struct base_fail f = {0};
    json_t *got;
    int sv[2], fd;

    (void)state;
    for (size_t i = 0; i < sizeof seals / sizeof *seals; i++) {
        fd = memfd_with("{\"a\":1}", seals[i]);
        refused("{\"memfd\":7}", 11, &fd, 1);
        close(fd);
    }
    /* with all of them the same is taken, wherever its offset stands */
    fd = memfd_with("{\"a\":1}", ALL_SEALS);
    pair(sv);
    send_raw(sv[0], "{\"memfd\":7}", 11, &fd, 1);
    assert_int_equal(base_ipc_recv(sv[1], 1000, &got, &f), BASE_OK);
    assert_int_equal(base_json_int(got, "a", 0), 1);
    json_decref(got);
    close(fd);
    close(sv[0]);
    close(sv[1]);
}

static void wrong_descriptors_are_refused(void **state)
{
    char file[] = "/tmp/base_ipc.XXXXXX";
    int fds[12], p[2];

    (void)state;
    int fd = memfd_with("{\"a\":1}", ALL_SEALS);
    refused("{\"memfd\":6}", 11, &fd, 1); /* another size */
    refused("{\"memfd\":8}", 11, &fd, 1);
    refused("{\"memfd\":0}", 11, &fd, 1);
    refused("{\"memfd\":-7}", 12, &fd, 1);
    refused("{\"memfd\":9223372036854775807}", 29, &fd, 1);
    refused("{\"memfd\":7,\"b\":1}", 17, &fd, 1);
    refused("{\"memfd\":\"7\"}", 13, &fd, 1);
    refused("{\"a\":1}", 7, &fd, 1); /* nobody asked for a descriptor */
    for (int i = 0; i < 12; i++) {
        fds[i] = fd;
    }
    refused("{\"memfd\":7}", 11, fds, 2); /* several */
    refused("{\"memfd\":7}", 11, fds, 12);
    close(fd);
    fd = memfd_with("[1,2,3]", ALL_SEALS); /* no object */
    refused("{\"memfd\":7}", 11, &fd, 1);
    close(fd);
    assert_int_equal(pipe(p), 0); /* would block us */
    refused("{\"memfd\":7}", 11, &p[0], 1);
    close(p[0]);
    close(p[1]);
    fd = mkstemp(file);
    assert_int_equal(write(fd, "{\"a\":1}", 7), 7);
    refused("{\"memfd\":7}", 11, &fd, 1);
    close(fd);
    unlink(file);
}

static void oversized_memfd_is_refused(void **state)
{
    char text[40];
    int fd = memfd_create("test", MFD_CLOEXEC | MFD_ALLOW_SEALING);

    (void)state;
    assert_int_equal(ftruncate(fd, BASE_IPC_MEMFD_MAX + 1), 0); /* a hole: costs nothing */
    assert_int_equal(fcntl(fd, F_ADD_SEALS, ALL_SEALS), 0);
    snprintf(text, sizeof text, "{\"memfd\":%d}", BASE_IPC_MEMFD_MAX + 1);
    refused(text, strlen(text), &fd, 1);
    close(fd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(wrong_packets_are_refused),
        cmocka_unit_test(unsealed_memfds_are_refused),
        cmocka_unit_test(wrong_descriptors_are_refused),
        cmocka_unit_test(oversized_memfd_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
