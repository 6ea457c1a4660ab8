/* Whom a path belongs to, by where it really ends, and what may meet.
 *
 * A path lies under a client's folder (then it is that client's), under a folder of shared:, or
 * it is refused. What is made of several inputs belongs to the client of any of them; two
 * clients never meet. Without clients: there is one domain and every path is fine. */
#include "rules/load.h"

#include "lorabuild/common/file.h"
#include "lorabuild/common/text.h"
#include "rules/nearest.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { NEIGHBOURS_MOST = 1000 };

static const char *kept(struct load *l, char *text)
{
    const char *copy = text ? arena_strdup(l->arena, text) : NULL;
    free(text);
    return copy;
}

const char *path_absolute(struct load *l, const struct node *n, const char *text)
{
    const char *home = getenv("HOME");
    if (text[0] == '~' && (text[1] == '/' || !text[1]) && home)
        return kept(l, path_clean(arena_printf(l->arena, "%s/%s", home, text + 1)));
    /* Not cleaned: "link/.." is what the system says it is. */
    return kept(l, path_join(l->anchor ? l->anchor : n->mark.source->folder, text));
}

const char *path_written(struct load *l, const struct node *n, const char *text)
{
    if (text[0] == '~')
        return kept(l, path_clean(text));
    const char *clean = kept(l, path_clean(path_absolute(l, n, text)));
    const char *root = l->rules->root;
    if (text[0] == '/' || !path_is_beneath(clean, root))
        return clean;
    return strcmp(clean, root) == 0 ? "." : clean + strlen(root) + (strcmp(root, "/") != 0);
}

/* Why `path` cannot be followed: the first part of it that fails. */
static const char *path_problem(struct load *l, const char *path, const char *text)
{
    int code = errno;
    char *part = mem_strdup(path);
    const char *words = NULL;
    for (size_t i = 1; !words && i <= strlen(path); i++) {
        struct stat st;
        if (path[i] != '/' && path[i] != '\0')
            continue;
        part[i] = '\0';
        if (stat(part, &st) == 0) {
            part[i] = path[i];
            continue;
        }
        code = errno;
        char target[PATH_MAX];
        ssize_t n = readlink(part, target, sizeof target - 1);
        if (n < 0)
            break;
        target[n] = '\0';
        const char *shown = source_shown(part, l->arena);
        words = code == ELOOP
                    ? arena_printf(l->arena, _("'%s' is a link that leads to itself"), shown)
                : code == ENOENT
                    ? arena_printf(l->arena, _("'%s' is a link to '%s', which does not exist"),
                                   shown, target)
                    : NULL;
        break;
    }
    free(part);
    if (words)
        return words;
    return code == ENOENT
               ? arena_printf(l->arena, _("'%s' does not exist"), text)
               : arena_printf(l->arena, _("'%s' cannot be read: %s"), text, strerror(code));
}

/* The entry of the same folder whose name is nearest. */
const char *path_did_you_mean(struct load *l, const char *path, const char *text)
{
    char *clean = path_clean(path), *folder = path_folder(clean);
    const char *base = path_base(clean), *words[NEIGHBOURS_MOST];
    size_t count = 0;
    DIR *d = opendir(folder);
    for (struct dirent *entry; d && count < NEIGHBOURS_MOST && (entry = readdir(d));)
        if (entry->d_name[0] != '.')
            words[count++] = arena_strdup(l->arena, entry->d_name);
    if (d)
        closedir(d);
    const char *nearest = nearest_word(base, words, count), *hint = "";
    char *written = path_clean(text), *before = path_folder(written);
    if (nearest && strcmp(nearest, base) != 0) {
        char *whole = path_join(before, nearest);
        hint = arena_printf(l->arena, _("; did you mean '%s%s'?"), whole,
                            str_ends(str_of(text), "/") ? "/" : "");
        free(whole);
    }
    free(before);
    free(written);
    free(folder);
    free(clean);
    return hint;
}

