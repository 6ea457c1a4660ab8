#include "cache/lineage.h"

#include "cache/lineage_parts.h"
#include "lorabuild/common/file.h"
#include "lorabuild/common/text.h"
#include "lorabuild/formats/archive.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define ARCHIVE_MOST_BYTES ((uint64_t)1 << 40)

int archive_number(const char *file, const char *name, char *date)
{
    struct str rest = str_of(file);
    size_t n = strlen(name);
    if (!str_ends(rest, ".tar.zst") || rest.size < n + 1 + 10 + 1 + strlen(".tar.zst") ||
        memcmp(file, name, n) != 0 || file[n] != '-' || strspn(file + n + 1, "0123456789-") < 11 ||
        file[n + 11] != '-')
        return 0;
    if (date) {
        memcpy(date, file + n + 1, 10);
        date[10] = '\0';
    }
    rest.data += n + 12;
    rest.size -= n + 12 + strlen(".tar.zst");
    return version_number(rest);
}

static char *archive_path(const char *folder, const char *name, int number, const char *date,
                          const char *ending)
{
    return mem_printf("%s/%s-%s-v%d.tar.%s", folder, name, date, number, ending);
}

static bool pack(const char *folder, const char *name, int number, const char *date,
                 char tar_sha256[static SHA256_HEX], struct error *e)
{
    char *from = mem_printf("%s/v%d", folder, number), *prefix = mem_printf("%s-v%d", name, number);
    char *path = archive_path(folder, name, number, date, "zst"), *line = NULL;
    char *beside = archive_path(folder, name, number, date, "sha256");
    bool ok = archive_pack(path, from, prefix, tar_sha256, e);
    if (ok) {
        line = mem_printf("%s  %s-%s-v%d.tar\n", tar_sha256, name, date, number);
        ok = file_replace(beside, str_of(line), 0666, e);
    }
    free(line);
    free(beside);
    free(path);
    free(prefix);
    free(from);
    return ok;
}

bool lineage_pack(const char *folder, const char *name, const struct lineage_event *event,
                  bool *same, struct error *e)
{
    struct lineage_event now = *event;
    if (!pack(folder, name, event->number, event->date, now.tar_sha256, e))
        return false;
    bool is_same = strcmp(event->tar_sha256, now.tar_sha256) == 0;
    if (same)
        *same = is_same;
    return is_same || lineage_history_append(folder, &now, e);
}

/* --- What there is of each version. --- */

struct remains {
    bool folder;
    char archive_date[11];             /* "" = no archive */
    const struct lineage_event *event; /* its last, or NULL */
};

struct healing {
    struct lineage *l;
    char ***notes;
    size_t *count;
    struct remains *versions; /* by number, 0 … highest */
    int highest;
    struct lineage_event *events;
    size_t event_count;
    int in_use; /* by CURRENT, else by the link; its folder may be gone */
    bool done;  /* something was repaired: load again */
};

/* An unpacking, a copying or an import that a crash left behind. */
static bool is_left_over(const char *name)
{
    return strcmp(name, LINEAGE_IMPORT) == 0 ||
           (strncmp(name, ".v", 2) == 0 &&
            (str_ends(str_of(name), ".restore") || str_ends(str_of(name), ".copy")));
}

static bool take_stock(struct healing *h, struct error *e)
{
    struct lineage *l = h->l;
    bool ok = true;
    h->versions = mem_array((size_t)l->highest + 1, sizeof *h->versions);
    if (!lineage_history_read(l->folder, &h->events, &h->event_count, e))
        return false;
    for (size_t i = 0; i < h->event_count; i++)
        if (h->events[i].number <= l->highest)
            h->versions[h->events[i].number].event = &h->events[i];
    DIR *d = opendir(l->folder);
    if (!d)
        return errno == ENOENT || error_errno(e, "%s", l->folder);
    for (struct dirent *entry; ok && (entry = readdir(d));) {
        char date[11];
        int number = version_number(str_of(entry->d_name));
        if (number && number <= l->highest)
            h->versions[number].folder = true;
        number = archive_number(entry->d_name, l->name, date);
        if (number && number <= l->highest && strcmp(h->versions[number].archive_date, date) < 0)
            memcpy(h->versions[number].archive_date, date, sizeof date);
        if (is_left_over(entry->d_name)) {
            char *path = path_join(l->folder, entry->d_name);
            ok = folder_remove(path, e);
            free(path);
        }
    }
    closedir(d);
    return ok;
}

static void note_version(struct healing *h, int number, const char *sentence)
{
    note_add(h->notes, h->count, "%s v%d: %s", h->l->name, number, sentence);
}

/* --- Folders and files, from the archive. --- */

/* The first file that the manifest names and that is not there; NULL = none. */
static const char *missing_file(const struct version *v)
{
    json_t *file;
    const char *name;
    if (!v->damaged)
        return NULL;
    json_object_foreach (json_object_get(v->manifest, "files"), name, file) {
        char *path = path_join(v->folder, name);
        bool there = access(path, F_OK) == 0;
        free(path);
        if (!there)
            return name;
    }
    return NULL;
}

