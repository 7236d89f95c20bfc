/* tests/fuzz/cli_mask.c - masking a raw mail: the first line of the input is the
 * token, the rest the mail. Line ends and "=" of the mail must stay where they are. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "cli/mask.h"
#include "cli/token.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const uint8_t *nl = memchr(data, '\n', size);
    size_t n = nl ? (size_t)(nl - data) : 0, len = nl ? size - n - 1 : 0;
    unsigned char *mail = malloc(len + 1);
    if (!mail)
        abort();
    if (len)
        memcpy(mail, data + n + 1, len);
    mail[len] = 0;
    if (n > 0)
        cli_mask_mail(mail, len, (const char *)data, n);
    for (size_t i = 0; i < len; i++)
        if ((mail[i] == '\n') != (data[n + 1 + i] == '\n') || (mail[i] == '=') != (data[n + 1 + i] == '='))
            abort();
    struct base_arena *a = base_arena_new();
    (void)cli_mask_url(a, (const char *)mail, NULL);
    (void)cli_template_of(a, (const char *)mail, "alice@example.org", "example.org");
    base_arena_free(a);
    free(mail);
    return 0;
}
