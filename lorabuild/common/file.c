#include "lorabuild/common/file.h"

#include "lorabuild/common/memory.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

bool file_map_fd(struct file_map *m, int fd, const char *shown_as, struct error *e)
{
    struct stat s;
    *m = (struct file_map){.fd = fd};
    if (fstat(fd, &s) < 0) {
        error_errno(e, "%s", shown_as);
        goto failed;
    }
    if (!S_ISREG(s.st_mode)) {
        error_set(e, ERROR_INPUT, "%s: not a plain file", shown_as);
        goto failed;
    }
    m->inode = s.st_ino;
    m->device = s.st_dev;
    m->modified = s.st_mtim;
    m->changed = s.st_ctim;
    m->bytes.size = (size_t)s.st_size;
    if (s.st_size == 0)
        return true;
    void *bytes = mmap(NULL, (size_t)s.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
    if (bytes == MAP_FAILED) {
        error_errno(e, "%s: cannot map %lld bytes", shown_as, (long long)s.st_size);
        goto failed;
    }
    m->bytes.data = bytes;
    return true;
failed:
    close(fd);
    *m = (struct file_map){.fd = -1};
    return false;
}

bool file_map(struct file_map *m, const char *path, struct error *e)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    *m = (struct file_map){.fd = -1};
    if (fd < 0)
        return error_errno(e, "%s", path);
    return file_map_fd(m, fd, path, e);
}

bool file_map_unchanged(const struct file_map *m, const char *shown_as, struct error *e)
{
    struct stat s;
    if (fstat(m->fd, &s) < 0)
        return error_errno(e, "%s", shown_as);
    if ((size_t)s.st_size == m->bytes.size && s.st_mtim.tv_sec == m->modified.tv_sec &&
        s.st_mtim.tv_nsec == m->modified.tv_nsec && s.st_ctim.tv_sec == m->changed.tv_sec &&
        s.st_ctim.tv_nsec == m->changed.tv_nsec)
        return true;
    return error_set(e, ERROR_INPUT, "%s: changed while it was being used; run again", shown_as);
}

void file_unmap(struct file_map *m)
{
    if (m->bytes.data)
        munmap((void *)(uintptr_t)m->bytes.data, m->bytes.size);
    if (m->fd >= 0)
        close(m->fd);
    *m = (struct file_map){.fd = -1};
}

bool file_read_fd(struct strbuf *b, int fd, size_t most, const char *shown_as, struct error *e)
{
    char block[1 << 16];
    size_t total = 0;
    for (;;) {
        ssize_t n = read(fd, block, sizeof block);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return error_errno(e, "%s", shown_as);
        if (n == 0)
            return true;
        total += (size_t)n;
        if (total > most)
            return error_set(e, ERROR_LIMIT, "%s: larger than the %zu bytes allowed here", shown_as,
                             most);
        strbuf_add(b, block, (size_t)n);
    }
}

bool file_read(struct strbuf *b, const char *path, size_t most, struct error *e)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return error_errno(e, "%s", path);
    bool ok = file_read_fd(b, fd, most, path, e);
    close(fd);
    return ok;
}

bool file_write_all(int fd, const void *bytes, size_t n, const char *shown_as, struct error *e)
{
    const char *p = bytes;
    while (n > 0) {
        ssize_t done = write(fd, p, n < (1u << 30) ? n : (1u << 30));
        if (done < 0 && errno == EINTR)
            continue;
        if (done < 0)
            return error_errno(e, "%s", shown_as);
        p += done;
        n -= (size_t)done;
    }
    return true;
}

bool file_replace(const char *path, struct str bytes, mode_t mode, struct error *e)
{
    char *folder = path_folder(path);
    char *temporary = mem_printf("%s.%ld.tmp", path, (long)getpid());
    bool ok = false;
    int fd = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, mode);
    if (fd < 0) {
        error_errno(e, "%s", temporary);
        goto out;
    }
    ok = file_write_all(fd, bytes.data, bytes.size, path, e);
    if (ok && fsync(fd) < 0)
        ok = error_errno(e, "%s", path);
    if (close(fd) < 0 && ok)
        ok = error_errno(e, "%s", path);
    if (ok && rename(temporary, path) < 0)
        ok = error_errno(e, "%s", path);
    if (!ok)
        unlink(temporary);
    ok = ok && folder_sync(folder, e);
out:
    free(temporary);
    free(folder);
    return ok;
}

bool folder_sync(const char *path, struct error *e)
{
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return error_errno(e, "%s", path);
    bool ok = fsync(fd) == 0 || error_errno(e, "%s", path);
    close(fd);
    return ok;
}

