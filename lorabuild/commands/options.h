/* options: the command line. Every option is one row of a table that parsing and --help share; an
 * option that belongs to some commands only is refused with the others. */
#ifndef LORABUILD_COMMANDS_OPTIONS_H
#define LORABUILD_COMMANDS_OPTIONS_H

#include "lorabuild/common/error.h"

#include <stdint.h>

struct options {
    const char *rule_file, *folder; /* -f, -C */
    bool dry_run, why, rebuild, newest_parents, rehash, keep_going, quiet, verbose, all, json;
    int64_t jobs, threads;
    uint64_t memory_bytes;
    const char *device, *trace;
    /* what single commands take */
    const char *yes, *never_saw, *to, *output, *graph, *redo;
    bool undo, accept;
    /* draft */
    double temperature, top_p, repeat_penalty;
    int64_t top_k, max_tokens, seed;
    bool raw, base;
    /* what remains */
    const char **words;
    int word_count;
    bool help, version;
    bool *given; /* by the option's row */
};

/* Options may stand anywhere; "--" ends them. Owner of `words`: options_free(). The command is
 * words[0] if that is one, else "build". */
bool options_parse(struct options *o, int argc, char **argv, struct error *e);
bool options_is_command(const char *word);
void options_free(struct options *o);
void options_print_help(void);

#endif
