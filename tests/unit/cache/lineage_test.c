#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "cache/attempts.h"
#include "cache/lineage.h"
#include "tests/unit/cache/scratch.h"

#include <sys/file.h>
#include <sys/wait.h>

static struct digest numbered(int n)
{
    return digest_of(&n, sizeof n);
}

struct fixture {
    struct scratch d;
    const char *folder; /* adapters/text-a */
};

static int set_up(void **state)
{
    struct fixture *f = mem_zalloc(sizeof *f);
    f->d = scratch_make();
    f->folder = mem_strdup(at(&f->d, "adapters/text-a"));
    folder_make(f->folder, 0777, NULL);
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    scratch_remove(&f->d);
    free((void *)(uintptr_t)f->folder);
    free(f);
    return 0;
}

static const char *in(const struct fixture *f, const char *name)
{
    static char paths[8][512];
    static unsigned next;
    char *path = paths[next++ % 8];
    snprintf(path, sizeof paths[0], "%s/%s", f->folder, name);
    return path;
}

static bool is_there(const struct fixture *f, const char *name)
{
    return access(in(f, name), F_OK) == 0;
}

static void write_manifest(const char *folder, int number)
{
    char hex[DIGEST_HEX], *path = path_join(folder, "manifest.json");
    struct strbuf text = {0};
    digest_hex(numbered(100 + number), hex);
    json_t *m = json_pack(
        "{s:i, s:s, s:i, s:s, s:s, s:s, s:n, s:s, s:i, s:{s:s, s:i, s:s}, s:{s:{s:i}, s:{s:i}}}",
        "format", 1, "adapter", "text-a", "version", number, "want_key", hex, "recipe_digest", hex,
        "base_digest", hex, "set", "artifact", hex, "ancestor", number - 1, "parent", "name",
        "city", "version", 3, "artifact", hex, "files", "adapter_model.safetensors", "size", 7,
        "alone/adapter_model.safetensors", "size", 5);
    assert_non_null(m);
    json_object_set_new(m, "of_a_later_time", json_integer(7));
    json_write(&text, m, true);
    assert_true(file_replace(path, strbuf_str(&text), 0666, NULL));
    strbuf_free(&text);
    json_decref(m);
    free(path);
}

/* An attempt's finished folder, as the training stage leaves it. */
static void write_result(struct fixture *f, int number)
{
    struct error e;
    struct lineage_sample samples[] = {{numbered(2), numbered(12), 'l'},
                                       {numbered(1), numbered(11), 'v'},
                                       {numbered(3), numbered(13), 'h'}};
    struct digest_set exposure = {0};
    const char *out = at(&f->d, "keep/out");
    char *path = path_join(out, "samples");
    put_file(at(&f->d, "keep/out/adapter_model.safetensors"), "weights");
    put_file(at(&f->d, "keep/out/alone/adapter_model.safetensors"), "alone");
    write_manifest(out, number);
    for (int i = 4; i > 0; i--)
        digest_set_add(&exposure, numbered(i));
    assert_true(lineage_write_samples(path, samples, 3, &exposure, &e));
    digest_set_free(&exposure);
    free(path);
}

static void commit(struct fixture *f, int number)
{
    struct error e;
    write_result(f, number);
    if (!lineage_commit(f->folder, at(&f->d, "keep/out"), number, &e) ||
        !lineage_set_current(f->folder, number, &e))
        fail_msg("%s", e.message);
}

static struct lineage loaded(struct fixture *f)
{
    struct lineage l;
    struct error e;
    if (!lineage_load(&l, f->folder, "text-a", &e))
        fail_msg("%s", e.message);
    return l;
}

