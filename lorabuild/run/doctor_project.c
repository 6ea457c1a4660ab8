#include "cache/lineage.h"
#include "cache/store_place.h"
#include "lorabuild/common/file.h"
#include "lorabuild/common/memory.h"
#include "lorabuild/common/text.h"
#include "lorabuild/formats/weights.h"
#include "lorabuild/models/model.h"
#include "lorabuild/run/doctor_parts.h"
#include "lorabuild/run/store_folder.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <time.h>
#include <unistd.h>

/* `path`, or the nearest folder above it that exists. Caller frees. */
static char *existing(const char *path)
{
    char *at = mem_strdup(path);
    while (access(at, F_OK) < 0 && strcmp(at, "/") != 0 && strcmp(at, ".") != 0) {
        char *above = path_folder(at);
        free(at);
        at = above;
    }
    return at;
}

/* Calls `visit` for every plain file and folder beneath `folder`; links are not followed. */
static void walk(const char *folder,
                 void (*visit)(void *context, const char *path, const struct stat *s),
                 void *context)
{
    DIR *d = opendir(folder);
    for (struct dirent *entry; d && (entry = readdir(d));) {
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
            continue;
        char *path = path_join(folder, entry->d_name);
        struct stat s;
        if (lstat(path, &s) == 0) {
            visit(context, path, &s);
            if (S_ISDIR(s.st_mode))
                walk(path, visit, context);
        }
        free(path);
    }
    if (d)
        closedir(d);
}

static void add_size(void *context, const char *path, const struct stat *s)
{
    (void)path;
    *(uint64_t *)context += (uint64_t)s->st_blocks * 512;
}

/* --- Disk, file systems. --- */

static void look_disk(struct findings *f, const char *what, const char *folder)
{
    struct statvfs s;
    char *at = existing(folder);
    if (statvfs(at, &s) == 0) {
        double room = (double)s.f_bavail * (double)s.f_frsize;
        enum finding_state state = room < 2e8   ? FINDING_UNFIT
                                   : room < 2e9 ? FINDING_NOTE
                                                : FINDING_WELL;
        finding_add(f, "disk", state,
                    mem_printf(_("%.1f GB free for %s (%s)"), room / 1e9, what, at),
                    state ? mem_strdup(_("make room there: lorabuild gc")) : NULL);
    }
    free(at);
}

static void look_place(struct findings *f, const struct project *p)
{
    struct error e = {0};
    struct stat store, adapters;
    char *out = path_join(p->rules->root, "adapters");
    char *a = existing(p->store), *b = existing(out);
    if (!store_is_local(p->store, &e)) {
        finding_add(f, "store", FINDING_UNFIT,
                    mem_printf(_("%s: on a network file system"), p->store),
                    mem_strdup(_("set LORABUILD_STORE to a folder on a disk of this machine")));
    } else if (stat(a, &store) == 0 && stat(b, &adapters) == 0 && store.st_dev != adapters.st_dev) {
        finding_add(f, "store", FINDING_WELL,
                    mem_printf(_("%s, on another file system than adapters/: versions are copied"),
                               p->store),
                    NULL);
    } else {
        finding_add(f, "store", FINDING_WELL, mem_strdup(p->store), NULL);
    }
    look_disk(f, _("the store"), p->store);
    look_disk(f, "adapters/", out);
    free(b);
    free(a);
    free(out);
}

/* --- The stores. --- */

static void look_store(struct findings *f, const struct scope *s, const char *folder)
{
    struct error e = {0};
    char note[256] = "", *data = path_join(folder, "data.mdb");
    char *aside = path_join(folder, "data.mdb.damaged");
    struct stat st;
    if (stat(data, &st) == 0 && store_is_local(folder, NULL)) {
        struct store *store = store_open(folder, s->like, true, note, &e);
        if (!store)
            finding_add(f, "store", FINDING_UNFIT, mem_strdup(e.message),
                        mem_printf(_("delete it: rm %s; what it held is found out again"), data));
        else if (note[0] || store_damaged(store))
            finding_add(f, "store", FINDING_NOTE, mem_printf(_("%s is damaged"), data),
                        mem_strdup(_("build: it is set aside and filled again from files")));
        store_close(store);
    }
    if (stat(aside, &st) == 0)
        finding_add(
            f, "store", FINDING_NOTE,
            mem_printf(_("%s: a damaged store, set aside; what it held was found out again"),
                       aside),
            mem_printf(_("check the disk if this happens again; then: rm %s"), aside));
    free(aside);
    free(data);
}

