/* milter/snapshot.h - the watch file in force, shared by all sessions.
 *
 * A loaded watch is immutable and counted; the lock around the pointer is held
 * for an increment, never over a read of the file. A message keeps the watch
 * with which it began. */
#ifndef MILTER_SNAPSHOT_H
#define MILTER_SNAPSHOT_H
#include <stdbool.h>

#include "policy/watch.h"

struct milter_snapshot; /* the watch and its count */

/* The watch in force with one reference for the caller; NULL if there is none
 * yet (then nothing is of interest). */
struct milter_snapshot *milter_snapshot_get(void);
void milter_snapshot_put(struct milter_snapshot *s); /* NULL is fine */
const struct policy_watch *milter_snapshot_watch(const struct milter_snapshot *s);

/* Takes W over as the watch in force. */
void milter_snapshot_set(struct policy_watch *w);

/* Loads PATH if its file changed since the last call, or if FORCE. A missing or
 * damaged file leaves the last good watch in force. Logs what changed, and a
 * failure once per file. Main thread only. */
void milter_snapshot_refresh(const char *path, bool force);

#endif
