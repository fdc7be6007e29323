/* interrupt.c: the handlers of signals, the hook that SIGINT arms, and coroutines that keep track
 * of who runs. */
#include "shell/interrupt.h"
#include "lua/bind/bind.h"

#include <errno.h>
#include <lualib.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

/* Instructions from the first error to the second one, when the first was caught; halved each time
 * until every instruction raises.  That leaves room for __close handlers, and no loop around a
 * pcall can last. */
#define SH_RESPITE 128

#define SH_PATIENCE                                                                                \
  10 /* seconds from the first request to end until another one is obeyed at once */

#define SH_FINALIZERS 2 /* seconds that all finalizers may take at the end */

static volatile sig_atomic_t raised; /* how often since the last clear */
static lua_State *volatile current;  /* the coroutine that runs */
static int respite;                  /* instructions until the next error */
static bool at_prompt;               /* interactive session */
static volatile sig_atomic_t ending; /* the signal that asked to end; 0: none */
static volatile time_t asked;        /* when it came */
static volatile sig_atomic_t late;   /* the time given by sh_interrupt_after is over */
static pthread_t main_thread;
static int close_code; /* of the process, while finalizers run at its end */

static void on_hook(lua_State *L, lua_Debug *activation) {
  (void)activation;
  if (raised && gtlua_shielded()) return; /* stays armed for what comes after */
  if (!raised) {                          /* left over in a coroutine that had not run since */
    lua_sethook(L, NULL, 0, 0);
    return;
  }
  lua_sethook(L, on_hook, LUA_MASKCOUNT, respite);
  if (respite > 1) respite /= 2;
  lua_pushliteral(L, "interrupted");
  lua_error(L);
}

static void arm(lua_State *L) {
  lua_sethook(L, on_hook, LUA_MASKCALL | LUA_MASKRET | LUA_MASKLINE | LUA_MASKCOUNT, 1);
}

static void say(const char *text, size_t n) {
  ssize_t ignored = write(STDERR_FILENO, text, n);
  (void)ignored;
}

static void on_signal(int number) {
  static const char note[] = "\nstill in a call that cannot be stopped; Ctrl-\\ ends gptsh\n";
  if (!pthread_equal(pthread_self(), main_thread)) {
    pthread_kill(main_thread, number);
    return;
  }
  raised++;
  if (!at_prompt && raised > 1) sh_die_of(number);
  if (at_prompt && raised == 3) say(note, sizeof note - 1);
  gtlua_interrupt();
  if (current && raised == 1) arm(current);
}

/* SIGTERM, SIGHUP, those of batch systems and limits: everything unwinds, so that a trainer can
 * save, and the process ends. Whoever repeats it (timeout does, at once) is heard when there was
 * time for that. */
static void on_request(int number) {
  if (!pthread_equal(pthread_self(), main_thread)) {
    pthread_kill(main_thread, number);
    return;
  }
  if (ending && time(NULL) - asked >= SH_PATIENCE) sh_die_of(number);
  if (ending) return;
  ending = number;
  asked = time(NULL);
  raised++;
  gtlua_end(number);
  gtlua_interrupt();
  if (current && raised == 1) arm(current);
}

static void handle_request(int number) {
  struct sigaction action = {.sa_handler = on_request}, before;
  sigemptyset(&action.sa_mask);
  sigaction(number, NULL, &before);
  if (before.sa_handler != SIG_IGN) sigaction(number, &action, NULL); /* nohup */
}

/* SIGALRM: the time is over. */
static void on_alarm(int number) {
  if (!pthread_equal(pthread_self(), main_thread)) {
    pthread_kill(main_thread, number);
    return;
  }
  late = 1;
  raised++;
  gtlua_interrupt();
  if (current && raised == 1) arm(current);
}

/* What comes when no time was set ends nothing.  A handler, as children would keep SIG_IGN. */
static void on_nothing(int number) { (void)number; }

void sh_interrupt_after(double seconds) {
  struct sigaction action = {.sa_handler = seconds > 0 ? on_alarm : on_nothing};
  if (seconds <= 0) action.sa_flags = SA_RESTART;
  struct itimerval timer = {.it_value.tv_sec = (time_t)seconds};
  timer.it_value.tv_usec = (suseconds_t)((seconds - (double)timer.it_value.tv_sec) * 1e6);
  sigemptyset(&action.sa_mask);
  if (seconds > 0) sigaction(SIGALRM, &action, NULL);
  setitimer(ITIMER_REAL, &timer, NULL);
  if (seconds <= 0) sigaction(SIGALRM, &action, NULL);
}

