#include "lorabuild/run/child.h"

#include "lorabuild/common/clock.h"
#include "lorabuild/common/file.h"
#include "lorabuild/common/memory.h"
#include "lorabuild/stages/stage.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* The parent's environment with OMP_NUM_THREADS set, and threads that sleep while they wait unless
 * it says otherwise; caller frees the list and its last entry. */
static char **child_environment(int threads)
{
    static char passive[] = "OMP_WAIT_POLICY=passive";
    extern char **environ;
    size_t n = 0, kept = 0;
    while (environ[n])
        n++;
    char **list = mem_array(n + 3, sizeof *list);
    for (size_t i = 0; i < n; i++)
        if (strncmp(environ[i], "OMP_NUM_THREADS=", 16) != 0)
            list[kept++] = environ[i];
    if (!getenv("OMP_WAIT_POLICY"))
        list[kept++] = passive;
    list[kept] = mem_printf("OMP_NUM_THREADS=%d", threads);
    return list;
}

static bool spawn(struct child *c, const char *kind, int input, int output, int threads,
                  struct error *e)
{
    char *arguments[] = {"lorabuild", "--stage", (char *)(uintptr_t)kind, NULL};
    char **environment = child_environment(threads);
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, input, STDIN_FILENO);
    posix_spawn_file_actions_adddup2(&actions, output, STAGE_EVENTS_FD);
    int code = posix_spawn(&c->pid, "/proc/self/exe", &actions, NULL, arguments, environment);
    posix_spawn_file_actions_destroy(&actions);
    size_t last = 0;
    while (environment[last + 1])
        last++;
    free(environment[last]);
    free(environment);
    if (code == 0)
        return true;
    errno = code;
    return error_errno(e, "cannot start a stage");
}

/* Both ends closed on exec, and away from the descriptors that the child uses. */
static bool make_pipe(int ends[2], struct error *e)
{
    int raw[2];
    if (pipe2(raw, O_CLOEXEC) < 0)
        return error_errno(e, "pipe");
    for (int i = 0; i < 2; i++) {
        ends[i] = fcntl(raw[i], F_DUPFD_CLOEXEC, 10);
        close(raw[i]);
    }
    return (ends[0] >= 0 && ends[1] >= 0) || error_errno(e, "pipe");
}

bool child_start(struct child *c, const char *kind, json_t *plan, int threads, struct error *e)
{
    int input[2] = {-1, -1}, output[2] = {-1, -1};
    struct strbuf text = {0};
    *c = (struct child){.events = -1};
    json_object_set_new(plan, "protocol", json_integer(STAGE_PROTOCOL));
    json_object_set_new(plan, "threads", json_integer(threads));
    json_write(&text, plan, false);
    json_decref(plan);
    bool ok = make_pipe(input, e) && make_pipe(output, e) &&
              spawn(c, kind, input[0], output[1], threads, e);
    if (input[0] >= 0)
        close(input[0]);
    if (output[1] >= 0)
        close(output[1]);
    /* A child that ended early is told by its events, not by this write. */
    if (ok)
        file_write_all(input[1], text.data, text.size, "plan", NULL);
    if (input[1] >= 0)
        close(input[1]);
    strbuf_free(&text);
    if (ok)
        c->events = output[0];
    else if (output[0] >= 0)
        close(output[0]);
    return ok;
}

static void take_span(const struct child *c, const json_t *event)
{
    const char *name = json_string_value(json_object_get(event, "name"));
    if (name && c->timeline)
        timeline_add_child(c->timeline, name, c->lane, (long)c->pid,
                           json_number_value(json_object_get(event, "begin")),
                           json_number_value(json_object_get(event, "end")));
}