/* --- Locks: taken on folders of ours, so that nothing is written. --- */

static void look_locks(struct findings *f, const struct project *p)
{
    char *folder = existing(p->store);
    int one = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int two = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    bool works = one >= 0 && two >= 0 && flock(one, LOCK_EX | LOCK_NB) == 0 &&
                 flock(two, LOCK_EX | LOCK_NB) < 0 && errno == EWOULDBLOCK;
    finding_add(f, "locks", works ? FINDING_WELL : FINDING_UNFIT,
                works ? mem_strdup(_("one process at a time builds an adapter"))
                      : mem_printf(_("%s: files cannot be locked there"), folder),
                works ? NULL
                      : mem_strdup(_("set LORABUILD_STORE to a folder on a disk of this machine")));
    if (two >= 0)
        close(two);
    if (one >= 0)
        close(one);
    free(folder);
}

/* --- Permissions. --- */

static bool look_writable(struct findings *f, const char *path, enum finding_state state,
                          const char *remedy)
{
    char *at = existing(path);
    bool ok = faccessat(AT_FDCWD, at, W_OK | X_OK, AT_EACCESS) == 0;
    if (!ok)
        finding_add(f, "permission", state, mem_printf(_("%s cannot be written"), at),
                    mem_strdup(remedy));
    free(at);
    return ok;
}

static void look_permissions(struct findings *f, const struct project *p)
{
    const struct rules *r = p->rules;
    const char *ask = _("ask its owner for the right to write, or look only: lorabuild status");
    bool ok = look_writable(f, p->store, FINDING_UNFIT, ask);
    for (size_t i = 0; i < r->adapter_count; i++)
        ok &= look_writable(f, r->adapters[i].output, FINDING_UNFIT, ask);
    for (size_t i = 0; i < r->dataset_count; i++) {
        struct stat s;
        const char *path = r->datasets[i].path;
        if (stat(path, &s) == 0 && S_ISDIR(s.st_mode))
            ok &= look_writable(f, path, FINDING_NOTE,
                                _("none is needed: its captions are kept elsewhere"));
        if (faccessat(AT_FDCWD, path, R_OK, AT_EACCESS) < 0) {
            finding_add(f, "permission", FINDING_UNFIT, mem_printf(_("%s cannot be read"), path),
                        mem_strdup(_("ask its owner for the right to read")));
            ok = false;
        }
    }
    if (ok)
        finding_add(f, "permission", FINDING_WELL, mem_strdup(_("all may be read and written")),
                    NULL);
}

/* --- Dates. --- */

struct future {
    time_t now;
    size_t count;
    char *example;
};

static void find_future(void *context, const char *path, const struct stat *s)
{
    struct future *u = context;
    if (!S_ISREG(s->st_mode) || s->st_mtime <= u->now + 2)
        return;
    u->count++;
    if (!u->example)
        u->example = mem_strdup(path);
}

static void look_dates(struct findings *f, const struct project *p)
{
    const struct rules *r = p->rules;
    struct future documents = {.now = time(NULL)}, own = {.now = documents.now};
    for (size_t i = 0; i < r->dataset_count; i++)
        walk(r->datasets[i].path, find_future, &documents);
    for (size_t i = 0; i < r->adapter_count; i++)
        walk(r->adapters[i].output, find_future, &own);
    if (own.count)
        finding_add(
            f, "clock", FINDING_UNFIT,
            mem_printf(_("lorabuild wrote %s at a later time than now: the clock went back"),
                       own.example),
            mem_strdup(_("set the clock; nothing depends on it but dates that are shown")));
    if (documents.count)
        finding_add(f, "clock", FINDING_NOTE,
                    mem_printf(_("%zu files are dated in the future, such as %s; they are read "
                                 "anew each time"),
                               documents.count, documents.example),
                    mem_printf("touch %s", documents.example));
    free(own.example);
    free(documents.example);
}

/* --- What nobody needs any more. --- */

struct left_over {
    size_t count;
    uint64_t bytes;
};

static void take_left_over(struct left_over *l, const char *path)
{
    struct stat s;
    if (lstat(path, &s) < 0)
        return;
    l->count++;
    add_size(&l->bytes, path, &s);
    walk(path, add_size, &l->bytes);
}

