#include "lorabuild/commands/show_plan.h"
#include "lorabuild/common/memory.h"
#include "lorabuild/common/text.h"

#include <stdlib.h>
#include <string.h>

void show_withdrawn(struct strbuf *b, const struct withdrawal *w)
{
    char count[32];
    if (w->document_count == 1 && !w->place)
        strbuf_add_shown(b, str_of(w->documents[0]));
    else if (w->place && !w->document_count)
        strbuf_add_shown(b, str_of(w->place));
    else if (w->document_count > 1)
        strbuf_printf(b, _("%s documents"), str_count(w->document_count, count));
    else
        strbuf_printf(b, "%s %s", str_count(w->samples, count),
                      show_plural(w->samples, _("sample"), _("samples")));
}

static bool is_one(const struct withdrawal *w)
{
    return w->document_count == 1 || (w->place && !w->document_count);
}

/* "v1", "v1 and v2", "v1 to v4" where no number is missing in between, "v1, v3 and 2 more" */
static void add_versions(struct strbuf *b, const struct withdrawal *w)
{
    size_t n = w->version_count;
    const int *v = w->versions;
    if (n == 1)
        strbuf_printf(b, "v%d", v[0]);
    else if (n == 2)
        strbuf_printf(b, _("v%d and v%d"), v[0], v[1]);
    else if (v[n - 1] - v[0] == (int)n - 1)
        strbuf_printf(b, _("v%d to v%d"), v[0], v[n - 1]);
    else
        strbuf_printf(b, _("v%d, v%d and %zu more"), v[0], v[1], n - 2);
}

void show_not_continued(struct screen *s, const struct build_job *job)
{
    const struct withdrawal *w = job->withdrawal;
    struct strbuf b = {0};
    if (!w || job->target->plan.verdict != PLAN_TRAIN)
        return;
    add_versions(&b, w);
    strbuf_printf(&b, " %s", is_one(w) ? _("learned it") : _("learned them"));
    strbuf_add_text(&b, w->version_count == 1   ? _("; it is not continued")
                        : w->version_count == 2 ? _("; neither is continued")
                                                : _("; none is continued"));
    screen_line(s, "Plan", NULL, PAINT_NONE, b.data, -1);
    strbuf_free(&b);
}

void show_remains(struct screen *s, const struct build_job *job)
{
    const struct withdrawal *w = job->withdrawal;
    const char *name = job->target->rule->name;
    struct strbuf b = {0};
    if (w && w->stay) {
        strbuf_printf(&b,
                      w->document_count == 1 ? _("%zu of its %zu %s ") : _("%zu of their %zu %s "),
                      w->stay, w->stay + w->samples,
                      show_plural(w->stay + w->samples, _("sample"), _("samples")));
        strbuf_printf(
            &b, w->stay == 1 ? _("stays: %s has the same text") : _("stay: %s has the same text"),
            w->stays_in);
        screen_line(s, name, _("note"), PAINT_NONE, b.data, -1);
    }
    b.size = 0;
    if (w && w->near) {
        strbuf_printf(&b,
                      w->near == 1 ? _("%zu that is gone nearly stands in %s")
                                   : _("%zu that are gone nearly stand in %s"),
                      w->near, w->near_in);
        screen_line(s, name, _("note"), PAINT_YELLOW, b.data, -1);
    }
    strbuf_free(&b);
}

void show_never_saw(char line[static 200], const struct withdrawal *w)
{
    struct strbuf b = {0};
    char count[32];
    strbuf_add_text(&b, _("ready, in use; never saw "));
    if (w->stay)
        strbuf_printf(&b, w->samples == 1 ? _("the other %s sample") : _("the other %s samples"),
                      str_count(w->samples, count));
    else
        show_withdrawn(&b, w);
    snprintf(line, 200, "%s", b.data);
    strbuf_free(&b);
}

/* As a shell takes it. */
static void add_quoted(struct strbuf *b, const char *word)
{
    static const char special[] = " \t\n'\"\\$`!*?[](){}<>|&;#~";
    if (word[0] && !strpbrk(word, special)) {
        strbuf_add_text(b, word);
        return;
    }
    strbuf_add_byte(b, '\'');
    for (; *word; word++)
        if (*word == '\'')
            strbuf_add_text(b, "'\\''");
        else
            strbuf_add_byte(b, *word);
    strbuf_add_byte(b, '\'');
}

void show_blocked(struct screen *s, const char *adapter, const struct withdrawal *w)
{
    enum { MOST_NAMED = 3 };
    struct strbuf versions = {0}, command = {0};
    if (!w)
        return;
    if (w->version_count == 2)
        strbuf_printf(&versions, "v%d, v%d", w->versions[0], w->versions[1]);
    else
        add_versions(&versions, w);
    bool named = w->document_count > 0 && w->document_count <= MOST_NAMED;
    screen_line(s, adapter, versions.data, PAINT_YELLOW,
                !named                  ? _("blocked from `use`")
                : w->version_count == 1 ? _("blocked from `use`; to erase it with a receipt:")
                                        : _("blocked from `use`; to erase them with a receipt:"),
                -1);
    if (named) {
        strbuf_add_text(&command, "lorabuild forget ");
        add_quoted(&command, adapter);
        for (size_t i = 0; i < w->document_count; i++) {
            strbuf_add_byte(&command, ' ');
            add_quoted(&command, w->documents[i]);
        }
        screen_more(s, command.data);
    }
    strbuf_free(&command);
    strbuf_free(&versions);
}
