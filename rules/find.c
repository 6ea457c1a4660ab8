/* Searching for the rule file, upwards as git does. */
#include "rules/load.h"

#include "lorabuild/common/file.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static char *file_in(const char *folder)
{
    struct stat st;
    char *path = path_join(folder, "lorabuild.yaml");
    if (stat(path, &st) == 0 && S_ISREG(st.st_mode))
        return path;
    free(path);
    return NULL;
}

/* Does the rule file `file` say that `folder` is, or lies in, a client's folder? A file that
 * cannot be read to its end might. */
static bool claims(const char *file, const char *folder)
{
    struct arena arena = {0};
    struct rules rules = {0};
    struct load l = {.rules = &rules, .arena = &arena, .report = {.arena = &arena}};
    struct source s = {0};
    bool whole = false, claimed = true;
    if (source_read(&s, file, &arena, NULL)) {
        const struct node *clients = yaml_get(yaml_read(&s, &l.report, &whole), "clients");
        claimed = !whole;
        if (clients && clients->kind == NODE_TEXT) {
            size_t size = strcspn(clients->text, "%");
            const char *root = arena_strndup(&arena, clients->text, size);
            char *real = realpath(path_absolute(&l, clients, *root ? root : "."), NULL);
            claimed = real && strcmp(real, folder) != 0 && path_is_beneath(folder, real);
            free(real);
        }
    }
    report_free(&l.report);
    arena_free(&arena);
    return claimed;
}

static char *parent_of(char *folder)
{
    char *parent = strcmp(folder, "/") == 0 ? NULL : path_folder(folder);
    free(folder);
    return parent;
}

char *rules_find(const char *from)
{
    char *found = NULL, *found_in = NULL;
    for (char *folder = realpath(from, NULL); folder; folder = parent_of(folder)) {
        char *file = file_in(folder);
        if (!file)
            continue;
        if (!found || claims(file, found_in)) {
            free(found);
            free(found_in);
            found = file;
            found_in = mem_strdup(folder);
        } else {
            free(file);
        }
    }
    free(found_in);
    return found;
}
