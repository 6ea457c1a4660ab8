/* verify: are the results intact, and what did they see? Changes nothing. */
#include "lorabuild/run/verify.h"
#include "lorabuild/commands/ndjson.h"
#include "lorabuild/commands/reader.h"
#include "lorabuild/commands/screen.h"
#include "lorabuild/common/clock.h"
#include "lorabuild/common/memory.h"
#include "lorabuild/common/text.h"
#include "lorabuild/run/never_saw.h"
#include "lorabuild/run/rebuild.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>

struct verify_screen {
    struct screen screen;
    const struct options *options;
    size_t wrong;
};

static void print_json(const struct verify_result *r, const char *name)
{
    for (size_t i = 0; i < r->count; i++)
        ndjson_print(json_pack("{s:s, s:o, s:b, s:s}", "adapter", name, "version",
                               ndjson_version(r->items[i].version), "wrong", r->items[i].wrong,
                               "finding", r->items[i].text));
    ndjson_print(json_pack("{s:s, s:b, s:I, s:I, s:I, s:I, s:I}", "adapter", name, "intact",
                           r->wrong == 0, "versions", (json_int_t)r->versions, "files",
                           (json_int_t)r->files, "archives", (json_int_t)r->archives, "bytes",
                           (json_int_t)r->bytes, "wrong", (json_int_t)r->wrong));
}

static void print_result(struct screen *s, const struct verify_result *r, const char *name,
                         double seconds)
{
    char step[24], line[200], size[32];
    int last = -1;
    for (size_t i = 0; i < r->count; i++) {
        const struct verify_finding *f = &r->items[i];
        step[0] = '\0';
        if (f->version)
            snprintf(step, sizeof step, "v%d", f->version);
        screen_line(s, name, f->version == last ? "" : step, f->wrong ? PAINT_RED : PAINT_YELLOW,
                    f->text, -1);
        last = f->version;
    }
    snprintf(line, sizeof line, _("%zu %s, %zu %s, %zu %s, %s"), r->versions,
             show_plural(r->versions, _("version"), _("versions")), r->files,
             show_plural(r->files, _("file"), _("files")), r->archives,
             show_plural(r->archives, _("archive"), _("archives")), show_size(r->bytes, size));
    screen_line(s, name, r->wrong ? _("read") : _("intact"), PAINT_NONE, line, seconds);
}

static bool verify_one(struct verify_screen *v, struct workshop *w, int adapter, int version,
                       struct error *e)
{
    double begin = clock_seconds();
    const char *name = w->project->rules->adapters[adapter].name;
    struct target *t = workshop_target(w, adapter, e);
    struct verify_result r = {0};
    if (t && version && !lineage_version(&t->lineage, version))
        return error_set(e, ERROR_INPUT, _("%s has no v%d; see lorabuild log %s"), name, version,
                         name);
    if (!t || !verify_adapter(w, t, version, &r, e)) {
        verify_free(&r);
        return false;
    }
    if (v->options->json)
        print_json(&r, name);
    else if (r.versions || r.count)
        print_result(&v->screen, &r, name, clock_seconds() - begin);
    v->wrong += r.wrong;
    verify_free(&r);
    return true;
}

static int number_meant(const struct target *t, int version)
{
    const struct lineage *l = &t->lineage;
    return version > 0    ? version
           : version == 0 ? l->current
           : l->count     ? l->versions[l->count - 1].number
                          : 0;
}

/* --- --never-saw --- */

static void print_seen(struct screen *s, const struct never_saw *n)
{
    for (size_t i = 0; i < n->sample_count; i++) {
        const struct never_saw_sample *sample = &n->samples[i];
        struct strbuf line = {0};
        if (!sample->seen)
            continue;
        strbuf_printf(&line, "  §%-4zu %s v%d  ", sample->place, sample->by, sample->version);
        char *text = show_cut(sample->text, 78 - display_width(strbuf_str(&line)));
        strbuf_add_text(&line, text);
        screen_text(s, line.data);
        free(text);
        strbuf_free(&line);
    }
}

