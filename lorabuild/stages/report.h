/* report: report.html, what a person is shown of a version: is it ready, is it better, what does
 * it write, what did it learn and not learn, from what was it made.
 *
 * One file without script or network, for screen and A4. English, whatever the locale; no time,
 * host or place in it, so the same input gives the same bytes. Of what was withdrawn it tells
 * numbers, never names: a report stays with its version, and a forgotten name must not. It quotes
 * the client's texts, so it is not part of what is exported.
 */
#ifndef LORABUILD_STAGES_REPORT_H
#define LORABUILD_STAGES_REPORT_H

#include "lorabuild/stages/result.h"

/* Into the version's folder; `files` describes the others there, as the manifest does. */
bool report_write(const struct result *r, const char *folder, const json_t *files, struct error *e);

#endif
