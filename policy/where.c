/* policy/where.c - where this installation keeps its profiles and helpers.
 *
 * Relative to the running program (bin/, sbin/ and libexec/ have share/ beside
 * them), so that a build tree and an installation both find their own; else
 * the compiled-in prefix. Static storage, filled once. */
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "config.h"
#include "mailtext.h"

static pthread_once_t once = PTHREAD_ONCE_INIT;
static char template_dir[512], profile_dir[512], libexec_dir[512];

/* PROGRAM's directory, UP levels higher, with TAIL: if that exists. */
static bool try_place(const char *program, int up, const char *tail, char *out, size_t room)
{
    char dir[400];

    if (strlen(program) >= sizeof dir) {
        return false;
    }
    strcpy(dir, program);
    for (int i = 0; i <= up; i++) {
        char *slash = strrchr(dir, '/');
        if (slash == NULL) {
            return false;
        }
        *slash = '\0';
    }
    (void)snprintf(out, room, "%s%s", dir, tail);
    return access(out, F_OK) == 0;
}

static void find(void)
{
    char exe[400];
    ssize_t n = readlink("/proc/self/exe", exe, sizeof exe - 1);

    exe[n > 0 ? n : 0] = '\0';
    /* PREFIX/bin/x, PREFIX/sbin/x; PREFIX/libexec/certmilter/x */
    if (!try_place(exe, 1, "/share/certmilter/profiles", profile_dir, sizeof profile_dir) &&
        !try_place(exe, 2, "/share/certmilter/profiles", profile_dir, sizeof profile_dir)) {
        (void)snprintf(profile_dir, sizeof profile_dir, "%s",
                       CERTMILTER_PREFIX "/share/certmilter/profiles");
    }
    if (!try_place(exe, 1, "/share/certmilter/templates", template_dir, sizeof template_dir) &&
        !try_place(exe, 2, "/share/certmilter/templates", template_dir, sizeof template_dir)) {
        (void)snprintf(template_dir, sizeof template_dir, "%s",
                       CERTMILTER_PREFIX "/share/certmilter/templates");
    }
    if (!try_place(exe, 1, "/libexec/certmilter", libexec_dir, sizeof libexec_dir) &&
        !try_place(exe, 2, "/libexec/certmilter", libexec_dir, sizeof libexec_dir)) {
        (void)snprintf(libexec_dir, sizeof libexec_dir, "%s",
                       CERTMILTER_PREFIX "/libexec/certmilter");
    }
}

const char *policy_default_profile_dir(void)
{
    pthread_once(&once, find);
    return profile_dir;
}

const char *policy_default_template_dir(void)
{
    pthread_once(&once, find);
    return template_dir;
}

const char *policy_libexec_dir(void)
{
    pthread_once(&once, find);
    return libexec_dir;
}
