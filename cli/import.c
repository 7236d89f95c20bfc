/* cli/import.c - certificates and keys from elsewhere.
 *
 * The PKCS#12 is opened here, in a process that lives for one file; the keeper gets one
 * PKCS#8 key over its administrator's socket, and only after the agent has said that the
 * certificate is for a mailbox of ours. Key and passphrase are wiped. */
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/json.h"
#include "cert/bundle.h"
#include "cert/pkcs12.h"
#include "commands.h"
#include "keeper/client.h"

#define FILE_MAX (1024 * 1024)
#define PASSPHRASE_MAX 256

struct import {
    const char *pem;
    struct cert_foreign_key key; /* n 0: certificates only */
    char key_id[KEEPER_ID];
};

static bool read_terminal(struct cli *c, char *out)
{
    int fd = open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY);
    bool good = fd >= 0 && cli_hidden(c, fd, "passphrase of the file: ", out, PASSPHRASE_MAX + 1);
    if (fd >= 0)
        close(fd);
    else
        cli_complain(c, "there is no terminal to ask for the passphrase: give --passphrase-file FILE");
    return good;
}

static bool read_passphrase(struct cli *c, const struct cli_args *args, char *out)
{
    const char *file = cli_opt(args, "passphrase-file");
    struct base_buf b;
    if (!file)
        return read_terminal(c, out);
    if (!cli_read(c, file, PASSPHRASE_MAX + 2, &b))
        return false;
    size_t n = b.n ? strcspn(base_buf_str(&b), "\r\n") : 0;
    if (n > PASSPHRASE_MAX)
        n = PASSPHRASE_MAX;
    memcpy(out, b.n ? base_buf_str(&b) : "", n);
    out[n] = '\0';
    base_buf_wipe(&b);
    return true;
}

static enum base_fail_class open_p12(struct cli *c, const struct cli_args *args, struct base_bytes raw,
                                     struct import *im, struct base_fail *f)
{
    char pass[PASSPHRASE_MAX + 1];
    struct cert_bundle b;
    if (!read_passphrase(c, args, pass))
        return base_failf(f, BASE_PERMANENT, "import.passphrase", "no passphrase");
    enum base_fail_class r = cert_pkcs12_read_foreign(c->a, raw.p, raw.n, pass, &im->key, &b, f);
    explicit_bzero(pass, sizeof pass);
    if (!r)
        im->pem = cert_bundle_pem(c->a, b.der, b.n);
    return r;
}

/* PEM text stands by itself; all else is a PKCS#12 or refused. */
static enum base_fail_class open_file(struct cli *c, const struct cli_args *args, struct import *im,
                                      struct base_fail *f)
{
    struct base_buf b;
    struct cert_bundle certs;
    if (!cli_read(c, args->pos[0], FILE_MAX, &b))
        return base_failf(f, BASE_PERMANENT, "file.read", " ");
    struct base_bytes raw = base_buf_bytes(&b);
    enum base_fail_class r;
    if (raw.n > 0 && memmem(raw.p, raw.n, "-----BEGIN ", 11)) {
        r = cert_bundle_from_text(c->a, raw.p, raw.n, &certs, f);
        if (!r && certs.n == 0)
            r = base_failf(f, BASE_PERMANENT, "import.file", "%s: no certificate in it", args->pos[0]);
        if (!r)
            im->pem = cert_bundle_pem(c->a, certs.der, certs.n);
    } else if (raw.n == 0 || raw.p[0] != 0x30) { /* DER of a PKCS#12 is a SEQUENCE */
        r = base_failf(f, BASE_PERMANENT, "import.file",
                       "%s is neither a PKCS#12 nor PEM: expected a .p12 or .pfx file, or certificates as PEM",
                       args->pos[0]);
    } else
        r = open_p12(c, args, raw, im, f);
    base_buf_wipe(&b);
    return r;
}

static int ask_agent(struct cli *c, const struct cli_args *args, const struct import *im, bool dry,
                     json_t **answer)
{
    json_t *req = cli_request(c, "import");
    base_json_set(req, "pem", im->pem);
    if (im->key.n)
        base_json_set(req, "spki", im->key.spki_sha256);
    if (im->key_id[0])
        base_json_set(req, "key_id", im->key_id);
    base_json_setb(req, "dry_run", dry);
    base_json_setb(req, "current", cli_has(args, "current"));
    return cli_ask(c, req, CLI_TIMEOUT_LONG_MS, answer);
}

static enum base_fail_class give_key(struct cli *c, const struct cli_args *args, struct import *im,
                                     const json_t *whose, struct base_fail *f)
{
    char spki[BASE_SHA256_HEX];
    const char *box = json_string_value(json_array_get(base_json_arr(whose, "mailboxes"), 0));
    const char *reason = cli_opt(args, "reason");
    struct keeper_import k = {.mailbox = base_arena_strdup(c->a, box),
                              .tenant = base_arena_strdup(c->a, base_json_str(whose, "tenant")),
                              .pkcs8 = im->key.pkcs8,
                              .n_pkcs8 = im->key.n,
                              .chain_pem = im->pem,
                              .who = cli_who(c),
                              .reason = reason ? reason : "certmilter import"};
    return keeper_import_key(c->cfg->keeper_admin_socket, &k, im->key_id, spki, f);
}

static int run(struct cli *c, const struct cli_args *args, struct import *im)
{
    struct base_fail f = {0};
    json_t *answer = NULL;
    int r = ask_agent(c, args, im, true, &answer);
    if (!r && im->key.n && give_key(c, args, im, answer, &f))
        r = cli_failed(c, &f);
    json_decref(answer);
    answer = NULL;
    if (!r)
        r = ask_agent(c, args, im, false, &answer);
    if (!r && c->json)
        cli_json(c, answer);
    else if (!r)
        fprintf(c->out, "%s\n", cli_cell(c, answer, "text"));
    json_decref(answer);
    return r;
}

int cli_cmd_import(struct cli *c, const struct cli_args *args)
{
    struct import im = {0};
    struct base_fail f = {0};
    int r = cli_config(c);
    if (r)
        return r;
    if (open_file(c, args, &im, &f))
        r = strcmp(f.code, "file.read") == 0 ? CLI_REFUSED : cli_failed(c, &f); /* read: said already */
    else
        r = run(c, args, &im);
    explicit_bzero(&im.key, sizeof im.key);
    return r;
}
