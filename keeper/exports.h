/* keeper/exports.h - the sealed passphrases of exports, for the files that read and rewrite them. */
#ifndef KEEPER_EXPORTS_H
#define KEEPER_EXPORTS_H
#include "cert/pkcs12.h"
#include "ops.h"

#define KEEPER_PASS_ROOM (CERT_PKCS12_PASS_MAX + 1)

/* The file of export ID; caller decrefs *OUT. "keeper.request", "keeper.absent", "keeper.damaged". */
enum base_fail_class keeper_exports_load(struct keeper_ctx *ctx, struct base_arena *a,
                                         const char *id, json_t **out, struct base_fail *f);
/* The passphrase in O into PASS (KEEPER_PASS_ROOM bytes of secret memory, zeroed). */
enum base_fail_class keeper_exports_open(struct keeper_ctx *ctx, struct base_arena *a,
                                         const char *id, const json_t *o, char *pass,
                                         struct base_fail *f);
/* What its seal is tied to. */
const char *keeper_exports_aad(struct base_arena *a, const char *export_id, const char *key_id);

#endif
