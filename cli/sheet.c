/* cli/sheet.c - the key-encryption key on paper, written and read back. Whatever held the
 * key is wiped; it is never an argument and never in JSON. */
#include "sheet.h"

#include <ctype.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"

#define PART (KEEPER_KEK_BYTES / CLI_SHEET_LINES)

static unsigned char check_of(const unsigned char *part, int n)
{
    unsigned char text[32] = "certmilter sheet 1:", sum[BASE_SHA256_LEN];
    text[19] = (unsigned char)('0' + n);
    memcpy(text + 20, part, PART);
    base_sha256(text, 20 + PART, sum);
    explicit_bzero(text, sizeof text);
    return sum[0];
}

void cli_sheet_line(const unsigned char kek[KEEPER_KEK_BYTES], int n, char out[CLI_SHEET_LINE])
{
    const unsigned char *p = kek + (n - 1) * PART;
    (void)snprintf(out, CLI_SHEET_LINE, "%d  %02x%02x %02x%02x  %02x", n, p[0], p[1], p[2], p[3],
                   check_of(p, n));
}

bool cli_sheet_take(const char *text, int n, unsigned char kek[KEEPER_KEK_BYTES])
{
    char digits[2 * (PART + 1) + 2];
    unsigned char got[PART + 1];
    size_t len = 0;
    bool good = true;
    for (; *text && good; text++)
        if (isxdigit((unsigned char)*text) && len < sizeof digits - 1)
            digits[len++] = (char)tolower((unsigned char)*text);
        else
            good = isspace((unsigned char)*text) || *text == '-' || *text == ':' || *text == '.';
    digits[len] = '\0';
    const char *p = digits;
    if (len == 2 * (PART + 1) + 1 && *p == '0' + n)
        p++;
    good = good && strlen(p) == 2 * (PART + 1) && base_unhex(p, got, PART + 1) &&
           got[PART] == check_of(got, n);
    if (good)
        memcpy(kek + (n - 1) * PART, got, PART);
    explicit_bzero(digits, sizeof digits);
    explicit_bzero(got, sizeof got);
    return good;
}

bool cli_sheet_parse(const char *text, unsigned char kek[KEEPER_KEK_BYTES])
{
    int n = 1;
    while (*text && n <= CLI_SHEET_LINES) {
        char line[80];
        size_t len = strcspn(text, "\n");
        if (len < sizeof line) {
            memcpy(line, text, len);
            line[len] = '\0';
            n += cli_sheet_take(line, n, kek);
            explicit_bzero(line, sizeof line);
        }
        text += len + (text[len] == '\n');
    }
    return n > CLI_SHEET_LINES;
}

int cli_sheet_ask(struct cli *c, unsigned char kek[KEEPER_KEK_BYTES])
{
    char line[200], prompt[80];
    if (isatty(STDIN_FILENO))
        fputs("The eight lines of the recovery sheet, as they stand there; nothing is shown.\n", c->err);
    for (int n = 1; n <= CLI_SHEET_LINES;) {
        (void)snprintf(prompt, sizeof prompt, "line %d: ", n);
        if (!cli_hidden(c, STDIN_FILENO, prompt, line, sizeof line)) {
            cli_complain(c, "line %d of the recovery sheet is missing", n);
            return CLI_REFUSED;
        }
        bool good = cli_sheet_take(line, n, kek);
        explicit_bzero(line, sizeof line);
        if (!good && !isatty(STDIN_FILENO)) {
            cli_complain(c, "line %d is not what a recovery sheet has there", n);
            return CLI_REFUSED;
        }
        if (good)
            n++;
        else
            cli_complain(c, "line %d: its check doesn't fit, once more", n);
    }
    return CLI_DONE;
}

int cli_kek_read(struct cli *c, const char *file, unsigned char kek[KEEPER_KEK_BYTES], bool *sheet)
{
    struct base_buf b;
    if (!cli_read(c, file, CLI_TEXT_MAX, &b))
        return CLI_REFUSED;
    *sheet = !memchr(b.p ? b.p : (const unsigned char *)"", 0, b.n) &&
             cli_sheet_parse(base_buf_str(&b), kek);
    bool good = *sheet || (b.n > 0 && keeper_kek_read(b.p, b.n, kek));
    base_buf_wipe(&b);
    if (good)
        return CLI_DONE;
    cli_complain(c, "%s: neither a key-encryption key (32 bytes or 64 hex digits) nor a recovery sheet%s",
                 file, cli_kek_bound(file)
                     ? "; it is encrypted for this host: systemd-creds decrypt --name=kek FILE - | "
                       "certmilter ... --kek -"
                     : "");
    return CLI_REFUSED;
}

const char *cli_kek_file(struct cli *c)
{
    return base_arena_printf(c->a, "%s/kek", c->cfg->credentials_dir);
}

/* systemd-creds writes Base64, in lines: longer than any key, and no hex. */
bool cli_kek_bound(const char *file)
{
    struct base_buf b;
    unsigned char kek[KEEPER_KEK_BYTES];
    if (strcmp(file, "-") == 0 || base_file_read(AT_FDCWD, file, CLI_TEXT_MAX, &b, NULL) != BASE_OK)
        return false;
    bool is = b.n > 80 && !keeper_kek_read(b.p, b.n, kek) && !memchr(b.p, 0, b.n) &&
              strspn(base_buf_str(&b), "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
                                       "+/=\n") == b.n;
    base_buf_wipe(&b);
    explicit_bzero(kek, sizeof kek);
    return is;
}
