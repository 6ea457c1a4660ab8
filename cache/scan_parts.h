/* scan_parts: what the files of a scan share; nobody else includes it.
 *
 *   scan_share.c   threads that take the work piece by piece
 *   scan_names.c   the names in a folder (getdents64), in the order of their paths
 *   scan_list.c    folders → entries with their identities (statx, openat2)
 *   scan_known.c   entries ↔ the packed records of a folder in the store
 *   scan_hash.c    the digest of one file, taken twice if it changed meanwhile
 *   scan.c         the order of these, and the result
 */
#ifndef LORABUILD_CACHE_SCAN_PARTS_H
#define LORABUILD_CACHE_SCAN_PARTS_H

#include "cache/scan.h"

#include <sys/stat.h>
#include <time.h>

#define SCAN_CHUNK 256 /* files a record of the store */

/* What tells that a file is as it was: no device, so that a remount changes nothing. Times in
 * wrapping nanoseconds: they are compared for equality alone. 32 bytes without gaps: memcmp. */
struct identity {
    uint64_t inode, size_bytes, modified_ns, changed_ns;
};

enum entry_kind {
    ENTRY_UNKNOWN, /* the folder does not say: statx does */
    ENTRY_LINK,    /* until it is resolved */
    ENTRY_FILE,
    ENTRY_FOLDER,
    ENTRY_OTHER,  /* a device, a socket, gone again, or a link to a folder read elsewhere */
    ENTRY_SKIPPED /* the caller's skip() said so; its record is left as it is */
};

struct entry {
    const char *name; /* the end of its path: see scan_entry_path() */
    struct identity identity;
    struct digest digest;
    char *problem;         /* owned */
    struct folder *folder; /* ENTRY_FOLDER: owned by the walk */
    uint8_t kind;
    bool late;    /* its kind was not told by the folder */
    bool link;    /* reached through a link */
    bool settled; /* neither time is within 2 s of the scan or ahead of it: may be trusted */
    bool young;   /* modified less than 2 s ago */
    bool known;   /* `digest` is right */
    bool trusted; /* …and may be stored */
};

struct folder {
    char *path;            /* relative to the root; "" is the root */
    char *names;           /* what the entries' names point into */
    struct entry *entries; /* in the order of their paths: scan_entry_order() */
    size_t count;
    int fd; /* only while it is being listed */
    uint64_t device, inode;
    char *problem;
    struct str *records; /* its chunks in the store, in order; point into a view */
    size_t record_count;
    bool changed; /* its records are no longer right */
};

struct walk {
    int root;
    const char *shown_root;
    bool (*skip)(const char *name, bool is_folder, void *context);
    void *context;
    const struct link_walls *walls; /* NULL: no link may lead out */
    struct timespec now;            /* when the scan began */
    struct folder **folders;
    size_t count, capacity;
};

/* Runs `body` for 0 … n-1, each index once, on as many threads as the process may use, whoever is
 * free first. The threads are plain ones that end with the call: they mostly wait for the system,
 * and the compute library's team would spin at every pause. */
void scan_share(size_t n, void (*body)(void *context, size_t index), void *context);

/* Lists the open folder into f->names and f->entries, of which name and kind are set. */
bool scan_read_names(struct folder *f);
/* By the bytes of the paths beneath: a folder's name counts with its '/'. */
int scan_entry_order(const void *a, const void *b);
/* The entry's path relative to the root, as it stands in f->names. */
const char *scan_entry_path(const struct folder *f, const struct entry *en);
void scan_identify(struct entry *en, const struct walk *w, const struct statx *s);
/* Opens beneath the root, links followed within it and as the walls allow; -1 with errno. */
int scan_open(const struct walk *w, const char *path, int flags);

bool scan_list(struct walk *w, struct error *e);
void scan_list_free(struct walk *w);

void scan_fetch(struct walk *w, struct folder *f, struct store_view *v);
void scan_recall(struct folder *f, bool rehash);
void scan_remember(struct walk *w, struct folder *f, struct store_change *c);

/* Gives the entry its digest or its problem. */
void scan_hash(struct walk *w, struct entry *en, const char *path);
/* Of an open file; *same false if it kept changing under the hand. Fills the identity. */
bool scan_hash_fd(struct walk *w, struct entry *en, int fd, bool *same, struct error *e);

#endif
