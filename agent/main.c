/* agent/main.c - certagentd: takes spool files and jobs, decides, acts.
 *
 * One agent per spool and ledger: both are locked. Started by systemd as
 * Type=notify; stays in the foreground. Exit 0 after a stop, 1 when it can't
 * start (a temporary cause exits with 75, so that a restart is worth it), 2 for
 * wrong usage. */
#include <errno.h>
#include <getopt.h>
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent.h"
#include "backup.h"
#include "base/clock.h"
#include "catalog.h"
#include "base/file.h"
#include "folding.h"
#include "inspect/client.h"
#include "net/http.h"
#include "show.h"

#define NET_THREADS 16
#define EXIT_TEMPORARY 75

static const char usage_text[] =
    "usage: certagentd [--config FILE] [--check] [--verbose]\n"
    "  --config FILE  configuration (default: " CERTMILTER_SYSCONFDIR "/certmilter.conf)\n"
    "  --check        read the configuration, tell every error in it, and end\n"
    "  --verbose      log debug messages too\n";

static enum base_fail_class load_conf(struct agent *ag, const json_t *records, struct base_fail *f)
{
    struct policy_config_errors errs = {0};
    enum base_fail_class r = agent_conf_load(ag->config_path, records, &ag->conf, &errs, f);
    for (size_t i = 0; i < errs.n; i++)
        fprintf(stderr, "%s: %s\n", errs.v[i].where, errs.v[i].text);
    policy_config_errors_free(&errs);
    return r;
}

static int check_only(struct agent *ag)
{
    struct base_fail f = {0};
    if (load_conf(ag, NULL, &f)) {
        fprintf(stderr, "certagentd: %s\n", f.text);
        return 1;
    }
    agent_conf_unref(ag->conf);
    return 0;
}

/* Local records live in the ledger, and change what the snapshot holds. */
static enum base_fail_class apply_records(struct agent *ag, struct base_fail *f)
{
    json_t *records = agent_records(ag->ledger, ag->conf->cfg);
    struct agent_conf *plain = ag->conf;
    enum base_fail_class r = BASE_OK;
    if (json_array_size(records) > 0) {
        r = load_conf(ag, records, f);
        if (!r)
            agent_conf_unref(plain);
    }
    json_decref(records);
    return r;
}

static enum base_fail_class open_stores(struct agent *ag, struct base_fail *f)
{
    const struct policy_config *cfg = ag->conf->cfg;
    enum base_fail_class r = ledger_open(cfg->ledger_path, &ag->ledger, f);
    if (!r)
        r = spool_open_reader(cfg->spool_dir, &ag->reader, f);
    if (!r)
        r = spool_open_writer(cfg->spool_dir, NULL, &ag->writer, f);
    if (!r)
        r = ledger_begin(ag->ledger, f);
    if (!r)
        r = ledger_job_release_all(ag->ledger, f);
    if (!r)
        r = ledger_commit(ag->ledger, f);
    if (!r)
        r = agent_fence_load(ag, f);
    if (!r)
        r = apply_records(ag, f);
    return r ? r : agent_folding_apply(ag, ag->conf, f);
}

static bool open_loop(struct agent *ag)
{
    const struct policy_config *cfg = ag->conf->cfg;
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    int inspectors = cfg->inspectors > 0 ? cfg->inspectors : cores > 0 ? (int)cores : 1;
    ag->epoll = epoll_create1(EPOLL_CLOEXEC);
    ag->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (ag->epoll < 0 || ag->wake_fd < 0 || !agent_control_open(ag))
        return false;
    ag->pool = agent_pool_new(inspectors, cfg->workers > 0 ? cfg->workers : NET_THREADS,
                              ag->wake_fd);
    return true;
}

static int run(struct agent *ag)
{
    struct base_fail f = {0};
    enum base_fail_class r = net_init(&f);
    if (!r)
        r = load_conf(ag, NULL, &f);
    if (!r)
        r = open_stores(ag, &f);
    if (r) {
        base_log_fail(LOG_CRIT, "agent.start", &f, NULL);
        return r == BASE_TEMPORARY ? EXIT_TEMPORARY : 1;
    }
    agent_catalogs_learn(ag);
    if (!open_loop(ag))
        return 1;
    inspect_spawner_start(ag->conf->inspector);
    base_log(LOG_NOTICE, "agent.started", "version", CERTMILTER_VERSION, "config", ag->config_path,
             "domains", base_log_num((long long)ag->conf->cfg->ndomains), "accounts",
             base_log_num((long long)ag->conf->nusable), NULL);
    int status = agent_loop(ag);
    base_log(LOG_NOTICE, "agent.stopped", NULL);
    /* threads may still hold the snapshot and the spool: the kernel tidies up */
    ledger_close(ag->ledger);
    return status;
}

int main(int argc, char **argv)
{
    static const struct option options[] = {{"config", required_argument, NULL, 'c'},
                                            {"check", no_argument, NULL, 'k'},
                                            {"verbose", no_argument, NULL, 'v'},
                                            {"help", no_argument, NULL, 'h'},
                                            {NULL, 0, NULL, 0}};
    struct agent ag = {.config_path = CERTMILTER_SYSCONFDIR "/certmilter.conf", .control_fd = -1};
    int c, level = LOG_INFO;
    bool check = false;
    while ((c = getopt_long(argc, argv, "", options, NULL)) != -1)
        switch (c) {
        case 'c':
            ag.config_path = optarg;
            break;
        case 'k':
            check = true;
            break;
        case 'v':
            level = LOG_DEBUG;
            break;
        case 'h':
            fputs(usage_text, stdout);
            return 0;
        default:
            fputs(usage_text, stderr);
            return 2;
        }
    if (optind < argc) {
        fprintf(stderr, "certagentd: unexpected argument \"%s\"\n%s", argv[optind], usage_text);
        return 2;
    }
    base_log_open("certagentd", level);
    base_no_core();
    /* a thread's memory is mostly freed in the loop: an arena each would only grow */
    mallopt(M_ARENA_MAX, 2);
    signal(SIGPIPE, SIG_IGN);
    umask(0077);
    ag.started = base_now();
    int status = check ? check_only(&ag) : run(&ag);
    fflush(NULL);
    _exit(status);
}
