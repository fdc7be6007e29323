/* child.c: child processes, each driven by one poll loop: to its end, or a turn at a time. */
#include "shell/child.h"
#include "lua/bind/bind.h"
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
#define SH_TURNS 1024 /* of one look at a child: one that never stops writing must not keep us */
#define SH_PIPE (1 << 20) /* room for a whole picture, so that a child need not wait for a look */
#define SH_LIMIT ((size_t)1 << 28) /* of bytes of each output, when the caller says nothing */
#define SH_HANDLE "gptsh.child"

enum { IN, OUT, ERRORS, PIPES };

typedef enum child_end {
  CHILD_EXITED,  /* code: its exit status */
  CHILD_KILLED,  /* code: the signal it died of */
  CHILD_LATE,    /* killed by us: the time was over */
  CHILD_STOPPED, /* killed by us: Ctrl-C, or stop() */
  CHILD_FAILED   /* never ran; code: errno */
} child_end;

typedef struct description {
  char *const *argv; /* argv[0] is looked for in PATH */
  char *const *environment;
  const char *input;
  size_t input_size;
  double seconds;
  size_t limit;
} description;

typedef struct output {
  char *at;
  size_t size, capacity;
} output;

typedef struct process {
  const char *input;
  size_t input_size, sent;
  double end;    /* when its time is over */
  size_t limit;  /* bytes of each output that are kept; the rest is read and dropped */
  pid_t pid;     /* 0: none, or it has been waited for */
  pid_t owner;   /* the process that started it: in copies of that process it is another's child */
  int fd[PIPES]; /* our ends; -1: closed */
  output gathered[PIPES];
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

static int spawn(const description *child, const int theirs[PIPES], pid_t *pid) {
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
static int start(const description *child, process *p) {
  int theirs[PIPES] = {-1, -1, -1};
  int error = 0;
  *p = (process){.input = child->input, .input_size = child->input_size, .owner = getpid()};
  p->limit = child->limit;
  p->end = now() + child->seconds;
  for (int i = 0; i < PIPES; i++) p->fd[i] = -1;
  for (int i = 0; i < PIPES && !error; i++) {
    int ends[2];
    if (pipe2(ends, O_CLOEXEC)) {
      error = errno;
      break;
    }
    p->fd[i] = ends[i == IN];
    theirs[i] = ends[i != IN];
    if (fcntl(p->fd[i], F_SETFL, O_NONBLOCK)) error = errno;
    fcntl(p->fd[i], F_SETPIPE_SZ, SH_PIPE); /* a smaller one does too */
  }
  if (!error) error = spawn(child, theirs, &p->pid);
  for (int i = 0; i < PIPES; i++) {
    shut(&theirs[i]);
    if (error) shut(&p->fd[i]);
  }
  if (error) p->pid = 0;
  return error;
}

/* ---- talking ---- */

static void send_input(process *p) {
  ssize_t n = write(p->fd[IN], p->input + p->sent, p->input_size - p->sent);
  if (n > 0) p->sent += (size_t)n;
  bool broken = n < 0 && errno != EAGAIN && errno != EINTR; /* it does not want to hear more */
  if (broken || p->sent == p->input_size) shut(&p->fd[IN]);
}

static void keep(output *bytes, size_t limit, const char *from, size_t n) {
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

static void gather(process *p, int i) {
  char buffer[1 << 14];
  ssize_t n = read(p->fd[i], buffer, sizeof buffer);
  if (n > 0)
    keep(&p->gathered[i], p->limit, buffer, (size_t)n);
  else if (n == 0 || (errno != EAGAIN && errno != EINTR))
    shut(&p->fd[i]);
}

static bool is_talking(const process *p) { return p->fd[OUT] >= 0 || p->fd[ERRORS] >= 0; }

/* Waits until a pipe is ready, for `patience` ms at most, and serves it; false when none was. */
static bool talk(process *p, int patience) {
  struct pollfd fds[PIPES];
  if (p->sent == p->input_size) shut(&p->fd[IN]);
  for (int i = 0; i < PIPES; i++)
    fds[i] = (struct pollfd){.fd = p->fd[i], .events = i == IN ? POLLOUT : POLLIN};
  if (poll(fds, PIPES, patience) <= 0) return false;
  if (fds[IN].revents) send_input(p);
  for (int i = OUT; i < PIPES; i++)
    if (fds[i].revents) gather(p, i);
  return true;
}

/* ---- ending ---- */

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

/* Is there a process that is ours to end and to wait for? */
static bool is_ours(const process *p) { return p->pid > 0 && p->owner == getpid(); }

/* Takes the child's end when it has come; false while it runs. */
static bool reap(process *p, child_end *how, int *code) {
  int status = 0;
  pid_t got = waitpid(p->pid, &status, WNOHANG);
  if (got == 0 || (got < 0 && errno == EINTR)) return false;
  p->pid = 0;
  *code = WIFEXITED(status) ? WEXITSTATUS(status) : WTERMSIG(status);
  *how = WIFEXITED(status) ? CHILD_EXITED : CHILD_KILLED;
  return true;
}

/* Ends what still runs, with its group, and releases everything. */
static void finish(process *p) {
  for (int i = 0; i < PIPES; i++) shut(&p->fd[i]);
  if (!is_ours(p)) return;
  kill(-p->pid, SIGKILL);
  while (waitpid(p->pid, NULL, 0) < 0 && errno == EINTR) {}
  p->pid = 0;
}

/* A look that does not wait: true when the child has ended or its time is over. */
static bool look(process *p, child_end *how, int *code) {
  sigset_t set, before;
  pipe_signal(&set, true, &before);
  for (int turn = 0; turn < SH_TURNS && is_talking(p) && talk(p, 0);) turn++;
  pipe_signal(&set, false, &before);
  bool ended = !is_talking(p) && reap(p, how, code);
  if (!ended && now() <= p->end) return false;
  if (!ended) *how = CHILD_LATE;
  finish(p);
  return true;
}

/* Talks until the child has ended, its time is over or Ctrl-C came. */
static child_end converse(process *p, int *code) {
  sigset_t set, before;
  child_end how = CHILD_LATE;
  pipe_signal(&set, true, &before);
  for (;;) {
    if (is_talking(p))
      talk(p, SH_POLL_MS);
    else if (reap(p, &how, code))
      break;
    else
      poll(NULL, 0, 1);
    how = sh_interrupted() ? CHILD_STOPPED : CHILD_LATE;
    if (sh_interrupted() || now() > p->end) break;
  }
  pipe_signal(&set, false, &before);
  finish(p);
  return how;
}

/* ---- for Lua ---- */

/* The strings of the list at `index`, ended by NULL, in memory that Lua collects. */
static char **to_list(lua_State *L, int index) {
  size_t n = (size_t)gtlua_list_length(L, index, "a list of strings");
  char **list = lua_newuserdatauv(L, (n + 1) * sizeof *list, 0);
  for (size_t i = 0; i < n; i++) {
    lua_rawgeti(L, index, (lua_Integer)i + 1);
    if (lua_type(L, -1) != LUA_TSTRING) /* a number's text would have no owner */
      luaL_error(L, "expected strings, got a %s as item %d", luaL_typename(L, -1), (int)i + 1);
    size_t size;
    list[i] = (char *)lua_tolstring(L, -1, &size);
    if (strlen(list[i]) != size)
      luaL_error(L, "expected strings without NUL bytes, got one after '%s'", list[i]);
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

/* A process that Lua's garbage collector ends; its input, a string, is kept as user value 1. */
static process *push_process(lua_State *L) {
  process *p = lua_newuserdatauv(L, sizeof *p, 1);
  *p = (process){.fd = {-1, -1, -1}};
  luaL_setmetatable(L, SH_HANDLE);
  return p;
}

static int process_stop(lua_State *L) {
  process *p = gtlua_checkbox(L, 1, SH_HANDLE);
  finish(p);
  for (int i = OUT; i < PIPES; i++) {
    free(p->gathered[i].at);
    p->gathered[i] = (output){0};
  }
  return 0;
}

static int push_end(lua_State *L, const process *p, child_end how, int code) {
  static const char *const words[] = {"exited", "killed", "late", "stopped", "failed"};
  lua_pushstring(L, words[how]);
  lua_pushinteger(L, code);
  for (int i = OUT; i < PIPES; i++)
    lua_pushlstring(L, p->gathered[i].at ? p->gathered[i].at : "", p->gathered[i].size);
  return 4;
}

/* process:look() -> nothing while it runs, then what run() answers */
static int process_look(lua_State *L) {
  process *p = gtlua_checkbox(L, 1, SH_HANDLE);
  child_end how = CHILD_STOPPED;
  int code = 0;
  if (is_ours(p) && !look(p, &how, &code)) return 0;
  return push_end(L, p, how, code);
}

/* process:wait() -> what run() answers, when it has ended */
static int process_wait(lua_State *L) {
  process *p = gtlua_checkbox(L, 1, SH_HANDLE);
  int code = 0;
  child_end how = is_ours(p) ? converse(p, &code) : CHILD_STOPPED;
  if (how == CHILD_STOPPED && sh_interrupted()) return luaL_error(L, "interrupted");
  return push_end(L, p, how, code);
}

/* Starts the program that the arguments describe; pushes it.  Answers 0 or an errno. */
static int start_described(lua_State *L, process **out) {
  luaL_checktype(L, 1, LUA_TTABLE);
  luaL_checktype(L, 2, LUA_TTABLE);
  lua_settop(L, 2);
  description child;
  child.argv = to_list(L, 1);
  luaL_argcheck(L, child.argv[0], 1, "a program is wanted");
  lua_getfield(L, 2, "environment");
  push_environment(L, lua_gettop(L));
  child.environment = to_list(L, lua_gettop(L));
  lua_getfield(L, 2, "seconds");
  child.seconds = luaL_optnumber(L, -1, 20);
  lua_getfield(L, 2, "limit");
  lua_Integer limit = luaL_optinteger(L, -1, (lua_Integer)SH_LIMIT);
  luaL_argcheck(L, limit > 0, 2, "a limit is above 0");
  child.limit = (size_t)limit;
  lua_getfield(L, 2, "input");
  child.input = luaL_optlstring(L, -1, "", &child.input_size);
  *out = push_process(L);
  lua_pushvalue(L, -2);
  lua_setiuservalue(L, -2, 1);
  return start(&child, *out);
}

static int child_run(lua_State *L) {
  process *p;
  int code = start_described(L, &p);
  child_end how = code ? CHILD_FAILED : converse(p, &code);
  if (how == CHILD_STOPPED) return luaL_error(L, "interrupted");
  int results = push_end(L, p, how, code);
  lua_pushcfunction(L, process_stop); /* the outputs need not wait for the garbage collector */
  lua_pushvalue(L, -results - 2);
  lua_call(L, 1, 0);
  return results;
}

static int child_start(lua_State *L) {
  process *p;
  return start_described(L, &p) == 0;
}

void sh_child_open(lua_State *L) {
  static const luaL_Reg functions[] = {{"run", child_run}, {"start", child_start}, {0}};
  static const luaL_Reg methods[] = {
      {"look", process_look}, {"wait", process_wait}, {"stop", process_stop}, {0}};
  gtlua_kind(L, SH_HANDLE, GTLUA_META({"__gc", process_stop}), methods);
  luaL_newlib(L, functions);
  lua_pushinteger(L, (lua_Integer)SH_LIMIT);
  lua_setfield(L, -2, "limit");
  gtlua_provide(L, "native.child");
}
