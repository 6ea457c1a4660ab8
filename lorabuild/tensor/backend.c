#include "lorabuild/tensor/backend.h"

const char *op_name(enum op op)
{
    static const char *const names[OP_COUNT] = {
        [OP_EMBEDDING] = "embedding",
        [OP_RMS_NORM] = "rms_norm",
        [OP_LINEAR] = "linear",
        [OP_ROPE] = "rope",
        [OP_ATTENTION] = "attention",
        [OP_SWIGLU] = "swiglu",
        [OP_ADD] = "add",
        [OP_HEAD_LOSS] = "head_loss",
        [OP_HEAD_LOGITS] = "head_logits",
    };
    return (unsigned)op < OP_COUNT ? names[op] : "unknown";
}

bool backend_run(struct backend *b, enum op op, enum pass pass, struct op_call *call,
                 struct error *e)
{
    backend_kernel *kernel = b->kernel[op][pass];
    if (!kernel)
        return error_set(e, ERROR_INTERNAL, "the %s backend has no %s of operation %s", b->name,
                         pass == FORWARD ? "forward" : "backward", op_name(op));
    return kernel(b, call, e);
}
