/* inspect/spawn.h - client.c's way to a process of certinspect. */
#ifndef INSPECT_SPAWN_H
#define INSPECT_SPAWN_H
#include "base/child.h"
#include "base/fail.h"

/* From the spawner, if inspect_spawner_start() named this PROGRAM and it lives;
 * else PROGRAM is executed. As base_child_start(). */
enum base_fail_class inspect_spawn(struct base_child *c, const char *program,
                                   const struct base_child_limits *lim, struct base_fail *f);

#endif
