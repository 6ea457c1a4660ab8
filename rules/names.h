/* names: an index from names to numbers, built once. */
#ifndef RULES_NAMES_H
#define RULES_NAMES_H

#include "lorabuild/common/memory.h"

#include <stdbool.h>
#include <stddef.h>

struct name {
    const char *text;
    size_t id;
};

struct names {
    struct name *sorted;
    size_t count, capacity; /* owned: names_free() */
};

void names_add(struct names *n, const char *text, size_t id);
void names_sort(struct names *n); /* by text, then id; before names_find() */
/* Of equal names the one with the least id. */
bool names_find(const struct names *n, const char *text, size_t *id);
void names_free(struct names *n);

/* Names that differ only in upper and lower case or in how accents are composed are equal when
 * folded: on some file systems they are one. Caller frees. */
char *name_folded(const char *text);

#endif
