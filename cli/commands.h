/* cli/commands.h - the commands, one function each (table.c lists them).
 * All return an exit status. */
#ifndef CLI_COMMANDS_H
#define CLI_COMMANDS_H
#include "cli.h"

typedef int cli_run(struct cli *c, const struct cli_args *args);

cli_run cli_cmd_help, cli_cmd_version;
/* status.c */
cli_run cli_cmd_status, cli_cmd_reload, cli_cmd_events;
/* domain.c */
cli_run cli_cmd_domain_list, cli_cmd_domain_add, cli_cmd_domain_check, cli_cmd_expect;
cli_run cli_cmd_domain_release, cli_cmd_domain_resend, cli_cmd_domain_persist, cli_cmd_domain_plan;
/* order.c */
cli_run cli_cmd_order;
/* trust.c, evidence.c */
cli_run cli_cmd_agreement_list, cli_cmd_agreement_accept, cli_cmd_release, cli_cmd_release_list;
cli_run cli_cmd_evidence;
/* organization.c */
cli_run cli_cmd_organization_list, cli_cmd_organization_show, cli_cmd_organization_add;
cli_run cli_cmd_organization_submit, cli_cmd_product_list, cli_cmd_product_show;
/* life.c */
cli_run cli_cmd_cancel, cli_cmd_revoke, cli_cmd_reissue, cli_cmd_renew, cli_cmd_emails;
cli_run cli_cmd_request_list, cli_cmd_request_approve, cli_cmd_request_reject;
/* batch.c */
cli_run cli_cmd_batch_list, cli_cmd_batch_show, cli_cmd_batch_pause, cli_cmd_batch_resume;
cli_run cli_cmd_batch_stop;
/* consent.c */
cli_run cli_cmd_consent_add, cli_cmd_consent_list, cli_cmd_consent_withdraw;
/* look.c */
cli_run cli_cmd_list, cli_cmd_show;
/* export.c, pem.c */
cli_run cli_cmd_export, cli_cmd_export_p12, cli_cmd_export_pem;
/* forget.c */
cli_run cli_cmd_forget;
/* publish.c */
cli_run cli_cmd_publish_list, cli_cmd_publish_retry, cli_cmd_publish_run, cli_cmd_publish_history;
/* handout.c, passphrase.c */
cli_run cli_cmd_passphrase_deliver, cli_cmd_passphrase_list;
cli_run cli_cmd_passphrase_set, cli_cmd_passphrase_clear, cli_cmd_passphrase_show;
/* import.c */
cli_run cli_cmd_import;
/* held.c */
cli_run cli_cmd_held_list, cli_cmd_held_show, cli_cmd_held_approve, cli_cmd_held_deny;
cli_run cli_cmd_ingest;
/* explain.c */
cli_run cli_cmd_explain;
/* profile.c, record.c */
cli_run cli_cmd_profile_check, cli_cmd_profile_test, cli_cmd_profile_record;
/* backup.c, backup_verify.c, restore.c, keeper.c */
cli_run cli_cmd_backup, cli_cmd_backup_list, cli_cmd_backup_verify, cli_cmd_restore;
cli_run cli_cmd_keeper_sheet, cli_cmd_keeper_rewrap, cli_cmd_keeper_status;
/* doctor.c */
cli_run cli_cmd_doctor;

#endif
