#ifdef __x86_64__
#define LOOPS loops_avx2
#include "lorabuild/tensor/cpu/loops.inc"
#endif
