/* A GGUF base of every quantised type with flipped bytes in its header: it is refused with a
 * reason, or it is a model that runs forward. Run under the sanitizers this is a small fuzzer. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "lorabuild/common/file.h"
#include "lorabuild/common/memory.h"
#include "lorabuild/common/random.h"
#include "lorabuild/formats/gguf.h"
#include "lorabuild/models/model.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define GOLDEN "tests/golden/quants/mixed.gguf"

static void run_forward(struct model *m)
{
    static const int32_t ids[] = {5, 0, 7}, positions[] = {0, 1, 2}, starts[] = {0, 3};
    struct error e = {0};
    struct model_input in = {ids, positions, starts, 3, 1};
    struct backend *b = cpu_backend_open(COMPUTE_F32, 0, &e);
    struct tape *t = tape_open(b);
    tape_record(t, false);
    assert_true(model_forward(m, t, &in, NULL, false, &e) || e.message[0]);
    tape_close(t);
    cpu_backend_close(b);
}

/* Did it run? */
static bool once(const char *path, const char *bytes, size_t n)
{
    struct error e = {0};
    FILE *f = fopen(path, "wb");
    assert_true(f && fwrite(bytes, 1, n, f) == n && fclose(f) == 0);
    struct weights *w = weights_open(path, &e);
    struct model *m = w ? model_open(w, &e) : NULL;
    assert_true(m || (e.kind && e.message[0]));
    if (m)
        run_forward(m);
    if (m)
        model_close(m);
    weights_close(w);
    unlink(path);
    return m != NULL;
}

/* Up to the data of the first tensor. */
static size_t header_bytes(void)
{
    struct error e = {0};
    struct gguf *g = gguf_open(GOLDEN, &e);
    assert_non_null(g);
    size_t n = (size_t)((const char *)gguf_tensor(g, 0)->data - gguf_map(g)->bytes.data);
    gguf_close(g);
    return n;
}

static void flipped_headers_are_refused_or_run(void **state)
{
    (void)state;
    enum { FLIPS = 1500, TENSOR_TABLE = 2300 }; /* the table of tensors is the header's end */
    char folder[] = "/tmp/lorabuild-test-XXXXXX";
    struct error e = {0};
    struct strbuf whole = {0};
    struct random r = {.seed = 6, .purpose = random_purpose("flip")};
    size_t header = header_bytes(), ran = 0;
    assert_non_null(mkdtemp(folder));
    char *path = path_join(folder, "x.gguf");
    assert_true(file_read(&whole, GOLDEN, 1 << 20, &e) && header > TENSOR_TABLE);
    assert_true(once(path, whole.data, whole.size));
    for (uint64_t i = 0; i < FLIPS; i++) {
        size_t at = (size_t)(i % 4 == 0 ? random_below(r, 3 * i, header)
                                        : header - 1 - random_below(r, 3 * i, TENSOR_TABLE));
        char old = whole.data[at];
        /* Small numbers are types and dimensions. */
        whole.data[at] = (char)(i % 2 ? random_below(r, 3 * i + 1, 45) : random_u32(r, 3 * i + 2));
        ran += once(path, whole.data, whole.size);
        whole.data[at] = old;
    }
    assert_true(ran > FLIPS / 20 && ran < FLIPS * 3 / 4); /* both ends are reached */
    strbuf_free(&whole);
    rmdir(folder);
    free(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(flipped_headers_are_refused_or_run)};
    return cmocka_run_group_tests_name("damage", tests, NULL, NULL);
}
