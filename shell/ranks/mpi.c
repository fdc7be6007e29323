/* mpi.c: the plug-in gptsh-mpi.so: ranks by MPI.  Built where mpicc is, opened under mpirun only.
 */
#include "shell/ranks/engine.h"

#include <limits.h>
#include <mpi.h>

enum { TAG = 1 };

static void engine_open(int *rank, int *ranks) {
  int level;
  MPI_Init_thread(NULL, NULL, MPI_THREAD_FUNNELED, &level); /* only the main thread calls it */
  MPI_Comm_rank(MPI_COMM_WORLD, rank);
  MPI_Comm_size(MPI_COMM_WORLD, ranks);
}

static void engine_send(int to, const char *text, size_t size) {
  if (size > INT_MAX)
    MPI_Abort(MPI_COMM_WORLD, 1); /* gigabytes of one text: no caller sends that */
  MPI_Send(text, (int)size, MPI_CHAR, to, TAG, MPI_COMM_WORLD);
}

static bool engine_probe(int *from, size_t *size) {
  int there, count;
  MPI_Status status;
  MPI_Iprobe(MPI_ANY_SOURCE, TAG, MPI_COMM_WORLD, &there, &status);
  if (!there) return false;
  MPI_Get_count(&status, MPI_CHAR, &count);
  *from = status.MPI_SOURCE;
  *size = (size_t)count;
  return true;
}

static void engine_receive(int from, char *text, size_t size) {
  MPI_Recv(text, (int)size, MPI_CHAR, from, TAG, MPI_COMM_WORLD, MPI_STATUS_IGNORE);
}

static void engine_close(int code) {
  if (code == 0)
    MPI_Finalize();
  else
    MPI_Abort(MPI_COMM_WORLD, code);
}

extern const sh_engine sh_engine_mpi;
const sh_engine sh_engine_mpi = {.version = SH_ENGINE_VERSION,
                                 .open = engine_open,
                                 .send = engine_send,
                                 .probe = engine_probe,
                                 .receive = engine_receive,
                                 .close = engine_close};
