#include "lorabuild/commands/screen.h"

#include "lorabuild/common/memory.h"
#include "lorabuild/common/text.h"

#include <langinfo.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <utf8proc.h>

enum { WIDTH = 80, STEP_WIDTH = 10 };

void screen_open(struct screen *s, FILE *out, bool quiet)
{
    const char *term = getenv("TERM");
    const char *no_colour = getenv("NO_COLOR");
    *s = (struct screen){.out = out, .quiet = quiet, .name_width = 10, .name = NULL};
    s->terminal = isatty(fileno(out)) && term && strcmp(term, "dumb") != 0;
    s->colour = s->terminal && !(no_colour && no_colour[0]);
    s->utf8 = strcmp(nl_langinfo(CODESET), "UTF-8") == 0;
}

int display_width(struct str text)
{
    int width = 0;
    for (size_t at = 0; at < text.size;) {
        int32_t c = utf8_next(text, &at);
        width += c < 0 ? 4 : utf8proc_charwidth(c);
    }
    return width;
}

void screen_fit_name(struct screen *s, const char *name)
{
    int width = display_width(str_of(name)) + 2;
    if (width > s->name_width)
        s->name_width = width;
}

static const char *paint_code(enum paint paint)
{
    static const char *const codes[] = {"",         "\x1b[1m",  "\x1b[2m",
                                        "\x1b[32m", "\x1b[33m", "\x1b[31m"};
    return codes[paint];
}

static void add_painted(const struct screen *s, struct strbuf *b, enum paint paint, struct str text)
{
    bool painted = s->colour && paint != PAINT_NONE && text.size;
    if (painted)
        strbuf_add_text(b, paint_code(paint));
    strbuf_add_shown(b, text);
    if (painted)
        strbuf_add_text(b, "\x1b[0m");
}

static int add_column(const struct screen *s, struct strbuf *b, enum paint paint, const char *text,
                      int width)
{
    int used = display_width(str_of(text));
    add_painted(s, b, paint, str_of(text));
    int spaces = used < width ? width - used : 2;
    for (int i = 0; i < spaces; i++)
        strbuf_add_byte(b, ' ');
    return used + spaces;
}

/* What cannot be shown in this locale becomes '?'; dashes and bars have ASCII twins. */
static void to_ascii(struct strbuf *b)
{
    struct strbuf plain = {0};
    struct str text = strbuf_str(b);
    for (size_t at = 0; at < text.size;) {
        size_t from = at;
        int32_t c = utf8_next(text, &at);
        if (c >= 0 && c < 0x80)
            strbuf_add(&plain, text.data + from, 1);
        else if (c == 0x2501)
            strbuf_add_byte(&plain, '#');
        else if (c == 0x2500)
            strbuf_add_byte(&plain, '.');
        else if (c == 0x2026)
            strbuf_add_text(&plain, "...");
        else if (c == 0xA7)
            strbuf_add_byte(&plain, '#');
        else
            strbuf_add_byte(&plain, '?');
    }
    strbuf_free(b);
    *b = plain;
}

static void put(struct screen *s, struct strbuf *b)
{
    if (!s->utf8)
        to_ascii(b);
    if (s->live)
        fputs("\r\x1b[K", s->out);
    fwrite(b->data, 1, b->size, s->out);
    fflush(s->out);
    s->live = false;
}

static void trim_right(struct strbuf *b)
{
    while (b->size && b->data[b->size - 1] == ' ')
        b->size--;
}

static void compose(struct screen *s, struct strbuf *b, const char *name, const char *step,
                    enum paint paint, const char *fact, const char *right)
{
    int used = add_column(s, b, PAINT_BOLD, name, s->name_width);
    if (step)
        used += add_column(s, b, PAINT_NONE, step, STEP_WIDTH);
    add_painted(s, b, paint, str_of(fact));
    used += display_width(str_of(fact));
    if (right[0]) {
        int spaces = WIDTH - used - display_width(str_of(right));
        for (int i = 0; i < (spaces > 2 ? spaces : 2); i++)
            strbuf_add_byte(b, ' ');
        add_painted(s, b, PAINT_DIM, str_of(right));
    }
    trim_right(b);
}

/* The name where it is new, after an empty line; "" where it was printed before. */
static const char *new_name(struct screen *s, struct strbuf *b, const char *name)
{
    if (s->name && strcmp(s->name, name) == 0)
        return "";
    if (s->name)
        strbuf_add_byte(b, '\n');
    snprintf(s->name_buffer, sizeof s->name_buffer, "%s", name);
    s->name = s->name_buffer;
    return name;
}

void screen_line_right(struct screen *s, const char *name, const char *step, enum paint paint,
                       const char *fact, const char *right)
{
    struct strbuf b = {0};
    if (s->quiet)
        return;
    const char *shown = new_name(s, &b, name);
    compose(s, &b, shown, step, paint, fact, right);
    strbuf_add_byte(&b, '\n');
    put(s, &b);
    strbuf_free(&b);
}

void screen_line(struct screen *s, const char *name, const char *step, enum paint paint,
                 const char *fact, double duration_s)
{
    char text[40] = "";
    if (duration_s >= 0)
        show_duration(duration_s, text);
    screen_line_right(s, name, step, paint, fact, text);
}

void screen_more(struct screen *s, const char *fact)
{
    struct strbuf b = {0};
    if (s->quiet)
        return;
    compose(s, &b, "", "", PAINT_NONE, fact, "");
    strbuf_add_byte(&b, '\n');
    put(s, &b);
    strbuf_free(&b);
}

