/* cli/doctor_backup.c - is there a backup, and did the recovery sheet ever open one? */
#include <string.h>
#include <unistd.h>

#include "base/json.h"
#include "doctor.h"
#include "keeper/client.h"
#include "sheet.h"

#define OLD (8 * 86400) /* seconds: weekly backups are in time */

static const char *bound(struct cli_doctor *d)
{
    return access("/etc/credstore.encrypted/kek", F_OK) == 0 || cli_kek_bound(cli_kek_file(d->c))
               ? "; its credential is encrypted for this host, so it dies with this host"
               : "";
}

static void check_age(struct cli_doctor *d, int64_t at)
{
    if (at == 0)
        cli_finding(d, "backup", CLI_WARN, "no backup was ever made of this ledger: certmilter backup DIR");
    else if (d->c->now - at > OLD)
        cli_finding(d, "backup", CLI_WARN, "the last backup is of %s: certmilter backup DIR",
                    cli_when(d->c, at));
}

void cli_doctor_backup(struct cli_doctor *d)
{
    struct cli *c = d->c;
    struct keeper_status s;
    struct base_fail f = {0};
    json_t *answer = NULL;
    if (c->cfg->naccounts == 0 || keeper_ping(c->cfg->keeper_admin_socket, c->a, &s, &f))
        return; /* nothing is kept, or said by the check of the keeper */
    if (cli_try(c, cli_request(c, "status"), CLI_TIMEOUT_MS, &answer, &f)) {
        json_decref(answer);
        return; /* said by the check of the agent */
    }
    const json_t *o = base_json_obj(answer, "backup");
    const char *proved = base_json_strd(o, "proved_kek", "");
    if (strcmp(proved, s.kek_id) != 0)
        cli_finding(d, "backup", CLI_FAIL,
                    "nobody has proved that the recovery sheet of key-encryption key %s opens a "
                    "backup%s: certmilter keeper recovery-sheet, certmilter backup DIR, certmilter "
                    "backup verify FILE --sheet",
                    s.kek_id, bound(d));
    else {
        cli_finding(d, "backup", CLI_OK, "the recovery sheet of key %s opened a backup on %s", proved,
                    cli_when(c, base_json_int(o, "proved", 0)));
        check_age(d, base_json_int(o, "at", 0));
    }
    if (s.old_kek_id[0])
        cli_finding(d, "keeper", CLI_WARN,
                    "a rewrap from key %s to %s is not at its end: certmilter keeper status", s.old_kek_id,
                    s.kek_id);
    json_decref(answer);
}
