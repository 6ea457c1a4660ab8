/* cut: a source's clean text to samples, by the kind of its file.
 *
 * Cutting is local: what a sample's neighbours hold never changes its content. Samples and their
 * texts come from the arena; `line` and `place` are filled, captions and ids are not.
 */
#ifndef LORABUILD_DATA_CUT_H
#define LORABUILD_DATA_CUT_H

#include "lorabuild/data/sample.h"

/* Records that cannot be learned, of all files together: the first BAD_SHOWN as lines
 * ("a.jsonl:4: output: must be text, found null"), and how many there are. */
#define BAD_SHOWN 50
struct bad_records {
    const char *folder; /* stands before the names of files, as the rules write it; or NULL */
    char *lines[BAD_SHOWN];
    size_t count;
};
void bad_records_add(struct bad_records *b, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
void bad_records_free(struct bad_records *b);

/* Samples being gathered. */
struct cut {
    struct arena *arena;
    const char *shown_as; /* for messages */
    struct sample *samples;
    size_t count, capacity;
    size_t place; /* of the next sample */
    char **notes;
    size_t note_count;
    struct bad_records *bad;
};

/* Adds a sample (text and headings are cleaned; a blank one is nothing). */
void cut_add(struct cut *c, enum sample_kind kind, int heading_level, struct str text, size_t line);
void cut_note(struct cut *c, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Takes the next line off `rest`, without its "\n"; false at the end. */
bool cut_next_line(struct str *rest, struct str *line);

void cut_lines(struct cut *c, struct str text);
void cut_markdown(struct cut *c, struct str text);
void cut_records(struct cut *c, struct str text);

/* ".txt", ".md", ".jsonl", any case; false: none of them. */
bool cut_kind(const char *path, enum document_kind *kind);

/* Fills the document's samples and notes from `text` (clean UTF-8, its kind set). */
void cut_document(struct document *d, struct str text, struct arena *a, struct bad_records *bad);

#endif
