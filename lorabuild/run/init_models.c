#include "lorabuild/run/init_models.h"

#include "lorabuild/common/file.h"
#include "lorabuild/formats/chat_template.h"
#include "lorabuild/models/model.h"

#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void init_add(struct init_report *r, struct init_items *list, const char *path, const char *why)
{
    list->items = mem_grow(list->items, list->count + 1, sizeof *list->items);
    list->items[list->count++] = (struct init_item){arena_strdup(&r->arena, path),
                                                    why ? arena_strdup(&r->arena, why) : NULL};
}

/* Would a build take it? All that a build opens before it trains. */
static bool try_model(const char *path, struct error *e)
{
    struct chat_template chat;
    struct tokenizer *tokenizer = NULL;
    struct model *model = NULL;
    struct weights *weights = weights_open(path, e);
    bool ok = weights && (tokenizer = tokenizer_open(weights, e)) &&
              chat_template_find(&chat, tokenizer, NULL, e) && (model = model_open(weights, e));
    if (model)
        model_close(model);
    if (tokenizer)
        tokenizer_close(tokenizer);
    if (weights)
        weights_close(weights);
    return ok;
}

static bool looks_like_model(const char *folder, const char *name)
{
    char *path = path_join(folder, name), *config = path_join(path, "config.json");
    bool model = name[0] != '.' && (str_ends(str_of(name), ".gguf") || access(config, F_OK) == 0);
    free(config);
    free(path);
    return model;
}

void init_find_models(struct init_report *r, const char *folder, const char *shown)
{
    struct dirent **entries = NULL;
    int count = scandir(folder, &entries, NULL, alphasort);
    for (int i = 0; i < count; i++) {
        const char *name = entries[i]->d_name;
        struct error e = {0};
        if (looks_like_model(folder, name) && !strchr(name, '%')) {
            char *path = path_join(folder, name), *as = path_join(shown, name);
            bool ok = try_model(path, &e);
            init_add(r, ok ? &r->models : &r->passed_over, as, ok ? NULL : e.message);
            free(as);
            free(path);
        }
        free(entries[i]);
    }
    free(entries);
}
