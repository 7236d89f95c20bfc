/* cli/sheet.h - the key-encryption key on paper: eight lines of four bytes, each with a
 * check of its own, so that a wrong digit is told at its line. Pure but for reading. */
#ifndef CLI_SHEET_H
#define CLI_SHEET_H
#include "cli.h"
#include "keeper/backup.h"

#define CLI_SHEET_LINES 8
#define CLI_SHEET_LINE 24 /* "8  3fa9 02bc  c7" and a NUL */

void cli_sheet_line(const unsigned char kek[KEEPER_KEK_BYTES], int n, char out[CLI_SHEET_LINE]);
/* Reads line N (1 to 8; its number may be left out) into its place of KEK. */
bool cli_sheet_take(const char *text, int n, unsigned char kek[KEEPER_KEK_BYTES]);
/* Finds the eight lines in the text of a sheet. */
bool cli_sheet_parse(const char *text, unsigned char kek[KEEPER_KEK_BYTES]);
/* Asks for them, one by one. CLI_DONE, or said. */
int cli_sheet_ask(struct cli *c, unsigned char kek[KEEPER_KEK_BYTES]);
/* FILE (- = standard input) as a key: a sheet (*SHEET), or a credential's bytes. */
int cli_kek_read(struct cli *c, const char *file, unsigned char kek[KEEPER_KEK_BYTES], bool *sheet);
/* The file of the keeper's credential, as far as this command knows. */
const char *cli_kek_file(struct cli *c);
/* Looks like what systemd-creds encrypts: bound to a host or its TPM. */
bool cli_kek_bound(const char *file);

#endif
