/* nearest: the word that was probably meant.
 *
 * Distance: Damerau–Levenshtein with adjacent swaps ("optimal string alignment"), over
 * characters, upper and lower case alike.
 */
#ifndef RULES_NEAREST_H
#define RULES_NEAREST_H

#include <stddef.h>

#define NEAREST_LONGEST 64 /* characters; longer words are compared by their beginning */

size_t word_distance(const char *a, const char *b);

/* The nearest of `words` if it is near enough (a third of the word's length, at least 1), or
 * NULL. Ties go to the earlier one. */
const char *nearest_word(const char *word, const char *const *words, size_t count);

#endif
