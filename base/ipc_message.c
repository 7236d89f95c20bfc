/* base/ipc_message.c - a JSON object as a packet, or as a sealed memfd.
 *
 * A received descriptor is read only if the kernel says that it is a memfd
 * which nobody can change any more: a pipe or a file on a slow file system
 * could block us, and a file that shrinks could kill us. */
#include "ipc_message.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "file.h"
#include "ipc.h"
#include "json.h"

#define SEALS (F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL)

/* Moves the text of K into a sealed memfd and puts the pointer to it in its place. */
static enum base_fail_class into_memfd(struct base_ipc_packet *k, struct base_fail *f)
{
    char head[40];

    k->memfd = memfd_create("certmilter-message", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (k->memfd < 0 || !base_write_all(k->memfd, k->text, k->n) ||
        fcntl(k->memfd, F_ADD_SEALS, SEALS) != 0) {
        return base_failf(f, BASE_OURS, "ipc.io", "a memfd of %zu bytes: %s", k->n,
                          strerror(errno));
    }
    (void)snprintf(head, sizeof head, "{\"memfd\":%zu}", k->n);
    explicit_bzero(k->text, k->n);
    free(k->text);
    k->text = base_xstrdup(head);
    k->n = strlen(head);
    return BASE_OK;
}

enum base_fail_class base_ipc_encode(const json_t *msg, struct base_ipc_packet *k,
                                     struct base_fail *f)
{
    *k = (struct base_ipc_packet){.memfd = -1};
    if (!json_is_object(msg)) {
        return base_failf(f, BASE_OURS, "ipc.message", "a message must be a JSON object");
    }
    k->text = base_json_text(msg);
    k->n = strlen(k->text);
    if (k->n > BASE_IPC_MEMFD_MAX) {
        return base_failf(f, BASE_OURS, "ipc.message", "a message of %zu bytes, more than %d", k->n,
                          BASE_IPC_MEMFD_MAX);
    }
    return k->n > BASE_IPC_MAX ? into_memfd(k, f) : BASE_OK;
}

void base_ipc_packet_free(struct base_ipc_packet *k)
{
    if (k->text != NULL) {
        explicit_bzero(k->text, k->n);
        free(k->text);
        k->text = NULL;
    }
    if (k->memfd >= 0) {
        (void)close(k->memfd);
        k->memfd = -1;
    }
}

/* The N bytes of JSON at P, which must be an object. */
static enum base_fail_class parse_object(const void *p, size_t n, json_t **msg, struct base_fail *f)
{
    struct base_fail low = {0};
    json_t *v = base_json_parse(p, n, BASE_IPC_MEMFD_MAX, &low);

    if (v == NULL) {
        return base_failf(f, BASE_PERMANENT, "ipc.message", "a message that is %s", low.text);
    }
    if (!json_is_object(v)) {
        json_decref(v);
        return base_failf(f, BASE_PERMANENT, "ipc.message", "a message that is no JSON object");
    }
    *msg = v;
    return BASE_OK;
}

/* Reads the message of SIZE bytes that stands in the memfd FD. */
static enum base_fail_class from_memfd(int fd, int64_t size, json_t **msg, struct base_fail *f)
{
    struct base_buf text;
    struct stat st;
    int seals = fcntl(fd, F_GET_SEALS);

    if (seals < 0 || (seals & SEALS) != SEALS) {
        return base_failf(f, BASE_PERMANENT, "ipc.message", "a descriptor that is no sealed memfd");
    }
    if (size > BASE_IPC_MEMFD_MAX || fstat(fd, &st) != 0 || st.st_size != size) {
        return base_failf(f, BASE_PERMANENT, "ipc.message",
                          "a memfd that isn't as large as it says, or more than %d bytes",
                          BASE_IPC_MEMFD_MAX);
    }
    /* the sender left its own offset at the end */
    enum base_fail_class r;
    base_buf_init(&text, 0);
    if (lseek(fd, 0, SEEK_SET) == 0 && base_read_all(fd, (size_t)size, &text)) {
        r = parse_object(text.p, text.n, msg, f);
    } else {
        r = base_failf(f, BASE_OURS, "ipc.io", "a memfd can't be read: %s", strerror(errno));
    }
    base_buf_wipe(&text);
    return r;
}

enum base_fail_class base_ipc_decode(const void *p, size_t n, int fd, json_t **msg,
                                     struct base_fail *f)
{
    json_t *head;

    *msg = NULL;
    if (n > BASE_IPC_MAX) {
        return base_failf(f, BASE_PERMANENT, "ipc.message", "a packet of %zu bytes", n);
    }
    enum base_fail_class r = parse_object(p, n, &head, f);
    if (r != BASE_OK) {
        return r;
    }
    const json_t *size = json_object_get(head, "memfd");
    if (size == NULL && fd < 0) {
        *msg = head;
        return BASE_OK;
    }
    if (fd < 0 || !json_is_integer(size) || json_integer_value(size) <= 0 ||
        json_object_size(head) != 1) {
        r = base_failf(f, BASE_PERMANENT, "ipc.message",
                       "a descriptor without \"memfd\" and its size alone, or the other way round");
    } else {
        r = from_memfd(fd, json_integer_value(size), msg, f);
    }
    json_decref(head);
    return r;
}