void screen_live(struct screen *s, const char *name, const char *step, const char *fact,
                 const char *right)
{
    struct strbuf b = {0};
    if (s->quiet || !s->terminal)
        return;
    const char *shown = new_name(s, &b, name);
    compose(s, &b, shown, step, PAINT_NONE, fact, right);
    put(s, &b);
    s->live = true;
    strbuf_free(&b);
}

void screen_text(struct screen *s, const char *text)
{
    struct strbuf b = {0};
    if (s->quiet)
        return;
    strbuf_add_text(&b, text);
    strbuf_add_byte(&b, '\n');
    put(s, &b);
    strbuf_free(&b);
}

void screen_painted(struct screen *s, enum paint paint, const char *text)
{
    struct strbuf b = {0};
    if (s->quiet)
        return;
    add_painted(s, &b, paint, str_of(text));
    strbuf_add_byte(&b, '\n');
    put(s, &b);
    strbuf_free(&b);
}

void screen_gap(struct screen *s)
{
    screen_text(s, "");
    s->name = NULL;
}

void screen_end_live(struct screen *s)
{
    if (s->live)
        fputs("\n", s->out);
    s->live = false;
}

void screen_error(const struct error *e)
{
    struct screen s;
    struct strbuf b = {0};
    screen_open(&s, stderr, false);
    if (s.colour)
        strbuf_add_text(&b, paint_code(PAINT_RED));
    strbuf_add_text(&b, e->message);
    if (s.colour)
        strbuf_add_text(&b, "\x1b[0m");
    strbuf_add_byte(&b, '\n');
    put(&s, &b);
    strbuf_free(&b);
}

void screen_missing_right(struct screen *s, const char *message)
{
    struct strbuf line = {0};
    strbuf_printf(&line, _("What is new can be told to who may write there: %s"), message);
    screen_gap(s);
    screen_text(s, line.data);
    strbuf_free(&line);
}

const char *show_duration(double seconds, char text[static 40])
{
    long whole = lround(seconds);
    if (seconds < 0.995)
        snprintf(text, 40, _("%.2f s"), seconds);
    else if (whole < 60)
        snprintf(text, 40, _("%ld s"), whole);
    else if (whole < 3600)
        snprintf(text, 40, _("%ld min %ld s"), whole / 60, whole % 60);
    else
        snprintf(text, 40, _("%ld h %ld min"), whole / 3600, whole % 3600 / 60);
    return text;
}

const char *show_about(double seconds, char text[static 40])
{
    if (seconds < 10)
        snprintf(text, 40, _("%ld s"), lround(fmax(seconds, 1)));
    else if (seconds < 55)
        snprintf(text, 40, _("%ld s"), lround(seconds / 5) * 5);
    else if (seconds < 5700)
        snprintf(text, 40, _("%ld min"), lround(fmax(seconds / 60, 1)));
    else
        snprintf(text, 40, _("%ld h"), lround(seconds / 3600));
    return text;
}

/* Letters, digits and what no shell takes for anything; Chinese too. */
static bool is_plain_word(const char *text)
{
    bool plain = text[0] != '\0';
    for (; plain && *text; text++)
        plain = (unsigned char)*text >= 0x80 ||
                strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                       "0123456789/._-+=:@,",
                       *text);
    return plain;
}

char *show_quoted(const char *text)
{
    struct strbuf b = {0};
    if (is_plain_word(text))
        strbuf_add_text(&b, text);
    else {
        strbuf_add_byte(&b, '\'');
        for (; *text; text++)
            strbuf_add_text(&b, *text == '\'' ? "'\\''" : (char[2]){*text});
        strbuf_add_byte(&b, '\'');
    }
    return strbuf_take(&b);
}

const char *show_day(const char *date, char text[static 32])
{
    static const char *const months[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                         "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    int64_t year = 0, month = 0, day = 0;
    time_t now = time(NULL);
    struct tm today;
    localtime_r(&now, &today);
    if (strlen(date) != 10 || !str_to_int((struct str){date, 4}, &year) ||
        !str_to_int((struct str){date + 5, 2}, &month) ||
        !str_to_int((struct str){date + 8, 2}, &day) || month < 1 || month > 12)
        snprintf(text, 32, "%.10s", date);
    else if (year == today.tm_year + 1900)
        snprintf(text, 32, "%d %s", (int)day, _(months[month - 1]));
    else
        snprintf(text, 32, "%d %s %d", (int)day, _(months[month - 1]), (int)year);
    return text;
}

const char *show_size(uint64_t bytes, char text[static 32])
{
    if (bytes >= 999500000)
        snprintf(text, 32, "%.1f GB", (double)bytes / 1e9);
    else if (bytes >= 999500)
        snprintf(text, 32, "%.0f MB", (double)bytes / 1e6);
    else
        snprintf(text, 32, "%.0f kB", ceil((double)bytes / 1e3));
    return text;
}

char *show_cut(const char *text, int columns)
{
    struct strbuf shown = {0}, cut = {0};
    strbuf_add_shown(&shown, str_of(text));
    struct str all = strbuf_str(&shown);
    bool fits = display_width(all) <= columns;
    for (size_t at = 0; !fits && at < all.size;) {
        size_t from = at;
        utf8_next(all, &at);
        if (display_width((struct str){all.data, at}) > columns - 1) {
            strbuf_add(&cut, all.data, from);
            break;
        }
    }
    if (!fits)
        strbuf_add_text(&cut, "…");
    char *text_out = mem_strdup(fits ? (all.size ? all.data : "") : cut.data);
    strbuf_free(&shown);
    strbuf_free(&cut);
    return text_out;
}

const char *show_plural(size_t n, const char *one, const char *many)
{
    return n == 1 ? one : many;
}
