/* policy/providers.h - public mail providers: domains in which everybody can have an address. */
#ifndef POLICY_PROVIDERS_H
#define POLICY_PROVIDERS_H
#include <stdbool.h>

/* Is DOMAIN (A-label, lower case) of a public mail provider? Exact names, not those below. */
bool policy_public_provider(const char *domain);

#endif
