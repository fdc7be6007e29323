/* line.c: the only file that sees a line editor.  readline and libedit are driven through their
 * callback interface by a poll of our own, so that signals are handled between keys and never
 * inside the editor.  The terminal is in its normal mode whenever user code runs. */
#include "shell/line.h"
#include "shell/history.h"
#include "shell/output.h"

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

void sh_line_open(const char *history, const sh_line_helper *wanted) {
  (void)history, (void)wanted;
}
void sh_line_close(void) {}
sh_line_status sh_line_read(const char *prompt, char **out) { return read_plain(prompt, out); }
void sh_line_remember(const char *input) { (void)input; }
void sh_line_prefill(const char *text) { (void)text; }
const char *sh_line_history(int n, long long *when) {
  (void)n, (void)when;
  return NULL;
}
const char *sh_line_name(void) { return "no line editor"; }

#else
#if defined(SH_LINE_edit)
#include <editline/readline.h>
#else
#include <readline/history.h>
#include <readline/readline.h>
#endif

#define SH_HISTORY_MAX 10000              /* entries that a long file is cut to at the end */
#define SH_HISTORY_LONG ((off_t)16 << 20) /* bytes of a long file */
#define SH_SEQUENCE_MS 50 /* how long what follows an Esc in a search is waited for */

static char *history_path;
static sh_line_helper helper;
static char *prefilled;
static char *received; /* the line the editor delivered */
static bool delivered;
static volatile sig_atomic_t caught; /* a signal that waits for its answer */
static sigset_t outside;             /* the signals blocked while user code runs */
static int ahead_count;              /* keys that were read and not passed on yet */

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

/* Is buffer[point] inside a string? */
static bool in_string(const char *buffer, int point) {
  char quote = 0;
  for (int i = 0; i < point; i++) {
    char c = buffer[i];
    if (quote && c == '\\')
      i++;
    else if (quote ? c == quote || c == '\n' : c == '"' || c == '\'')
      quote = quote ? 0 : c;
  }
  return quote != 0;
}

static int word_start; /* of the word that is being completed */

static char *next_completion(const char *word, int state) {
  static int n;
  n = state ? n + 1 : 0;
  char *before = strndup(rl_line_buffer, (size_t)word_start);
  char *found = before ? helper.complete(helper.data, before, word, n) : NULL;
  free(before);
  return found;
}

static char **attempt_completion(const char *word, int start, int end) {
  (void)end;
  rl_attempted_completion_over = !in_string(rl_line_buffer, start); /* else: names of files, too */
  rl_completion_append_character = '\0';
  word_start = start;
  return helper.complete ? rl_completion_matches(word, next_completion) : NULL;
}

#if defined(SH_LINE_readline)
/* Words of code end at operators, those inside a string at its quote. */
static char *word_breaks(void) {
  static char quotes[] = "\"'";
  return in_string(rl_line_buffer, rl_point) ? quotes : NULL;
}
#endif

/* ---- history ---- */