static void versions_are_read(void **state)
{
    struct fixture *f = *state;
    struct lineage l = loaded(f);
    assert_int_equal(l.count, 0);
    assert_int_equal(l.current, 0);
    assert_int_equal(l.highest, 0);
    lineage_free(&l);
    for (int n = 1; n <= 10; n++)
        commit(f, n);
    put_file(in(f, "v07/x"), "no version");
    put_file(in(f, "v20261124/x"), "no version");
    put_file(in(f, "notes.txt"), "the user's");
    l = loaded(f);
    assert_int_equal(l.count, 10);
    assert_int_equal(l.note_count, 0);
    assert_int_equal(l.current, 10);
    assert_int_equal(l.highest, 10);
    struct version *v = lineage_version(&l, 2);
    assert_non_null(v);
    assert_int_equal(v->ancestor, 1);
    assert_true(digest_equal(v->want_key, numbered(102)));
    assert_true(digest_equal(v->parent, numbered(102)));
    assert_true(digest_is_zero(v->set));
    assert_null(v->damaged);
    assert_int_equal(json_integer_value(json_object_get(v->manifest, "of_a_later_time")), 7);
    assert_null(lineage_version(&l, 11));
    lineage_free(&l);
}

static void current_is_what_the_record_says(void **state)
{
    struct fixture *f = *state;
    for (int n = 1; n <= 3; n++)
        commit(f, n);
    struct error e;
    assert_true(lineage_set_current(f->folder, 1, &e));
    struct lineage l = loaded(f);
    assert_int_equal(l.current, 1);
    lineage_free(&l);
    char target[20] = "";
    assert_int_equal(readlink(in(f, "current"), target, sizeof target), 2);
    assert_memory_equal(target, "v1", 2);
    unlink(in(f, "CURRENT"));
    l = loaded(f);
    assert_int_equal(l.current, 1); /* the link's */
    lineage_free(&l);
    unlink(in(f, "current"));
    l = loaded(f);
    assert_int_equal(l.current, 3);
    lineage_free(&l);
    assert_true(lineage_set_aside(f->folder, 3, true, &e));
    assert_true(lineage_set_aside(f->folder, 9, true, &e)); /* not built yet */
    assert_true(lineage_set_aside(f->folder, 3, true, &e));
    l = loaded(f);
    assert_int_equal(l.current, 2);
    assert_true(lineage_version(&l, 3)->set_aside);
    lineage_free(&l);
    struct strbuf text = {0};
    assert_true(file_read(&text, in(f, "set-aside"), 100, &e));
    assert_string_equal(text.data, "3\n9\n");
    strbuf_free(&text);
    assert_true(lineage_set_aside(f->folder, 3, false, &e));
    l = loaded(f);
    assert_false(lineage_version(&l, 3)->set_aside);
    lineage_free(&l);
}

static void a_version_is_never_replaced(void **state)
{
    struct fixture *f = *state;
    struct error e;
    commit(f, 1);
    write_result(f, 1);
    assert_false(lineage_commit(f->folder, at(&f->d, "keep/out"), 1, &e));
    assert_non_null(strstr(e.message, "exists already"));
    assert_true(access(at(&f->d, "keep/out/manifest.json"), F_OK) == 0);
}

/* `current` leads to a manifest at every moment while it is moved to and fro (B15). */
static void current_always_points_somewhere(void **state)
{
    struct fixture *f = *state;
    struct error e;
    commit(f, 1);
    commit(f, 2);
    pid_t child = fork();
    if (child == 0) {
        for (int i = 0; i < 60; i++)
            if (!lineage_set_current(f->folder, 1 + i % 2, &e))
                _exit(1);
        _exit(0);
    }
    int status;
    while (waitpid(child, &status, WNOHANG) == 0) {
        assert_true(is_there(f, "current/manifest.json"));
        assert_true(is_there(f, "CURRENT"));
    }
    assert_int_equal(status, 0);
}

static void damaged_manifests_are_named(void **state)
{
    struct fixture *f = *state;
    struct lineage l;
    struct error e;
    commit(f, 1);
    commit(f, 2);
    commit(f, 3);
    put_file(in(f, "v2/manifest.json"), "{\"format\": 1, \"ver");
    put_file(in(f, "v3/adapter_model.safetensors"), "shorter, or longer");
    l = loaded(f);
    assert_int_equal(l.count, 2);
    assert_int_equal(l.note_count, 1);
    assert_non_null(strstr(l.notes[0], "v2"));
    assert_string_equal(lineage_version(&l, 3)->damaged, "adapter_model.safetensors");
    lineage_free(&l);
    put_file(in(f, "v2/manifest.json"), "{\"format\": 2}");
    assert_false(lineage_load(&l, f->folder, "text-a", &e));
    assert_int_equal(e.kind, ERROR_INPUT);
    assert_non_null(strstr(e.message, "newer lorabuild"));
}

