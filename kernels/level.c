/* level.c: what a CPU level offers: its backend, and the list in ops.def as a table.
 * The makefile says which level (GT_LEVEL) is compiled; gt_cpu_level_NAME is its only symbol that
 * is seen outside. */
#include "core/tensor/level.h"
#include "kernels/cpu/backend.h"

#define OP(name) extern const gt_op gt_op_##name;
#include "kernels/ops.def"
#undef OP

static const gt_op *const ops[] = {
#define OP(name) &gt_op_##name,
#include "kernels/ops.def"
#undef OP
};

#define JOIN(a, b) a##b
#define SYMBOL(level) JOIN(gt_cpu_level_, level)
#define QUOTE(text) #text
#define TEXT(text) QUOTE(text)
#ifdef GT_ARCH
#define NAME TEXT(GT_ARCH)
#else
#define NAME TEXT(GT_LEVEL)
#endif

extern const gt_cpu_level SYMBOL(GT_LEVEL);
const gt_cpu_level SYMBOL(GT_LEVEL) = {
    .name = NAME, .cpu = &gt_backend_cpu, .ops = ops, .op_count = GT_COUNT(ops)};
