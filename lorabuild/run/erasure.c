#include "lorabuild/run/erasure.h"

#include "cache/attempts.h"
#include "cache/lineage_remove.h"
#include "cache/lock.h"
#include "cache/store_rewrite.h"
#include "lorabuild/common/file.h"
#include "lorabuild/common/text.h"
#include "lorabuild/run/erasure_captions.h"
#include "lorabuild/run/erasure_names.h"
#include "lorabuild/run/needles.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char *adapter_name(const struct erasure_adapter *a)
{
    return path_base(a->folder);
}

/* --- Locks. --- */

static int lock_adapter(const struct erasure_adapter *a, struct project *p, char **holder,
                        struct error *e)
{
    struct scope *s = project_scope(p, a->client);
    char *locks = path_join(s->keep, "locks"), *path = path_join(locks, adapter_name(a));
    int lock = -1;
    if (project_make_keep(s, e) && folder_make(locks, 0777, e)) {
        struct error why = {0};
        lock = lock_take(path, adapter_name(a), false, NULL, NULL, &why);
        struct lock_holder h;
        if (lock < 0 && why.kind == ERROR_NONE && lock_look(path, &h))
            *holder = mem_printf("%ld %s", h.process, h.name);
        if (lock < 0 && e)
            *e = why;
    }
    free(path);
    free(locks);
    return lock;
}

bool erasure_lock(const struct erasure *x, struct project *p, int *locks, const char **busy,
                  char **holder, struct error *e)
{
    *busy = NULL;
    *holder = NULL;
    for (size_t i = 0; i < x->adapter_count; i++)
        locks[i] = -1;
    for (size_t i = 0; i < x->adapter_count; i++) {
        locks[i] = lock_adapter(&x->adapters[i], p, holder, e);
        if (locks[i] >= 0)
            continue;
        *busy = x->adapters[i].folder;
        erasure_unlock(x, locks);
        return false;
    }
    return true;
}

void erasure_unlock(const struct erasure *x, int *locks)
{
    for (size_t i = x->adapter_count; i-- > 0;) {
        if (locks[i] >= 0)
            lock_release(locks[i]);
        locks[i] = -1;
    }
}

/* --- Stores. --- */

static bool drops(void *context, char table, struct str key, struct str value)
{
    (void)table;
    (void)key;
    return needles_found(context, value);
}

static bool rewrite_stores(struct scope *s, struct needles *n, struct error *e)
{
    uint64_t dropped;
    store_close(s->exposures);
    store_close(s->hashes);
    s->exposures = s->hashes = NULL;
    return store_rewrite(s->cache, drops, n, &dropped, e) &&
           store_rewrite(s->keep, drops, n, &dropped, e);
}

/* The scope of the adapters and of the documents, each once. */
static bool rewrite_all_stores(const struct erasure *x, struct project *p, struct needles *n,
                               struct error *e)
{
    bool ok = true, *done = mem_array(p->scope_count, sizeof *done);
    for (size_t i = 0; ok && i < x->adapter_count + x->client_count; i++) {
        const char *client =
            i < x->adapter_count ? x->adapters[i].client : x->clients[i - x->adapter_count];
        struct scope *s = project_scope(p, client);
        ok = done[s - p->scopes] || rewrite_stores(s, n, e);
        done[s - p->scopes] = true;
    }
    free(done);
    return ok;
}

/* --- Versions, and what is kept of an adapter. --- */

static bool remove_tree(const char *path, struct error *e)
{
    char *folder = path_folder(path);
    bool ok = folder_remove(path, e) && (access(folder, F_OK) < 0 || folder_sync(folder, e));
    free(folder);
    return ok;
}

/* All of them: which of their checkpoints saw what is not recorded for each, and a training that
 * is lost costs time alone. */