static void samples_are_canonical(void **state)
{
    struct fixture *f = *state;
    enum { MANY = 500 };
    struct error e;
    struct lineage_sample *samples = mem_array(MANY, sizeof *samples), *read;
    struct digest_set exposure = {0}, read_exposure;
    struct strbuf a = {0}, b = {0};
    size_t count;
    for (int i = 0; i < MANY; i++) {
        samples[i] = (struct lineage_sample){numbered(i), numbered(i + MANY), "lvhc"[i % 4]};
        digest_set_add(&exposure, numbered(i * 2));
    }
    assert_true(lineage_write_samples(in(f, "a"), samples, MANY, &exposure, &e));
    struct lineage_sample first = samples[0];
    samples[0] = samples[MANY - 1];
    samples[MANY - 1] = first;
    samples[1] = samples[MANY - 2]; /* once more; its own is lost */
    digest_set_add(&exposure, numbered(0));
    assert_true(lineage_write_samples(in(f, "b"), samples, MANY, &exposure, &e));
    assert_true(file_read(&a, in(f, "a"), 1 << 20, &e) && file_read(&b, in(f, "b"), 1 << 20, &e));
    assert_int_equal(a.size - b.size, 68); /* one sample fewer, or the same bytes */
    assert_true(lineage_read_samples(in(f, "a"), &read, &count, &read_exposure, &e));
    assert_int_equal(count, MANY);
    assert_int_equal(read_exposure.count, MANY);
    for (size_t i = 1; i < count; i++)
        assert_true(digest_compare(read[i - 1].content, read[i].content) < 0);
    assert_true(digest_set_has(&read_exposure, numbered(2 * (MANY - 1))));
    free(read);
    digest_set_free(&read_exposure);
    /* every cut, and a changed byte in each line, is an error */
    for (size_t n = 0; n < a.size; n += 17) {
        assert_true(file_replace(in(f, "c"), (struct str){a.data, n}, 0666, &e));
        assert_false(lineage_read_samples(in(f, "c"), &read, &count, &read_exposure, &e));
        assert_int_equal(e.kind, ERROR_INPUT);
        n += n > 200 ? 3000 : 0;
    }
    for (size_t n = 0; n < a.size; n += 3001) {
        char was = a.data[n];
        a.data[n] = '#';
        assert_true(file_replace(in(f, "c"), strbuf_str(&a), 0666, &e));
        assert_false(lineage_read_samples(in(f, "c"), &read, &count, &read_exposure, &e));
        a.data[n] = was;
    }
    put_file(in(f, "c"), "lorabuild-samples 3\n");
    assert_false(lineage_read_samples(in(f, "c"), &read, &count, &read_exposure, &e));
    assert_non_null(strstr(e.message, "newer lorabuild"));
    digest_set_free(&exposure);
    strbuf_free(&a);
    strbuf_free(&b);
    free(samples);
}

static void exposure_is_remembered(void **state)
{
    struct fixture *f = *state;
    struct error e;
    char note[256];
    commit(f, 1);
    struct store *store = store_open(at(&f->d, "store"), NULL, false, note, &e);
    for (int round = 0; round < 2; round++) {
        struct lineage l = loaded(f);
        struct version *v = &l.versions[0];
        assert_true(lineage_load_exposure(v, store, &e));
        assert_true(lineage_load_exposure(v, store, &e));
        assert_int_equal(v->sample_count, 3);
        assert_int_equal(v->exposure.count, 4);
        for (int i = 1; i <= 4; i++)
            assert_true(digest_set_has(&v->exposure, numbered(i)));
        lineage_free(&l);
        unlink(in(f, "v1/samples")); /* the second round asks the store */
    }
    struct lineage l = loaded(f);
    assert_false(lineage_load_exposure(&l.versions[0], NULL, &e));
    lineage_free(&l);
    store_close(store);
}

