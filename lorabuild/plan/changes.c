#include "lorabuild/plan/plan.h"

#include <stdlib.h>
#include <string.h>

#define NONE SIZE_MAX

/* The samples of one document in a set (they stand together). */
struct span {
    const struct plan_sample *samples;
    size_t count;
};

struct diff {
    const struct plan_set *before, *now;
    struct arena *arena;
    struct plan_change *changes;
    size_t change_count, change_capacity;
    struct plan_correction *edits; /* collected only where `relearn` */
    size_t edit_count, edit_capacity;
    bool relearn; /* the documents compared: their edits are corrections */
    size_t unchanged;
};

static struct span document_span(const struct plan_set *set, size_t document)
{
    size_t begin = set->first[document];
    return (struct span){set->samples + begin, set->first[document + 1] - begin};
}

static struct plan_change *add_change(struct diff *d, enum change_kind kind, const char *document,
                                      size_t place, size_t count)
{
    if (d->change_count == d->change_capacity) {
        d->change_capacity = d->change_capacity ? 2 * d->change_capacity : 16;
        struct plan_change *items = arena_array(d->arena, d->change_capacity, sizeof *items);
        if (d->change_count)
            memcpy(items, d->changes, d->change_count * sizeof *items);
        d->changes = items;
    }
    struct plan_change *c = &d->changes[d->change_count++];
    *c = (struct plan_change){.kind = kind, .document = document, .place = place, .count = count};
    return c;
}

static void add_edit(struct diff *d, struct digest old, struct digest now)
{
    if (d->edit_count == d->edit_capacity) {
        d->edit_capacity = d->edit_capacity ? 2 * d->edit_capacity : 16;
        struct plan_correction *items = arena_array(d->arena, d->edit_capacity, sizeof *items);
        if (d->edit_count)
            memcpy(items, d->edits, d->edit_count * sizeof *items);
        d->edits = items;
    }
    d->edits[d->edit_count++] = (struct plan_correction){old, now};
}

/* Samples of `s` from *at on whose content `other` lacks, up to the next that it has. */
static size_t skip_missing(struct span s, size_t at, const struct digest_set *other)
{
    while (at < s.count && !digest_set_has(other, s.samples[at].content))
        at++;
    return at;
}

static size_t count_kind(struct span s, bool heading)
{
    size_t n = 0;
    for (size_t i = 0; i < s.count; i++)
        n += s.samples[i].heading == heading;
    return n;
}

static size_t next_kind(struct span s, size_t at, bool heading)
{
    while (at < s.count && s.samples[at].heading != heading)
        at++;
    return at;
}

/* What stood between two unchanged samples, and what stands there now. As many as before: each is
 * the edited form of the one in its place. More: nobody can tell which is whose, so an old one
 * counts as edited as long as all of the new ones stand. Fewer: something was taken out, and
 * nobody can tell what, so nothing counts as edited. */
static void collect_edits(struct diff *d, struct span before, struct span now, bool heading)
{
    enum { MOST_PAIRS = 4096 };
    size_t gone = count_kind(before, heading), came = count_kind(now, heading);
    if (!gone || came < gone || (came > gone && gone * came > MOST_PAIRS))
        return;
    size_t n = 0;
    for (size_t b = next_kind(before, 0, heading); b < before.count;
         b = next_kind(before, b + 1, heading)) {
        if (came == gone) {
            n = next_kind(now, n, heading);
            add_edit(d, before.samples[b].content, now.samples[n++].content);
            continue;
        }
        for (n = next_kind(now, 0, heading); n < now.count; n = next_kind(now, n + 1, heading))
            add_edit(d, before.samples[b].content, now.samples[n].content);
    }
}

/* Between two samples that both versions share, the k-th text that went and the k-th that came
 * are one edit; what is over is gone or new. */
static void compare_gap(struct diff *d, const char *document, struct span before, struct span now)
{
    size_t gone = count_kind(before, false), came = count_kind(now, false), b = 0, n = 0;
    size_t edited = gone < came ? gone : came, headings = count_kind(now, true);
    size_t heading = next_kind(now, 0, true);
    if (headings)
        add_change(d, CHANGE_HEADING, document, now.samples[heading].place, 1);
    else if (count_kind(before, true))
        add_change(d, CHANGE_HEADING, document, before.samples[next_kind(before, 0, true)].place,
                   1);
    for (size_t i = 0; i < came; i++, n++) {
        n = next_kind(now, n, false);
        add_change(d, i < edited ? CHANGE_EDITED : CHANGE_NEW, document, now.samples[n].place, 1);
    }
    for (size_t i = 0; i < gone; i++, b++) {
        b = next_kind(before, b, false);
        if (i >= edited)
            add_change(d, CHANGE_GONE, document, before.samples[b].place, 1);
    }
    if (d->relearn) {
        collect_edits(d, before, now, false);
        collect_edits(d, before, now, true);
    }
}

