#include "lorabuild/run/timeline.h"

#include "lorabuild/common/clock.h"
#include "lorabuild/common/file.h"
#include "lorabuild/common/json.h"
#include "lorabuild/common/memory.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void timeline_begin(struct timeline *t)
{
    *t = (struct timeline){.begin_s = clock_seconds()};
}

void timeline_add_child(struct timeline *t, const char *name, const char *lane, long process,
                        double begin_s, double end_s)
{
    if (!t)
        return;
    t->spans = mem_grow(t->spans, t->count + 1, sizeof *t->spans);
    t->spans[t->count++] =
        (struct timeline_span){mem_strdup(name), mem_strdup(lane), process, begin_s, end_s};
}

void timeline_add(struct timeline *t, const char *name, const char *lane, double begin_s)
{
    timeline_add_child(t, name, lane, (long)getpid(), begin_s, clock_seconds());
}

/* Lanes are numbered in the order in which they first appear. */
static int lane_number(const struct timeline *t, size_t span)
{
    int number = 1;
    for (size_t i = 0; i < span; i++) {
        if (strcmp(t->spans[i].lane, t->spans[span].lane) == 0)
            return lane_number(t, i);
        bool first = true;
        for (size_t k = 0; first && k < i; k++)
            first = strcmp(t->spans[k].lane, t->spans[i].lane) != 0;
        number += first;
    }
    return number;
}

static json_t *describe(const struct timeline *t, size_t i)
{
    const struct timeline_span *s = &t->spans[i];
    json_int_t from = llround((s->begin_s - t->begin_s) * 1e6);
    json_int_t until = llround((s->end_s - t->begin_s) * 1e6);
    return json_pack("{s:s, s:s, s:s, s:I, s:I, s:I, s:i}", "name", s->name, "cat", s->lane, "ph",
                     "X", "ts", from, "dur", until > from ? until - from : 0, "pid",
                     (json_int_t)s->process, "tid", lane_number(t, i));
}

static json_t *name_event(const char *what, long process, int lane, const char *name)
{
    return json_pack("{s:s, s:s, s:I, s:i, s:{s:s}}", "name", what, "ph", "M", "pid",
                     (json_int_t)process, "tid", lane, "args", "name", name);
}

/* Each process, and each of its lanes, is named where it first appears. */
static void add_names(json_t *list, const struct timeline *t, size_t i)
{
    const struct timeline_span *s = &t->spans[i];
    bool new_process = true, new_lane = true;
    for (size_t k = 0; k < i; k++) {
        bool same = t->spans[k].process == s->process;
        new_process = new_process && !same;
        new_lane = new_lane && !(same && strcmp(t->spans[k].lane, s->lane) == 0);
    }
    if (new_process)
        json_array_append_new(
            list, name_event("process_name", s->process, 0,
                             s->process == (long)getpid() ? "lorabuild" : "lorabuild --stage"));
    if (new_lane)
        json_array_append_new(list,
                              name_event("thread_name", s->process, lane_number(t, i), s->lane));
}

bool timeline_write(const struct timeline *t, const char *path, struct error *e)
{
    json_t *list = json_array();
    struct strbuf text = {0};
    for (size_t i = 0; i < t->count; i++) {
        add_names(list, t, i);
        json_array_append_new(list, describe(t, i));
    }
    json_write(&text, list, false);
    bool ok = file_replace(path, strbuf_str(&text), 0666, e);
    strbuf_free(&text);
    json_decref(list);
    return ok;
}

void timeline_free(struct timeline *t)
{
    for (size_t i = 0; i < t->count; i++) {
        free(t->spans[i].name);
        free(t->spans[i].lane);
    }
    free(t->spans);
    *t = (struct timeline){0};
}
