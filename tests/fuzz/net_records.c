/* net_records_take() on records of a packet off the wire, and net_zone_read() with look-ups on text:
 * what comes out is as long as it says and ends with a NUL. First byte: 0 text, else wire. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "net/records.h"

static void hold(const struct net_dns_record *r)
{
    if (r->text == NULL || r->text[r->len] != '\0' || r->len > 65536 ||
        (r->tag != NULL && strlen(r->tag) > 255)) {
        abort();
    }
}

static void wire(struct base_arena *a, const uint8_t *data, size_t size)
{
    ldns_pkt *pkt = NULL;
    struct net_dns_record rec;

    if (ldns_wire2pkt(&pkt, data, size) != LDNS_STATUS_OK) {
        return;
    }
    ldns_rr_list *all = ldns_pkt_all(pkt);
    for (size_t i = 0; i < ldns_rr_list_rr_count(all); i++) {
        const ldns_rr *rr = ldns_rr_list_rr(all, i);
        (void)net_records_name(a, ldns_rr_owner(rr));
        if (net_records_take(a, rr, &rec)) {
            hold(&rec);
        }
    }
    ldns_rr_list_deep_free(all);
    ldns_pkt_free(pkt);
}

static void text(struct base_arena *a, const uint8_t *data, size_t size)
{
    struct net_zone *z = NULL;
    char path[64];
    int fd = memfd_create("zone", MFD_CLOEXEC);

    if (fd < 0 || write(fd, data, size) != (ssize_t)size) {
        abort();
    }
    (void)snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    if (net_zone_read(path, &z, NULL) == BASE_OK) {
        static const char *const names[] = {"example.org", "_validation-contactemail.example.org", "a"};
        for (int t = NET_DNS_A; t <= NET_DNS_NS; t++) {
            for (size_t n = 0; n < 3; n++) {
                struct net_dns_answer ans;
                net_zone_lookup(z, (enum net_dns_type)t, names[n], a, &ans);
                for (size_t i = 0; i < ans.n; i++) {
                    hold(&ans.records[i]);
                }
                if ((ans.n > 0) != (ans.status == NET_DNS_RECORD)) {
                    abort();
                }
            }
        }
        net_zone_free(z);
    }
    close(fd);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct base_arena *a = base_arena_new();

    if (size > 0 && data[0] == 0) {
        text(a, data + 1, size - 1);
    } else if (size > 0) {
        wire(a, data + 1, size - 1);
    }
    base_arena_free(a);
    return 0;
}
