#include "lorabuild/common/file.h"
#include "lorabuild/common/text.h"
#include "lorabuild/run/import_parts.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { MOST_BYTES = 64 << 20 };

/* A record of an adapter; a missing one is empty. */
static bool read_record(struct strbuf *text, const char *folder, const char *name, struct error *e)
{
    char *path = path_join(folder, name);
    bool missing = access(path, F_OK) < 0 && errno == ENOENT;
    bool ok = missing || file_read(text, path, MOST_BYTES, e);
    free(path);
    return ok;
}

static bool next_line(struct str *rest, struct str *line)
{
    if (!rest->size)
        return false;
    const char *end = memchr(rest->data, '\n', rest->size);
    *line = (struct str){rest->data, end ? (size_t)(end - rest->data) : rest->size};
    rest->data += line->size + (end != NULL);
    rest->size -= line->size + (end != NULL);
    return true;
}

static bool has_line(struct str text, struct str wanted)
{
    struct str line;
    while (next_line(&text, &line))
        if (str_equal(line, wanted))
            return true;
    return false;
}

/* The lines here, then those of the bundle that are not among them. */
static bool join_lines(const struct import_lineage *l, const char *name, struct error *e)
{
    struct strbuf theirs = {0}, text = {0};
    struct str line;
    bool ok = read_record(&theirs, l->staged.folder, name, e) &&
              read_record(&text, l->rule->output, name, e);
    size_t before = text.size;
    if (text.size && text.data[text.size - 1] != '\n')
        strbuf_add_byte(&text, '\n');
    for (struct str rest = strbuf_str(&theirs); ok && next_line(&rest, &line);)
        if (line.size && !has_line(strbuf_str(&text), line)) {
            strbuf_add_str(&text, line);
            strbuf_add_byte(&text, '\n');
        }
    char *path = path_join(l->rule->output, name), *folder = path_folder(path);
    if (ok && text.size > before)
        ok = folder_make(folder, 0777, e) && file_replace(path, strbuf_str(&text), 0666, e);
    free(folder);
    free(path);
    strbuf_free(&text);
    strbuf_free(&theirs);
    return ok;
}

static bool join_set_aside(const struct import_lineage *l, struct error *e)
{
    struct strbuf text = {0};
    struct str line;
    bool ok = read_record(&text, l->staged.folder, "set-aside", e);
    for (struct str rest = strbuf_str(&text); ok && next_line(&rest, &line);) {
        int64_t number;
        if (str_to_int(str_trim(line), &number) && number > 0 && number < 1000000 &&
            !lineage_version((struct lineage *)(uintptr_t)&l->here, (int)number))
            ok = lineage_set_aside(l->rule->output, (int)number, true, e);
    }
    strbuf_free(&text);
    return ok;
}

/* What is not here yet is copied as it is. */
static bool copy_record(const struct import_lineage *l, const char *name, mode_t mode,
                        struct error *e)
{
    struct strbuf theirs = {0}, mine = {0};
    bool ok = read_record(&theirs, l->staged.folder, name, e) &&
              read_record(&mine, l->rule->output, name, e);
    char *path = path_join(l->rule->output, name), *folder = path_folder(path);
    if (ok && theirs.size && !mine.size)
        ok = folder_make(folder, 0777, e) && file_replace(path, strbuf_str(&theirs), mode, e);
    free(folder);
    free(path);
    strbuf_free(&mine);
    strbuf_free(&theirs);
    return ok;
}

bool import_forgotten_agrees(const struct import_lineage *l, struct error *e)
{
    struct strbuf theirs = {0}, mine = {0};
    bool ok = read_record(&theirs, l->staged.folder, "forgotten/key", e) &&
              read_record(&mine, l->rule->output, "forgotten/key", e);
    if (ok && theirs.size && mine.size && !str_equal(strbuf_str(&theirs), strbuf_str(&mine)))
        ok = error_set(e, ERROR_INPUT,
                       _("documents of %s were forgotten on both machines, and their lists cannot "
                         "be joined; nothing was imported. To take the bundle's list, move "
                         "%s/forgotten away, import, and forget there what it named"),
                       l->rule->name, l->rule->output);
    strbuf_free(&mine);
    strbuf_free(&theirs);
    return ok;
}

bool import_records(struct import_lineage *l, struct error *e)
{
    return copy_record(l, "forgotten/key", 0600, e) && join_lines(l, "forgotten/tombstones", e) &&
           join_lines(l, "history", e) && join_lines(l, "blocked", e) && join_set_aside(l, e) &&
           (l->here.count || copy_record(l, "chosen", 0666, e));
}
