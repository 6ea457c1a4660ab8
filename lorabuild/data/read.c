#include "lorabuild/data/read.h"

#include "lorabuild/common/file.h"
#include "lorabuild/data/captions.h"
#include "lorabuild/data/cut.h"
#include "lorabuild/formats/text_encoding.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define MOST_BYTES ((size_t)4 << 30)

struct reading {
    const struct read_request *request;
    struct dataset *d;
    int folder;
    struct bad_records bad;
    size_t taken; /* documents that the base gave: the first ones, while others are read */
    char **notes;
    size_t note_count;
    bool *changed;
};

static void add_note(struct reading *r, const char *path, const char *text)
{
    r->notes = mem_grow(r->notes, r->note_count + 1, sizeof *r->notes);
    r->notes[r->note_count++] =
        path ? arena_printf(&r->d->arena, "%s: %s", path, text) : arena_strdup(&r->d->arena, text);
}

static void add_unread(struct reading *r, const char *path, const char *reason)
{
    struct unread *u = &r->d->unread[r->d->unread_count++];
    u->path = arena_strdup(&r->d->arena, path);
    u->reason = arena_strdup(&r->d->arena, reason);
}

/* A message without the path that it begins with. */
static const char *without_path(const char *message, const char *path)
{
    size_t n = strlen(path);
    if (strncmp(message, path, n) != 0 || message[n] != ':')
        return message;
    return message + n + 1 + (message[n + 1] == ' ');
}

enum outcome { OUTCOME_READ, OUTCOME_UNREAD, OUTCOME_FAILED };

static enum outcome source_changed(struct reading *r, const char *path, struct error *e)
{
    *r->changed = true;
    error_set(e, ERROR_INPUT, "%s: changed while it was being read; run again", path);
    return OUTCOME_FAILED;
}

/* The bytes of a source, as the scan saw them. */
static enum outcome fetch(struct reading *r, const struct seal_source *source, struct strbuf *bytes,
                          struct error *e)
{
    struct error problem = {0};
    struct stat s;
    int fd = link_open(r->folder, source->path, O_RDONLY | O_NONBLOCK, &r->request->walls);
    if (fd < 0) {
        const char *reason = errno == EXDEV ? "a link that leaves its folder" : strerror(errno);
        bool there = fstatat(r->folder, source->path, &s, AT_SYMLINK_NOFOLLOW) == 0;
        if (!there && errno == ENOENT)
            return source_changed(r, source->path, e);
        add_unread(r, source->path, reason);
        return OUTCOME_UNREAD;
    }
    bool plain = fstat(fd, &s) == 0 && S_ISREG(s.st_mode);
    bool ok = plain && file_read_fd(bytes, fd, MOST_BYTES, source->path, &problem);
    close(fd);
    if (!ok) {
        add_unread(r, source->path,
                   plain ? without_path(problem.message, source->path) : "not a plain file");
        return OUTCOME_UNREAD;
    }
    if (!digest_equal(digest_file_bytes(bytes->data, bytes->size), source->digest))
        return source_changed(r, source->path, e);
    return OUTCOME_READ;
}

static void note_encoding(struct document *d, struct arena *a, const char *encoding)
{
    static const char *const usual[] = {"UTF-8", "ASCII", "US-ASCII"};
    for (size_t i = 0; i < sizeof usual / sizeof usual[0]; i++)
        if (strcmp(encoding, usual[i]) == 0)
            return;
    char **notes = arena_array(a, d->note_count + 1, sizeof *notes);
    if (d->note_count)
        memcpy(notes, d->notes, d->note_count * sizeof *notes);
    notes[d->note_count++] = arena_printf(a, "read as %s", encoding);
    d->notes = notes;
}

/* Bytes to samples, sealed unless a record is bad. */
static enum outcome cut_and_seal(struct reading *r, struct document *d, struct str bytes,
                                 struct error *e)
{
    struct strbuf text = {0};
    struct error problem = {0};
    const char *encoding = "UTF-8";
    enum outcome outcome = OUTCOME_READ;
    size_t bad_before = r->bad.count;
    if (!text_decode(&text, bytes, d->path, &encoding, &problem)) {
        const char *why = without_path(problem.message, d->path);
        bool at_line = why[0] >= '0' && why[0] <= '9';
        char reason[sizeof problem.message + 16];
        snprintf(reason, sizeof reason, "%s%s", at_line ? "line " : "", why);
        add_unread(r, d->path, reason);
        outcome = OUTCOME_UNREAD;
        goto out;
    }
    cut_document(d, strbuf_str(&text), &r->d->arena, &r->bad);
    note_encoding(d, &r->d->arena, encoding);
    if (r->bad.count == bad_before && !seal_write_source(r->request->keep, d, e))
        outcome = OUTCOME_FAILED;
out:
    strbuf_free(&text);
    return outcome;
}

