/* build_view: what a build tells, as words on a screen (build_screen.c) or as JSON (build_json.c;
 * docs/json.md lists its members). command_build() decides what happens and calls one of them. */
#ifndef LORABUILD_COMMANDS_BUILD_VIEW_H
#define LORABUILD_COMMANDS_BUILD_VIEW_H

#include "lorabuild/commands/commands.h"
#include "lorabuild/run/build.h"

struct build_view {
    struct build_listener listener; /* its context is also given to the functions below */
    void (*young)(void *context, const char *why); /* waits for a file that is being written */
    void (*failed)(void *context, const struct error *e);    /* what ended everything */
    void (*found)(void *context, const struct build *build); /* mended, and current */
    void (*why)(void *context, const struct build *build);
    void (*dry_run)(void *context, const struct build *build);
    void (*end)(void *context, const struct build *build, int exit_code); /* the last; frees it */
};

/* `w` may still be empty; it is used once something is found. */
struct build_view build_screen_open(struct workshop *w, const struct options *o);
struct build_view build_json_open(struct workshop *w, const struct options *o);

#endif
