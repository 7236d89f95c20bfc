/* policy/domain.c - host names and addresses in one comparable form.
 *
 * Names become A-labels in lower case (IDNA 2008 through libidn2, UTS 46
 * non-transitional). Whatever is no name gives NULL; nothing is repaired.
 * Works on UTF-8 without a locale and opens no file, so the sandbox may use it. */
#include <idn2.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "recognise.h"

#define NAME_MAX_LEN 253
#define LABEL_MAX_LEN 63
#define LOCAL_MAX_LEN 64
#define IDN_FLAGS (IDN2_NFC_INPUT | IDN2_NONTRANSITIONAL | IDN2_USE_STD3_ASCII_RULES)

static bool letter_digit(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

/* Labels of letters, digits and inner hyphens, two at least, the last one not
 * all digits (that would be an address literal). */
static bool ldh_name(const char *s, size_t n)
{
    size_t labels = 0, len = 0;
    bool digits = true;

    if (n == 0 || n > NAME_MAX_LEN) {
        return false;
    }
    for (size_t i = 0; i <= n; i++) {
        if (i == n || s[i] == '.') {
            if (len == 0 || len > LABEL_MAX_LEN || s[i - 1] == '-') {
                return false;
            }
            labels++;
            if (i < n) {
                digits = true;
            }
            len = 0;
        } else if (letter_digit(s[i]) || (s[i] == '-' && len > 0)) {
            digits = digits && s[i] >= '0' && s[i] <= '9';
            len++;
        } else {
            return false;
        }
    }
    return labels >= 2 && !digits;
}

static bool has_xn(const char *s)
{
    for (const char *p = s; p != NULL; p = strchr(p, '.') != NULL ? strchr(p, '.') + 1 : NULL) {
        if ((p[0] == 'x' || p[0] == 'X') && (p[1] == 'n' || p[1] == 'N') && p[2] == '-' &&
            p[3] == '-') {
            return true;
        }
    }
    return false;
}

static char *idn(struct base_arena *a, const char *utf8)
{
    char *made = NULL, *out = NULL;

    if (idn2_to_ascii_8z(utf8, &made, IDN_FLAGS) == IDN2_OK) {
        out = base_arena_strdup(a, made);
        base_ascii_lower(out);
    }
    idn2_free(made);
    return out;
}

/* An A-label must be the one that its own U-label gives: two spellings of one
 * name would compare as different. */
static bool real_alabels(struct base_arena *a, const char *s)
{
    char *utf8 = NULL;
    bool ok = false;

    if (idn2_to_unicode_8z8z(s, &utf8, IDN_FLAGS) == IDN2_OK) {
        const char *back = idn(a, utf8);
        ok = back != NULL && strcmp(back, s) == 0;
    }
    idn2_free(utf8);
    return ok;
}

const char *policy_domain_alabel(struct base_arena *a, const char *s)
{
    bool ascii = true;
    size_t n = s != NULL ? strlen(s) : 0;

    if (n == 0 || n > 4 * NAME_MAX_LEN) {
        return NULL;
    }
    for (size_t i = 0; i < n; i++) {
        if ((unsigned char)s[i] <= ' ' || s[i] == 0x7f) {
            return NULL;
        }
        ascii = ascii && (unsigned char)s[i] < 0x80;
    }
    char *out = ascii ? base_arena_strdup(a, s) : idn(a, s);
    if (out == NULL) {
        return NULL;
    }
    base_ascii_lower(out);
    n = strlen(out);
    if (n > 0 && out[n - 1] == '.') {
        out[--n] = '\0';
    }
    if (!ldh_name(out, n) || (has_xn(out) && !real_alabels(a, out))) {
        return NULL;
    }
    return out;
}

/* A dot-atom of RFC 5322 or its UTF-8 form of RFC 6531. Quoted local parts
 * are never used by a CA and not worth their traps. */
static bool local_part(const char *s, size_t n)
{
    if (n == 0 || n > LOCAL_MAX_LEN || s[0] == '.' || s[n - 1] == '.') {
        return false;
    }
    for (size_t i = 0; i < n; i++) {
        unsigned char c = (unsigned char)s[i];
        if (c <= ' ' || c == 0x7f || strchr("()<>[]:;@\\,\"", c) != NULL ||
            (c == '.' && s[i + 1] == '.')) {
            return false;
        }
    }
    return true;
}

const char *policy_mailbox_normal(struct base_arena *a, const char *s)
{
    const char *at = s != NULL ? strrchr(s, '@') : NULL;

    if (at == NULL || !local_part(s, (size_t)(at - s))) {
        return NULL;
    }
    const char *domain = policy_domain_alabel(a, at + 1);
    if (domain == NULL) {
        return NULL;
    }
    return base_arena_printf(a, "%.*s@%s", (int)(at - s), s, domain);
}