/* Calls `visit` for each entry of `path` but "." and ".."; stops at the first false. */
static bool each_entry(const char *path, bool (*visit)(const char *, struct error *),
                       struct error *e)
{
    DIR *d = opendir(path);
    if (!d)
        return error_errno(e, "%s", path);
    bool ok = true;
    struct dirent *entry;
    while (ok && (errno = 0, entry = readdir(d))) {
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
            continue;
        char *inner = path_join(path, entry->d_name);
        ok = visit(inner, e);
        free(inner);
    }
    if (ok && errno)
        ok = error_errno(e, "%s", path);
    closedir(d);
    return ok;
}

bool folder_sync_all(const char *path, struct error *e)
{
    struct stat s;
    if (lstat(path, &s) < 0)
        return error_errno(e, "%s", path);
    if (S_ISDIR(s.st_mode))
        return each_entry(path, folder_sync_all, e) && folder_sync(path, e);
    if (!S_ISREG(s.st_mode))
        return true;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0)
        return error_errno(e, "%s", path);
    bool ok = fsync(fd) == 0 || error_errno(e, "%s", path);
    close(fd);
    return ok;
}

bool folder_make(const char *path, mode_t mode, struct error *e)
{
    if (mkdir(path, mode) == 0)
        return true;
    struct stat s;
    if (errno == EEXIST)
        return (stat(path, &s) == 0 && S_ISDIR(s.st_mode)) ||
               error_set(e, ERROR_SYSTEM, "%s: stands in the way of a folder", path);
    if (errno != ENOENT)
        return error_errno(e, "%s", path);
    char *parent = path_folder(path);
    bool ok = strcmp(parent, path) != 0 && folder_make(parent, mode, e);
    free(parent);
    if (ok && mkdir(path, mode) < 0 && errno != EEXIST)
        ok = error_errno(e, "%s", path);
    return ok;
}

bool folder_remove(const char *path, struct error *e)
{
    struct stat s;
    if (lstat(path, &s) < 0)
        return errno == ENOENT || error_errno(e, "%s", path);
    if (!S_ISDIR(s.st_mode))
        return unlink(path) == 0 || error_errno(e, "%s", path);
    return each_entry(path, folder_remove, e) && (rmdir(path) == 0 || error_errno(e, "%s", path));
}

char *path_join(const char *a, const char *b)
{
    if (b[0] == '/' || a[0] == '\0' || strcmp(a, ".") == 0)
        return mem_strdup(b);
    size_t n = strlen(a);
    return mem_printf("%s%s%s", a, n && a[n - 1] == '/' ? "" : "/", b);
}

const char *path_base(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

char *path_folder(const char *path)
{
    const char *slash = strrchr(path, '/');
    if (!slash)
        return mem_strdup(".");
    if (slash == path)
        return mem_strdup("/");
    return mem_printf("%.*s", (int)(slash - path), path);
}

char *path_clean(const char *path)
{
    struct strbuf b = {0};
    bool absolute = path[0] == '/';
    if (absolute)
        strbuf_add_byte(&b, '/');
    size_t floor = b.size; /* ".." cannot remove what stands before it */
    for (const char *p = path; *p;) {
        size_t n = strcspn(p, "/");
        bool up = n == 2 && p[0] == '.' && p[1] == '.';
        if (up && b.size > floor) {
            while (b.size > floor && b.data[b.size - 1] != '/')
                b.size--;
            if (b.size > floor)
                b.size--;
            b.data[b.size] = '\0';
        } else if (n > 0 && !(n == 1 && p[0] == '.') && !(up && absolute)) {
            if (b.size && b.data[b.size - 1] != '/')
                strbuf_add_byte(&b, '/');
            strbuf_add(&b, p, n);
            if (up)
                floor = b.size;
        }
        p += n;
        p += strspn(p, "/");
    }
    if (!b.size)
        strbuf_add_byte(&b, '.');
    return strbuf_take(&b);
}

bool path_is_beneath(const char *path, const char *folder)
{
    size_t n = strlen(folder);
    if (strcmp(folder, ".") == 0)
        return path[0] != '/' && strncmp(path, "..", 2) != 0;
    while (n > 1 && folder[n - 1] == '/')
        n--;
    return strncmp(path, folder, n) == 0 &&
           (path[n] == '\0' || path[n] == '/' || folder[n - 1] == '/');
}

const char *path_behind(const char *path, const char *folder)
{
    size_t n = strlen(folder);
    if (!path_is_beneath(path, folder) || path[n] == '\0')
        return path;
    return path + n + (path[n] == '/');
}
