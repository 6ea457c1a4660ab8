#include "cache/scan_parts.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { TRIES = 3 };

#define STATX_WANTED (STATX_TYPE | STATX_MODE | STATX_INO | STATX_SIZE | STATX_MTIME | STATX_CTIME)

bool scan_hash_fd(struct walk *w, struct entry *en, int fd, bool *same, struct error *e)
{
    struct statx s;
    *same = false;
    if (statx(fd, "", AT_EMPTY_PATH, STATX_WANTED, &s) < 0)
        return error_errno(e, "cannot be read");
    if (!S_ISREG(s.stx_mode))
        return error_set(e, ERROR_INPUT, "cannot be read: not a plain file");
    scan_identify(en, w, &s);
    for (int i = 0; i < TRIES && !*same; i++) {
        struct identity before = en->identity;
        if (lseek(fd, 0, SEEK_SET) < 0)
            return error_errno(e, "cannot be read");
        if (!digest_fd(&en->digest, fd, "cannot be read", e))
            return false;
        if (statx(fd, "", AT_EMPTY_PATH, STATX_WANTED, &s) < 0)
            return error_errno(e, "cannot be read");
        scan_identify(en, w, &s);
        *same = memcmp(&before, &en->identity, sizeof before) == 0;
    }
    return true;
}

void scan_hash(struct walk *w, struct entry *en, const char *path)
{
    struct error e;
    bool same;
    int fd = scan_open(w, path, O_RDONLY | O_NONBLOCK | (en->link ? 0 : O_NOFOLLOW));
    if (fd < 0 && errno == ENOENT) {
        en->kind = ENTRY_OTHER; /* gone since it was listed */
        return;
    }
    if (fd < 0)
        en->problem = mem_printf("cannot be read: %s", strerror(errno));
    else if (!scan_hash_fd(w, en, fd, &same, &e))
        en->problem = mem_strdup(e.message);
    else
        en->known = true;
    if (fd >= 0)
        close(fd);
    en->trusted = en->known && same && en->settled;
    en->young |= en->known && !same;
}