static void print_line_of(struct screen *s, const struct never_saw *n)
{
    struct strbuf b = {0};
    char count[32];
    strbuf_printf(&b, _("Compared with %s texts that had a part in "),
                  str_count(n->exposure, count));
    for (size_t i = 0; i < n->line_count; i++)
        strbuf_printf(&b, "%s%s v%d", i ? ", " : "", n->line[i].name, n->line[i].number);
    strbuf_add_byte(&b, '.');
    screen_text(s, b.data);
    if (n->missing)
        screen_text(s, _("Of those not there any more, what came from them lists all they saw."));
    strbuf_free(&b);
}

static void print_never_saw(struct screen *s, const struct never_saw *n, const char *name,
                            int number, const char *file)
{
    struct strbuf b = {0}, shown = {0};
    strbuf_add_shown(&shown, str_of(file));
    strbuf_printf(&b, "%s v%d ", name, number);
    if (n->seen + n->seen_headings)
        strbuf_printf(&b, _("saw %s: %zu of its %zu %s"), shown.data, n->seen, n->text_count,
                      show_plural(n->text_count, _("sample"), _("samples")));
    else
        strbuf_printf(&b,
                      n->text_count == 1
                          ? _("never saw %s: its %zu sample had no part in it")
                          : _("never saw %s: none of its %zu samples had a part in it"),
                      shown.data, n->text_count);
    if (n->seen_headings)
        strbuf_printf(&b, _(" and %zu of its headings"), n->seen_headings);
    screen_text(s, b.data);
    print_seen(s, n);
    for (size_t i = 0; i < n->other_count; i++) {
        b.size = 0;
        strbuf_printf(&b, _("The same text stood in %s."), n->others[i]);
        screen_text(s, b.data);
    }
    for (size_t i = 0; i < n->shared_count; i++) {
        b.size = 0;
        strbuf_printf(&b, _("Its heading '%s' stands in other documents and is not counted."),
                      n->shared[i]);
        screen_text(s, b.data);
    }
    print_line_of(s, n);
    strbuf_free(&shown);
    strbuf_free(&b);
}

static void print_never_saw_json(const struct never_saw *n, const char *name, int number,
                                 const char *file)
{
    json_t *seen = json_array(), *others = json_array();
    for (size_t i = 0; i < n->sample_count; i++)
        if (n->samples[i].seen)
            json_array_append_new(
                seen, json_pack("{s:I, s:s, s:i, s:s}", "place", (json_int_t)n->samples[i].place,
                                "adapter", n->samples[i].by, "version", n->samples[i].version,
                                "text", n->samples[i].text));
    for (size_t i = 0; i < n->other_count; i++)
        json_array_append_new(others, json_string(n->others[i]));
    ndjson_print(json_pack("{s:s, s:i, s:s, s:b, s:I, s:o, s:o}", "adapter", name, "version",
                           number, "file", file, "never_saw", n->seen + n->seen_headings == 0,
                           "samples", (json_int_t)n->text_count, "seen", seen, "also_in", others));
}

static bool ask_never_saw(struct verify_screen *v, struct workshop *w, int adapter, int version,
                          struct error *e)
{
    const char *name = w->project->rules->adapters[adapter].name;
    const char *file = v->options->never_saw;
    struct target *t = workshop_target(w, adapter, e);
    struct never_saw n;
    if (!t)
        return false;
    int number = number_meant(t, version);
    if (!number || !lineage_version(&t->lineage, number))
        return error_set(e, ERROR_INPUT, _("%s has no such version; see lorabuild log %s"), name,
                         name);
    if (!never_saw_ask(&n, w, adapter, number, file, command_threads(v->options), e))
        return false;
    if (v->options->json)
        print_never_saw_json(&n, name, number, file);
    else
        print_never_saw(&v->screen, &n, name, number, file);
    v->wrong += n.seen + n.seen_headings;
    never_saw_free(&n);
    return true;
}

/* --- --rebuild --- */

static volatile sig_atomic_t interrupts;

static void on_interrupt(int number)
{
    (void)number;
    interrupts++;
}

