/* inspect/sandbox.h - a process that can only read its input and write its answer.
 *
 * Entered before the first byte of input is looked at, never left. */
#ifndef INSPECT_SANDBOX_H
#define INSPECT_SANDBOX_H
#include "base/fail.h"

/* Resource limits, no new privileges, Landlock (where the kernel has it), and
 * a system-call filter: read(0), write(1, 2), memory, clock, randomness, exit.
 * Opening a file answers EACCES, any other call kills the process. Ours
 * "sandbox.limits" or "sandbox.filter" if it can't be set: the caller must end. */
enum base_fail_class inspect_sandbox_enter(struct base_fail *f);
/* Only Landlock, without any right; where the kernel lacks it, nothing. */
void inspect_sandbox_deny_files(void);

#endif
