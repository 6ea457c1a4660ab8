/* The samples file (docs/formats-cache.md). Lines have fixed widths, so a million of them are
 * read without looking for their ends:
 *   lorabuild-samples 1
 *   samples COUNT
 *   <content> <id> <role>      rising by bytes, no line twice
 *   exposure COUNT
 *   <content>                  rising
 *   corrected COUNT            format 2 only: where a text was edited in place and relearned
 *   <old> <now>                rising
 * Table 'x' of the store holds the same in binary under the manifest's digest.
 */
#include "cache/lineage.h"

#include "cache/lineage_parts.h"
#include "lorabuild/common/file.h"

#include <stdlib.h>
#include <string.h>

enum {
    FORMAT = 1,
    FORMAT_CORRECTED = 2,
    HEX = DIGEST_HEX - 1,
    SAMPLE_LINE = HEX + 1 + HEX + 3,
    EXPOSURE_LINE = HEX + 1,
    CORRECTION_LINE = HEX + 1 + HEX + 1
};

#define MOST_BYTES ((size_t)16 << 30)

static int sample_order(const void *a, const void *b)
{
    const struct lineage_sample *x = a, *y = b;
    int order = digest_compare(x->content, y->content);
    order = order ? order : digest_compare(x->id, y->id);
    return order ? order : (x->role > y->role) - (x->role < y->role);
}

static int correction_order(const void *a, const void *b)
{
    const struct lineage_correction *x = a, *y = b;
    int order = digest_compare(x->old, y->old);
    return order ? order : digest_compare(x->now, y->now);
}

/* --- Writing. --- */

static void write_corrections(struct strbuf *text, const struct lineage_correction *corrections,
                              size_t count)
{
    struct lineage_correction *sorted = mem_array(count, sizeof *sorted);
    struct strbuf lines = {0};
    char line[CORRECTION_LINE + 1];
    size_t distinct = 0;
    memcpy(sorted, corrections, count * sizeof *sorted);
    qsort(sorted, count, sizeof *sorted, correction_order);
    for (size_t i = 0; i < count; i++) {
        if (i > 0 && correction_order(&sorted[i - 1], &sorted[i]) == 0)
            continue;
        digest_hex(sorted[i].old, line);
        line[HEX] = ' ';
        digest_hex(sorted[i].now, line + HEX + 1);
        line[CORRECTION_LINE - 1] = '\n';
        strbuf_add(&lines, line, CORRECTION_LINE);
        distinct++;
    }
    strbuf_printf(text, "corrected %zu\n", distinct);
    strbuf_add_str(text, strbuf_str(&lines));
    strbuf_free(&lines);
    free(sorted);
}

bool lineage_write_samples(const char *path, const struct lineage_sample *samples, size_t count,
                           const struct digest_set *exposure, struct error *e)
{
    return lineage_write_samples_corrected(path, samples, count, exposure, NULL, 0, e);
}

bool lineage_write_samples_corrected(const char *path, const struct lineage_sample *samples,
                                     size_t count, const struct digest_set *exposure,
                                     const struct lineage_correction *corrections,
                                     size_t correction_count, struct error *e)
{
    struct lineage_sample *sorted = mem_array(count ? count : 1, sizeof *sorted);
    struct digest_set all = {0};
    struct strbuf text = {0}, head = {0};
    char content[DIGEST_HEX], id[DIGEST_HEX];
    size_t distinct = 0;
    if (count) {
        memcpy(sorted, samples, count * sizeof *sorted);
        qsort(sorted, count, sizeof *sorted, sample_order);
    }
    for (size_t i = 0; i < count; i++) {
        if (i > 0 && sample_order(&sorted[i - 1], &sorted[i]) == 0)
            continue;
        char line[SAMPLE_LINE + 1];
        digest_hex(sorted[i].content, line);
        digest_hex(sorted[i].id, id);
        line[HEX] = ' ';
        memcpy(line + HEX + 1, id, HEX);
        memcpy(line + 2 * HEX + 1, (char[]){' ', sorted[i].role, '\n'}, 3);
        strbuf_add(&text, line, SAMPLE_LINE);
        distinct++;
    }
    for (size_t i = 0; i < exposure->count; i++)
        digest_set_add(&all, exposure->items[i]);
    digest_set_seal(&all);
    strbuf_printf(&text, "exposure %zu\n", all.count);
    for (size_t i = 0; i < all.count; i++) {
        digest_hex(all.items[i], content);
        content[HEX] = '\n';
        strbuf_add(&text, content, EXPOSURE_LINE);
    }
    if (correction_count)
        write_corrections(&text, corrections, correction_count);
    strbuf_printf(&head, "lorabuild-samples %d\nsamples %zu\n",
                  correction_count ? FORMAT_CORRECTED : FORMAT, distinct);
    strbuf_add_str(&head, strbuf_str(&text));
    strbuf_free(&text);
    bool ok = file_replace(path, strbuf_str(&head), 0666, e);
    strbuf_free(&head);
    digest_set_free(&all);
    free(sorted);
    return ok;
}

