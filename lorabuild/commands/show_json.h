/* show_json: what commands print with --json: one object a line on standard output, whatever the
 * locale; members in docs/json.md. */
#ifndef LORABUILD_COMMANDS_SHOW_JSON_H
#define LORABUILD_COMMANDS_SHOW_JSON_H

#include "lorabuild/commands/options.h"
#include "lorabuild/run/build.h"

void json_print(json_t *object);          /* a line; takes the reference */
json_t *json_shown(const char *text);     /* as it is shown: always valid UTF-8; NULL = null */
json_t *json_finite(double number);       /* null where it is none */
const char *json_kind(enum error_kind k); /* "usage", "input", … */

/* {"event":"error","kind":…,"message":…}, where --json was asked for. */
void json_print_error(const struct options *o, const struct error *e);

/* What would be done for an adapter, and why: the same for -n, --why and a build. `job` NULL:
 * nothing. */
json_t *json_plan(const struct workshop *w, const struct target *t, const struct build_job *job);

#endif
