/* base/child.h - running a program in a cage of limits, talking over pipes.
 *
 * The child gets an empty environment, descriptors 0 to 2 only, its own
 * process group, PR_SET_PDEATHSIG=KILL and the limits below. Its stderr is
 * kept (first 4 KiB) for the log. All calls block; use them from a pool
 * thread. Thread-safe for different children.
 *
 * PDEATHSIG fires when the thread that started the child ends, not only the
 * process: start children from threads that live as long as the process. */
#ifndef BASE_CHILD_H
#define BASE_CHILD_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "bytes.h"
#include "fail.h"

struct base_child_limits {
    int64_t address_space; /* bytes, RLIMIT_AS; 0 = none (sanitizer builds need none) */
    int cpu_seconds;       /* RLIMIT_CPU; 0 = none */
    int wall_ms;           /* killed after this; 0 = none */
    bool keep_files;       /* RLIMIT_FSIZE isn't set to 0 (hooks) */
    int stdin_fd;          /* is its descriptor 0 instead of a pipe; 0 = a pipe */
    char *const *envp;     /* NULL = empty */
};

struct base_child {
    pid_t pid;
    int pidfd;        /* of an adopted child, whose pid we don't use; else -1 */
    int in, out, err; /* our ends: in is its stdin; -1 when closed; all non-blocking */
    int64_t deadline; /* base_mono_ms(), 0 = none */
    struct base_buf outbuf;
    struct base_buf errbuf;
    size_t taken; /* bytes of outbuf already given out as lines */
    bool out_eof;
    bool late; /* killed at its deadline: base_child_end() says so too */
};

/* PATH is executed with ARGV (no search). Codes: child.exec (ours). */
enum base_fail_class base_child_start(struct base_child *c, const char *path, char *const argv[],
                                      const struct base_child_limits *lim, struct base_fail *f);
/* A child that START has some other process fork, with the descriptors THEIRS as
 * its 0 to 2. START sets *pidfd, which is ours from then on, and answers as this
 * function does; it keeps no copy of THEIRS. The maker reaps such a child and sets
 * its limits; of LIM only wall_ms counts here. Killed alone, without a group. */
typedef enum base_fail_class base_child_maker(void *ctx, const int theirs[3], int *pidfd,
                                              struct base_fail *f);
enum base_fail_class base_child_adopt(struct base_child *c, base_child_maker *start, void *ctx,
                                      const struct base_child_limits *lim, struct base_fail *f);
/* Writes all of P to its stdin while collecting what it prints (at most
 * OUT_MAX bytes in all), so that neither side can block the other.
 * Codes: child.timeout (temporary), child.output (permanent), child.io (ours),
 * child.died (permanent: it ended or closed its stdin before it had read P). At
 * the first two the child is killed; call base_child_end() in any case. */
enum base_fail_class base_child_write(struct base_child *c, const void *p, size_t n,
                                      size_t out_max, struct base_fail *f);
void base_child_close_in(struct base_child *c);
/* Next line of its stdout without the newline; *line stays valid until the next
 * call. BASE_OK with *line NULL at its end. */
enum base_fail_class base_child_line(struct base_child *c, size_t out_max, const char **line,
                                     size_t *len, struct base_fail *f);
/* Reads to the end, reaps (kills at the deadline), frees nothing but the
 * descriptors. *status as of waitpid(2). What it started itself and left
 * running in its group is killed. Codes as base_child_write(). Not for adopted
 * ones, whose status only their parent learns: those end by base_child_free(). */
enum base_fail_class base_child_end(struct base_child *c, size_t out_max, int *status,
                                    struct base_fail *f);
/* Kills, reaps and frees whatever is left. Safe after base_child_end(). */
void base_child_free(struct base_child *c);
/* Has it ended? Then it is reaped and freed. Never waits. */
bool base_child_ended(struct base_child *c);
/* Kills it (its group, if it isn't adopted); it is still to be ended or freed. */
void base_child_kill(const struct base_child *c);

#endif