/* --- Reading. --- */

struct reader {
    const char *path;
    struct str rest;
    size_t line;
};

static bool wrong(const struct reader *r, const char *what, struct error *e)
{
    return error_at(e, ERROR_INPUT, r->path, r->line, 1, "%s", what);
}

/* "<word> <number>" as the next line. */
static bool head_line(struct reader *r, const char *word, int64_t *number, struct error *e)
{
    const char *end = r->rest.size ? memchr(r->rest.data, '\n', r->rest.size) : NULL;
    size_t n = strlen(word);
    r->line++;
    if (!end || (size_t)(end - r->rest.data) < n + 2 || memcmp(r->rest.data, word, n) != 0 ||
        r->rest.data[n] != ' ' ||
        !str_to_int((struct str){r->rest.data + n + 1, (size_t)(end - r->rest.data) - n - 1},
                    number) ||
        *number < 0)
        return wrong(r, "not a list of samples, or damaged", e);
    r->rest.size -= (size_t)(end + 1 - r->rest.data);
    r->rest.data = end + 1;
    return true;
}

static bool is_hex_digest(struct digest *d, const char *text)
{
    return digest_from_hex(d, (struct str){text, HEX});
}

static bool read_sample_lines(struct reader *r, struct lineage_sample *samples, size_t count,
                              struct error *e)
{
    for (size_t i = 0; i < count; i++) {
        const char *line = r->rest.data + i * SAMPLE_LINE;
        struct lineage_sample *s = &samples[i];
        r->line++;
        s->role = line[2 * HEX + 2];
        if (!is_hex_digest(&s->content, line) || line[HEX] != ' ' ||
            !is_hex_digest(&s->id, line + HEX + 1) || line[2 * HEX + 1] != ' ' ||
            !memchr("lvhc", s->role, 4) || line[2 * HEX + 3] != '\n')
            return wrong(r, "not a sample's line", e);
        if (i > 0 && sample_order(&samples[i - 1], s) >= 0)
            return wrong(r, "out of order", e);
    }
    return true;
}

static bool read_exposure_lines(struct reader *r, struct digest *items, size_t count,
                                struct error *e)
{
    for (size_t i = 0; i < count; i++) {
        const char *line = r->rest.data + i * EXPOSURE_LINE;
        r->line++;
        if (!is_hex_digest(&items[i], line) || line[HEX] != '\n')
            return wrong(r, "not an exposure's line", e);
        if (i > 0 && digest_compare(items[i - 1], items[i]) >= 0)
            return wrong(r, "out of order", e);
    }
    return true;
}

/* A section: its head, then `count` lines of `line_bytes`; leaves `rest` at the first. */
static bool enter_section(struct reader *r, const char *word, size_t line_bytes, size_t *count,
                          struct error *e)
{
    int64_t n;
    if (!head_line(r, word, &n, e))
        return false;
    if ((uint64_t)n > r->rest.size / line_bytes)
        return wrong(r, "the file ends before its last line", e);
    *count = (size_t)n;
    return true;
}

