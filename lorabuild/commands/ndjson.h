/* ndjson: --json writes one object a line to standard output (docs/json.md). */
#ifndef LORABUILD_COMMANDS_NDJSON_H
#define LORABUILD_COMMANDS_NDJSON_H

#include "lorabuild/common/json.h"

/* Takes the object. */
void ndjson_print(json_t *object);
/* null for 0 and for what is no number: an absent version, a loss that was not measured. */
json_t *ndjson_version(int number);
json_t *ndjson_number(double x);

#endif
