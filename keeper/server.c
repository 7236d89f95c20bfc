/* The event loop. Owns the conversations (a fixed table) and the pool. A peer
 * that sends garbage, stalls or leaves ends its own conversation and nothing
 * else; a request whose peer has left runs to its end and its answer is dropped. */
#include "server.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/ipc.h"
#include "base/ipc_message.h"
#include "base/log.h"
#include "pool.h"

#define TALKS (KEEPER_TALKS_AGENT + KEEPER_TALKS_ADMIN)
#define FIXED 4 /* descriptors before those of the conversations */
#define STRANGER_LOG_MS 10000

enum state { FREE, READING, WORKING, SENDING };

struct talk {
    enum state state;
    int fd;
    bool admin;
    uid_t uid;
    uint64_t turn;          /* a new one for each conversation: tells late answers */
    int64_t deadline;       /* base_mono_ms(); none while WORKING */
    struct keeper_job *out; /* SENDING: the finished job */
    char export_id[KEEPER_ID], export_key[KEEPER_ID];
};

struct server {
    struct keeper_pool *pool;
    const struct keeper_listen *listen[2]; /* agent, administrator */
    int open[2];                           /* conversations of each */
    int64_t stranger_at[2];                /* last time that one was logged */
    struct talk talk[TALKS];
    uint64_t turn;
};

static void end(struct server *s, struct talk *t)
{
    close(t->fd);
    keeper_job_free(t->out);
    s->open[t->admin]--;
    explicit_bzero(t, sizeof *t);
}

static void listen_again(struct talk *t)
{
    t->state = READING;
    t->deadline = base_mono_ms() + (t->export_key[0] ? KEEPER_EXPORT_MS : KEEPER_IDLE_MS);
}

static void stranger(struct server *s, int which, uid_t uid)
{
    int64_t now = base_mono_ms();
    if (s->stranger_at[which] && now - s->stranger_at[which] < STRANGER_LOG_MS)
        return;
    s->stranger_at[which] = now;
    base_log(LOG_WARNING, "keeper.stranger", "socket", which ? "admin" : "agent", "uid",
             base_log_num((long long)(int32_t)uid), NULL);
}

