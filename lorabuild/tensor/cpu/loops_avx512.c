#ifdef __x86_64__
#define LOOPS loops_avx512
#include "lorabuild/tensor/cpu/loops.inc"
#endif
