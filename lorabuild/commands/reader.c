#include "lorabuild/commands/reader.h"

#include "cache/lineage.h"
#include "lorabuild/common/file.h"
#include "lorabuild/common/text.h"
#include "lorabuild/common/threads.h"
#include "lorabuild/models/turns.h"

#include <stdlib.h>
#include <string.h>

static bool parse_version(const char *text, int *version, struct error *e)
{
    int64_t n = 0;
    if (strcmp(text, "latest") == 0) {
        *version = -1;
        return true;
    }
    if (text[0] != 'v' || !str_to_int(str_of(text + 1), &n) || n < 1 || n > 1000000)
        return error_set(e, ERROR_USAGE, _("'@%s': a version is written @v3 or @latest"), text);
    *version = (int)n;
    return true;
}

static bool only_text_member(const struct rules *r, int group, int *adapter, struct error *e)
{
    struct strbuf names = {0};
    size_t fitting = 0;
    for (size_t i = 0; i < r->groups[group].member_count; i++) {
        int member = r->groups[group].members[i];
        if (r->adapters[member].not_built_kind)
            continue;
        strbuf_printf(&names, "%s%s", fitting++ ? ", " : "", r->adapters[member].name);
        *adapter = member;
    }
    bool ok = fitting == 1 || error_set(e, ERROR_USAGE,
                                        fitting ? _("%s has several adapters; name one: %s")
                                                : _("%s has no adapter for texts%s"),
                                        r->groups[group].name, names.data ? names.data : "");
    strbuf_free(&names);
    return ok;
}

bool reader_choose(const struct rules *r, const char *word, int *adapter, int *version,
                   struct error *e)
{
    int group = -1;
    const char *at = strrchr(word, '@');
    char *name = at ? mem_printf("%.*s", (int)(at - word), word) : mem_strdup(word);
    *adapter = -1;
    *version = 0;
    bool ok =
        (!at || parse_version(at + 1, version, e)) && rules_target(r, name, adapter, &group, e);
    free(name);
    return ok && (*adapter >= 0 || only_text_member(r, group, adapter, e));
}

bool reader_open(struct reader *d, const struct rules *r, int adapter, int threads, struct error *e)
{
    const struct rule_base *base = &r->bases[r->adapters[adapter].base];
    *d = (struct reader){0};
    threads_set(threads);
    return (d->weights = weights_open(base->path, e)) &&
           (d->tokenizer = tokenizer_open(d->weights, e)) &&
           chat_template_find(&d->chat, d->tokenizer, base->template, e) &&
           (d->model = model_open(d->weights, e)) &&
           (d->backend = cpu_backend_open(COMPUTE_F32, 0, e));
}

bool reader_load_adapter(struct reader *d, const struct rule_adapter *rule, int version,
                         struct peft_adapter *to, int *number, struct error *e)
{
    struct lineage l = {0};
    (void)d;
    if (!lineage_load(&l, rule->output, path_base(rule->output), e))
        return false;
    *number = version > 0              ? version
              : version < 0 && l.count ? l.versions[l.count - 1].number
                                       : l.current;
    bool ok = true;
    if (!*number)
        ok = error_set(e, ERROR_INPUT, _("%s has not been built yet; run: lorabuild %s"),
                       rule->name, rule->name);
    else if (!lineage_version(&l, *number))
        ok = error_set(e, ERROR_INPUT, _("%s has no v%d"), rule->name, *number);
    if (ok) {
        char *folder = mem_printf("%s/v%d", rule->output, *number);
        ok = peft_read(to, folder, e);
        free(folder);
    }
    lineage_free(&l);
    return ok;
}

void reader_close(struct reader *d)
{
    if (d->has_adapter)
        peft_free(&d->adapter);
    if (d->backend)
        cpu_backend_close(d->backend);
    if (d->model)
        model_close(d->model);
    if (d->tokenizer)
        tokenizer_close(d->tokenizer);
    if (d->weights)
        weights_close(d->weights);
}

char *reader_stop(const struct rules *r, const struct rule_adapter *rule)
{
    const struct rule_base *base = &r->bases[rule->base];
    struct turns t = {0};
    if (rule->recipe.mode == MODE_TEXT || !turns_of_base(&t, base->path, base->template) || !t.stop)
        return NULL;
    return mem_printf(t.model_stops ? "%s" : _("%s, which the base model's settings do not"),
                      t.stop);
}
