#include "cache/scan_parts.h"

#include <dirent.h>
#include <stdlib.h>
#include <string.h>

/* In folder.names each name stands as a byte for its kind, the folder's path with a '/' (nothing
 * for the root), the name, NUL. So an entry's path needs no memory of its own. */

static size_t path_prefix(const struct folder *f)
{
    size_t n = strlen(f->path);
    return n + (n > 0);
}

const char *scan_entry_path(const struct folder *f, const struct entry *en)
{
    return en->name - path_prefix(f);
}

static enum entry_kind kind_of(unsigned char type)
{
    switch (type) {
    case DT_REG: return ENTRY_FILE;
    case DT_DIR: return ENTRY_FOLDER;
    case DT_LNK: return ENTRY_LINK;
    case DT_UNKNOWN: return ENTRY_UNKNOWN;
    default: return ENTRY_OTHER;
    }
}

static void add_name(struct strbuf *names, const struct folder *f, size_t prefix,
                     const struct dirent64 *d)
{
    strbuf_add_byte(names, (char)kind_of(d->d_type));
    if (prefix) {
        strbuf_add(names, f->path, prefix - 1);
        strbuf_add_byte(names, '/');
    }
    strbuf_add(names, d->d_name, strlen(d->d_name) + 1);
}

static bool gather_names(struct folder *f, struct strbuf *names, size_t *count)
{
    _Alignas(struct dirent64) char block[1 << 15];
    size_t prefix = path_prefix(f);
    ssize_t n;
    *count = 0;
    while ((n = getdents64(f->fd, block, sizeof block)) > 0) {
        for (ssize_t at = 0; at < n;) {
            const struct dirent64 *d = (const struct dirent64 *)(block + at);
            at += d->d_reclen;
            if (strcmp(d->d_name, ".") == 0 || strcmp(d->d_name, "..") == 0)
                continue;
            add_name(names, f, prefix, d);
            ++*count;
        }
    }
    return n == 0;
}

/* --- Order. --- */

static int name_order(const char *x, bool x_is_folder, const char *y, bool y_is_folder)
{
    size_t i = 0;
    while (x[i] == y[i] && x[i])
        i++;
    unsigned char p = (unsigned char)x[i], q = (unsigned char)y[i];
    if (!p && x_is_folder)
        p = '/';
    if (!q && y_is_folder)
        q = '/';
    return p < q ? -1 : p > q;
}

int scan_entry_order(const void *a, const void *b)
{
    const struct entry *x = a, *y = b;
    return name_order(x->name, x->kind == ENTRY_FOLDER, y->name, y->kind == ENTRY_FOLDER);
}

/* Names in a folder begin alike and differ soon after: eight bytes behind what they share settle
 * nearly every comparison. */
struct sort_key {
    uint64_t bytes; /* big-endian */
    const char *name;
    uint8_t kind;
};

static bool key_less(const struct sort_key *x, const struct sort_key *y)
{
    if (x->bytes != y->bytes)
        return x->bytes < y->bytes;
    return name_order(x->name, x->kind == ENTRY_FOLDER, y->name, y->kind == ENTRY_FOLDER) < 0;
}

static uint64_t key_bytes(const char *name, size_t skipped, bool is_folder)
{
    uint64_t bytes = 0;
    for (int i = 0; i < 8; i++) {
        unsigned char c = (unsigned char)name[skipped + (size_t)i];
        bool ends = c == '\0';
        if (ends && is_folder)
            c = '/';
        bytes |= (uint64_t)c << (56 - 8 * i);
        if (ends)
            break;
    }
    return bytes;
}

/* Merges runs that were put in order by insertion (qsort() calls a function for each pair: three
 * times the time). `spare` has room for n. */
static void sort_keys(struct sort_key *keys, struct sort_key *spare, size_t n)
{
    if (n <= 12) {
        for (size_t i = 1; i < n; i++) {
            struct sort_key key = keys[i];
            size_t at = i;
            for (; at > 0 && key_less(&key, &keys[at - 1]); at--)
                keys[at] = keys[at - 1];
            keys[at] = key;
        }
        return;
    }
    size_t half = n / 2, a = 0, b = half, at = 0;
    sort_keys(keys, spare, half);
    sort_keys(keys + half, spare, n - half);
    memcpy(spare, keys, half * sizeof *spare);
    while (a < half && b < n)
        keys[at++] = key_less(&keys[b], &spare[a]) ? keys[b++] : spare[a++];
    memcpy(keys + at, spare + a, (half - a) * sizeof *keys);
}

static void find_names(struct sort_key *keys, size_t count, const struct folder *f)
{
    size_t prefix = path_prefix(f), shared = 0;
    const char *at = f->names;
    for (size_t i = 0; i < count; i++) {
        keys[i] = (struct sort_key){.name = at + 1 + prefix, .kind = (uint8_t)at[0]};
        size_t length = strlen(keys[i].name), k = 0;
        if (i == 0)
            shared = length;
        while (k < shared && keys[i].name[k] == keys[0].name[k])
            k++;
        shared = k;
        at = keys[i].name + length + 1;
    }
    for (size_t i = 0; i < count; i++)
        keys[i].bytes = key_bytes(keys[i].name, shared, keys[i].kind == ENTRY_FOLDER);
}

bool scan_read_names(struct folder *f)
{
    struct strbuf names = {0};
    size_t count;
    if (!gather_names(f, &names, &count)) {
        strbuf_free(&names);
        return false;
    }
    f->names = strbuf_take(&names);
    f->count = count;
    struct sort_key *keys = mem_alloc((2 * count + 1) * sizeof *keys);
    find_names(keys, count, f);
    sort_keys(keys, keys + count, count);
    f->entries = mem_array(count ? count : 1, sizeof *f->entries);
    for (size_t i = 0; i < count; i++) {
        f->entries[i].name = keys[i].name;
        f->entries[i].kind = keys[i].kind;
    }
    free(keys);
    return true;
}
