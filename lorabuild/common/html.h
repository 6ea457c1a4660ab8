/* html: text from anywhere made fit to stand in an HTML page. */
#ifndef LORABUILD_COMMON_HTML_H
#define LORABUILD_COMMON_HTML_H

#include "lorabuild/common/str.h"

/* Adds `text` as HTML text or as the value of a quoted attribute: markup characters escaped; what
 * is no UTF-8, and control characters but line breaks and tabs, as U+FFFD. */
void html_add_text(struct strbuf *b, struct str text);

#endif
