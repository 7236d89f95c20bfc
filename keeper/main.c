/* certkeeperd - the process that alone holds private keys.
 *
 * Reads its options, the key-encryption key and its state directory, listens at
 * two sockets and serves until SIGTERM or SIGINT. Exit 0 after a clean stop, 1
 * when it can't start (one line says why), 2 for wrong options. It has no use
 * for a network. */
#include <errno.h>
#include <getopt.h>
#include <grp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/ipc.h"
#include "base/log.h"
#include "exact.h"
#include "memory.h"
#include "server.h"

#define WORKERS_MAX 16

struct options {
    const char *state, *socket, *admin_socket, *agent_user, *admin_group, *kek, *credentials;
    const char *consumers[KEEPER_CONSUMERS_MAX + 1];
    size_t nconsumers;
    struct keeper_exact exact;
    struct base_fail wrong; /* the first option that is */
};

static const char usage[] =
    "usage: certkeeperd --state DIR --socket PATH --admin-socket PATH --agent-user USER\n"
    "                   --kek CREDENTIAL [--credentials DIR] [--admin-group GROUP]\n"
    "                   [--consumer NAME:DIR:GROUP]... [--exact-local DOMAIN]...\n"
    "                   [--foreground]\n";

static bool read_options(int argc, char **argv, struct options *o)
{
    static const struct option names[] = {{"state", required_argument, NULL, 's'},
                                          {"socket", required_argument, NULL, 'a'},
                                          {"admin-socket", required_argument, NULL, 'A'},
                                          {"agent-user", required_argument, NULL, 'u'},
                                          {"admin-group", required_argument, NULL, 'g'},
                                          {"kek", required_argument, NULL, 'k'},
                                          {"credentials", required_argument, NULL, 'c'},
                                          {"consumer", required_argument, NULL, 'C'},
                                          {"exact-local", required_argument, NULL, 'E'},
                                          {"foreground", no_argument, NULL, 'f'},
                                          {"version", no_argument, NULL, 'V'},
                                          {"help", no_argument, NULL, 'h'},
                                          {NULL, 0, NULL, 0}};
    const char *ignored;
    int c;
    while ((c = getopt_long(argc, argv, "", names, NULL)) != -1) {
        switch (c) {
        case 'V':
            puts("certkeeperd " CERTMILTER_VERSION);
            exit(0);
        case 'h':
            fputs(usage, stdout);
            exit(0);
        case 'C':
            if (o->nconsumers <= KEEPER_CONSUMERS_MAX)
                o->consumers[o->nconsumers++] = optarg;
            break;
        case 'E':
            if (!o->wrong.cls)
                keeper_exact_add(&o->exact, optarg, &o->wrong);
            break;
        case 'f': /* it never goes to the background */
            break;
        case '?':
            return false;
        default: {
            const char **to = c == 's'   ? &o->state
                              : c == 'a' ? &o->socket
                              : c == 'A' ? &o->admin_socket
                              : c == 'u' ? &o->agent_user
                              : c == 'g' ? &o->admin_group
                              : c == 'k' ? &o->kek
                              : c == 'c' ? &o->credentials
                                         : &ignored;
            *to = optarg;
        }
        }
    }
    return optind == argc && o->state && o->socket && o->admin_socket && o->agent_user && o->kek;
}

/* sd_notify(3)'s datagram; systemd's library is another room's. */
static void notify(const char *text)
{
    const char *path = getenv("NOTIFY_SOCKET");
    struct sockaddr_un sa = {.sun_family = AF_UNIX};
    if (!path || (path[0] != '/' && path[0] != '@') || strlen(path) >= sizeof sa.sun_path)
        return;
    memcpy(sa.sun_path, path, strlen(path));
    if (sa.sun_path[0] == '@')
        sa.sun_path[0] = '\0';
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    socklen_t n = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(path));
    if (fd >= 0)
        (void)sendto(fd, text, strlen(text), MSG_NOSIGNAL, (struct sockaddr *)&sa, n);
    if (fd >= 0)
        close(fd);
}

static void ready(void)
{
    notify("READY=1");
    base_log(LOG_INFO, "keeper.ready", "version", CERTMILTER_VERSION, NULL);
}

/* The stop signals as a descriptor; SIGHUP means nothing here. */
static int stop_signals(void)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    signal(SIGPIPE, SIG_IGN);
    signal(SIGHUP, SIG_IGN);
    sigprocmask(SIG_BLOCK, &set, NULL);
    return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

static enum base_fail_class read_rules(const struct options *o, struct keeper_listen *agent,
                                       struct keeper_listen *admin, struct base_fail *f)
{
    agent->rule.has_uid = true;
    if (!keeper_user_id(o->agent_user, &agent->rule.uid))
        return base_failf(f, BASE_PERMANENT, "keeper.option", "--agent-user: no user %s",
                          o->agent_user);
    admin->rule.has_group = o->admin_group != NULL;
    if (o->admin_group && !keeper_group_id(o->admin_group, &admin->rule.gid))
        return base_failf(f, BASE_PERMANENT, "keeper.option", "--admin-group: no group %s",
                          o->admin_group);
    return BASE_OK;
}