static bool is_same(struct span before, struct span now)
{
    if (before.count != now.count)
        return false;
    for (size_t i = 0; i < now.count; i++)
        if (!digest_equal(before.samples[i].id, now.samples[i].id) ||
            !digest_equal(before.samples[i].content, now.samples[i].content))
            return false;
    return true;
}

static void compare_document(struct diff *d, const char *document, struct span before,
                             struct span now)
{
    size_t b = 0, n = 0;
    if (is_same(before, now)) { /* nearly all of a large set */
        d->unchanged += count_kind(now, false);
        return;
    }
    while (b < before.count || n < now.count) {
        size_t b1 = skip_missing(before, b, &d->now->contents);
        size_t n1 = skip_missing(now, n, &d->before->contents);
        compare_gap(d, document, (struct span){before.samples + b, b1 - b},
                    (struct span){now.samples + n, n1 - n});
        b = b1 < before.count ? b1 + 1 : b1;
        if (n1 < now.count) {
            const struct plan_sample *s = &now.samples[n1];
            if (!s->heading && !digest_set_has(&d->before->ids, s->id))
                add_change(d, CHANGE_CAPTION, document, s->place, 1);
            else
                d->unchanged += !s->heading;
            n1++;
        }
        n = n1;
    }
}

/* --- Which document was which. --- */

