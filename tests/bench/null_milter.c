/* tests/bench/null_milter.c - the trivial milter to measure against: the same
 * negotiation as certmilterd, ACCEPT at DATA, nothing else.
 *   null_milter unix:PATH      ("-e" first: ACCEPT at the end of the headers) */
#include <libmilter/mfapi.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

static char none[] = "";
static sfsistat data_answer = SMFIS_ACCEPT;

static sfsistat negotiate(SMFICTX *ctx, unsigned long f0, unsigned long f1, unsigned long f2,
                          unsigned long f3, unsigned long *pf0, unsigned long *pf1,
                          unsigned long *pf2, unsigned long *pf3)
{
    (void)f0, (void)f1, (void)f2, (void)f3;
    *pf0 = SMFIF_ADDHDRS | SMFIF_CHGHDRS | SMFIF_SETSYMLIST;
    for (int place = SMFIM_FIRST; place <= SMFIM_LAST; place++)
        smfi_setsymlist(ctx, place, none);
    *pf1 = SMFIP_NOHELO | SMFIP_NOUNKNOWN | SMFIP_NR_CONN | SMFIP_NR_MAIL | SMFIP_NR_RCPT |
           SMFIP_NR_HDR | SMFIP_NR_BODY | SMFIP_HDR_LEADSPC;
    *pf2 = *pf3 = 0;
    return SMFIS_CONTINUE;
}

static sfsistat on_connect(SMFICTX *ctx, char *host, _SOCK_ADDR *sa)
{
    (void)ctx, (void)host, (void)sa;
    return SMFIS_NOREPLY;
}

static sfsistat on_args(SMFICTX *ctx, char **argv)
{
    (void)ctx, (void)argv;
    return SMFIS_NOREPLY;
}

static sfsistat on_data(SMFICTX *ctx)
{
    (void)ctx;
    return data_answer;
}

static sfsistat on_header(SMFICTX *ctx, char *name, char *value)
{
    (void)ctx, (void)name, (void)value;
    return SMFIS_NOREPLY;
}

static sfsistat on_eoh(SMFICTX *ctx)
{
    (void)ctx;
    return SMFIS_ACCEPT;
}

static sfsistat on_body(SMFICTX *ctx, unsigned char *p, size_t n)
{
    (void)ctx, (void)p, (void)n;
    return SMFIS_NOREPLY;
}

static sfsistat on_eom(SMFICTX *ctx)
{
    (void)ctx;
    return SMFIS_ACCEPT;
}

int main(int argc, char **argv)
{
    static char name[] = "null";
    struct smfiDesc d = {.xxfi_name = name,
                         .xxfi_version = SMFI_VERSION,
                         .xxfi_flags = SMFIF_ADDHDRS | SMFIF_CHGHDRS,
                         .xxfi_connect = on_connect,
                         .xxfi_envfrom = on_args,
                         .xxfi_envrcpt = on_args,
                         .xxfi_header = on_header,
                         .xxfi_eoh = on_eoh,
                         .xxfi_body = on_body,
                         .xxfi_eom = on_eom,
                         .xxfi_data = on_data,
                         .xxfi_negotiate = negotiate};
    if (argc == 3 && strcmp(argv[1], "-e") == 0)
        data_answer = SMFIS_CONTINUE;
    umask(0);
    if (argc < 2 || smfi_setconn(argv[argc - 1]) != MI_SUCCESS || smfi_register(d) != MI_SUCCESS) {
        fprintf(stderr, "usage: null_milter [-e] unix:PATH\n");
        return 2;
    }
    return smfi_main();
}
