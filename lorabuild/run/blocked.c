#include "lorabuild/run/blocked.h"

#include "lorabuild/common/clock.h"
#include "lorabuild/common/file.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static char *judged_path(const struct target *t)
{
    return mem_printf("%s/lineage/%s/judged", t->scope->keep, t->lineage.name);
}

static bool has_blocks(const struct target *t)
{
    char *path = path_join(t->lineage.folder, "blocked");
    bool there = access(path, F_OK) == 0;
    free(path);
    return there;
}

bool blocked_is_judged(const struct target *t, struct digest want_key)
{
    struct strbuf text = {0};
    struct digest judged;
    if (t->lineage.count < 2 && !has_blocks(t))
        return true; /* the only version, and it is what is wanted */
    char *path = judged_path(t);
    bool same = file_read(&text, path, 4096, NULL) &&
                digest_from_hex(&judged, str_trim(strbuf_str(&text))) &&
                digest_equal(judged, want_key);
    strbuf_free(&text);
    free(path);
    return same;
}

static bool remember(const struct target *t, struct error *e)
{
    char hex[DIGEST_HEX], *path, *folder;
    if (t->lineage.count < 2 || blocked_is_judged(t, t->plan.want_key))
        return true;
    path = judged_path(t);
    folder = path_folder(path);
    digest_hex(t->plan.want_key, hex);
    char *line = mem_printf("%s\n", hex);
    bool ok = folder_make(folder, 0777, e) && file_replace(path, str_of(line), 0666, e);
    free(line);
    free(folder);
    free(path);
    return ok;
}

/* A version that was blocked before keeps its line: the day is that of the withdrawal. */
static struct lineage_block describe(const struct plan_start *s, const struct lineage_block *before,
                                     size_t count)
{
    struct lineage_block b = {.number = s->version};
    for (size_t i = 0; i < count; i++)
        if (before[i].number == s->version) {
            memcpy(b.date, before[i].date, sizeof b.date);
            b.path = mem_strdup(before[i].path);
            return b;
        }
    clock_day(time(NULL), b.date);
    b.path = mem_strdup(s->example ? s->example : "a document whose name is lost");
    return b;
}

bool blocked_update(const struct target *t, struct error *e)
{
    const struct plan *p = &t->plan;
    if (!t->lineage.count || p->verdict == PLAN_EMPTY || p->verdict == PLAN_VANISHED)
        return true;
    struct lineage_block *before, *now = mem_array(p->start_count, sizeof *now);
    size_t before_count, count = 0;
    bool ok = lineage_read_blocked(t->lineage.folder, &before, &before_count, e);
    for (size_t i = p->start_count; ok && i-- > 0;)
        if (p->starts[i].exposed)
            now[count++] = describe(&p->starts[i], before, before_count);
    ok = ok && lineage_write_blocked(t->lineage.folder, now, count, e) && remember(t, e);
    lineage_blocked_free(now, count);
    lineage_blocked_free(before, before_count);
    return ok;
}
