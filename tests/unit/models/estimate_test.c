#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "lorabuild/common/file.h"
#include "lorabuild/common/memory.h"
#include "lorabuild/common/random.h"
#include "lorabuild/formats/safetensors.h"
#include "lorabuild/models/lora.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WIDTH 96
#define INNER 256
#define LAYERS 5
#define VOCABULARY 700

static const char config[] =
    "{\"architectures\": [\"LlamaForCausalLM\"], \"model_type\": \"llama\", \"hidden_size\": 96,"
    "\"intermediate_size\": 256, \"num_hidden_layers\": 5, \"num_attention_heads\": 6,"
    "\"num_key_value_heads\": 2, \"vocab_size\": 700, \"tie_word_embeddings\": true}";

static char folder[] = "/tmp/estimate_test.XXXXXX";
static struct weight_tensor tensors[200];
static size_t tensor_count;

static void add(const char *name, int64_t rows, int64_t cols)
{
    struct weight_tensor *t = &tensors[tensor_count++];
    size_t n = (size_t)(rows * (cols ? cols : 1));
    uint16_t *numbers = malloc(n * sizeof *numbers);
    struct random r = {.seed = 1, .purpose = random_purpose(name)};
    for (size_t i = 0; i < n; i++)
        numbers[i] = f32_to_bf16(random_uniform(r, i, -0.1f, 0.1f));
    *t = (struct weight_tensor){.name = mem_strdup(name),
                                .type = DTYPE_BF16,
                                .dims = cols ? 2 : 1,
                                .shape = {rows, cols},
                                .data = numbers,
                                .size_bytes = n * sizeof *numbers};
}

static int make_model(void **state)
{
    static const struct {
        const char *name;
        int64_t rows, cols;
    } parts[] = {{"input_layernorm", WIDTH, 0},          {"mlp.down_proj", WIDTH, INNER},
                 {"mlp.gate_proj", INNER, WIDTH},        {"mlp.up_proj", INNER, WIDTH},
                 {"post_attention_layernorm", WIDTH, 0}, {"self_attn.k_proj", 32, WIDTH},
                 {"self_attn.o_proj", WIDTH, WIDTH},     {"self_attn.q_proj", WIDTH, WIDTH},
                 {"self_attn.v_proj", 32, WIDTH}};
    char name[200];
    struct error e = {0};
    (void)state;
    assert_non_null(mkdtemp(folder));
    add("model.embed_tokens.weight", VOCABULARY, WIDTH);
    for (int i = 0; i < LAYERS; i++)
        for (size_t j = 0; j < sizeof parts / sizeof *parts; j++) {
            snprintf(name, sizeof name, "model.layers.%d.%s.weight", i, parts[j].name);
            add(name, parts[j].rows, parts[j].cols);
        }
    add("model.norm.weight", WIDTH, 0);
    snprintf(name, sizeof name, "%s/model.safetensors", folder);
    if (!safetensors_write(name, tensors, tensor_count, NULL, &e))
        fail_msg("%s", e.message);
    snprintf(name, sizeof name, "%s/config.json", folder);
    assert_true(file_replace(name, str_of(config), 0644, &e));
    for (size_t i = 0; i < tensor_count; i++) {
        free((void *)(uintptr_t)tensors[i].name);
        free((void *)(uintptr_t)tensors[i].data);
    }
    return 0;
}

static int remove_model(void **state)
{
    struct error e;
    (void)state;
    return folder_remove(folder, &e) ? 0 : 1;
}

static void step(struct model *m, struct tape *t, int32_t tokens, bool checkpoint)
{
    struct error e = {0};
    size_t n = (size_t)tokens;
    int32_t *ids = calloc(n, sizeof *ids), *positions = calloc(n, sizeof *positions);
    float *weights = calloc(n, sizeof *weights);
    for (int32_t i = 0; i < tokens; i++) {
        ids[i] = i * 31 % (int32_t)model_shape(m)->vocabulary;
        positions[i] = i;
        weights[i] = 1;
    }
    int32_t starts[3] = {0, tokens / 3, tokens};
    double loss = 0;
    struct model_input in = {ids, positions, starts, tokens, 2};
    struct head_loss h = {model_head(m), ids, weights, 1, &loss, NULL};
    tape_record(t, true);
    struct value *x = model_forward(m, t, &in, NULL, checkpoint, &e);
    assert_non_null(x);
    assert_true(op_head_loss(t, x, &h, &e) && tape_backward(t, &e));
    assert_true(isfinite(loss));
    tape_reset(t);
    free(ids);
    free(positions);
    free(weights);
}

static void check_memory(const char *path)
{
    static const int32_t sizes[] = {100, 150, 512, 1500};
    for (int i = 0; i < 8; i++) {
        struct error e = {0};
        struct lora_set s;
        bool checkpoint = i & 1;
        struct weights *w = weights_open(path, &e);
        struct model *m = model_open(w, &e);
        struct backend *b = cpu_backend_open(COMPUTE_F32, 0, &e);
        struct tape *t = tape_open(b);
        assert_true(lora_create(&s, m, NULL, 0, 8, 16, 0, 1, &e));
        lora_attach(&s);
        step(m, t, sizes[i / 2], checkpoint);
        step(m, t, sizes[i / 2], checkpoint);
        double real = (double)(tape_peak_bytes(t) + cpu_backend_bytes(b));
        double estimate = (double)model_step_bytes(m, sizes[i / 2], 8, checkpoint);
        if (fabs(real / estimate - 1) > 0.15)
            print_error("%d tokens%s: %.3f MB, estimated %.3f\n", sizes[i / 2],
                        checkpoint ? ", checkpointed" : "", real / 1e6, estimate / 1e6);
        assert_true(fabs(real / estimate - 1) <= 0.15);
        lora_free(&s);
        tape_close(t);
        cpu_backend_close(b);
        model_close(m);
        weights_close(w);
    }
}

static void memory_is_what_the_estimate_says(void **state)
{
    (void)state;
    check_memory(folder);
    check_memory("tests/golden/quants/mixed.gguf"); /* every quantised type */
}

/* By hand: 4 FLOP a parameter and token without recomputation, 6 with; attention apart. */
static void flop_are_counted_by_shapes(void **state)
{
    (void)state;
    struct error e = {0};
    struct weights *w = weights_open(folder, &e);
    struct model *m = model_open(w, &e);
    double blocks = 5 * (2.0 * 96 * 96 + 2 * 32 * 96 + 3 * 256 * 96), head = 700.0 * 96;
    double attention = 2 * 100 * 101 / 2.0 * 96 * 5;
    double plain = 4 * 100 * (blocks + head) + 7 * attention;
    assert_true(fabs(model_step_flop(m, 100, 100, false) - plain) <= 1e-9 * plain);
    double more = plain + 2 * 100 * blocks + 2 * attention;
    assert_true(fabs(model_step_flop(m, 100, 100, true) - more) <= 1e-9 * more);
    model_close(m);
    weights_close(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(memory_is_what_the_estimate_says),
        cmocka_unit_test(flop_are_counted_by_shapes),
    };
    return cmocka_run_group_tests(tests, make_model, remove_model);
}
