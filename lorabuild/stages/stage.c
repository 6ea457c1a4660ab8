#include "lorabuild/stages/stage.h"

#include "lorabuild/common/clock.h"
#include "lorabuild/common/file.h"
#include "lorabuild/common/threads.h"

#include <errno.h>
#include <malloc.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

bool stage_event(json_t *event)
{
    struct strbuf line = {0};
    json_write(&line, event, false);
    json_decref(event);
    bool ok = file_write_all(STAGE_EVENTS_FD, line.data, line.size, "events", NULL);
    strbuf_free(&line);
    return ok;
}

void stage_span(const char *name, double begin_s)
{
    stage_event(json_pack("{s:s, s:s, s:f, s:f}", "event", "span", "name", name, "begin", begin_s,
                          "end", clock_seconds()));
}

/* A signal can tell the loop nothing but through a static: the one in this room. */
static volatile sig_atomic_t stop_asked;

static void on_stop(int signal_number)
{
    (void)signal_number;
    stop_asked = 1;
}

bool stage_should_stop(void)
{
    struct pollfd events = {.fd = STAGE_EVENTS_FD, .events = 0};
    return stop_asked || (poll(&events, 1, 0) > 0 && (events.revents & (POLLERR | POLLHUP)));
}

void stage_listen(void)
{
    struct sigaction act = {.sa_handler = on_stop};
    sigaction(SIGTERM, &act, NULL);
    sigaction(SIGINT, &act, NULL);
}

static const struct {
    const char *kind;
    stage_main *run;
} stages[] = {{"read", stage_read}, {"measure", stage_measure}, {"train", stage_train}};

static bool run_plan(const char *kind, struct error *e)
{
    enum { LARGEST_PLAN = 1 << 30 };
    struct strbuf text = {0};
    json_t *plan = NULL;
    int64_t protocol, threads;
    bool ok = file_read_fd(&text, STDIN_FILENO, LARGEST_PLAN, "plan", e) &&
              (plan = json_parse(strbuf_str(&text), "plan", 1, e)) &&
              json_get_int(plan, "protocol", &protocol, "plan", e) &&
              json_get_int_or(plan, "threads", &threads, 1, "plan", e);
    strbuf_free(&text);
    json_restore_bytes(plan);
    if (ok && protocol != STAGE_PROTOCOL)
        ok = error_set(e, ERROR_INTERNAL, "the parent speaks protocol %lld, this program %d",
                       (long long)protocol, STAGE_PROTOCOL);
    if (ok) {
        threads_set((int)threads);
        ok = error_set(e, ERROR_INTERNAL, "no stage '%s'", kind);
        for (size_t i = 0; i < sizeof stages / sizeof *stages; i++)
            if (strcmp(stages[i].kind, kind) == 0)
                ok = stages[i].run(plan, e);
    }
    json_decref(plan);
    return ok;
}

int stage_run(const char *kind)
{
    struct error e = {0};
    /* Large buffers come from the system and go back to it: glibc would otherwise move its own
     * threshold up to 32 MiB and keep what is freed in a heap full of holes. */
    mallopt(M_MMAP_THRESHOLD, 1 << 20);
    signal(SIGPIPE, SIG_IGN);
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    if (!stage_event(json_pack("{s:s, s:i}", "event", "hello", "protocol", STAGE_PROTOCOL)))
        return 1;
    if (run_plan(kind, &e))
        return 0;
    stage_event(json_pack("{s:s, s:i, s:o}", "event", "failed", "kind", (int)e.kind, "message",
                          json_bytes(e.message)));
    return e.kind == ERROR_INTERRUPTED ? 130 : 1;
}
