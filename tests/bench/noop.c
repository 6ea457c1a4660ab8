/* noop: how long a build with nothing to do looks at its sample files.
 *
 *   noop FOLDER make FOLDERS FILES     writes the tree: FOLDERS × FILES files of 300 bytes
 *   noop FOLDER scan STORE RUNS        scans it RUNS times, a fresh process's work each: open the
 *                                      store, scan, close; prints one JSON line
 */
#include "cache/scan.h"
#include "lorabuild/common/file.h"
#include "lorabuild/common/memory.h"
#include "lorabuild/common/threads.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static double now_s(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static bool write_file(const char *folder, int number, struct error *e)
{
    char path[512], text[300];
    snprintf(path, sizeof path, "%s/sample-%05d.txt", folder, number);
    memset(text, 'a' + number % 26, sizeof text);
    snprintf(text, 40, "%s %d", "A sample, number", number);
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0666);
    if (fd < 0)
        return error_errno(e, "%s", path);
    bool ok = file_write_all(fd, text, sizeof text, path, e);
    close(fd);
    return ok;
}

static bool make_tree(const char *root, int folders, int files, struct error *e)
{
    for (int i = 0; i < folders; i++) {
        char *folder = mem_printf("%s/part-%03d", root, i);
        bool ok = folder_make(folder, 0777, e);
        for (int j = 0; ok && j < files; j++)
            ok = write_file(folder, i * files + j, e);
        free(folder);
        if (!ok)
            return false;
    }
    return true;
}

static bool scan_once(const char *root, const char *folder, double *seconds, size_t *files,
                      size_t *hashed, struct error *e)
{
    char note[256];
    struct scan s;
    double begin = now_s();
    struct store *store = store_open(folder, NULL, false, note, e);
    bool ok = store && scan_folder(&s, root, store, false, NULL, NULL, e);
    store_close(store);
    *seconds = now_s() - begin;
    if (ok) {
        *files = s.count;
        *hashed = s.hashed;
        scan_free(&s);
    }
    return ok;
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static bool scan_often(const char *root, const char *store, int runs, struct error *e)
{
    double first, *seconds = mem_array((size_t)runs, sizeof *seconds);
    size_t files = 0, hashed = 0, first_hashed = 0;
    struct rusage usage;
    bool ok = scan_once(root, store, &first, &files, &first_hashed, e);
    for (int i = 0; ok && i < runs; i++)
        ok = scan_once(root, store, &seconds[i], &files, &hashed, e);
    qsort(seconds, (size_t)runs, sizeof *seconds, by_value);
    getrusage(RUSAGE_SELF, &usage);
    if (ok)
        printf("{\"files\": %zu, \"threads\": %d, \"first_hashed\": %zu, \"first_s\": %.4f, "
               "\"noop_hashed\": %zu, \"noop_best_s\": %.4f, \"noop_median_s\": %.4f, "
               "\"memory_mb\": %.1f}\n",
               files, threads_count(), first_hashed, first, hashed, seconds[0], seconds[runs / 2],
               (double)usage.ru_maxrss / 1024);
    free(seconds);
    return ok;
}

int main(int count, char **arguments)
{
    struct error e = {0};
    bool ok = false;
    if (count == 5 && strcmp(arguments[2], "make") == 0)
        ok = make_tree(arguments[1], atoi(arguments[3]), atoi(arguments[4]), &e);
    else if (count == 5 && strcmp(arguments[2], "scan") == 0 && atoi(arguments[4]) > 0)
        ok = scan_often(arguments[1], arguments[3], atoi(arguments[4]), &e);
    else
        error_set(&e, ERROR_USAGE,
                  "usage: noop FOLDER make FOLDERS FILES | "
                  "noop FOLDER scan STORE RUNS");
    if (!ok)
        fprintf(stderr, "noop: %s\n", e.message);
    return ok ? 0 : 1;
}
