/* report_chart: the report's drawings, as SVG; the page's style has their colours.
 *
 * The same numbers give the same bytes. Losses that are no numbers are gaps.
 */
#ifndef LORABUILD_STAGES_REPORT_CHART_H
#define LORABUILD_STAGES_REPORT_CHART_H

#include "lorabuild/common/str.h"

struct chart_level {   /* a level line across the whole drawing */
    double value;      /* NaN: not drawn */
    const char *label; /* "before", "limit" or "now": the style's names */
};

/* The loss of each step, thin, and its running mean, bold, with level lines. */
void chart_losses(struct strbuf *b, const double *losses, size_t count,
                  const struct chart_level *levels, size_t level_count);

/* Ticks from at most `least` on to at least `most`, four to eight or so; gives their distance. */
double chart_tick(double least, double most);

#endif
