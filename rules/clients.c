/* clients: clients/%/ → its folders, one a client. */
#include "rules/load.h"

#include "lorabuild/common/file.h"
#include "lorabuild/common/text.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* "clients" of "clients/%/"; NULL and a finding if it has another form. */
static const char *folder_of_clients(struct load *l, const struct node *n)
{
    size_t size = strlen(n->text);
    while (size && n->text[size - 1] == '/')
        size--;
    bool ends = size >= 1 && n->text[size - 1] == '%' && (size == 1 || n->text[size - 2] == '/');
    const char *first = strchr(n->text, '%');
    if (ends && first == n->text + size - 1)
        return size <= 2 ? size == 2 ? "/" : "." : arena_strndup(l->arena, n->text, size - 2);
    if (!first)
        report_error(&l->report, n->mark,
                     _("'clients' must end in %%, which stands for each client's folder: %s/%%/"),
                     arena_strndup(l->arena, n->text, size));
    else
        report_error(&l->report, n->mark, _("'clients' has one %%, as its last part: clients/%%/"));
    return NULL;
}

static int by_bytes(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Is this entry a client? Hidden folders are none; odd ones are told. */
static bool is_client(struct load *l, int folder, const char *name)
{
    struct stat st;
    if (name[0] == '.' || fstatat(folder, name, &st, AT_SYMLINK_NOFOLLOW) != 0)
        return false;
    if (S_ISLNK(st.st_mode)) {
        if (fstatat(folder, name, &st, 0) == 0 && S_ISDIR(st.st_mode))
            report_error(&l->report, l->clients_mark,
                         _("the client's folder '%s' is a link; it must be a folder itself"), name);
        return false;
    }
    if (!S_ISDIR(st.st_mode))
        return false;
    if (utf8_valid(str_of(name), NULL))
        return true;
    report_error(&l->report, l->clients_mark,
                 _("the name of the client's folder '%s' is not UTF-8; rename it"), name);
    return false;
}

static void list_clients(struct load *l, DIR *folder)
{
    const char **found = NULL;
    size_t count = 0, capacity = 0;
    for (struct dirent *entry; (entry = readdir(folder));) {
        if (!is_client(l, dirfd(folder), entry->d_name))
            continue;
        if (count == capacity) {
            capacity = capacity ? capacity * 2 : 16;
            found = mem_grow(found, capacity, sizeof *found);
        }
        found[count++] = arena_strdup(l->arena, entry->d_name);
    }
    if (count)
        qsort(found, count, sizeof *found, by_bytes);
    const char **kept = arena_array(l->arena, count ? count : 1, sizeof *kept);
    for (size_t i = 0; i < count; i++) {
        kept[i] = found[i];
        names_add(&l->clients, kept[i], i);
    }
    names_sort(&l->clients);
    free(found);
    l->rules->clients = kept;
    l->rules->client_count = count;
}

/* B17: on a share that ignores case their outputs would meet. */
static void report_case_twins(struct load *l)
{
    struct names folded = {0};
    for (size_t i = 0; i < l->rules->client_count; i++)
        names_add(&folded, name_folded(l->rules->clients[i]), i);
    names_sort(&folded);
    for (size_t i = 1; i < folded.count; i++)
        if (strcmp(folded.sorted[i].text, folded.sorted[i - 1].text) == 0)
            report_error(&l->report, l->clients_mark,
                         _("the clients '%s' and '%s' differ only in upper and lower case; "
                           "rename one"),
                         l->rules->clients[folded.sorted[i - 1].id],
                         l->rules->clients[folded.sorted[i].id]);
    for (size_t i = 0; i < folded.count; i++)
        free((char *)(uintptr_t)folded.sorted[i].text);
    names_free(&folded);
}

void clients_read(struct load *l)
{
    const struct node *n = l->document.clients;
    const char *text = n ? folder_of_clients(l, n) : NULL;
    if (!text)
        return;
    l->clients_mark = n->mark;
    const char *path = path_absolute(l, n, text);
    char *real = realpath(path, NULL);
    l->rules->clients_root = arena_strdup(l->arena, real ? real : path);
    free(real);
    DIR *folder = opendir(path);
    if (!folder && errno == ENOENT)
        report_warning(&l->report, n->mark, _("'%s' does not exist: there are no clients yet"),
                       text);
    else if (!folder)
        report_error(&l->report, n->mark, _("'%s' cannot be read: %s"), text, strerror(errno));
    if (!folder)
        return;
    list_clients(l, folder);
    closedir(folder);
    report_case_twins(l);
}