#if defined(SH_LINE_readline)
static void add_entry(const char *text, const char *stamp) {
  add_history(text);
  if (stamp) add_history_time(stamp);
}
#endif

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
  if (sh_history_usable(history_path)) {
#if defined(SH_LINE_readline)
    sh_history_read(history_path, add_entry);
#else
    read_history(history_path);
#endif
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

const char *sh_line_history(int n, long long *when) {
  HIST_ENTRY *entry = n < history_length ? history_get(history_base + n) : NULL;
  if (!entry) return NULL;
#if defined(SH_LINE_readline)
  *when = (long long)history_get_time(entry);
#else
  *when = 0;
#endif
  return entry->line;
}

void sh_line_prefill(const char *text) {
  free(prefilled);
  prefilled = strdup(text);
}

/* ---- reading ---- */

static void on_line(char *line) {
  received = line;
  delivered = true;
  rl_callback_handler_remove();
}

static bool ends_line(int number) { return number != 0 && number != SIGTSTP && number != SIGWINCH; }

static void on_signal(int number) {
  if (!ends_line(caught)) caught = number;
}

static const int watched[] = {SIGINT,  SIGTERM, SIGHUP,  SIGUSR1,
                              SIGUSR2, SIGXCPU, SIGTSTP, SIGWINCH};
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

/* Answers a signal that ends the line. */
static void give_up(void) {
  abandon();
  ahead_count = 0; /* the terminal drops its input, too */
  free(received);
  received = NULL;
  fputs(caught == SIGINT ? "^C\n" : "\n", rl_outstream);
  fflush(rl_outstream);
}

/* Waits for a key or a signal; true when there is a key and no signal came before it.  ppoll leaves
 * signals waiting while there are keys, but keys that follow Ctrl-C belong to the next line. */
static bool wait_for_key(void) {
  static const struct timespec at_once = {0};
  struct pollfd input = {.fd = STDIN_FILENO, .events = POLLIN};
  bool ready = ahead_count > 0 || ppoll(&input, 1, NULL, &outside) > 0;
  return ready && ppoll(NULL, 0, &at_once, &outside) == 0;
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

/* In an incremental search a key that begins a sequence (Esc, Ctrl-X) ends the search and is read
 * again; readline (8.2) then calls itself and jumps into a frame that is gone when the sequence
 * means nothing.  So it gets the key that ends a search first, and the sequence when it is out of
 * it.  What is pasted into a search is passed on without its marks. */
static bool search_paste;
static int last_key;
static char ahead[8];

static bool in_search(void) {
  if (!RL_ISSTATE(RL_STATE_ISEARCH)) search_paste = false;
  return RL_ISSTATE(RL_STATE_ISEARCH) && rl_get_keymap()[last_key].function != rl_quoted_insert;
}

/* A key that ends a search and does nothing else; 0: the user has set none. */
static int search_end(void) {
  const char *keys = rl_variable_value("isearch-terminators");
  if (!keys || !*keys) return '\n';
  while (*keys && rl_get_keymap()[(unsigned char)*keys].type == ISKMAP) keys++;
  return (unsigned char)*keys;
}

/* Whether the keys after an Esc are those of the mark.  Reads as many as are there. */
static bool follows(const char *mark) {
  struct pollfd input = {.fd = STDIN_FILENO, .events = POLLIN};
  int n = (int)strlen(mark + 1);
  while (ahead_count < n && poll(&input, 1, SH_SEQUENCE_MS) > 0 &&
         read_now(ahead + ahead_count) == 1)
    ahead_count++;
  return ahead_count == n && memcmp(ahead, mark + 1, (size_t)n) == 0;
}

/* What readline gets in a search for a key; -1: nothing. */
static int search_key(int key) {
  int end = search_end();
  if (key == '\033' && follows(paste_marks[search_paste])) {
    search_paste = !search_paste;
    ahead_count = 0;
    return -1;
  }
  if (search_paste) return key < ' ' ? -1 : key;
  bool alone = key == '\033' && ahead_count == 0;
  if (alone || !end || rl_get_keymap()[key].type != ISKMAP) return key;
  memmove(ahead + 1, ahead, (size_t)ahead_count++);
  ahead[0] = (char)key;
  return end;
}

static ssize_t take_key(char *key) {
  if (ahead_count == 0) return read_now(key);
  *key = ahead[0];
  memmove(ahead, ahead + 1, (size_t)--ahead_count);
  return 1;
}

/* How readline reads: it may want several keys before it comes back to edit(), as of a paste. */
static int next_key(FILE *stream) {
  (void)stream;
  for (;;) {
    char key;
    if (!ends_line(caught)) wait_for_key();
    if (ends_line(caught)) return no_key(READERR);
    ssize_t n = take_key(&key);
    int passed = n == 1 && in_search() ? search_key((unsigned char)key) : (unsigned char)key;
    if (n == 1 && passed < 0) continue;
    if (n == 1) return last_key = pass_key(passed);
    if (n == 0 || (errno != EAGAIN && errno != EINTR)) return no_key(EOF);
  }
}
#endif

#if defined(SH_LINE_readline)
/* ---- keys ---- */

static void replace_line(const char *text) {
  rl_begin_undo_group();
  rl_delete_text(0, rl_end);
  rl_point = 0;
  rl_insert_text(text);
  rl_end_undo_group();
}

static int enter(int count, int key) {
  bool more = false, at_end = rl_point == rl_end;
  char *text = at_end && helper.enter ? helper.enter(helper.data, rl_line_buffer, &more) : NULL;
  if (text) replace_line(text);
  if (text && !more) rl_redisplay(); /* what is left on the screen is what runs */
  free(text);
  return more ? 0 : rl_newline(count, key);
}

static int insert_line_break(int count, int key) {
  (void)count, (void)key;
  return rl_insert_text("\n");
}

static int line_start(int at) {
  while (at > 0 && rl_line_buffer[at - 1] != '\n') at--;
  return at;
}

static int line_end(int at) {
  while (at < rl_end && rl_line_buffer[at] != '\n') at++;
  return at;
}

/* Puts the cursor into the line that begins at `start`, as far from its begin as it is now. */
static void move_to_line(int start) {
  int column = rl_point - line_start(rl_point), end = line_end(start);
  rl_point = start + column < end ? start + column : end;
}

static int up(int count, int key);
static int down(int count, int key);

/* The search for the text before the cursor continues with every further key: readline knows its
 * own functions only. */
static int search(rl_command_func_t *function, int count, int key) {
  if (rl_last_func == up || rl_last_func == down) rl_last_func = function;
  return function(count, key);
}

static int up(int count, int key) {
  int start = line_start(rl_point);
  if (start == 0) return search(rl_history_search_backward, count, key);
  move_to_line(line_start(start - 1));
  return 0;
}

static int down(int count, int key) {
  int end = line_end(rl_point);
  if (end == rl_end) return search(rl_history_search_forward, count, key);
  move_to_line(end + 1);
  return 0;
}

/* The keys for the begin and the end of the line, of an input of several lines, too. */
static int to_start(int count, int key) {
  (void)count, (void)key;
  rl_point = line_start(rl_point);
  return 0;
}

static int to_end(int count, int key) {
  (void)count, (void)key;
  rl_point = line_end(rl_point);
  return 0;
}

/* Ctrl-K: to the end of the line, or the line break that is there. */
static int kill_to_end(int count, int key) {
  int end = line_end(rl_point);
  (void)count, (void)key;
  return rl_kill_text(rl_point, end == rl_point && end < rl_end ? end + 1 : end);
}

/* Puts a function in the place of readline's own, and leaves alone what the user has bound. */
static void rebind(const char *keys, rl_command_func_t *own, rl_command_func_t *function) {
  if (rl_function_of_keyseq(keys, NULL, NULL) == own) rl_bind_keyseq(keys, function);
}

static void bind_keys(void) {
  static const char *const ups[] = {"\033[A", "\033OA", "\020"};
  static const char *const downs[] = {"\033[B", "\033OB", "\016"};
  static const char *const starts[] = {"\033[H", "\033OH", "\001"};
  static const char *const ends[] = {"\033[F", "\033OF", "\005"};
  const char *term = getenv("TERM");
  rl_initialize();
  if (!term || strcmp(term, "dumb") == 0) return; /* cannot show an input of several lines */
  rebind("\r", rl_newline, enter);
  rebind("\n", rl_newline, enter);
  rl_bind_keyseq_if_unbound("\033\r", insert_line_break);
  rebind("\013", rl_kill_line, kill_to_end);
  for (int i = 0; i < 3; i++) {
    rebind(ups[i], rl_get_previous_history, up);
    rebind(downs[i], rl_get_next_history, down);
    rebind(starts[i], rl_beg_of_line, to_start);
    rebind(ends[i], rl_end_of_line, to_end);
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

void sh_line_open(const char *history, const sh_line_helper *wanted) {
  if (!isatty(STDIN_FILENO)) return;
  helper = *wanted;
  rl_readline_name = "gptsh";
  rl_outstream = sh_output_plain(isatty(STDOUT_FILENO) ? STDOUT_FILENO : STDERR_FILENO);
  rl_basic_word_break_characters = " \t\n\"'`@$><=;|&{}()[]+-*/%^#~,";
  rl_attempted_completion_function = attempt_completion;
#if defined(SH_LINE_readline)
  rl_catch_signals = 0;
  rl_getc_function = next_key;
  rl_completion_word_break_hook = word_breaks;
  rl_basic_quote_characters = ""; /* closing ones are typed */
  bind_keys();
#endif
  if (history) open_history(history);
}

/* A file that has become long keeps its newest entries. */
static void shorten_history(void) {
  struct stat info;
  if (stat(history_path, &info) == 0 && info.st_size > SH_HISTORY_LONG)
    history_truncate_file(history_path, SH_HISTORY_MAX);
}

void sh_line_close(void) {
  if (history_path) shorten_history();
  free(history_path);
  free(prefilled);
  history_path = prefilled = NULL;
}

sh_line_status sh_line_read(const char *prompt, char **out) {
  if (!isatty(STDIN_FILENO)) return read_plain(prompt, out);
  fflush(stdout); /* the editor has a stream of its own */
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
  pasting = search_paste = false;
  matched = last_key = 0;
#endif
  rl_callback_handler_install(prompt, on_line);
  if (prefilled) {
    rl_insert_text(prefilled);
    rl_redisplay();
    free(prefilled);
    prefilled = NULL;
  }
  bool ok = edit(prompt);
  for (int i = 0; i < SH_WATCHED; i++) sigaction(watched[i], &old[i], NULL);
  sigprocmask(SIG_SETMASK, &outside, NULL);
  if (!ok && caught != SIGINT) raise(caught); /* for the handler of the program */
  *out = ok ? received : NULL;
  if (!ok) return SH_LINE_INTERRUPTED;
  return received ? SH_LINE_OK : SH_LINE_END;
}
#endif
