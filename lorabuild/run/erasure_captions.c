#include "lorabuild/run/erasure_captions.h"

#include "cache/lineage_remove.h"
#include "lorabuild/common/file.h"
#include "lorabuild/data/captions_table.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* As the table writes a name: what is no UTF-8 is escaped. */
static bool is_name(struct str cell, const char *name)
{
    struct strbuf shown = {0};
    if (utf8_valid(str_of(name), NULL))
        strbuf_add_text(&shown, name);
    else
        strbuf_add_shown(&shown, str_of(name));
    bool same = str_equal(cell, strbuf_str(&shown));
    strbuf_free(&shown);
    return same;
}

static int by_text(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* The ids of the forgotten contents, sorted. */
static char **list_ids(const struct erasure *x)
{
    char **ids = mem_array(x->contents.count + 1, sizeof *ids);
    for (size_t i = 0; i < x->contents.count; i++) {
        struct strbuf b = {0};
        captions_id(&b, x->contents.items[i]);
        ids[i] = strbuf_take(&b);
    }
    qsort(ids, x->contents.count, sizeof *ids, by_text);
    return ids;
}

static bool is_forgotten(const struct captions_table *t, const struct caption_row *row,
                         const struct erasure *x, char *const *ids)
{
    char *id = NULL;
    struct str cell = str_trim(captions_cell(t, row, CAPTION_ID));
    for (size_t i = 0; i < x->name_count; i++)
        if (is_name(captions_cell(t, row, CAPTION_FILENAME), x->names[i]))
            return true;
    if (!cell.size)
        return false;
    id = mem_printf("%.*s", (int)cell.size, cell.data);
    bool found = bsearch(&id, ids, x->contents.count, sizeof *ids, by_text) != NULL;
    free(id);
    return found;
}

static bool replace(const char *path, struct str bytes, struct error *e)
{
    struct stat like, own;
    if (stat(path, &like) < 0)
        return error_errno(e, "%s", path);
    if (!file_replace(path, bytes, like.st_mode & 0666, e))
        return false;
    if (stat(path, &own) == 0 && (own.st_uid != like.st_uid || own.st_gid != like.st_gid)) {
        int ignored = lchown(path, like.st_uid, like.st_gid);
        (void)ignored;
    }
    return true;
}

static bool remove_page(const char *folder, struct error *e)
{
    char *page = path_join(folder, "captions.html");
    bool ok = unlink(page) == 0 || errno == ENOENT || error_errno(e, "%s", page);
    free(page);
    return ok;
}

bool erasure_captions(const char *path, const struct erasure *x, bool *written, struct error *e)
{
    struct captions_table t;
    struct strbuf bytes = {0};
    char **ids = NULL, *folder = path_folder(path);
    size_t dropped = 0;
    *written = true;
    bool ok = captions_table_read(&t, path, e);
    if (!ok)
        goto out;
    ids = list_ids(x);
    for (size_t i = 0; i < t.count; i++) {
        t.rows[i].dropped = is_forgotten(&t, &t.rows[i], x, ids);
        dropped += t.rows[i].dropped;
    }
    if (dropped && access(folder, W_OK) < 0) {
        *written = false;
    } else if (dropped) {
        captions_table_print(&t, &bytes);
        ok = replace(path, strbuf_str(&bytes), e) && remove_page(folder, e);
    }
    if (ok && access(folder, W_OK) == 0)
        ok = sweep_temporaries(folder, path_base(path), false, e);
    for (size_t i = 0; i < x->contents.count; i++)
        free(ids[i]);
    captions_table_free(&t);
out:
    strbuf_free(&bytes);
    free(ids);
    free(folder);
    return ok;
}
