/* tests/unit/inspect_processes.h - our children and theirs, as /proc tells. */
#ifndef INSPECT_PROCESSES_H
#define INSPECT_PROCESSES_H
#include <poll.h>

#include "inspect_fixture.h"

struct seen {
    pid_t pid;
    char state;
    unsigned long reaped_faults; /* page faults of children that were waited for */
};

static inline bool look(pid_t pid, struct seen *out, pid_t *parent)
{
    char text[1024], path[64];

    snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
    FILE *f = fopen(path, "re");
    size_t n = f != NULL ? fread(text, 1, sizeof(text) - 1, f) : 0;

    if (f != NULL) {
        fclose(f);
    }
    text[n] = '\0';
    const char *p = strrchr(text, ')');
    int ppid = 0;

    out->pid = pid;
    if (p == NULL || sscanf(p, ") %c %d %*d %*d %*d %*d %*u %*u %lu", &out->state, &ppid,
                            &out->reaped_faults) != 3) {
        return false;
    }
    *parent = ppid;
    return true;
}

/* The children of PARENT, at most MAX; how many. */
static inline size_t children(pid_t parent, struct seen *out, size_t max)
{
    DIR *d = opendir("/proc");
    size_t n = 0;

    assert_non_null(d);
    for (struct dirent *e; n < max && (e = readdir(d)) != NULL;) {
        pid_t p;

        n += atoi(e->d_name) > 0 && look(atoi(e->d_name), &out[n], &p) && p == parent;
    }
    closedir(d);
    return n;
}

/* The one child of ours that isn't a zombie. */
static inline struct seen spawner(void)
{
    struct seen all[64], found = {0};
    size_t n = children(getpid(), all, 64);

    for (size_t i = 0; i < n; i++) {
        if (all[i].state != 'Z') {
            assert_int_equal(found.pid, 0);
            found = all[i];
        }
    }
    assert_int_not_equal(found.pid, 0);
    return found;
}

static inline bool status_has(pid_t pid, const char *line)
{
    struct base_buf b;

    assert_int_equal(base_file_read(AT_FDCWD, base_arena_printf(a, "/proc/%d/status", (int)pid),
                                    65536, &b, NULL),
                     BASE_OK);
    bool has = strstr(base_buf_str(&b), line) != NULL;

    base_buf_free(&b);
    return has;
}

/* -1 if we may not look. */
static inline int open_files(pid_t pid)
{
    DIR *d = opendir(base_arena_printf(a, "/proc/%d/fd", (int)pid));
    int n = 0;

    if (d == NULL) {
        return -1;
    }
    for (struct dirent *e; (e = readdir(d)) != NULL;) {
        n += e->d_name[0] != '.' && (pid != getpid() || atoi(e->d_name) != dirfd(d));
    }
    closedir(d);
    return n;
}

static inline bool ends(int pidfd)
{
    struct pollfd p = {pidfd, POLLIN, 0};
    bool r = poll(&p, 1, 120000) == 1;

    close(pidfd);
    return r;
}

#endif
