/* traces: is anything of a document left? For the scenario tests of forget.
 *
 *   traces [--model MODEL] [--document FILE] [--word WORD]… [--digest HEX]… [--plant FOLDER]
 * FOLDER…
 *
 * Searches every byte of all files beneath the folders, and of the tar in each .tar.zst, and
 * prints "KIND PATH" for all that it finds; a path in an archive ends in "!". Searched are
 *   the words and the file's name    as UTF-8, UTF-16LE and UTF-16BE
 *   its samples as token ids         8 in a row, of 16 and 32 bits
 *   its digests, and those given     XXH3-128 and SHA-256 of the file and of each sample, in
 *                                    binary and in hexadecimal
 * Names of files and folders are searched like content. --plant writes a file for each kind, and
 * an archive of them all, into a folder: so that a test can see that each kind would be found.
 * Exit status: 0 nothing found, 1 something, 2 an error. */
#include "lorabuild/common/file.h"
#include "lorabuild/common/memory.h"
#include "lorabuild/data/cut.h"
#include "lorabuild/formats/archive.h"
#include "lorabuild/formats/tokenizer.h"

#include <archive.h>
#include <archive_entry.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { RUN = 8, MOST_BYTES = 1 << 30 };

struct needle {
    const char *kind;
    char *bytes;
    size_t size;
};

struct search {
    struct needle *needles;
    size_t count, found;
};

static void add(struct search *s, const char *kind, const void *bytes, size_t size)
{
    s->needles = mem_grow(s->needles, s->count + 1, sizeof *s->needles);
    struct needle *n = &s->needles[s->count++];
    *n = (struct needle){kind, mem_alloc(size + 1), size};
    memcpy(n->bytes, bytes, size);
}

/* --- What is searched for. --- */

static void add_word(struct search *s, struct str word, bool is_name)
{
    struct strbuf wide[2] = {{0}, {0}};
    for (size_t at = 0; at < word.size;) {
        int32_t c = utf8_next(word, &at);
        if (c > 0xFFFF || c < 0)
            continue; /* tests keep to characters of one unit */
        for (int big = 0; big < 2; big++) {
            strbuf_add_byte(&wide[big], (char)(big ? c >> 8 : c & 255));
            strbuf_add_byte(&wide[big], (char)(big ? c & 255 : c >> 8));
        }
    }
    add(s, is_name ? "name" : "utf-8", word.data, word.size);
    add(s, is_name ? "name-utf-16le" : "utf-16le", wide[0].data, wide[0].size);
    add(s, is_name ? "name-utf-16be" : "utf-16be", wide[1].data, wide[1].size);
    strbuf_free(&wide[0]);
    strbuf_free(&wide[1]);
}

static void add_hex(struct search *s, const char *kind, const char *hex)
{
    char bytes[32], *name = mem_printf("%s-hex", kind);
    size_t n = strlen(hex) / 2;
    for (size_t i = 0; i < n && i < sizeof bytes; i++) {
        unsigned byte = 0;
        sscanf(hex + 2 * i, "%2x", &byte);
        bytes[i] = (char)byte;
    }
    add(s, name, hex, strlen(hex));
    add(s, kind, bytes, n);
}

static void add_digest(struct search *s, const char *kind, struct digest d)
{
    char hex[DIGEST_HEX];
    digest_hex(d, hex);
    add_hex(s, kind, hex);
}

static bool add_ids(struct search *s, const struct tokenizer *t, struct str text, struct error *e)
{
    struct tokens ids = {0};
    if (!tokenizer_encode(t, text, &ids, e))
        return false;
    for (size_t i = 0; i + RUN <= ids.count; i++) {
        uint16_t half[RUN];
        for (size_t k = 0; k < RUN; k++)
            half[k] = (uint16_t)ids.ids[i + k];
        add(s, "ids-16", half, sizeof half);
        add(s, "ids-32", &ids.ids[i], RUN * sizeof *ids.ids);
    }
    tokens_free(&ids);
    return true;
}

static bool add_document(struct search *s, const char *path, const struct tokenizer *t,
                         struct error *e)
{
    struct strbuf bytes = {0};
    struct arena a = {0};
    struct bad_records bad = {0};
    struct document d = {.path = path};
    char sha[SHA256_HEX];
    bool ok = file_read(&bytes, path, MOST_BYTES, e);
    if (!ok || !cut_kind(path, &d.kind))
        return ok && error_set(e, ERROR_USAGE, "%s: not a document", path);
    add_word(s, str_of(path_base(path)), true);
    sha256_hex(bytes.data, bytes.size, sha);
    add_hex(s, "source-sha256", sha);
    add_digest(s, "source", digest_file_bytes(bytes.data, bytes.size));
    add_digest(s, "source-plain", digest_of(bytes.data, bytes.size));
    cut_document(&d, strbuf_str(&bytes), &a, &bad);
    for (size_t i = 0; ok && i < d.count; i++) {
        const struct sample *sample = &d.samples[i];
        sha256_hex(sample->text.data, sample->text.size, sha);
        add_hex(s, "sample-sha256", sha);
        add_digest(s, "content", sample_content_digest(sample->kind, sample->text));
        ok = !t || add_ids(s, t, sample->text, e);
    }
    bad_records_free(&bad);
    arena_free(&a);
    strbuf_free(&bytes);
    return ok;
}

