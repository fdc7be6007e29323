/* line.c: the only file that sees a line editor.  readline and libedit are driven through their
 * callback interface by a poll of our own, so that signals are handled between keys and never
 * inside the editor.  The terminal is in its normal mode whenever user code runs. */
#include "shell/line.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- plain reading ---- */

static sh_line_status read_plain(const char *prompt, char **out) {
  size_t capacity = 0;
  FILE *screen = isatty(STDOUT_FILENO) ? stdout : stderr;
  fputs(prompt, screen);
  fflush(screen);
  *out = NULL;
  errno = 0;
  ssize_t n = getline(out, &capacity, stdin);
  if (n >= 0) {
    if (n > 0 && (*out)[n - 1] == '\n') (*out)[n - 1] = 0;
    return SH_LINE_OK;
  }
  bool interrupted = errno == EINTR;
  clearerr(stdin);
  free(*out);
  *out = NULL;
  fputc('\n', screen);
  return interrupted ? SH_LINE_INTERRUPTED : SH_LINE_END;
}

#if defined(SH_LINE_none)

void sh_line_open(const char *history, sh_completer completer, void *data) {
  (void)history, (void)completer, (void)data;
}
void sh_line_close(void) {}
sh_line_status sh_line_read(const char *prompt, char **out) { return read_plain(prompt, out); }
void sh_line_remember(const char *input) { (void)input; }
const char *sh_line_name(void) { return "no line editor"; }

#else
#if defined(SH_LINE_edit)
#include <editline/readline.h>
#else
#include <readline/history.h>
#include <readline/readline.h>
#endif

#define SH_HISTORY_MAX 10000

static char *history_path;
static sh_completer complete;
static void *complete_data;
static char *received; /* the line the editor delivered */
static bool delivered;
static volatile sig_atomic_t caught; /* a signal that waits for its answer */
static sigset_t outside;             /* the signals blocked while user code runs */

const char *sh_line_name(void) {
#if defined(SH_LINE_edit)
  return "libedit";
#else
  static char name[32];
  snprintf(name, sizeof name, "readline %s", rl_library_version);
  return name;
#endif
}

/* ---- completion ---- */

static char *next_completion(const char *word, int state) {
  static int n;
  n = state ? n + 1 : 0;
  return complete(complete_data, word, n);
}

static char **attempt_completion(const char *word, int start, int end) {
  (void)end;
  bool in_string = start > 0 && strchr("\"'", rl_line_buffer[start - 1]);
  rl_attempted_completion_over = !in_string; /* file names complete inside strings only */
  rl_completion_append_character = '\0';
  return in_string || !complete ? NULL : rl_completion_matches(word, next_completion);
}

/* ---- history ---- */

/* The file must be the user's own: a link planted by someone else is left alone. */
static bool usable(const char *path) {
  struct stat info;
  if (lstat(path, &info) == 0) return info.st_uid == geteuid() && !S_ISDIR(info.st_mode);
  int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (fd >= 0) close(fd);
  return fd >= 0;
}

static void open_history(const char *path) {
  using_history();
#if defined(SH_LINE_readline)
  history_comment_char = '#';
  history_write_timestamps = 1; /* keeps inputs of several lines together */
  const char *suffix = "";
#else
  const char *suffix = ".edit"; /* another file format */
#endif
  stifle_history(SH_HISTORY_MAX);
  size_t n = strlen(path) + strlen(suffix) + 1;
  history_path = malloc(n);
  if (!history_path) return;
  snprintf(history_path, n, "%s%s", path, suffix);
  if (usable(history_path)) {
    read_history(history_path);
  } else {
    free(history_path);
    history_path = NULL;
  }
}

void sh_line_remember(const char *input) {
  if (!isatty(STDIN_FILENO) || *input == ' ' || *input == 0) return;
  HIST_ENTRY *last = history_get(history_base + history_length - 1);
  if (last && strcmp(last->line, input) == 0) return;
  add_history(input);
  if (history_path) append_history(1, history_path);
}

/* ---- reading ---- */

static void on_line(char *line) {
  received = line;
  delivered = true;
  rl_callback_handler_remove();
}

static bool ends_line(int number) {
  return number == SIGINT || number == SIGTERM || number == SIGHUP;
}

static void on_signal(int number) {
  if (!ends_line(caught)) caught = number;
}

static const int watched[] = {SIGINT, SIGTERM, SIGHUP, SIGTSTP, SIGWINCH};
#define SH_WATCHED (int)(sizeof watched / sizeof *watched)

/* Leaves the editor: the terminal is back in its normal mode, the text typed is gone. */
static void abandon(void) {
#if defined(SH_LINE_readline)
  rl_free_line_state();
  rl_callback_sigcleanup();
#endif
  rl_callback_handler_remove();
}

/* Lets the process have the default effect of a signal that is blocked now. */
static void obey(int number) {
  struct sigaction fallback = {.sa_handler = SIG_DFL}, old;
  sigset_t set, before;
  sigemptyset(&fallback.sa_mask);
  sigaction(number, &fallback, &old);
  raise(number);
  sigemptyset(&set);
  sigaddset(&set, number);
  sigprocmask(SIG_UNBLOCK, &set, &before);
  sigprocmask(SIG_SETMASK, &before, NULL);
  sigaction(number, &old, NULL);
}

