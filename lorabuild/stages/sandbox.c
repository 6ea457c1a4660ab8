#include "lorabuild/stages/sandbox.h"

#include "lorabuild/common/file.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/landlock.h>
#include <seccomp.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Rights of the first Landlock version: every later kernel knows them. */
static const __u64 may_read =
    LANDLOCK_ACCESS_FS_EXECUTE | LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR;
static const __u64 may_write = LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_REMOVE_DIR |
                               LANDLOCK_ACCESS_FS_REMOVE_FILE | LANDLOCK_ACCESS_FS_MAKE_CHAR |
                               LANDLOCK_ACCESS_FS_MAKE_DIR | LANDLOCK_ACCESS_FS_MAKE_REG |
                               LANDLOCK_ACCESS_FS_MAKE_SOCK | LANDLOCK_ACCESS_FS_MAKE_FIFO |
                               LANDLOCK_ACCESS_FS_MAKE_BLOCK | LANDLOCK_ACCESS_FS_MAKE_SYM;
static const __u64 on_files =
    LANDLOCK_ACCESS_FS_EXECUTE | LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_WRITE_FILE;

static bool allow(int ruleset, const char *path, __u64 rights, struct error *e)
{
    int fd = open(path, O_PATH | O_CLOEXEC);
    if (fd < 0)
        return errno == ENOENT || error_errno(e, "%s", path);
    struct stat s;
    if (fstat(fd, &s) == 0 && !S_ISDIR(s.st_mode))
        rights &= on_files;
    struct landlock_path_beneath_attr rule = {.allowed_access = rights, .parent_fd = fd};
    bool ok = syscall(SYS_landlock_add_rule, ruleset, LANDLOCK_RULE_PATH_BENEATH, &rule, 0) == 0 ||
              error_errno(e, "%s: cannot be let into the sandbox", path);
    close(fd);
    return ok;
}

/* A file is replaced by renaming a new one beside it, so its folder must be writable. */
static bool allow_path(int ruleset, const struct sandbox_path *p, struct error *e)
{
    if (!p->write)
        return allow(ruleset, p->path, may_read, e);
    struct stat s;
    if (stat(p->path, &s) == 0 && S_ISDIR(s.st_mode))
        return allow(ruleset, p->path, may_read | may_write, e);
    char *folder = path_folder(p->path);
    bool ok = allow(ruleset, folder, may_read | may_write, e);
    free(folder);
    return ok;
}

static bool wall_files(const struct sandbox_path *paths, size_t count, struct error *e)
{
    static const char *const always[] = {"/usr",  "/lib", "/lib64",         "/etc/ld.so.cache",
                                         "/proc", "/sys", "/etc/localtime", "/dev/null"};
    struct landlock_ruleset_attr attributes = {.handled_access_fs = may_read | may_write};
    int ruleset = (int)syscall(SYS_landlock_create_ruleset, &attributes, sizeof attributes, 0);
    if (ruleset < 0)
        return errno == ENOSYS || errno == EOPNOTSUPP || error_errno(e, "Landlock");
    bool ok = true;
    for (size_t i = 0; ok && i < sizeof always / sizeof *always; i++)
        ok = allow(ruleset, always[i], may_read, e);
    for (size_t i = 0; ok && i < count; i++)
        ok = allow_path(ruleset, &paths[i], e);
    if (ok && syscall(SYS_landlock_restrict_self, ruleset, 0) < 0)
        ok = error_errno(e, "Landlock");
    close(ruleset);
    return ok;
}

static bool cut_network(struct error *e)
{
    scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ALLOW);
    if (!filter)
        return error_set(e, ERROR_SYSTEM, "seccomp: cannot make a filter");
    bool ok = seccomp_rule_add(filter, SCMP_ACT_ERRNO(EACCES), SCMP_SYS(socket), 0) == 0 &&
              seccomp_rule_add(filter, SCMP_ACT_ERRNO(EACCES), SCMP_SYS(connect), 0) == 0 &&
              seccomp_load(filter) == 0;
    seccomp_release(filter);
    return ok || error_set(e, ERROR_SYSTEM, "seccomp: cannot cut the network off");
}

bool sandbox_enter(const struct sandbox_path *paths, size_t count, struct error *e)
{
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
        return error_errno(e, "no_new_privs");
    return wall_files(paths, count, e) && cut_network(e);
}
