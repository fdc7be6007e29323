/* ranks.c: finds out from the environment whether mpirun has started us, opens the plug-in. */
#include "shell/ranks.h"
#include "lua/bind/bind.h"
#include "shell/interrupt.h"
#include "shell/ranks/engine.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <lauxlib.h>
#include <stdbool.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#define SH_POLL_NS 1000000 /* between two looks for a text */

/* What launchers tell their processes. */
static const struct {
  const char *ranks, *rank;
  const char *here, *local; /* how many on this machine, which of them */
} launchers[] = {
    {"OMPI_COMM_WORLD_SIZE", "OMPI_COMM_WORLD_RANK", "OMPI_COMM_WORLD_LOCAL_SIZE",
     "OMPI_COMM_WORLD_LOCAL_RANK"},                                 /* Open MPI */
    {"PMI_SIZE", "PMI_RANK", "MPI_LOCALNRANKS", "MPI_LOCALRANKID"}, /* MPICH */
};

static const sh_engine *engine; /* NULL until opened */
static int own_rank, all_ranks;

static int number(const char *name, int fallback) {
  const char *text = getenv(name);
  return text ? atoi(text) : fallback;
}

/* Row of the launcher that has started more than one of us; -1: none. */
static int launcher(void) {
  for (int i = 0; i < (int)(sizeof launchers / sizeof *launchers); i++)
    if (number(launchers[i].ranks, 1) > 1) return i;
  return -1;
}

int sh_ranks_local(void) {
  int i = launcher();
  return i < 0 ? 0 : number(launchers[i].local, 0);
}

void sh_ranks_hush(void) {
  int i = launcher();
  if (i < 0 || number(launchers[i].rank, 0) == 0) return;
  int nowhere = open("/dev/null", O_WRONLY | O_CLOEXEC);
  if (nowhere < 0) return;
  dup2(nowhere, STDOUT_FILENO);
  close(nowhere);
}

static void open_engine(lua_State *L) {
  char path[4096];
  if (!gtlua_find_plugin("gptsh-mpi.so", path, sizeof path))
    luaL_error(L, "started by mpirun, but this build has no MPI plug-in (mpicc was not found)");
  /* Never closed.  Its symbols are for the parts that MPI itself opens. */
  void *library = dlopen(path, RTLD_NOW | RTLD_GLOBAL);
  if (!library) luaL_error(L, "cannot open the MPI plug-in: %s", dlerror());
  const sh_engine *found = dlsym(library, SH_ENGINE_SYMBOL);
  if (!found || found->version != SH_ENGINE_VERSION)
    luaL_error(L, "%s is of another version: rebuild it", path);
  found->open(&own_rank, &all_ranks);
  engine = found;
}

static int ranks_open(lua_State *L) {
  int i = launcher();
  if (i < 0) return 0;
  if (!engine) open_engine(L);
  lua_pushinteger(L, own_rank);
  lua_pushinteger(L, all_ranks);
  lua_pushinteger(L, number(launchers[i].here, 1));
  return 3;
}

static void check_open(lua_State *L) {
  if (!engine) luaL_error(L, "no ranks are open");
}

static int ranks_send(lua_State *L) {
  size_t size;
  check_open(L);
  const char *text = luaL_checklstring(L, 2, &size);
  engine->send((int)luaL_checkinteger(L, 1), text, size);
  return 0;
}

static int ranks_receive(lua_State *L) {
  static const struct timespec pause = {.tv_nsec = SH_POLL_NS};
  double left = 1e9 * luaL_checknumber(L, 1);
  int from;
  size_t size;
  check_open(L);
  for (; !engine->probe(&from, &size); left -= SH_POLL_NS) {
    if (sh_interrupted()) return luaL_error(L, "interrupted");
    if (left <= 0) return 0;
    nanosleep(&pause, NULL);
  }
  luaL_Buffer text;
  engine->receive(from, luaL_buffinitsize(L, &text, size), size);
  luaL_pushresultsize(&text, size);
  lua_pushinteger(L, from);
  return 2;
}

void sh_ranks_open(lua_State *L) {
  static const luaL_Reg functions[] = {
      {"open", ranks_open}, {"send", ranks_send}, {"receive", ranks_receive}, {NULL, NULL}};
  gtlua_native(L, "native.ranks", functions);
}

void sh_ranks_close(int code) {
  if (engine) engine->close(code);
  engine = NULL;
}