/* From its seal if there is a sound one, else from the file. */
static enum outcome read_source(struct reading *r, struct document *d,
                                const struct seal_source *source, struct error *e)
{
    struct strbuf bytes = {0};
    struct error problem = {0};
    if (seal_has_source(r->request->keep, d->kind, source->digest)) {
        if (seal_read_source(d, r->request->keep, source->digest, &r->d->arena, &problem))
            return OUTCOME_READ;
        if (seal_has_source(r->request->keep, d->kind, source->digest)) {
            if (e) /* not damaged: a newer one, or unreadable */
                *e = problem;
            return OUTCOME_FAILED;
        }
        add_note(r, d->path, "its seal was damaged; read again");
    }
    enum outcome outcome = fetch(r, source, &bytes, e);
    if (outcome == OUTCOME_READ)
        outcome = cut_and_seal(r, d, strbuf_str(&bytes), e);
    strbuf_free(&bytes);
    return outcome;
}

static int by_path(const void *a, const void *b)
{
    return strcmp(((const struct seal_source *)a)->path, ((const struct seal_source *)b)->path);
}

static int document_order(const void *a, const void *b)
{
    return strcmp(((const struct document *)a)->path, ((const struct document *)b)->path);
}

/* The documents that the base gives, with room for more behind them. */
static bool take_base(struct reading *r, const struct seal_source *sorted, struct error *e)
{
    const struct read_request *q = r->request;
    struct dataset *d = r->d;
    if (digest_is_zero(q->base)) {
        d->documents = arena_array(&d->arena, q->source_count, sizeof *d->documents);
    } else {
        if (!seal_read_dataset(d, q->keep, q->base, false, e))
            return false;
        struct document *all = d->documents;
        size_t count = d->document_count, source = 0, gone = 0;
        d->documents = arena_array(&d->arena, count + q->source_count, sizeof *d->documents);
        d->document_count = 0;
        for (size_t i = 0; i < count; i++) {
            const char *path = all[i].path;
            while (source < q->source_count && strcmp(sorted[source].path, path) < 0)
                source++;
            while (gone < q->gone_count && strcmp(q->gone[gone], path) < 0)
                gone++;
            if ((source == q->source_count || strcmp(sorted[source].path, path) != 0) &&
                (gone == q->gone_count || strcmp(q->gone[gone], path) != 0))
                d->documents[d->document_count++] = all[i];
        }
    }
    r->taken = d->document_count;
    d->unread = arena_array(&d->arena, q->source_count, sizeof *d->unread);
    d->unread_count = 0;
    return true;
}

static bool read_sources(struct reading *r, struct error *e)
{
    const struct read_request *request = r->request;
    struct dataset *d = r->d;
    size_t n = request->source_count;
    struct seal_source *sorted = mem_array(n, sizeof *sorted);
    if (n) {
        memcpy(sorted, request->sources, n * sizeof *sorted);
        qsort(sorted, n, sizeof *sorted, by_path);
    }
    bool ok = take_base(r, sorted, e);
    for (size_t i = 0; ok && i < n; i++) {
        const char *reason;
        struct document *document = &d->documents[d->document_count];
        if (!read_is_source(sorted[i].path, &reason)) {
            if (reason)
                add_unread(r, sorted[i].path, reason);
            continue;
        }
        cut_kind(sorted[i].path, &document->kind);
        document->path = arena_strdup(&d->arena, sorted[i].path);
        document->source = sorted[i].digest;
        enum outcome outcome = read_source(r, document, &sorted[i], e);
        ok = outcome != OUTCOME_FAILED;
        if (outcome == OUTCOME_READ)
            d->document_count++;
        else
            *document = (struct document){0};
    }
    free(sorted);
    return ok;
}

/* The message says as many as fit; d's notes have BAD_SHOWN of them. */
static bool bad_records(struct reading *r, struct error *e)
{
    struct strbuf text = {0};
    size_t shown = r->bad.count < BAD_SHOWN ? r->bad.count : BAD_SHOWN, told = 0;
    size_t room = sizeof e->message - 40;
    for (size_t i = 0; i < shown; i++)
        add_note(r, NULL, r->bad.lines[i]);
    while (told < shown && text.size + strlen(r->bad.lines[told]) < room)
        strbuf_printf(&text, "%s%s", told ? "\n" : "", r->bad.lines[told]), told++;
    if (told < r->bad.count)
        strbuf_printf(&text, "%s%zu %s bad", told ? "\nand " : "", r->bad.count - told,
                      told ? "more" : "records are");
    error_set(e, ERROR_INPUT, "%s", text.data);
    strbuf_free(&text);
    return false;
}

