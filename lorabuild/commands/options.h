/* options: the command line. Every option and command is one row of a table that parsing and
 * --help share. */
#ifndef LORABUILD_COMMANDS_OPTIONS_H
#define LORABUILD_COMMANDS_OPTIONS_H

#include "lorabuild/common/error.h"

#include <stdint.h>

struct options {
    const char *rule_file, *folder; /* -f, -C */
    bool dry_run, why, rebuild, newest_parents, rehash, keep_going, quiet, verbose, all;
    int64_t jobs, threads;
    uint64_t memory_bytes;
    const char *device;
    /* draft */
    double temperature, top_p, repeat_penalty;
    int64_t top_k, max_tokens, seed;
    bool raw, base;
    /* what remains */
    const char **words;
    int word_count;
    bool help, version;
};

/* Options may stand anywhere; "--" ends them. Owner of `words`: options_free(). */
bool options_parse(struct options *o, int argc, char **argv, struct error *e);
void options_free(struct options *o);
void options_print_help(void);

#endif
