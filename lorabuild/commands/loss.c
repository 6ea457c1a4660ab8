/* loss: how well base, domain and adapter know given texts: mean loss a token, lower is better.
 * The texts are cut, captioned and windowed as for training, in a folder that is removed again:
 * nothing of them is kept. */
#include "cache/lineage.h"
#include "lorabuild/commands/reader.h"
#include "lorabuild/common/file.h"
#include "lorabuild/common/text.h"
#include "lorabuild/data/batch.h"
#include "lorabuild/run/private_texts.h"
#include "lorabuild/train/trainer.h"

#include <stdio.h>
#include <stdlib.h>

static enum sample_role role_all(void *context, const struct sample *s)
{
    (void)context;
    (void)s;
    return ROLE_LEARN;
}

static bool print_loss(struct reader *d, const struct windows *w, const char *name,
                       const struct peft_adapter *adapter, struct error *e)
{
    double mean;
    if (!training_evaluate(d->model, d->backend, w, NULL, adapter, &mean, NULL, e))
        return false;
    printf("%-24s %.4f\n", name, mean);
    fflush(stdout);
    return true;
}

static bool print_version(struct reader *d, const struct windows *w, const struct rules *r,
                          int adapter, int version, struct error *e)
{
    struct peft_adapter a = {0};
    int number;
    if (!reader_load_adapter(d, &r->adapters[adapter], version, &a, &number, e))
        return false;
    char *name = mem_printf("%s v%d", r->adapters[adapter].name, number);
    bool ok = print_loss(d, w, name, &a, e);
    free(name);
    peft_free(&a);
    return ok;
}

/* The version of its parent that the measured version was built on; 0 = not known. */
static int parent_version(const struct rules *r, int adapter, int version)
{
    struct lineage l = {0};
    const char *output = r->adapters[adapter].output;
    int number = 0;
    if (lineage_load(&l, output, path_base(output), NULL)) {
        struct version *v = lineage_version(&l, version > 0 ? version : l.current);
        const json_t *parent = v ? json_object_get(v->manifest, "parent") : NULL;
        number = (int)json_integer_value(json_object_get(parent, "version"));
    }
    lineage_free(&l);
    return number;
}

static bool compare(const struct rules *r, struct reader *d, const struct windows *w, int adapter,
                    int version, struct error *e)
{
    if (!w->count)
        return error_set(e, ERROR_INPUT, _("there is no text to measure in these files"));
    if (!print_loss(d, w, r->bases[r->adapters[adapter].base].name, NULL, e))
        return false;
    int parent = r->adapters[adapter].parent;
    return (parent < 0 || print_version(d, w, r, parent, parent_version(r, adapter, version), e)) &&
           print_version(d, w, r, adapter, version, e);
}

static bool loss(const struct options *o, const struct rules *r, struct reader *d, struct error *e)
{
    struct private_texts texts = {0};
    struct windows w = {0};
    int adapter, version;
    bool ok = reader_choose(r, o->words[1], &adapter, &version, e) &&
              private_texts_read(&texts, o->words + 2, (size_t)o->word_count - 2,
                                 command_threads(o), e) &&
              reader_open(d, r, adapter, command_threads(o), e);
    if (ok) {
        const struct recipe *recipe = &r->adapters[adapter].recipe;
        const struct dataset *list[] = {&texts.data};
        struct window_options options = {.tokenizer = d->tokenizer,
                                         .chat = &d->chat,
                                         .raw = !d->chat.name || recipe->mode == MODE_TEXT,
                                         .max_length = recipe->max_length,
                                         .role = role_all,
                                         .wanted = ROLE_LEARN};
        ok = windows_make(&w, list, 1, &options, e) && compare(r, d, &w, adapter, version, e);
    }
    windows_free(&w);
    private_texts_free(&texts);
    return ok;
}

int command_loss(const struct options *o)
{
    struct project project;
    struct error e = {0};
    int code = 0;
    if (o->word_count < 3) {
        error_set(&e, ERROR_USAGE, _("which adapter and which texts? lorabuild loss NAME FILE…"));
        return command_fail(&e);
    }
    if (!command_open(&project, o, true, &code))
        return code;
    struct reader reader = {0};
    if (!loss(o, project.rules, &reader, &e))
        code = command_fail(&e);
    reader_close(&reader);
    project_close(&project);
    return code;
}
