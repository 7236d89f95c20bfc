/* ledger/schema_prune.c - what may go, and only by the hand of prune.c.
 *
 * A row stands in "pruning" only within the transaction of one slice. Even then the triggers let
 * go nothing but what is named here, and that only if it is old. */
#include "internal.h"

const char ledger_step_prune[] =
    "CREATE TABLE pruning (only INTEGER PRIMARY KEY CHECK (only = 1), before INTEGER NOT NULL) STRICT;"
    "DROP TRIGGER event_delete;"
    "CREATE TRIGGER event_delete BEFORE DELETE ON event"
    "  WHEN old.at >= coalesce((SELECT before FROM pruning WHERE only = 1), 0) OR old.type NOT IN"
    "    ('notice.sent', 'notice.failed', 'backup.made', 'ledger.pruned', 'mail.dead',"
    "     'revalidate.trouble', 'publish.done', 'publish.failed', 'mail.taken', 'mail.decided',"
    "     'mail.unreadable', 'alarm.mail')"
    "  BEGIN SELECT RAISE(ABORT, 'events are never removed'); END;"
    "CREATE TRIGGER mail_delete BEFORE DELETE ON mail"
    "  WHEN old.received >= coalesce((SELECT before FROM pruning WHERE only = 1), 0) OR old.state <> 'final'"
    "    OR old.intent IS NOT NULL OR old.approved_by IS NOT NULL"
    "  BEGIN SELECT RAISE(ABORT, 'this mail is never removed'); END;"
    "CREATE INDEX mail_through ON mail(received)"
    "  WHERE state = 'final' AND intent IS NULL AND approved_by IS NULL;"
    "CREATE INDEX certificate_of_mail ON certificate(source) WHERE source > 'mail:';"
    "CREATE INDEX token_mail ON token(mail) WHERE mail IS NOT NULL;"
    "CREATE INDEX notice_at ON notice(at);";
