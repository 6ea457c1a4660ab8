#include "lorabuild/run/erasure_names.h"

#include "cache/lineage.h"
#include "cache/lineage_remove.h"
#include "lorabuild/common/file.h"
#include "lorabuild/common/html.h"
#include "lorabuild/common/json.h"

#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { MOST_BYTES = 1 << 28 };

/* --- Reports. --- */

static bool is_of_a_name(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '_' ||
           c == '-' || (unsigned char)c >= 0x80;
}

/* "bus.md" does not stand in "omnibus.md", nor in "bus.mdx". */
static bool stands_in(struct str page, struct str name)
{
    const char *at = page.data, *end = page.data + page.size, *found;
    for (; (found = memmem(at, (size_t)(end - at), name.data, name.size)); at = found + 1)
        if ((found == page.data || !is_of_a_name(found[-1])) &&
            (found + name.size == end || !is_of_a_name(found[name.size])))
            return true;
    return false;
}

bool erasure_report_names(const char *version_folder, const char *document)
{
    struct strbuf page = {0}, shown = {0}, name = {0};
    char *path = path_join(version_folder, LINEAGE_REPORT);
    strbuf_add_shown(&shown, str_of(document));
    html_add_text(&name, strbuf_str(&shown));
    bool there = access(path, F_OK) == 0;
    bool names = there && (!file_read(&page, path, MOST_BYTES, NULL) ||
                           stands_in(strbuf_str(&page), strbuf_str(&name)));
    strbuf_free(&name);
    strbuf_free(&shown);
    strbuf_free(&page);
    free(path);
    return names;
}

/* --- Records: [[sign, document, place, samples], …] --- */

/* With several datasets the dataset's path stands in front. */
static bool is_forgotten(const struct erasure *x, const char *document)
{
    size_t size = document ? strlen(document) : 0;
    for (size_t i = 0; document && i < x->name_count; i++) {
        size_t n = strlen(x->names[i]);
        if (n <= size && strcmp(document + size - n, x->names[i]) == 0 &&
            (n == size || document[size - n - 1] == '/'))
            return true;
    }
    return false;
}

static bool clean_changes(const struct erasure *x, json_t *changes)
{
    json_t *change;
    size_t i;
    bool found = false;
    json_array_foreach (changes, i, change) {
        if (!is_forgotten(x, json_string_value(json_array_get(change, 1))))
            continue;
        json_array_set_new(change, 1, json_string("a forgotten document"));
        found = true;
    }
    return found;
}

static bool clean_record(const struct erasure *x, const char *path, struct error *e)
{
    struct strbuf text = {0};
    json_t *record = json_read_file(path, MOST_BYTES, NULL);
    json_restore_bytes(record);
    json_t *changes = json_object_get(json_object_get(record, "changes"), "changes");
    bool ok = true;
    if (clean_changes(x, changes)) {
        json_write(&text, record, true);
        ok = file_replace(path, strbuf_str(&text), 0666, e);
    }
    strbuf_free(&text);
    json_decref(record);
    return ok;
}

bool erasure_names(const struct erasure *x, const struct erasure_adapter *a, const char *keep,
                   struct error *e)
{
    const char *name = path_base(a->folder);
    char *records = mem_printf("%s/lineage/%s", keep, name);
    bool ok = true;
    for (size_t i = 0; ok && i < a->report_count; i++)
        ok = lineage_drop_file(a->folder, name, a->reports[i], LINEAGE_REPORT, e);
    DIR *d = opendir(records);
    for (struct dirent *entry; ok && d && (entry = readdir(d));) {
        char *path = path_join(records, entry->d_name);
        if (str_ends(str_of(entry->d_name), ".json"))
            ok = clean_record(x, path, e);
        free(path);
    }
    if (d)
        closedir(d);
    free(records);
    return ok;
}
