/* csv: tables as spreadsheets write them (RFC 4180 and what Excel and WPS do to it).
 *
 * Reading takes UTF-8 (with or without a byte order mark), UTF-16 and GB18030, with `,` `;` or
 * tab (the first of them outside quotes in the first line, or what Excel's "sep=" line says),
 * quoted cells with line breaks ("\n"). Blank lines, and rows of nothing but empty unquoted
 * cells, are left out. Rows keep their line for messages.
 * Writing is UTF-8 with BOM, commas, CRLF-free lines, cells quoted where needed.
 */
#ifndef LORABUILD_FORMATS_CSV_H
#define LORABUILD_FORMATS_CSV_H

#include "lorabuild/common/error.h"
#include "lorabuild/common/memory.h"
#include "lorabuild/common/str.h"

struct csv_row {
    size_t line;
    struct str *cells;
    size_t count;
};

struct csv {
    struct arena arena; /* owns everything below */
    struct csv_row *rows;
    size_t count;
};

/* ERROR_INPUT with shown_as:line; `c` is empty then. */
bool csv_parse(struct csv *c, struct str bytes, const char *shown_as, struct error *e);
void csv_free(struct csv *c);
void csv_add_row(struct strbuf *out, const struct str *cells, size_t count);
#define CSV_BOM "\xEF\xBB\xBF"

#endif
