/* show: every effective value of an adapter with its origin, its files, and how to load it. */
#include "lorabuild/commands/graph.h"
#include "lorabuild/commands/ndjson.h"
#include "lorabuild/commands/reader.h"
#include "lorabuild/commands/screen.h"
#include "lorabuild/common/file.h"
#include "lorabuild/common/memory.h"
#include "lorabuild/common/text.h"
#include "lorabuild/formats/peft.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* What is shown, and what --json gives: {"values": [[name, value, origin], …], …}. */
struct sheet {
    const struct rules *rules;
    const struct rule_adapter *rule;
    struct target *target;
    json_t *values, *files, *load;
};

/* --- Values. --- */

static void add_value(struct sheet *s, const char *name, const char *value, struct place place)
{
    char *origin =
        place.line ? mem_printf("%s:%zu", place.file, place.line) : mem_strdup(_("default"));
    json_array_append_new(s->values, json_pack("[s, s, s]", name, value, origin));
    free(origin);
}

static char *value_text(const json_t *value)
{
    struct strbuf b = {0};
    if (json_is_string(value))
        return mem_strdup(json_string_value(value));
    for (size_t i = 0; json_is_array(value) && i < json_array_size(value); i++)
        strbuf_printf(&b, "%s%s", i ? ", " : "", json_string_value(json_array_get(value, i)));
    if (!json_is_array(value)) {
        json_write(&b, value, false);
        b.data[--b.size] = '\0'; /* its newline */
        if (json_is_real(value) && str_ends(strbuf_str(&b), ".0"))
            b.data[b.size -= 2] = '\0'; /* as a person writes it */
    }
    return strbuf_take(&b);
}

static void add_recipe(struct sheet *s)
{
    json_t *recipe = recipe_to_json(&s->rule->recipe);
    for (size_t i = 0; i < recipe_key_count; i++) {
        char *text = value_text(json_object_get(recipe, recipe_keys[i].name));
        add_value(s, recipe_keys[i].name, text, s->rule->recipe_place[i]);
        free(text);
    }
    json_decref(recipe);
}

/* The rank of the joint file, as training's result gives it. */
static int exported_rank(const struct rules *r, const struct rule_adapter *a)
{
    int64_t own = a->recipe.rank, most = a->recipe.max_rank;
    if (a->parent < 0 || a->continues)
        return (int)own;
    int64_t sum = own + exported_rank(r, &r->adapters[a->parent]);
    int64_t padded = peft_served_rank((int)sum);
    return (int)(most >= sum && padded > most ? most : padded);
}

/* "24 = 8 + city's 16, padded to 32" */
static void add_exported(struct sheet *s)
{
    const struct rule_adapter *a = s->rule;
    if (a->parent < 0 || a->continues)
        return;
    const struct rule_adapter *parent = &s->rules->adapters[a->parent];
    int beneath = exported_rank(s->rules, parent), padded = exported_rank(s->rules, a);
    int sum = (int)a->recipe.rank + beneath;
    struct strbuf b = {0};
    strbuf_printf(&b, _("%d = %d + %s's %d"), sum, (int)a->recipe.rank, parent->name, beneath);
    if (padded != sum)
        strbuf_printf(&b, _(", padded to %d"), padded);
    json_array_append_new(s->values, json_pack("[s, s, s]", _("exported rank"), b.data, ""));
    strbuf_free(&b);
}

static void add_parent(struct sheet *s)
{
    const struct rule_adapter *a = s->rule;
    if (a->parent < 0)
        return;
    struct version *v = lineage_version(&s->target->lineage, s->target->lineage.current);
    const json_t *kept = v ? json_object_get(v->manifest, "parent") : NULL;
    int number = (int)json_integer_value(json_object_get(kept, "version"));
    struct strbuf b = {0};
    strbuf_add_text(&b, s->rules->adapters[a->parent].name);
    if (a->pin == PIN_VERSION)
        strbuf_printf(&b, "@v%d", a->pinned_version);
    else if (a->pin == PIN_LATEST)
        strbuf_add_text(&b, "@latest");
    if (number)
        strbuf_printf(&b, _(", built on v%d"), number);
    add_value(s, a->continues ? "continue" : "from", b.data, a->place);
    strbuf_free(&b);
}

