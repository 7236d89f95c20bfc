/* dcv/hosts.h - where a kind's rules let us go; inside dcv/. */
#ifndef DCV_HOSTS_H
#define DCV_HOSTS_H
#include "dcv.h"

#define DCV_HOSTS 32

struct dcv_hosts {
    struct net_host v[DCV_HOSTS];
    size_t n;
};

/* The exact hosts of the rules' link templates. A template with {port} (rehearsals
 * only) allows the port of START, the URL that it all begins with. */
void dcv_hosts_of(struct base_arena *a, const struct policy_kind_rules *rules, const char *start,
                  struct dcv_hosts *out);
/* On an allowed host, on no deny pattern; else permanent dcv.url. */
enum base_fail_class dcv_hosts_check(struct base_arena *a, const struct policy_kind_rules *rules,
                                     const struct dcv_hosts *hosts, const char *url,
                                     struct net_url *out, struct base_fail *f);
/* ... and fits a link template as a whole. */
enum base_fail_class dcv_hosts_check_link(struct base_arena *a,
                                          const struct policy_kind_rules *rules,
                                          const struct dcv_hosts *hosts, const char *url,
                                          struct net_url *out, struct base_fail *f);

#endif
