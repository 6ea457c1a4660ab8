/* scan FOLDER STORE: seconds for the first scan of FOLDER with an empty store in STORE (which must
 * not exist), and for the quickest of five after it, as "files N", "first S", "again S". */
#include "cache/scan.h"
#include "lorabuild/common/clock.h"

#include <stdio.h>

static bool scan(const char *folder, const char *place, size_t *files, size_t *hashed,
                 double *seconds, struct error *e)
{
    char note[256];
    struct scan s;
    double began_s = clock_seconds();
    struct store *store = store_open(place, NULL, false, note, e);
    bool ok = store && scan_folder(&s, folder, NULL, store, false, NULL, NULL, e);
    if (ok) {
        *files = s.count;
        *hashed = s.hashed;
        scan_free(&s);
    }
    store_close(store);
    *seconds = clock_seconds() - began_s;
    return ok;
}

int main(int argc, char **argv)
{
    struct error e = {0};
    size_t files = 0, hashed = 0;
    double first_s, again_s = 0, s;
    bool ok = argc == 3 && scan(argv[1], argv[2], &files, &hashed, &first_s, &e);
    if (ok && hashed != files)
        ok = error_set(&e, ERROR_INPUT, "%s: not a first scan", argv[2]);
    for (int i = 0; ok && i < 5; i++) {
        ok = scan(argv[1], argv[2], &files, &hashed, &s, &e);
        if (ok && hashed)
            ok = error_set(&e, ERROR_INPUT, "%s: files are too young", argv[1]);
        again_s = i == 0 || s < again_s ? s : again_s;
    }
    if (!ok) {
        fprintf(stderr, "%s\n", argc == 3 ? e.message : "scan FOLDER STORE");
        return 1;
    }
    printf("files %zu\nfirst %.3f\nagain %.3f\n", files, first_s, again_s);
    return 0;
}