static bool erase_attempts(const struct scope *s, const char *name, struct error *e)
{
    struct attempt *attempts;
    size_t count;
    bool busy = false, ok = attempts_list(s->keep, name, &attempts, &count, e);
    for (size_t i = 0; ok && i < count; i++) {
        ok = attempt_remove(s->keep, name, attempts[i].key, &busy, e);
        if (ok && busy)
            ok = error_set(e, ERROR_INPUT, _("%s: a training still runs; stop it and run again"),
                           name);
    }
    attempts_free(attempts, count);
    char *folder = mem_printf("%s/attempts/%s", s->keep, name);
    ok = ok && remove_tree(folder, e);
    free(folder);
    return ok;
}

static bool erase_record(const struct scope *s, const char *name, int version, struct error *e)
{
    char *path = mem_printf("%s/lineage/%s/v%d.json", s->keep, name, version);
    bool ok = remove_tree(path, e);
    free(path);
    return ok;
}

static bool erase_flat_copies(const struct erasure_adapter *a, struct error *e)
{
    static const char *const names[] = {"adapter_config.json", "adapter_model.safetensors"};
    bool ok = true;
    for (size_t i = 0; ok && a->flat_output && a->loses_use && i < 2; i++) {
        char *path = path_join(a->folder, names[i]);
        ok = remove_tree(path, e);
        free(path);
    }
    return ok;
}

static bool erase_adapter(const struct erasure *x, const struct erasure_adapter *a,
                          struct project *p, struct error *e)
{
    const struct scope *s = project_scope(p, a->client);
    const char *name = adapter_name(a);
    bool ok = erase_attempts(s, name, e) && erase_flat_copies(a, e);
    for (size_t i = 0; ok && i < a->version_count; i++)
        ok = lineage_remove(a->folder, name, a->versions[i], true, e) &&
             erase_record(s, name, a->versions[i], e);
    ok = ok && erasure_names(x, a, s->keep, e);
    char *forgotten = path_join(a->folder, "forgotten");
    ok = ok && sweep_temporaries(a->folder, "", false, e) &&
         sweep_temporaries(forgotten, "", false, e);
    free(forgotten);
    return ok;
}

/* --- Seals and datasets of a scope. --- */

typedef bool on_file(void *context, const char *path, struct error *e);

/* Calls `on` for the plain files of keep/seals/xx/ and of keep/datasets/. */
static bool each_seal(const struct scope *s, bool datasets, on_file *on, void *context,
                      struct error *e)
{
    bool ok = true;
    for (int i = 0; ok && i < (datasets ? 1 : 256); i++) {
        char *folder = datasets ? path_join(s->keep, "datasets")
                                : mem_printf("%s/seals/%02x", s->keep, (unsigned)i);
        DIR *d = opendir(folder);
        for (struct dirent *entry; ok && d && (entry = readdir(d));) {
            if (entry->d_name[0] == '.')
                continue;
            char *path = path_join(folder, entry->d_name);
            ok = on(context, path, e);
            free(path);
        }
        if (d)
            closedir(d);
        free(folder);
    }
    return ok;
}

struct weighing {
    const struct needles *needles;
    uint64_t bytes;
};

static bool weigh_file(void *context, const char *path, struct error *e)
{
    struct weighing *w = context;
    (void)e;
    if (needles_in_file(w->needles, path))
        w->bytes += tree_bytes(path);
    return true;
}

static bool erase_file(void *context, const char *path, struct error *e)
{
    return !needles_in_file(context, path) || remove_tree(path, e);
}

/* A dataset names its documents with their length in front and a zero behind. */
static void add_packed_name(struct needles *n, struct arena *a, const char *name)
{
    size_t size = strlen(name);
    char *packed = arena_alloc(a, size + 5);
    for (int i = 0; i < 4; i++)
        packed[i] = (char)(size >> 8 * i & 255);
    memcpy(packed + 4, name, size + 1);
    needles_add_name(n, (struct str){packed, size + 5});
}

struct search {
    struct needles digests, datasets, stores;
    struct arena arena;
};

static void search_open(struct search *f, const struct erasure *x)
{
    struct needles *all[] = {&f->digests, &f->datasets, &f->stores};
    *f = (struct search){0};
    for (size_t i = 0; i < 3; i++) {
        needles_add_digests(all[i], &x->sources);
        needles_add_digests(all[i], &x->contents);
    }
    for (size_t i = 0; i < x->name_count; i++) {
        add_packed_name(&f->datasets, &f->arena, x->names[i]);
        needles_add_name(&f->stores, str_of(path_base(x->names[i])));
    }
    for (size_t i = 0; i < 3; i++)
        needles_seal(all[i]);
}

