/* host.c: host memory: segments from mmap, aligned to and backed by huge pages where the kernel has
 * them. */
#include "core/tensor/allocator.h"
#include "core/tensor/pool.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#define HUGE_PAGE ((size_t)2 << 20)
#define COPY_GRAIN ((int64_t)1 << 20) /* bytes per chunk of a large copy */

typedef struct copy_job {
  char *to;
  const char *from;
} copy_job;

/* Reads a small file of the kernel; false when it is not there. */
static bool read_small(const char *path, char *text, size_t size) {
  int file = open(path, O_RDONLY | O_CLOEXEC);
  if (file < 0) return false;
  ssize_t n = read(file, text, size - 1);
  close(file);
  if (n < 0) return false;
  text[n] = 0;
  return true;
}

/* The number after `key` in /proc/meminfo, in bytes; 0 when there is none. */
static size_t meminfo(const char *text, const char *key) {
  const char *at = strstr(text, key);
  return at == NULL ? 0 : (size_t)strtoull(at + strlen(key), NULL, 10) * 1024;
}

/* What we have of addresses and of memory, in bytes; 0 where the kernel does not say. */
static void own_bytes(size_t *addresses, size_t *resident) {
  char text[128], *end = NULL;
  size_t page = (size_t)sysconf(_SC_PAGESIZE);
  *addresses = *resident = 0;
  if (!read_small("/proc/self/statm", text, sizeof text)) return;
  *addresses = (size_t)strtoull(text, &end, 10) * page;
  *resident = (size_t)strtoull(end, NULL, 10) * page;
}

/* What ulimit -v still lets us have. */
static size_t address_limit(size_t used) {
  struct rlimit limit;
  if (getrlimit(RLIMIT_AS, &limit) || limit.rlim_cur == RLIM_INFINITY) return SIZE_MAX;
  return limit.rlim_cur > used ? (size_t)limit.rlim_cur - used : 0;
}

/* What the control group still lets us have. */
static size_t group_limit(void) {
  char limit[64], current[64];
  if (!read_small("/sys/fs/cgroup/memory.max", limit, sizeof limit) || limit[0] == 'm' ||
      !read_small("/sys/fs/cgroup/memory.current", current, sizeof current))
    return SIZE_MAX;
  size_t most = (size_t)strtoull(limit, NULL, 10), used = (size_t)strtoull(current, NULL, 10);
  return most > used ? most - used : 0;
}

/* Memory is only taken when first touched: what we hold but have not touched is not free. */
gt_status gt_host_memory(gt_ctx *cx, const gt_backend *backend, size_t *free_bytes,
                         size_t *total_bytes) {
  char text[512];
  size_t total = (size_t)sysconf(_SC_PHYS_PAGES) * (size_t)sysconf(_SC_PAGESIZE);
  size_t available = total;
  if (read_small("/proc/meminfo", text, sizeof text)) {
    size_t found = meminfo(text, "MemAvailable:");
    if (found > 0) available = found;
  }
  size_t group = group_limit();
  if (group < available) available = group;
  size_t held = gt_memory(cx, backend).cached, addresses, resident;
  own_bytes(&addresses, &resident);
  size_t promised = held > resident ? held - resident : 0;
  available = available > promised ? available - promised : 0;
  size_t left = address_limit(addresses);
  *free_bytes = available < left ? available : left;
  *total_bytes = total;
  return GT_OK;
}

gt_status gt_host_alloc(gt_ctx *cx, const gt_backend *backend, size_t bytes, void **out) {
  size_t reserve = bytes + HUGE_PAGE;
  char *data = reserve < bytes ? MAP_FAILED
                               : mmap(NULL, reserve, PROT_READ | PROT_WRITE,
                                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (data == MAP_FAILED)
    return gt_fail(cx, GT_ENOMEM, "%s: out of memory: the system refused %zu bytes", backend->name,
                   bytes);
  size_t lead = (HUGE_PAGE - (uintptr_t)data % HUGE_PAGE) % HUGE_PAGE;
  if (lead > 0) munmap(data, lead);
  if (reserve - lead > bytes) munmap(data + lead + bytes, reserve - lead - bytes);
  madvise(data + lead, bytes, MADV_HUGEPAGE); /* advice: refusal only costs speed */
  *out = data + lead;
  return GT_OK;
}

void gt_host_release(gt_ctx *cx, const gt_backend *backend, void *data, size_t bytes) {
  (void)cx, (void)backend;
  munmap(data, bytes);
}

static void copy_chunk(void *argument, int64_t begin, int64_t end) {
  copy_job *job = argument;
  memcpy(job->to + begin, job->from + begin, (size_t)(end - begin));
}

gt_status gt_host_copy(gt_ctx *cx, void *to, const gt_backend *to_backend, const void *from,
                       const gt_backend *from_backend, size_t bytes) {
  (void)to_backend, (void)from_backend;
  if (bytes > 0)
    gt_parallel_shielded(cx, (int64_t)bytes, COPY_GRAIN, copy_chunk, &(copy_job){to, from});
  return GT_OK;
}

gt_status gt_host_sync(gt_ctx *cx, const gt_backend *backend) {
  (void)cx, (void)backend;
  return GT_OK;
}
