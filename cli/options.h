/* cli/options.h - the options of each command (options.c), for the table of commands (table.c). Each
 * list ends with an option without a name. */
#ifndef CLI_OPTIONS_H
#define CLI_OPTIONS_H
#include "cli.h"

extern const struct cli_option cli_options_doctor[], cli_options_publish_list[];
extern const struct cli_option cli_options_passphrase_deliver[], cli_options_passphrase_show[];
extern const struct cli_option cli_options_passphrase_set[], cli_options_events[];
extern const struct cli_option cli_options_domain_add[], cli_options_account[];
extern const struct cli_option cli_options_organization[], cli_options_organization_add[];
extern const struct cli_option cli_options_persist[], cli_options_order[];
extern const struct cli_option cli_options_batch_show[], cli_options_batch_resume[];
extern const struct cli_option cli_options_expect[], cli_options_agreement[];
extern const struct cli_option cli_options_release[], cli_options_release_list[];
extern const struct cli_option cli_options_evidence[], cli_options_consent_add[];
extern const struct cli_option cli_options_consent_list[], cli_options_list[];
extern const struct cli_option cli_options_export[], cli_options_forget[], cli_options_import[];
extern const struct cli_option cli_options_reason[], cli_options_act[], cli_options_revoke[];
extern const struct cli_option cli_options_reissue[], cli_options_renew[], cli_options_request[];
extern const struct cli_option cli_options_request_list[], cli_options_ingest[];
extern const struct cli_option cli_options_explain[], cli_options_test[], cli_options_record[];
extern const struct cli_option cli_options_backup[], cli_options_verify[], cli_options_restore[];
extern const struct cli_option cli_options_sheet[], cli_options_rewrap[];

#endif