/* What was edited in place stands in a section of its own, is remembered too, and its file is
 * refused where it was changed. */
static void corrections_are_kept(void **state)
{
    struct fixture *f = *state;
    struct error e;
    char note[256];
    commit(f, 1);
    struct lineage_sample sample = {numbered(1), numbered(11), 'l'}, *read;
    struct lineage_correction pairs[] = {
        {numbered(9), numbered(1)}, {numbered(8), numbered(1)}, {numbered(9), numbered(1)}};
    struct digest_set exposure = {0}, none;
    for (int i = 7; i <= 9; i++)
        digest_set_add(&exposure, numbered(i));
    digest_set_seal(&exposure);
    assert_true(
        lineage_write_samples_corrected(in(f, "v1/samples"), &sample, 1, &exposure, pairs, 3, &e));
    struct store *store = store_open(at(&f->d, "store"), NULL, false, note, &e);
    for (int round = 0; round < 2; round++) {
        struct lineage l = loaded(f);
        struct version *v = &l.versions[0];
        assert_true(lineage_load_exposure(v, store, &e));
        assert_int_equal(v->sample_count, 1);
        assert_int_equal(v->exposure.count, 3);
        assert_int_equal(v->correction_count, 2);
        assert_true(digest_compare(v->corrections[0].old, v->corrections[1].old) < 0);
        assert_true(digest_equal(v->corrections[0].now, numbered(1)));
        lineage_free(&l);
        if (round == 0) {
            struct strbuf text = {0};
            size_t count;
            assert_true(file_read(&text, in(f, "v1/samples"), 4096, &e));
            for (size_t n = 1; n < text.size; n += 7) {
                assert_true(file_replace(in(f, "c"), (struct str){text.data, n}, 0666, &e));
                assert_false(lineage_read_samples(in(f, "c"), &read, &count, &none, &e));
            }
            assert_non_null(strstr(text.data, "corrected 2"));
            strbuf_free(&text);
        }
        unlink(in(f, "v1/samples")); /* the second round asks the store */
    }
    store_close(store);
    digest_set_free(&exposure);
}

/* As if it had been made on that day. */
static struct lineage_event made(int number, const char *day)
{
    struct lineage_event event = lineage_event_now(number, numbered(number));
    memcpy(event.date, day, sizeof event.date);
    memcpy(event.time, "16:00:00", sizeof event.time);
    return event;
}

static void history_survives_a_torn_line(void **state)
{
    struct fixture *f = *state;
    struct error e;
    struct lineage_event *events;
    size_t count;
    char sha[SHA256_HEX];
    setenv("TZ", "UTC", 1);
    sha256_hex("x", 1, sha);
    struct lineage_event event = made(1, "2025-11-24");
    memcpy(event.tar_sha256, sha, sizeof sha);
    assert_true(lineage_history_append(f->folder, &event, &e));
    int fd = open(in(f, "history"), O_WRONLY | O_APPEND);
    assert_true(write(fd, "v2 2026-11-", 11) == 11);
    close(fd);
    event.number = 3;
    assert_true(lineage_history_append(f->folder, &event, &e));
    assert_true(lineage_history_read(f->folder, &events, &count, &e));
    assert_int_equal(count, 2);
    assert_int_equal(events[0].number, 1);
    assert_string_equal(events[0].date, "2025-11-24");
    assert_string_equal(events[0].time, "16:00:00");
    assert_true(digest_equal(events[0].want_key, numbered(1)));
    assert_string_equal(events[0].tar_sha256, sha);
    assert_int_equal(events[1].number, 3);
    free(events);
    struct lineage l = loaded(f);
    assert_int_equal(l.highest, 3); /* numbers are never given twice */
    lineage_free(&l);
}

/* --- What `use` chose, and what is blocked. --- */

