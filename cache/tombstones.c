#include "cache/tombstones.h"

#include "lorabuild/common/file.h"
#include "lorabuild/common/memory.h"
#include "lorabuild/common/text.h"

#include <errno.h>
#include <nettle/hmac.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

enum { FORMAT = 1, MOST_BYTES = 1 << 30 };
#define HEAD "lorabuild-tombstones "

static const char *const words[TOMBSTONE_KINDS] = {"name", "source", "text"};

/* --- Keyed digests. --- */

struct keyed_digest tombstone_digest(const struct tombstones *t, enum tombstone_kind kind,
                                     struct str bytes)
{
    struct hmac_sha256_ctx c;
    struct keyed_digest d;
    hmac_sha256_set_key(&c, sizeof t->key, t->key);
    hmac_sha256_update(&c, strlen(words[kind]), (const uint8_t *)words[kind]);
    hmac_sha256_update(&c, 1, (const uint8_t *)" ");
    hmac_sha256_update(&c, bytes.size, (const uint8_t *)bytes.data);
    hmac_sha256_digest(&c, sizeof d.bytes, d.bytes);
    return d;
}

static void put_hex(const uint8_t *bytes, size_t n, char *text)
{
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < n; i++) {
        text[2 * i] = digits[bytes[i] >> 4];
        text[2 * i + 1] = digits[bytes[i] & 15];
    }
    text[2 * n] = '\0';
}

static bool take_hex(uint8_t bytes[32], struct str text)
{
    struct digest halves[2];
    bool ok = text.size == SHA256_HEX - 1 &&
              digest_from_hex(&halves[0], (struct str){text.data, 32}) &&
              digest_from_hex(&halves[1], (struct str){text.data + 32, 32});
    if (ok)
        memcpy(bytes, halves, 32);
    return ok;
}

void tombstone_hex(struct keyed_digest d, char text[static SHA256_HEX])
{
    put_hex(d.bytes, sizeof d.bytes, text);
}

/* --- The list in memory. --- */

void tombstones_free(struct tombstones *t)
{
    free(t->documents);
    free(t->items);
    explicit_bzero(t->key, sizeof t->key);
    *t = (struct tombstones){0};
}

static void add_document(struct tombstones *t, const char *date)
{
    t->documents = mem_grow(t->documents, t->document_count + 1, sizeof *t->documents);
    struct tombstone_document *d = &t->documents[t->document_count++];
    *d = (struct tombstone_document){.lifted = false};
    memcpy(d->date, date, 10);
}

static void add_item(struct tombstones *t, enum tombstone_kind kind, struct keyed_digest digest)
{
    if (t->count == t->capacity) {
        t->capacity = t->capacity ? 2 * t->capacity : 64;
        t->items = mem_grow(t->items, t->capacity, sizeof *t->items);
    }
    t->items[t->count++] = (struct tombstone){digest, kind, t->document_count - 1};
    t->sorted = false;
}

bool tombstones_add_document(struct tombstones *t, const char *date, struct error *e)
{
    if (!t->has_key && getrandom(t->key, sizeof t->key, 0) != (ssize_t)sizeof t->key)
        return error_errno(e, "getrandom");
    t->has_key = true;
    add_document(t, date);
    return true;
}

void tombstones_add(struct tombstones *t, enum tombstone_kind kind, struct str bytes)
{
    add_item(t, kind, tombstone_digest(t, kind, bytes));
}

void tombstones_add_digest(struct tombstones *t, enum tombstone_kind kind, struct digest d)
{
    char hex[DIGEST_HEX];
    digest_hex(d, hex);
    tombstones_add(t, kind, str_of(hex));
}

static int by_digest(const void *a, const void *b)
{
    const struct tombstone *x = a, *y = b;
    int order = memcmp(x->digest.bytes, y->digest.bytes, sizeof x->digest.bytes);
    return order ? order : (x->document > y->document) - (x->document < y->document);
}

void tombstones_lift_repeated(struct tombstones *t, size_t first)
{
    struct tombstone *later = mem_array(t->count, sizeof *later);
    bool *alone = mem_array(first, sizeof *alone);
    size_t n = 0;
    for (size_t i = 0; i < t->count; i++)
        if (t->items[i].document >= first) {
            later[n] = t->items[i];
            later[n++].document = 0; /* equal digests, equal items */
        }
    if (n)
        qsort(later, n, sizeof *later, by_digest);
    for (size_t i = 0; i < t->count; i++) {
        struct tombstone wanted = t->items[i];
        size_t document = wanted.document;
        wanted.document = 0;
        if (document < first && !(n && bsearch(&wanted, later, n, sizeof *later, by_digest)))
            alone[document] = true;
    }
    for (size_t i = 0; i < first; i++)
        t->documents[i].lifted = t->documents[i].lifted || !alone[i];
    free(alone);
    free(later);
}

