#include "lorabuild/data/captions_parts.h"

#include <string.h>

/* "FILE", "FILE:§3", or an id. */
struct pick {
    struct str whole, file; /* `file` without ":§3" */
    size_t place;           /* 0 = any */
};

static struct pick parse_pick(const char *text)
{
    static const char mark[] = ":§";
    struct pick p = {.whole = str_of(text), .file = str_of(text)};
    const char *at = strstr(text, mark);
    for (const char *next = at; next; next = strstr(next + 1, mark))
        at = next;
    int64_t place;
    if (at && str_to_int(str_of(at + sizeof mark - 1), &place) && place > 0) {
        p.file = (struct str){text, (size_t)(at - text)};
        p.place = (size_t)place;
    }
    return p;
}

/* The text whose row this is, or NULL. */
static const struct asker *owner_of(const struct joining *j, ptrdiff_t row)
{
    for (size_t i = 0; i < j->count; i++)
        if (j->askers[i].row == row)
            return &j->askers[i];
    return NULL;
}

static bool is_picked(const struct joining *j, ptrdiff_t row, const struct pick *p)
{
    const struct caption_row *r = &j->table.rows[row];
    if (str_equal(str_trim(captions_cell(&j->table, r, CAPTION_ID)), p->whole))
        return true;
    if (!str_equal(captions_cell(&j->table, r, CAPTION_FILENAME), p->file))
        return false;
    const struct asker *a = p->place ? owner_of(j, row) : NULL;
    return !p->place || (a && a->sample->place == p->place);
}

static void accept(struct joining *j, const struct captions_edit *edit)
{
    for (size_t i = 0; i < j->table.read_count; i++) {
        struct caption_row *row = &j->table.rows[i];
        bool picked = edit->pick_count == 0;
        for (size_t k = 0; !picked && k < edit->pick_count; k++) {
            struct pick p = parse_pick(edit->picks[k]);
            picked = is_picked(j, (ptrdiff_t)i, &p);
        }
        j->counts->picked += picked;
        if (!picked || !row->machine || row->accepted || !row->prompt.size)
            continue;
        struct strbuf by = {0};
        captions_by_accepted(&by, str_trim(captions_cell(&j->table, row, CAPTION_ID)), row->prompt);
        captions_set(&j->table, row, CAPTION_BY, strbuf_str(&by));
        strbuf_free(&by);
        row->accepted = true;
        j->counts->edited++;
    }
}

/* A row without a prompt of the machine's is drafted anew in its place; one without a text goes. */
static void give_back(struct joining *j, const char *redo)
{
    struct pick p = parse_pick(redo);
    for (size_t i = 0; i < j->table.read_count; i++) {
        struct caption_row *row = &j->table.rows[i];
        if (!is_picked(j, (ptrdiff_t)i, &p))
            continue;
        struct strbuf by = {0};
        captions_by(&by, STR(""));
        captions_set(&j->table, row, CAPTION_PROMPT, STR(""));
        captions_set(&j->table, row, CAPTION_BY, strbuf_str(&by));
        strbuf_free(&by);
        row->prompt = STR("");
        row->machine = row->given_back = true;
        row->accepted = row->skip = false;
        j->counts->picked++;
        j->counts->edited++;
    }
}

void captions_apply_edit(struct joining *j, const struct captions_edit *edit)
{
    if (edit->accept)
        accept(j, edit);
    if (edit->redo)
        give_back(j, edit->redo);
}