static void find_hidden(struct left_over *l, const char *folder)
{
    DIR *d = opendir(folder);
    for (struct dirent *entry; d && (entry = readdir(d));) {
        char *path = path_join(folder, entry->d_name);
        if (strcmp(entry->d_name, LINEAGE_IMPORT) == 0 || strncmp(entry->d_name, ".v", 2) == 0)
            take_left_over(l, path);
        free(path);
    }
    if (d)
        closedir(d);
}

static void find_attempts(struct left_over *l, const char *folder)
{
    DIR *d = opendir(folder);
    for (struct dirent *entry; d && (entry = readdir(d));) {
        char *path = path_join(folder, entry->d_name);
        if (entry->d_name[0] != '.')
            take_left_over(l, path);
        free(path);
    }
    if (d)
        closedir(d);
}

static void look_left_overs(struct findings *f, const struct project *p)
{
    const struct rules *r = p->rules;
    struct left_over attempts = {0}, halves = {0};
    for (size_t i = 0; i < r->adapter_count; i++) {
        const struct rule_adapter *rule = &r->adapters[i];
        const struct scope *s = project_scope((struct project *)(uintptr_t)p, rule->client);
        char *folder = mem_printf("%s/attempts/%s", s->keep, path_base(rule->output));
        find_attempts(&attempts, folder);
        find_hidden(&halves, rule->output);
        free(folder);
    }
    if (attempts.count)
        finding_add(f, "left over", FINDING_NOTE,
                    mem_printf(_("%zu unfinished trainings, %.1f MB: continued when their texts "
                                 "and recipe are wanted again"),
                               attempts.count, (double)attempts.bytes / 1e6),
                    mem_strdup(_("to be rid of those that are not: lorabuild gc")));
    if (halves.count)
        finding_add(f, "left over", FINDING_NOTE,
                    mem_printf(_("%zu halves of what was interrupted, %.1f MB"), halves.count,
                               (double)halves.bytes / 1e6),
                    mem_strdup(_("build: the next run removes them")));
}

/* Under LORABUILD_STORE: folders of projects that are gone. */
static void look_orphans(struct findings *f, const struct project *p)
{
    char *base = path_folder(p->store);
    DIR *d = p->apart ? opendir(base) : NULL;
    for (struct dirent *entry; d && (entry = readdir(d));) {
        char *folder = path_join(base, entry->d_name), *owner = store_folder_owner(folder);
        if (owner && access(owner, F_OK) < 0)
            finding_add(
                f, "left over", FINDING_NOTE,
                mem_printf(_("%s: the store of %s, which is no longer there"), folder, owner),
                mem_printf("rm -r %s", folder));
        free(owner);
        free(folder);
    }
    if (d)
        closedir(d);
    free(base);
}

/* --- Base models. --- */

static void look_base(struct findings *f, const struct rule_base *b)
{
    struct error e = {0};
    struct stat s;
    char *pictures = path_join(b->path, "model_index.json");
    bool paints = stat(pictures, &s) == 0;
    free(pictures);
    if (paints)
        return; /* pictures are not built yet */
    struct weights *w = weights_open(b->path, &e);
    struct model *m = w ? model_open(w, &e) : NULL;
    uint64_t limit, available = doctor_free_memory(&limit), bytes = w ? weights_bytes(w) : 0;
    if (!m)
        finding_add(f, "base", FINDING_UNFIT, mem_strdup(e.message),
                    mem_printf(_("give another model as %s in the rule file"), b->name));
    else if (bytes > available)
        finding_add(f, "base", FINDING_UNFIT,
                    mem_printf(_("%s: %.1f GB of weights, %.1f GB of memory free"), b->written,
                               (double)bytes / 1e9, (double)available / 1e9),
                    mem_strdup(_("take a smaller or a more quantised model")));
    else
        finding_add(f, "base", FINDING_WELL,
                    mem_printf(_("%s: %s, %.1f GB"), b->written, model_architecture(m),
                               (double)bytes / 1e9),
                    NULL);
    if (m)
        model_close(m);
    if (w)
        weights_close(w);
}

void doctor_project(struct findings *f, struct project *p)
{
    look_place(f, p);
    for (size_t i = 0; i < p->scope_count; i++) {
        look_store(f, &p->scopes[i], p->scopes[i].cache);
        look_store(f, &p->scopes[i], p->scopes[i].keep);
    }
    look_locks(f, p);
    look_permissions(f, p);
    look_dates(f, p);
    look_left_overs(f, p);
    look_orphans(f, p);
    for (size_t i = 0; i < p->rules->base_count; i++)
        look_base(f, &p->rules->bases[i]);
}
