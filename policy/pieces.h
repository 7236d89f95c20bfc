/* policy/pieces.h - a template in pieces: made by template.c, run by match.c. */
#ifndef POLICY_PIECES_H
#define POLICY_PIECES_H
#include <stdbool.h>
#include <stddef.h>

#define POLICY_PIECES 24

struct policy_piece {
    enum { POLICY_PIECE_LITERAL, POLICY_PIECE_SET, POLICY_PIECE_ANY } type;
    const char *literal; /* N bytes, N > 0 */
    size_t n;
    const char *name; /* of a placeholder, static */
    enum { POLICY_PIECE_PLAIN, POLICY_PIECE_DOMAIN, POLICY_PIECE_MAILBOX, POLICY_PIECE_PORT } check;
    size_t min, max;
    unsigned char set[32]; /* bitmap of bytes */
};

struct policy_template {
    struct policy_piece p[POLICY_PIECES];
    size_t n;
    bool is_url, ports;
};

static inline bool policy_piece_in(const struct policy_piece *p, unsigned char c)
{
    return (p->set[c >> 3] >> (c & 7) & 1) != 0;
}

#endif
