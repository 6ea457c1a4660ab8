/* Which seals and sealed datasets nothing refers to. */
#include "lorabuild/run/gc.h"

#include "lorabuild/common/file.h"
#include "lorabuild/common/text.h"
#include "lorabuild/data/seal_file.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

enum { RECORD_MOST_BYTES = 1 << 24, MOMENT_S = 5 };

struct looking {
    struct gc *gc;
    bool (*kept)(const struct gc *g, int adapter, int version);
    time_t began; /* what is younger is somebody's who is at it */
    struct gc_texts *texts;
    struct digest_set datasets; /* keys that are referred to */
    struct digest_set seals;    /* digests of names of seals that are */
};

static struct digest name_digest(const char *path)
{
    const char *name = path_base(path);
    return digest_of(name, strlen(name));
}

/* --- What is referred to. --- */

/* A client of NULL is the shared scope. */
static bool is_of_scope(const struct looking *l, const char *client)
{
    return project_scope(l->gc->workshop->project, client) == l->texts->scope;
}

/* Sources as they are now, of every dataset of the scope. */
static bool refer_to_now(struct looking *l, struct error *e)
{
    const struct rules *r = l->gc->workshop->project->rules;
    for (size_t i = 0; i < r->dataset_count; i++) {
        if (r->datasets[i].not_built_kind || !is_of_scope(l, r->datasets[i].client))
            continue;
        struct source *s = workshop_source(l->gc->workshop, (int)i, e);
        if (!s)
            return false;
        digest_set_add(&l->datasets, s->data.key);
    }
    return true;
}

static void refer_to_record(struct looking *l, const char *path)
{
    json_t *o = json_read_file(path, RECORD_MOST_BYTES, NULL), *dataset;
    size_t i;
    json_array_foreach (json_object_get(o, "datasets"), i, dataset) {
        const char *key = json_string_value(json_object_get(dataset, "key"));
        struct digest d;
        if (is_of_scope(l, json_string_value(json_object_get(dataset, "client"))) && key &&
            digest_from_hex(&d, str_of(key)))
            digest_set_add(&l->datasets, d);
    }
    json_decref(o);
}

/* What kept versions of all adapters were built from. */
static void refer_to_versions(struct looking *l)
{
    struct workshop *w = l->gc->workshop;
    for (size_t i = 0; i < w->project->rules->adapter_count; i++) {
        const struct target *t = &w->targets[i];
        for (size_t k = 0; t->loaded && k < t->lineage.count; k++) {
            int number = t->lineage.versions[k].number;
            char *path =
                mem_printf("%s/lineage/%s/v%d.json", t->scope->keep, t->lineage.name, number);
            if (l->kept(l->gc, (int)i, number))
                refer_to_record(l, path);
            free(path);
        }
    }
}

/* The sources of the datasets that are referred to. */
static void refer_to_seals(struct looking *l)
{
    const char *keep = l->texts->scope->keep;
    for (size_t i = 0; i < l->datasets.count; i++) {
        struct dataset d;
        if (!seal_has_dataset(keep, l->datasets.items[i]) ||
            !seal_read_dataset(&d, keep, l->datasets.items[i], false, NULL))
            continue;
        for (size_t k = 0; k < d.document_count; k++) {
            char *path = seal_source_path(keep, d.documents[k].kind, d.documents[k].source);
            digest_set_add(&l->seals, name_digest(path));
            free(path);
        }
        dataset_free(&d);
    }
    digest_set_seal(&l->seals);
}

/* --- What is there. --- */

static void add_file(struct looking *l, const char *path)
{
    struct stat s;
    struct gc_texts *x = l->texts;
    if (lstat(path, &s) < 0 || !S_ISREG(s.st_mode) || s.st_mtime >= l->began - MOMENT_S)
        return;
    x->files = mem_grow(x->files, x->count + 1, sizeof *x->files);
    x->files[x->count++] = mem_strdup(path);
    x->bytes += (uint64_t)s.st_size;
}

static void look_into(struct looking *l, const char *folder, bool datasets)
{
    DIR *d = opendir(folder);
    for (struct dirent *entry; d && (entry = readdir(d));) {
        struct digest key;
        bool known = datasets ? !digest_from_hex(&key, str_of(entry->d_name)) ||
                                    digest_set_has(&l->datasets, key)
                              : digest_set_has(&l->seals, name_digest(entry->d_name));
        if (entry->d_name[0] == '.' || known || str_ends(str_of(entry->d_name), ".tmp"))
            continue;
        char *path = path_join(folder, entry->d_name);
        add_file(l, path);
        free(path);
    }
    if (d)
        closedir(d);
}

static void look(struct looking *l)
{
    struct error why = {0};
    if (!refer_to_now(l, &why)) {
        l->texts->left = mem_strdup(why.message);
        return;
    }
    refer_to_versions(l);
    digest_set_seal(&l->datasets);
    refer_to_seals(l);
    char *datasets = path_join(l->texts->scope->keep, "datasets");
    look_into(l, datasets, true);
    free(datasets);
    for (unsigned i = 0; i < 256; i++) {
        char *folder = mem_printf("%s/seals/%02x", l->texts->scope->keep, i);
        look_into(l, folder, false);
        free(folder);
    }
}

void gc_plan_texts(struct gc *g, const bool *asked,
                   bool (*kept)(const struct gc *g, int adapter, int version))
{
    struct project *p = g->workshop->project;
    const struct rules *r = p->rules;
    time_t began = time(NULL);
    g->texts = mem_array(p->scope_count, sizeof *g->texts);
    for (size_t i = 0; i < p->scope_count; i++) {
        bool concerned = false;
        for (size_t a = 0; a < r->adapter_count; a++)
            concerned =
                concerned || (asked[a] && project_scope(p, r->adapters[a].client) == &p->scopes[i]);
        if (!concerned)
            continue;
        struct looking l = {.gc = g, .kept = kept, .began = began};
        l.texts = &g->texts[g->text_count++];
        l.texts->scope = &p->scopes[i];
        look(&l);
        digest_set_free(&l.datasets);
        digest_set_free(&l.seals);
    }
}
