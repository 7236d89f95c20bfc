/* inspect/protocol.h - the sizes of certinspect's protocol; its text is doc/inspect.md.
 *
 * They hold for a program that is executed and for a child of the spawner alike;
 * how a child is asked for stands in spawner.h. */
#ifndef INSPECT_PROTOCOL_H
#define INSPECT_PROTOCOL_H

#define INSPECT_VERSION 1
#define INSPECT_HEADER_MAX (8 * 1024 * 1024) /* bytes of the header line (PEM bundles) */
#define INSPECT_INPUT_MAX (10 * 1024 * 1024) /* bytes of a mail or certificate file */
#define INSPECT_PAGE_MAX (256 * 1024)        /* bytes of a page */
#define INSPECT_OCSP_MAX (64 * 1024)         /* bytes of an OCSP response */
#define INSPECT_ANSWER_MAX (64 * 1024)       /* bytes of the line of DNS answers */
#define INSPECT_DKIM_PAIRS 4                 /* (d=, s=) pairs that are asked for */

#endif
