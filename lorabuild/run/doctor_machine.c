#include "lorabuild/common/file.h"
#include "lorabuild/common/memory.h"
#include "lorabuild/common/text.h"
#include "lorabuild/common/threads.h"
#include "lorabuild/run/doctor_parts.h"
#include "lorabuild/tensor/backend.h"

#include <archive.h>
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <linux/landlock.h>
#include <linux/openat2.h>
#include <lmdb.h>
#include <nettle/version.h>
#include <sched.h>
#include <seccomp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>
#include <utf8proc.h>
#include <yaml.h>
#include <zstd.h>

#ifndef LANDLOCK_CREATE_RULESET_VERSION
#define LANDLOCK_CREATE_RULESET_VERSION 1
#endif

/* The rest of the first line of `file` that begins with `key`; caller frees; NULL = none. */
static char *line_of(const char *file, const char *key)
{
    struct strbuf b = {0};
    char *found = NULL;
    if (file_read(&b, file, 1 << 24, NULL))
        for (const char *at = b.data; at && !found; at = strchr(at, '\n')) {
            at += *at == '\n';
            if (strncmp(at, key, strlen(key)) == 0)
                found = mem_printf("%.*s", (int)strcspn(at + strlen(key), "\n"), at + strlen(key));
        }
    strbuf_free(&b);
    return found;
}

static uint64_t kilobytes(const char *key)
{
    char *line = line_of("/proc/meminfo", key);
    uint64_t n = line ? strtoull(line, NULL, 10) : 0;
    free(line);
    return n * 1024;
}

/* The least of the numbers in the files `name` of this process's control groups (version 2) and of
 * those above; 0 = none. *folder: where it stands; caller frees. */
static uint64_t group_limit(const char *name, char **folder)
{
    char *group = line_of("/proc/self/cgroup", "0::/");
    char *at = mem_printf("/sys/fs/cgroup/%s", group ? group : "");
    uint64_t least = 0;
    *folder = NULL;
    while (strlen(at) >= strlen("/sys/fs/cgroup")) {
        char *file = path_join(at, name), *line = line_of(file, "");
        uint64_t n = line && line[0] >= '0' && line[0] <= '9' ? strtoull(line, NULL, 10) : 0;
        if (n && (!least || n < least)) {
            least = n;
            free(*folder);
            *folder = mem_strdup(at);
        }
        free(line);
        free(file);
        char *above = path_folder(at);
        free(at);
        at = above;
    }
    free(at);
    free(group);
    return least;
}

uint64_t doctor_free_memory(uint64_t *limit)
{
    uint64_t available = kilobytes("MemAvailable:"), used = 0;
    char *folder;
    *limit = group_limit("memory.max", &folder);
    if (folder) {
        char *file = path_join(folder, "memory.current"), *line = line_of(file, "");
        used = line ? strtoull(line, NULL, 10) : 0;
        free(line);
        free(file);
    }
    free(folder);
    if (*limit && *limit - (used < *limit ? used : *limit) < available)
        available = *limit - (used < *limit ? used : *limit);
    return available;
}

/* --- The findings. --- */

static void look_processor(struct findings *f)
{
    char *name = line_of("/proc/cpuinfo", "model name\t: ");
    const char *set = cpu_instruction_set();
    bool slow = strncmp(set, "avx", 3) != 0;
    finding_add(f, "processor", slow ? FINDING_NOTE : FINDING_WELL,
                mem_printf("%s: %s", name ? name : _("unknown"), set),
                slow
                    ? mem_printf(_("without AVX2 it trains many times more slowly; another machine "
                                   "is worth it"))
                    : NULL);
    free(name);
}

static void look_speed(struct findings *f)
{
    struct error e = {0};
    double f32 = 0, bf16 = 0;
    if (!cpu_measure(&f32, &bf16, &e)) {
        finding_add(f, "precision", FINDING_UNFIT, mem_strdup(e.message),
                    mem_strdup(_("install the oneDNN library that lorabuild was built with")));
        return;
    }
    char *text = bf16 > 0 ? mem_printf(_("f32 %.0f GFLOP/s, bf16 %.0f GFLOP/s: auto takes %s"),
                                       f32 / 1e9, bf16 / 1e9, bf16 > f32 ? "bf16" : "f32")
                          : mem_printf(_("f32 %.0f GFLOP/s; no bf16 on this processor"), f32 / 1e9);
    finding_add(f, "precision", FINDING_WELL, text, NULL);
}

