/* ca/fence.h - after a restore nothing but reading leaves for a CA, in this whole process.
 *
 * While it is up, every request but GET fails before it is sent: temporary
 * "restore.fenced". Any thread. */
#ifndef CA_FENCE_H
#define CA_FENCE_H
#include <stdbool.h>

#include "base/fail.h"

void ca_fence(bool up);
/* May METHOD leave? */
enum base_fail_class ca_fence_check(const char *method, struct base_fail *f);

#endif