/* Moves what `to` lacks out of `from`, folders included. */
static bool move_missing(struct healing *h, int number, const char *from, const char *to,
                         const char *shown, bool with_manifest, struct error *e)
{
    DIR *d = opendir(from);
    bool ok = d || error_errno(e, "%s", from);
    for (struct dirent *entry; ok && (entry = readdir(d));) {
        const char *name = entry->d_name;
        if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
            continue;
        char *a = path_join(from, name), *b = path_join(to, name), *s = path_join(shown, name);
        struct stat inner, there;
        bool missing = lstat(b, &there) < 0;
        bool replaced = with_manifest && strcmp(s, "manifest.json") == 0;
        if (stat(a, &inner) == 0 && S_ISDIR(inner.st_mode) && !missing) {
            ok = move_missing(h, number, a, b, s, false, e);
        } else if (missing || replaced) {
            ok = rename(a, b) == 0 || error_errno(e, "%s", b);
            note_add(h->notes, h->count,
                     _("%s v%d: %s was missing or damaged; brought back from the archive"),
                     h->l->name, number, s);
        }
        free(s);
        free(b);
        free(a);
    }
    if (d)
        closedir(d);
    return ok && folder_sync(to, e);
}

static bool put_back(struct healing *h, int number, const char *unpacked, bool with_manifest,
                     struct error *e)
{
    char *folder = mem_printf("%s/v%d", h->l->folder, number);
    bool ok = folder_sync_all(unpacked, e);
    if (ok && h->versions[number].folder) {
        ok = move_missing(h, number, unpacked, folder, "", with_manifest, e);
    } else if (ok) {
        ok = rename(unpacked, folder) == 0 ? folder_sync(h->l->folder, e)
                                           : error_errno(e, "%s", folder);
        if (ok)
            note_version(h, number, _("its folder was missing; brought back from the archive"));
    }
    free(folder);
    return ok;
}

/* A bad archive is told, and the rest goes on without it. */
static bool restore(struct healing *h, int number, bool with_manifest, struct error *e)
{
    struct lineage *l = h->l;
    const struct remains *r = &h->versions[number];
    char sha[SHA256_HEX],
        *archive = archive_path(l->folder, l->name, number, r->archive_date, "zst");
    char *unpacked = mem_printf("%s/.v%d.restore", l->folder, number);
    struct error why = {0};
    bool ok = folder_remove(unpacked, &why) &&
              archive_unpack(archive, unpacked, ARCHIVE_MOST_BYTES, sha, &why);
    if (ok && r->event && strcmp(r->event->tar_sha256, sha) != 0)
        ok = error_set(&why, ERROR_INPUT, "%s: its content is not what was recorded", archive);
    if (ok) {
        ok = put_back(h, number, unpacked, with_manifest, e);
        h->done = true;
    } else if (why.kind == ERROR_INPUT) {
        note_version(h, number, why.message);
        ok = true;
    } else if (e) {
        *e = why;
    }
    folder_remove(unpacked, NULL);
    free(unpacked);
    free(archive);
    return ok;
}

static bool heal_folder(struct healing *h, int number, struct error *e)
{
    const struct remains *r = &h->versions[number];
    const struct version *v = lineage_version(h->l, number);
    const char *missing = v ? missing_file(v) : NULL;
    if (v && !missing)
        return true;
    if (r->archive_date[0])
        return restore(h, number, !v, e);
    if (number != h->in_use)
        return true;
    if (missing)
        note_add(h->notes, h->count, _("%s v%d: %s is missing, and so is the archive"), h->l->name,
                 number, missing);
    else if (r->folder)
        note_version(h, number, _("its manifest is missing or damaged, and there is no archive"));
    else
        note_version(h, number, _("its folder is gone, and so is the archive"));
    return true;
}

/* --- Archives, from the folder. --- */

static bool heal_archive(struct healing *h, int number, struct error *e)
{
    struct lineage *l = h->l;
    const struct remains *r = &h->versions[number];
    const struct version *v = lineage_version(l, number);
    bool same;
    if (!v || r->archive_date[0] || missing_file(v))
        return true;
    struct lineage_event event = r->event ? *r->event : lineage_event_now(number, v->want_key);
    if (!lineage_pack(l->folder, l->name, &event, &same, e))
        return false;
    if (!r->event)
        note_version(h, number, _("packed its archive"));
    else if (same)
        note_version(h, number, _("its archive was missing; packed again"));
    else
        note_version(h, number,
                     _("its archive was missing; packed again, with the changes made "
                       "to its folder since"));
    return true;
}

/* --- The link and CURRENT. --- */

static bool heal_current(struct healing *h, struct error *e)
{
    struct lineage *l = h->l;
    int recorded = lineage_recorded_current(l->folder);
    int linked = lineage_linked_current(l->folder);
    if (!l->current || (recorded == l->current && linked == l->current))
        return true;
    if (!lineage_set_current(l->folder, l->current, e))
        return false;
    if (recorded != l->current)
        note_version(h, l->current, _("in use; CURRENT names it again"));
    if (linked != l->current && lineage_linked_current(l->folder) == l->current)
        note_version(h, l->current, _("in use; the link `current` points to it again"));
    return true;
}

static bool reload(struct lineage *l, struct error *e)
{
    struct lineage fresh;
    if (!lineage_load(&fresh, l->folder, l->name, e))
        return false;
    lineage_free(l);
    *l = fresh;
    return true;
}

bool lineage_heal(struct lineage *l, char ***notes, size_t *count, struct error *e)
{
    struct healing h = {.l = l, .notes = notes, .count = count, .highest = l->highest};
    h.in_use = lineage_recorded_current(l->folder);
    if (!h.in_use)
        h.in_use = lineage_linked_current(l->folder);
    bool ok = h.highest == 0 || take_stock(&h, e);
    for (int n = 1; ok && n <= h.highest; n++)
        ok = heal_folder(&h, n, e);
    if (ok && h.done)
        ok = reload(l, e);
    for (int n = 1; ok && n <= h.highest; n++)
        ok = heal_archive(&h, n, e);
    ok = ok && heal_current(&h, e);
    free(h.events);
    free(h.versions);
    return ok;
}
