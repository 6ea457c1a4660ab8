#include "rules/names.h"

#include <stdlib.h>
#include <string.h>
#include <utf8proc.h>

void names_add(struct names *n, const char *text, size_t id)
{
    if (n->count == n->capacity) {
        n->capacity = n->capacity ? n->capacity * 2 : 16;
        n->sorted = mem_grow(n->sorted, n->capacity, sizeof *n->sorted);
    }
    n->sorted[n->count++] = (struct name){text, id};
}

static int by_text(const void *a, const void *b)
{
    const struct name *x = a, *y = b;
    int order = strcmp(x->text, y->text);
    return order ? order : (x->id > y->id) - (x->id < y->id);
}

void names_sort(struct names *n)
{
    if (n->count)
        qsort(n->sorted, n->count, sizeof *n->sorted, by_text);
}

bool names_find(const struct names *n, const char *text, size_t *id)
{
    size_t low = 0, high = n->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (strcmp(n->sorted[middle].text, text) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    if (low == n->count || strcmp(n->sorted[low].text, text) != 0)
        return false;
    *id = n->sorted[low].id;
    return true;
}

void names_free(struct names *n)
{
    free(n->sorted);
    *n = (struct names){0};
}

char *name_folded(const char *text)
{
    utf8proc_uint8_t *folded = NULL;
    utf8proc_ssize_t n =
        utf8proc_map((const utf8proc_uint8_t *)text, 0, &folded,
                     UTF8PROC_NULLTERM | UTF8PROC_STABLE | UTF8PROC_COMPOSE | UTF8PROC_CASEFOLD);
    if (n >= 0)
        return (char *)folded;
    return mem_strdup(text);
}
