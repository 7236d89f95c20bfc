/* policy/providers.c - the list of public mail providers.
 *
 * No organization controls an address there, so a certificate that names an organization is
 * never for one. The list holds the large ones; a name that is missing only means that the CA
 * refuses later what could have been refused here. Sorted. */
#include "providers.h"

#include <stdlib.h>
#include <string.h>

static const char *const providers[] = {
    "126.com",       "163.com",        "aim.com",        "aol.com",       "aol.de",
    "arcor.de",      "att.net",        "bellsouth.net",  "bigpond.com",   "bk.ru",
    "bluewin.ch",    "bol.com.br",     "btinternet.com", "charter.net",   "comcast.net",
    "cox.net",       "earthlink.net",  "email.de",       "fastmail.com",  "fastmail.fm",
    "foxmail.com",   "free.fr",        "freenet.de",     "gmail.com",     "gmx.at",
    "gmx.ch",        "gmx.com",        "gmx.de",         "gmx.net",       "googlemail.com",
    "hey.com",       "hotmail.co.uk",  "hotmail.com",    "hotmail.de",    "hotmail.es",
    "hotmail.fr",    "hotmail.it",     "icloud.com",     "inbox.ru",      "interia.pl",
    "iol.pt",        "laposte.net",    "libero.it",      "list.ru",       "live.co.uk",
    "live.com",      "live.de",        "live.fr",        "live.nl",       "mac.com",
    "magenta.de",    "mail.com",       "mail.de",        "mail.ru",       "mailbox.org",
    "mailfence.com", "me.com",         "msn.com",        "naver.com",     "o2.pl",
    "onet.pl",       "online.de",      "optonline.net",  "orange.fr",     "outlook.at",
    "outlook.com",   "outlook.de",     "outlook.es",     "outlook.fr",    "outlook.it",
    "pm.me",         "posteo.de",      "posteo.net",     "proton.me",     "protonmail.ch",
    "protonmail.com", "qq.com",        "rambler.ru",     "rediffmail.com", "rocketmail.com",
    "sapo.pt",       "sbcglobal.net",  "seznam.cz",      "sfr.fr",        "sina.com",
    "sohu.com",      "t-online.de",    "terra.com.br",   "tiscali.it",    "tuta.io",
    "tutanota.com",  "tutanota.de",    "uol.com.br",     "verizon.net",   "virgilio.it",
    "wanadoo.fr",    "web.de",         "wp.pl",          "ya.ru",         "yahoo.co.jp",
    "yahoo.co.uk",   "yahoo.com",      "yahoo.com.br",   "yahoo.de",      "yahoo.es",
    "yahoo.fr",      "yahoo.it",       "yandex.com",     "yandex.ru",     "ymail.com",
    "zoho.com",
};

static int compare(const void *key, const void *member)
{
    return strcmp(key, *(const char *const *)member);
}

bool policy_public_provider(const char *domain)
{
    return bsearch(domain, providers, sizeof providers / sizeof *providers, sizeof *providers,
                   compare) != NULL;
}
