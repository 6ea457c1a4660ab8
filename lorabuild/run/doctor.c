#include "lorabuild/run/doctor.h"

#include "lorabuild/common/memory.h"
#include "lorabuild/run/doctor_parts.h"

#include <stdlib.h>

void finding_add(struct findings *f, const char *check, enum finding_state state, char *fact,
                 char *remedy)
{
    f->items = mem_grow(f->items, f->count + 1, sizeof *f->items);
    f->items[f->count++] = (struct finding){check, state, fact, remedy};
    f->notes += state == FINDING_NOTE;
    f->unfit += state == FINDING_UNFIT;
}

void doctor_free(struct findings *f)
{
    for (size_t i = 0; i < f->count; i++) {
        free(f->items[i].remedy);
        free(f->items[i].fact);
    }
    free(f->items);
    *f = (struct findings){0};
}