/* Everybody may connect to the agent's socket, as the keeper can't give it to
 * another user: the peer's user decides. The administrator's is for the group. */
static enum base_fail_class listen_both(const struct options *o, struct keeper_listen *agent,
                                        struct keeper_listen *admin, struct base_fail *f)
{
    enum base_fail_class c = base_ipc_listen(o->socket, 0666, &agent->fd, f);
    if (!c)
        c = base_ipc_listen(o->admin_socket, o->admin_group ? 0660 : 0600, &admin->fd, f);
    if (!c && o->admin_group && chown(o->admin_socket, (uid_t)-1, admin->rule.gid) != 0)
        base_log(LOG_WARNING, "keeper.socket", "path", o->admin_socket, "text",
                 "can't be given to the admin group: only root can connect", "error",
                 strerror(errno), NULL);
    return c;
}

static enum base_fail_class read_consumers(const struct options *o, struct keeper_consumers *list,
                                           struct keeper_ctx *ctx, struct base_fail *f)
{
    enum base_fail_class c = BASE_OK;
    for (size_t i = 0; i < o->nconsumers && !c; i++)
        c = keeper_consumers_add(list, o->consumers[i], f);
    ctx->consumers = list;
    return c;
}

static enum base_fail_class open_state(const struct options *o, struct keeper_ctx *ctx,
                                       struct base_fail *f)
{
    enum base_fail_class c = keeper_store_open(o->state, &ctx->store, f);
    if (!c)
        c = keeper_vault_open(o->kek, o->credentials, keeper_store_dirfd(ctx->store), &ctx->vault,
                              f);
    if (!c)
        c = keeper_journal_open(keeper_store_dirfd(ctx->store), &ctx->journal, f);
    return c;
}

/* A folder that isn't right is told of when it is used. */
static void sweep_consumers(const struct keeper_consumers *list)
{
    for (size_t i = 0; i < list->n; i++) {
        int fd;
        if (keeper_consumer_open(&list->v[i], &fd, NULL))
            continue;
        (void)keeper_consumer_sweep(&list->v[i], fd, NULL);
        close(fd);
    }
}

static int workers(void)
{
    long n = sysconf(_SC_NPROCESSORS_ONLN);
    return n < 1 ? 1 : n > WORKERS_MAX ? WORKERS_MAX : (int)n;
}

static enum base_fail_class run(const struct options *o, struct keeper_ctx *ctx,
                                struct base_fail *f)
{
    struct keeper_listen agent = {.fd = -1}, admin = {.fd = -1};
    int stop_fd = stop_signals();
    struct keeper_consumers consumers = {.n = 0};
    enum base_fail_class c = o->wrong.cls ? base_failf(f, o->wrong.cls, o->wrong.code, "%s", o->wrong.text)
                                          : read_rules(o, &agent, &admin, f);
    ctx->exact = &o->exact;
    if (!c)
        c = read_consumers(o, &consumers, ctx, f);
    if (!c)
        c = open_state(o, ctx, f);
    if (!c) /* the state's lock is ours: no other keeper writes there */
        sweep_consumers(&consumers);
    if (!c)
        c = listen_both(o, &agent, &admin, f);
    if (!c) {
        c = keeper_serve(ctx, &agent, &admin, stop_fd, workers(), ready, f);
        notify("STOPPING=1");
        unlink(o->socket);
        unlink(o->admin_socket);
    }
    if (agent.fd >= 0)
        close(agent.fd);
    if (admin.fd >= 0)
        close(admin.fd);
    close(stop_fd);
    keeper_consumers_free(&consumers);
    return c;
}

int main(int argc, char **argv)
{
    struct options o = {0};
    struct keeper_ctx ctx = {0};
    struct base_fail f = {0};
    bool memory = keeper_memory_init(&ctx.locked);
    if (!read_options(argc, argv, &o)) {
        fputs(usage, stderr);
        return 2;
    }
    umask(0077);
    base_no_core();
    base_log_open("certkeeperd", LOG_INFO);
    ctx.started = base_now();
    if (!ctx.locked)
        base_log(LOG_WARNING, "keeper.memory", "text",
                 memory ? "secret memory can't be locked: raise LimitMEMLOCK"
                        : "there is no secret memory",
                 NULL);
    enum base_fail_class c =
        memory ? run(&o, &ctx, &f)
               : base_failf(&f, BASE_OURS, "keeper.internal", "no memory for secrets");
    if (c)
        base_log_fail(LOG_ERR, "keeper.start", &f, NULL);
    else
        base_log(LOG_INFO, "keeper.stopped", NULL);
    keeper_journal_close(ctx.journal);
    keeper_vault_close(ctx.vault);
    keeper_store_close(ctx.store);
    keeper_exact_free(&o.exact);
    return c ? 1 : 0;
}