/* What was noted when a document was read stays true of it: "PATH: …". */
static void keep_base_notes(struct reading *r)
{
    const struct dataset *d = r->d;
    for (size_t i = 0; i < d->note_count; i++) {
        const char *colon = strstr(d->notes[i], ": ");
        bool kept = false;
        for (; colon && !kept; colon = strstr(colon + 1, ": ")) {
            char *path = mem_printf("%.*s", (int)(colon - d->notes[i]), d->notes[i]);
            struct document named = {.path = path};
            kept = bsearch(&named, d->documents, r->taken, sizeof named, document_order) != NULL;
            free(path);
        }
        if (kept)
            add_note(r, NULL, d->notes[i]);
    }
}

static void note_documents(struct reading *r)
{
    keep_base_notes(r);
    for (size_t i = r->taken; i < r->d->document_count; i++)
        for (size_t k = 0; k < r->d->documents[i].note_count; k++)
            add_note(r, r->d->documents[i].path, r->d->documents[i].notes[k]);
}

/* Ids, counts and the set's digest, once captions are known. */
static void identify(struct dataset *d)
{
    struct digest_set ids = {0}, samples = {0};
    size_t standing = 0;
    for (size_t i = 0; i < d->document_count; i++)
        for (size_t k = 0; k < d->documents[i].count; k++) {
            struct sample *s = &d->documents[i].samples[k];
            s->id = sample_id(s->content, s->caption);
            digest_set_add(&ids, s->id);
            if (s->kind != SAMPLE_HEADING)
                digest_set_add(&samples, s->id), standing++;
        }
    digest_set_seal(&ids);
    digest_set_seal(&samples);
    d->set = digest_set_digest(&ids, SAMPLE_SET);
    d->sample_count = samples.count;
    d->heading_count = ids.count - samples.count;
    d->duplicate_count = standing - samples.count;
    digest_set_free(&samples);
    digest_set_free(&ids);
}

static bool join_captions(struct reading *r, struct digest *file, struct error *e)
{
    const struct read_request *q = r->request;
    struct captions_notes notes = {0};
    bool review = strcmp(q->caption_mode, "reviewed") == 0;
    struct captions_counts counts;
    struct captions_request captions = {.path = q->captions_path,
                                        .generate =
                                            review || strcmp(q->caption_mode, "headings") == 0,
                                        .review = review,
                                        .edit = q->edit};
    bool ok = captions_join(r->d, &captions, file, &counts, &notes, r->changed, e);
    if (q->counts)
        *q->counts = counts;
    for (size_t i = 0; i < notes.count; i++)
        add_note(r, NULL, notes.items[i]);
    free(notes.items);
    return ok;
}

/* What the documents are as a whole. Those of a base are so already, and it has no captions. */
static bool complete(struct reading *r, struct error *e)
{
    const struct read_request *q = r->request;
    struct digest file = {{0}};
    bool based = !digest_is_zero(q->base);
    if (!based && !join_captions(r, &file, e))
        return false;
    captions_passages(r->d, r->taken);
    identify(r->d);
    r->d->key =
        based ? q->key : seal_dataset_key(q->sources, q->source_count, file, q->caption_mode);
    return true;
}

static void keep_notes(struct reading *r)
{
    r->d->note_count = r->note_count;
    r->d->notes = arena_array(&r->d->arena, r->note_count, sizeof *r->d->notes);
    if (r->note_count)
        memcpy(r->d->notes, r->notes, r->note_count * sizeof *r->notes);
    free(r->notes);
}

bool read_dataset(struct dataset *d, const struct read_request *request, bool *changed,
                  struct error *e)
{
    struct reading r = {
        .request = request, .d = d, .bad.folder = request->shown, .changed = changed};
    struct error own = {0};
    *d = (struct dataset){0};
    *changed = false;
    if (!e)
        e = &own;
    r.folder = open(request->folder, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (r.folder < 0 && request->source_count)
        return error_errno(e, "%s", request->folder);
    bool ok = read_sources(&r, e);
    if (ok && r.bad.count)
        ok = bad_records(&r, e);
    if (ok)
        note_documents(&r);
    ok = ok && complete(&r, e);
    if (ok && r.taken)
        qsort(d->documents, d->document_count, sizeof *d->documents, document_order);
    keep_notes(&r);
    ok = ok && seal_write_dataset(request->keep, d, e);
    bad_records_free(&r.bad);
    if (r.folder >= 0)
        close(r.folder);
    return ok;
}
