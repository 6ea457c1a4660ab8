#include "rules/source.h"

#include "lorabuild/common/file.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* The length of the line break at `at`, 0 = none: all that YAML 1.1 takes for one, so that our
 * line numbers are libyaml's. */
static size_t break_length(struct str text, size_t at)
{
    struct str rest = {text.data + at, text.size - at};
    if (str_starts(rest, "\r\n") || str_starts(rest, "\xC2\x85"))
        return 2;
    if (str_starts(rest, "\xE2\x80\xA8") || str_starts(rest, "\xE2\x80\xA9"))
        return 3;
    return rest.data[0] == '\n' || rest.data[0] == '\r' ? 1 : 0;
}

static void split_lines(struct source *s, struct arena *a)
{
    size_t count = 1;
    for (size_t at = 0, n; at < s->text.size; at += n ? n : 1)
        count += (n = break_length(s->text, at)) > 0;
    s->lines = arena_array(a, count, sizeof *s->lines);
    size_t from = 0;
    for (size_t at = 0; at < s->text.size;) {
        size_t n = break_length(s->text, at);
        if (n)
            s->lines[s->line_count++] = (struct str){s->text.data + from, at - from};
        at += n ? n : 1;
        from = n ? at : from;
    }
    if (from < s->text.size || s->line_count == 0)
        s->lines[s->line_count++] = (struct str){s->text.data + from, s->text.size - from};
}

const char *source_shown(const char *path, struct arena *a)
{
    char *here = getcwd(NULL, 0);
    const char *shown = path;
    if (here && path_is_beneath(path, here) && strcmp(path, here) != 0)
        shown = path + strlen(here) + (strcmp(here, "/") != 0);
    free(here);
    return arena_strdup(a, shown);
}

/* The real folder, but the file's own name: a rule file that is a link counts where it stands. */
static const char *absolute_path(const char *path, struct arena *a)
{
    char *folder = path_folder(path);
    char *real = realpath(folder, NULL);
    char *joined = path_join(real ? real : folder, path_base(path));
    const char *result = arena_strdup(a, joined);
    free(joined);
    free(real);
    free(folder);
    return result;
}

bool source_read(struct source *s, const char *path, struct arena *a, struct error *e)
{
    struct strbuf b = {0};
    s->path = absolute_path(path, a);
    s->shown = source_shown(s->path, a);
    char *folder = path_folder(s->path);
    s->folder = arena_strdup(a, folder);
    free(folder);
    bool ok = file_read(&b, path, SOURCE_MOST_BYTES, e);
    if (ok) {
        struct str text = strbuf_str(&b);
        if (text.size && str_starts(text, "\xEF\xBB\xBF"))
            text.data += 3, text.size -= 3;
        s->text = (struct str){arena_strndup(a, text.size ? text.data : "", text.size), text.size};
        split_lines(s, a);
    }
    strbuf_free(&b);
    return ok;
}

struct str source_line(const struct source *s, size_t line)
{
    return line >= 1 && line <= s->line_count ? s->lines[line - 1] : (struct str){"", 0};
}

size_t source_column(const struct source *s, size_t line, size_t column)
{
    size_t before = 0;
    for (size_t i = 0; i < s->shift_count && s->shifts[i].line <= line; i++) {
        const struct shift *shift = &s->shifts[i];
        if (shift->line < line || column <= shift->column + before)
            continue;
        size_t into = column - shift->column - before;
        before += into < shift->extra ? into : shift->extra;
    }
    return column - before;
}

size_t source_characters(struct str text)
{
    size_t n = 0;
    for (size_t at = 0; at < text.size; n++)
        utf8_next(text, &at);
    return n;
}
