/* keeper/ops_backup.h - operations for root alone, over the administrator's socket: the
 * store's files for a backup (ciphertext, as they lie on disk), and the rewrap. */
#ifndef KEEPER_OPS_BACKUP_H
#define KEEPER_OPS_BACKUP_H
#include "ops.h"

keeper_op keeper_op_backup_begin, keeper_op_backup_files, keeper_op_backup_journal;
keeper_op keeper_op_rewrap_begin, keeper_op_rewrap_page, keeper_op_rewrap_finish;

#endif