static void a_choice_counts_once_it_is_written(void **state)
{
    struct fixture *f = *state;
    struct error e;
    for (int n = 1; n <= 3; n++)
        commit(f, n);
    assert_true(lineage_set_aside(f->folder, 2, true, &e)); /* `use` also takes what failed */
    struct lineage_choice c = {2, "2026-11-27"};
    assert_true(lineage_write_chosen(f->folder, &c, &e));
    struct lineage l = loaded(f); /* as after a crash: CURRENT still says v3 */
    assert_int_equal(l.current, 2);
    assert_int_equal(l.chosen.number, 2);
    assert_string_equal(l.chosen.date, "2026-11-27");
    assert_false(lineage_version(&l, 1)->set_aside);
    assert_false(lineage_version(&l, 2)->set_aside);
    assert_true(lineage_version(&l, 3)->set_aside);
    assert_true(lineage_retire_choice(&l, &e));
    lineage_free(&l);
    assert_false(is_there(f, "chosen"));
    l = loaded(f);
    assert_int_equal(l.chosen.number, 0);
    assert_int_equal(l.current, 3); /* nobody has moved CURRENT */
    assert_false(lineage_version(&l, 2)->set_aside);
    assert_true(lineage_version(&l, 3)->set_aside);
    lineage_free(&l);
    put_file(in(f, "chosen"), "v1 2026-1");
    l = loaded(f);
    assert_int_equal(l.chosen.number, 0);
    lineage_free(&l);
}

static void blocks_are_kept_by_line(void **state)
{
    struct fixture *f = *state;
    struct error e;
    struct lineage_block blocks[] = {{2, "2026-11-26", (char[]){"two words.md"}},
                                     {1, "2026-11-26", (char[]){"a\nline"}}};
    struct lineage_block *read;
    size_t count;
    assert_true(lineage_read_blocked(f->folder, &read, &count, &e));
    assert_int_equal(count, 0);
    assert_true(lineage_write_blocked(f->folder, blocks, 2, &e));
    assert_true(lineage_read_blocked(f->folder, &read, &count, &e));
    assert_int_equal(count, 2);
    assert_int_equal(read[0].number, 2);
    assert_string_equal(read[0].date, "2026-11-26");
    assert_string_equal(read[0].path, "two words.md");
    assert_string_equal(read[1].path, "a\\x0aline");
    struct stat before, after;
    assert_int_equal(stat(in(f, "blocked"), &before), 0);
    assert_true(lineage_write_blocked(f->folder, read, count, &e));
    assert_int_equal(stat(in(f, "blocked"), &after), 0);
    assert_int_equal(before.st_ino, after.st_ino); /* the same: not written */
    lineage_blocked_free(read, count);
    assert_true(lineage_write_blocked(f->folder, NULL, 0, &e));
    assert_false(is_there(f, "blocked"));
}

/* --- B09 --- */

struct healed {
    struct lineage l;
    char **notes;
    size_t count;
};

static struct healed heal(struct fixture *f)
{
    struct healed h = {.l = loaded(f)};
    struct error e;
    if (!lineage_heal(&h.l, &h.notes, &h.count, &e))
        fail_msg("%s", e.message);
    return h;
}

static void healed_free(struct healed *h)
{
    for (size_t i = 0; i < h->count; i++)
        free(h->notes[i]);
    free(h->notes);
    lineage_free(&h->l);
}

/* Heals, expects that many sentences, the first with `words` in it, and silence afterwards. */
static void heals_once(struct fixture *f, size_t sentences, const char *words)
{
    struct healed h = heal(f);
    assert_int_equal(h.count, sentences);
    if (words && !strstr(h.notes[0], words))
        fail_msg("no \"%s\" in: %s", words, h.notes[0]);
    assert_int_equal(h.l.current, 2);
    assert_int_equal(h.l.count, 2);
    healed_free(&h);
    h = heal(f);
    assert_int_equal(h.count, 0);
    assert_int_equal(h.l.current, 2);
    healed_free(&h);
    assert_true(is_there(f, "current/adapter_model.safetensors"));
}

static void build_two(struct fixture *f)
{
    struct error e;
    for (int n = 1; n <= 2; n++) {
        commit(f, n);
        struct lineage_event event = made(n, "2026-11-24");
        if (!lineage_pack(f->folder, "text-a", &event, NULL, &e))
            fail_msg("%s", e.message);
    }
}

