/* captions_table: metadata.csv, whose rows belong to the machine or to the user.
 *
 * Columns filename, prompt, by, id, passage, by name in any order and case; without a row of
 * names, in this order. Other columns are the user's and are written back as they came. A row is
 * the machine's where `by` is "auto-" and the digest of its prompt: so an edited prompt makes it
 * the user's, and so does an empty `by`. `skip` in `by` leaves the sample out. A caption of the
 * machine's that a person has passed has "ok-" and the digest of its `id` and prompt there: it
 * holds for this caption of this text and no other.
 *
 * `id` is the first 12 digits of the content's digest, and more where those would look like a
 * number to a spreadsheet ("123456789012", "1234567e8901"), which would rewrite them.
 */
#ifndef LORABUILD_DATA_CAPTIONS_TABLE_H
#define LORABUILD_DATA_CAPTIONS_TABLE_H

#include "lorabuild/data/sample.h"
#include "lorabuild/formats/csv.h"

enum caption_column {
    CAPTION_FILENAME,
    CAPTION_PROMPT,
    CAPTION_BY,
    CAPTION_ID,
    CAPTION_PASSAGE,
    CAPTION_COLUMNS
};

struct caption_row {
    struct str *cells; /* `width` of them */
    struct str prompt; /* one line: breaks are spaces */
    bool machine, skip;
    bool accepted;   /* a machine's row that a person has passed */
    bool given_back; /* taken from the user just now, to be drafted anew */
    bool used, dropped;
    size_t anchor, order; /* where it stands when written */
};

struct captions_table {
    struct arena arena;
    struct csv csv;
    struct digest file; /* of the file's bytes as read; zero = there is none */
    struct str *header;
    size_t width; /* columns, the user's own included */
    size_t column[CAPTION_COLUMNS];
    struct caption_row *rows;
    size_t count, capacity, read_count; /* rows read from the file stand first */
    size_t *by_id;                      /* indices of the rows read, by (id, filename, index) */
    size_t *cursor;                     /* parallel: where the search in a run goes on */
    bool touched;                       /* a row was made or a cell set */
};

/* A missing file is an empty table. */
bool captions_table_read(struct captions_table *t, const char *path, struct error *e);
void captions_table_free(struct captions_table *t);

struct str captions_cell(const struct captions_table *t, const struct caption_row *row,
                         enum caption_column column);
/* The first unused row with this id, of this file, or of any file where `filename` is NULL, the
 * user's before the machine's; it is used then. An empty id finds the row for a whole file, which
 * is never used up. */
struct caption_row *captions_take(struct captions_table *t, struct str id,
                                  const struct str *filename);
/* A new row of the machine's, written behind row `anchor` (SIZE_MAX: at the end). */
struct caption_row *captions_add(struct captions_table *t, size_t anchor);
void captions_set(struct captions_table *t, struct caption_row *row, enum caption_column column,
                  struct str value);

void captions_id(struct strbuf *out, struct digest content);
void captions_by(struct strbuf *out, struct str prompt);                         /* "auto-…" */
void captions_by_accepted(struct strbuf *out, struct str id, struct str prompt); /* "ok-…" */

/* The file as it should be; false: as it is already. */
bool captions_table_print(struct captions_table *t, struct strbuf *out);

#endif
