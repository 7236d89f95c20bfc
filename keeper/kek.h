/* keeper/kek.h - from a key-encryption key to the keys that are used: HKDF-SHA-256 (RFC 5869),
 * one for each use. For keeper/vault.c. */
#ifndef KEEPER_KEK_H
#define KEEPER_KEK_H
#include "vault.h"

struct keeper_sealer {
    unsigned char wrap[KEEPER_KEK];
    char id[KEEPER_KEK_ID_LEN + 1];
};

/* IDS (KEEPER_KEK bytes, or NULL) gets the key that makes key ids. Ours: "keeper.internal". */
enum base_fail_class keeper_kek_derive(const unsigned char kek[KEEPER_KEK], struct keeper_sealer *k,
                                       unsigned char *ids, struct base_fail *f);

#endif