static int by_name(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* `guess`: where it would stand if names did not change. */
static size_t find_document(const struct plan_set *set, const char *name, size_t guess)
{
    if (guess < set->document_count && strcmp(set->documents[guess], name) == 0)
        return guess;
    const char **found =
        bsearch(&name, set->documents, set->document_count, sizeof *set->documents, by_name);
    return found ? (size_t)(found - set->documents) : NONE;
}

struct standing { /* a text in a document that is missing by its name */
    struct digest content;
    size_t document;
};

static int by_content(const void *a, const void *b)
{
    const struct standing *x = a, *y = b;
    int order = digest_compare(x->content, y->content);
    return order ? order : (x->document > y->document) - (x->document < y->document);
}

static struct standing *list_missing(const struct plan_set *before, const unsigned char *matched,
                                     size_t *count)
{
    struct standing *list = mem_array(before->count + 1, sizeof *list);
    *count = 0;
    for (size_t i = 0; i < before->count; i++)
        if (!matched[before->samples[i].document] && !before->samples[i].heading)
            list[(*count)++] =
                (struct standing){before->samples[i].content, before->samples[i].document};
    qsort(list, *count, sizeof *list, by_content);
    return list;
}

/* Where the texts with this content begin in the list; *end: where they end. */
static size_t find_standing(const struct standing *list, size_t count, struct digest content,
                            size_t *end)
{
    size_t low = 0, high = count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (digest_compare(list[middle].content, content) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    for (*end = low; *end < count && digest_equal(list[*end].content, content);)
        ++*end;
    return low;
}

struct renames {
    const struct plan_set *before;
    struct standing *missing;
    size_t count;
    unsigned char *matched; /* by document of `before` */
    size_t *shared;         /* by document of `before`; zero between documents */
};

/* The missing document that has the most texts in common with `s`, at least half of its own; NONE.
 * What stands in many documents tells nothing. */
static size_t find_renamed(struct renames *r, struct span s)
{
    enum { MANY = 8 };
    size_t best = NONE, end;
    for (size_t i = 0; i < s.count; i++) {
        size_t at = find_standing(r->missing, r->count, s.samples[i].content, &end);
        for (; end - at <= MANY && at < end; at++) {
            size_t document = r->missing[at].document;
            if (r->matched[document])
                continue;
            r->shared[document]++;
            if (best == NONE || r->shared[document] > r->shared[best])
                best = document;
        }
    }
    bool same =
        best != NONE && r->shared[best] * 2 >= count_kind(document_span(r->before, best), false);
    for (size_t i = 0; i < s.count; i++) {
        size_t at = find_standing(r->missing, r->count, s.samples[i].content, &end);
        for (; end - at <= MANY && at < end; at++)
            r->shared[r->missing[at].document] = 0;
    }
    return same ? best : NONE;
}

/* For each document of `now` the one of `before` that it was, or NONE: by name, else by texts.
 * `matched` says which of `before` were found. */
static void match_documents(const struct diff *d, size_t *partner, unsigned char *matched)
{
    const struct plan_set *before = d->before, *now = d->now;
    size_t unmatched = 0, guess = 0;
    for (size_t i = 0; i < now->document_count; i++) {
        partner[i] = find_document(before, now->documents[i], guess);
        if (partner[i] != NONE) {
            matched[partner[i]] = 1;
            guess = partner[i] + 1;
        } else {
            unmatched++;
        }
    }
    if (!unmatched)
        return;
    struct renames r = {.before = before, .matched = matched};
    r.missing = list_missing(before, matched, &r.count);
    r.shared = mem_array(before->document_count, sizeof *r.shared);
    for (size_t i = 0; i < now->document_count; i++)
        if (partner[i] == NONE) {
            partner[i] = find_renamed(&r, document_span(now, i));
            if (partner[i] != NONE)
                matched[partner[i]] = 1;
        }
    free(r.shared);
    free(r.missing);
}

/* --- Documents that are new or gone as a whole. --- */

/* Does any text of `s` also stand in `other`? */
static bool shares_text(struct span s, const struct plan_set *other)
{
    for (size_t i = 0; i < s.count; i++)
        if (!s.samples[i].heading && digest_set_has(&other->contents, s.samples[i].content))
            return true;
    return false;
}

static const char *holder_of(const struct plan_set *now, const struct digest_set *contents)
{
    for (size_t i = 0; i < now->count; i++)
        if (digest_set_has(contents, now->samples[i].content))
            return now->documents[now->samples[i].document];
    return NULL;
}

static void add_gone(struct diff *d, size_t document)
{
    struct span s = document_span(d->before, document);
    struct digest_set staying = {0};
    size_t texts = count_kind(s, false), stay = 0;
    for (size_t i = 0; i < s.count; i++)
        if (!s.samples[i].heading && digest_set_has(&d->now->contents, s.samples[i].content)) {
            digest_set_add(&staying, s.samples[i].content);
            stay++;
        }
    digest_set_seal(&staying);
    if (stay < texts) {
        struct plan_change *c =
            add_change(d, CHANGE_GONE, d->before->documents[document], 0, texts - stay);
        c->stay = stay;
        c->stays_in = stay ? holder_of(d->now, &staying) : NULL;
    }
    digest_set_free(&staying);
}

/* What is compared has something in common; a file whose whole content was replaced is another
 * document under the old name. */
static bool is_edited_document(struct span before, struct span now)
{
    struct digest_set contents = {0};
    bool shared = false;
    for (size_t i = 0; i < before.count; i++)
        digest_set_add(&contents, before.samples[i].content);
    digest_set_seal(&contents);
    for (size_t i = 0; !shared && i < now.count; i++)
        shared = digest_set_has(&contents, now.samples[i].content);
    digest_set_free(&contents);
    return shared;
}

static void compare_sets(struct diff *d, bool only_relearned)
{
    const struct plan_set *now = d->now, *before = d->before;
    size_t *partner = mem_array(now->document_count, sizeof *partner);
    unsigned char *matched = mem_array(before->document_count, 1);
    match_documents(d, partner, matched);
    for (size_t i = 0; i < now->document_count; i++) {
        struct span s = document_span(now, i), old = {0};
        if (partner[i] != NONE)
            old = document_span(before, partner[i]);
        d->relearn = only_relearned && now->relearn && now->relearn[i] && old.count &&
                     is_edited_document(old, s);
        if (only_relearned && !d->relearn)
            continue;
        if (!old.count && s.count && !shares_text(s, before))
            add_change(d, CHANGE_NEW, now->documents[i], 0, count_kind(s, false));
        else
            compare_document(d, now->documents[i], old, s);
    }
    for (size_t i = 0; !only_relearned && i < before->document_count; i++)
        if (!matched[i])
            add_gone(d, i);
    free(matched);
    free(partner);
}

struct plan_change *plan_changes(const struct plan_set *before, const struct plan_set *now,
                                 size_t *count, size_t *unchanged, struct arena *a)
{
    struct diff d = {.before = before, .now = now, .arena = a};
    compare_sets(&d, false);
    *count = d.change_count;
    *unchanged = d.unchanged;
    return d.changes;
}

struct plan_correction *plan_edits(const struct plan_set *before, const struct plan_set *now,
                                   size_t *count, struct arena *a)
{
    struct diff d = {.before = before, .now = now, .arena = a};
    if (now->relearn)
        compare_sets(&d, true);
    *count = d.edit_count;
    return d.edits;
}

struct plan_change *plan_changes_unnamed(const struct plan_version *before,
                                         const struct plan_set *now, size_t *count,
                                         size_t *unchanged, struct arena *a)
{
    struct diff d = {.now = now, .arena = a};
    size_t gone = 0;
    for (size_t i = 0; i < now->count; i++) {
        const struct plan_sample *s = &now->samples[i];
        if (s->heading)
            continue;
        if (digest_set_has(before->ids, s->id))
            d.unchanged++;
        else
            add_change(&d,
                       digest_set_has(before->contents, s->content) ? CHANGE_CAPTION : CHANGE_NEW,
                       now->documents[s->document], s->place, 1);
    }
    for (size_t i = 0; i < before->contents->count; i++)
        gone += !digest_set_has(&now->contents, before->contents->items[i]);
    if (gone)
        add_change(&d, CHANGE_GONE, NULL, 0, gone);
    *count = d.change_count;
    *unchanged = d.unchanged;
    return d.changes;
}