static void on_rebuilt(void *context, const struct ancestor *a, const char *differs, double seconds)
{
    struct verify_screen *v = context;
    char step[24];
    struct strbuf line = {0};
    snprintf(step, sizeof step, "v%d", a->number);
    if (differs)
        strbuf_printf(&line, _("trained again: %s differs"), differs);
    else
        strbuf_add_text(&line, _("trained again: the same bits"));
    if (v->options->json)
        ndjson_print(json_pack("{s:s, s:i, s:b, s:s?}", "adapter", a->name, "version", a->number,
                               "same", differs == NULL, "differs", differs));
    else
        screen_line(&v->screen, a->name, step, differs ? PAINT_RED : PAINT_NONE, line.data,
                    seconds);
    v->wrong += differs != NULL;
    strbuf_free(&line);
}

static bool rebuild(struct verify_screen *v, struct workshop *w, int adapter, int version,
                    struct error *e)
{
    const char *name = w->project->rules->adapters[adapter].name;
    struct target *t = workshop_target(w, adapter, e);
    int number = t ? number_meant(t, version) : 0;
    if (t && (!number || !lineage_version(&t->lineage, number)))
        return error_set(e, ERROR_INPUT, _("%s has no such version; see lorabuild log %s"), name,
                         name);
    struct sigaction act = {.sa_handler = on_interrupt};
    sigaction(SIGINT, &act, NULL);
    sigaction(SIGTERM, &act, NULL);
    struct rebuild_options o = {.threads = command_threads(v->options),
                                .memory_bytes = v->options->memory_bytes,
                                .interrupted = &interrupts,
                                .done = on_rebuilt,
                                .context = v};
    bool same;
    return t && rebuild_line(w, adapter, number, &o, &same, e);
}

/* --- The command. --- */

static bool verify_all(struct verify_screen *v, struct workshop *w, struct error *e)
{
    const struct rules *r = w->project->rules;
    for (size_t i = 0; i < r->adapter_count; i++)
        screen_fit_name(&v->screen, r->adapters[i].name);
    for (size_t i = 0; i < r->adapter_count; i++)
        if (!verify_one(v, w, (int)i, 0, e))
            return false;
    return true;
}

static bool verify_named(struct verify_screen *v, struct workshop *w, const char *word,
                         struct error *e)
{
    const struct rules *r = w->project->rules;
    int adapter, version;
    if (!reader_choose(r, word, &adapter, &version, e))
        return false;
    screen_fit_name(&v->screen, r->adapters[adapter].name);
    if (v->options->rebuild)
        return rebuild(v, w, adapter, version, e);
    if (v->options->never_saw)
        return ask_never_saw(v, w, adapter, version, e);
    struct target *t = workshop_target(w, adapter, e);
    return t && verify_one(v, w, adapter, version ? number_meant(t, version) : 0, e);
}

static void print_remedy(struct verify_screen *v)
{
    if (!v->wrong || v->options->json || v->options->never_saw || v->options->rebuild)
        return;
    screen_text(&v->screen, "");
    screen_text(&v->screen, _("What was edited or is damaged comes back as it was built once it is "
                              "deleted and\nthe adapter built again: lorabuild NAME"));
}

static bool work(const struct options *o, struct workshop *w, void *context, struct error *e)
{
    struct verify_screen *v = context;
    screen_open(&v->screen, stdout, o->quiet);
    bool ok = o->word_count > 1 || verify_all(v, w, e);
    for (int i = 1; ok && i < o->word_count; i++)
        ok = verify_named(v, w, o->words[i], e);
    if (ok)
        print_remedy(v);
    return ok;
}

int command_verify(const struct options *o)
{
    struct error e = {0};
    struct verify_screen v = {.options = o};
    if ((o->never_saw || o->rebuild) && o->word_count != 2) {
        error_set(&e, ERROR_USAGE,
                  o->rebuild ? _("which adapter? lorabuild verify NAME@v1 --rebuild")
                             : _("which adapter? lorabuild verify NAME@v1 --never-saw FILE"));
        return command_fail(&e);
    }
    int code = command_in_workshop(o, true, work, &v);
    return code ? code : v.wrong > 0;
}
