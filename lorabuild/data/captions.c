#include "lorabuild/data/captions_parts.h"

#include "lorabuild/common/file.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { EXCERPT = 40 };

static struct str kept(struct arena *a, struct strbuf *b)
{
    struct str own = {arena_strndup(a, b->data, b->size), b->size};
    strbuf_free(b);
    return own;
}

static struct str shown_name(struct arena *a, const char *path)
{
    struct strbuf b = {0};
    if (utf8_valid(str_of(path), NULL))
        strbuf_add_text(&b, path);
    else
        strbuf_add_shown(&b, str_of(path));
    return kept(a, &b);
}

static struct str id_text(struct arena *a, struct digest content)
{
    struct strbuf b = {0};
    captions_id(&b, content);
    return kept(a, &b);
}

static struct str title_of(struct arena *a, struct str heading)
{
    struct strbuf b = {0};
    wording_title(&b, heading);
    return kept(a, &b);
}

static struct str name_title(struct arena *a, const char *path)
{
    struct strbuf b = {0};
    wording_name(&b, path);
    return kept(a, &b);
}

/* titles[1 … 6]: the headings in force, empty where there is none. */
static struct wording wording_under(const struct str titles[static 7], struct str name)
{
    struct wording w = {.title = titles[1].size ? titles[1] : name,
                        .title_is_name = titles[1].size == 0};
    for (int level = 6; level > 1; level--) {
        if (!titles[level].size)
            continue;
        if (w.section.size) {
            w.chapter = titles[level];
            break;
        }
        w.section = titles[level];
    }
    return w;
}

static void gather_document(struct joining *j, struct document *d)
{
    struct str titles[7] = {{0}};
    struct str name = shown_name(&j->arena, d->path), own_title = name_title(&j->arena, d->path);
    for (size_t i = 0; i < d->count; i++) {
        struct sample *s = &d->samples[i];
        if (s->kind == SAMPLE_HEADING) {
            for (int level = s->heading_level; level < 7; level++)
                titles[level] = (struct str){0};
            titles[s->heading_level] = title_of(&j->arena, s->text);
        } else if (s->kind == SAMPLE_TEXT) {
            j->askers[j->count++] = (struct asker){.document = d,
                                                   .sample = s,
                                                   .name = name,
                                                   .id = id_text(&j->arena, s->content),
                                                   .wording = wording_under(titles, own_title),
                                                   .row = NO_ROW};
        }
    }
}

static void gather(struct joining *j, struct dataset *d)
{
    size_t texts = 0;
    for (size_t i = 0; i < d->document_count; i++)
        texts += d->documents[i].count;
    j->askers = mem_array(texts, sizeof *j->askers);
    for (size_t i = 0; i < d->document_count; i++)
        gather_document(j, &d->documents[i]);
}

/* Rows of the same file first, so that a copy in another file does not take them away. */
static void match(struct joining *j)
{
    for (int anywhere = 0; anywhere < 2; anywhere++)
        for (size_t i = 0; i < j->count; i++) {
            struct asker *a = &j->askers[i];
            if (a->row != NO_ROW)
                continue;
            struct caption_row *row = captions_take(&j->table, a->id, anywhere ? NULL : &a->name);
            if (row)
                a->row = row - j->table.rows;
        }
}

static struct str request_text(struct joining *j, const struct wording *w)
{
    struct strbuf b = {0};
    wording_request(&b, w);
    return kept(&j->arena, &b);
}

/* The text's first words, without the marks that a spreadsheet takes for a formula. */
static struct str excerpt(struct joining *j, struct str text)
{
    struct strbuf b = {0};
    size_t at = 0, characters = 0;
    while (at < text.size && strchr("-+=@*#>|`~ \t\n", text.data[at]))
        at++;
    while (at < text.size && characters++ < EXCERPT) {
        size_t from = at;
        utf8_next(text, &at);
        if (text.data[from] == '\n' || text.data[from] == '\t')
            strbuf_add_byte(&b, ' ');
        else
            strbuf_add(&b, text.data + from, at - from);
    }
    if (at < text.size)
        strbuf_add_text(&b, "…");
    return kept(&j->arena, &b);
}

static void set_cell(struct joining *j, struct caption_row *row, enum caption_column column,
                     struct str value)
{
    if (!str_equal(captions_cell(&j->table, row, column), value))
        captions_set(&j->table, row, column, value);
}

static void set_machine_row(struct joining *j, struct caption_row *row, const struct asker *a,
                            struct str prompt)
{
    struct strbuf by = {0};
    row->accepted = row->accepted && str_equal(prompt, row->prompt);
    if (row->accepted)
        captions_by_accepted(&by, a->id, prompt);
    else
        captions_by(&by, prompt);
    if (!str_equal(prompt, row->prompt))
        j->counts->fresh++;
    set_cell(j, row, CAPTION_FILENAME, a->name);
    set_cell(j, row, CAPTION_PROMPT, prompt);
    set_cell(j, row, CAPTION_BY, kept(&j->arena, &by));
    set_cell(j, row, CAPTION_ID, a->id);
    set_cell(j, row, CAPTION_PASSAGE, excerpt(j, a->sample->text));
    row->prompt = prompt;
}

/* The machine's caption for a text, kept in its row (made behind `last` if there is none). */
static struct str generate(struct joining *j, struct asker *a, ptrdiff_t last)
{
    struct str request = request_text(j, &a->wording);
    struct caption_row *row;
    if (a->row == NO_ROW) {
        row = captions_add(&j->table, last == NO_ROW ? SIZE_MAX : j->table.rows[last].anchor);
        a->row = row - j->table.rows;
    } else {
        row = &j->table.rows[a->row];
        if (a->wording.title_is_name && wording_same_place(row->prompt, &a->wording))
            request = row->prompt;
    }
    set_machine_row(j, row, a, request);
    return request;
}

