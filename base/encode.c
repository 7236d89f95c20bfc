/* base/encode.c - hex, base64 (RFC 4648) and SHA-256 (by libmd).
 *
 * Owns nothing; decoders answer false or NULL for what isn't exactly the
 * encoding. */
#include <string.h>
#include <sys/types.h>

#include <sha2.h>

#include "bytes.h"
#include "die.h"

static const char hex_digits[] = "0123456789abcdef";
static const char b64_chars[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

void base_hex(const void *p, size_t n, char *out)
{
    const unsigned char *s = p;

    for (size_t i = 0; i < n; i++) {
        *out++ = hex_digits[s[i] >> 4];
        *out++ = hex_digits[s[i] & 15];
    }
    *out = '\0';
}

static int hex_value(char c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    if (c >= 'a' && c <= 'f') {
        return c - 'a' + 10;
    }
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

bool base_unhex(const char *s, unsigned char *out, size_t n)
{
    if (s == NULL || strlen(s) != 2 * n) {
        return false;
    }
    for (size_t i = 0; i < n; i++) {
        int hi = hex_value(s[2 * i]), lo = hex_value(s[2 * i + 1]);
        if (hi < 0 || lo < 0) {
            return false;
        }
        out[i] = (unsigned char)(hi * 16 + lo);
    }
    return true;
}

char *base_base64(struct base_arena *a, const void *p, size_t n)
{
    const unsigned char *s = p;

    if (n > SIZE_MAX / 4) {
        base_die("base64 of more than any memory");
    }
    char *out = base_arena_alloc(a, (n + 2) / 3 * 4 + 1);
    char *o = out;
    for (size_t i = 0; i < n; i += 3) {
        size_t left = n - i;
        uint32_t v = (uint32_t)s[i] << 16;
        v |= left > 1 ? (uint32_t)s[i + 1] << 8 : 0;
        v |= left > 2 ? s[i + 2] : 0;
        *o++ = b64_chars[v >> 18];
        *o++ = b64_chars[v >> 12 & 63];
        *o++ = left > 1 ? b64_chars[v >> 6 & 63] : '=';
        *o++ = left > 2 ? b64_chars[v & 63] : '=';
    }
    *o = '\0';
    return out;
}

static int b64_value(unsigned char c)
{
    if (c >= 'A' && c <= 'Z') {
        return c - 'A';
    }
    if (c >= 'a' && c <= 'z') {
        return c - 'a' + 26;
    }
    if (c >= '0' && c <= '9') {
        return c - '0' + 52;
    }
    if (c == '+') {
        return 62;
    }
    return c == '/' ? 63 : -1;
}

unsigned char *base_unbase64(struct base_arena *a, const char *s, size_t len, size_t *n)
{
    unsigned char *out = base_arena_alloc(a, len / 4 * 3 + 4);
    uint32_t v = 0;
    size_t chars = 0, pads = 0, o = 0;

    for (size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char)s[i];
        if (c == ' ' || c == '\t' || c == '\r' || c == '\n') {
            continue;
        }
        int d = c == '=' ? 0 : b64_value(c);
        /* After padding comes nothing but padding, of at most two. */
        if (d < 0 || (c != '=' && pads > 0) || (c == '=' && (++pads > 2 || chars % 4 < 2))) {
            return NULL;
        }
        v = v << 6 | (uint32_t)d;
        if (++chars % 4 == 0) {
            out[o++] = (unsigned char)(v >> 16);
            out[o++] = (unsigned char)(v >> 8);
            out[o++] = (unsigned char)v;
        }
    }
    /* The bits that padding cuts off must be zero: one text for one value. */
    if (chars % 4 != 0 || (pads == 1 && (v & 0xff) != 0) || (pads == 2 && (v & 0xffff) != 0)) {
        return NULL;
    }
    out[o - pads] = 0;
    *n = o - pads;
    return out;
}

void base_sha256(const void *p, size_t n, unsigned char out[BASE_SHA256_LEN])
{
    SHA2_CTX ctx;

    SHA256Init(&ctx);
    if (n > 0) {
        SHA256Update(&ctx, p, n);
    }
    SHA256Final(out, &ctx);
    explicit_bzero(&ctx, sizeof ctx);
}

void base_sha256_hex(const void *p, size_t n, char out[BASE_SHA256_HEX])
{
    unsigned char sum[BASE_SHA256_LEN];

    base_sha256(p, n, sum);
    base_hex(sum, sizeof sum, out);
}
