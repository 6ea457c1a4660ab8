/* wording: the request that a passage answers, made from the headings above it.
 *
 * Like all that makes an identity it knows no locale: Chinese where a title in it is written in
 * Chinese, else English. Titles are shown without their numbering ("3.2 Risks" is "Risks"), as a
 * person would ask for them.
 */
#ifndef LORABUILD_DATA_WORDING_H
#define LORABUILD_DATA_WORDING_H

#include "lorabuild/common/str.h"

/* Where a passage stands. Empty: there is none. */
struct wording {
    struct str title;   /* of the document */
    struct str chapter; /* the heading above `section`, but for the title */
    struct str section; /* the nearest heading */
    bool title_is_name; /* made of the file's name: then a rename may change it */
};

/* The title of a heading as its source writes it ("## 3. **Risks** ##" is "Risks"). */
void wording_title(struct strbuf *out, struct str heading);
/* A file's name as a title: "2024_security-proposal.md" is "2024 security proposal". */
void wording_name(struct strbuf *out, const char *path);

void wording_request(struct strbuf *out, const struct wording *w);
/* Is `text` a request for the same place, whatever the document's title? */
bool wording_same_place(struct str text, const struct wording *w);

#endif