static void take_event(struct child *c, struct str line, void (*on_event)(void *, const json_t *),
                       void *context)
{
    json_t *event = json_parse(line, "event", 1, NULL);
    json_restore_bytes(event);
    const char *name = json_string_value(json_object_get(event, "event"));
    if (!name) {
        json_decref(event);
        return;
    }
    if (strcmp(name, "hello") == 0) {
        c->greeted = json_integer_value(json_object_get(event, "protocol")) == STAGE_PROTOCOL;
    } else if (strcmp(name, "done") == 0) {
        json_decref(c->done);
        c->done = json_incref(event);
    } else if (strcmp(name, "failed") == 0) {
        const char *message = json_string_value(json_object_get(event, "message"));
        error_set(&c->failure, (enum error_kind)json_integer_value(json_object_get(event, "kind")),
                  "%s", message ? message : "failed");
    } else if (strcmp(name, "span") == 0) {
        take_span(c, event);
    } else if (on_event) {
        on_event(context, event);
    }
    json_decref(event);
}

/* Why a child is gone that did not say so itself. */
static void bury(struct child *c)
{
    int status = 0;
    close(c->events);
    c->events = -1;
    while (waitpid(c->pid, &status, 0) < 0 && errno == EINTR)
        ;
    if (c->done || c->failure.kind)
        return;
    if (WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL)
        error_set(&c->failure, ERROR_SYSTEM,
                  "the stage was killed, perhaps for lack of memory; "
                  "what was saved is kept, run again");
    else if (WIFSIGNALED(status) && (WTERMSIG(status) == SIGINT || WTERMSIG(status) == SIGTERM))
        error_set(&c->failure, ERROR_INTERRUPTED, "interrupted");
    else if (WIFSIGNALED(status) && WTERMSIG(status) == SIGBUS)
        error_set(&c->failure, ERROR_INPUT,
                  "a file became shorter while it was being used; "
                  "nothing was built from it, run again");
    else if (WIFSIGNALED(status))
        error_set(&c->failure, ERROR_INTERNAL, "the stage died of signal %d (%s)", WTERMSIG(status),
                  strsignal(WTERMSIG(status)));
    else
        error_set(&c->failure, ERROR_INTERNAL, "the stage ended without a word (exit %d)",
                  WEXITSTATUS(status));
}

bool child_read(struct child *c, void (*on_event)(void *, const json_t *), void *context)
{
    char block[8192];
    if (c->events < 0)
        return false;
    ssize_t n = read(c->events, block, sizeof block);
    if (n < 0 && errno == EINTR)
        return true;
    if (n <= 0) {
        bury(c);
        return false;
    }
    strbuf_add(&c->buffer, block, (size_t)n);
    size_t begin = 0;
    for (size_t i = 0; i < c->buffer.size; i++)
        if (c->buffer.data[i] == '\n') {
            take_event(c, (struct str){c->buffer.data + begin, i - begin}, on_event, context);
            begin = i + 1;
        }
    memmove(c->buffer.data, c->buffer.data + begin, c->buffer.size - begin);
    c->buffer.size -= begin;
    return true;
}

void child_stop(struct child *c)
{
    if (c->events >= 0)
        kill(c->pid, SIGTERM);
}

void child_free(struct child *c)
{
    if (c->events >= 0) {
        kill(c->pid, SIGKILL);
        bury(c);
    }
    json_decref(c->done);
    strbuf_free(&c->buffer);
    *c = (struct child){.events = -1};
}

json_t *child_run(const char *kind, json_t *plan, int threads,
                  const volatile sig_atomic_t *interrupted, struct error *e)
{
    return child_run_seen(kind, plan, threads, interrupted, NULL, "", e);
}

json_t *child_run_seen(const char *kind, json_t *plan, int threads,
                       const volatile sig_atomic_t *interrupted, struct timeline *timeline,
                       const char *lane, struct error *e)
{
    enum { LOOK_MS = 500 };
    struct child c;
    double began_s = clock_seconds();
    if (!child_start(&c, kind, plan, threads, e))
        return NULL;
    c.timeline = timeline;
    c.lane = lane;
    for (bool running = true; running;) {
        struct pollfd events = {.fd = c.events, .events = POLLIN};
        int ready = poll(&events, 1, LOOK_MS);
        if (interrupted && *interrupted)
            child_stop(&c);
        running = ready <= 0 || child_read(&c, NULL, NULL);
    }
    timeline_add(timeline, kind, lane, began_s);
    json_t *done = json_incref(c.done);
    if (!done && e)
        *e = c.failure;
    child_free(&c);
    return done;
}
