#include "lorabuild/data/captions_table.h"

#include "lorabuild/common/file.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

static const char *const names[CAPTION_COLUMNS] = {"filename", "prompt", "by", "id", "passage"};
enum { ID_DIGITS = 12, BY_DIGITS = 16, MOST_BYTES = 1 << 30 };

static bool is_name(struct str cell, const char *name)
{
    cell = str_trim(cell);
    return cell.size == strlen(name) && strncasecmp(cell.data, name, cell.size) == 0;
}

static size_t column_named(const struct csv_row *row, const char *name)
{
    for (size_t i = 0; i < row->count; i++)
        if (is_name(row->cells[i], name))
            return i;
    return SIZE_MAX;
}

/* Takes the names of the columns from the first row; gives how many rows that were. */
static size_t read_header(struct captions_table *t)
{
    const struct csv_row none = {0}, *first = t->csv.count ? &t->csv.rows[0] : &none;
    bool named = column_named(first, names[CAPTION_FILENAME]) != SIZE_MAX &&
                 column_named(first, names[CAPTION_PROMPT]) != SIZE_MAX;
    size_t given = named ? first->count : 0;
    for (size_t i = 0; !named && i < t->csv.count; i++)
        if (t->csv.rows[i].count > given)
            given = t->csv.rows[i].count;
    t->header = arena_array(&t->arena, given + CAPTION_COLUMNS, sizeof *t->header);
    for (size_t i = 0; named && i < given; i++)
        t->header[i] = first->cells[i];
    t->width = named ? given : 0;
    for (size_t i = 0; i < CAPTION_COLUMNS; i++) {
        t->column[i] = named ? column_named(first, names[i]) : i;
        if (t->column[i] == SIZE_MAX)
            t->column[i] = t->width;
        if (t->column[i] < t->width)
            continue;
        t->header[t->column[i]] = str_of(names[i]);
        t->width = t->column[i] + 1;
    }
    if (t->width < given)
        t->width = given;
    return named;
}

/* The cell's words on one line. */
static struct str one_line(struct captions_table *t, struct str cell)
{
    cell = str_trim(cell);
    char *line = arena_alloc(&t->arena, cell.size + 1);
    size_t n = 0;
    for (size_t i = 0; i < cell.size; i++) {
        bool broken = cell.data[i] == '\n' || cell.data[i] == '\r';
        if (broken)
            while (n && line[n - 1] == ' ')
                n--;
        line[n++] = broken ? ' ' : cell.data[i];
        while (broken && i + 1 < cell.size && strchr(" \r\n\t", cell.data[i + 1]))
            i++;
    }
    return (struct str){line, n};
}

static void judge_row(struct captions_table *t, struct caption_row *row)
{
    struct str by = str_trim(captions_cell(t, row, CAPTION_BY));
    struct strbuf machine = {0}, accepted = {0};
    row->prompt = one_line(t, captions_cell(t, row, CAPTION_PROMPT));
    captions_by(&machine, row->prompt);
    captions_by_accepted(&accepted, str_trim(captions_cell(t, row, CAPTION_ID)), row->prompt);
    row->accepted = str_equal(by, strbuf_str(&accepted));
    row->machine = row->accepted || str_equal(by, strbuf_str(&machine));
    row->skip = by.size >= 4 && strncasecmp(by.data + by.size - 4, "skip", 4) == 0;
    strbuf_free(&accepted);
    strbuf_free(&machine);
}

static struct caption_row *new_row(struct captions_table *t)
{
    if (t->count == t->capacity) {
        t->capacity = t->capacity ? 2 * t->capacity : 64;
        t->rows = mem_grow(t->rows, t->capacity, sizeof *t->rows);
    }
    struct caption_row *row = &t->rows[t->count];
    *row = (struct caption_row){.cells = arena_array(&t->arena, t->width, sizeof *row->cells),
                                .anchor = t->count++};
    return row;
}

static int compare_rows(const void *a, const void *b, void *context)
{
    const struct captions_table *t = context;
    size_t i = *(const size_t *)a, j = *(const size_t *)b;
    int order = str_compare(str_trim(captions_cell(t, &t->rows[i], CAPTION_ID)),
                            str_trim(captions_cell(t, &t->rows[j], CAPTION_ID)));
    if (!order)
        order = str_compare(captions_cell(t, &t->rows[i], CAPTION_FILENAME),
                            captions_cell(t, &t->rows[j], CAPTION_FILENAME));
    if (!order)
        order = t->rows[i].machine - t->rows[j].machine;
    return order ? order : (i > j) - (i < j);
}

static void index_rows(struct captions_table *t)
{
    t->read_count = t->count;
    t->by_id = arena_array(&t->arena, t->count, sizeof *t->by_id);
    t->cursor = arena_array(&t->arena, t->count, sizeof *t->cursor);
    for (size_t i = 0; i < t->count; i++)
        t->by_id[i] = i;
    if (t->count)
        qsort_r(t->by_id, t->count, sizeof *t->by_id, compare_rows, t);
}

static void read_rows(struct captions_table *t)
{
    for (size_t i = read_header(t); i < t->csv.count; i++) {
        const struct csv_row *from = &t->csv.rows[i];
        struct caption_row *row = new_row(t);
        for (size_t c = 0; c < t->width && c < from->count; c++)
            row->cells[c] = from->cells[c];
        judge_row(t, row);
    }
    index_rows(t);
}

