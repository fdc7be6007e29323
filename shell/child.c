/* child.c: one child process at a time, driven by one poll loop. */
#include "shell/child.h"
#include "shell/interrupt.h"

#include <errno.h>
#include <fcntl.h>
#include <lauxlib.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define SH_POLL_MS 50 /* how late a Ctrl-C or the time limit is seen at most */

enum { IN, OUT, ERRORS, PIPES };

typedef struct process {
  pid_t pid;
  int fd[PIPES]; /* our ends; -1: closed */
  size_t sent;
  sh_bytes *gathered[PIPES]; /* of OUT and ERRORS */
} process;

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static void shut(int *fd) {
  if (*fd >= 0) close(*fd);
  *fd = -1;
}

/* ---- starting ---- */

static int spawn(const sh_child *child, const int theirs[PIPES], pid_t *pid) {
  posix_spawn_file_actions_t files;
  posix_spawnattr_t attributes;
  sigset_t all, none;
  sigfillset(&all);
  sigemptyset(&none);
  int error = posix_spawn_file_actions_init(&files);
  if (error) return error;
  error = posix_spawnattr_init(&attributes);
  if (error) goto out;
  for (int i = 0; i < PIPES && !error; i++)
    error = posix_spawn_file_actions_adddup2(&files, theirs[i], i);
  posix_spawnattr_setflags(&attributes,
                           POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK);
  posix_spawnattr_setsigdefault(&attributes, &all);
  posix_spawnattr_setsigmask(&attributes, &none);
  if (!error)
    error = posix_spawnp(pid, child->argv[0], &files, &attributes, child->argv, child->environment);
  posix_spawnattr_destroy(&attributes);
out:
  posix_spawn_file_actions_destroy(&files);
  return error;
}

/* Answers 0 or an errno; on success p->fd are our ends, not blocking. */
static int start(const sh_child *child, process *p) {
  int theirs[PIPES] = {-1, -1, -1};
  int error = 0;
  for (int i = 0; i < PIPES && !error; i++) {
    int ends[2];
    if (pipe2(ends, O_CLOEXEC)) {
      error = errno;
      break;
    }
    p->fd[i] = ends[i == IN];
    theirs[i] = ends[i != IN];
    if (fcntl(p->fd[i], F_SETFL, O_NONBLOCK)) error = errno;
  }
  if (!error) error = spawn(child, theirs, &p->pid);
  for (int i = 0; i < PIPES; i++) {
    shut(&theirs[i]);
    if (error) shut(&p->fd[i]);
  }
  return error;
}

/* ---- talking ---- */

static void send_input(const sh_child *child, process *p) {
  ssize_t n = write(p->fd[IN], child->input + p->sent, child->input_size - p->sent);
  if (n > 0) p->sent += (size_t)n;
  bool broken = n < 0 && errno != EAGAIN && errno != EINTR; /* it does not want to hear more */
  if (broken || p->sent == child->input_size) shut(&p->fd[IN]);
}

static void keep(sh_bytes *bytes, const char *from, size_t n, size_t limit) {
  if (n > limit - bytes->size) n = limit - bytes->size;
  if (bytes->size + n > bytes->capacity) {
    size_t capacity = (bytes->size + n) * 2;
    char *at = realloc(bytes->at, capacity);
    if (!at) return;
    bytes->at = at;
    bytes->capacity = capacity;
  }
  if (n > 0) memcpy(bytes->at + bytes->size, from, n);
  bytes->size += n;
}

static void gather(const sh_child *child, process *p, int i) {
  char buffer[1 << 14];
  ssize_t n = read(p->fd[i], buffer, sizeof buffer);
  if (n > 0)
    keep(p->gathered[i], buffer, (size_t)n, child->limit);
  else if (n == 0 || (errno != EAGAIN && errno != EINTR))
    shut(&p->fd[i]);
}

/* Talks until both outputs are closed; true when it had to be given up. */
static bool converse(const sh_child *child, process *p, sh_child_end *why) {
  double end = now() + child->seconds;
  if (child->input_size == 0) shut(&p->fd[IN]);
  while (p->fd[OUT] >= 0 || p->fd[ERRORS] >= 0) {
    struct pollfd fds[PIPES];
    for (int i = 0; i < PIPES; i++)
      fds[i] = (struct pollfd){.fd = p->fd[i], .events = i == IN ? POLLOUT : POLLIN};
    poll(fds, PIPES, SH_POLL_MS);
    *why = sh_interrupted() ? SH_CHILD_STOPPED : SH_CHILD_LATE;
    if (sh_interrupted() || now() > end) return true;
    if (fds[IN].revents) send_input(child, p);
    for (int i = OUT; i < PIPES; i++)
      if (fds[i].revents) gather(child, p, i);
  }
  return false;
}

/* ---- ending ---- */

/* Waits for the end of a child that closed its outputs, for as long as it has time left. */
static bool wait_until(pid_t pid, double end, int *status) {
  for (;;) {
    pid_t got = waitpid(pid, status, WNOHANG);
    if (got == pid) return true;
    if (got < 0 && errno != EINTR) return false;
    if (now() > end || sh_interrupted()) return false;
    poll(NULL, 0, 1);
  }
}

static void end_group(pid_t pid, int *status) {
  kill(-pid, SIGKILL);
  while (waitpid(pid, status, 0) < 0 && errno == EINTR) {}
}

