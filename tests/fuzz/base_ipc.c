/* Fuzz target: what a peer may put into a packet and into the memfd beside it.
 * The first byte: 0 no descriptor, 1 a sealed memfd, 2 one without seals; the
 * second: how many bytes are the packet, the others are the memfd's. */
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/file.h"
#include "base/ipc_message.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
    struct base_fail f = {0};
    json_t *msg;
    int fd = -1;

    if (n < 2) {
        return 0;
    }
    int kind = p[0] % 3;
    size_t head = p[1] < n - 2 ? p[1] : n - 2;
    if (kind != 0) {
        fd = memfd_create("fuzz", MFD_CLOEXEC | MFD_ALLOW_SEALING);
        int seals = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL;
        if (fd < 0 || !base_write_all(fd, p + 2 + head, n - 2 - head) ||
            (kind == 1 && fcntl(fd, F_ADD_SEALS, seals) != 0)) {
            abort();
        }
    }
    enum base_fail_class r = base_ipc_decode(p + 2, kind == 0 ? n - 2 : head, fd, &msg, &f);
    if ((r == BASE_OK) != (json_is_object(msg) != 0) || (kind == 2 && r == BASE_OK)) {
        abort();
    }
    if (r == BASE_OK) { /* what was understood can be sent on */
        struct base_ipc_packet k;
        if (kind == 0 && base_ipc_encode(msg, &k, &f) != BASE_OK) {
            abort();
        }
        if (kind == 0) {
            base_ipc_packet_free(&k);
        }
        json_decref(msg);
    }
    if (fd >= 0) {
        close(fd);
    }
    return 0;
}