const char *place_words(struct load *l, struct mark from, struct mark to)
{
    if (from.source == to.source)
        return arena_printf(l->arena, _("line %zu"), to.line);
    return arena_printf(l->arena, "%s:%zu", to.source ? to.source->shown : "", to.line);
}

const char *secret_by_path(struct load *l, const char *owner, struct mark from)
{
    return arena_printf(l->arena, _("secret to %s (%s)"), owner,
                        place_words(l, from, l->clients_mark));
}

/* The client whose folder holds `real`, or NULL; `nobody`: it lies beneath clients: all the same.
 */
static const char *client_of(struct load *l, const char *real, bool *nobody)
{
    const struct rules *r = l->rules;
    *nobody = false;
    if (!r->clients_root || !path_is_beneath(real, r->clients_root))
        return NULL;
    const char *rest = real + strlen(r->clients_root);
    rest += strspn(rest, "/");
    size_t size = strcspn(rest, "/"), id;
    const char *name = arena_strndup(l->arena, rest, size);
    if (names_find(&l->clients, name, &id))
        return r->clients[id];
    *nobody = true;
    return NULL;
}

static bool in_shared(const struct rules *r, const char *real)
{
    for (size_t i = 0; i < r->shared_count; i++)
        if (path_is_beneath(real, r->shared[i]))
            return true;
    return false;
}

static void outside(struct load *l, const struct node *n, const char *text, const char *real)
{
    char *meant = path_clean(path_absolute(l, n, text));
    if (strcmp(meant, real) == 0)
        report_error(&l->report, n->mark,
                     _("'%s' lies neither in a client's folder nor under shared:; add its folder "
                       "to shared:"),
                     text);
    else
        report_error(&l->report, n->mark,
                     _("'%s' ends in '%s', neither in a client's folder nor under shared:; add "
                       "that folder to shared:"),
                     text, real);
    free(meant);
}

static bool judge_owner(struct load *l, const struct node *n, const char *text, struct judged *j)
{
    const struct rules *r = l->rules;
    bool nobody;
    if (!r->clients_root)
        return true;
    j->owner = client_of(l, j->real, &nobody);
    if (path_is_beneath(r->clients_root, j->real))
        report_error(&l->report, n->mark,
                     _("'%s' holds the folders of all clients; name one beneath it"), text);
    else if (nobody)
        report_error(&l->report, n->mark,
                     _("'%s' lies beneath clients:, but in no client's folder"), text);
    else if (!j->owner && !in_shared(r, j->real))
        outside(l, n, text, j->real);
    else
        return true;
    return false;
}

bool path_judge(struct load *l, const struct node *n, const char *text, bool may_lack,
                struct judged *out)
{
    const char *path = path_absolute(l, n, text);
    *out = (struct judged){.written = path_written(l, n, text)};
    out->real = kept(l, realpath(path, NULL));
    if (!out->real) {
        bool missing = errno == ENOENT || errno == ENOTDIR;
        struct stat st;
        const char *problem = path_problem(l, path, text);
        char *clean = path_clean(path);
        bool dangling = lstat(clean, &st) == 0;
        free(clean);
        if (missing && may_lack && !dangling)
            return true;
        report_error(&l->report, n->mark, "%s%s", problem,
                     missing && !dangling ? path_did_you_mean(l, path, text) : "");
        return false;
    }
    char *clean = path_clean(path), *folder = path_folder(clean), *real = realpath(folder, NULL);
    out->kept = real ? kept(l, path_join(real, path_base(clean))) : out->real;
    free(real);
    free(folder);
    free(clean);
    out->there = true;
    return judge_owner(l, n, text, out);
}

bool client_join(struct load *l, const char **client, const char *owner, struct mark m,
                 const char *name, const char *verb, const char *note)
{
    if (!owner || (*client && strcmp(*client, owner) == 0))
        return true;
    if (!*client) {
        *client = owner;
        return true;
    }
    report_error_note(&l->report, m, note, _("'%s' belongs to client %s and would %s %s"), name,
                      *client, verb, owner);
    return false;
}
