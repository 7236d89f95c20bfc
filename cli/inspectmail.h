/* cli/inspectmail.h - one mail through the inspector, for commands that need no agent. */
#ifndef CLI_INSPECTMAIL_H
#define CLI_INSPECTMAIL_H
#include "cli.h"
#include "net/dns.h"
#include "policy/facts.h"
#include "policy/rules.h"

/* What several inspections share. */
struct cli_inspector {
    struct net_resolver *resolver;
    const char *program;
    json_t *profiles; /* for the inspector */
    int64_t at;       /* judged as of then */
};
/* Options --dns-data and --at are read from ARGS. CLI_DONE, or the status (said).
 * PROFILES are borrowed. Free in every case. */
int cli_inspector_open(struct cli *c, const struct cli_args *args,
                       struct policy_profile *const *profiles, size_t nprofiles,
                       struct cli_inspector *in);
void cli_inspector_free(struct cli_inspector *in);
/* FACTS->certificates belongs to the caller. FORCE: parsed whatever its signature. */
enum base_fail_class cli_inspect(struct cli *c, const struct cli_inspector *in,
                                 struct base_bytes raw, bool force, struct policy_facts **facts,
                                 struct base_fail *f);
/* Reads FILE; CLI_REFUSED (said) if it is no mail. Free RAW with base_buf_free(). */
int cli_read_mail(struct cli *c, const char *file, struct base_buf *raw);
/* True if P starts with a header field. */
bool cli_is_mail(const void *p, size_t n);

#endif
