#include "lorabuild/run/import.h"

#include "cache/lock.h"
#include "lorabuild/common/clock.h"
#include "lorabuild/common/file.h"
#include "lorabuild/common/text.h"
#include "lorabuild/run/bundle.h"
#include "lorabuild/run/commit.h"
#include "lorabuild/run/import_parts.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

struct import {
    const struct import_request *request;
    struct bundle bundle;
    struct import_lineage *lineages; /* one each of the bundle's */
    char *staged;                    /* adapters/NAME/.import */
    bool made_folder, made_parent;   /* adapters/NAME, adapters: removed again if it fails */
};

static const char *whose(const char *client)
{
    return client ? client : _("all clients");
}

/* The adapter here that a lineage of the bundle goes to: the last may be named otherwise. */
static bool find_adapter(struct import *m, size_t i, struct error *e)
{
    const struct rules *r = m->request->project->rules;
    const struct bundle_lineage *from = &m->bundle.lineages[i];
    bool last = i + 1 == m->bundle.count;
    const char *name = last && m->request->name ? m->request->name : from->name;
    int adapter = -1, group = -1;
    struct error unknown = {0};
    if (!rules_target(r, name, &adapter, &group, &unknown) || adapter < 0)
        return error_set(e, ERROR_USAGE, _("%s holds %s, and %s has no adapter %s%s"),
                         m->request->file, from->name, r->shown, name,
                         last ? _("; name one: lorabuild import FILE NAME") : "");
    const struct rule_adapter *rule = &r->adapters[adapter];
    bool same =
        from->client ? rule->client && strcmp(from->client, rule->client) == 0 : !rule->client;
    if (!same)
        return error_set(e, ERROR_USAGE,
                         _("%s of this bundle belongs to %s, %s here belongs to %s; it cannot be "
                           "imported"),
                         from->name, whose(from->client), rule->name, whose(rule->client));
    m->lineages[i] =
        (struct import_lineage){.from = from,
                                .rule = rule,
                                .scope = project_scope(m->request->project, rule->client),
                                .lock = -1};
    return true;
}

/* A folder is an adapter made elsewhere, perhaps; that is not a bundle. */
static bool open_bundle(struct import *m, struct error *e)
{
    struct stat s;
    const char *file = m->request->file;
    if (stat(file, &s) < 0)
        return error_errno(e, "%s", file);
    if (!S_ISREG(s.st_mode))
        return error_set(e, ERROR_USAGE,
                         _("%s: not a bundle; lorabuild export NAME --to lineage makes one"), file);
    if (!bundle_open(&m->bundle, file, e))
        return false;
    m->lineages = mem_array(m->bundle.count, sizeof *m->lineages);
    for (size_t i = 0; i < m->bundle.count; i++)
        m->lineages[i].lock = -1;
    for (size_t i = 0; i < m->bundle.count; i++)
        if (!find_adapter(m, i, e))
            return false;
    return true;
}

static bool lock_all(struct import *m, struct error *e)
{
    bool ok = true;
    for (size_t i = 0; ok && i < m->bundle.count; i++) {
        struct import_lineage *l = &m->lineages[i];
        char *locks = path_join(l->scope->keep, "locks");
        char *path = path_join(locks, path_base(l->rule->output));
        ok = project_make_keep(l->scope, e) && folder_make(locks, 0777, e);
        if (ok)
            l->lock =
                lock_take(path, l->rule->name, true, m->request->waiting, m->request->context, e);
        ok = ok && l->lock >= 0;
        free(path);
        free(locks);
    }
    return ok;
}

/* The versions, and as much again for their archives. */
static bool check_room(const struct import *m, const char *folder, struct error *e)
{
    struct statvfs s;
    if (statvfs(folder, &s) < 0)
        return error_errno(e, "%s", folder);
    uint64_t free_bytes = (uint64_t)s.f_bavail * s.f_frsize;
    uint64_t needed = 2 * m->bundle.bytes;
    return needed < free_bytes ||
           error_set(e, ERROR_LIMIT,
                     _("%s: needs %.1f MB in %s, where %.1f MB are free; make room and import "
                       "again"),
                     m->request->file, (double)needed / 1e6, folder, (double)free_bytes / 1e6);
}

