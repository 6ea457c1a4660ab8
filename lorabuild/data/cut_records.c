#include "lorabuild/data/cut.h"
#include "lorabuild/data/records.h"

static void cut_record(struct cut *c, struct str line, size_t number, struct strbuf *text,
                       struct strbuf *problem)
{
    struct error e = {0};
    enum sample_kind kind;
    text->size = problem->size = 0;
    json_t *record = json_parse(line, c->shown_as, number, &e);
    if (!record)
        bad_records_add(c->bad, "%s", e.message);
    else if (!record_read(text, &kind, record, problem))
        bad_records_add(c->bad, "%s:%zu: %s", c->shown_as, number, problem->data);
    else
        cut_add(c, kind, 0, strbuf_str(text), number);
    json_decref(record);
}

void cut_records(struct cut *c, struct str text)
{
    struct strbuf scratch = {0}, problem = {0};
    struct str line, whole = str_trim(text);
    if (whole.size && whole.data[0] == '[') {
        bad_records_add(c->bad, "%s:1: a JSON list; a .jsonl holds one record a line", c->shown_as);
        return;
    }
    for (size_t number = 1; cut_next_line(&text, &line); number++)
        if (str_trim(line).size)
            cut_record(c, line, number, &scratch, &problem);
    strbuf_free(&scratch);
    strbuf_free(&problem);
}
