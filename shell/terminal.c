/* terminal.c: questions about the output streams, asked anew each time: a window may be resized. */
#include "shell/terminal.h"
#include "lua/bind/bind.h"

#include <fcntl.h>
#include <langinfo.h>
#include <lauxlib.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>
#include <wchar.h>

#define SH_ANSWER_SECONDS 0.3

static bool set(const char *name) {
  const char *value = getenv(name);
  return value && *value;
}

static sh_colour wanted;

void sh_terminal_set_colour(sh_colour when) { wanted = when; }

bool sh_terminal_is(int stream) { return isatty(stream); }

/* A terminal that can go back in its line. */
static bool can_redraw(int stream) {
  const char *term = getenv("TERM");
  return isatty(stream) && term && strcmp(term, "dumb") != 0;
}

bool sh_terminal_colour(int stream) {
  if (wanted != SH_COLOUR_AUTO) return wanted == SH_COLOUR_ALWAYS;
  if (set("NO_COLOR")) return false;
  if (set("CLICOLOR_FORCE")) return true;
  return can_redraw(stream);
}

static int from_environment(const char *name, int fallback) {
  const char *value = getenv(name);
  int n = value ? atoi(value) : 0;
  return n > 0 && n < 10000 ? n : fallback;
}

void sh_terminal_size(int stream, int *columns, int *rows) {
  struct winsize size;
  bool known = ioctl(stream, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 && size.ws_row > 0;
  *columns = known ? size.ws_col : from_environment("COLUMNS", 80);
  *rows = known ? size.ws_row : from_environment("LINES", 24);
}

/* ---- asking ---- */

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* Reads until the attributes, ESC [ ? … c, have come, or the time is over. */
static size_t read_answer(int fd, char *answer, size_t room) {
  size_t n = 0;
  for (double end = now() + SH_ANSWER_SECONDS; n < room - 1;) {
    struct pollfd p = {.fd = fd, .events = POLLIN};
    double left = end - now();
    if (left <= 0 || poll(&p, 1, (int)(left * 1e3) + 1) <= 0) break;
    ssize_t got = read(fd, answer + n, room - 1 - n);
    if (got <= 0) break;
    n += (size_t)got;
    answer[n] = 0;
    const char *attributes = strstr(answer, "\033[?");
    if (attributes && strchr(attributes, 'c')) break;
  }
  return n;
}

bool sh_terminal_ask(const char *question, char *answer, size_t room, size_t *size) {
  struct termios before;
  int fd = open("/dev/tty", O_RDWR | O_NOCTTY | O_CLOEXEC);
  if (fd < 0) return false;
  bool ok = isatty(STDOUT_FILENO) && tcgetattr(fd, &before) == 0;
  if (ok) {
    struct termios silent = before;
    silent.c_lflag &= ~(tcflag_t)(ICANON | ECHO);
    silent.c_cc[VMIN] = 1;
    silent.c_cc[VTIME] = 0;
    tcsetattr(fd, TCSAFLUSH, &silent);
    size_t n = strlen(question);
    ok = write(fd, question, n) == (ssize_t)n;
    *size = ok ? read_answer(fd, answer, room) : 0;
    tcsetattr(fd, TCSAFLUSH, &before); /* what comes too late is dropped */
  }
  close(fd);
  return ok;
}

/* ---- for Lua ---- */

static int terminal_is(lua_State *L) {
  lua_pushboolean(L, sh_terminal_is((int)luaL_checkinteger(L, 1)));
  return 1;
}

static int terminal_redraws(lua_State *L) {
  lua_pushboolean(L, can_redraw((int)luaL_checkinteger(L, 1)));
  return 1;
}

static int terminal_colour(lua_State *L) {
  lua_pushboolean(L, sh_terminal_colour((int)luaL_checkinteger(L, 1)));
  return 1;
}

static int terminal_size(lua_State *L) {
  int columns, rows, stream = (int)luaL_checkinteger(L, 1);
  struct winsize size;
  sh_terminal_size(stream, &columns, &rows);
  lua_pushinteger(L, columns);
  lua_pushinteger(L, rows);
  lua_pushinteger(L, ioctl(stream, TIOCGWINSZ, &size) == 0 ? size.ws_xpixel : 0);
  return 3;
}

/* ask(question) -> what the terminal answered, nothing without one */
static int terminal_ask(lua_State *L) {
  char answer[512];
  size_t n;
  if (!sh_terminal_ask(luaL_checkstring(L, 1), answer, sizeof answer, &n)) return 0;
  lua_pushlstring(L, answer, n);
  return 1;
}

/* write(stream, text…): as it is, for what moves the cursor or draws */
static int terminal_write(lua_State *L) {
  FILE *f = luaL_checkinteger(L, 1) == STDERR_FILENO ? stderr : stdout;
  for (int i = 2; i <= lua_gettop(L); i++) {
    size_t size;
    const char *text = luaL_checklstring(L, i, &size);
    fwrite(text, 1, size, f);
  }
  return 0;
}

static int terminal_utf8(lua_State *L) {
  lua_pushboolean(L, strcmp(nl_langinfo(CODESET), "UTF-8") == 0);
  return 1;
}

/* Bytes that are not text in this locale count as one cell each. */
static int terminal_width(lua_State *L) {
  size_t size;
  const char *text = luaL_checklstring(L, 1, &size);
  lua_Integer cells = 0;
  mbstate_t state = {0};
  for (size_t at = 0; at < size;) {
    wchar_t c;
    size_t n = mbrtowc(&c, text + at, size - at, &state);
    bool bad = n == (size_t)-1 || n == (size_t)-2;
    int width = bad ? 1 : wcwidth(c);
    if (bad) memset(&state, 0, sizeof state);
    cells += width > 0 ? width : 0;
    at += bad || n == 0 ? 1 : n;
  }
  lua_pushinteger(L, cells);
  return 1;
}

void sh_terminal_open(lua_State *L) {
  static const luaL_Reg functions[] = {
      {"is", terminal_is},     {"redraws", terminal_redraws}, {"colour", terminal_colour},
      {"size", terminal_size}, {"utf8", terminal_utf8},       {"width", terminal_width},
      {"ask", terminal_ask},   {"write", terminal_write},     {0}};
  gtlua_native(L, "native.terminal", functions);
}