bool sh_interrupt_late(void) { return late != 0; }

/* A write into a pipe without a reader: ends the program when it is its own output (as in
 * `| head`), else the write fails, so that a child that is gone takes no session with it. */
static void on_broken_pipe(int number) {
  struct pollfd output[] = {{.fd = STDOUT_FILENO}, {.fd = STDERR_FILENO}};
  int reason = errno;
  if (poll(output, 2, 0) > 0 && ((output[0].revents | output[1].revents) & POLLERR))
    sh_die_of(number);
  errno = reason;
}

void sh_interrupt_install(lua_State *L, bool interactive) {
  main_thread = pthread_self();
  current = L;
  respite = SH_RESPITE;
  at_prompt = interactive;
  struct sigaction action = {.sa_handler = on_signal}; /* no SA_RESTART: reads must come back */
  sigemptyset(&action.sa_mask);
  sigaction(SIGINT, &action, NULL);
  action.sa_handler = on_broken_pipe;
  sigaction(SIGPIPE, &action, NULL);
  static const int requests[] = {SIGTERM, SIGHUP, SIGUSR1, SIGUSR2, SIGXCPU};
  for (size_t i = 0; i < sizeof requests / sizeof *requests; i++) handle_request(requests[i]);
  static const int timers[] = {SIGALRM, SIGVTALRM, SIGPROF};
  action.sa_handler = on_nothing;
  action.sa_flags = SA_RESTART;
  for (size_t i = 0; i < sizeof timers / sizeof *timers; i++) sigaction(timers[i], &action, NULL);
  signal(SIGXFSZ, SIG_IGN); /* a file that may not grow is an error of the write */
}

bool sh_interrupted(void) { return raised != 0 && !gtlua_shielded(); }
int sh_ending(void) { return ending; }

void sh_interrupt_clear(lua_State *L) {
  raised = 0;
  late = 0;
  respite = SH_RESPITE;
  gtlua_interrupt_clear();
  lua_sethook(L, NULL, 0, 0);
  current = L;
}

void sh_die_of(int signal_number) {
  struct sigaction action = {.sa_handler = SIG_DFL};
  sigset_t set;
  sigemptyset(&action.sa_mask);
  sigaction(signal_number, &action, NULL);
  sigemptyset(&set);
  sigaddset(&set, signal_number);
  pthread_sigmask(SIG_UNBLOCK, &set, NULL);
  raise(signal_number);
}

/* ---- coroutines ---- */

/* Resumes co with the `count` values on top of L; leaves its results or its error on L.  Returns
 * the number of results, -1 for an error. */
static int resume(lua_State *L, lua_State *co, int count) {
  if (!lua_checkstack(co, count)) {
    lua_pushliteral(L, "too many arguments to resume");
    return -1;
  }
  lua_xmove(L, co, count);
  int results = 0;
  current = co;
  if (raised) arm(co);
  int status = lua_resume(co, L, count, &results);
  current = L;
  if (raised) arm(L); /* the signal came while co ran */
  if (status != LUA_OK && status != LUA_YIELD) {
    lua_xmove(co, L, 1);
    return -1;
  }
  if (!lua_checkstack(L, results + 1)) {
    lua_pop(co, results);
    lua_pushliteral(L, "too many results to resume");
    return -1;
  }
  lua_xmove(co, L, results);
  return results;
}

static lua_State *to_coroutine(lua_State *L) {
  lua_State *co = lua_tothread(L, 1);
  luaL_argexpected(L, co, 1, "coroutine");
  return co;
}

static int coroutine_resume(lua_State *L) {
  lua_State *co = to_coroutine(L);
  int results = resume(L, co, lua_gettop(L) - 1);
  lua_pushboolean(L, results >= 0);
  if (results < 0) {
    lua_insert(L, -2);
    return 2;
  }
  lua_insert(L, -(results + 1));
  return results + 1;
}

/* The function that coroutine.wrap returns: errors pass through, with the position added to texts,
 * and close the coroutine, as in Lua. */
