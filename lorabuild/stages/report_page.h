/* report_page: the report's page, its style, and the pieces that its sections are made of. */
#ifndef LORABUILD_STAGES_REPORT_PAGE_H
#define LORABUILD_STAGES_REPORT_PAGE_H

#include "lorabuild/common/str.h"

void page_begin(struct strbuf *b, const char *title);
void page_end(struct strbuf *b);
void page_section(struct strbuf *b, const char *title);
void page_section_end(struct strbuf *b);

void page_paragraph(struct strbuf *b, const char *style, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Tables: columns' names, and cells, NULL-terminated lists of text to be escaped. */
#define PAGE_NUMBER "\1" /* in front of a number and its column's name */
#define PAGE_CODE "\2"   /* in front of a digest */
enum { PAGE_CELL = 34 };
const char *page_number(size_t n, char cell[static PAGE_CELL]); /* "1,204"; "-" for 0 */
void page_table(struct strbuf *b, const char *const *columns);
void page_row(struct strbuf *b, const char *const *cells);
void page_table_end(struct strbuf *b);

#endif
