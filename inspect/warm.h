/* inspect/warm.h - OpenSSL's first-use costs, paid by the spawner for all its children. */
#ifndef INSPECT_WARM_H
#define INSPECT_WARM_H

/* Before the sandbox and before any input. */
void inspect_warm(void);

#endif
