/* keeper/journal.h - exports.log: one JSON line for everything that left or ended.
 *
 * Append-only; an entry is on disk when keeper_journal_add() returns. Numbered
 * 1, 2, 3, ... The file is only ever cut where a crash tore its last line.
 * Thread-safe. */
#ifndef KEEPER_JOURNAL_H
#define KEEPER_JOURNAL_H
#include <jansson.h>
#include <stddef.h>

#include "base/fail.h"
#include "client.h"

struct keeper_journal;

/* DIRFD is borrowed for as long as the journal is open. Permanent "keeper.journal":
 * the file or its last whole line is no journal. */
enum base_fail_class keeper_journal_open(int dirfd, struct keeper_journal **out,
                                         struct base_fail *f);
void keeper_journal_close(struct keeper_journal *j);
/* E->n and E->at are set here. Codes: file.space (temporary), file.write. */
enum base_fail_class keeper_journal_add(struct keeper_journal *j, struct keeper_journal_entry *e,
                                        struct base_fail *f);
/* At most LIMIT entries after number AFTER as a JSON array; caller decrefs. */
enum base_fail_class keeper_journal_since(struct keeper_journal *j, int64_t after, size_t limit,
                                          json_t **list, struct base_fail *f);

#endif