static void what_was_deleted_comes_back(void **state)
{
    struct fixture *f = *state;
    struct error e;
    struct strbuf before = {0}, after = {0};
    setenv("TZ", "UTC", 1);
    build_two(f);
    heals_once(f, 0, NULL);
    assert_true(file_read(&before, in(f, "text-a-2026-11-24-v1.tar.sha256"), 200, &e));
    unlink(in(f, "v1/adapter_model.safetensors"));
    heals_once(f, 1, "adapter_model.safetensors");
    unlink(in(f, "v1/alone/adapter_model.safetensors"));
    heals_once(f, 1, "alone/adapter_model.safetensors");
    unlink(in(f, "text-a-2026-11-24-v1.tar.zst"));
    unlink(in(f, "text-a-2026-11-24-v1.tar.sha256"));
    heals_once(f, 1, "archive was missing; packed again");
    unlink(in(f, "current"));
    heals_once(f, 1, "link");
    unlink(in(f, "CURRENT"));
    heals_once(f, 1, "CURRENT");
    unlink(in(f, "v2/manifest.json"));
    heals_once(f, 1, "manifest.json");
    put_file(in(f, "v2/manifest.json"), "{");
    heals_once(f, 1, "manifest.json");
    folder_remove(in(f, "v2"), NULL);
    heals_once(f, 1, "its folder was missing");
    folder_remove(in(f, "v1"), NULL);
    heals_once(f, 1, "its folder was missing");
    put_file(in(f, ".v1.restore/x"), "left by a crash");
    heals_once(f, 0, NULL);
    assert_false(is_there(f, ".v1.restore"));
    assert_true(file_read(&after, in(f, "text-a-2026-11-24-v1.tar.sha256"), 200, &e));
    assert_string_equal(before.data, after.data);
    strbuf_free(&before);
    strbuf_free(&after);
}

static void what_the_user_put_there_stays(void **state) /* B23 */
{
    struct fixture *f = *state;
    struct strbuf text = {0};
    build_two(f);
    put_file(in(f, "v2/notes.txt"), "mine");
    put_file(in(f, "v2/adapter_model.safetensors"), "edited!");
    unlink(in(f, "v2/samples"));
    unlink(in(f, "v2/alone/adapter_model.safetensors"));
    heals_once(f, 2, NULL);
    assert_true(is_there(f, "v2/samples"));
    assert_true(is_there(f, "v2/notes.txt"));
    assert_true(file_read(&text, in(f, "v2/adapter_model.safetensors"), 100, NULL));
    assert_string_equal(text.data, "edited!");
    strbuf_free(&text);
    unlink(in(f, "text-a-2026-11-24-v2.tar.zst"));
    heals_once(f, 1, "changes made");
    /* Packed on another day, it is still the archive of that day: its last line says so. */
    struct lineage_event *events;
    size_t count;
    char *beside = NULL;
    assert_true(lineage_history_read(f->folder, &events, &count, NULL));
    assert_int_equal(count, 3);
    assert_int_equal(events[2].number, 2);
    assert_string_equal(events[2].date, "2026-11-24");
    assert_string_not_equal(events[2].tar_sha256, events[1].tar_sha256);
    assert_true(file_read(&text, in(f, "text-a-2026-11-24-v2.tar.sha256"), 200, NULL));
    beside = mem_printf("%.*s", SHA256_HEX - 1, text.data);
    assert_string_equal(beside, events[2].tar_sha256);
    free(beside);
    free(events);
    strbuf_free(&text);
}

static void what_cannot_come_back_is_told(void **state)
{
    struct fixture *f = *state;
    build_two(f);
    put_file(in(f, "text-a-2026-11-24-v2.tar.zst"), "not an archive");
    unlink(in(f, "v2/adapter_model.safetensors"));
    struct healed h = heal(f);
    assert_true(h.count >= 1);
    healed_free(&h);
    unlink(in(f, "text-a-2026-11-24-v2.tar.zst"));
    folder_remove(in(f, "v2"), NULL);
    h = heal(f);
    assert_non_null(strstr(h.notes[0], "gone"));
    assert_int_equal(h.l.current, 1);
    assert_int_equal(h.l.highest, 2); /* the next one is v3 */
    healed_free(&h);
}