static int wrapped(lua_State *L) {
  lua_State *co = lua_tothread(L, lua_upvalueindex(1));
  int results = resume(L, co, lua_gettop(L));
  if (results >= 0) return results;
  int status = lua_status(co);
  if (status != LUA_OK && status != LUA_YIELD) {
    status = lua_resetthread(co);
    lua_xmove(co, L, 1); /* the error, perhaps replaced by one of a __close */
  }
  if (status != LUA_ERRMEM && lua_type(L, -1) == LUA_TSTRING && !raised) {
    luaL_where(L, 1);
    lua_insert(L, -2);
    lua_concat(L, 2);
  }
  return lua_error(L);
}

static int coroutine_wrap(lua_State *L) {
  luaL_checktype(L, 1, LUA_TFUNCTION);
  lua_State *co = lua_newthread(L);
  lua_pushvalue(L, 1);
  lua_xmove(L, co, 1);
  lua_pushcclosure(L, wrapped, 1);
  return 1;
}

/* ---- finalizers ---- */

static volatile sig_atomic_t finalizing; /* how many of the user's finalizers run, one in another */

/* What stands for a __gc: Lua runs finalizers without hooks, and no Ctrl-C would end one; so it
 * runs as a coroutine, which has hooks.  Upvalue: the user's function. */
static int finalize(lua_State *L) {
  lua_settop(L, 1);
  finalizing++;
  lua_State *co = lua_newthread(L);
  lua_insert(L, 1);
  lua_pushvalue(L, lua_upvalueindex(1));
  lua_xmove(L, co, 1);
  int results = resume(L, co, 1);
  finalizing--;
  return results < 0 ? lua_error(L) : 0;
}

/* setmetatable and debug.setmetatable; upvalue: Lua's own. */
static int set_metatable(lua_State *L) {
  if (lua_istable(L, 2)) {
    lua_pushliteral(L, "__gc");
    if (lua_rawget(L, 2) == LUA_TFUNCTION && lua_tocfunction(L, -1) != finalize) {
      lua_pushcclosure(L, finalize, 1);
      lua_pushliteral(L, "__gc");
      lua_insert(L, -2);
      lua_rawset(L, 2);
    } else {
      lua_pop(L, 1);
    }
  }
  return lua_tocfunction(L, lua_upvalueindex(1))(L);
}

static void wrap_setmetatable(lua_State *L) {
  lua_getfield(L, -1, "setmetatable");
  lua_pushcclosure(L, set_metatable, 1);
  lua_setfield(L, -2, "setmetatable");
  lua_pop(L, 1);
}

/* The time of the finalizers at the end is over: what still runs may not be Lua. */
static void on_end_alarm(int number) {
  static const char note[] = "gptsh: a __gc did not end\n";
  if (!finalizing) return; /* freeing much memory takes the time it takes */
  on_alarm(number);
  if (raised < 2) return;
  say(note, sizeof note - 1);
  _exit(close_code);
}

void sh_interrupt_close(lua_State *L, int code) {
  struct sigaction action = {.sa_handler = on_end_alarm};
  struct itimerval timer = {.it_value.tv_sec = SH_FINALIZERS, .it_interval.tv_sec = 1};
  fflush(stdout);
  close_code = code;
  sh_interrupt_clear(L);
  sigemptyset(&action.sa_mask);
  sigaction(SIGALRM, &action, NULL);
  setitimer(ITIMER_REAL, &timer, NULL);
  lua_close(L);
  current = NULL;
  sh_interrupt_after(0);
}

/* debug.sethook(…): a hook of the user's takes the place of no interrupt that waits.  Upvalue:
 * Lua's own. */
static int debug_sethook(lua_State *L) {
  lua_pushvalue(L, lua_upvalueindex(1));
  lua_insert(L, 1);
  lua_call(L, lua_gettop(L) - 1, 0);
  if (raised && current) arm(current);
  return 0;
}

void sh_interrupt_open(lua_State *L) {
  static const luaL_Reg functions[] = {{"resume", coroutine_resume}, {"wrap", coroutine_wrap}, {0}};
  lua_getglobal(L, LUA_COLIBNAME);
  luaL_setfuncs(L, functions, 0);
  lua_pop(L, 1);
  lua_pushglobaltable(L);
  wrap_setmetatable(L);
  lua_getglobal(L, LUA_DBLIBNAME);
  lua_getfield(L, -1, "sethook");
  lua_pushcclosure(L, debug_sethook, 1);
  lua_setfield(L, -2, "sethook");
  wrap_setmetatable(L);
}
