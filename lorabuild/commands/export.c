#include "lorabuild/commands/reader.h"
#include "lorabuild/commands/ndjson.h"
#include "lorabuild/commands/screen.h"
#include "lorabuild/common/file.h"
#include "lorabuild/common/json.h"
#include "lorabuild/common/text.h"
#include "lorabuild/run/export.h"

#include <stdlib.h>
#include <string.h>

static void say(struct screen *s, char *line)
{
    struct strbuf b = {0};
    strbuf_add_shown(&b, str_of(line));
    screen_text(s, b.data);
    strbuf_free(&b);
    free(line);
}

/* Only what is true of these loaders: PEFT and vLLM want the base as a Hugging Face folder. */
static void print_loading(struct screen *s, const struct rules *r, int adapter,
                          const struct export_result *x)
{
    const struct rule_adapter *rule = &r->adapters[adapter];
    const struct rule_base *base = &r->bases[rule->base];
    bool gguf = str_ends(str_of(base->path), ".gguf");
    char *path = show_quoted(x->path), *model = gguf ? mem_strdup("BASE") : show_quoted(base->path);
    char *pair = mem_printf("%s=%s", rule->name, x->path), *module = show_quoted(pair);
    screen_gap(s);
    if (x->archive)
        say(s, mem_printf(_("Load it   unpacked (tar --zstd -xf), over %s"), base->written));
    else
        say(s, mem_printf(_("Load it   over %s"), base->written));
    if (gguf)
        screen_text(s, _("          BASE: the Hugging Face folder that this file was made from"));
    if (!x->archive) {
        say(s, mem_printf("PEFT      PeftModel.from_pretrained(model, \"%s\")", x->path));
        say(s, mem_printf("vLLM      vllm serve %s --enable-lora --max-lora-rank %d "
                          "--lora-modules %s",
                          model, peft_served_rank(x->rank), module));
        say(s, mem_printf("llama.cpp python convert_lora_to_gguf.py --base %s %s", model, path));
    }
    char *stop = reader_stop(r, rule);
    if (stop)
        say(s, mem_printf(_("Stop at   %s"), stop));
    free(stop);
    free(module);
    free(pair);
    free(model);
    free(path);
}

static void print_lineage(struct screen *s, const struct rule_adapter *rule,
                          const struct export_result *x)
{
    screen_gap(s);
    if (rule->client)
        say(s, mem_printf(_("Secret to %s: for machines of this client alone."), rule->client));
    screen_text(s, _("There, with the same rule file, base model and documents:"));
    char *path = show_quoted(path_base(x->path));
    say(s, mem_printf("          lorabuild import %s", path));
    say(s, mem_printf("          lorabuild %s", rule->name));
    free(path);
}

static void print_text(const struct options *o, const struct rules *r, int adapter,
                       enum export_form form, const struct export_result *x)
{
    const struct rule_adapter *rule = &r->adapters[adapter];
    struct screen s;
    struct strbuf fact = {0};
    screen_open(&s, stdout, o->quiet);
    screen_fit_name(&s, rule->name);
    if (form == EXPORT_LINEAGE && x->version_count > 1)
        strbuf_printf(&fact, _("v%d and what it stands on (%zu versions): "), x->version,
                      x->version_count);
    else if (form == EXPORT_LINEAGE)
        strbuf_printf(&fact, "v%d: ", x->version);
    else
        strbuf_printf(&fact, _("v%d, rank %d: "), x->version, x->rank);
    strbuf_add_shown(&fact, str_of(x->path));
    screen_line(&s, rule->name, _("export"), PAINT_NONE, fact.data, -1);
    if (x->replaced)
        screen_line(&s, rule->name, _("note"), PAINT_NONE, _("took the place of an earlier export"),
                    -1);
    if (x->alone && form == EXPORT_PEFT)
        screen_line(&s, rule->name, _("note"), PAINT_NONE,
                    _("alone/ in it is this adapter's own part, for loaders that stack"), -1);
    strbuf_free(&fact);
    if (form == EXPORT_LINEAGE)
        print_lineage(&s, rule, x);
    else
        print_loading(&s, r, adapter, x);
}

static void print_json(const struct rules *r, int adapter, enum export_form form,
                       const struct export_result *x)
{
    const struct rule_adapter *rule = &r->adapters[adapter];
    bool peft = form == EXPORT_PEFT;
    json_t *o = json_pack("{s:s, s:s, s:i, s:s, s:s, s:b, s:b}", "event", "exported", "adapter",
                          rule->name, "version", x->version, "form", peft ? "peft" : "lineage",
                          "path", x->path, "archive", x->archive, "replaced", x->replaced);
    if (peft) {
        json_object_set_new(o, "rank", json_integer(x->rank));
        json_object_set_new(o, "max_lora_rank", json_integer(peft_served_rank(x->rank)));
        json_object_set_new(o, "base", json_string(r->bases[rule->base].path));
    } else {
        json_object_set_new(o, "versions", json_integer((json_int_t)x->version_count));
    }
    if (x->archive)
        json_object_set_new(o, "tar_sha256", json_string(x->sha256));
    ndjson_print(o);
}

int command_export(const struct options *o)
{
    struct project project;
    struct export_request q = {.project = &project, .path = o->output};
    struct export_result x = {.path = NULL};
    struct error e = {0};
    int code = 0;
    if (o->word_count != 2) {
        error_set(&e, ERROR_USAGE, _("which version? lorabuild export NAME, or NAME@v3"));
        return command_fail(&e);
    }
    if (o->to && !export_form_find(o->to, &q.form, &e))
        return command_fail(&e);
    if (!command_open(&project, o, false, &code))
        return code;
    if (!reader_choose(project.rules, o->words[1], &q.adapter, &q.version, &e) ||
        !export_run(&q, &x, &e))
        code = command_fail(&e);
    else if (o->json)
        print_json(project.rules, q.adapter, q.form, &x);
    else
        print_text(o, project.rules, q.adapter, q.form, &x);
    free(x.path);
    project_close(&project);
    return code;
}
