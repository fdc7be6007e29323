/* backend.c: the CPU as a backend: the host's memory, the loops of this folder.  Its kernels are
 * those of the op descriptors. */
#include "kernels/cpu/backend.h"

const gt_backend gt_backend_cpu = {
    .name = "cpu",
    .type = "cpu",
    .index = -1,
    .host = true,
    .data = true,
    .alloc = gt_host_alloc,
    .release = gt_host_release,
    .copy = gt_host_copy,
    .strided_copy = gt_cpu_strided_copy,
    .fill = gt_cpu_fill,
    .sync = gt_host_sync,
    .memory = gt_host_memory,
};