static void add_values(struct sheet *s)
{
    const struct rule_adapter *a = s->rule;
    const struct rule_base *base = &s->rules->bases[a->base];
    char *text = mem_printf("%s: %s", base->name, base->written);
    add_value(s, "base", strcmp(base->name, base->written) == 0 ? base->written : text,
              base->place);
    free(text);
    if (base->template)
        add_value(s, "template", base->template, base->place);
    add_parent(s);
    for (size_t i = 0; i < a->data_count; i++) {
        const struct rule_dataset *d = &s->rules->datasets[a->data[i]];
        text = mem_printf("%s: %s", d->name, d->written);
        add_value(s, "data", text, d->place);
        free(text);
    }
    add_recipe(s);
    text = mem_printf("%lld", (long long)a->max_chain);
    add_value(s, "max_chain", text, (struct place){0});
    free(text);
    add_exported(s);
}

/* --- Files. --- */

static void add_file(struct sheet *s, const char *path)
{
    struct stat st;
    char size[32];
    if (stat(path, &st) == 0)
        json_array_append_new(s->files, json_pack("[s, s]", path_behind(path, s->rules->root),
                                                  show_size((uint64_t)st.st_size, size)));
}

static void add_files(struct sheet *s)
{
    struct lineage *l = &s->target->lineage;
    const struct version *v = lineage_version(l, l->current);
    struct lineage_event *events = NULL;
    size_t count = 0;
    const char *name;
    json_t *file;
    if (!v)
        return;
    json_object_foreach (json_object_get(v->manifest, "files"), name, file) {
        char *path = mem_printf("%s/%s", v->folder, name);
        add_file(s, path);
        free(path);
    }
    char *manifest = mem_printf("%s/manifest.json", v->folder);
    add_file(s, manifest);
    free(manifest);
    lineage_history_read(l->folder, &events, &count, NULL);
    for (size_t i = 0; i < count; i++)
        if (events[i].number == v->number) {
            char *path =
                mem_printf("%s/%s-%s-v%d.tar.zst", l->folder, l->name, events[i].date, v->number);
            add_file(s, path);
            free(path);
        }
    free(events);
}

/* --- How to load it. --- */

static void add_way(struct sheet *s, const char *tool, char *line) /* takes the line */
{
    json_array_append_new(s->load, json_pack("[s, s]", tool, line));
    free(line);
}

static void add_loading(struct sheet *s)
{
    const struct rule_adapter *a = s->rule;
    const char *base = s->rules->bases[a->base].written, *name = a->name;
    bool gguf = str_ends(str_of(base), ".gguf");
    const char *folder = path_behind(a->output, s->rules->root);
    char *current = a->flat_output ? mem_strdup(folder) : mem_printf("%s/current", folder);
    if (!s->target->lineage.current) {
        free(current);
        return;
    }
    const char *weights = gguf ? _("MODEL") : base;
    add_way(s, "vLLM",
            mem_printf("vllm serve %s --enable-lora --max-lora-rank %d --lora-modules %s=%s",
                       weights, peft_served_rank(exported_rank(s->rules, a)), name, current));
    add_way(s, "PEFT",
            mem_printf("PeftModel.from_pretrained(AutoModelForCausalLM.from_pretrained(\"%s\"), "
                       "\"%s\")",
                       weights, current));
    add_way(s, "llama.cpp",
            mem_printf("convert_lora_to_gguf.py --base %s --outfile %s.gguf %s", weights, name,
                       current));
    add_way(s, "",
            mem_printf("llama-cli -m %s --lora %s.gguf", gguf ? base : _("MODEL.gguf"), name));
    if (gguf)
        add_way(s, "",
                mem_printf(_("MODEL is the Hugging Face folder that %s was made from"), base));
    else
        add_way(s, "", mem_printf(_("MODEL.gguf is %s converted to GGUF"), base));
    char *stop = reader_stop(s->rules, a);
    if (stop)
        add_way(s, _("stop at"), stop);
    free(current);
}

/* --- Shown. --- */

