/* worker.c: fork, a pipe for each copy, and their ends. */
#include "shell/worker.h"
#include "lua/bind/bind.h"
#include "shell/interrupt.h"
#include "shell/session.h"

#include <errno.h>
#include <fcntl.h>
#include <lauxlib.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#define WORKER "gptsh.worker"
#define SH_POLL_MS 50 /* how late a Ctrl-C is seen at most */

typedef struct worker {
  pid_t pid;   /* 0: reaped, or never started */
  pid_t owner; /* the process that started it: in copies of that process it is another's child */
  int fd;      /* our end of its pipe; -1: closed */
} worker;

/* ---- in the copy ---- */

static bool is_copy;

static void leave(int code) {
  fflush(stdout);
  _exit(code); /* nothing of the session is ended: it is not ours */
}

void sh_worker_exit(int code) {
  if (is_copy) leave(code);
}

/* send(text); its upvalue is the descriptor. */
static int send_text(lua_State *L) {
  size_t n;
  const char *text = luaL_checklstring(L, 1, &n);
  int fd = (int)lua_tointeger(L, lua_upvalueindex(1));
  while (n > 0) {
    ssize_t written = write(fd, text, n);
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return luaL_error(L, "cannot send: %s", strerror(errno));
    text += written;
    n -= (size_t)written;
  }
  return 0;
}

/* The kernel looks for a process to kill when memory runs out: the session is not the one. */
static void volunteer(void) {
  int fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
  if (fd < 0) return;
  ssize_t ignored = write(fd, "500", 3);
  (void)ignored;
  close(fd);
}

/* What the session is to ignore (nohup) its copies ignore too. */
static void drop_handler(int number) {
  struct sigaction now;
  sigaction(number, NULL, &now);
  if (now.sa_handler != SIG_IGN) signal(number, SIG_DFL);
}

/* Message handler: the error as text. */
static int describe(lua_State *L) {
  luaL_tolstring(L, 1, NULL);
  return 1;
}

/* (function, descriptor) under lua_pcall: runs the function. */
static int run_function(lua_State *L) {
  lua_pushcclosure(L, send_text, 1);
  lua_call(L, 1, 0);
  return 0;
}

/* Runs the function at 1 and ends, whatever it raises: the caller would continue as a second
 * session. */
static void run_copy(lua_State *L, int fd, pid_t session, const sigset_t *mask) {
  is_copy = true;
  signal(SIGINT, SIG_IGN);
  static const int handled[] = {SIGTERM, SIGHUP, SIGUSR1, SIGUSR2, SIGXCPU, SIGPIPE};
  for (size_t i = 0; i < sizeof handled / sizeof *handled; i++) drop_handler(handled[i]);
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (getppid() != session) _exit(1); /* it ended before the line above */
  pthread_sigmask(SIG_SETMASK, mask, NULL);
  volunteer();
  lua_settop(L, 1);
  lua_pushcfunction(L, describe);
  lua_pushcfunction(L, run_function);
  lua_pushvalue(L, 1);
  lua_pushinteger(L, fd);
  int status = lua_pcall(L, 2, 0, 2);
  if (status != LUA_OK) sh_report(L, "gptsh: ");
  leave(status != LUA_OK);
}

/* ---- in the session ---- */

static worker *to_worker(lua_State *L, int index) { return gtlua_checkbox(L, index, WORKER); }

static void shut(worker *w) {
  if (w->fd >= 0) close(w->fd);
  w->fd = -1;
}

/* Is there a process that is ours to wait for? */
static bool is_ours(const worker *w) { return w->pid != 0 && w->owner == getpid(); }

static int reap(worker *w) {
  int status = 0;
  while (waitpid(w->pid, &status, 0) < 0 && errno == EINTR) {}
  w->pid = 0;
  return status;
}

/* fork() with all signals blocked: none may find a copy that has no handlers of its own yet. */
static int start(lua_State *L) {
  int ends[2];
  luaL_checktype(L, 1, LUA_TFUNCTION);
  lua_settop(L, 1);
  worker *w = lua_newuserdatauv(L, sizeof *w, 0);
  *w = (worker){.owner = getpid(), .fd = -1};
  luaL_setmetatable(L, WORKER);
  if (pipe2(ends, O_CLOEXEC)) return luaL_error(L, "cannot make a pipe: %s", strerror(errno));
  w->fd = ends[0];
  fcntl(w->fd, F_SETFL, O_NONBLOCK);
  fflush(stdout); /* or both would write what is in its buffer */
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  bool interrupted = sh_interrupted();
  pid_t session = getpid(), pid = interrupted ? -1 : fork();
  if (pid == 0) run_copy(L, ends[1], session, &before);
  int reason = errno;
  w->pid = pid > 0 ? pid : 0;
  pthread_sigmask(SIG_SETMASK, &before, NULL);
  close(ends[1]);
  if (interrupted) return luaL_error(L, "interrupted");
  if (pid < 0) return luaL_error(L, "cannot start a process: %s", strerror(reason));
  return 1;
}

static int wait_for(lua_State *L) {
  int n = gtlua_list_length(L, 1, "a list of workers");
  double milliseconds = 1000 * luaL_checknumber(L, 2);
  struct pollfd *fds = lua_newuserdatauv(L, ((size_t)n + 1) * sizeof *fds, 0);
  for (int i = 0; i < n; i++) {
    lua_rawgeti(L, 1, i + 1);
    fds[i] = (struct pollfd){.fd = to_worker(L, -1)->fd, .events = POLLIN};
    lua_pop(L, 1);
  }
  for (; milliseconds > 0; milliseconds -= SH_POLL_MS) {
    if (sh_interrupted()) return luaL_error(L, "interrupted");
    if (poll(fds, (nfds_t)n, milliseconds < SH_POLL_MS ? (int)milliseconds + 1 : SH_POLL_MS) > 0)
      break;
  }
  return 0;
}

static int read_text(lua_State *L) {
  worker *w = to_worker(L, 1);
  char text[1 << 14];
  ssize_t n = w->fd < 0 ? 0 : read(w->fd, text, sizeof text);
  if (n < 0 && (errno == EAGAIN || errno == EINTR)) {
    lua_pushliteral(L, "");
    return 1;
  }
  if (n <= 0) return 0;
  lua_pushlstring(L, text, (size_t)n);
  return 1;
}

static int finish(lua_State *L) {
  worker *w = to_worker(L, 1);
  luaL_argcheck(L, is_ours(w), 1, "has ended before, or was started by another process");
  shut(w);
  int status = reap(w);
  lua_pushstring(L, WIFEXITED(status) ? "exited" : "killed");
  lua_pushinteger(L, WIFEXITED(status) ? WEXITSTATUS(status) : WTERMSIG(status));
  return 2;
}

static int worker_close(lua_State *L) {
  worker *w = to_worker(L, 1);
  shut(w);
  if (!is_ours(w)) return 0;
  kill(w->pid, SIGKILL);
  reap(w);
  return 0;
}

void sh_worker_open(lua_State *L) {
  static const luaL_Reg methods[] = {
      {"read", read_text}, {"finish", finish}, {"close", worker_close}, {NULL, NULL}};
  static const luaL_Reg functions[] = {{"start", start}, {"wait", wait_for}, {NULL, NULL}};
  gtlua_kind(L, WORKER, GTLUA_META({"__close", worker_close}, {"__gc", worker_close}), methods);
  gtlua_native(L, "native.worker", functions);
}
