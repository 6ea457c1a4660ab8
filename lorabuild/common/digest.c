#include "lorabuild/common/digest.h"

#include "lorabuild/common/file.h"
#include "lorabuild/common/memory.h"

#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <nettle/sha2.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <xxhash.h>

static struct digest canonical(XXH128_hash_t h)
{
    XXH128_canonical_t c;
    struct digest d;
    XXH128_canonicalFromHash(&c, h);
    memcpy(d.bytes, c.digest, sizeof d.bytes);
    return d;
}

struct digest digest_of(const void *bytes, size_t n)
{
    return canonical(XXH3_128bits(bytes, n));
}

bool digest_equal(struct digest a, struct digest b)
{
    return memcmp(a.bytes, b.bytes, sizeof a.bytes) == 0;
}

int digest_compare(struct digest a, struct digest b)
{
    return memcmp(a.bytes, b.bytes, sizeof a.bytes);
}

bool digest_is_zero(struct digest d)
{
    return digest_equal(d, (struct digest){{0}});
}

static void to_hex(const uint8_t *bytes, size_t n, char *text)
{
    for (size_t i = 0; i < n; i++) {
        text[2 * i] = "0123456789abcdef"[bytes[i] >> 4];
        text[2 * i + 1] = "0123456789abcdef"[bytes[i] & 15];
    }
    text[2 * n] = '\0';
}

void digest_hex(struct digest d, char text[static DIGEST_HEX])
{
    to_hex(d.bytes, sizeof d.bytes, text);
}

bool digest_from_hex(struct digest *d, struct str text)
{
    if (text.size != 2 * sizeof d->bytes)
        return false;
    for (size_t i = 0; i < text.size; i++) {
        char c = text.data[i];
        int digit = c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
        if (digit < 0)
            return false;
        d->bytes[i / 2] = (uint8_t)(i % 2 ? d->bytes[i / 2] | digit : digit << 4);
    }
    return true;
}

struct digest_stream {
    XXH3_state_t *state;
};

struct digest_stream *digest_begin(const char *kind)
{
    struct digest_stream *s = mem_alloc(sizeof *s);
    s->state = XXH3_createState();
    if (!s->state)
        abort();
    XXH3_128bits_reset(s->state);
    digest_add_text(s, kind);
    return s;
}

void digest_add_u64(struct digest_stream *s, uint64_t number)
{
    uint8_t bytes[8];
    for (int i = 0; i < 8; i++)
        bytes[i] = (uint8_t)(number >> 8 * i);
    XXH3_128bits_update(s->state, bytes, sizeof bytes);
}

void digest_add(struct digest_stream *s, const void *bytes, size_t n)
{
    digest_add_u64(s, n);
    if (n)
        XXH3_128bits_update(s->state, bytes, n);
}

void digest_add_str(struct digest_stream *s, struct str part)
{
    digest_add(s, part.data, part.size);
}

void digest_add_text(struct digest_stream *s, const char *part)
{
    digest_add(s, part, strlen(part));
}

void digest_add_digest(struct digest_stream *s, struct digest d)
{
    XXH3_128bits_update(s->state, d.bytes, sizeof d.bytes);
}

struct digest digest_end(struct digest_stream *s)
{
    struct digest d = canonical(XXH3_128bits_digest(s->state));
    XXH3_freeState(s->state);
    free(s);
    return d;
}

/* Hands a file's content to `take` block by block. */
static bool each_block(int fd, const char *shown_as, void (*take)(void *, const void *, size_t),
                       void *context, struct error *e)
{
    enum { BLOCK = 1 << 17 };
    char *block = mem_alloc(BLOCK);
    ssize_t n;
    while ((n = read(fd, block, BLOCK)) != 0) {
        if (n > 0)
            take(context, block, (size_t)n);
        else if (errno != EINTR)
            break;
    }
    if (n < 0)
        error_errno(e, "%s", shown_as);
    free(block);
    return n == 0;
}

struct sized_state {
    XXH3_state_t *state;
    uint64_t size;
};

static void take_xxh3(void *context, const void *bytes, size_t n)
{
    struct sized_state *s = context;
    s->size += n;
    XXH3_128bits_update(s->state, bytes, n);
}

bool digest_fd(struct digest *d, int fd, const char *shown_as, struct error *e)
{
    struct digest_stream *s = digest_begin("file");
    struct sized_state sized = {s->state, 0};
    bool ok = each_block(fd, shown_as, take_xxh3, &sized, e);
    digest_add_u64(s, sized.size);
    *d = digest_end(s);
    return ok;
}

struct digest digest_file_bytes(const void *bytes, size_t n)
{
    struct digest_stream *s = digest_begin("file");
    if (n)
        XXH3_128bits_update(s->state, bytes, n);
    digest_add_u64(s, n);
    return digest_end(s);
}

bool digest_file(struct digest *d, const char *path, struct error *e)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return error_errno(e, "%s", path);
    bool ok = digest_fd(d, fd, path, e);
    close(fd);
    return ok;
}

void digest_set_add(struct digest_set *s, struct digest d)
{
    if (s->count == s->capacity) {
        s->capacity = s->capacity ? 2 * s->capacity : 16;
        s->items = mem_grow(s->items, s->capacity, sizeof *s->items);
    }
    s->items[s->count++] = d;
}