static int widest(const json_t *rows, size_t column, int least, int most)
{
    for (size_t i = 0; i < json_array_size(rows); i++) {
        const char *text = json_string_value(json_array_get(json_array_get(rows, i), column));
        int w = display_width(str_of(text ? text : ""));
        if (w > least && w <= most)
            least = w;
    }
    return least;
}

static void print_rows(struct screen *s, const json_t *rows, int first, int second)
{
    for (size_t i = 0; i < json_array_size(rows); i++) {
        struct strbuf b = {0};
        int widths[] = {first, first + second};
        for (size_t k = 0; k < json_array_size(json_array_get(rows, i)); k++) {
            for (int c = display_width(strbuf_str(&b)); k && c < widths[k - 1]; c++)
                strbuf_add_byte(&b, ' ');
            const char *text = json_string_value(json_array_get(json_array_get(rows, i), k));
            if (k && text[0] && b.data[b.size - 1] != ' ')
                strbuf_add_text(&b, "  ");
            strbuf_add_shown(&b, str_of(text));
        }
        while (b.size && b.data[b.size - 1] == ' ')
            b.data[--b.size] = '\0';
        screen_text(s, b.data);
        strbuf_free(&b);
    }
}

static void print_sheet(struct screen *s, const struct sheet *sheet)
{
    const struct lineage *l = &sheet->target->lineage;
    struct strbuf b = {0};
    strbuf_add_shown(&b, str_of(sheet->rule->name));
    if (l->current)
        strbuf_printf(&b, _(": v%d in use, %s/v%d"), l->current,
                      path_behind(sheet->rule->output, sheet->rules->root), l->current);
    else
        strbuf_add_text(&b, l->count ? _(": no version in use") : _(": never built"));
    screen_text(s, b.data);
    strbuf_free(&b);
    screen_text(s, "");
    print_rows(s, sheet->values, widest(sheet->values, 0, 10, 20) + 2,
               widest(sheet->values, 1, 8, 36) + 2);
    if (json_array_size(sheet->files)) {
        screen_text(s, "");
        print_rows(s, sheet->files, widest(sheet->files, 0, 10, 66) + 2, 0);
    }
    if (json_array_size(sheet->load)) {
        screen_text(s, "");
        print_rows(s, sheet->load, 11, 0);
    }
}

static bool show(const struct options *o, struct workshop *w, int adapter, struct error *e)
{
    const struct rules *r = w->project->rules;
    struct screen screen;
    struct target *t = workshop_target(w, adapter, e);
    if (!t)
        return false;
    struct sheet s = {.rules = r,
                      .rule = &r->adapters[adapter],
                      .target = t,
                      .values = json_array(),
                      .files = json_array(),
                      .load = json_array()};
    add_values(&s);
    add_files(&s);
    add_loading(&s);
    screen_open(&screen, stdout, o->quiet);
    if (o->json)
        ndjson_print(json_pack("{s:s, s:o, s:O, s:O, s:O}", "adapter", s.rule->name, "in_use",
                               ndjson_version(t->lineage.current), "values", s.values, "files",
                               s.files, "load", s.load));
    else
        print_sheet(&screen, &s);
    json_decref(s.values);
    json_decref(s.files);
    json_decref(s.load);
    return true;
}

static bool work(const struct options *o, struct workshop *w, void *context, struct error *e)
{
    (void)context;
    const struct rules *r = w->project->rules;
    int adapter = -1, group = -1, version = 0;
    if (o->graph) {
        bool *shown = mem_array(r->adapter_count, sizeof *shown);
        bool ok = command_choose(r, o->words + 1, o->word_count - 1, shown, e) &&
                  graph_print(w, shown, o->graph, e);
        free(shown);
        return ok;
    }
    if (o->word_count != 2)
        return error_set(e, ERROR_USAGE, _("which adapter? lorabuild show NAME"));
    if (!rules_target(r, o->words[1], &adapter, &group, NULL) || adapter < 0)
        return reader_choose(r, o->words[1], &adapter, &version, e) && show(o, w, adapter, e);
    return show(o, w, adapter, e);
}

int command_show(const struct options *o)
{
    return command_in_workshop(o, true, work, NULL);
}
