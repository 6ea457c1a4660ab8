/* sample: the unit of data, and the documents and datasets that samples stand in.
 *
 * A sample is a line of a .txt, a block between blank lines of a .md, or a record of a .jsonl.
 * A heading of a .md is a sample of its own kind: it is sealed, has a digest and counts for
 * exposure (a caption made from a heading is source text: an edited heading is an edited text),
 * but it is neither captioned nor counted among the samples shown. Cutting is local: inserting,
 * editing or deleting one sample leaves every other content digest as it was; so no digest
 * contains a path, a position or a neighbour.
 *
 *   content = digest of kind and text                 "is it gone?" (withdrawal)
 *   id      = digest of content, caption, options     "is it current?"
 */
#ifndef LORABUILD_DATA_SAMPLE_H
#define LORABUILD_DATA_SAMPLE_H

#include "lorabuild/common/digest.h"
#include "lorabuild/common/error.h"
#include "lorabuild/common/memory.h"
#include "lorabuild/common/str.h"

/* Separates the digest of a set of ids from all others: dataset.set, and the planner's. */
#define SAMPLE_SET "samples"

/* Changes when cutting or sealing would give other samples for the same bytes. */
#define SAMPLE_EXTRACTOR 1

enum sample_kind { SAMPLE_TEXT, SAMPLE_HEADING, SAMPLE_CHAT };
enum document_kind { DOCUMENT_LINES, DOCUMENT_MARKDOWN, DOCUMENT_RECORDS }; /* .txt .md .jsonl */

struct sample {
    enum sample_kind kind;
    int heading_level; /* SAMPLE_HEADING: 1 … 6 */
    struct digest content, id;
    struct str text;    /* clean UTF-8; a heading as its source writes it ("## Risks");
                         * SAMPLE_CHAT: canonical JSON [{"content":…,"role":…}] */
    struct str caption; /* the request that it answers; empty = none */
    size_t line;        /* in the source, from 1 */
    size_t place;       /* "§3": its number in the document, headings not counted; from 1.
                         * A heading has the number of the sample that follows it. */
    uint32_t passage;   /* equal for neighbours that form one passage (captions.h) */
};

struct document {
    const char *path;     /* relative to the dataset's folder; no part of any identity */
    struct digest source; /* of the file's bytes */
    enum document_kind kind;
    struct sample *samples;
    size_t count;
    char **notes; /* about reading this source: "read as GB18030" */
    size_t note_count;
};

struct unread { /* a file that is not learned, and why */
    const char *path, *reason;
};

/* A text whose caption nobody has accepted yet, where that is required, or a heading with nothing
 * else beneath it: no sample of its document, so not learned, but not withdrawn either. */
struct waiting {
    struct digest content;
    uint32_t document; /* index into documents */
    size_t place;
    bool heading;
};

/* One dataset as it was sealed: what planning compares and what trainers read. */
struct dataset {
    struct arena arena;         /* owns all below */
    struct digest key;          /* of everything that made it: see seal.h */
    struct digest set;          /* of the sorted ids: "the sample set" */
    struct document *documents; /* sorted by path */
    size_t document_count;
    size_t sample_count;    /* distinct ids, headings not counted */
    size_t heading_count;   /* distinct ones */
    size_t duplicate_count; /* samples whose id stood before; learned once */
    struct unread *unread;
    size_t unread_count;
    char **notes; /* sentences for the user: odd encodings, captions without a match */
    size_t note_count;
    struct waiting *waiting;
    size_t waiting_count;
    size_t waiting_texts; /* of these, headings not counted */
};

/* Adds `text` as samples hold it: without white space at line ends, blank lines around it, "\r"
 * and U+FEFF; white space at the beginning of its first line stays. */
void sample_clean(struct strbuf *out, struct str text);

/* Of a text as sample_clean() gives it, or of a conversation's canonical JSON. */
struct digest sample_content_digest(enum sample_kind kind, struct str text);
struct digest sample_id(struct digest content, struct str caption);
void dataset_free(struct dataset *d);
/* The contents of all that stands in it, what waits included. */
void dataset_add_contents(const struct dataset *d, struct digest_set *to);

#endif