static void search_close(struct search *f)
{
    needles_free(&f->digests);
    needles_free(&f->datasets);
    needles_free(&f->stores);
    arena_free(&f->arena);
}

static bool erase_seals(const struct erasure *x, struct project *p, struct search *f,
                        struct error *e)
{
    bool ok = true;
    for (size_t i = 0; ok && i < x->client_count; i++) {
        const struct scope *s = project_scope(p, x->clients[i]);
        ok = each_seal(s, true, erase_file, &f->datasets, e) &&
             each_seal(s, false, erase_file, &f->digests, e) &&
             sweep_temporaries(s->keep, "", true, e);
    }
    return ok;
}

uint64_t erasure_bytes(const struct erasure *x, struct project *p, size_t *checkpoints,
                       size_t *archives)
{
    struct search f;
    uint64_t bytes = 0;
    *checkpoints = *archives = 0;
    search_open(&f, x);
    for (size_t i = 0; i < x->adapter_count; i++) {
        const struct erasure_adapter *a = &x->adapters[i];
        const struct scope *s = project_scope(p, a->client);
        struct attempt *attempts;
        size_t count, some;
        if (attempts_list(s->keep, adapter_name(a), &attempts, &count, NULL))
            for (size_t k = 0; k < count; k++)
                *checkpoints += attempts[k].step > 0;
        for (size_t k = 0; k < count; k++)
            bytes += tree_bytes(attempts[k].folder);
        attempts_free(attempts, count);
        for (size_t k = 0; k < a->version_count; k++) {
            bytes += lineage_bytes(a->folder, adapter_name(a), a->versions[k], &some);
            *archives += some;
        }
    }
    for (size_t i = 0; i < x->client_count; i++) {
        const struct scope *s = project_scope(p, x->clients[i]);
        struct weighing seals = {&f.digests, 0}, datasets = {&f.datasets, 0};
        each_seal(s, false, weigh_file, &seals, NULL);
        each_seal(s, true, weigh_file, &datasets, NULL);
        bytes += seals.bytes + datasets.bytes;
    }
    search_close(&f);
    return bytes;
}

/* --- All of it. --- */

static bool remove_lists(const struct erasure *x, struct error *e)
{
    bool ok = true;
    for (size_t i = 0; ok && i < x->adapter_count; i++) {
        char *path = path_join(x->adapters[i].folder, "forgotten/pending");
        ok = remove_tree(path, e);
        free(path);
    }
    return ok;
}

static bool write_receipt(const struct erasure *x, struct error *e)
{
    char *folder = path_folder(x->receipt);
    bool ok =
        folder_make(folder, 0777, e) && file_replace(x->receipt, str_of(x->receipt_text), 0666, e);
    free(folder);
    return ok;
}

bool erasure_run(const struct erasure *x, struct project *p, char ***unwritable,
                 size_t *unwritable_count, struct error *e)
{
    struct search f;
    bool ok = true;
    search_open(&f, x);
    for (size_t i = 0; ok && i < x->caption_count; i++) {
        bool written;
        ok = erasure_captions(x->captions[i], x, &written, e);
        if (ok && !written) {
            *unwritable = mem_grow(*unwritable, *unwritable_count + 1, sizeof **unwritable);
            (*unwritable)[(*unwritable_count)++] = mem_strdup(x->captions[i]);
        }
    }
    ok = ok && rewrite_all_stores(x, p, &f.stores, e) && erase_seals(x, p, &f, e);
    for (size_t i = 0; ok && i < x->adapter_count; i++)
        ok = erase_adapter(x, &x->adapters[i], p, e);
    search_close(&f);
    return ok && write_receipt(x, e) && remove_lists(x, e);
}

void erasure_free(struct erasure *x)
{
    digest_set_free(&x->sources);
    digest_set_free(&x->contents);
    arena_free(&x->arena);
    *x = (struct erasure){0};
}
