#include "lorabuild/run/store_folder.h"

#include "lorabuild/common/digest.h"
#include "lorabuild/common/file.h"
#include "lorabuild/common/memory.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { FORMAT = 1, MOST_NAME = 80 };

/* What a folder keeps when it is renamed. `birth_ns` 0: not known here. */
struct identity {
    uint64_t inode, birth_ns;
};

static bool identify(const char *path, struct identity *id)
{
    struct statx s;
    if (statx(AT_FDCWD, path, 0, STATX_INO | STATX_BTIME, &s) < 0)
        return false;
    bool born = s.stx_mask & STATX_BTIME;
    *id = (struct identity){
        s.stx_ino, born ? (uint64_t)s.stx_btime.tv_sec * 1000000000u + s.stx_btime.tv_nsec : 0};
    return true;
}

/* The mark: "lorabuild-project 1", "INODE BIRTH", and the path, which may hold line breaks. */
static bool read_mark(const char *folder, struct identity *id, char **path)
{
    struct strbuf text = {0};
    char *file = path_join(folder, "project");
    unsigned long long inode, birth;
    int at = 0;
    bool ok = file_read(&text, file, 1 << 16, NULL) &&
              sscanf(text.data, "lorabuild-project 1\n%llu %llu\n%n", &inode, &birth, &at) == 2 &&
              text.data[at] == '/';
    if (ok) {
        *id = (struct identity){inode, birth};
        *path = mem_printf("%.*s", (int)(text.size - (size_t)at - 1), text.data + at);
    }
    strbuf_free(&text);
    free(file);
    return ok;
}

char *store_folder_owner(const char *folder)
{
    struct identity id;
    char *path = NULL;
    return read_mark(folder, &id, &path) ? path : NULL;
}

/* Was the folder marked for the project that is now at `root`, and moved there? */
static bool is_moved(const char *folder, const char *root)
{
    struct identity marked, here, there;
    char *path;
    if (!read_mark(folder, &marked, &path))
        return false;
    bool mine = identify(root, &here) && here.birth_ns && here.inode == marked.inode &&
                here.birth_ns == marked.birth_ns;
    bool moved = mine && strcmp(path, root) != 0 &&
                 !(identify(path, &there) && there.inode == marked.inode &&
                   there.birth_ns == marked.birth_ns);
    free(path);
    return moved;
}

static char *find_moved(const char *base, const char *root)
{
    DIR *d = opendir(base);
    char *found = NULL;
    for (struct dirent *entry; d && !found && (entry = readdir(d));) {
        char *folder = path_join(base, entry->d_name);
        if (entry->d_name[0] != '.' && is_moved(folder, root))
            found = folder;
        else
            free(folder);
    }
    if (d)
        closedir(d);
    return found;
}

static char *folder_name(const char *root)
{
    char hex[DIGEST_HEX];
    digest_hex(digest_of(root, strlen(root)), hex);
    return mem_printf("%.*s-%.16s", MOST_NAME, path_base(root), hex);
}

static char *absolute(const char *path)
{
    char *here = path[0] == '/' ? NULL : getcwd(NULL, 0);
    char *joined = path_join(here ? here : "/", path), *clean = path_clean(joined);
    free(joined);
    free(here);
    return clean;
}

char *store_folder(const char *root, bool look, bool *apart)
{
    const char *given = getenv("LORABUILD_STORE");
    struct stat s;
    *apart = given && given[0];
    if (!*apart)
        return path_join(root, ".lorabuild");
    char *real = realpath(root, NULL), *base = absolute(given);
    char *name = folder_name(real ? real : root), *folder = path_join(base, name);
    char *moved = lstat(folder, &s) < 0 && real ? find_moved(base, real) : NULL;
    if (moved && !look && renameat2(AT_FDCWD, moved, AT_FDCWD, folder, RENAME_NOREPLACE) == 0)
        store_folder_make(folder, real, NULL);
    else if (moved && look) {
        free(folder);
        folder = mem_strdup(moved);
    }
    free(moved);
    free(name);
    free(base);
    free(real);
    return folder;
}

static bool write_mark(const char *folder, const char *root, struct error *e)
{
    struct identity id = {0, 0}, marked;
    char *real = realpath(root, NULL), *path = NULL;
    bool known = read_mark(folder, &marked, &path) && real && strcmp(path, real) == 0;
    struct strbuf text = {0};
    bool ok = known || (real && identify(real, &id)) || error_errno(e, "%s", root);
    if (ok && !known) {
        char *file = path_join(folder, "project");
        strbuf_printf(&text, "lorabuild-project %d\n%llu %llu\n%s\n", FORMAT,
                      (unsigned long long)id.inode, (unsigned long long)id.birth_ns, real);
        ok = file_replace(file, strbuf_str(&text), 0666, e);
        free(file);
    }
    strbuf_free(&text);
    free(path);
    free(real);
    return ok;
}

bool store_folder_make(const char *folder, const char *root, struct error *e)
{
    struct stat s, now;
    bool there = lstat(folder, &now) == 0;
    if (!folder_make(folder, 0777, e))
        return false;
    if (!there && stat(root, &s) == 0 &&
        (chmod(folder, (s.st_mode & 0777) | 0700) < 0 ||
         (chown(folder, s.st_uid, s.st_gid) < 0 && errno != EPERM)))
        return error_errno(e, "%s", folder);
    return write_mark(folder, root, e);
}
