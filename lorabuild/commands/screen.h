/* screen: what a person sees, in four columns: name, step, fact, duration flush right at 80.
 *
 * Widths are display widths (Chinese is two). On a terminal the last line may move (screen_live);
 * in a pipe there is no colour, no live line, and a line a step. ASCII when the locale is not
 * UTF-8. Messages go to standard error, results to standard output.
 */
#ifndef LORABUILD_COMMANDS_SCREEN_H
#define LORABUILD_COMMANDS_SCREEN_H

#include "lorabuild/common/error.h"
#include "lorabuild/common/str.h"

#include <stdio.h>

enum paint { PAINT_NONE, PAINT_BOLD, PAINT_DIM, PAINT_GREEN, PAINT_YELLOW, PAINT_RED };

struct screen {
    FILE *out;
    bool terminal, colour, utf8, quiet;
    int name_width;   /* at least 10 */
    bool live;        /* a line stands that the next one replaces */
    const char *name; /* the name printed last: not repeated */
    char name_buffer[256];
};

void screen_open(struct screen *s, FILE *out, bool quiet);
void screen_fit_name(struct screen *s, const char *name); /* widens the first column */

/* A finished line. `name` is printed once for lines that follow one another (an empty line stands
 * before each new one); `step` NULL: the fact begins in the second column; `duration_s` < 0: none.
 */
void screen_line(struct screen *s, const char *name, const char *step, enum paint paint,
                 const char *fact, double duration_s);
/* A line with text of its own at the right. */
void screen_line_right(struct screen *s, const char *name, const char *step, enum paint paint,
                       const char *fact, const char *right);
void screen_more(struct screen *s, const char *fact); /* a line in the fact column alone */
void screen_live(struct screen *s, const char *name, const char *step, const char *fact,
                 const char *right);
void screen_text(struct screen *s, const char *text); /* as it is, with a newline */
void screen_painted(struct screen *s, enum paint paint, const char *text); /* the same, coloured */
void screen_gap(struct screen *s);
void screen_end_live(struct screen *s);
void screen_error(const struct error *e);
/* What could not be told to who may only look, and the right that is missing. */
void screen_missing_right(struct screen *s, const char *message);

int display_width(struct str text);
/* "0.04 s", "6 s", "29 min 41 s", "2 h 5 min"; about: rounded as one says it. */
const char *show_duration(double seconds, char text[static 40]);
const char *show_about(double seconds, char text[static 40]);
/* For a shell: in single quotes where that is needed. The caller frees. */
char *show_quoted(const char *text);
/* "26 Nov" of "2026-11-26"; with its year where that is not this year. */
const char *show_day(const char *date, char text[static 32]);
/* "14.2 GB", "412 MB", "3 kB" */
const char *show_size(uint64_t bytes, char text[static 32]);
/* The first words that fit into so many columns, "…" where some do not. Caller frees. */
char *show_cut(const char *text, int columns);
/* The word that fits the number. */
const char *show_plural(size_t n, const char *one, const char *many);

#endif