/* Answers a signal that leaves the line as it is. */
static void stop_or_resize(const char *prompt) {
  int number = caught;
  caught = 0;
#if defined(SH_LINE_readline)
  (void)prompt;
  if (number == SIGWINCH) rl_resize_terminal();
  if (number == SIGTSTP) {
    rl_deprep_terminal();
    obey(number);
    rl_prep_terminal(1);
    rl_forced_update_display();
  }
#else
  if (number == SIGTSTP) {
    rl_callback_handler_remove();
    obey(number);
    rl_callback_handler_install(prompt, on_line);
  }
#endif
}

/* Answers a signal that ends the line, and the process unless it is Ctrl-C. */
static void give_up(void) {
  abandon();
  free(received);
  received = NULL;
  if (caught != SIGINT) obey(caught);
  fputs("^C\n", rl_outstream);
  fflush(rl_outstream);
}

/* Waits for a key or a signal; true when there is a key and no signal came before it.  ppoll leaves
 * signals waiting while there are keys, but keys that follow Ctrl-C belong to the next line. */
static bool wait_for_key(void) {
  static const struct timespec at_once = {0};
  struct pollfd input = {.fd = STDIN_FILENO, .events = POLLIN};
  return ppoll(&input, 1, NULL, &outside) > 0 && ppoll(NULL, 0, &at_once, &outside) == 0;
}

#if defined(SH_LINE_readline)
/* Reads a key if one is there.  The terminal drops its input at Ctrl-C: a read may find nothing
 * where poll() saw a key, and must not wait, for no signal would reach it. */
static ssize_t read_now(char *key) {
  int flags = fcntl(STDIN_FILENO, F_GETFL);
  fcntl(STDIN_FILENO, F_SETFL, flags | O_NONBLOCK);
  ssize_t n = read(STDIN_FILENO, key, 1);
  int reason = errno;
  fcntl(STDIN_FILENO, F_SETFL, flags);
  errno = reason;
  return n;
}

/* Pastes begin and end with a mark.  Of one that breaks off readline (8.2) would insert its buffer,
 * which has no end yet, and read past it: so the end comes from here when no key comes any more. */
static const char *const paste_marks[] = {"\033[200~", "\033[201~"};
static bool pasting;
static int matched; /* characters of the next mark that were the last keys */

static int pass_key(int key) {
  const char *mark = paste_marks[pasting];
  matched = key == mark[matched] ? matched + 1 : key == mark[0];
  if (!mark[matched]) {
    pasting = !pasting;
    matched = 0;
  }
  return key;
}

static int no_key(int reason) { return pasting ? pass_key(paste_marks[true][matched]) : reason; }

/* How readline reads: it may want several keys before it comes back to edit(), as of a paste. */
static int next_key(FILE *stream) {
  (void)stream;
  for (;;) {
    char key;
    if (!ends_line(caught)) wait_for_key();
    if (ends_line(caught)) return no_key(READERR);
    ssize_t n = read_now(&key);
    if (n == 1) return pass_key((unsigned char)key);
    if (n == 0 || (errno != EAGAIN && errno != EINTR)) return no_key(EOF);
  }
}
#endif

/* Feeds the editor until it delivers, or a signal ends the line: then it answers false.  Signals
 * arrive only inside ppoll. */
static bool edit(const char *prompt) {
  while (!delivered && !ends_line(caught)) {
    bool ready = wait_for_key();
    if (caught && !ends_line(caught)) stop_or_resize(prompt);
    if (ready) rl_callback_read_char();
  }
  if (!ends_line(caught)) return true;
  give_up();
  return false;
}

void sh_line_open(const char *history, sh_completer completer, void *data) {
  if (!isatty(STDIN_FILENO)) return;
  rl_readline_name = "gptsh";
  rl_outstream = isatty(STDOUT_FILENO) ? stdout : stderr;
  rl_basic_word_break_characters = " \t\n\"'`@$><=;|&{}()[]+-*/%^#~,";
  rl_attempted_completion_function = attempt_completion;
#if defined(SH_LINE_readline)
  rl_catch_signals = 0;
  rl_getc_function = next_key;
#endif
  complete = completer;
  complete_data = data;
  if (history) open_history(history);
}

void sh_line_close(void) {
  free(history_path);
  history_path = NULL;
}

sh_line_status sh_line_read(const char *prompt, char **out) {
  if (!isatty(STDIN_FILENO)) return read_plain(prompt, out);
  struct sigaction action = {.sa_handler = on_signal}, old[SH_WATCHED];
  sigset_t set;
  sigemptyset(&action.sa_mask);
  sigemptyset(&set);
  for (int i = 0; i < SH_WATCHED; i++) sigaddset(&set, watched[i]);
  sigprocmask(SIG_BLOCK, &set, &outside);
  for (int i = 0; i < SH_WATCHED; i++) {
    sigaction(watched[i], &action, &old[i]);
    if (old[i].sa_handler == SIG_IGN) sigaction(watched[i], &old[i], NULL); /* as nohup wants it */
  }
  delivered = false;
  received = NULL;
  caught = 0;
#if defined(SH_LINE_readline)
  pasting = false;
  matched = 0;
#endif
  rl_callback_handler_install(prompt, on_line);
  bool ok = edit(prompt);
  for (int i = 0; i < SH_WATCHED; i++) sigaction(watched[i], &old[i], NULL);
  sigprocmask(SIG_SETMASK, &outside, NULL);
  *out = ok ? received : NULL;
  if (!ok) return SH_LINE_INTERRUPTED;
  return received ? SH_LINE_OK : SH_LINE_END;
}
#endif
