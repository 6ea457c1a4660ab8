/* window_maker: the inside of windows_make(). A document is laid out as pieces (a sample's text
 * and what it is used for), pieces are gathered into sections that may share windows, and
 * sections are filled into windows, as plain text or as the answer to a request.
 */
#ifndef LORABUILD_DATA_WINDOW_MAKER_H
#define LORABUILD_DATA_WINDOW_MAKER_H

#include "lorabuild/data/batch.h"

enum piece_use { PIECE_OUT, PIECE_CONTEXT, PIECE_WANTED };

struct piece {
    const struct sample *sample;
    enum piece_use use;
    struct str text;
    size_t tokens; /* about; 0 = not counted yet */
    bool begun;    /* the text goes on from the window before */
    bool cut;      /* the text goes on in the next window */
};

struct section {
    struct piece *pieces; /* none of them out */
    size_t count;
    const char *separator; /* between pieces */
    bool at_end;           /* plain text: the document ends with it */
    struct str request;    /* chat: what the pieces answer */
    bool chat;
    const struct sample *const *above; /* chat: headings that the request may be made of */
    size_t above_count;
};

struct maker {
    const struct window_options *o;
    struct windows *w;
    struct error *e;
    size_t capacity;  /* of w->items */
    const char *path; /* of the document at hand, shown */
    uint32_t document;
    size_t max_length;
    /* Scratch: a window being made. */
    struct strbuf text, learned;
    struct tokens tokens;
    size_t *piece_starts; /* of each piece, with the separator before it, in `text` */
    size_t piece_capacity;
};

/* Makes the windows of a section. */
bool section_windows(struct maker *m, struct section *s);

/* Fills tokens and learned with the window of pieces begin … end-1. */
bool window_render(struct maker *m, const struct section *s, size_t begin, size_t end);
/* Tokens that a window of this section has beside its text. */
bool window_overhead(struct maker *m, const struct section *s, size_t *tokens);
/* Byte offset of each token in `text` and, behind the last, its size; caller frees. A tokenizer
 * that does not give back the bytes that it was given yields a fair guess. */
size_t *window_token_offsets(const struct maker *m, const int32_t *ids, size_t n, struct str text);

/* The windows of a SAMPLE_CHAT that is wanted. */
bool conversation_windows(struct maker *m, const struct sample *s);

/* Adds what stands in tokens and learned, unless nothing in it is learned. */
void maker_emit(struct maker *m, const struct digest *samples, size_t sample_count);
void maker_note(struct maker *m, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
