/* cli/doctor.h - the checks of the installation, each its name, ok / warn / fail, and
 * a sentence that says what to do. They change nothing and never fail as a whole. */
#ifndef CLI_DOCTOR_H
#define CLI_DOCTOR_H
#include "cli.h"
#include "postfix.h"

enum cli_finding_result { CLI_OK = 0, CLI_WARN, CLI_FAIL };
struct cli_doctor {
    struct cli *c;
    json_t *list; /* [{name,result,text}] */
    enum cli_finding_result worst;
    const char *postfix_dir; /* NULL = the default instance */
};
void cli_finding(struct cli_doctor *d, const char *name, enum cli_finding_result r,
                 const char *fmt, ...) __attribute__((format(printf, 4, 5)));

/* doctor_files.c */
void cli_doctor_spool(struct cli_doctor *d);
void cli_doctor_watch(struct cli_doctor *d);
void cli_doctor_bundle(struct cli_doctor *d);
void cli_doctor_credentials(struct cli_doctor *d);
/* doctor_world.c */
void cli_doctor_profiles(struct cli_doctor *d);
void cli_doctor_dns(struct cli_doctor *d);
void cli_doctor_clock(struct cli_doctor *d);
void cli_doctor_keeper(struct cli_doctor *d);
/* doctor_backup.c */
void cli_doctor_backup(struct cli_doctor *d);
/* doctor_mta.c */
void cli_doctor_milter(struct cli_doctor *d);
void cli_doctor_postfix(struct cli_doctor *d);

#endif