/* B15: killed between the rename and the link. */
static void after_the_rename_it_counts(void **state)
{
    struct fixture *f = *state;
    struct error e;
    write_result(f, 1);
    assert_true(lineage_commit(f->folder, at(&f->d, "keep/out"), 1, &e));
    struct healed h = heal(f);
    assert_int_equal(h.l.current, 1);
    assert_true(is_there(f, "current/manifest.json"));
    healed_free(&h);
    h = heal(f);
    assert_int_equal(h.count, 0);
    healed_free(&h);
}

/* --- T49 --- */

static void retention_goes_by_attempt(void **state)
{
    struct fixture *f = *state;
    struct error e;
    struct attempt *attempts;
    size_t count;
    bool busy;
    char hex[DIGEST_HEX], name[200];
    static const int steps[][3] = {{500, 600, 700}, {1, 50, 100}, {3, 3, 3}};
    const char *keep = mem_strdup(at(&f->d, "keep"));
    assert_true(attempts_list(keep, "text-a", &attempts, &count, &e));
    assert_int_equal(count, 0);
    attempts_free(attempts, count);
    for (int i = 0; i < 3; i++)
        for (int j = 0; j < 3; j++) {
            digest_hex(numbered(i), hex);
            snprintf(name, sizeof name, "keep/attempts/text-a/%s/step-%08d/state", hex,
                     steps[i][j]);
            put_file(at(&f->d, name), "state");
            set_time(at(&f->d, name), i ? 1000 : 2000000000, 0);
        }
    digest_hex(numbered(1), hex);
    snprintf(name, sizeof name, "keep/attempts/text-a/%s/step-00000900.tmp/state", hex);
    put_file(at(&f->d, name), "half");
    put_file(at(&f->d, "keep/attempts/text-a/readme"), "no attempt");
    struct digest_set wanted = {0};
    digest_set_add(&wanted, numbered(0));
    digest_set_add(&wanted, numbered(1));
    digest_set_seal(&wanted);
    assert_true(attempts_keep_only(keep, "text-a", &wanted, &e));
    assert_true(attempts_list(keep, "text-a", &attempts, &count, &e));
    assert_int_equal(count, 2);
    for (size_t i = 0; i < count; i++)
        assert_int_equal(attempts[i].step, digest_equal(attempts[i].key, numbered(0)) ? 700 : 100);
    int held = open(attempts[0].folder, O_RDONLY | O_DIRECTORY);
    assert_int_equal(flock(held, LOCK_EX), 0);
    assert_true(attempt_remove(keep, "text-a", attempts[0].key, &busy, &e));
    assert_true(busy);
    close(held);
    assert_true(attempt_remove(keep, "text-a", attempts[0].key, &busy, &e));
    assert_false(busy);
    assert_true(attempt_remove(keep, "text-a", attempts[0].key, &busy, &e));
    assert_int_equal(access(attempts[0].folder, F_OK), -1);
    assert_int_equal(access(attempts[1].folder, F_OK), 0);
    attempts_free(attempts, count);
    digest_set_free(&wanted);
    free((void *)(uintptr_t)keep);
}

#define WITH_FOLDER(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_FOLDER(versions_are_read),
        WITH_FOLDER(current_is_what_the_record_says),
        WITH_FOLDER(a_version_is_never_replaced),
        WITH_FOLDER(current_always_points_somewhere),
        WITH_FOLDER(damaged_manifests_are_named),
        WITH_FOLDER(samples_are_canonical),
        WITH_FOLDER(exposure_is_remembered),
        WITH_FOLDER(corrections_are_kept),
        WITH_FOLDER(history_survives_a_torn_line),
        WITH_FOLDER(a_choice_counts_once_it_is_written),
        WITH_FOLDER(blocks_are_kept_by_line),
        WITH_FOLDER(what_was_deleted_comes_back),
        WITH_FOLDER(what_the_user_put_there_stays),
        WITH_FOLDER(what_cannot_come_back_is_told),
        WITH_FOLDER(after_the_rename_it_counts),
        WITH_FOLDER(retention_goes_by_attempt),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