static bool unpack(struct import *m, struct error *e)
{
    const struct rule_adapter *rule = m->lineages[m->bundle.count - 1].rule;
    char sha[SHA256_HEX];
    char *parent = path_folder(rule->output);
    m->staged = path_join(rule->output, LINEAGE_IMPORT);
    m->made_folder = access(rule->output, F_OK) < 0;
    m->made_parent = access(parent, F_OK) < 0;
    free(parent);
    return folder_make(rule->output, 0777, e) && folder_remove(m->staged, e) &&
           check_room(m, rule->output, e) &&
           archive_unpack(m->request->file, m->staged, m->bundle.bytes, sha, e);
}

/* --- Into place. --- */

static bool archive_version(const struct import_lineage *l, const struct version *v,
                            struct error *e)
{
    const struct lineage_event *known = import_event_of(l, v->number);
    struct lineage_event event = known ? *known : lineage_event_now(v->number, v->want_key);
    return lineage_pack(l->rule->output, path_base(l->rule->output), &event, NULL, e);
}

static bool add_version(struct import *m, struct import_lineage *l, const struct version *v,
                        struct error *e)
{
    const struct import_request *q = m->request;
    if (lineage_version(&l->here, v->number)) {
        q->told(q->context, l->rule->name, IMPORT_THERE, v->number);
        return true;
    }
    if (!lineage_commit(l->rule->output, v->folder, v->number, e) || !archive_version(l, v, e))
        return false;
    q->told(q->context, l->rule->name, IMPORT_ADDED, v->number);
    return true;
}

/* The bundle's version goes into use unless a later one, or one chosen by hand, is. */
static bool take_into_use(struct import *m, struct import_lineage *l, struct error *e)
{
    const struct import_request *q = m->request;
    int number = l->from->in_use, now = l->here.current;
    struct target target = {.rule = l->rule,
                            .lineage = {.folder = (char *)(uintptr_t)l->rule->output}};
    if (now >= number || (now && l->chosen_here)) {
        if (now != number)
            q->told(q->context, l->rule->name, IMPORT_KEPT, now);
        return true;
    }
    if (!commit_use(NULL, &target, number, e))
        return false;
    q->told(q->context, l->rule->name, IMPORT_IN_USE, number);
    return true;
}

static bool put_in_place(struct import *m, struct import_lineage *l, struct error *e)
{
    bool ok = folder_make(l->rule->output, 0777, e) && import_records(l, e);
    for (size_t i = 0; ok && i < l->staged.count; i++)
        ok = add_version(m, l, &l->staged.versions[i], e);
    return ok && take_into_use(m, l, e);
}

static bool judge_all(struct import *m, struct error *e)
{
    bool ok = true;
    for (size_t i = 0; ok && i < m->bundle.count; i++)
        ok = import_judge(&m->lineages[i], m->staged, m->request->file, e);
    return ok && import_check_strays(m->staged, m->lineages, m->bundle.count, m->request->file, e);
}

/* What was unpacked goes, and so do the folders made for it if nothing came into them. */
static void remove_staged(struct import *m)
{
    char *folder = path_folder(m->staged), *parent = path_folder(folder);
    folder_remove(m->staged, NULL);
    if (m->made_folder && rmdir(folder) == 0 && m->made_parent)
        rmdir(parent);
    free(parent);
    free(folder);
    free(m->staged);
}

static void clean_up(struct import *m)
{
    if (m->staged)
        remove_staged(m);
    for (size_t i = m->bundle.count; m->lineages && i-- > 0;) {
        import_lineage_free(&m->lineages[i]);
        if (m->lineages[i].lock >= 0)
            lock_release(m->lineages[i].lock);
    }
    free(m->lineages);
    bundle_free(&m->bundle);
}

bool import_run(const struct import_request *request, const char **adapter, struct error *e)
{
    struct import m = {.request = request};
    bool ok = open_bundle(&m, e) && lock_all(&m, e) && unpack(&m, e) && judge_all(&m, e);
    for (size_t i = 0; ok && i < m.bundle.count; i++)
        ok = put_in_place(&m, &m.lineages[i], e);
    if (ok)
        *adapter = m.lineages[m.bundle.count - 1].rule->name;
    clean_up(&m);
    return ok;
}