/* Blocks SIGPIPE around the conversation and takes back one that our writes raised. */
static void pipe_signal(sigset_t *set, bool begin, sigset_t *before) {
  if (begin) {
    sigemptyset(set);
    sigaddset(set, SIGPIPE);
    pthread_sigmask(SIG_BLOCK, set, before);
    return;
  }
  static const struct timespec at_once = {0, 0};
  if (!sigismember(before, SIGPIPE)) sigtimedwait(set, NULL, &at_once);
  pthread_sigmask(SIG_SETMASK, before, NULL);
}

sh_child_end sh_child_run(const sh_child *child, sh_bytes *out, sh_bytes *errors, int *code) {
  process p = {.fd = {-1, -1, -1}, .gathered = {[OUT] = out, [ERRORS] = errors}};
  sigset_t set, before;
  double end = now() + child->seconds;
  *code = start(child, &p);
  if (*code) return SH_CHILD_FAILED;
  sh_child_end why = SH_CHILD_LATE;
  int status = 0;
  pipe_signal(&set, true, &before);
  bool given_up = converse(child, &p, &why);
  for (int i = 0; i < PIPES; i++) shut(&p.fd[i]);
  pipe_signal(&set, false, &before);
  if (given_up || !wait_until(p.pid, end, &status)) {
    end_group(p.pid, &status);
    return why;
  }
  *code = WIFEXITED(status) ? WEXITSTATUS(status) : WTERMSIG(status);
  return WIFEXITED(status) ? SH_CHILD_EXITED : SH_CHILD_KILLED;
}

/* ---- for Lua ---- */

/* The strings of the list at `index`, ended by NULL, in memory that Lua collects. */
static char **to_list(lua_State *L, int index) {
  size_t n = lua_rawlen(L, index);
  char **list = lua_newuserdatauv(L, (n + 1) * sizeof *list, 0);
  for (size_t i = 0; i < n; i++) {
    lua_rawgeti(L, index, (lua_Integer)i + 1);
    list[i] = (char *)luaL_checkstring(L, -1);
    lua_pop(L, 1); /* the list keeps it */
  }
  list[n] = NULL;
  return list;
}

/* Pushes the list of "NAME=value" that `changes` (a table at that index, or nil) makes of ours. */
static void push_environment(lua_State *L, int changes) {
  lua_newtable(L);
  lua_Integer n = 0;
  for (char **at = environ; *at; at++) {
    const char *equals = strchr(*at, '=');
    if (!equals) continue;
    lua_pushlstring(L, *at, (size_t)(equals - *at));
    bool changed = lua_istable(L, changes) && (lua_pushvalue(L, -1), lua_gettable(L, changes)) != 0;
    if (lua_istable(L, changes)) lua_pop(L, 1);
    lua_pop(L, 1);
    if (changed) continue;
    lua_pushstring(L, *at);
    lua_rawseti(L, -2, ++n);
  }
  if (!lua_istable(L, changes)) return;
  for (lua_pushnil(L); lua_next(L, changes); lua_pop(L, 1)) {
    if (!lua_isstring(L, -1)) continue; /* false: left out */
    lua_pushfstring(L, "%s=%s", lua_tostring(L, -2), lua_tostring(L, -1));
    lua_rawseti(L, -4, ++n);
  }
}

/* The two outputs while Lua may still raise: freed with the userdata. */
static int bytes_gc(lua_State *L) {
  sh_bytes *bytes = lua_touserdata(L, 1);
  free(bytes[0].at);
  free(bytes[1].at);
  bytes[0].at = bytes[1].at = NULL;
  return 0;
}

static sh_bytes *push_bytes(lua_State *L) {
  sh_bytes *bytes = lua_newuserdatauv(L, 2 * sizeof *bytes, 0);
  memset(bytes, 0, 2 * sizeof *bytes);
  if (luaL_newmetatable(L, "gptsh.child")) {
    lua_pushcfunction(L, bytes_gc);
    lua_setfield(L, -2, "__gc");
  }
  lua_setmetatable(L, -2);
  return bytes;
}

static int child_run(lua_State *L) {
  static const char *const words[] = {"exited", "killed", "late", "stopped", "failed"};
  luaL_checktype(L, 1, LUA_TTABLE);
  luaL_checktype(L, 2, LUA_TTABLE);
  lua_settop(L, 2);
  sh_child child = {.limit = (size_t)1 << 28};
  child.argv = to_list(L, 1);
  luaL_argcheck(L, child.argv[0], 1, "a program is wanted");
  lua_getfield(L, 2, "environment");
  push_environment(L, lua_gettop(L));
  child.environment = to_list(L, lua_gettop(L));
  lua_getfield(L, 2, "input");
  child.input = luaL_optlstring(L, -1, "", &child.input_size);
  lua_getfield(L, 2, "seconds");
  child.seconds = luaL_optnumber(L, -1, 20);
  sh_bytes *bytes = push_bytes(L);
  int code = 0;
  sh_child_end end = sh_child_run(&child, &bytes[0], &bytes[1], &code);
  if (end == SH_CHILD_STOPPED) return luaL_error(L, "interrupted");
  lua_pushstring(L, words[end]);
  lua_pushinteger(L, code);
  lua_pushlstring(L, bytes[0].at ? bytes[0].at : "", bytes[0].size);
  lua_pushlstring(L, bytes[1].at ? bytes[1].at : "", bytes[1].size);
  return 4;
}

void sh_child_open(lua_State *L) {
  luaL_getsubtable(L, LUA_REGISTRYINDEX, LUA_LOADED_TABLE);
  lua_createtable(L, 0, 1);
  lua_pushcfunction(L, child_run);
  lua_setfield(L, -2, "run");
  lua_setfield(L, -2, "native.child");
  lua_pop(L, 1);
}
