#include "lorabuild/data/captions_parts.h"

#include <stdlib.h>
#include <string.h>

static void add_waiting(struct dataset *d, size_t document, const struct sample *s)
{
    bool heading = s->kind == SAMPLE_HEADING;
    d->waiting[d->waiting_count++] =
        (struct waiting){s->content, (uint32_t)document, s->place, heading};
    d->waiting_texts += !heading;
}

/* What stands beneath headings of each level, from the end of the document up. */
struct beneath {
    bool has[FATES][7];
};

static void note_text(struct beneath *b, enum fate fate)
{
    memset(b->has[fate], true, sizeof b->has[fate]);
}

/* A heading of which all that stands beneath is left out goes the same way; it ends the sections
 * of its own level and of deeper ones before it. */
static enum fate fate_of_heading(struct beneath *b, int level)
{
    enum fate fate = b->has[LEARNED][level]   ? LEARNED
                     : b->has[WAITING][level] ? WAITING
                     : b->has[SKIPPED][level] ? SKIPPED
                                              : LEARNED;
    for (int i = 0; i < FATES; i++)
        for (int k = level; k < 7; k++)
            b->has[i][k] = false;
    return fate;
}

/* `end`: behind the document's last asker; gives its first. */
static size_t judge_document(const struct joining *j, struct dataset *d, size_t document,
                             size_t end, bool *left_out)
{
    struct beneath b = {0};
    const struct document *doc = &d->documents[document];
    for (size_t k = doc->count; k-- > 0;) {
        const struct sample *s = &doc->samples[k];
        enum fate fate = LEARNED;
        if (s->kind == SAMPLE_HEADING)
            fate = fate_of_heading(&b, s->heading_level);
        else if (end && j->askers[end - 1].sample == s)
            fate = j->askers[--end].fate;
        if (s->kind != SAMPLE_HEADING)
            note_text(&b, fate);
        if (fate == WAITING)
            add_waiting(d, document, s);
        left_out[k] = fate != LEARNED;
    }
    return end;
}

static void take_out(struct document *d, const bool *left_out)
{
    size_t kept = 0;
    for (size_t k = 0; k < d->count; k++)
        if (!left_out[k])
            d->samples[kept++] = d->samples[k];
    d->count = kept;
}

void captions_leave_out(struct joining *j, struct dataset *d)
{
    size_t all = 0, most = 0, end = j->count;
    for (size_t i = 0; i < d->document_count; i++) {
        all += d->documents[i].count;
        most = d->documents[i].count > most ? d->documents[i].count : most;
    }
    bool *left_out = mem_array(most, sizeof *left_out);
    d->waiting = arena_array(&d->arena, all, sizeof *d->waiting);
    d->waiting_count = d->waiting_texts = 0;
    for (size_t i = d->document_count; i-- > 0;) {
        end = judge_document(j, d, i, end, left_out);
        take_out(&d->documents[i], left_out);
    }
    free(left_out);
}
