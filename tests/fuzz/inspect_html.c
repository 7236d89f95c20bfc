/* tests/fuzz/inspect_html.c - HTML of mails and pages: text, links, forms. */
#include <stddef.h>
#include <stdint.h>

#include "inspect/charset.h"
#include "inspect/html.h"
#include "inspect/mime.h"

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc;
    (void)argv;
    inspect_mime_open();
    inspect_charset_open_all();
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct base_arena *a = base_arena_new();
    struct inspect_links links = {.a = a};
    struct inspect_html html;

    (void)inspect_html_read(a, NULL, data, size, &links, true, &html);
    inspect_links_scan(&links, html.text, "text");
    base_arena_free(a);
    return 0;
}
