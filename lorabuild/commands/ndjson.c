#include "lorabuild/commands/ndjson.h"

#include <math.h>
#include <stdio.h>

void ndjson_print(json_t *object)
{
    struct strbuf line = {0};
    json_write(&line, object, false);
    fwrite(line.data, 1, line.size, stdout);
    fflush(stdout);
    strbuf_free(&line);
    json_decref(object);
}

json_t *ndjson_version(int number)
{
    return number ? json_integer(number) : json_null();
}

json_t *ndjson_number(double x)
{
    return isfinite(x) ? json_real(x) : json_null();
}
