#include "cache/store_check.h"

#include "lorabuild/common/memory.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xxhash.h>

enum {
    HEADER = 16, /* of a page, and where its array of node offsets begins */
    NODE_HEADER = 8,
    BRANCH = 1,
    LEAF = 2,
    OVERFLOW_PAGES = 4,
    META = 8,
    BIG_DATA = 1, /* node flag: the value stands on overflow pages */
    DEEPEST = 32,
    LONGEST_KEY = 511,
    MAGIC = 0,
    VERSION = 4,
    MAP_BYTES = 16,
    TREES = 24, /* two of TREE_BYTES: the free list and the data */
    TREE_BYTES = 48,
    TREE_ROOT = 40,
    LAST_PAGE = 120,
    TRANSACTION = 128,
    META_BYTES = 136
};

#define NO_PAGE UINT64_MAX

static uint16_t get16(const uint8_t *p)
{
    uint16_t n;
    memcpy(&n, p, sizeof n);
    return n;
}

static uint32_t get32(const uint8_t *p)
{
    uint32_t n;
    memcpy(&n, p, sizeof n);
    return n;
}

static uint64_t get64(const uint8_t *p)
{
    uint64_t n;
    memcpy(&n, p, sizeof n);
    return n;
}

uint64_t store_checksum(struct str key, struct str value)
{
    return XXH3_64bits_withSeed(value.data, value.size, XXH3_64bits(key.data, key.size));
}

static bool read_at(int fd, void *bytes, size_t n, uint64_t offset)
{
    return pread(fd, bytes, n, (off_t)offset) == (ssize_t)n;
}

static bool read_meta(int fd, uint64_t offset, uint64_t number, struct store_meta *m)
{
    uint8_t page[HEADER + META_BYTES];
    const uint8_t *meta = page + HEADER;
    if (!read_at(fd, page, sizeof page, offset) || get64(page) != number ||
        !(get16(page + 10) & META) || get32(meta + MAGIC) != 0xBEEFC0DE ||
        get32(meta + VERSION) != 1)
        return false;
    m->page_bytes = get32(meta + TREES);
    m->map_bytes = get64(meta + MAP_BYTES);
    m->last_page = get64(meta + LAST_PAGE);
    m->transaction = get64(meta + TRANSACTION);
    for (int i = 0; i < 2; i++) {
        m->roots[i] = get64(meta + TREES + i * TREE_BYTES + TREE_ROOT);
        if (m->roots[i] != NO_PAGE && (m->roots[i] < 2 || m->roots[i] > m->last_page))
            return false;
    }
    return m->page_bytes >= 512 && m->page_bytes <= 65536 &&
           (m->page_bytes & (m->page_bytes - 1)) == 0 && m->map_bytes >> 46 == 0 &&
           m->last_page >= 1 && m->last_page < (UINT64_C(1) << 46) / m->page_bytes;
}

bool store_check_metas(int fd, struct store_meta metas[2])
{
    struct stat s;
    memset(metas, 0, 2 * sizeof *metas);
    if (fstat(fd, &s) == 0 && s.st_size == 0)
        return true;
    return read_meta(fd, 0, 0, &metas[0]) && read_meta(fd, metas[0].page_bytes, 1, &metas[1]) &&
           metas[0].page_bytes == metas[1].page_bytes;
}

struct walk {
    int fd;
    const struct store_meta *meta;
    uint8_t *seen; /* a bit a page: reached, or free */
    bool free_list, whole;
    uint8_t last_key[LONGEST_KEY];
    size_t last_key_bytes;
    bool any_key;
};

/* Marks a page as taken; false if it lies outside the file's pages or is taken already. */
static bool take_page(struct walk *w, uint64_t page)
{
    if (page < 2 || page > w->meta->last_page || w->seen[page / 8] >> page % 8 & 1)
        return false;
    w->seen[page / 8] |= (uint8_t)(1u << page % 8);
    return true;
}

static bool key_in_order(struct walk *w, const uint8_t *key, size_t n)
{
    if (n == 0 || n > LONGEST_KEY || (w->free_list && n != 8))
        return false;
    bool rises = true;
    if (w->any_key && w->free_list) {
        rises = get64(w->last_key) < get64(key);
    } else if (w->any_key) {
        size_t common = n < w->last_key_bytes ? n : w->last_key_bytes;
        int order = memcmp(w->last_key, key, common);
        rises = order < 0 || (order == 0 && w->last_key_bytes < n);
    }
    memcpy(w->last_key, key, n);
    w->last_key_bytes = n;
    w->any_key = true;
    return rises;
}

/* A free list entry: a count, then that many page numbers, falling. */
static bool free_pages_right(struct walk *w, const uint8_t *value, size_t n)
{
    if (n < 8 || n % 8 != 0 || get64(value) > n / 8 - 1)
        return false;
    for (uint64_t i = 1; i <= get64(value); i++) {
        uint64_t page = get64(value + 8 * i);
        if (!take_page(w, page) || (i > 1 && page >= get64(value + 8 * (i - 1))))
            return false;
    }
    return true;
}

