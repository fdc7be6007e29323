/* backend.c: the backends of a session: finds them by name, opens the CUDA plug-in and its devices
 * when they are asked for the first time.  No CUDA header here: the plug-in is data found through
 * one symbol. */
#include "core/tensor/backend.h"

#include "core/tensor/allocator.h"
#include "core/tensor/op.h"

#include <dlfcn.h>
#include <stdio.h>

gt_status gt_backend_add(gt_ctx *cx, const gt_backend *backend) {
  GT_TRY(gt_allocator_new(cx, backend, &cx->allocators[backend->slot]));
  cx->backends[backend->slot] = backend;
  return GT_OK;
}

void gt_backends_free(gt_ctx *cx) {
  for (int slot = 0; slot < GT_MAX_BACKENDS; slot++) gt_allocator_free(cx, cx->allocators[slot]);
  for (int slot = GT_PLUGIN_SLOT; slot < GT_MAX_BACKENDS; slot++)
    gt_free((gt_backend *)cx->backends[slot]);
  gt_free(cx->plugin_kernels);
  gt_free(cx->fallbacks);
}

/* Sorts the plug-in's kernels into the order of the op table. */
static gt_status match_kernels(gt_ctx *cx, const gt_plugin *plugin) {
  gt_kernel(*kernels)[2] = gt_calloc(cx, (size_t)cx->op_count, sizeof *kernels);
  cx->fallbacks = gt_calloc(cx, (size_t)cx->op_count, sizeof *cx->fallbacks);
  if (kernels == NULL || cx->fallbacks == NULL) {
    gt_free(kernels);
    gt_free(cx->fallbacks);
    cx->fallbacks = NULL;
    return GT_ENOMEM;
  }
  for (const gt_device_kernel *k = plugin->kernels; k->op != NULL; k++) {
    int op = gt_op_find(cx, k->op);
    if (op < 0) continue; /* kernels of ops this build leaves out */
    kernels[op][0] = k->forward;
    kernels[op][1] = k->backward;
  }
  cx->plugin_kernels = kernels;
  return GT_OK;
}

static gt_status open_plugin(gt_ctx *cx) {
  if (cx->plugin != NULL) return GT_OK;
  if (cx->cuda_library == NULL)
    return gt_fail(cx, GT_EDEVICE, "cuda: this build has no CUDA plug-in (nvcc was not found)");
  /* Never closed: its static state (driver, cuBLAS) does not survive that. */
  void *library = dlopen(cx->cuda_library, RTLD_NOW | RTLD_LOCAL);
  if (library == NULL) {
    const char *reason = dlerror();
    return gt_fail(cx, GT_EDEVICE, "cuda: cannot open the plug-in: %s", reason ? reason : "?");
  }
  const gt_plugin *plugin = dlsym(library, "gt_plugin");
  if (plugin == NULL) return gt_fail(cx, GT_EDEVICE, "cuda: %s is not a plug-in", cx->cuda_library);
  if (plugin->abi != GT_PLUGIN_ABI)
    return gt_fail(cx, GT_EDEVICE, "cuda: expected a plug-in of version %d, got %d; rebuild it",
                   GT_PLUGIN_ABI, plugin->abi);
  GT_TRY(match_kernels(cx, plugin));
  cx->plugin = plugin;
  return GT_OK;
}

static gt_status count_devices(gt_ctx *cx, int *out) {
  GT_TRY(open_plugin(cx));
  GT_TRY(cx->plugin->count(cx, out));
  if (*out > GT_MAX_GPUS) *out = GT_MAX_GPUS;
  return GT_OK;
}

static gt_status open_device(gt_ctx *cx, int index, const gt_backend **out) {
  int count = 0, slot = GT_PLUGIN_SLOT + index;
  if (index < GT_MAX_GPUS && cx->backends[slot] != NULL) {
    *out = cx->backends[slot];
    return GT_OK;
  }
  GT_TRY(count_devices(cx, &count));
  if (index >= count)
    return gt_fail(cx, GT_EDEVICE, "device: expected an index below %d, got cuda:%d", count, index);
  gt_backend *backend = gt_calloc(cx, 1, sizeof *backend);
  if (backend == NULL) return GT_ENOMEM;
  gt_status status = cx->plugin->open(cx, index, backend);
  backend->slot = slot;
  backend->kernels = cx->plugin_kernels;
  if (status == GT_OK) status = gt_backend_add(cx, backend);
  if (status != GT_OK) {
    gt_free(backend);
    return status;
  }
  *out = backend;
  return GT_OK;
}

/* The index in "cuda" or "cuda:1"; -1: it is another name. */
static int cuda_index(const gt_ctx *cx, const char *name) {
  char *end = NULL;
  if (strcmp(name, "cuda") == 0) return cx->cuda_index;
  if (strncmp(name, "cuda:", 5) != 0 || name[5] < '0' || name[5] > '9') return -1;
  long index = strtol(name + 5, &end, 10);
  return *end != '\0' || index > 9999 ? -1 : (int)index;
}

gt_status gt_backend_opened(gt_ctx *cx, const char *name, const gt_backend **out) {
  int index = cuda_index(cx, name);
  if (index >= 0)
    *out = index < GT_MAX_GPUS ? cx->backends[GT_PLUGIN_SLOT + index] : NULL;
  else if (strcmp(name, "cpu") == 0)
    *out = cx->cpu;
  else if (strcmp(name, "meta") == 0)
    *out = &gt_backend_meta;
  else
    return gt_fail(cx, GT_EDEVICE, "device: expected cpu, cuda or meta, got %s", name);
  return GT_OK;
}

gt_status gt_backend_find(gt_ctx *cx, const char *name, const gt_backend **out) {
  int index = cuda_index(cx, name);
  return index >= 0 ? open_device(cx, index, out) : gt_backend_opened(cx, name, out);
}

int gt_cuda_count(gt_ctx *cx) {
  char message[GT_MESSAGE_MAX];
  int count = 0;
  memcpy(message, cx->message, sizeof message);
  if (count_devices(cx, &count) != GT_OK) count = 0;
  memcpy(cx->message, message, sizeof message);
  return count;
}

gt_status gt_fallback(gt_call *c) {
  gt_ctx *cx = c->cx;
  int op = gt_op_find(cx, c->op->name);
  if (cx->refuse_fallback)
    return gt_fail(cx, GT_EDEVICE, "%s: no kernel for %s yet; move the tensors to the cpu",
                   c->op->name, c->device->name);
  if (op >= 0 && cx->fallbacks[op]++ == 0 && cx->note != NULL) {
    char text[160];
    snprintf(text, sizeof text, "%s has no kernel for %s yet and runs on the cpu", c->op->name,
             c->device->type);
    cx->note(cx, text);
  }
  c->device = cx->cpu;
  c->stored = c->dtype;
  return GT_OK;
}
