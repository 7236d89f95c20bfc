/* agent/attesttext.c - what whoever attests stands for. A changed text gets a new version: the
 * ledger keeps each text that something was attested under. */
#include "trust.h"

const char agent_attest_version[] = "2026-1";

const char agent_attest_text[] =
    "For the mailbox that this order names I assert, after looking into the register that is named\n"
    "with this attestation:\n"
    "\n"
    "1. The person or function that the mailbox belongs to is part of our organization, or has asked\n"
    "   our organization to get certificates for it, and has this mailbox today.\n"
    "2. Where the certificate shall hold a name, it is the name under which the person stands in the\n"
    "   register, which was checked against an official document when the person was entered.\n"
    "3. The certificate authority may rely on this. I tell those who order certificates when it is\n"
    "   true no longer, so that the certificate is revoked.\n";
