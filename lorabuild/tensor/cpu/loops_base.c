#define LOOPS loops_base
#include "lorabuild/tensor/cpu/loops.inc"

const struct loops *loops_choose(void)
{
#ifdef __x86_64__
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
        __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq"))
        return &loops_avx512;
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) /* and so f16c */
        return &loops_avx2;
#endif
    return &loops_base;
}
