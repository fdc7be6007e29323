/* emu.cpp: the scheduler and the memory of the emulated device (see emu.h). */
#include "emu.h"

#include <cstdlib>
#include <cstring>
#include <map>
#include <memory>
#include <sys/mman.h>
#include <ucontext.h>
#include <vector>

namespace emu {

thread_local Position position;
unsigned char *dynamic_shared;

namespace {

enum State { READY, AT_BLOCK, AT_WARP, DONE };
enum { WARP = 32, STACK_BYTES = 128 << 10 };

/* Where a fiber or the scheduler stands.  swapcontext() starts a fiber; after that the compiler's
 * own jumps do, which need no system call. */
struct Place {
  void *jump[5];
};

struct Fiber {
  Place place;
  std::unique_ptr<char[]> stack;
  State state = DONE;
  uint64_t slot = 0; /* the value brought to a warp exchange */
};

std::vector<Fiber> fibers; /* kept between launches: stacks are expensive */
Place scheduler;
unsigned current, thread_count;
const std::function<void()> *body;

__attribute__((noinline)) void jump(Place &to) { __builtin_longjmp(to.jump, 1); }

__attribute__((noinline)) void go(Place &from, Place &to) {
  if (__builtin_setjmp(from.jump) == 0) jump(to);
}

void yield(State state) {
  fibers[current].state = state;
  go(fibers[current].place, scheduler);
}

/* A fiber runs one thread after the other, as long as the program. */
void live() {
  for (;;) {
    (*body)();
    yield(DONE);
  }
}

void start(Fiber &fiber) {
  ucontext_t first, here;
  fiber.stack.reset(new char[STACK_BYTES]);
  getcontext(&first);
  first.uc_stack.ss_sp = fiber.stack.get();
  first.uc_stack.ss_size = STACK_BYTES;
  first.uc_link = nullptr;
  makecontext(&first, live, 0);
  if (__builtin_setjmp(scheduler.jump) == 0) swapcontext(&here, &first);
}

/* Runs the current thread until it yields. */
void resume(Fiber &fiber) {
  if (fiber.stack)
    go(scheduler, fiber.place);
  else
    start(fiber);
}

void set_thread(unsigned index) {
  const dim3 &d = position.block_dim;
  position.thread = dim3(index % d.x, index / d.x % d.y, index / (d.x * d.y));
  current = index;
}

/* Lets the lanes of every warp go whose living lanes have all arrived. */
bool release_warps() {
  bool any = false;
  for (unsigned first = 0; first < thread_count; first += WARP) {
    unsigned last = first + WARP < thread_count ? first + WARP : thread_count;
    bool complete = true, waiting = false;
    for (unsigned i = first; i < last; i++) {
      waiting |= fibers[i].state == AT_WARP;
      complete &= fibers[i].state == AT_WARP || fibers[i].state == DONE;
    }
    if (!waiting || !complete) continue;
    for (unsigned i = first; i < last; i++)
      if (fibers[i].state == AT_WARP) fibers[i].state = READY;
    any = true;
  }
  return any;
}

bool release_block() {
  bool any = false;
  for (unsigned i = 0; i < thread_count; i++)
    if (fibers[i].state == AT_BLOCK) fibers[i].state = READY, any = true;
  return any;
}

void run_block(bool reverse) {
  for (unsigned i = 0; i < thread_count; i++) fibers[i].state = READY;
  for (;;) {
    bool ran = false;
    for (unsigned n = 0; n < thread_count; n++) {
      unsigned i = reverse ? thread_count - 1 - n : n;
      if (fibers[i].state != READY) continue;
      set_thread(i);
      resume(fibers[i]);
      ran = true;
    }
    if (!ran && !release_warps() && !release_block()) return;
  }
}

} // namespace

int lane() { return (int)(current % WARP); }

void block_barrier() { yield(AT_BLOCK); }

uint64_t exchange(uint64_t value, int source) {
  fibers[current].slot = value;
  yield(AT_WARP);
  unsigned from = current / WARP * WARP + (unsigned)source;
  uint64_t result = from < thread_count ? fibers[from].slot : value;
  yield(AT_WARP); /* nobody overwrites a slot before everybody has read it */
  return result;
}

static bool refused;

bool launch_error() {
  bool was = refused;
  refused = false;
  return was;
}

void launch(dim3 grid, dim3 block, size_t shared, const Stream *stream,
            const std::function<void()> &kernel) {
  refused = refused || (stream && stream->device != current_device);
  if (refused) return;
  static const char *order = std::getenv("GT_EMU_ORDER");
  bool reverse = order && !std::strcmp(order, "reverse");
  Opened memory(current_device);
  std::vector<unsigned char> dynamic(shared + 64);
  dynamic_shared = dynamic.data() + (64 - (uintptr_t)dynamic.data() % 64) % 64;
  thread_count = block.x * block.y * block.z;
  if (fibers.size() < thread_count) fibers.resize(thread_count);
  body = &kernel;
  position.block_dim = block;
  position.grid_dim = grid;
  for (unsigned z = 0; z < grid.z; z++)
    for (unsigned y = 0; y < grid.y; y++)
      for (unsigned x = 0; x < grid.x; x++) {
        position.block = dim3(x, y, z);
        run_block(reverse);
      }
}

/* ---- memory ---- */

namespace {

struct Segment {
  size_t bytes;
  int device;
};
std::map<void *, Segment> segments;
int opened, opened_device;

void protect(int mode) {
  for (auto &segment : segments)
    if (opened_device == ALL || segment.second.device == opened_device)
      mprotect(segment.first, segment.second.bytes, mode);
}

} // namespace

int current_device;

int device_count() {
  const char *wanted = std::getenv("GT_EMU_DEVICES");
  return wanted ? std::atoi(wanted) : 2;
}

void *allocate(size_t bytes) {
  size_t rounded = (bytes + 4095) / 4096 * 4096;
  int mode = opened ? PROT_READ | PROT_WRITE : PROT_NONE;
  void *data = mmap(nullptr, rounded, mode, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (data == MAP_FAILED) return nullptr;
  segments[data] = {rounded, current_device};
  return data;
}

void release(void *data) {
  auto segment = segments.find(data);
  if (segment == segments.end()) return;
  munmap(segment->first, segment->second.bytes);
  segments.erase(segment);
}

void open(int device) {
  if (opened++ > 0) return;
  opened_device = device;
  protect(PROT_READ | PROT_WRITE);
}

void close() {
  if (--opened == 0) protect(PROT_NONE);
}

} // namespace emu
