#include "lorabuild/run/project.h"

#include "lorabuild/common/file.h"
#include "lorabuild/run/store_folder.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static void fill_scope(struct scope *s, const struct project *p, const char *client)
{
    const struct rules *r = p->rules;
    char *folder =
        client ? mem_printf("%s/clients/%s", p->store, client) : path_join(p->store, "shared");
    *s = (struct scope){.client = client, .project = p};
    s->cache = path_join(folder, "cache");
    s->keep = path_join(folder, "keep");
    s->like = client ? arena_printf((struct arena *)(uintptr_t)&r->arena, "%s/%s", r->clients_root,
                                    client)
                     : NULL;
    free(folder);
}

void project_open(struct project *p, struct rules *rules, bool read_only)
{
    *p = (struct project){.rules = rules, .read_only = read_only};
    p->store = store_folder(rules->root, read_only, &p->apart);
    p->scope_count = rules->client_count + 1;
    p->scopes = mem_array(p->scope_count, sizeof *p->scopes);
    for (size_t i = 0; i < p->scope_count; i++)
        fill_scope(&p->scopes[i], p, i ? rules->clients[i - 1] : NULL);
}

void project_close(struct project *p)
{
    for (size_t i = p->scope_count; i-- > 0;) {
        struct scope *s = &p->scopes[i];
        if (s->exposures)
            store_close(s->exposures);
        if (s->hashes)
            store_close(s->hashes);
        free(s->keep);
        free(s->cache);
    }
    free(p->scopes);
    free(p->store);
    if (p->rules)
        rules_free(p->rules);
    *p = (struct project){0};
}

struct scope *project_scope(struct project *p, const char *client)
{
    for (size_t i = 1; client && i < p->scope_count; i++)
        if (strcmp(p->scopes[i].client, client) == 0)
            return &p->scopes[i];
    return &p->scopes[0];
}

/* A client's store belongs to whom the client's folder belongs, and nobody else may read it. */
static bool take_after(const char *folder, const char *like, struct error *e)
{
    struct stat s, now;
    if (!like || stat(like, &s) < 0 || stat(folder, &now) < 0)
        return true;
    if ((now.st_mode & 07777) != (s.st_mode & 0777) && chmod(folder, s.st_mode & 0777) < 0)
        return error_errno(e, "%s", folder);
    if ((now.st_uid != s.st_uid || now.st_gid != s.st_gid) &&
        chown(folder, s.st_uid, s.st_gid) < 0 && errno != EPERM)
        return error_errno(e, "%s", folder);
    return true;
}

static bool make_scope_folder(const struct scope *s, const char *folder, struct error *e)
{
    const struct project *p = s->project;
    char *parent = path_folder(folder);
    bool ok = (!p->apart || store_folder_make(p->store, p->rules->root, e)) &&
              folder_make(folder, 0777, e) && take_after(parent, s->like, e) &&
              take_after(folder, s->like, e);
    free(parent);
    return ok;
}

bool project_make_keep(struct scope *s, struct error *e)
{
    return make_scope_folder(s, s->keep, e);
}

static struct store *open_store(struct project *p, struct scope *s, const char *folder,
                                struct error *e)
{
    char note[256] = "";
    if (!p->read_only && !make_scope_folder(s, folder, e))
        return NULL;
    struct store *store = store_open(folder, s->like, p->read_only, note, e);
    if (note[0])
        memcpy(p->note, note, sizeof note);
    return store;
}

struct store *project_hashes(struct project *p, struct scope *s, struct error *e)
{
    if (!s->hashes)
        s->hashes = open_store(p, s, s->cache, e);
    return s->hashes;
}

struct store *project_exposures(struct project *p, struct scope *s, struct error *e)
{
    if (!s->exposures)
        s->exposures = open_store(p, s, s->keep, e);
    return s->exposures;
}