static bool value_right(struct walk *w, struct str key, const uint8_t *value, size_t n)
{
    if (w->free_list)
        return free_pages_right(w, value, n);
    struct str rest = {(const char *)value + STORE_VALUE_HEAD, n - STORE_VALUE_HEAD};
    return n >= STORE_VALUE_HEAD && get64(value) == store_checksum(key, rest);
}

static bool big_value_right(struct walk *w, struct str key, uint64_t first, size_t n)
{
    uint64_t size = w->meta->page_bytes, pages = (HEADER - 1 + (uint64_t)n) / size + 1;
    uint8_t header[HEADER];
    for (uint64_t i = 0; i < pages; i++)
        if (!take_page(w, first + i))
            return false;
    if (!read_at(w->fd, header, sizeof header, first * size) || get64(header) != first ||
        get16(header + 10) != OVERFLOW_PAGES || get32(header + 12) != pages)
        return false;
    uint8_t last;
    if (!w->whole && !w->free_list)
        return read_at(w->fd, &last, 1, first * size + HEADER + n - 1);
    uint8_t *value = mem_try_alloc(n);
    bool ok =
        value && read_at(w->fd, value, n, first * size + HEADER) && value_right(w, key, value, n);
    free(value);
    return ok;
}

static bool leaf_node_right(struct walk *w, const uint8_t *node, size_t room)
{
    size_t key_bytes = get16(node + 6), flags = get16(node + 4), n = get32(node);
    const uint8_t *key = node + NODE_HEADER;
    if (flags & ~(size_t)BIG_DATA || NODE_HEADER + key_bytes > room)
        return false;
    if (!key_in_order(w, key, key_bytes))
        return false;
    room -= NODE_HEADER + key_bytes;
    struct str name = {(const char *)key, key_bytes};
    if (flags & BIG_DATA)
        return room >= 8 && big_value_right(w, name, get64(key + key_bytes), n);
    return n <= room && value_right(w, name, key + key_bytes, n);
}

static bool page_right(struct walk *w, uint64_t number, int depth);

static bool nodes_right(struct walk *w, const uint8_t *page, int depth)
{
    size_t size = w->meta->page_bytes, kind = get16(page + 10);
    size_t lower = get16(page + 12), upper = get16(page + 14);
    if (lower < HEADER || lower % 2 || lower > upper || upper > size)
        return false;
    size_t count = (lower - HEADER) / 2;
    if (count < (kind == BRANCH ? 2u : 1u))
        return false;
    for (size_t i = 0; i < count; i++) {
        size_t at = get16(page + HEADER + 2 * i);
        if (at < upper || at % 2 || at + NODE_HEADER > size)
            return false;
        const uint8_t *node = page + at;
        if (kind == LEAF && !leaf_node_right(w, node, size - at))
            return false;
        if (kind == BRANCH && at + NODE_HEADER + get16(node + 6) > size)
            return false;
        if (kind == BRANCH &&
            !page_right(w, get32(node) | (uint64_t)get16(node + 4) << 32, depth + 1))
            return false;
    }
    return true;
}

static bool page_right(struct walk *w, uint64_t number, int depth)
{
    size_t size = w->meta->page_bytes;
    if (depth > DEEPEST || !take_page(w, number))
        return false;
    uint8_t *page = mem_alloc(size);
    bool ok = read_at(w->fd, page, size, number * size) && get64(page) == number &&
              (get16(page + 10) == BRANCH || get16(page + 10) == LEAF) &&
              nodes_right(w, page, depth);
    free(page);
    return ok;
}

bool store_check_snapshot(int fd, uint64_t transaction, bool *retry)
{
    struct store_meta metas[2], *meta = &metas[transaction & 1];
    struct stat s;
    *retry = false;
    if (!store_check_metas(fd, metas) || fstat(fd, &s) < 0)
        return false;
    if (meta->page_bytes == 0 || meta->transaction != transaction) {
        *retry = true;
        return false;
    }
    /* Pages may be counted and never written, but none that is reached: so not last_page. */
    uint64_t file_pages = (uint64_t)s.st_size / meta->page_bytes;
    if (meta->last_page > file_pages + (UINT64_C(1) << 20))
        return false;
    struct walk w = {.fd = fd, .meta = meta, .whole = s.st_size <= STORE_CHECK_WHOLE};
    w.seen = mem_array(meta->last_page / 8 + 1, 1);
    bool ok = true;
    for (int tree = 0; tree < 2 && ok; tree++) {
        w.free_list = tree == 0;
        w.any_key = false;
        ok = meta->roots[tree] == NO_PAGE || page_right(&w, meta->roots[tree], 0);
    }
    free(w.seen);
    return ok;
}
