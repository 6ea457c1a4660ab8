/* expand MODEL FILE: writes every tensor of a .gguf or a folder, by name, as raw f32. */
#include "lorabuild/common/memory.h"
#include "lorabuild/formats/weights.h"

#include <stdio.h>
#include <stdlib.h>

static bool expand(const struct weight_tensor *t, FILE *f)
{
    size_t n = 1;
    for (int d = 0; d < t->dims; d++)
        n *= (size_t)t->shape[d];
    float *numbers = mem_array(n + 1, sizeof *numbers);
    dtype_to_f32(t->type, t->data, numbers, n);
    bool ok = fwrite(numbers, sizeof *numbers, n, f) == n;
    free(numbers);
    return ok;
}

int main(int argc, char **argv)
{
    struct error e = {0};
    struct weights *w = argc == 3 ? weights_open(argv[1], &e) : NULL;
    FILE *f = w ? fopen(argv[2], "wb") : NULL;
    bool ok = f != NULL;
    for (size_t i = 0; ok && i < weights_count(w); i++)
        ok = expand(weights_at(w, i), f);
    if (f)
        ok = fclose(f) == 0 && ok;
    if (!ok)
        fprintf(stderr, "expand: %s\n", e.message[0] ? e.message : "not written");
    weights_close(w);
    return !ok;
}
