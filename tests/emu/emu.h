/* emu.h: a device without hardware, so that the .cu files run wherever a C++ compiler does.
 *
 * Blocks run one after another; the threads of a block are fibers that yield at __syncthreads and
 * at warp exchanges only.  GT_EMU_ORDER=reverse runs them from the last to the first: a kernel
 * whose result depends on the order lacks a barrier.  Device memory is a range of its own that only
 * kernels of its device, copies and products can touch: anything else that follows a device pointer
 * faults, as it would with a real device.  Not emulated: speed, streams that overlap, float
 * contraction. */
#ifndef GT_EMU_H
#define GT_EMU_H

#include <cstddef>
#include <cstdint>
#include <functional>

struct dim3 {
  unsigned x, y, z;
  constexpr dim3(unsigned x_ = 1, unsigned y_ = 1, unsigned z_ = 1) : x(x_), y(y_), z(z_) {}
};

namespace emu {

/* What a kernel reads as threadIdx, blockIdx, blockDim and gridDim. */
struct Position {
  dim3 thread, block, block_dim, grid_dim;
};
extern thread_local Position position;
extern unsigned char *dynamic_shared;

/* A stream belongs to the device that was current when it was made; NULL is the current one's. */
struct Stream {
  int device;
};

/* Refused, as launch_error() says, when the stream is not the current device's. */
void launch(dim3 grid, dim3 block, size_t shared, const Stream *stream,
            const std::function<void()> &kernel);
bool launch_error(); /* since it was last asked */
void block_barrier();
/* Gives every lane of the warp the value that lane `source` (0 … 31) brought; all lanes take part.
 */
uint64_t exchange(uint64_t value, int source);
int lane();

/* The devices: GT_EMU_DEVICES of them, two if that is not set. */
int device_count();
extern int current_device;

/* Memory of the current device.  open() lets this thread touch that of one device (ALL: of every
 * one), close() forbids it again; they nest. */
enum { ALL = -1 };
void *allocate(size_t bytes);
void release(void *data);
void open(int device);
void close();
struct Opened {
  explicit Opened(int device) { open(device); }
  ~Opened() { close(); }
};

} // namespace emu

#endif