static void leave_section(struct reader *r, size_t bytes)
{
    r->rest.data += bytes;
    r->rest.size -= bytes;
}

static bool read_correction_lines(struct reader *r, struct lineage_correction *list, size_t count,
                                  struct error *e)
{
    for (size_t i = 0; i < count; i++) {
        const char *line = r->rest.data + i * CORRECTION_LINE;
        r->line++;
        if (!is_hex_digest(&list[i].old, line) || line[HEX] != ' ' ||
            !is_hex_digest(&list[i].now, line + HEX + 1) || line[CORRECTION_LINE - 1] != '\n')
            return wrong(r, "not a correction's line", e);
        if (i > 0 && correction_order(&list[i - 1], &list[i]) >= 0)
            return wrong(r, "out of order", e);
    }
    return true;
}

struct sample_list {
    struct lineage_sample *samples;
    size_t count;
    struct digest_set exposure;
    struct lineage_correction *corrections;
    size_t correction_count;
};

static void free_list(struct sample_list *l)
{
    free(l->corrections);
    digest_set_free(&l->exposure);
    free(l->samples);
    *l = (struct sample_list){0};
}

static bool read_text(struct reader *r, struct sample_list *l, struct error *e)
{
    struct digest_set *exposure = &l->exposure;
    int64_t format;
    if (!head_line(r, "lorabuild-samples", &format, e))
        return false;
    if (format != FORMAT && format != FORMAT_CORRECTED)
        return error_set(e, ERROR_INPUT,
                         "%s: made by a newer lorabuild (samples format %lld, this one knows %d)",
                         r->path, (long long)format, FORMAT_CORRECTED);
    if (!enter_section(r, "samples", SAMPLE_LINE, &l->count, e))
        return false;
    l->samples = mem_array(l->count ? l->count : 1, sizeof *l->samples);
    if (!read_sample_lines(r, l->samples, l->count, e))
        return false;
    leave_section(r, l->count * SAMPLE_LINE);
    if (!enter_section(r, "exposure", EXPOSURE_LINE, &exposure->count, e))
        return false;
    exposure->capacity = exposure->count;
    exposure->items = exposure->count ? mem_array(exposure->count, sizeof *exposure->items) : NULL;
    if (!read_exposure_lines(r, exposure->items, exposure->count, e))
        return false;
    leave_section(r, exposure->count * EXPOSURE_LINE);
    if (format == FORMAT_CORRECTED) {
        if (!enter_section(r, "corrected", CORRECTION_LINE, &l->correction_count, e))
            return false;
        l->corrections =
            mem_array(l->correction_count ? l->correction_count : 1, sizeof *l->corrections);
        if (!read_correction_lines(r, l->corrections, l->correction_count, e))
            return false;
        leave_section(r, l->correction_count * CORRECTION_LINE);
    }
    r->line++;
    return r->rest.size == 0 || wrong(r, "something stands behind the last line", e);
}

static bool read_list(struct sample_list *l, const char *path, struct error *e)
{
    struct file_map m;
    *l = (struct sample_list){0};
    if (!file_map(&m, path, e))
        return false;
    struct reader r = {.path = path, .rest = m.bytes};
    bool ok = read_text(&r, l, e);
    file_unmap(&m);
    if (!ok)
        free_list(l);
    return ok;
}

bool lineage_read_samples(const char *path, struct lineage_sample **samples, size_t *count,
                          struct digest_set *exposure, struct error *e)
{
    struct sample_list l;
    bool ok = read_list(&l, path, e);
    free(l.corrections);
    *samples = l.samples;
    *count = l.count;
    *exposure = l.exposure;
    return ok;
}

/* --- The copy in the store: u8 version 2, 7 bytes 0, u64 samples, u64 exposures, u64 corrections,
 * then content (16), id (16), role (1) each; content (16) each; old (16), now (16) each. Another
 * version counts as not there. --- */

enum {
    STORED_VERSION = 2,
    STORED_HEAD = 32,
    STORED_SAMPLE = 33,
    STORED_EXPOSURE = 16,
    STORED_CORRECTION = 32
};
_Static_assert(sizeof(struct lineage_correction) == STORED_CORRECTION, "stored as it is");

