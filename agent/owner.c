/* agent/owner.c - what the owner of a mailbox is told about its keys and certificates, without
 * asking and without a way to switch it off for one mailbox: nobody gets a certificate for a
 * mailbox, or uses its key, in silence. */
#include "agent.h"
#include "base/clock.h"
#include "owner.h"

void agent_owner_issued(struct agent *ag, struct base_arena *a, const struct ledger_certificate *c)
{
    char until[BASE_TIME_LEN], key[BASE_SHA256_HEX + 16];
    base_time_rfc5322(c->not_after, until);
    for (size_t i = 0; i < c->nmailboxes; i++) {
        snprintf(key, sizeof(key), "issued:%zu:%s", i, c->thumbprint);
        agent_notice(
            ag, key, c->mailboxes[i], "An S/MIME certificate was issued for your mailbox",
            base_arena_printf(
                a,
                "Your organization ordered an S/MIME certificate for your mailbox\n\n    %s\n\n"
                "    serial      %s\n    issuer      %s\n    valid until %s\n\n%s\n"
                "If you did not expect this, ask your administrator now.\n"
                "(This mail can't be switched off: you are told of every certificate for your mailbox.)\n",
                c->mailboxes[i], c->serial, c->issuer ? c->issuer : "(not named)", until,
                c->key_id ? "Its private key was made by your organization's certificate service and is\n"
                            "handled there as you agreed. You are told each time it is given out; you can\n"
                            "withdraw your agreement at any time.\n"
                          : "Its private key was made elsewhere and is not kept by your organization's\n"
                            "certificate service.\n"));
    }
}
