/* The packed records of a folder: table 'h', key = digest of (root as given, the folder's inode)
 * and the chunk's number (u32, big-endian), so that renaming a folder inside its root hashes
 * nothing. A value, numbers little-endian:
 *   u8 version 1, u8 0, u16 count, u32 chunks in all (0 but in the first)
 *   count × (inode, size, modified ns, changed ns: u64 each; digest: 16 bytes)
 *   count × (u8 length, name), rising by bytes over all chunks
 */
#include "cache/scan_parts.h"

#include <stdlib.h>
#include <string.h>

enum { VERSION = 1, HEAD = 8, RECORD = 48 };

struct record {
    struct identity identity;
    struct digest digest;
    struct str name;
};

struct cursor { /* over the records of all chunks */
    const struct folder *folder;
    size_t chunk, index, count;
    const char *records, *name, *end;
};

static uint32_t chunk_count(struct str value)
{
    uint32_t n = 0;
    if (value.size >= HEAD && value.data[0] == VERSION)
        memcpy(&n, value.data + 4, sizeof n);
    return n;
}

/* Begins the next chunk; false at the end, or where a value is not what it should be. */
static bool enter_chunk(struct cursor *c)
{
    if (c->chunk == c->folder->record_count)
        return false;
    struct str value = c->folder->records[c->chunk++];
    uint16_t count;
    if (value.size < HEAD || value.data[0] != VERSION)
        return false;
    memcpy(&count, value.data + 2, sizeof count);
    if (value.size < HEAD + (size_t)count * RECORD)
        return false;
    c->index = 0;
    c->count = count;
    c->records = value.data + HEAD;
    c->name = c->records + (size_t)count * RECORD;
    c->end = value.data + value.size;
    return true;
}

static bool next_record(struct cursor *c, struct record *r)
{
    while (c->index == c->count)
        if (!enter_chunk(c))
            return false;
    size_t length = c->name < c->end ? (unsigned char)*c->name : 0;
    if (length == 0 || length > (size_t)(c->end - c->name) - 1)
        return false;
    const char *at = c->records + c->index++ * RECORD;
    memcpy(&r->identity, at, sizeof r->identity);
    memcpy(&r->digest, at + sizeof r->identity, sizeof r->digest);
    r->name = (struct str){c->name + 1, length};
    c->name += 1 + length;
    return true;
}

static struct digest folder_key(const struct walk *w, const struct folder *f)
{
    struct digest_stream *s = digest_begin("folder");
    digest_add_text(s, w->shown_root);
    digest_add_text(s, f->device == w->folders[0]->device ? "" : f->path);
    digest_add_u64(s, f->inode);
    return digest_end(s);
}

static struct str chunk_key(char key[20], struct digest folder, size_t chunk)
{
    memcpy(key, folder.bytes, sizeof folder.bytes);
    for (int i = 0; i < 4; i++)
        key[16 + i] = (char)(chunk >> (24 - 8 * i));
    return (struct str){key, 20};
}

void scan_fetch(struct walk *w, struct folder *f, struct store_view *v)
{
    char key[20];
    struct str value;
    struct digest name = folder_key(w, f);
    if (f->problem || !store_view_get(v, 'h', chunk_key(key, name, 0), &value))
        return;
    size_t count = chunk_count(value);
    if (count == 0 || count > 1u << 24)
        return;
    f->records = mem_array(count, sizeof *f->records);
    f->records[f->record_count++] = value;
    while (f->record_count < count &&
           store_view_get(v, 'h', chunk_key(key, name, f->record_count), &value))
        f->records[f->record_count++] = value;
    if (f->record_count < count)
        f->changed = true;
}

static int name_order(struct str a, const char *b)
{
    int order = strncmp(a.data, b, a.size);
    return order ? order : b[a.size] ? -1 : 0;
}

/* A skipped entry keeps its record: another dataset on the same folder may read that file. */
static void recall(struct entry *en, const struct record *r, bool rehash)
{
    bool same = memcmp(&en->identity, &r->identity, sizeof r->identity) == 0;
    if (en->kind == ENTRY_SKIPPED)
        en->identity = r->identity;
    else if (en->kind != ENTRY_FILE || en->problem || !en->settled || !same || rehash)
        return;
    en->digest = r->digest;
    en->known = en->trusted = true;
}

void scan_recall(struct folder *f, bool rehash)
{
    struct cursor c = {.folder = f};
    struct record r;
    size_t i = 0;
    while (next_record(&c, &r)) {
        int order = -1;
        while (i < f->count && (f->entries[i].kind == ENTRY_FOLDER ||
                                (order = name_order(r.name, f->entries[i].name)) > 0))
            i++;
        bool found = i < f->count && order == 0;
        if (found)
            recall(&f->entries[i], &r, rehash);
        if (!found || !f->entries[i].trusted)
            f->changed = true;
        i += found;
    }
    if (c.index != c.count || c.chunk != f->record_count)
        f->changed = true;
}

/* --- Writing. --- */

static void pack(struct strbuf *b, const struct entry **entries, size_t count, uint32_t chunks)
{
    uint16_t n = (uint16_t)count;
    b->size = 0;
    strbuf_add(b, "\1\0", 2);
    strbuf_add(b, &n, sizeof n);
    strbuf_add(b, &chunks, sizeof chunks);
    for (size_t i = 0; i < count; i++) {
        strbuf_add(b, &entries[i]->identity, sizeof entries[i]->identity);
        strbuf_add(b, &entries[i]->digest, sizeof entries[i]->digest);
    }
    for (size_t i = 0; i < count; i++) {
        size_t length = strlen(entries[i]->name); /* NAME_MAX is 255 */
        strbuf_add_byte(b, (char)length);
        strbuf_add(b, entries[i]->name, length);
    }
}

void scan_remember(struct walk *w, struct folder *f, struct store_change *c)
{
    struct digest name = folder_key(w, f);
    const struct entry **kept = mem_array(f->count ? f->count : 1, sizeof *kept);
    struct strbuf value = {0};
    char key[20];
    size_t count = 0;
    for (size_t i = 0; i < f->count; i++)
        if (f->entries[i].trusted && strlen(f->entries[i].name) <= 255)
            kept[count++] = &f->entries[i];
    size_t chunks = (count + SCAN_CHUNK - 1) / SCAN_CHUNK;
    for (size_t i = 0; i < chunks; i++) {
        size_t left = count - i * SCAN_CHUNK;
        pack(&value, kept + i * SCAN_CHUNK, left < SCAN_CHUNK ? left : SCAN_CHUNK,
             i ? 0 : (uint32_t)chunks);
        if (i >= f->record_count || !str_equal(f->records[i], strbuf_str(&value)))
            store_change_put(c, 'h', chunk_key(key, name, i), strbuf_str(&value));
    }
    for (size_t i = chunks; i < f->record_count; i++)
        store_change_delete(c, 'h', chunk_key(key, name, i));
    strbuf_free(&value);
    free(kept);
}