static struct str users_caption(struct joining *j, const struct caption_row *row, enum fate *fate)
{
    *fate = row->skip ? SKIPPED : LEARNED;
    j->counts->skipped += row->skip;
    j->counts->yours += !row->skip;
    return row->prompt;
}

static struct str machines_caption(struct joining *j, struct asker *a, ptrdiff_t last,
                                   enum fate *fate)
{
    struct str caption = generate(j, a, last);
    bool accepted = j->table.rows[a->row].accepted;
    *fate = j->review && !accepted ? WAITING : LEARNED;
    j->counts->machine++;
    j->counts->accepted += accepted;
    j->counts->waiting += *fate == WAITING;
    return caption;
}

/* The caption of one text, and what becomes of it. */
static struct str caption_of(struct joining *j, struct asker *a, ptrdiff_t last, enum fate *fate)
{
    struct caption_row *row = a->row == NO_ROW ? NULL : &j->table.rows[a->row];
    if (row && (!row->machine || row->skip)) {
        set_cell(j, row, CAPTION_FILENAME, a->name);
        return users_caption(j, row, fate);
    }
    const struct caption_row *whole = captions_take(&j->table, STR(""), &a->name);
    if (whole) {
        if (row)
            row->used = false; /* the file's row speaks for it */
        a->row = NO_ROW;
        return users_caption(j, whole, fate);
    }
    *fate = LEARNED;
    return j->generate ? machines_caption(j, a, last, fate) : STR("");
}

static void answer(struct joining *j, struct dataset *d)
{
    const struct document *current = NULL;
    ptrdiff_t last = NO_ROW;
    for (size_t i = 0; i < j->count; i++) {
        struct asker *a = &j->askers[i];
        if (a->document != current)
            last = NO_ROW;
        current = a->document;
        struct str caption = caption_of(j, a, last, &a->fate);
        a->sample->caption =
            (struct str){arena_strndup(&d->arena, caption.data, caption.size), caption.size};
        if (a->row != NO_ROW)
            last = a->row;
    }
    captions_leave_out(j, d);
}

static void note(struct captions_notes *n, struct dataset *d, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
static void note(struct captions_notes *n, struct dataset *d, const char *format, ...)
{
    char text[400];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    n->items = mem_grow(n->items, n->count + 1, sizeof *n->items);
    n->items[n->count++] = arena_strdup(&d->arena, text);
}

/* The machine's rows without a text go; the user's stay. */
static void drop_unused(struct joining *j, struct dataset *d, const char *path,
                        struct captions_notes *notes)
{
    size_t unmatched = 0;
    for (size_t i = 0; i < j->table.count; i++) {
        struct caption_row *row = &j->table.rows[i];
        row->dropped = !row->used && row->machine && !row->skip;
        unmatched += !row->used && !row->machine;
    }
    if (unmatched)
        note(notes, d, "%s: %zu of your captions match no text now; they are kept", path_base(path),
             unmatched);
}

/* Writes the table for whoever owns it or its folder, though another may run this. */
static bool replace(const char *path, const char *folder, struct str bytes, struct error *e)
{
    struct stat like, own;
    bool is_new = stat(path, &like) < 0;
    if (is_new && stat(folder, &like) < 0)
        return error_errno(e, "%s", folder);
    mode_t mode = like.st_mode & 0666;
    if (!file_replace(path, bytes, mode, e))
        return false;
    if (stat(path, &own) == 0 && (own.st_uid != like.st_uid || own.st_gid != like.st_gid)) {
        int ignored = lchown(path, like.st_uid, like.st_gid);
        (void)ignored;
    }
    chmod(path, mode);
    return true;
}

static bool is_as_read(const struct joining *j, const char *path)
{
    struct digest now = {{0}};
    if (access(path, F_OK) == 0 && !digest_file(&now, path, NULL))
        return false;
    return digest_equal(now, j->table.file);
}

static bool write_table(struct joining *j, struct dataset *d, const char *path, struct str bytes,
                        struct captions_notes *notes, bool *changed, struct error *e)
{
    char *folder = path_folder(path);
    bool ok = true;
    if (access(folder, W_OK) < 0 && j->counts->edited) {
        ok = error_errno(e, "%s", path);
    } else if (access(folder, W_OK) < 0) {
        note(notes, d, "%s: its folder cannot be written; captions are made anew each time", path);
    } else if (!is_as_read(j, path)) {
        *changed = true;
        ok = error_set(e, ERROR_INPUT, "%s: changed while it was being read; run again", path);
    } else {
        ok = replace(path, folder, bytes, e);
        j->table.file = digest_file_bytes(bytes.data, bytes.size);
    }
    free(folder);
    return ok;
}

bool captions_join(struct dataset *d, const struct captions_request *request, struct digest *file,
                   struct captions_counts *counts, struct captions_notes *notes, bool *changed,
                   struct error *e)
{
    const char *path = request->path;
    struct joining j = {
        .generate = request->generate && path, .review = request->review, .counts = counts};
    struct strbuf bytes = {0};
    *counts = (struct captions_counts){0};
    if (!captions_table_read(&j.table, path, e))
        return false;
    gather(&j, d);
    match(&j);
    if (request->edit)
        captions_apply_edit(&j, request->edit);
    answer(&j, d);
    if (path)
        drop_unused(&j, d, path, notes);
    bool ok = true;
    if ((j.generate || counts->edited) && captions_table_print(&j.table, &bytes))
        ok = write_table(&j, d, path, strbuf_str(&bytes), notes, changed, e);
    *file = j.table.file;
    strbuf_free(&bytes);
    free(j.askers);
    arena_free(&j.arena);
    captions_table_free(&j.table);
    return ok;
}