size_t tombstones_find(struct tombstones *t, enum tombstone_kind kind, struct str bytes)
{
    if (!t->count)
        return TOMBSTONE_NONE;
    if (!t->sorted)
        qsort(t->items, t->count, sizeof *t->items, by_digest);
    t->sorted = true;
    struct tombstone wanted = {tombstone_digest(t, kind, bytes), kind, 0};
    size_t low = 0, high = t->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (by_digest(&t->items[middle], &wanted) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    for (; low < t->count && memcmp(&t->items[low].digest, &wanted.digest, 32) == 0; low++)
        if (!t->documents[t->items[low].document].lifted)
            return t->items[low].document;
    return TOMBSTONE_NONE;
}

size_t tombstones_find_digest(struct tombstones *t, enum tombstone_kind kind, struct digest d)
{
    char hex[DIGEST_HEX];
    digest_hex(d, hex);
    return tombstones_find(t, kind, str_of(hex));
}

/* --- The files. --- */

static bool read_key(struct tombstones *t, const char *folder, struct error *e)
{
    struct strbuf text = {0};
    char *path = path_join(folder, "key");
    bool there = access(path, F_OK) == 0 || errno != ENOENT;
    bool ok = !there || file_read(&text, path, 4096, e);
    t->has_key = ok && there && take_hex(t->key, str_trim(strbuf_str(&text)));
    if (ok && there && !t->has_key)
        ok = error_set(e, ERROR_INPUT,
                       _("%s: damaged; without it forgotten documents are not known again. "
                         "Bring it back from a backup"),
                       path);
    strbuf_free(&text);
    free(path);
    return ok;
}

static bool take_line(struct tombstones *t, struct str line)
{
    const char *space = memchr(line.data, ' ', line.size);
    struct keyed_digest d;
    if (!space)
        return false;
    struct str word = {line.data, (size_t)(space - line.data)};
    struct str rest = {space + 1, line.size - word.size - 1};
    if (str_is(word, "document")) {
        if (rest.size == 10)
            add_document(t, rest.data);
        return rest.size == 10;
    }
    for (int kind = 0; kind < TOMBSTONE_KINDS; kind++)
        if (str_is(word, words[kind]) && t->document_count && take_hex(d.bytes, rest)) {
            add_item(t, (enum tombstone_kind)kind, d);
            return true;
        }
    return false;
}

static bool parse(struct tombstones *t, struct str text, const char *path, struct error *e)
{
    size_t number = 1;
    do {
        const char *end = text.size ? memchr(text.data, '\n', text.size) : NULL;
        struct str line = {text.data, end ? (size_t)(end - text.data) : text.size};
        int64_t format = 0;
        size_t head = strlen(HEAD);
        bool right =
            number > 1 ? take_line(t, line)
                       : str_starts(line, HEAD) &&
                             str_to_int((struct str){line.data + head, line.size - head}, &format);
        if (right && format > FORMAT)
            return error_set(e, ERROR_INPUT, _("%s: written by a newer lorabuild"), path);
        if (!right || !end)
            return error_at(e, ERROR_INPUT, path, number, 1,
                            _("not a list of forgotten documents, or damaged; bring it back from "
                              "a backup"));
        text = (struct str){end + 1, text.size - line.size - 1};
        number++;
    } while (text.size);
    return true;
}

bool tombstones_read(struct tombstones *t, const char *folder, struct error *e)
{
    struct strbuf text = {0};
    char *path = path_join(folder, "tombstones");
    *t = (struct tombstones){0};
    bool there = access(path, F_OK) == 0 || errno != ENOENT;
    bool ok =
        read_key(t, folder, e) &&
        (!there || (file_read(&text, path, MOST_BYTES, e) && parse(t, strbuf_str(&text), path, e)));
    if (ok && t->count && !t->has_key)
        ok = error_set(e, ERROR_INPUT,
                       _("%s/key is missing; without it forgotten documents are not known again. "
                         "Bring it back from a backup"),
                       folder);
    strbuf_free(&text);
    free(path);
    if (!ok)
        tombstones_free(t);
    return ok;
}

static int by_document(const void *a, const void *b)
{
    const struct tombstone *x = a, *y = b;
    if (x->document != y->document)
        return x->document < y->document ? -1 : 1;
    if (x->kind != y->kind)
        return x->kind < y->kind ? -1 : 1;
    return memcmp(x->digest.bytes, y->digest.bytes, sizeof x->digest.bytes);
}

static void print_list(struct strbuf *b, const struct tombstones *t)
{
    struct tombstone *sorted = mem_array(t->count, sizeof *sorted);
    char hex[SHA256_HEX];
    if (t->count) {
        memcpy(sorted, t->items, t->count * sizeof *sorted);
        qsort(sorted, t->count, sizeof *sorted, by_document);
    }
    strbuf_printf(b, HEAD "%d\n", FORMAT);
    for (size_t i = 0; i < t->count; i++) {
        const struct tombstone_document *d = &t->documents[sorted[i].document];
        if (d->lifted)
            continue;
        if (i == 0 || sorted[i - 1].document != sorted[i].document)
            strbuf_printf(b, "document %.10s\n", d->date);
        tombstone_hex(sorted[i].digest, hex);
        strbuf_printf(b, "%s %s\n", words[sorted[i].kind], hex);
    }
    free(sorted);
}

bool tombstones_write(const struct tombstones *t, const char *folder, struct error *e)
{
    char hex[SHA256_HEX + 1];
    struct strbuf b = {0};
    char *path = path_join(folder, "tombstones"), *key = path_join(folder, "key");
    put_hex(t->key, sizeof t->key, hex);
    memcpy(hex + SHA256_HEX - 1, "\n", 2);
    print_list(&b, t);
    bool ok = folder_make(folder, 0777, e) && file_replace(key, str_of(hex), 0666, e) &&
              file_replace(path, strbuf_str(&b), 0666, e);
    explicit_bzero(hex, sizeof hex);
    strbuf_free(&b);
    free(key);
    free(path);
    return ok;
}
