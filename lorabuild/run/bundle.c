#include "lorabuild/run/bundle.h"

#include "lorabuild/common/file.h"
#include "lorabuild/common/json.h"
#include "lorabuild/common/memory.h"
#include "lorabuild/common/text.h"
#include "lorabuild/run/export.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { MOST_HEAD = 1 << 20, MOST_VERSION = 999999 };

const char *const bundle_records[] = {
    "history", "set-aside", "chosen", "blocked", "forgotten/key", "forgotten/tombstones", NULL};

/* --- Writing. --- */

static void list_records(struct archive_list *list, const char *folder, const char *inner)
{
    for (size_t i = 0; bundle_records[i]; i++) {
        char *path = path_join(folder, bundle_records[i]);
        char *as = path_join(inner, bundle_records[i]);
        struct stat s;
        if (lstat(path, &s) == 0)
            archive_list_file(list, as, path);
        free(as);
        free(path);
    }
}

static bool add_versions(struct archive_list *list, json_t *numbers, const struct lineage *l,
                         const struct version *const *versions, size_t count, struct error *e)
{
    for (size_t i = 0; i < count; i++) {
        char *inner = mem_printf("lineages/%s/v%d", l->name, versions[i]->number);
        bool ok = export_list_version(list, versions[i], inner, true, e);
        json_array_append_new(numbers, json_integer(versions[i]->number));
        free(inner);
        if (!ok)
            return false;
    }
    return true;
}

/* One lineage: `needed`, and the version in use where it may be handed out. */
static bool add_lineage(struct archive_list *list, json_t *lineages,
                        const struct rule_adapter *rule, struct lineage *l,
                        const struct version *needed, int in_use, size_t *count, struct error *e)
{
    const struct version *versions[2] = {needed};
    const struct version *other = in_use != needed->number ? export_choose(l, in_use, NULL) : NULL;
    size_t n = 1;
    if (other && !other->damaged) {
        bool later = other->number > needed->number;
        versions[later] = other;
        versions[!later] = needed;
        n = 2;
    } else {
        in_use = needed->number;
    }
    json_t *numbers = json_array();
    char *inner = mem_printf("lineages/%s", l->name);
    bool ok = add_versions(list, numbers, l, versions, n, e);
    list_records(list, l->folder, inner);
    json_array_insert_new(lineages, 0,
                          json_pack("{s:s, s:s?, s:o, s:i}", "adapter", l->name, "client",
                                    rule->client, "versions", numbers, "in_use", in_use));
    free(inner);
    *count += n;
    return ok;
}

/* The version of the parent that `v` was built on. */
static struct version *parent_version(struct lineage *parent, const struct version *v,
                                      struct error *e)
{
    const json_t *o = json_object_get(v->manifest, "parent");
    int number = (int)json_integer_value(json_object_get(o, "version"));
    struct version *found = lineage_version(parent, number);
    if (!found)
        error_set(e, ERROR_INPUT,
                  _("%s v%d, which this was built on, is no longer there; build it anew on a "
                    "version that is: lorabuild -U"),
                  parent->name, number);
    else if (!digest_equal(found->artifact, v->parent))
        error_set(e, ERROR_INPUT, _("%s v%d is not the one that this was built on"), parent->name,
                  number);
    else
        return export_choose(parent, number, e);
    return NULL;
}

static bool add_parents(struct archive_list *list, json_t *lineages, const struct rules *r,
                        int adapter, const struct version *v, size_t *count, struct error *e)
{
    int parent = r->adapters[adapter].parent;
    if (parent < 0 || digest_is_zero(v->parent))
        return true;
    const struct rule_adapter *rule = &r->adapters[parent];
    struct lineage l;
    if (!lineage_load(&l, rule->output, path_base(rule->output), e))
        return false;
    struct version *needed = parent_version(&l, v, e);
    bool ok = needed && add_lineage(list, lineages, rule, &l, needed, l.current, count, e) &&
              add_parents(list, lineages, r, parent, needed, count, e);
    lineage_free(&l);
    return ok;
}

bool bundle_list(struct archive_list *list, struct strbuf *head, const struct rules *r, int adapter,
                 struct lineage *l, const struct version *v, size_t *version_count, struct error *e)
{
    json_t *lineages = json_array();
    *version_count = 0;
    bool ok =
        add_lineage(list, lineages, &r->adapters[adapter], l, v, v->number, version_count, e) &&
        add_parents(list, lineages, r, adapter, v, version_count, e);
    json_t *o =
        json_pack("{s:i, s:s, s:s, s:s, s:o}", "format", BUNDLE_FORMAT, "kind", "lineage", "tool",
                  "lorabuild " LORABUILD_VERSION, "adapter", l->name, "lineages", lineages);
    json_write(head, o, true);
    json_decref(o);
    archive_list_bytes(list, "bundle.json", strbuf_str(head));
    return ok;
}