static int by_bytes(const void *a, const void *b)
{
    return memcmp(a, b, sizeof(struct digest));
}

/* The first eight bytes as a number: digests in order of these are in order but for ties. */
static uint64_t leading(const struct digest *d)
{
    uint64_t n;
    memcpy(&n, d->bytes, sizeof n);
    return be64toh(n);
}

static bool is_less(const struct digest *a, const struct digest *b)
{
    uint64_t x = leading(a), y = leading(b);
    return x != y ? x < y : memcmp(a, b, sizeof *a) < 0;
}

enum { FEW = 40 };

static void sort_few(struct digest *items, size_t n)
{
    if (n > FEW) { /* no digests, or chosen by somebody */
        qsort(items, n, sizeof *items, by_bytes);
        return;
    }
    for (size_t i = 1; i < n; i++) {
        struct digest d = items[i];
        size_t at = i;
        for (; at > 0 && is_less(&d, &items[at - 1]); at--)
            items[at] = items[at - 1];
        items[at] = d;
    }
}

/* Digests are spread evenly: their leading bits put them nearly into order. */
static void sort_digests(struct digest *items, size_t n)
{
    if (n <= FEW) {
        sort_few(items, n);
        return;
    }
    int bits = 1;
    while (bits < 24 && n >> bits > 4)
        bits++;
    int shift = 64 - bits;
    size_t buckets = (size_t)1 << bits;
    struct digest *sorted = mem_alloc(n * sizeof *sorted);
    size_t *ends = mem_array(buckets + 1, sizeof *ends);
    for (size_t i = 0; i < n; i++)
        ends[(leading(&items[i]) >> shift) + 1]++;
    for (size_t i = 0; i < buckets; i++)
        ends[i + 1] += ends[i];
    for (size_t i = 0; i < n; i++)
        sorted[ends[leading(&items[i]) >> shift]++] = items[i];
    for (size_t i = 0, begin = 0; i < buckets; begin = ends[i++])
        sort_few(sorted + begin, ends[i] - begin);
    memcpy(items, sorted, n * sizeof *items);
    free(ends);
    free(sorted);
}

static bool is_sorted(const struct digest_set *s)
{
    for (size_t i = 1; i < s->count; i++)
        if (is_less(&s->items[i], &s->items[i - 1]))
            return false;
    return true;
}

void digest_set_seal(struct digest_set *s)
{
    if (!s->count)
        return;
    if (!is_sorted(s))
        sort_digests(s->items, s->count);
    size_t kept = 1;
    for (size_t i = 1; i < s->count; i++)
        if (!digest_equal(s->items[i], s->items[kept - 1]))
            s->items[kept++] = s->items[i];
    s->count = kept;
}

bool digest_set_has(const struct digest_set *s, struct digest d)
{
    /* From where an even spread would have it, in steps that double, to a range that holds it. */
    size_t n = s->count, low, high, step = 8;
    if (!n)
        return false;
    size_t at = (size_t)((leading(&d) >> 32) * (n & UINT32_MAX) >> 32);
    if (is_less(&s->items[at], &d)) {
        for (low = high = at; high < n && is_less(&s->items[high], &d); step *= 2) {
            low = high;
            high = n - high > step ? high + step : n;
        }
    } else {
        for (low = high = at; low > 0 && !is_less(&s->items[low], &d); step *= 2) {
            high = low;
            low = low > step ? low - step : 0;
        }
    }
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (is_less(&s->items[middle], &d))
            low = middle + 1;
        else
            high = middle;
    }
    return low < n && digest_equal(s->items[low], d);
}

bool digest_set_within(const struct digest_set *a, const struct digest_set *b)
{
    size_t j = 0;
    for (size_t i = 0; i < a->count; i++) {
        while (j < b->count && digest_compare(b->items[j], a->items[i]) < 0)
            j++;
        if (j == b->count || !digest_equal(b->items[j], a->items[i]))
            return false;
    }
    return true;
}

struct digest digest_set_digest(const struct digest_set *s, const char *kind)
{
    struct digest_stream *stream = digest_begin(kind);
    digest_add_u64(stream, s->count);
    for (size_t i = 0; i < s->count; i++)
        digest_add_digest(stream, s->items[i]);
    return digest_end(stream);
}

void digest_set_free(struct digest_set *s)
{
    free(s->items);
    *s = (struct digest_set){0};
}

void sha256_hex(const void *bytes, size_t n, char text[static SHA256_HEX])
{
    struct sha256_ctx c;
    uint8_t d[SHA256_DIGEST_SIZE];
    sha256_init(&c);
    sha256_update(&c, n, bytes);
    sha256_digest(&c, sizeof d, d);
    to_hex(d, sizeof d, text);
}

static void take_sha256(void *context, const void *bytes, size_t n)
{
    sha256_update(context, n, bytes);
}

bool sha256_file(const char *path, char text[static SHA256_HEX], struct error *e)
{
    struct sha256_ctx c;
    uint8_t d[SHA256_DIGEST_SIZE];
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return error_errno(e, "%s", path);
    sha256_init(&c);
    bool ok = each_block(fd, path, take_sha256, &c, e);
    close(fd);
    sha256_digest(&c, sizeof d, d);
    to_hex(d, sizeof d, text);
    return ok;
}
