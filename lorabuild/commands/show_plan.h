/* show_plan: plans in words, for build, --why and status.
 *
 *   show_plan.c      what is about to be done, and what is current
 *   show_why.c       the whole of --why
 *   show_withdrawn.c what is said where something was withdrawn
 */
#ifndef LORABUILD_COMMANDS_SHOW_PLAN_H
#define LORABUILD_COMMANDS_SHOW_PLAN_H

#include "lorabuild/commands/screen.h"
#include "lorabuild/run/build.h"

/* "Plan      city v1, then text-a v1: about 48 min; Ctrl-C is safe at any time" */
void show_plan(struct screen *s, const struct build_job *jobs, size_t count);
/* The whole of --why for one adapter; `job` NULL: nothing would be done. */
void show_why(struct screen *s, const struct workshop *w, const struct target *t,
              const struct build_job *job);
/* "text-a    v2 is current: 13 documents, 146 samples unchanged              0.04 s" */
void show_current(struct screen *s, const struct target *t, double seconds);
/* Each key of a recipe that differs: "  ~ rank               8, was 4"; how many. Both are JSON, in
 * full. */
size_t show_recipe_difference(struct screen *s, const json_t *before, const json_t *now);
/* "city v1", or the base's name: what an adapter starts from without a version of its own. */
char *show_parent(const struct workshop *w, const struct target *t);
/* "earlier pages +0.2 % (limit +1 %): passed", of a job that was checked */
void show_check_words(char line[static 200], const struct build_job *job);

/* "without 交通报价.docx": "交通报价.docx", "bridge.md §2", "3 documents", "12 samples" */
void show_withdrawn(struct strbuf *b, const struct withdrawal *w);
/* "v1 and v2 learned it; neither is continued", as a further line of the plan; nothing for others
 */
void show_not_continued(struct screen *s, const struct build_job *job);
/* note: "4 of its 21 samples stay: 方案2023.docx has the same text", and what is nearly the same */
void show_remains(struct screen *s, const struct build_job *job);
/* "ready, in use; never saw the other 17 samples" */
void show_never_saw(char line[static 200], const struct withdrawal *w);
/* "v1, v2    blocked from `use`; to erase them with a receipt:", and the command; `w` may be NULL
 */
void show_blocked(struct screen *s, const char *adapter, const struct withdrawal *w);

#endif
