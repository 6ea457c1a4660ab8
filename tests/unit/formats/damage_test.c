/* Every golden file cut at many lengths and with flipped bytes: each reader either reads it or
 * says what is wrong, and never crashes. Run under the sanitizers this is a small fuzzer. */
#include "tests/unit/formats/scratch.h"

#include "lorabuild/common/random.h"
#include "lorabuild/formats/archive.h"
#include "lorabuild/formats/csv.h"
#include "lorabuild/formats/gguf.h"
#include "lorabuild/formats/peft.h"
#include "lorabuild/formats/safetensors.h"
#include "lorabuild/formats/text_encoding.h"
#include "lorabuild/formats/weights.h"

#include <stdio.h>
#include <zstd.h>

enum { FLIPS = 400, MOST_CUTS = 700 };

/* Reads every byte that the table promises, so that a sanitizer or the map's end would tell. */
static void touch(const struct weight_tensor *t)
{
    size_t n = 1;
    for (int d = 0; d < t->dims; d++)
        n *= (size_t)t->shape[d];
    float *to = mem_try_alloc(n * sizeof *to);
    assert_non_null(to);
    dtype_to_f32(t->type, t->data, to, n);
    free(to);
}

static bool try_safetensors(const char *folder, const char *path, struct error *e)
{
    struct safetensors *s = safetensors_open(path, e);
    (void)folder;
    for (size_t i = 0; s && i < safetensors_count(s); i++)
        touch(safetensors_at(s, i));
    if (s)
        safetensors_metadata(s, "format");
    safetensors_close(s);
    return s != NULL;
}

static bool try_gguf(const char *folder, const char *path, struct error *e)
{
    static const char *const keys[] = {"test.texts", "test.ints", "test.truths", "test.floats"};
    struct gguf *g = gguf_open(path, e);
    size_t n;
    (void)folder;
    for (size_t i = 0; g && i < gguf_tensor_count(g); i++)
        touch(gguf_tensor(g, i));
    for (size_t k = 0; g && k < sizeof keys / sizeof *keys; k++) {
        const struct str *texts = gguf_get_strs(g, keys[k], &n);
        for (size_t i = 0; texts && i < n; i++)
            utf8_valid(texts[i], NULL);
        const int32_t *ints = gguf_get_ints(g, keys[k], &n);
        assert_true(!ints || n == 0 || ints[n - 1] >= INT32_MIN);
        gguf_get_floats(g, keys[k], &n);
    }
    gguf_close(g);
    return g != NULL;
}

static bool try_adapter(const char *folder, const char *path, struct error *e)
{
    struct peft_adapter a;
    (void)path;
    bool ok = peft_read(&a, folder, e);
    if (ok)
        peft_free(&a);
    return ok;
}

static bool try_weights(const char *folder, const char *path, struct error *e)
{
    struct weights *w = weights_open(folder, e);
    char **files = NULL;
    size_t n = 0;
    (void)path;
    if (weights_list_files(folder, &files, &n, NULL))
        while (n)
            free(files[--n]);
    free(files);
    weights_close(w);
    return w != NULL;
}

static bool try_csv(const char *folder, const char *path, struct error *e)
{
    struct strbuf b = read_file(path);
    struct csv c;
    (void)folder;
    bool ok = csv_parse(&c, strbuf_str(&b), path, e);
    if (ok)
        csv_free(&c);
    strbuf_free(&b);
    return ok;
}

static bool try_text(const char *folder, const char *path, struct error *e)
{
    struct strbuf b = read_file(path), out = {0};
    const char *encoding;
    (void)folder;
    bool ok = text_decode(&out, strbuf_str(&b), path, &encoding, e);
    assert_true(utf8_valid(strbuf_str(&out), NULL));
    strbuf_free(&out);
    strbuf_free(&b);
    return ok;
}

static bool try_archive(const char *folder, const char *path, struct error *e)
{
    char *to = path_join(folder, "out"), hex[SHA256_HEX];
    bool ok = archive_unpack(path, to, 1 << 20, hex, e);
    assert_true(ok == (access(to, F_OK) == 0));
    assert_true(folder_remove(to, NULL));
    free(to);
    return ok;
}

typedef bool try_fn(const char *folder, const char *path, struct error *e);

static void once(const char *folder, const char *path, const void *bytes, size_t n, try_fn *try)
{
    struct error e = {0};
    unlink(path); /* a file cut to nothing and rewritten may be flushed at once: slow */
    FILE *f = fopen(path, "wb");
    assert_non_null(f);
    assert_int_equal(fwrite(bytes, 1, n, f), n);
    fclose(f);
    bool ok = try(folder, path, &e);
    assert_true(ok || (e.kind && e.message[0]));
}