/* --- Searching. --- */

static void search_bytes(struct search *s, struct str bytes, const char *path, const char *mark)
{
    for (size_t i = 0; i < s->count; i++) {
        const struct needle *n = &s->needles[i];
        if (!n->size || !bytes.size || !memmem(bytes.data, bytes.size, n->bytes, n->size))
            continue;
        printf("%s %s%s\n", n->kind, path, mark);
        s->found++;
    }
}

/* The tar inside, all its bytes: headers, content and padding. */
static bool search_archive(struct search *s, const char *path, struct error *e)
{
    struct archive *a = archive_read_new();
    struct archive_entry *entry;
    struct strbuf bytes = {0};
    char block[65536];
    archive_read_support_filter_zstd(a);
    archive_read_support_format_raw(a);
    bool ok = archive_read_open_filename(a, path, sizeof block) == ARCHIVE_OK &&
              archive_read_next_header(a, &entry) == ARCHIVE_OK;
    for (la_ssize_t n = 1; ok && n > 0;) {
        n = archive_read_data(a, block, sizeof block);
        ok = n >= 0;
        if (n > 0)
            strbuf_add(&bytes, block, (size_t)n);
    }
    if (!ok)
        error_set(e, ERROR_INPUT, "%s: %s", path, archive_error_string(a));
    archive_read_free(a);
    search_bytes(s, strbuf_str(&bytes), path, "!");
    strbuf_free(&bytes);
    return ok;
}

static bool search_path(struct search *s, const char *path, struct error *e)
{
    struct stat st;
    struct strbuf bytes = {0};
    if (lstat(path, &st) < 0)
        return error_errno(e, "%s", path);
    search_bytes(s, str_of(path_base(path)), path, "?");
    if (S_ISDIR(st.st_mode)) {
        DIR *d = opendir(path);
        bool ok = d || error_errno(e, "%s", path);
        for (struct dirent *entry; ok && (entry = readdir(d));) {
            if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
                continue;
            char *inner = path_join(path, entry->d_name);
            ok = search_path(s, inner, e);
            free(inner);
        }
        if (d)
            closedir(d);
        return ok;
    }
    if (!S_ISREG(st.st_mode))
        return true;
    bool ok = file_read(&bytes, path, MOST_BYTES, e);
    search_bytes(s, strbuf_str(&bytes), path, "");
    strbuf_free(&bytes);
    return ok && (!str_ends(str_of(path), ".tar.zst") || search_archive(s, path, e));
}

/* --- Planting. --- */

static bool plant(const struct search *s, const char *folder, struct error *e)
{
    char sha[SHA256_HEX], *inner = path_join(folder, "raw");
    char *packed = path_join(folder, "all.tar.zst");
    bool ok = folder_make(inner, 0777, e);
    for (size_t i = 0; ok && i < s->count; i++) {
        struct strbuf b = {0};
        char *path = mem_printf("%s/%s", inner, s->needles[i].kind);
        strbuf_add_text(&b, "some bytes before ");
        strbuf_add(&b, s->needles[i].bytes, s->needles[i].size);
        strbuf_add_text(&b, " and behind");
        ok = file_replace(path, strbuf_str(&b), 0666, e);
        strbuf_free(&b);
        free(path);
    }
    ok = ok && archive_pack(packed, inner, "planted", sha, e);
    free(packed);
    free(inner);
    return ok;
}

int main(int argc, char **argv)
{
    struct search s = {0};
    struct error e = {0};
    struct weights *w = NULL;
    struct tokenizer *t = NULL;
    const char *folder = NULL;
    int i = 1;
    bool ok = true;
    for (; ok && i + 1 < argc && strncmp(argv[i], "--", 2) == 0; i += 2) {
        if (strcmp(argv[i], "--model") == 0)
            ok = (w = weights_open(argv[i + 1], &e)) && (t = tokenizer_open(w, &e));
        else if (strcmp(argv[i], "--document") == 0)
            ok = add_document(&s, argv[i + 1], t, &e);
        else if (strcmp(argv[i], "--word") == 0)
            add_word(&s, str_of(argv[i + 1]), false);
        else if (strcmp(argv[i], "--digest") == 0)
            add_hex(&s, "digest", argv[i + 1]);
        else if (strcmp(argv[i], "--plant") == 0)
            folder = argv[i + 1];
        else
            ok = error_set(&e, ERROR_USAGE, "no option %s", argv[i]);
    }
    ok = ok && (!folder || plant(&s, folder, &e));
    for (; ok && i < argc; i++)
        ok = search_path(&s, argv[i], &e);
    if (t)
        tokenizer_close(t);
    if (w)
        weights_close(w);
    if (!ok)
        fprintf(stderr, "traces: %s\n", e.message);
    return !ok ? 2 : s.found > 0;
}
