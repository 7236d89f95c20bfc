/* cli/quote.h - what an order would cost, shown before it is placed. */
#ifndef CLI_QUOTE_H
#define CLI_QUOTE_H
#include "cli.h"

/* Shows (on err: out is the answer's) price, balance and room for N orders such as ORDER (a
 * request as the agent's "order" takes it). CLI_DONE: go on, also when the CA can't be asked
 * within some seconds, which is said; CLI_REFUSED (said): the balance is too small. */
int cli_quote(struct cli *c, const json_t *order, int64_t n);

#endif
