/* keeper/talk.h - one question to the keeper; for keeper/client*.c alone. */
#ifndef KEEPER_TALK_H
#define KEEPER_TALK_H
#include <jansson.h>

#include "client.h"

/* A request with its operation and protocol version; caller decrefs. */
json_t *keeper_talk_new(const char *op);
/* Sends Q over the open FD, waits; *ANSWER is the caller's, an answer that says
 * no is the failure that it describes. */
enum base_fail_class keeper_talk_over(int fd, json_t *q, json_t **answer, struct base_fail *f);
/* Connects, asks, closes; Q is given up (decref). */
enum base_fail_class keeper_talk(const char *sock, json_t *q, json_t **answer, struct base_fail *f);
/* An answer that lacks what it must have. */
enum base_fail_class keeper_talk_odd(struct base_fail *f);
bool keeper_talk_id(const json_t *o, const char *key, char out[KEEPER_ID]);
bool keeper_talk_hash(const json_t *o, const char *key, char out[BASE_SHA256_HEX]);
/* Text in A, "" if absent. */
const char *keeper_talk_text(struct base_arena *a, const json_t *o, const char *key);

#endif
