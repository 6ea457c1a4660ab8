/* scratch: a folder of its own for a test, and small files in it. */
#ifndef LORABUILD_TESTS_FORMATS_SCRATCH_H
#define LORABUILD_TESTS_FORMATS_SCRATCH_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "lorabuild/common/file.h"
#include "lorabuild/common/memory.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define GOLDEN "tests/golden/formats/"

/* cmocka's setup and teardown: *state is the folder's path. */
static inline int scratch_make(void **state)
{
    char *path = mem_strdup("/tmp/lorabuild-test-XXXXXX");
    *state = mkdtemp(path);
    return *state ? 0 : -1;
}

static inline int scratch_remove(void **state)
{
    bool ok = folder_remove(*state, NULL);
    free(*state);
    return ok ? 0 : -1;
}

static inline void write_file(const char *path, const void *bytes, size_t n)
{
    struct error e = {0};
    if (!file_replace(path, (struct str){bytes, n}, 0644, &e))
        fail_msg("%s", e.message);
}

static inline struct strbuf read_file(const char *path)
{
    struct strbuf b = {0};
    struct error e = {0};
    if (!file_read(&b, path, 1u << 30, &e))
        fail_msg("%s", e.message);
    return b;
}

static inline void copy_file(const char *from, const char *to)
{
    struct strbuf b = read_file(from);
    write_file(to, b.data, b.size);
    strbuf_free(&b);
}

#define assert_ok(call, e)                          \
    do {                                            \
        if (!(call))                                \
            fail_msg("%s: %s", #call, (e).message); \
    } while (0)

/* The error is of this kind and its message contains `part`. */
#define assert_error(e, wanted, part)                          \
    do {                                                       \
        assert_int_equal((e).kind, wanted);                    \
        if (!strstr((e).message, part))                        \
            fail_msg("'%s' is not in: %s", part, (e).message); \
    } while (0)

#endif
