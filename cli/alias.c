/* cli/alias.c - an address that is somebody's alias stands for that mailbox. */
#include <string.h>

#include "base/json.h"
#include "cli.h"

static bool is_known(struct cli *c, const char *address)
{
    json_t *req = cli_request(c, "show"), *answer = NULL;
    struct base_fail f = {0};
    base_json_set(req, "what", address);
    bool known = cli_try(c, req, CLI_TIMEOUT_MS, &answer, &f) == BASE_OK &&
                 (json_array_size(base_json_arr(answer, "certificates")) > 0 ||
                  json_array_size(base_json_arr(answer, "orders")) > 0 ||
                  base_json_obj(answer, "forgotten"));
    json_decref(answer);
    return known;
}

const char *cli_owner(struct cli *c, const char *what)
{
    json_t *answer = NULL;
    struct base_fail f = {0};
    const char *mailbox = what;
    if (!strchr(what, '@') || cli_config(c) || c->cfg->alias_maps.n == 0 || is_known(c, what))
        return what;
    json_t *req = cli_request(c, "alias");
    base_json_set(req, "address", what);
    if (cli_try(c, req, CLI_TIMEOUT_LONG_MS, &answer, &f) == BASE_OK && base_json_str(answer, "mailbox")) {
        mailbox = base_arena_strdup(c->a, base_json_str(answer, "mailbox"));
        cli_complain(c, "%s is an alias of %s", what, mailbox);
    }
    json_decref(answer);
    return mailbox;
}
