#include "lorabuild/tensor/cpu/cpu.h"

#include "lorabuild/common/memory.h"

#include <dnnl.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

const char *cpu_instruction_set(void)
{
    switch (dnnl_get_effective_cpu_isa()) {
    case dnnl_cpu_isa_sse41: return "sse41";
    case dnnl_cpu_isa_avx: return "avx";
    case dnnl_cpu_isa_avx2: return "avx2";
    case dnnl_cpu_isa_avx2_vnni: return "avx2_vnni";
    case dnnl_cpu_isa_avx512_mic: return "avx512_mic";
    case dnnl_cpu_isa_avx512_mic_4ops: return "avx512_mic_4ops";
    case dnnl_cpu_isa_avx512_core: return "avx512";
    case dnnl_cpu_isa_avx512_core_vnni: return "avx512_vnni";
    case dnnl_cpu_isa_avx512_core_bf16: return "avx512_bf16";
    case dnnl_cpu_isa_avx512_core_amx: return "avx512_amx";
    default: return "generic";
    }
}

#define TEXT_OF(number) #number
#define TEXT(number) TEXT_OF(number)

const char *cpu_library_version(void)
{
    return "oneDNN " TEXT(DNNL_VERSION_MAJOR) "." TEXT(DNNL_VERSION_MINOR) "." TEXT(
        DNNL_VERSION_PATCH);
}

static double seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

#define M 256
#define N 1536
#define K 576

/* The best of a few runs of one product, within about 50 ms. */
static bool time_product(struct product_cache *cache, enum dtype type, void *const memory[3],
                         double *flop_per_s, struct error *e)
{
    struct product f32 = {.m = M,
                          .n = N,
                          .k = K,
                          .a = memory[0],
                          .stride_a = K,
                          .b = memory[1],
                          .stride_b = K,
                          .turn_b = true,
                          .c = memory[2],
                          .stride_c = N,
                          .alpha = 1};
    struct product_typed bf16 = {DTYPE_BF16, M, N, K, memory[0], memory[1], true, memory[2], false};
    double best = 0, until = seconds() + 0.05;
    for (int i = 0; i < 3 || seconds() < until; i++) {
        double start = seconds();
        if (!(type == DTYPE_F32 ? product_run(&f32, e) : product_typed_run(cache, &bf16, e)))
            return false;
        double took = seconds() - start;
        if (i > 0 && (best == 0 || took < best)) /* the first makes the primitive */
            best = took;
    }
    *flop_per_s = 2.0 * M * N * K / best;
    return true;
}

bool cpu_measure(double *f32_flop_per_s, double *bf16_flop_per_s, struct error *e)
{
    static const size_t bytes[3] = {M * K * 4, N * K * 4, M * N * 4};
    void *memory[3] = {0};
    struct product_cache *cache = product_cache_open(e);
    bool ok = cache != NULL;
    for (int i = 0; i < 3 && ok; i++) {
        memory[i] = mem_try_alloc(bytes[i]);
        ok = memory[i] || error_set(e, ERROR_LIMIT, "out of memory: no room for a measurement");
        if (ok)
            memset(memory[i], 0, bytes[i]); /* speed does not depend on the numbers */
    }
    *bf16_flop_per_s = 0;
    ok = ok && time_product(cache, DTYPE_F32, memory, f32_flop_per_s, e) &&
         (!product_has_bf16(cache) || time_product(cache, DTYPE_BF16, memory, bf16_flop_per_s, e));
    for (int i = 0; i < 3; i++)
        free(memory[i]);
    product_cache_close(cache);
    return ok;
}