bool captions_table_read(struct captions_table *t, const char *path, struct error *e)
{
    struct strbuf bytes = {0};
    *t = (struct captions_table){0};
    bool there = path && (access(path, F_OK) == 0 || errno != ENOENT);
    if (there && (!file_read(&bytes, path, MOST_BYTES, e) ||
                  !csv_parse(&t->csv, strbuf_str(&bytes), path, e))) {
        strbuf_free(&bytes);
        captions_table_free(t);
        return false;
    }
    if (there)
        t->file = digest_file_bytes(bytes.data, bytes.size);
    strbuf_free(&bytes);
    read_rows(t);
    return true;
}

void captions_table_free(struct captions_table *t)
{
    free(t->rows);
    csv_free(&t->csv);
    arena_free(&t->arena);
    *t = (struct captions_table){0};
}

struct str captions_cell(const struct captions_table *t, const struct caption_row *row,
                         enum caption_column column)
{
    struct str cell = row->cells[t->column[column]];
    return cell.data ? cell : STR("");
}

/* How (id, filename) of the row at sorted place i compares with what is looked for. */
static int compare_key(const struct captions_table *t, size_t i, struct str id,
                       const struct str *filename)
{
    const struct caption_row *row = &t->rows[t->by_id[i]];
    int order = str_compare(str_trim(captions_cell(t, row, CAPTION_ID)), id);
    if (!order && filename)
        order = str_compare(captions_cell(t, row, CAPTION_FILENAME), *filename);
    return order;
}

struct caption_row *captions_take(struct captions_table *t, struct str id,
                                  const struct str *filename)
{
    size_t low = 0, high = t->read_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (compare_key(t, middle, id, filename) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    if (low == t->read_count)
        return NULL;
    size_t i = t->cursor[low] > low ? t->cursor[low] : low;
    for (; i < t->read_count && compare_key(t, i, id, filename) == 0; i++) {
        struct caption_row *row = &t->rows[t->by_id[i]];
        if (id.size ? row->used : row->machine)
            continue;
        t->cursor[low] = i;
        row->used = true;
        return row;
    }
    t->cursor[low] = i;
    return NULL;
}

struct caption_row *captions_add(struct captions_table *t, size_t anchor)
{
    struct caption_row *row = new_row(t);
    t->touched = true;
    row->order = t->count;
    row->anchor = anchor;
    row->machine = row->used = true;
    return row;
}

void captions_set(struct captions_table *t, struct caption_row *row, enum caption_column column,
                  struct str value)
{
    t->touched = true;
    row->cells[t->column[column]] =
        (struct str){arena_strndup(&t->arena, value.data, value.size), value.size};
}

/* Would a spreadsheet take these digits for a number? */
static bool looks_numeric(const char *digits, size_t n)
{
    size_t letters = 0;
    for (size_t i = 0; i < n; i++)
        if (digits[i] > '9') {
            letters++;
            if (digits[i] != 'e')
                return false;
        }
    return letters <= 1;
}

void captions_id(struct strbuf *out, struct digest content)
{
    char hex[DIGEST_HEX];
    size_t n = ID_DIGITS;
    digest_hex(content, hex);
    while (n < DIGEST_HEX - 1 && looks_numeric(hex, n))
        n++;
    strbuf_add(out, hex, n);
}

void captions_by(struct strbuf *out, struct str prompt)
{
    char hex[DIGEST_HEX];
    struct digest_stream *s = digest_begin("caption");
    digest_add_str(s, prompt);
    digest_hex(digest_end(s), hex);
    strbuf_printf(out, "auto-%.*s", BY_DIGITS, hex);
}

void captions_by_accepted(struct strbuf *out, struct str id, struct str prompt)
{
    char hex[DIGEST_HEX];
    struct digest_stream *s = digest_begin("accepted caption");
    digest_add_str(s, id);
    digest_add_str(s, prompt);
    digest_hex(digest_end(s), hex);
    strbuf_printf(out, "ok-%.*s", BY_DIGITS, hex);
}

static int by_anchor(const void *a, const void *b)
{
    const struct caption_row *x = *(const struct caption_row *const *)a,
                             *y = *(const struct caption_row *const *)b;
    if (x->anchor != y->anchor)
        return x->anchor < y->anchor ? -1 : 1;
    return (x->order > y->order) - (x->order < y->order);
}

bool captions_table_print(struct captions_table *t, struct strbuf *out)
{
    struct caption_row **kept = mem_array(t->count, sizeof *kept);
    size_t n = 0;
    struct strbuf before = {0};
    for (size_t i = 0; i < t->count; i++)
        if (!t->rows[i].dropped)
            kept[n++] = &t->rows[i];
    if (n)
        qsort(kept, n, sizeof *kept, by_anchor);
    strbuf_add_text(out, CSV_BOM);
    csv_add_row(out, t->header, t->width);
    for (size_t i = 0; i < n; i++)
        csv_add_row(out, kept[i]->cells, t->width);
    /* The same table with another separator or line ends is no reason to write; nor are columns
     * of ours that would stand empty. */
    strbuf_add_text(&before, CSV_BOM);
    for (size_t i = 0; i < t->csv.count; i++)
        csv_add_row(&before, t->csv.rows[i].cells, t->csv.rows[i].count);
    bool same = (!t->touched && n == t->count) || (t->read_count == 0 && n == 0) ||
                str_equal(strbuf_str(&before), strbuf_str(out));
    strbuf_free(&before);
    free(kept);
    return !same;
}
