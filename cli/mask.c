/* cli/mask.c - hiding tokens in a raw mail.
 *
 * Works on lines and bytes, knows nothing of MIME: a block of base64 lines is
 * one that decodes, whatever the mail says about it. Lengths stay, so the mail's
 * structure does. What could be missed is looked for again by the inspector
 * (record.c). Memory: one decoded block at a time; linear in the mail. */
#include "mask.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"

#define MIN_BLOCK 16 /* characters of base64 that are worth a look */

static unsigned char masked(unsigned char ch)
{
    return ch >= 'a' && ch <= 'z'   ? 'a'
           : ch >= 'A' && ch <= 'Z' ? 'A'
           : ch >= '0' && ch <= '9' ? '0'
                                    : ch;
}

/* ---- plain and quoted-printable ------------------------------------------------------ */

static int hex(unsigned char ch)
{
    return ch >= '0' && ch <= '9'   ? ch - '0'
           : ch >= 'A' && ch <= 'F' ? ch - 'A' + 10
           : ch >= 'a' && ch <= 'f' ? ch - 'a' + 10
                                    : -1;
}

/* Length of a soft line break at P[I], 0 if there is none. */
static size_t soft_break(const unsigned char *p, size_t len, size_t i)
{
    if (i + 1 < len && p[i] == '=' && p[i + 1] == '\n')
        return 2;
    return i + 2 < len && p[i] == '=' && p[i + 1] == '\r' && p[i + 2] == '\n' ? 3 : 0;
}

/* Characters of P[I] that stand for CH, 0 if it is another one. */
static size_t stands_for(const unsigned char *p, size_t len, size_t i, unsigned char ch)
{
    if (i < len && p[i] == ch)
        return 1;
    return i + 2 < len && p[i] == '=' && hex(p[i + 1]) >= 0 && hex(p[i + 2]) >= 0 &&
                   hex(p[i + 1]) * 16 + hex(p[i + 2]) == ch
               ? 3
               : 0;
}

/* Where the token at P[I] ends; 0 if it isn't there. */
static size_t match_end(const unsigned char *p, size_t len, size_t i, const char *token, size_t n)
{
    for (size_t k = 0; k < n; k++) {
        size_t gap, one;
        while (k > 0 && (gap = soft_break(p, len, i)) > 0)
            i += gap;
        if ((one = stands_for(p, len, i, (unsigned char)token[k])) == 0)
            return 0;
        i += one;
    }
    return i;
}

static void overwrite(unsigned char *p, size_t from, size_t end)
{
    static const char digits[] = "0123456789ABCDEF";
    for (size_t i = from; i < end;) {
        size_t gap = soft_break(p, end, i);
        if (gap > 0) {
            i += gap;
        } else if (p[i] == '=' && i + 2 < end && hex(p[i + 1]) >= 0 && hex(p[i + 2]) >= 0) {
            unsigned char ch = masked((unsigned char)(hex(p[i + 1]) * 16 + hex(p[i + 2])));
            p[i + 1] = (unsigned char)digits[ch >> 4];
            p[i + 2] = (unsigned char)digits[ch & 15];
            i += 3;
        } else {
            p[i] = masked(p[i]);
            i++;
        }
    }
}

static size_t mask_text(unsigned char *p, size_t len, const char *token, size_t n)
{
    size_t count = 0;
    for (size_t i = 0; i < len; i++) {
        size_t end = match_end(p, len, i, token, n);
        if (end > 0) {
            overwrite(p, i, end);
            count++;
            i = end - 1;
        }
    }
    return count;
}

/* ---- base64 ------------------------------------------------------------------------------ */

static int sextet(unsigned char ch)
{
    return ch >= 'A' && ch <= 'Z'   ? ch - 'A'
           : ch >= 'a' && ch <= 'z' ? ch - 'a' + 26
           : ch >= '0' && ch <= '9' ? ch - '0' + 52
           : ch == '+'              ? 62
           : ch == '/'              ? 63
                                    : -1;
}

static bool blank(unsigned char ch)
{
    return ch == '\r' || ch == '\n';
}

/* Line ends at P[I]: 0 if none, more than one line end is the end of a block. */
static size_t line_ends(const unsigned char *p, size_t len, size_t i, size_t *n)
{
    size_t from = i;
    for (*n = 0; i < len && blank(p[i]); i++)
        *n += p[i] == '\n';
    return i - from;
}

/* Decodes the block of base64 that starts at P[FROM]; *end gets where it stops: at
 * an empty line or another character. Returns how many bytes. */
static size_t decode(const unsigned char *p, size_t len, size_t from, size_t *end,
                     unsigned char *out)
{
    unsigned acc = 0, bits = 0;
    size_t n = 0, i = from, lines;
    while (i < len) {
        size_t skip = line_ends(p, len, i, &lines);
        if (lines > 1 || (skip == 0 && sextet(p[i]) < 0))
            break;
        if (skip > 0) {
            i += skip;
            continue;
        }
        acc = (acc << 6 | (unsigned)sextet(p[i++])) & 0xffff;
        bits += 6;
        if (bits >= 8) {
            bits -= 8;
            out[n++] = (unsigned char)(acc >> bits);
        }
    }
    *end = i;
    return n;
}

/* Writes OUT back over the same characters; bits behind its last byte stay. */
static void encode(unsigned char *p, size_t from, size_t end, const unsigned char *out, size_t n)
{
    static const char alphabet[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    size_t bit = 0;
    for (size_t i = from; i < end; i++) {
        unsigned v = 0;
        if (blank(p[i]))
            continue;
        for (unsigned k = 0; k < 6; k++, bit++) {
            unsigned old = (unsigned)sextet(p[i]) >> (5 - k) & 1;
            v = v << 1 | (bit / 8 < n ? out[bit / 8] >> (7 - bit % 8) & 1u : old);
        }
        p[i] = (unsigned char)alphabet[v];
    }
}

static size_t mask_block(unsigned char *p, size_t len, size_t from, size_t *end, const char *token,
                         size_t n, unsigned char *room)
{
    size_t got = decode(p, len, from, end, room);
    size_t count = got >= n ? mask_text(room, got, token, n) : 0;
    if (count > 0)
        encode(p, from, *end, room, got);
    return count;
}

static size_t mask_base64(unsigned char *p, size_t len, const char *token, size_t n)
{
    unsigned char *room = base_xmalloc(len + 4);
    size_t count = 0;
    for (size_t i = 0; i < len;) {
        size_t line = i, end;
        while (line < len && sextet(p[line]) >= 0)
            line++;
        /* a whole line of base64 starts a block */
        bool whole = line - i >= MIN_BLOCK &&
                     (line == len || blank(p[line]) || p[line] == '=');
        if (whole) {
            count += mask_block(p, len, i, &end, token, n, room);
            i = end > i ? end : i + 1;
        } else {
            const unsigned char *nl = memchr(p + i, '\n', len - i);
            i = nl ? (size_t)(nl - p) + 1 : len;
        }
    }
    explicit_bzero(room, len + 4);
    free(room);
    return count;
}

size_t cli_mask_mail(unsigned char *p, size_t len, const char *token, size_t n)
{
    return n == 0 ? 0 : mask_text(p, len, token, n) + mask_base64(p, len, token, n);
}
