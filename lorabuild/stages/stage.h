/* stage: the child's side of a build. `lorabuild --stage KIND` is started by run/ from
 * /proc/self/exe with the plan (one JSON value) on standard input and writes events (NDJSON) to
 * descriptor 3; both begin with the protocol's version. It parses, trains, sandboxes itself and
 * ends when the pipe does. It never opens LMDB and never prints to people.
 *
 * Events: {"event":"hello","protocol":1}, {"event":"progress",…}, {"event":"span",…},
 * {"event":"done",…} and
 * {"event":"failed","kind":…,"message":…}; docs/protocol.md lists their members.
 */
#ifndef LORABUILD_STAGES_STAGE_H
#define LORABUILD_STAGES_STAGE_H

#include "lorabuild/common/error.h"
#include "lorabuild/common/json.h"

#define STAGE_PROTOCOL 1
#define STAGE_EVENTS_FD 3

/* Writes one event as a line; takes the reference. false once nobody listens any more. */
bool stage_event(json_t *event);
/* Tells a part of the work that began at begin_s (clock_seconds()) and ends now, for --trace. */
void stage_span(const char *name, double begin_s);

typedef bool stage_main(const json_t *plan, struct error *e);
stage_main stage_read;    /* sources → a sealed dataset */
stage_main stage_measure; /* what training would take: steps, tokens, work, memory */
stage_main stage_train;   /* sealed datasets → a version in the attempt's folder */

/* The whole child: reads the plan, runs the stage, reports. Returns the exit code. */
int stage_run(const char *kind);

/* From here on a signal to stop only asks; before, it ends the process at once, which loses
 * nothing: what a stage keeps gets its name when it is whole. */
void stage_listen(void);
/* Has somebody asked this process to stop (SIGTERM, SIGINT, or the parent is gone)? */
bool stage_should_stop(void);

#endif
