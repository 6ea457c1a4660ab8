/* stage: the child's side of a build. `lorabuild --stage KIND` is started by run/ from
 * /proc/self/exe with the plan (one JSON value) on standard input and writes events (NDJSON) to
 * standard output; both begin with the protocol's version. It parses, trains, sandboxes itself
 * and ends when the pipe does. It never opens LMDB and never prints to people.
 *
 * Events: {"event":"hello","protocol":1}, {"event":"progress",…}, {"event":"note","text":…},
 * {"event":"done",…} and {"event":"failed","kind":…,"message":…}; see docs/protocol.md.
 */
#ifndef LORABUILD_STAGES_STAGE_H
#define LORABUILD_STAGES_STAGE_H

#include "lorabuild/common/error.h"
#include "lorabuild/common/json.h"

#define STAGE_PROTOCOL 1

struct stage_events;
/* One event as a line; false once nobody listens any more. */
bool stage_event(struct stage_events *s, json_t *event_stolen);

typedef bool stage_main(const json_t *plan, struct stage_events *events, struct error *e);
stage_main stage_read;  /* sources → sealed dataset */
stage_main stage_train; /* sealed datasets → an adapter in the attempt's folder */

/* The whole child: reads the plan, runs the stage, reports. Returns the exit code. */
int stage_run(const char *kind);

#endif