static void damage(const char *folder, const char *name, try_fn *try)
{
    struct error e = {0};
    char *path = path_join(folder, name);
    struct strbuf whole = read_file(path);
    struct random r = {.seed = 4, .purpose = random_purpose(name)};
    assert_ok(try(folder, path, &e), e);
    size_t step = whole.size / MOST_CUTS + 1;
    for (size_t n = 0; n < whole.size; n += step)
        once(folder, path, whole.data, n, try);
    for (uint64_t i = 0; i < FLIPS; i++) {
        size_t at = (size_t)random_below(r, 2 * i, whole.size);
        char old = whole.data[at];
        whole.data[at] = (char)random_u32(r, 2 * i + 1);
        once(folder, path, whole.data, whole.size, try);
        whole.data[at] = old;
    }
    once(folder, path, whole.data, whole.size, try);
    strbuf_free(&whole);
    free(path);
}

static void put_golden(const char *folder, const char *from, const char *name)
{
    char *golden = path_join(GOLDEN, from), *to = path_join(folder, name);
    copy_file(golden, to);
    free(golden);
    free(to);
}

static void safetensors_survives(void **state)
{
    put_golden(*state, "tiny.safetensors", "x");
    damage(*state, "x", try_safetensors);
}

static void gguf_survives(void **state)
{
    put_golden(*state, "tiny.gguf", "x");
    damage(*state, "x", try_gguf);
}

/* Each byte of the header, which is short, gets very many values; the types are among them. */
static void quantised_headers_survive(void **state)
{
    enum { HEADER = 646 };
    char *path = path_join(*state, "x");
    struct strbuf whole = read_file("tests/golden/quants/quants.gguf");
    write_file(path, whole.data, whole.size);
    damage(*state, "x", try_gguf);
    for (size_t at = 0; at < HEADER; at++)
        for (unsigned value = 0; value < 256; value += at % 7 + 1) {
            char old = whole.data[at];
            whole.data[at] = (char)value;
            once(*state, path, whole.data, whole.size, try_gguf);
            whole.data[at] = old;
        }
    strbuf_free(&whole);
    free(path);
}

static void peft_survives(void **state)
{
    put_golden(*state, "adapter/adapter_config.json", "adapter_config.json");
    put_golden(*state, "adapter/adapter_model.safetensors", "adapter_model.safetensors");
    damage(*state, "adapter_config.json", try_adapter);
    damage(*state, "adapter_model.safetensors", try_adapter);
}

static void weights_survive(void **state)
{
    static const char *const names[] = {"config.json", "model.safetensors.index.json",
                                        "model-00001-of-00002.safetensors",
                                        "model-00002-of-00002.safetensors"};
    for (size_t i = 0; i < 4; i++) {
        char *from = path_join("sharded", names[i]);
        put_golden(*state, from, names[i]);
        free(from);
    }
    damage(*state, "model.safetensors.index.json", try_weights);
    damage(*state, "model-00002-of-00002.safetensors", try_weights);
}

static void csv_survives(void **state)
{
    char *path = path_join(*state, "x");
    static const char table[] = "\xEF\xBB\xBF"
                                "filename,prompt\r\n\"a,\"\"b\"\".png\",\"\u57ce\r\n"
                                "\u5e02\"\r\n\r\nc.png,d\r\n,\r\n";
    write_file(path, table, sizeof table - 1);
    damage(*state, "x", try_csv);
    free(path);
}

static void texts_survive(void **state)
{
    static const char *const names[] = {"text/gb18030.txt", "text/big5.txt",   "text/shift_jis.txt",
                                        "text/euc_kr.txt",  "text/cp1252.txt", "text/gb18030.utf8"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        put_golden(*state, names[i], "x");
        damage(*state, "x", try_text);
    }
}

/* The compressed bytes, which zstd's checksum guards, and the bare tar, which nothing does. */
static void archives_survive(void **state)
{
    struct error e = {0};
    char hex[SHA256_HEX], *inside = path_join(*state, "in/f"), *folder = path_join(*state, "in");
    char *path = path_join(*state, "x");
    assert_true(folder_make(folder, 0755, NULL));
    write_file(inside, "content", 7);
    assert_ok(archive_pack(path, folder, "v1", hex, &e), e);
    struct strbuf z = read_file(path);
    damage(*state, "x", try_archive);
    char tar[4096];
    size_t n = ZSTD_decompress(tar, sizeof tar, z.data, z.size);
    assert_false(ZSTD_isError(n));
    write_file(path, tar, n);
    damage(*state, "x", try_archive);
    strbuf_free(&z);
    free(path);
    free(folder);
    free(inside);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(safetensors_survives, scratch_make, scratch_remove),
        cmocka_unit_test_setup_teardown(gguf_survives, scratch_make, scratch_remove),
        cmocka_unit_test_setup_teardown(quantised_headers_survive, scratch_make, scratch_remove),
        cmocka_unit_test_setup_teardown(peft_survives, scratch_make, scratch_remove),
        cmocka_unit_test_setup_teardown(weights_survive, scratch_make, scratch_remove),
        cmocka_unit_test_setup_teardown(csv_survives, scratch_make, scratch_remove),
        cmocka_unit_test_setup_teardown(texts_survive, scratch_make, scratch_remove),
        cmocka_unit_test_setup_teardown(archives_survive, scratch_make, scratch_remove),
    };
    return cmocka_run_group_tests_name("damage", tests, NULL, NULL);
}
