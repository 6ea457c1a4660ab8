/* tombstones: what must not be learned again, told without telling what it was.
 *
 * adapters/NAME/forgotten/ holds
 *   key         32 random bytes in hexadecimal, made with the first tombstone
 *   tombstones  "lorabuild-tombstones 1", then for each forgotten document
 *                   document DATE
 *                   name DIGEST        its path in its dataset
 *                   source DIGEST      one a state of the file
 *                   text DIGEST        one a sample that no other document holds
 * A DIGEST is HMAC-SHA256 under the key of the kind's word, a space, and the bytes (of digests:
 * their hexadecimal form). Without the key nobody can tell what it stands for; with it, one can
 * only ask whether a document at hand is meant.
 *
 * A missing folder is an empty list. Tombstones whose key is gone are an error: they would
 * silently refuse nothing.
 */
#ifndef LORABUILD_CACHE_TOMBSTONES_H
#define LORABUILD_CACHE_TOMBSTONES_H

#include "lorabuild/common/digest.h"

enum tombstone_kind { TOMBSTONE_NAME, TOMBSTONE_SOURCE, TOMBSTONE_TEXT, TOMBSTONE_KINDS };
#define TOMBSTONE_NONE SIZE_MAX

struct keyed_digest {
    uint8_t bytes[32]; /* HMAC-SHA256 */
};

struct tombstone {
    struct keyed_digest digest;
    enum tombstone_kind kind;
    size_t document;
};

struct tombstone_document {
    char date[11]; /* "2026-11-26" */
    bool lifted;   /* not written any more */
};

struct tombstones {
    uint8_t key[32];
    bool has_key, sorted;
    struct tombstone *items;
    size_t count, capacity;
    struct tombstone_document *documents;
    size_t document_count;
};

bool tombstones_read(struct tombstones *t, const char *folder, struct error *e);
void tombstones_free(struct tombstones *t);

/* Makes a key where there is none. A document may stand in the list more than once. */
bool tombstones_add_document(struct tombstones *t, const char *date, struct error *e);
/* To the document added last. */
void tombstones_add(struct tombstones *t, enum tombstone_kind kind, struct str bytes);
void tombstones_add_digest(struct tombstones *t, enum tombstone_kind kind, struct digest d);
/* Lifts documents before number `first` of which everything stands in those from there on: the
 * list was written by a forget that was killed, and given again. */
void tombstones_lift_repeated(struct tombstones *t, size_t first);
/* Makes key and list durable, the key first. */
bool tombstones_write(const struct tombstones *t, const char *folder, struct error *e);

struct keyed_digest tombstone_digest(const struct tombstones *t, enum tombstone_kind kind,
                                     struct str bytes);
void tombstone_hex(struct keyed_digest d, char text[static SHA256_HEX]);
/* The document that a tombstone of this kind names, not lifted, or TOMBSTONE_NONE. */
size_t tombstones_find(struct tombstones *t, enum tombstone_kind kind, struct str bytes);
size_t tombstones_find_digest(struct tombstones *t, enum tombstone_kind kind, struct digest d);

#endif
