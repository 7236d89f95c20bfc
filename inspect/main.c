/* inspect/main.c - certinspect: read, open what the input will need, close the sandbox, answer.
 *
 * The protocol is doc/inspect.md. Executed for one input, it parses outside of
 * the sandbox only the caller's own header line; the input is read, and searched
 * for the names of charsets, because those can't be opened later. With --spawner
 * everything is opened before there is any input, and each child closes the
 * sandbox before it reads its first byte. Owns the arena and the input until the
 * end of the process, which frees nothing: one process lives for one input. */
#include <openssl/crypto.h>
#include <string.h>
#include <unistd.h>

#include "base/json.h"
#include "charset.h"
#include "dkim.h"
#include "inputs.h"
#include "io.h"
#include "mime.h"
#include "protocol.h"
#include "sandbox.h"
#include "spawner.h"
#include "warm.h"

#define PROFILES_MAX 64

static void read_profiles(struct base_arena *a, struct inspect_request *q)
{
    const json_t *list = base_json_arr(q->header, "profiles");
    struct base_fail f;

    q->nprofiles = json_array_size(list);
    if (q->nprofiles > PROFILES_MAX) {
        inspect_io_refuse(INSPECT_EXIT_PROTOCOL, "input.header", "too many profiles");
    }
    q->profiles = base_arena_array(a, q->nprofiles + 1, sizeof(struct policy_profile *));
    for (size_t i = 0; i < q->nprofiles; i++) {
        if (policy_profile_from_json(a, json_array_get(list, i), &q->profiles[i], &f) != BASE_OK) {
            inspect_io_refuse(INSPECT_EXIT_PROTOCOL, "input.header", f.text);
        }
    }
}

static struct base_bytes read_input(struct base_arena *a, const json_t *header, size_t max)
{
    int64_t size = base_json_int(header, "size", -1);

    if (size < 0) {
        inspect_io_refuse(INSPECT_EXIT_PROTOCOL, "input.header", "no size");
    }
    if (size > (int64_t)max) {
        inspect_io_refuse(INSPECT_EXIT_REFUSED, "input.size", "the input is too large");
    }
    unsigned char *p = base_arena_alloc(a, (size_t)size + 1);

    inspect_io_bytes(p, (size_t)size);
    return (struct base_bytes){p, (size_t)size};
}

struct input {
    const char *name;
    size_t max;
    bool texts; /* charsets may be needed */
    bool mails; /* GMime and libopendkim */
    void (*run)(struct base_arena *, const struct inspect_request *, struct base_bytes);
};
static const struct input inputs[] = {
    {"mail", INSPECT_INPUT_MAX, true, true, inspect_answer_mail},
    {"page", INSPECT_PAGE_MAX, true, false, inspect_answer_page},
    {"certificates", INSPECT_INPUT_MAX, false, false, inspect_answer_certificates},
    {"ocsp", INSPECT_OCSP_MAX, false, false, inspect_answer_ocsp},
    {"crl", INSPECT_INPUT_MAX, false, false, inspect_answer_crl},
};

static void enter_sandbox(void)
{
    struct base_fail f;

    if (inspect_sandbox_enter(&f) != BASE_OK) {
        inspect_io_refuse(INSPECT_EXIT_PROTOCOL, f.code, f.text);
    }
}

static void open_mails(void)
{
    inspect_mime_open();
    if (!inspect_dkim_open()) {
        inspect_io_refuse(INSPECT_EXIT_PROTOCOL, "sandbox.filter", "no DKIM library");
    }
}

/* Opens what would open files later, then closes the sandbox. */
static void prepare(const struct input *in, struct base_bytes raw)
{
    OPENSSL_init_crypto(OPENSSL_INIT_NO_LOAD_CONFIG, NULL);
    if (in->mails) {
        open_mails();
    }
    if (in->texts) {
        inspect_charset_open(raw.p, raw.n);
    }
    enter_sandbox();
}

static const struct input *find_input(const json_t *header)
{
    const char *kind = base_json_strd(header, "input", "");

    if (base_json_int(header, "v", 0) != INSPECT_VERSION) {
        inspect_io_refuse(INSPECT_EXIT_PROTOCOL, "input.header", "another version of the protocol");
    }
    for (size_t i = 0; i < sizeof(inputs) / sizeof(inputs[0]); i++) {
        if (strcmp(kind, inputs[i].name) == 0) {
            return &inputs[i];
        }
    }
    inspect_io_refuse(INSPECT_EXIT_PROTOCOL, "input.header", "an input of unknown kind");
}

/* One conversation. READY: all is open, and the sandbox closed. */
static _Noreturn void converse(bool ready)
{
    struct base_buf line;
    struct base_fail f;
    size_t seed;

    base_random(&seed, sizeof(seed)); /* Jansson would read it from a file */
    json_object_seed(seed | 1);
    struct base_arena *a = base_arena_new();

    inspect_io_line(INSPECT_HEADER_MAX, &line);
    json_t *header = base_json_parse(line.p, line.n, INSPECT_HEADER_MAX, &f);

    if (!json_is_object(header)) {
        inspect_io_refuse(INSPECT_EXIT_PROTOCOL, "input.header", "the header is no JSON object");
    }
    const struct input *in = find_input(header);
    struct base_bytes raw = read_input(a, header, in->max);
    struct inspect_request q = {.header = header,
                                .now = base_json_int(header, "now", 0),
                                .force = base_json_bool(header, "force", false)};

    if (!ready) {
        prepare(in, raw);
    }
    read_profiles(a, &q);
    in->run(a, &q, raw);
    inspect_io_exit(INSPECT_EXIT_DONE);
}

/* In a child of the spawner: as nothing has to be opened any more, not even the
 * header is read outside. */
static void converse_spawned(void)
{
    enter_sandbox();
    converse(true);
}

int main(int argc, char **argv)
{
    if (argc == 1) {
        converse(false);
    }
    if (argc != 2 || strcmp(argv[1], INSPECT_SPAWNER_ARGUMENT) != 0) {
        inspect_io_refuse(INSPECT_EXIT_PROTOCOL, "input.header", "no arguments are taken");
    }
    OPENSSL_init_crypto(OPENSSL_INIT_NO_LOAD_CONFIG, NULL);
    open_mails();
    inspect_charset_open_all();
    inspect_warm();
    inspect_spawner_run(converse_spawned);
}