static void take_peer(struct server *s, int which)
{
    uid_t uid;
    int fd = accept4(s->listen[which]->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (fd < 0)
        return;
    if (!keeper_peer_ok(fd, &s->listen[which]->rule, &uid)) {
        stranger(s, which, uid);
        close(fd);
        return;
    }
    struct talk *t = s->talk;
    while (t->state != FREE)
        t++; /* there is one: both caps together are the table's size */
    *t = (struct talk){.fd = fd, .admin = which, .uid = uid, .turn = ++s->turn};
    s->open[which]++;
    listen_again(t);
}

/* One packet as a request; descriptors sent along are dropped by the kernel, as
 * no request is ever that large. NULL: the conversation is to end. */
static json_t *read_request(struct talk *t)
{
    json_t *q = NULL;
    struct base_fail f = {0};
    char *buf = base_xmalloc(BASE_IPC_MAX + 1);
    ssize_t n = recv(t->fd, buf, BASE_IPC_MAX + 1, MSG_DONTWAIT);
    if (n > BASE_IPC_MAX)
        base_failf(&f, BASE_PERMANENT, "ipc.message", "a packet of more than %d bytes",
                   BASE_IPC_MAX);
    else if (n > 0)
        base_ipc_decode(buf, (size_t)n, -1, &q, &f);
    if (n > 0)
        explicit_bzero(buf, (size_t)n);
    free(buf);
    if (!q && f.code[0])
        base_log_fail(LOG_WARNING, "keeper.garbage", &f, "uid", base_log_num(t->uid), NULL);
    return q;
}

static void start(struct server *s, struct talk *t)
{
    json_t *q = read_request(t);
    if (!q) {
        end(s, t);
        return;
    }
    struct keeper_job *j = base_xmalloc(sizeof *j);
    *j = (struct keeper_job){.request = q, .slot = (unsigned)(t - s->talk), .turn = t->turn};
    j->call = (struct keeper_call){.request = q, .admin = t->admin, .uid = t->uid};
    memcpy(j->call.export_id, t->export_id, KEEPER_ID);
    memcpy(j->call.export_key, t->export_key, KEEPER_ID);
    if (keeper_pool_put(s->pool, j)) {
        t->state = WORKING;
        t->deadline = 0;
        return;
    }
    j->answer = json_pack("{s:b,s:s,s:s,s:s}", "ok", 0, "class", "temporary", "code", "keeper.busy",
                          "text", "the keeper has too much to do");
    t->out = j;
    t->state = SENDING;
    t->deadline = base_mono_ms() + KEEPER_SEND_MS;
}

/* The peer's queue has room for any packet: the kernel calls a socket writable
 * when no more than a quarter of its send buffer is used. */
static void answer(struct server *s, struct talk *t)
{
    struct base_fail f = {0};
    struct keeper_job *j = t->out;
    if (base_ipc_send(t->fd, j->answer, 0, &f) != BASE_OK) {
        base_log_fail(LOG_NOTICE, "keeper.unsent", &f, "uid", base_log_num(t->uid), NULL);
        end(s, t);
        return;
    }
    memcpy(t->export_id, j->call.export_id, KEEPER_ID);
    memcpy(t->export_key, j->call.export_key, KEEPER_ID);
    keeper_job_free(j);
    t->out = NULL;
    listen_again(t);
}

static void take_finished(struct server *s)
{
    struct keeper_job *j;
    while ((j = keeper_pool_get(s->pool))) {
        struct talk *t = &s->talk[j->slot];
        if (t->state != WORKING || t->turn != j->turn) {
            keeper_job_free(j); /* its peer has left */
            continue;
        }
        t->out = j;
        t->state = SENDING;
        t->deadline = base_mono_ms() + KEEPER_SEND_MS;
    }
}

static void serve_talk(struct server *s, struct talk *t, short events)
{
    if (t->state == READING && (events & POLLIN))
        start(s, t);
    else if (t->state == SENDING && (events & POLLOUT))
        answer(s, t);
    else if (events & (POLLHUP | POLLERR | POLLNVAL))
        end(s, t);
}

static const short interest[] = {[READING] = POLLIN, [WORKING] = 0, [SENDING] = POLLOUT};

/* Fills P; the number of entries. WHOSE[i] is the conversation of entry FIXED + i. */
static nfds_t watch(struct server *s, int stop_fd, struct pollfd *p, struct talk **whose,
                    int64_t *next)
{
    nfds_t n = FIXED;
    bool room[2] = {s->open[0] < KEEPER_TALKS_AGENT, s->open[1] < KEEPER_TALKS_ADMIN};
    p[0] = (struct pollfd){stop_fd, POLLIN, 0};
    p[1] = (struct pollfd){keeper_pool_fd(s->pool), POLLIN, 0};
    for (int i = 0; i < 2; i++) /* poll(2) passes over negative descriptors */
        p[2 + i] = (struct pollfd){room[i] ? s->listen[i]->fd : -1, POLLIN, 0};
    *next = INT64_MAX;
    for (struct talk *t = s->talk; t < s->talk + TALKS; t++) {
        if (t->state == FREE)
            continue;
        if (t->deadline && t->deadline < *next)
            *next = t->deadline;
        whose[n - FIXED] = t;
        p[n++] = (struct pollfd){t->fd, interest[t->state], 0};
    }
    return n;
}

static void expire(struct server *s)
{
    int64_t now = base_mono_ms();
    for (struct talk *t = s->talk; t < s->talk + TALKS; t++)
        if (t->state != FREE && t->deadline && t->deadline <= now)
            end(s, t);
}

/* One round; false when it is time to stop. */
static bool turn(struct server *s, int stop_fd)
{
    struct pollfd p[FIXED + TALKS];
    struct talk *whose[TALKS];
    int64_t next;
    nfds_t n = watch(s, stop_fd, p, whose, &next);
    int64_t wait = next == INT64_MAX ? -1 : next - base_mono_ms();
    if (next != INT64_MAX && wait < 0)
        wait = 0;
    if (poll(p, n, (int)(wait > 60000 ? 60000 : wait)) < 0)
        return errno == EINTR || errno == EAGAIN || errno == ENOMEM;
    for (nfds_t i = FIXED; i < n; i++)
        if (p[i].revents)
            serve_talk(s, whose[i - FIXED], p[i].revents);
    if (p[1].revents)
        take_finished(s);
    for (int i = 0; i < 2; i++)
        if (p[2 + i].revents & POLLIN)
            take_peer(s, i);
    expire(s);
    return !p[0].revents;
}

/* What was under way is answered, if its peer takes it at once. */
static void finish(struct server *s)
{
    keeper_pool_stop(s->pool);
    take_finished(s);
    for (struct talk *t = s->talk; t < s->talk + TALKS; t++) {
        if (t->state == SENDING)
            answer(s, t);
        if (t->state != FREE)
            end(s, t);
    }
}

enum base_fail_class keeper_serve(struct keeper_ctx *ctx, const struct keeper_listen *agent,
                                  const struct keeper_listen *admin, int stop_fd, int slow,
                                  void (*ready)(void), struct base_fail *f)
{
    struct server *s = base_xmalloc(sizeof *s);
    *s = (struct server){.listen = {agent, admin}};
    enum base_fail_class c = keeper_pool_open(ctx, slow, &s->pool, f);
    if (!c) {
        ready();
        while (turn(s, stop_fd))
            ;
        finish(s);
        keeper_pool_free(s->pool);
    }
    free(s);
    return c;
}
