#include "lorabuild/stages/report_chart.h"

#include "lorabuild/common/memory.h"

#include <math.h>
#include <stdlib.h>

enum { WIDTH = 680, HEIGHT = 230, LEFT = 48, RIGHT = 96, TOP = 12, BOTTOM = 34, MOST_POINTS = 400 };

struct frame {
    double least, most; /* of the losses shown */
    size_t count;       /* steps */
};

double chart_tick(double least, double most)
{
    double rough = (most - least) / 5;
    if (!(rough > 0))
        return 1;
    double power = pow(10, floor(log10(rough))), share = rough / power;
    return power * (share <= 1 ? 1 : share <= 2 ? 2 : share <= 5 ? 5 : 10);
}

static void stretch(struct frame *f, double value)
{
    if (!isfinite(value))
        return;
    f->least = value < f->least ? value : f->least;
    f->most = value > f->most ? value : f->most;
}

/* Step 1 stands at the left edge. */
static double x_of(const struct frame *f, double step)
{
    double share = f->count > 1 ? (step - 1) / (double)(f->count - 1) : 0.5;
    return LEFT + share * (WIDTH - LEFT - RIGHT);
}

static double y_of(const struct frame *f, double loss)
{
    double share = f->most > f->least ? (loss - f->least) / (f->most - f->least) : 0.5;
    return HEIGHT - BOTTOM - share * (HEIGHT - TOP - BOTTOM);
}

/* The mean of the losses first … end-1; NaN if there is none. */
static double mean(const double *losses, size_t first, size_t end)
{
    double sum = 0;
    size_t n = 0;
    for (size_t i = first; i < end; i++)
        if (isfinite(losses[i])) {
            sum += losses[i];
            n++;
        }
    return n ? sum / (double)n : (double)NAN;
}

/* A path through at most MOST_POINTS means of `reach` steps to either side. */
static void add_curve(struct strbuf *b, const struct frame *f, const double *losses, size_t reach,
                      const char *class)
{
    size_t stride = f->count / MOST_POINTS + 1;
    bool pen_down = false;
    strbuf_printf(b, "<path class=\"%s\" d=\"", class);
    for (size_t i = 0; i < f->count; i += stride) {
        size_t first = i > reach ? i - reach : 0;
        size_t end = i + stride + reach < f->count ? i + stride + reach : f->count;
        double loss = mean(losses, first, end);
        size_t middle = i + (stride - 1) / 2 < f->count ? i + (stride - 1) / 2 : f->count - 1;
        if (isfinite(loss))
            strbuf_printf(b, "%c%.1f %.1f", pen_down ? 'L' : 'M', x_of(f, (double)middle + 1),
                          y_of(f, loss));
        pen_down = isfinite(loss);
    }
    strbuf_add_text(b, "\"/>\n");
}

static void add_loss_axis(struct strbuf *b, const struct frame *f, double tick)
{
    int digits = tick >= 1 ? 0 : tick >= 0.1 ? 1 : tick >= 0.01 ? 2 : 3;
    long lines = lround((f->most - f->least) / tick);
    for (long i = 0; i <= lines; i++) {
        double value = f->least + (double)i * tick, y = y_of(f, value);
        strbuf_printf(b,
                      "<line x1=\"%d\" y1=\"%.1f\" x2=\"%d\" y2=\"%.1f\"/>"
                      "<text x=\"%d\" y=\"%.1f\" text-anchor=\"end\">%.*f</text>\n",
                      LEFT, y, WIDTH - RIGHT, y, LEFT - 8, y + 3.5, digits, value);
    }
}

static void add_step_axis(struct strbuf *b, const struct frame *f)
{
    double tick = chart_tick(0, (double)f->count);
    tick = tick < 1 ? 1 : tick;
    for (double step = tick; step <= (double)f->count; step += tick)
        strbuf_printf(b, "<text x=\"%.1f\" y=\"%d\" text-anchor=\"middle\">%.0f</text>\n",
                      x_of(f, step), HEIGHT - BOTTOM + 16, step);
    strbuf_printf(b, "<text x=\"%d\" y=\"%d\" text-anchor=\"middle\">steps</text>\n",
                  (LEFT + WIDTH - RIGHT) / 2, HEIGHT - 4);
}

/* The next level below the last one drawn, from the top; levels with one value in their order. */
static const struct chart_level *next_level(const struct chart_level *levels, size_t count,
                                            const struct chart_level *last)
{
    const struct chart_level *next = NULL;
    for (const struct chart_level *l = levels; l < levels + count; l++) {
        bool left = isfinite(l->value) &&
                    (!last || l->value < last->value || (l->value <= last->value && l > last));
        if (left && (!next || l->value > next->value))
            next = l;
    }
    return next;
}

/* Labels stand at the right, each below the one before. */
static void add_levels(struct strbuf *b, const struct frame *f, const struct chart_level *levels,
                       size_t count)
{
    double lowest = 0; /* the baseline of the last label */
    const struct chart_level *l = NULL;
    while ((l = next_level(levels, count, l))) {
        double y = y_of(f, l->value), label = y + 3.5 < lowest + 12 ? lowest + 12 : y + 3.5;
        lowest = label;
        strbuf_printf(b,
                      "<line class=\"%s\" x1=\"%d\" y1=\"%.1f\" x2=\"%d\" y2=\"%.1f\"/>"
                      "<text class=\"%s\" x=\"%d\" y=\"%.1f\">%s %.2f</text>\n",
                      l->label, LEFT, y, WIDTH - RIGHT, y, l->label, WIDTH - RIGHT + 6, label,
                      l->label, l->value);
    }
}

void chart_losses(struct strbuf *b, const double *losses, size_t count,
                  const struct chart_level *levels, size_t level_count)
{
    struct frame f = {INFINITY, -INFINITY, count};
    for (size_t i = 0; i < count; i++)
        stretch(&f, losses[i]);
    for (size_t i = 0; i < level_count; i++)
        stretch(&f, levels[i].value);
    if (!count || !isfinite(f.least))
        return;
    double tick = chart_tick(f.least, f.most);
    f.least = floor(f.least / tick) * tick;
    f.most = f.most > f.least ? ceil(f.most / tick) * tick : f.least + tick;
    strbuf_printf(b,
                  "<svg viewBox=\"0 0 %d %d\" role=\"img\" "
                  "aria-label=\"Loss of each training step\">\n",
                  WIDTH, HEIGHT);
    add_loss_axis(b, &f, tick);
    add_step_axis(b, &f);
    add_levels(b, &f, levels, level_count);
    add_curve(b, &f, losses, 0, "step");
    add_curve(b, &f, losses, count / 24 + 1, "mean");
    strbuf_add_text(b, "</svg>\n");
}
