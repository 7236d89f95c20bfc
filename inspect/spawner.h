/* inspect/spawner.h - certinspect --spawner: loaded once, one process for each input.
 *
 * Loading some thirty libraries costs five times what a mail costs. So one
 * process loads them and never sees an input: for each request it forks a
 * child, and the child has the conversation. What a program that is executed
 * anew gets for nothing is kept: a process for each input; the sandbox, closed
 * in the child before its first byte; and a memory layout that isn't there long
 * enough to be learnt, as the spawner ends after INSPECT_SPAWNER_CHILDREN, or
 * as soon as a child has crashed.
 *
 * Descriptor 0 is a SOCK_SEQPACKET socket. Request: one byte with exactly three
 * descriptors, the child's 0 to 2. Answer: one byte of enum inspect_spawned, with
 * the child's pidfd unless it is INSPECT_SPAWNED_NONE. A spawner whose time is
 * over closes the socket and ends when its children have; if the other end is
 * closed, or its parent ends, it ends at once, and its children with it. */
#ifndef INSPECT_SPAWNER_H
#define INSPECT_SPAWNER_H

#define INSPECT_SPAWNER_ARGUMENT "--spawner"
#define INSPECT_SPAWNER_CHILDREN 1000

enum inspect_spawned {
    INSPECT_SPAWNED = 'c',      /* with a pidfd */
    INSPECT_SPAWNED_LAST = 'l', /* with a pidfd; the socket is closed behind it */
    INSPECT_SPAWNED_NONE = 'n', /* no process could be made */
};

/* In the spawner, when all is loaded. CONVERSE runs in each child. */
_Noreturn void inspect_spawner_run(void (*converse)(void));

#endif
