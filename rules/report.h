/* report: what is wrong with a rule file, all of it, each with its place.
 *
 * Findings are gathered in any order and shown in the order of the file. Of several at one place
 * the first is kept: what follows from it would only confuse, and a pattern says the same once a
 * client. Messages are one line without its end; whatever they quote is escaped when shown.
 */
#ifndef RULES_REPORT_H
#define RULES_REPORT_H

#include "rules/source.h"

#define REPORT_MOST 100 /* shown; the others are counted */

struct finding {
    struct mark mark;
    bool warning;
    const char *message;
    const char *note; /* behind the carets, or NULL */
    size_t number;    /* the order in which they were found */
};

struct report {
    struct arena *arena;
    struct finding *findings;
    size_t count, capacity;
    size_t errors, warnings;
};

void report_error(struct report *r, struct mark m, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* As report_error(), with words behind the carets. */
void report_error_note(struct report *r, struct mark m, const char *note, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
void report_warning(struct report *r, struct mark m, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* " did you mean 'epochs'?" with a semicolon in front, or "" where no word is near. */
const char *report_did_you_mean(struct report *r, const char *word, const char *const *words,
                                size_t count);

/* Adds every finding as ux.md shows them:
 *     lorabuild.yaml:26:52: unknown key 'epoch'; did you mean 'epochs'?
 *      26 |   text-%: {from: city, data: proposals-%, rank: 8, epoch: 15}
 *         |                                                    ^^^^^
 */
void report_show(struct report *r, struct strbuf *out);
void report_free(struct report *r);

#endif
