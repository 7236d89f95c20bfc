/* keeper/sealed.h - the life of a sealed export: asked for, accepted, handed out.
 *
 * exports/<id>.json of a PKCS#12 that was sealed for the agent, beside what
 * keeper/ops_export.c writes there:
 *
 *   request   what it was sealed for; the same request again is the same export
 *   way       how its passphrase reaches the owner: "hook", "file", "preset"
 *   accepted  when its receiver had it (seconds)
 *   handed    when the passphrase had reached the owner; "sealed" is gone then
 *
 * A preset passphrase is such a file too, of kind "preset" and without a key. A key in
 * custody "forget" ends when its export is both accepted and handed out: neither the file
 * nor the word alone opens anything, and until both are safe the keeper can make them anew. */
#ifndef KEEPER_SEALED_H
#define KEEPER_SEALED_H
#include "exports.h"

/* A fresh one into OUT (KEEPER_PASS_ROOM bytes of secret memory). */
void keeper_exports_passphrase(char *out);
/* The id that TEXT has: always the same, also under another KEK. */
void keeper_sealed_id(const char *text, char out[KEEPER_ID]);
/* The id under which a passphrase set for MAILBOX is kept, as its spellings are one mailbox or not. */
void keeper_sealed_preset_id(const char *mailbox, bool fold, char out[KEEPER_ID]);
/* That of MAILBOX for this REQUEST, also of a time when that was otherwise: a new reference in *O and
 * its id. "keeper.absent" if there is none. */
enum base_fail_class keeper_sealed_preset_find(struct keeper_ctx *ctx, struct base_arena *a,
                                               const json_t *request, const char *mailbox,
                                               char id[KEEPER_ID], json_t **o, struct base_fail *f);
/* Writes O to the file that its member "export" names. */
enum base_fail_class keeper_sealed_save(struct keeper_ctx *ctx, struct base_arena *a, json_t *o,
                                        struct base_fail *f);
/* Sets "sealed" of O (its "export" and "key_id" are set) to PASS under the KEK. */
enum base_fail_class keeper_sealed_put(struct keeper_ctx *ctx, struct base_arena *a, json_t *o,
                                       const char *pass, struct base_fail *f);
/* Its receiver has the PKCS#12. *OVER: nothing more is to come, so that a key in custody
 * "forget" may end. An export that isn't sealed is over at once. */
enum base_fail_class keeper_sealed_accepted(struct keeper_ctx *ctx, struct base_arena *a,
                                            const char *export_id, bool *over,
                                            struct base_fail *f);
/* Ends the key of an export that is over, if its custody is "forget". */
enum base_fail_class keeper_sealed_forget(struct keeper_ctx *ctx, struct keeper_call *call,
                                          struct base_arena *a, const char *key_id,
                                          const char *export_id, struct base_fail *f);

keeper_op keeper_op_seal_bundle; /* the agent's */
keeper_op keeper_op_handouts, keeper_op_handout, keeper_op_handed, keeper_op_preset; /* the administrator's */

#endif
