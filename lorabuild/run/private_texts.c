#include "lorabuild/run/private_texts.h"

#include "cache/scan.h"
#include "lorabuild/common/file.h"
#include "lorabuild/common/text.h"
#include "lorabuild/data/read.h"
#include "lorabuild/run/child.h"

#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* Copies a file, or each source beneath a folder, into the scratch folder, each into a numbered
 * folder of its own: files of one name do not meet. */
static bool gather(const char *path, const char *scratch, size_t *number, struct error *e)
{
    struct stat s;
    const char *reason;
    if (stat(path, &s) < 0)
        return error_errno(e, "%s", path);
    if (S_ISDIR(s.st_mode)) {
        DIR *d = opendir(path);
        struct dirent *entry;
        bool ok = d != NULL || error_errno(e, "%s", path);
        while (ok && (entry = readdir(d))) {
            char *inner = path_join(path, entry->d_name);
            if (entry->d_name[0] != '.' &&
                (entry->d_type == DT_DIR || read_is_source(entry->d_name, &reason)))
                ok = gather(inner, scratch, number, e);
            free(inner);
        }
        if (d)
            closedir(d);
        return ok;
    }
    if (!read_is_source(path, &reason))
        return error_set(e, ERROR_INPUT, "%s: %s", path, reason ? reason : _("is not a text"));
    struct file_map m;
    if (!file_map(&m, path, e))
        return false;
    char *folder = mem_printf("%s/%06zu", scratch, (*number)++);
    char *copy = path_join(folder, path_base(path));
    bool ok = folder_make(folder, 0700, e) && file_replace(copy, m.bytes, 0600, e);
    free(copy);
    free(folder);
    file_unmap(&m);
    return ok;
}

/* [[path, digest, size], …], as the reading stage wants them. */
static json_t *list_gathered(const char *texts, struct error *e)
{
    struct scan scan = {0};
    if (!scan_folder(&scan, texts, NULL, NULL, false, NULL, NULL, e))
        return NULL;
    json_t *list = json_array();
    for (size_t i = 0; i < scan.count; i++) {
        char hex[DIGEST_HEX];
        digest_hex(scan.files[i].digest, hex);
        json_array_append_new(list, json_pack("[o, s, I]", json_bytes(scan.files[i].path), hex,
                                              (json_int_t)scan.files[i].size_bytes));
    }
    scan_free(&scan);
    return list;
}

static bool cut(struct private_texts *p, const char *texts, int threads, struct error *e)
{
    char *captions = path_join(p->folder, "metadata.csv");
    json_t *list = list_gathered(texts, e), *done = NULL;
    struct digest key;
    bool ok = list != NULL;
    if (ok)
        ok =
            (done = child_run("read",
                              json_pack("{s:o, s:o, s:s, s:o, s:o}", "folder", json_bytes(texts),
                                        "captions", json_bytes(captions), "caption_mode",
                                        "headings", "keep", json_bytes(p->folder), "sources", list),
                              threads, NULL, e));
    const char *hex = json_string_value(json_object_get(done, "key"));
    const json_t *unread = json_array_get(json_object_get(done, "unread"), 0);
    if (ok && unread)
        ok = error_set(e, ERROR_INPUT, "%s: %s",
                       path_base(json_string_value(json_array_get(unread, 0))),
                       json_string_value(json_array_get(unread, 1)));
    else if (ok && (!hex || !digest_from_hex(&key, str_of(hex))))
        ok = error_set(e, ERROR_INTERNAL, "the reading stage gave no key");
    ok = ok && seal_read_dataset(&p->data, p->folder, key, true, e);
    json_decref(done);
    free(captions);
    return ok;
}

bool private_texts_read(struct private_texts *p, const char *const *paths, size_t count,
                        int threads, struct error *e)
{
    const char *tmp = getenv("TMPDIR");
    *p = (struct private_texts){0};
    p->folder = mem_printf("%s/lorabuild-XXXXXX", tmp && tmp[0] == '/' ? tmp : "/tmp");
    if (!mkdtemp(p->folder)) {
        error_errno(e, "%s", p->folder);
        free(p->folder);
        p->folder = NULL;
        return false;
    }
    char *texts = path_join(p->folder, "texts");
    size_t number = 0;
    bool ok = folder_make(texts, 0700, e);
    for (size_t i = 0; ok && i < count; i++)
        ok = gather(paths[i], texts, &number, e);
    ok = ok && cut(p, texts, threads, e);
    free(texts);
    return ok;
}

void private_texts_free(struct private_texts *p)
{
    if (p->folder)
        folder_remove(p->folder, NULL);
    free(p->folder);
    dataset_free(&p->data);
    *p = (struct private_texts){0};
}
