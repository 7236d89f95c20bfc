/* ca/fence.c - one flag for the process; set by the agent's loop, read by its workers. */
#include "fence.h"

#include <stdatomic.h>
#include <string.h>

static atomic_bool fence_up;

void ca_fence(bool up)
{
    atomic_store(&fence_up, up);
}

enum base_fail_class ca_fence_check(const char *method, struct base_fail *f)
{
    if (!atomic_load(&fence_up) || strcmp(method, "GET") == 0) {
        return BASE_OK;
    }
    return base_failf(f, BASE_TEMPORARY, "restore.fenced",
                      "nothing is sent: restored from a backup and fenced until \"certmilter "
                      "restore --finish\"");
}