/* --- Reading. --- */

/* The size that the content may have: an honest adapter hardly shrinks, a bomb does. */
static uint64_t most_content(const char *path)
{
    struct stat s;
    uint64_t size = stat(path, &s) == 0 ? (uint64_t)s.st_size : 0;
    return ((uint64_t)64 << 20) + 100 * size;
}

static bool is_name(const char *name)
{
    return name && name[0] && name[0] != '.' && !strchr(name, '/') && strlen(name) < 200;
}

static bool read_versions(struct bundle_lineage *l, const json_t *numbers)
{
    l->version_count = json_array_size(numbers);
    l->versions = mem_array(l->version_count + 1, sizeof *l->versions);
    int before = 0;
    for (size_t i = 0; i < l->version_count; i++) {
        json_int_t number = json_integer_value(json_array_get(numbers, i));
        if (number <= before || number > MOST_VERSION)
            return false;
        before = l->versions[i] = (int)number;
    }
    return l->version_count > 0;
}

static bool read_lineage(struct bundle_lineage *l, const json_t *o)
{
    const char *name = json_string_value(json_object_get(o, "adapter"));
    const json_t *client = json_object_get(o, "client");
    if (!is_name(name) || !(json_is_null(client) || is_name(json_string_value(client))))
        return false;
    l->name = mem_strdup(name);
    l->client = json_is_null(client) ? NULL : mem_strdup(json_string_value(client));
    l->in_use = (int)json_integer_value(json_object_get(o, "in_use"));
    if (!read_versions(l, json_object_get(o, "versions")))
        return false;
    for (size_t i = 0; i < l->version_count; i++)
        if (l->versions[i] == l->in_use)
            return true;
    return false;
}

static bool read_head(struct bundle *b, const json_t *o)
{
    const char *adapter = json_string_value(json_object_get(o, "adapter"));
    const char *kind = json_string_value(json_object_get(o, "kind"));
    const json_t *lineages = json_object_get(o, "lineages");
    if (!adapter || !kind || strcmp(kind, "lineage") != 0 || !json_array_size(lineages))
        return false;
    b->adapter = mem_strdup(adapter);
    b->lineages = mem_array(json_array_size(lineages), sizeof *b->lineages);
    while (b->count < json_array_size(lineages)) {
        size_t i = b->count++;
        if (!read_lineage(&b->lineages[i], json_array_get(lineages, i)))
            return false;
        for (size_t k = 0; k < i; k++)
            if (strcmp(b->lineages[k].name, b->lineages[i].name) == 0)
                return false;
    }
    return strcmp(b->lineages[b->count - 1].name, adapter) == 0;
}

bool bundle_open(struct bundle *b, const char *path, struct error *e)
{
    struct strbuf head = {0};
    *b = (struct bundle){.adapter = NULL};
    bool ok =
        archive_read_entry(path, "bundle.json", MOST_HEAD, most_content(path), &head, &b->bytes, e);
    char *shown = mem_printf("%s: bundle.json", path);
    json_t *o = ok ? json_parse(strbuf_str(&head), shown, 1, e) : NULL;
    int64_t format = json_integer_value(json_object_get(o, "format"));
    ok = o != NULL;
    if (ok && format > BUNDLE_FORMAT)
        ok = error_set(e, ERROR_INPUT,
                       _("%s: made by a newer lorabuild (bundle format %lld, this one knows %d)"),
                       path, (long long)format, BUNDLE_FORMAT);
    else if (ok && (format < 1 || !read_head(b, o)))
        ok = error_set(e, ERROR_INPUT, _("%s: its bundle.json is damaged"), path);
    json_decref(o);
    free(shown);
    strbuf_free(&head);
    if (!ok)
        bundle_free(b);
    return ok;
}

void bundle_free(struct bundle *b)
{
    for (size_t i = 0; i < b->count; i++) {
        free(b->lineages[i].versions);
        free(b->lineages[i].client);
        free(b->lineages[i].name);
    }
    free(b->lineages);
    free(b->adapter);
    *b = (struct bundle){.adapter = NULL};
}
