#include "lorabuild/run/machine.h"

#include "lorabuild/common/file.h"
#include "lorabuild/common/json.h"
#include "lorabuild/common/memory.h"
#include "lorabuild/tensor/backend.h"

#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Share of a bare product's speed that training reaches before it has been measured. */
static const double usual_share = 0.6;

static char *record_path(void)
{
    const char *cache = getenv("XDG_CACHE_HOME"), *home = getenv("HOME");
    if (cache && cache[0] == '/')
        return mem_printf("%s/lorabuild/machine.json", cache);
    return mem_printf("%s/.cache/lorabuild/machine.json", home && home[0] ? home : "/tmp");
}

static uint64_t meminfo(const char *key)
{
    struct strbuf b = {0};
    uint64_t kilobytes = 0;
    if (file_read(&b, "/proc/meminfo", 1 << 16, NULL)) {
        const char *line = strstr(b.data, key);
        if (line)
            kilobytes = strtoull(line + strlen(key), NULL, 10);
    }
    strbuf_free(&b);
    return kilobytes * 1024;
}

/* A number of the control group's, which a container sees at the root: a file's first, or the one
 * behind `key`. `otherwise` where there is none. */
static uint64_t group_bytes(const char *file, const char *key, uint64_t otherwise)
{
    struct strbuf b = {0};
    char *path = path_join("/sys/fs/cgroup", file), *end = NULL;
    bool read = file_read(&b, path, 1 << 16, NULL) && b.size;
    const char *at = !read ? NULL : key ? strstr(b.data, key) : b.data;
    uint64_t bytes = at ? strtoull(at + (key ? strlen(key) : 0), &end, 10) : 0;
    bool number = at && end > at + (key ? strlen(key) : 0);
    strbuf_free(&b);
    free(path);
    return number ? bytes : otherwise;
}

uint64_t machine_free_bytes(void)
{
    uint64_t free_bytes = meminfo("MemAvailable:");
    uint64_t most = group_bytes("memory.max", NULL, UINT64_MAX);
    if (most == UINT64_MAX)
        return free_bytes;
    /* Pages of files are given up when memory is needed: mapped weights are such. */
    uint64_t used = group_bytes("memory.current", NULL, 0);
    uint64_t files = group_bytes("memory.stat", "\nfile ", 0);
    used -= files < used ? files : used;
    uint64_t left = most > used ? most - used : 0;
    return left < free_bytes ? left : free_bytes;
}

static int processors_allowed(void)
{
    cpu_set_t set;
    return sched_getaffinity(0, sizeof set, &set) == 0 ? CPU_COUNT(&set) : 1;
}

static bool recall(struct machine *m, const char *path)
{
    json_t *o = json_read_file(path, 1 << 16, NULL);
    const char *isa = json_string_value(json_object_get(o, "instruction_set"));
    const char *library = json_string_value(json_object_get(o, "library"));
    bool same = isa && library && strcmp(isa, m->instruction_set) == 0 &&
                strcmp(library, m->library) == 0 &&
                json_integer_value(json_object_get(o, "processors")) == m->processors;
    if (same) {
        m->f32_flop_per_s = json_number_value(json_object_get(o, "f32"));
        m->bf16_flop_per_s = json_number_value(json_object_get(o, "bf16"));
        m->train_f32 = json_number_value(json_object_get(o, "train_f32"));
        m->train_bf16 = json_number_value(json_object_get(o, "train_bf16"));
    }
    json_decref(o);
    return same && m->f32_flop_per_s > 0;
}

/* A cache that cannot be written is no reason to stop. */
static void remember(const struct machine *m, const char *path)
{
    char *folder = path_folder(path);
    json_t *o = json_pack("{s:s, s:s, s:i, s:f, s:f, s:f, s:f}", "instruction_set",
                          m->instruction_set, "library", m->library, "processors", m->processors,
                          "f32", m->f32_flop_per_s, "bf16", m->bf16_flop_per_s, "train_f32",
                          m->train_f32, "train_bf16", m->train_bf16);
    struct strbuf b = {0};
    json_write(&b, o, true);
    if (folder_make(folder, 0777, NULL))
        file_replace(path, strbuf_str(&b), 0666, NULL);
    strbuf_free(&b);
    json_decref(o);
    free(folder);
}

bool machine_look(struct machine *m, struct error *e)
{
    *m = (struct machine){.memory_bytes = meminfo("MemTotal:"),
                          .free_bytes = machine_free_bytes(),
                          .processors = processors_allowed()};
    snprintf(m->instruction_set, sizeof m->instruction_set, "%s", cpu_instruction_set());
    snprintf(m->library, sizeof m->library, "%s", cpu_library_version());
    char *path = record_path();
    bool ok = true;
    if (!recall(m, path)) {
        ok = cpu_measure(&m->f32_flop_per_s, &m->bf16_flop_per_s, e);
        if (ok)
            remember(m, path);
    }
    free(path);
    return ok;
}

void machine_learn(const struct machine *m, const char *precision, double flop_per_s)
{
    struct machine now = *m;
    double *slot = strcmp(precision, "bf16") == 0 ? &now.train_bf16 : &now.train_f32;
    if (!(flop_per_s > 0))
        return;
    *slot = *slot > 0 ? 0.5 * *slot + 0.5 * flop_per_s : flop_per_s;
    char *path = record_path();
    remember(&now, path);
    free(path);
}

double machine_speed(const struct machine *m, const char *precision)
{
    bool bf16 = strcmp(precision, "bf16") == 0;
    double measured = bf16 ? m->train_bf16 : m->train_f32;
    double product = bf16 && m->bf16_flop_per_s > 0 ? m->bf16_flop_per_s : m->f32_flop_per_s;
    return measured > 0 ? measured : usual_share * product;
}
