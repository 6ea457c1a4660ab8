/* source: the text of one rule file and places in it.
 *
 * Lines and columns begin at 1; a column counts characters (code points), as libyaml does. Where
 * repair.c put in characters that are not in the file, `shifts` turns a column of the repaired
 * text back into one of the file. Everything lives in the arena given.
 */
#ifndef RULES_SOURCE_H
#define RULES_SOURCE_H

#include "lorabuild/common/error.h"
#include "lorabuild/common/memory.h"
#include "lorabuild/common/str.h"

#define SOURCE_MOST_BYTES ((size_t)1 << 20)

struct shift { /* `extra` characters stand in the repaired line behind `column` of the file */
    size_t line, column, extra;
};

struct source {
    const char *path;   /* absolute */
    const char *folder; /* of the file: relative paths in it start here */
    const char *shown;  /* as messages name it: relative to the current folder if beneath it */
    struct str text;    /* without a byte order mark */
    struct str *lines;  /* without their ends */
    size_t line_count;
    struct shift *shifts; /* ascending */
    size_t shift_count;
    size_t order; /* 0 = the rule file itself, then included ones as they are met */
};

struct mark {
    const struct source *source;
    size_t line, column; /* line 0: the file as a whole */
    size_t width;        /* characters, on this line */
};

/* false and an error if it cannot be read or is too long. */
bool source_read(struct source *s, const char *path, struct arena *a, struct error *e);

/* `path` as messages name it: relative to the current folder where it is beneath. */
const char *source_shown(const char *path, struct arena *a);

/* The bytes of one line, empty for a line that is not there. */
struct str source_line(const struct source *s, size_t line);

/* A place in the repaired text → the place in the file. */
size_t source_column(const struct source *s, size_t line, size_t repaired_column);

size_t source_characters(struct str text);

#endif
