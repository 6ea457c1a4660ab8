/* <keep>/datasets/<dataset key>, version 2:
 *
 *   "LBDATSET", u32 version, the header:
 *       u32 extractor, key, set, u64 documents, samples, headings, duplicates,
 *       XXH3-128 of all before it
 *   each document: path, source digest, u8 kind, u64 samples, each:
 *       u8 kind, u8 heading level, u32 passage, u64 line, u64 place, content, id, caption
 *   u64 unread, each: path, reason
 *   u64 notes, each a string
 *   u64 waiting, each: u8 kind, u32 document, u64 place, content    (missing in version 1)
 *   XXH3-128 of all before it
 *
 * The texts stand in the sources' seals.
 */
#include "lorabuild/data/seal_file.h"

#include "lorabuild/common/file.h"
#include "lorabuild/data/read.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MAGIC "LBDATSET"
enum {
    VERSION = 2,
    HEADER = 8 + 4 + 4 + 16 + 16 + 4 * 8 + 16,
    DOCUMENT_LEAST = 5 + 16 + 1 + 8,
    WAITING = 1 + 4 + 8 + 16,
    SAMPLE_LEAST = 1 + 1 + 4 + 8 + 8 + 16 + 16 + 5
};

static struct digest_stream *key_begin(struct digest captions_file, const char *caption_mode,
                                       size_t count)
{
    struct digest_stream *s = digest_begin("dataset");
    digest_add_u64(s, SAMPLE_EXTRACTOR);
    digest_add_text(s, caption_mode);
    digest_add_digest(s, captions_file);
    digest_add_u64(s, count);
    return s;
}

static int by_path(const void *a, const void *b)
{
    const struct seal_source *const *x = a, *const *y = b;
    return strcmp((*x)->path, (*y)->path);
}

struct digest seal_dataset_key(const struct seal_source *sources, size_t count,
                               struct digest captions_file, const char *caption_mode)
{
    const struct seal_source **sorted = mem_array(count, sizeof *sorted);
    const char *reason;
    size_t n = 0;
    for (size_t i = 0; i < count; i++)
        if (read_is_source(sources[i].path, &reason) || reason)
            sorted[n++] = &sources[i];
    qsort(sorted, n, sizeof *sorted, by_path);
    struct digest_stream *s = key_begin(captions_file, caption_mode, n);
    for (size_t i = 0; i < n; i++) {
        digest_add_text(s, sorted[i]->path);
        digest_add_digest(s, sorted[i]->digest);
    }
    free(sorted);
    return digest_end(s);
}

struct digest seal_scan_key(const struct scan *scan, struct digest captions_file,
                            const char *caption_mode)
{
    struct digest_stream *s = key_begin(captions_file, caption_mode, scan->count);
    for (size_t i = 0; i < scan->count; i++) {
        digest_add_text(s, scan->files[i].path);
        digest_add_digest(s, scan->files[i].digest);
    }
    return digest_end(s);
}

static void pack_header(struct strbuf *b, const struct dataset *d)
{
    packed_begin(b, MAGIC, VERSION);
    packed_u32(b, SAMPLE_EXTRACTOR);
    packed_digest(b, d->key);
    packed_digest(b, d->set);
    packed_u64(b, d->document_count);
    packed_u64(b, d->sample_count);
    packed_u64(b, d->heading_count);
    packed_u64(b, d->duplicate_count);
    packed_digest(b, digest_of(b->data, b->size));
}

static void pack_document(struct strbuf *b, const struct document *d)
{
    packed_str(b, str_of(d->path));
    packed_digest(b, d->source);
    packed_u8(b, d->kind);
    packed_u64(b, d->count);
    for (size_t i = 0; i < d->count; i++) {
        const struct sample *s = &d->samples[i];
        packed_u8(b, s->kind);
        packed_u8(b, (unsigned)s->heading_level);
        packed_u32(b, s->passage);
        packed_u64(b, s->line);
        packed_u64(b, s->place);
        packed_digest(b, s->content);
        packed_digest(b, s->id);
        packed_str(b, s->caption);
    }
}

