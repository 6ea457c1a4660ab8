#include "lorabuild/common/clock.h"
#include "lorabuild/common/text.h"
#include "lorabuild/formats/peft.h"
#include "lorabuild/models/lora.h"
#include "lorabuild/models/turns.h"
#include "lorabuild/stages/job.h"
#include "lorabuild/stages/stage.h"
#include "lorabuild/train/trainer.h"

#include <stdlib.h>

static int64_t count_tokens(const struct windows *w)
{
    int64_t n = 0;
    for (size_t i = 0; i < w->count; i++)
        n += w->items[i].count;
    return n;
}

/* Floating point operations of `steps` steps over these windows. */
static double work(const struct job *j, const struct windows *w, int64_t steps, bool checkpointed)
{
    if (!w->count)
        return 0;
    int64_t tokens = count_tokens(w);
    int64_t length = tokens / (int64_t)w->count;
    double passes =
        (double)steps * (double)(j->recipe.batch_size * j->recipe.accumulation) / (double)w->count;
    return passes * model_step_flop(j->model, tokens, length, checkpointed);
}

/* Nothing can be learned: say why, in the words of the first sample that was left out. */
static bool has_windows(const struct job *j, struct error *e)
{
    return j->learn.count ||
           error_set(e, ERROR_INPUT, "none of its samples can be learned%s%s",
                     j->learn.note_count ? ": " : "", j->learn.note_count ? j->learn.notes[0] : "");
}

/* What training will write: a save (the numbers of the adapter and AdamW's two of each, with a
 * line for each sample and step), and a version (with a parent, the joint adapter too). */
struct written {
    uint64_t save_bytes, version_bytes;
};

static bool measure_written(struct job *j, int64_t steps, struct written *w, struct error *e)
{
    enum { FLOAT = 4, NUMBERS_EACH = 3, SAMPLE = 128, STEP = 24, FOLDER = 64 << 10 };
    struct lora_set set = {0};
    struct job_adapter parent = {0};
    const struct recipe *r = &j->recipe;
    uint64_t samples = j->learn_ids.count + j->validate_ids.count;
    if (!lora_create(&set, j->model, r->targets, r->target_count, (int)r->rank, r->alpha, 0, 0, e))
        return false;
    uint64_t own = set.number_count * FLOAT, joint = 0;
    lora_free(&set);
    if (!job_read_adapter(&parent, j->plan, "parent", e))
        return false;
    if (parent.there) {
        int sum = parent.adapter.rank + (int)r->rank;
        joint = own * (uint64_t)peft_served_rank(sum) / (uint64_t)r->rank;
        peft_free(&parent.adapter);
    }
    *w = (struct written){NUMBERS_EACH * own + SAMPLE * samples + STEP * (uint64_t)steps + FOLDER,
                          own + joint + SAMPLE * samples + FOLDER};
    return true;
}

/* What a person should know of the base model before it is trained on. */
static void note_base(const struct job *j, json_t *notes)
{
    struct turns t;
    struct strbuf line = {0};
    char **strays;
    size_t count;
    turns_look(&t, j->model, j->weights, j->tokenizer, &j->chat);
    if (!j->raw && t.untrained) {
        strbuf_printf(&line,
                      _("the base model hardly knows %s, which ends answers (norm of its row %.2g, "
                        "usual %.2g): they may not end; `mode: text` does without"),
                      t.stop, (double)t.stop_norm, (double)t.usual_norm);
        json_array_append_new(notes, json_bytes(line.data));
    }
    weights_list_strays(j->base_path, &strays, &count);
    for (size_t i = 0; i < count; i++) {
        line.size = 0;
        strbuf_printf(&line, _("base model: %s is not in its index, and is not read"), strays[i]);
        json_array_append_new(notes, json_bytes(line.data));
        free(strays[i]);
    }
    free(strays);
    strbuf_free(&line);
}

static bool measure(struct job *j, struct error *e)
{
    struct written written;
    double began_s = clock_seconds();
    struct windows all = {0};
    struct job_memory memory;
    bool continued = json_is_object(json_object_get(j->plan, "start"));
    if (!job_all_windows(j, &all, e) || !has_windows(j, e) || !job_plan_memory(j, &memory, e)) {
        windows_free(&all);
        return false;
    }
    int64_t in_full = training_steps(&j->recipe, all.count);
    int64_t steps =
        continued ? training_update_steps(&j->recipe, j->learn.count, all.count) : in_full;
    if (!measure_written(j, steps, &written, e)) {
        windows_free(&all);
        return false;
    }
    json_t *notes = json_array();
    for (size_t i = 0; i < j->learn.note_count; i++)
        json_array_append_new(notes, json_bytes(j->learn.notes[i]));
    note_base(j, notes);
    stage_span("measure", began_s);
    stage_event(json_pack(
        "{s:s, s:I, s:I, s:I, s:f, s:f, s:I, s:I, s:I, s:I, s:I, s:b, s:b, s:o}", "event", "done",
        "steps", (json_int_t)steps, "steps_in_full", (json_int_t)in_full, "windows",
        (json_int_t)j->learn.count, "flop", work(j, &j->learn, steps, memory.checkpoint_layers),
        "flop_in_full", work(j, &all, in_full, memory.checkpoint_layers), "needed_bytes",
        (json_int_t)memory.needed_bytes, "least_bytes", (json_int_t)memory.least_bytes,
        "save_bytes", (json_int_t)written.save_bytes, "version_bytes",
        (json_int_t)written.version_bytes, "held_out", (json_int_t)j->validate.count, "chat",
        !j->raw, "checkpointed", memory.checkpoint_layers, "notes", notes));
    windows_free(&all);
    return true;
}

bool stage_measure(const json_t *plan, struct error *e)
{
    struct job j;
    double began_s = clock_seconds();
    bool ok = job_open(&j, plan, e);
    stage_span("open", began_s);
    ok = ok && measure(&j, e);
    job_close(&j);
    return ok;
}
