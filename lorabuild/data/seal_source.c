/* <keep>/seals/<xx>/<source digest>-<extractor>.<kind>, version 1:
 *
 *   "LBSOURCE", u32 version, u32 extractor, u8 document kind, source digest
 *   u64 notes, each a string
 *   u64 samples, each: u8 kind, u8 heading level, u64 line, u64 place, content digest, text
 *   XXH3-128 of all before it
 */
#include "lorabuild/data/seal_file.h"

#include "lorabuild/common/file.h"

#include <stdlib.h>
#include <unistd.h>

#define MAGIC "LBSOURCE"
enum { VERSION = 1, SAMPLE_LEAST = 1 + 1 + 8 + 8 + 16 + 5 };

bool seal_has_source(const char *keep, enum document_kind kind, struct digest source)
{
    char *path = seal_source_path(keep, kind, source);
    bool there = access(path, R_OK) == 0;
    free(path);
    return there;
}

bool seal_write_source(const char *keep, const struct document *d, struct error *e)
{
    struct strbuf b = {0};
    packed_begin(&b, MAGIC, VERSION);
    packed_u32(&b, SAMPLE_EXTRACTOR);
    packed_u8(&b, d->kind);
    packed_digest(&b, d->source);
    packed_u64(&b, d->note_count);
    for (size_t i = 0; i < d->note_count; i++)
        packed_str(&b, str_of(d->notes[i]));
    packed_u64(&b, d->count);
    for (size_t i = 0; i < d->count; i++) {
        const struct sample *s = &d->samples[i];
        packed_u8(&b, s->kind);
        packed_u8(&b, (unsigned)s->heading_level);
        packed_u64(&b, s->line);
        packed_u64(&b, s->place);
        packed_digest(&b, s->content);
        packed_str(&b, s->text);
    }
    packed_end(&b);
    char *path = seal_source_path(keep, d->kind, d->source);
    bool ok = seal_file_write(keep, path, strbuf_str(&b), e);
    free(path);
    strbuf_free(&b);
    return ok;
}

static void unpack_sample(struct unpacker *u, struct sample *s)
{
    unsigned kind = unpack_u8(u);
    u->bad = u->bad || kind > SAMPLE_CHAT;
    s->kind = (enum sample_kind)kind;
    s->heading_level = (int)unpack_u8(u);
    s->line = (size_t)unpack_u64(u);
    s->place = (size_t)unpack_u64(u);
    s->content = unpack_digest(u);
    s->text = unpack_str(u);
}

bool seal_read_source(struct document *d, const char *keep, struct digest source, struct arena *a,
                      struct error *e)
{
    struct unpacker u;
    char *path = seal_source_path(keep, d->kind, source);
    bool ok = seal_file_open(&u, a, path, MAGIC, VERSION, e);
    if (!ok)
        goto out;
    u.bad = unpack_u32(&u) != SAMPLE_EXTRACTOR || unpack_u8(&u) != (unsigned)d->kind;
    d->source = unpack_digest(&u);
    u.bad = u.bad || !digest_equal(d->source, source);
    d->note_count = unpack_count(&u, 5);
    d->notes = arena_array(a, d->note_count, sizeof *d->notes);
    for (size_t i = 0; i < d->note_count; i++)
        d->notes[i] = (char *)(uintptr_t)unpack_str(&u).data;
    d->count = unpack_count(&u, SAMPLE_LEAST);
    d->samples = arena_array(a, d->count, sizeof *d->samples);
    for (size_t i = 0; i < d->count; i++)
        unpack_sample(&u, &d->samples[i]);
    ok = !u.bad || seal_file_damaged(path, e);
out:
    free(path);
    return ok;
}