/* Makes the sources' seals durable, all at once. Where the system cannot, their digests tell. */
static void sync_seals(const char *keep)
{
    int fd = open(keep, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return;
    syncfs(fd);
    close(fd);
}

static void pack_waiting(struct strbuf *b, const struct waiting *w)
{
    packed_u8(b, w->heading ? SAMPLE_HEADING : SAMPLE_TEXT);
    packed_u32(b, w->document);
    packed_u64(b, w->place);
    packed_digest(b, w->content);
}

bool seal_write_dataset(const char *keep, const struct dataset *d, struct error *e)
{
    struct strbuf b = {0};
    pack_header(&b, d);
    for (size_t i = 0; i < d->document_count; i++)
        pack_document(&b, &d->documents[i]);
    packed_u64(&b, d->unread_count);
    for (size_t i = 0; i < d->unread_count; i++) {
        packed_str(&b, str_of(d->unread[i].path));
        packed_str(&b, str_of(d->unread[i].reason));
    }
    packed_u64(&b, d->note_count);
    for (size_t i = 0; i < d->note_count; i++)
        packed_str(&b, str_of(d->notes[i]));
    packed_u64(&b, d->waiting_count);
    for (size_t i = 0; i < d->waiting_count; i++)
        pack_waiting(&b, &d->waiting[i]);
    packed_end(&b);
    char *path = seal_dataset_path(keep, d->key);
    sync_seals(keep);
    bool ok = seal_file_write(keep, path, strbuf_str(&b), e);
    if (ok)
        sync_seals(keep);
    free(path);
    strbuf_free(&b);
    return ok;
}

/* The header, `u` behind the version. */
static bool unpack_header(struct unpacker *u, struct dataset *d, struct digest key)
{
    u->bad = unpack_u32(u) != SAMPLE_EXTRACTOR || u->bad;
    d->key = unpack_digest(u);
    d->set = unpack_digest(u);
    d->document_count = (size_t)unpack_u64(u);
    d->sample_count = (size_t)unpack_u64(u);
    d->heading_count = (size_t)unpack_u64(u);
    d->duplicate_count = (size_t)unpack_u64(u);
    unpack_digest(u);
    return !u->bad && digest_equal(d->key, key);
}

bool seal_read_dataset_header(struct dataset *d, const char *keep, struct digest key,
                              struct error *e)
{
    char *path = seal_dataset_path(keep, key);
    char bytes[HEADER];
    struct unpacker u;
    *d = (struct dataset){0};
    bool ok = false;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        error_errno(e, "%s", path);
        goto out;
    }
    ssize_t n = read(fd, bytes, sizeof bytes);
    close(fd);
    enum packed_state state =
        packed_open(&u, (struct str){bytes, n > 0 ? (size_t)n : 0}, MAGIC, VERSION);
    if (state == PACKED_NEWER) {
        seal_file_newer(path, e);
        goto out;
    }
    u.end = bytes + sizeof bytes;
    ok = (state == PACKED_WHOLE && unpack_header(&u, d, key)) || seal_file_damaged(path, e);
out:
    free(path);
    return ok;
}

bool seal_has_dataset(const char *keep, struct digest key)
{
    struct dataset d;
    struct error e = {0};
    if (seal_read_dataset_header(&d, keep, key, &e))
        return true;
    char *path = seal_dataset_path(keep, key); /* a newer one is there, and its reader says so */
    bool there = access(path, F_OK) == 0;
    free(path);
    return there;
}

static void unpack_document(struct unpacker *u, struct document *d, struct arena *a)
{
    d->path = unpack_str(u).data;
    d->source = unpack_digest(u);
    unsigned kind = unpack_u8(u);
    u->bad = u->bad || kind > DOCUMENT_RECORDS;
    d->kind = (enum document_kind)kind;
    d->count = unpack_count(u, SAMPLE_LEAST);
    d->samples = arena_array(a, d->count, sizeof *d->samples);
    for (size_t i = 0; i < d->count; i++) {
        struct sample *s = &d->samples[i];
        unsigned sample_kind = unpack_u8(u);
        u->bad = u->bad || sample_kind > SAMPLE_CHAT;
        s->kind = (enum sample_kind)sample_kind;
        s->heading_level = (int)unpack_u8(u);
        s->passage = unpack_u32(u);
        s->line = (size_t)unpack_u64(u);
        s->place = (size_t)unpack_u64(u);
        s->content = unpack_digest(u);
        s->id = unpack_digest(u);
        s->caption = unpack_str(u);
    }
}

