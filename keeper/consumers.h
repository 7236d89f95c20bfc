/* keeper/consumers.h - programs on this host that get signing keys in clear.
 *
 * Only those that certkeeperd's own command line names: nobody who asks over a socket can
 * choose a place. DIR must be there and ours to write, and not writable by others. */
#ifndef KEEPER_CONSUMERS_H
#define KEEPER_CONSUMERS_H
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "base/bytes.h"
#include "base/fail.h"

#define KEEPER_CONSUMERS_MAX 8

struct keeper_consumer {
    char name[65];
    const char *dir; /* owned */
    char group[65];  /* its files are for it, mode 0640 */
    gid_t gid;
};
struct keeper_consumers {
    struct keeper_consumer v[KEEPER_CONSUMERS_MAX];
    size_t n;
};

/* "NAME:DIR:GROUP". Permanent "keeper.option". */
enum base_fail_class keeper_consumers_add(struct keeper_consumers *c, const char *text,
                                          struct base_fail *f);
void keeper_consumers_free(struct keeper_consumers *c);
const struct keeper_consumer *keeper_consumers_find(const struct keeper_consumers *c,
                                                    const char *name); /* NULL: none */

/* The folder of C, opened after its owner and mode are found right. *FD is the caller's.
 * Permanent "keeper.consumer". */
enum base_fail_class keeper_consumer_open(const struct keeper_consumer *c, int *fd,
                                          struct base_fail *f);
/* Does NAME hold exactly these bytes, with the right group and mode? */
bool keeper_consumer_same(const struct keeper_consumer *c, int fd, const char *name,
                          struct base_bytes data);
/* Writes NAME whole (or not at all), for the group; temporary "file.space". */
enum base_fail_class keeper_consumer_put(const struct keeper_consumer *c, int fd, const char *name,
                                         struct base_bytes data, struct base_fail *f);
/* Removes what a killed keeper left half written in the folder: a key in clear that nobody
 * counts. With the folder's lock, or before anybody is served. */
enum base_fail_class keeper_consumer_sweep(const struct keeper_consumer *c, int fd,
                                           struct base_fail *f);
/* Overwrites and removes NAME; absent is fine, *WAS says whether it was there. */
enum base_fail_class keeper_consumer_drop(const struct keeper_consumer *c, int fd, const char *name,
                                          bool *was, struct base_fail *f);

#endif
