/* logits MODEL OUT: token ids as text on stdin → their logits as raw f32 (tokens, vocabulary). */
#include "lorabuild/models/model.h"

#include <stdio.h>
#include <stdlib.h>

static bool run(const char *path, const struct model_input *in, FILE *out, struct error *e)
{
    bool ok = false;
    struct weights *w = weights_open(path, e);
    struct model *m = w ? model_open(w, e) : NULL;
    struct backend *b = m ? cpu_backend_open(COMPUTE_F32, 0, e) : NULL;
    struct tape *t = b ? tape_open(b) : NULL;
    struct value *x = t ? model_forward(m, t, in, NULL, false, e) : NULL;
    if (x) {
        size_t n = (size_t)(in->count * model_shape(m)->vocabulary);
        float *logits = malloc(n * sizeof *logits);
        ok = op_head_logits(t, x, model_head(m), in->positions, in->count, logits, e) &&
             fwrite(logits, sizeof *logits, n, out) == n;
        free(logits);
    }
    tape_close(t);
    cpu_backend_close(b);
    model_close(m);
    weights_close(w);
    return ok;
}

int main(int argc, char **argv)
{
    static int32_t ids[65536], positions[65536];
    int32_t count = 0;
    struct error e = {0};
    FILE *out = argc == 3 ? fopen(argv[2], "wb") : NULL;
    if (!out) {
        fprintf(stderr, "usage: logits MODEL OUT < ids\n");
        return 2;
    }
    while (count < 65536 && scanf("%d", &ids[count]) == 1) {
        positions[count] = count;
        count++;
    }
    int32_t starts[2] = {0, count};
    struct model_input in = {ids, positions, starts, count, 1};
    bool ok = run(argv[1], &in, out, &e);
    if (fclose(out) != 0 || !ok) {
        fprintf(stderr, "logits: %s\n", e.message);
        return 1;
    }
    return 0;
}