static void unpack_waiting(struct unpacker *u, struct dataset *d, struct waiting *w)
{
    unsigned kind = unpack_u8(u);
    w->heading = kind == SAMPLE_HEADING;
    w->document = unpack_u32(u);
    w->place = (size_t)unpack_u64(u);
    w->content = unpack_digest(u);
    u->bad = u->bad || kind > SAMPLE_HEADING || w->document >= d->document_count;
    d->waiting_texts += !w->heading;
}

static void unpack_rest(struct unpacker *u, struct dataset *d)
{
    d->unread_count = unpack_count(u, 10);
    d->unread = arena_array(&d->arena, d->unread_count, sizeof *d->unread);
    for (size_t i = 0; i < d->unread_count; i++) {
        d->unread[i].path = unpack_str(u).data;
        d->unread[i].reason = unpack_str(u).data;
    }
    d->note_count = unpack_count(u, 5);
    d->notes = arena_array(&d->arena, d->note_count, sizeof *d->notes);
    for (size_t i = 0; i < d->note_count; i++)
        d->notes[i] = (char *)(uintptr_t)unpack_str(u).data;
    if (u->at == u->end)
        return;
    d->waiting_count = unpack_count(u, WAITING);
    d->waiting = arena_array(&d->arena, d->waiting_count, sizeof *d->waiting);
    for (size_t i = 0; i < d->waiting_count; i++)
        unpack_waiting(u, d, &d->waiting[i]);
}

/* Lays the texts of its source's seal under a document's samples. Samples that captions leave out
 * are missing from the document, so both lists are walked by place. */
static bool fill_texts(struct document *d, const char *keep, struct arena *a, struct error *e)
{
    struct document sealed = {.path = d->path, .kind = d->kind};
    if (!seal_read_source(&sealed, keep, d->source, a, e))
        return false;
    size_t at = 0;
    for (size_t i = 0; i < d->count; i++) {
        struct sample *s = &d->samples[i];
        while (at < sealed.count && (sealed.samples[at].line != s->line ||
                                     !digest_equal(sealed.samples[at].content, s->content)))
            at++;
        if (at == sealed.count)
            return error_set(e, ERROR_INPUT, "%s: its seal has other samples than its dataset's",
                             d->path);
        s->text = sealed.samples[at++].text;
    }
    d->notes = sealed.notes;
    d->note_count = sealed.note_count;
    return true;
}

static bool fill_all_texts(struct dataset *d, const char *keep, struct error *e)
{
    for (size_t i = 0; i < d->document_count; i++)
        if (!fill_texts(&d->documents[i], keep, &d->arena, e))
            return false;
    return true;
}

bool seal_read_dataset(struct dataset *d, const char *keep, struct digest key, bool with_text,
                       struct error *e)
{
    struct unpacker u;
    char *path = seal_dataset_path(keep, key);
    *d = (struct dataset){0};
    bool ok = seal_file_open(&u, &d->arena, path, MAGIC, VERSION, e);
    if (!ok)
        goto out;
    bool sound =
        unpack_header(&u, d, key) && d->document_count <= (size_t)(u.end - u.at) / DOCUMENT_LEAST;
    if (sound) {
        d->documents = arena_array(&d->arena, d->document_count, sizeof *d->documents);
        for (size_t i = 0; i < d->document_count; i++)
            unpack_document(&u, &d->documents[i], &d->arena);
        unpack_rest(&u, d);
    }
    if (!sound || u.bad)
        ok = seal_file_damaged(path, e);
    else if (with_text && !fill_all_texts(d, keep, e)) {
        unlink(path); /* it promises what is gone: the next run reads the sources again */
        ok = false;
    }
out:
    free(path);
    if (!ok)
        dataset_free(d);
    return ok;
}
