/* digest: XXH3-128 for decisions inside the project, SHA-256 for what leaves the machine.
 *
 * XXH3 is fast and not collision-resistant against an attacker, so wherever it names bytes
 * from a file the size stands beside it (digest_file()). Digests are values: compare with
 * digest_equal(), order with digest_compare() (by bytes, the order of their hexadecimal form).
 */
#ifndef LORABUILD_COMMON_DIGEST_H
#define LORABUILD_COMMON_DIGEST_H

#include "lorabuild/common/error.h"
#include "lorabuild/common/str.h"

#include <stdint.h>

struct digest {
    uint8_t bytes[16]; /* XXH3-128 in its canonical (big-endian) form */
};

#define DIGEST_HEX 33 /* with the NUL */
#define SHA256_HEX 65

struct digest digest_of(const void *bytes, size_t n);
bool digest_equal(struct digest a, struct digest b);
int digest_compare(struct digest a, struct digest b);
bool digest_is_zero(struct digest d); /* "none" */
void digest_hex(struct digest d, char text[static DIGEST_HEX]);
bool digest_from_hex(struct digest *d, struct str text); /* exactly 32 digits */

/* A digest over parts, each with its length in front, so that ("ab","c") is not ("a","bc"). */
struct digest_stream;
struct digest_stream *digest_begin(const char *kind); /* `kind` separates domains: "sample" */
void digest_add(struct digest_stream *s, const void *bytes, size_t n);
void digest_add_str(struct digest_stream *s, struct str part);
void digest_add_text(struct digest_stream *s, const char *part);
void digest_add_u64(struct digest_stream *s, uint64_t number);
void digest_add_digest(struct digest_stream *s, struct digest d);
struct digest digest_end(struct digest_stream *s); /* frees the stream */

/* Of an open file's whole content, with its size inside. */
bool digest_fd(struct digest *d, int fd, const char *shown_as, struct error *e);
/* What digest_fd() gives for a file that holds these bytes. */
struct digest digest_file_bytes(const void *bytes, size_t n);
bool digest_file(struct digest *d, const char *path, struct error *e);

/* A set of digests: sorted, without duplicates once digest_set_seal() has run. */
struct digest_set {
    struct digest *items;
    size_t count, capacity;
};
void digest_set_add(struct digest_set *s, struct digest d);
void digest_set_seal(struct digest_set *s);                       /* sort, drop doubles */
bool digest_set_has(const struct digest_set *s, struct digest d); /* sealed */
bool digest_set_within(const struct digest_set *a, const struct digest_set *b); /* a in b */
struct digest digest_set_digest(const struct digest_set *s, const char *kind);
void digest_set_free(struct digest_set *s);

void sha256_hex(const void *bytes, size_t n, char text[static SHA256_HEX]);
bool sha256_file(const char *path, char text[static SHA256_HEX], struct error *e);

#endif
