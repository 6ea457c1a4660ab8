/* commands: one file a command. Each gets the parsed command line and returns the exit code:
 * 0 done, 1 a stage failed, 2 wrong usage or rule file, 130 interrupted. */
#ifndef LORABUILD_COMMANDS_COMMANDS_H
#define LORABUILD_COMMANDS_COMMANDS_H

#include "lorabuild/commands/options.h"
#include "lorabuild/run/target.h"

int command_build(const struct options *o, char *const *names, int count);
int command_caption(const struct options *o);
int command_log(const struct options *o);
int command_use(const struct options *o);
int command_show(const struct options *o);
int command_status(const struct options *o);
int command_doctor(const struct options *o);
int command_diff(const struct options *o);
int command_verify(const struct options *o);
int command_draft(const struct options *o);
int command_export(const struct options *o);
int command_import(const struct options *o);
int command_init(const struct options *o);
int command_forget(const struct options *o);
int command_gc(const struct options *o);
int command_loss(const struct options *o);

/* main()'s whole work: picks the command. */
int command_main(int argc, char **argv);

/* What commands share: the rule file found, read and opened as a project; on failure its errors
 * are printed and *exit_code is set. */
bool command_open(struct project *p, const struct options *o, bool read_only, int *exit_code);
/* What most commands are: the project opened, `work` done in a workshop over it, all closed again;
 * the exit code. */
typedef bool command_work(const struct options *o, struct workshop *w, void *context,
                          struct error *e);
int command_in_workshop(const struct options *o, bool read_only, command_work *work, void *context);
int command_exit_code(const struct error *e);
/* Prints it; returns its exit code. */
int command_fail(const struct error *e);
/* rules_target(); a name whose documents are not there is told with the versions that learned them.
 */
bool command_target(const struct rules *r, const char *name, int *adapter, int *group,
                    struct error *e);
/* chosen: one an adapter of the rules: what the names mean (a group: its members), or, without a
 * name, all; what cannot be built yet is not among them. */
bool command_choose(const struct rules *r, const char *const *names, int count, bool *chosen,
                    struct error *e);
int command_threads(const struct options *o);

#endif