static struct str stored_key(const struct version *v)
{
    return (struct str){(const char *)v->manifest_digest.bytes, sizeof v->manifest_digest.bytes};
}

static bool unpack_stored(struct version *v, struct str value)
{
    uint64_t counts[3];
    if (value.size < STORED_HEAD || value.data[0] != STORED_VERSION)
        return false;
    memcpy(counts, value.data + 8, sizeof counts);
    size_t rest = value.size - STORED_HEAD;
    if (counts[0] > rest / STORED_SAMPLE || counts[1] > rest / STORED_EXPOSURE ||
        counts[2] > rest / STORED_CORRECTION ||
        counts[0] * STORED_SAMPLE + counts[1] * STORED_EXPOSURE + counts[2] * STORED_CORRECTION !=
            rest)
        return false;
    const char *at = value.data + STORED_HEAD;
    v->sample_count = counts[0];
    v->samples = mem_array(counts[0] ? counts[0] : 1, sizeof *v->samples);
    for (size_t i = 0; i < counts[0]; i++, at += STORED_SAMPLE) {
        memcpy(&v->samples[i].content, at, 16);
        memcpy(&v->samples[i].id, at + 16, 16);
        v->samples[i].role = at[32];
    }
    v->exposure.count = v->exposure.capacity = counts[1];
    v->exposure.items = counts[1] ? mem_array(counts[1], STORED_EXPOSURE) : NULL;
    if (counts[1])
        memcpy(v->exposure.items, at, counts[1] * STORED_EXPOSURE);
    v->correction_count = counts[2];
    v->corrections = counts[2] ? mem_array(counts[2], STORED_CORRECTION) : NULL;
    if (counts[2])
        memcpy(v->corrections, at + counts[1] * STORED_EXPOSURE, counts[2] * STORED_CORRECTION);
    return true;
}

static bool recall(struct version *v, struct store *store, bool *found, struct error *e)
{
    struct store_view *view = store_view_begin(store, e);
    struct str value;
    if (!view)
        return false;
    *found = store_view_get(view, 'x', stored_key(v), &value) && unpack_stored(v, value);
    store_view_end(view);
    return true;
}

static bool remember(const struct version *v, struct store *store, struct error *e)
{
    struct strbuf value = {0};
    uint64_t counts[3] = {v->sample_count, v->exposure.count, v->correction_count};
    strbuf_add(&value, (char[8]){STORED_VERSION}, 8);
    strbuf_add(&value, counts, sizeof counts);
    for (size_t i = 0; i < v->sample_count; i++) {
        strbuf_add(&value, &v->samples[i].content, 16);
        strbuf_add(&value, &v->samples[i].id, 16);
        strbuf_add_byte(&value, v->samples[i].role);
    }
    if (v->exposure.count)
        strbuf_add(&value, v->exposure.items, v->exposure.count * STORED_EXPOSURE);
    if (v->correction_count)
        strbuf_add(&value, v->corrections, v->correction_count * STORED_CORRECTION);
    struct store_change *c = store_change_begin(store);
    store_change_put(c, 'x', stored_key(v), strbuf_str(&value));
    strbuf_free(&value);
    return store_change_commit(c, e);
}

bool lineage_load_exposure(struct version *v, struct store *store, struct error *e)
{
    bool found = false, remembers = store && !digest_is_zero(v->manifest_digest);
    if (v->exposure_loaded)
        return true;
    if (remembers && !recall(v, store, &found, e))
        return false;
    if (!found) {
        char *path = path_join(v->folder, "samples");
        struct sample_list l;
        bool ok = read_list(&l, path, e);
        free(path);
        v->samples = l.samples;
        v->sample_count = l.count;
        v->exposure = l.exposure;
        v->corrections = l.corrections;
        v->correction_count = l.correction_count;
        if (!ok || (remembers && !remember(v, store, e)))
            return false;
    }
    v->exposure_loaded = true;
    return true;
}