/* A share of processors that is smaller than their number makes threads wait for one another. */
static void look_threads(struct findings *f, int threads)
{
    cpu_set_t set;
    int allowed = sched_getaffinity(0, sizeof set, &set) == 0 ? CPU_COUNT(&set) : 1;
    char *folder, *line = NULL;
    double share = 0;
    uint64_t quota = group_limit("cpu.max", &folder);
    if (quota && folder) {
        char *file = path_join(folder, "cpu.max");
        line = line_of(file, "");
        const char *period = line ? strchr(line, ' ') : NULL;
        share = period ? (double)quota / (double)strtoull(period + 1, NULL, 10) : 0;
        free(file);
    }
    bool many = share > 0 && (double)threads > share + 0.5;
    char *fact = share > 0 ? mem_printf(_("%d of %ld processors allowed, a share of %.1f of them; "
                                          "%d used"),
                                        allowed, sysconf(_SC_NPROCESSORS_ONLN), share, threads)
                           : mem_printf(_("%d of %ld processors allowed, %d used"), allowed,
                                        sysconf(_SC_NPROCESSORS_ONLN), threads);
    finding_add(
        f, "threads", many ? FINDING_NOTE : FINDING_WELL, fact,
        many ? mem_printf(_("use no more than the share: --threads %d"), share < 1 ? 1 : (int)share)
             : NULL);
    free(line);
    free(folder);
}

static void look_memory(struct findings *f)
{
    uint64_t limit, available = doctor_free_memory(&limit), all = kilobytes("MemTotal:");
    bool little = available < 500000000;
    char *fact =
        limit ? mem_printf(_("%.1f of %.1f GB free; this group of processes may use %.1f "
                             "GB"),
                           (double)available / 1e9, (double)all / 1e9, (double)limit / 1e9)
              : mem_printf(_("%.1f of %.1f GB free"), (double)available / 1e9, (double)all / 1e9);
    finding_add(f, "memory", little ? FINDING_UNFIT : FINDING_WELL, fact,
                little ? mem_strdup(_("close other programs, or raise the group's limit")) : NULL);
}

static void look_sandbox(struct findings *f)
{
    long landlock = syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
    /* With no filter to read it fails either way: the reason tells whether filters are known. */
    bool seccomp = prctl(PR_SET_SECCOMP, 2, NULL, 0, 0) < 0 && errno == EFAULT;
    if (!seccomp)
        finding_add(f, "sandbox", FINDING_UNFIT, mem_strdup(_("seccomp filters cannot be used")),
                    mem_strdup(_("run on a kernel, or in a container, that allows seccomp")));
    else if (landlock < 0)
        finding_add(
            f, "sandbox", FINDING_NOTE,
            mem_strdup(_("seccomp; no Landlock: the second wall between clients is missing")),
            mem_strdup(_("start the kernel (5.13 or later) with lsm=landlock,…")));
    else
        finding_add(f, "sandbox", FINDING_WELL,
                    mem_printf(_("Landlock (version %ld) and seccomp"), landlock), NULL);
    struct open_how how = {.flags = O_PATH | O_CLOEXEC, .resolve = RESOLVE_BENEATH};
    int fd = (int)syscall(SYS_openat2, AT_FDCWD, ".", &how, sizeof how);
    if (fd < 0 && errno == ENOSYS)
        finding_add(f, "kernel", FINDING_UNFIT, mem_strdup(_("the kernel has no openat2")),
                    mem_strdup(_("use Linux 5.6 or later")));
    if (fd >= 0)
        close(fd);
}

static void look_clock(struct findings *f)
{
    time_t now = time(NULL);
    struct tm local = {0};
    char text[32] = "?";
    localtime_r(&now, &local);
    strftime(text, sizeof text, "%Y-%m-%d %H:%M", &local);
    bool wrong = local.tm_year + 1900 < 2025;
    finding_add(f, "clock", wrong ? FINDING_UNFIT : FINDING_WELL, mem_strdup(text),
                wrong ? mem_strdup(_("set the clock")) : NULL);
}

static void look_libraries(struct findings *f)
{
    finding_add(f, "libraries", FINDING_WELL,
                mem_printf("%s, LMDB %d.%d.%d, %s, zstd %s, libyaml %s, jansson %s, nettle %d.%d, "
                           "utf8proc %s",
                           cpu_library_version(), MDB_VERSION_MAJOR, MDB_VERSION_MINOR,
                           MDB_VERSION_PATCH, archive_version_string(), ZSTD_versionString(),
                           yaml_get_version_string(), jansson_version_str(), nettle_version_major(),
                           nettle_version_minor(), utf8proc_version()),
                NULL);
}

void doctor_machine(struct findings *f, int threads)
{
    threads_set(threads);
    look_processor(f);
    look_speed(f);
    look_threads(f, threads);
    look_memory(f);
    look_sandbox(f);
    look_clock(f);
    look_libraries(f);
}
