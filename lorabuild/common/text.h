/* text: what a person reads goes through _() (gettext; the domain is set by main()). */
#ifndef LORABUILD_COMMON_TEXT_H
#define LORABUILD_COMMON_TEXT_H

#include <libintl.h>

#define _(message) gettext(message)

#endif
