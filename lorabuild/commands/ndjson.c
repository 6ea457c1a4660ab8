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

json_t *ndjson_shown(const char *text)
{
    struct strbuf shown = {0};
    if (!text)
        return json_null();
    strbuf_add_shown(&shown, str_of(text));
    json_t *value = json_string(shown.size ? shown.data : "");
    strbuf_free(&shown);
    return value;
}

json_t *ndjson_message(const struct error *e)
{
    json_t *text = json_string(e->message);
    return text ? text : ndjson_shown(e->message);
}
