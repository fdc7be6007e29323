/* history.c: the file of what was typed at earlier prompts. */
#include "shell/history.h"
#include "lua/bind/bind.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define SH_TAIL ((off_t)512 << 10) /* bytes of a long file that are read */

/* The file must be a regular file that the user owns, and is made readable for the user alone.  A
 * link planted by someone else is left alone; FIFOs are not opened: that would block. */
bool sh_history_usable(const char *path) {
  struct stat info;
  if (lstat(path, &info) == 0) {
    bool own = info.st_uid == geteuid() && stat(path, &info) == 0 && S_ISREG(info.st_mode);
    return own && ((info.st_mode & 077) == 0 || chmod(path, 0600) == 0);
  }
  int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (fd >= 0) close(fd);
  return fd >= 0;
}

static bool is_stamp(const char *line) {
  return line[0] == '#' && line[1] >= '0' && line[1] <= '9';
}

/* Where the entry ends that begins at `at`: before the next stamp, or with its line if it had none.
 */
static char *entry_end(char *at, bool stamped) {
  char *stop = strchr(at, '\n');
  while (stop && stamped && stop[1] && !is_stamp(stop + 1)) stop = strchr(stop + 1, '\n');
  return stop ? stop : at + strlen(at);
}

/* Adds the entries of a history file, each after a line "#seconds" where there is one. */
static void add_entries(char *text, sh_history_add *add) {
  for (char *at = text; *at;) {
    char *stamp = is_stamp(at) ? at : NULL;
    if (stamp) at = entry_end(at, false);
    if (stamp && *at) *at++ = 0;
    char *stop = entry_end(at, stamp != NULL);
    bool more = *stop != 0;
    *stop = 0;
    if (*at) add(at, stamp);
    at = more ? stop + 1 : stop;
  }
}

void sh_history_read(const char *path, sh_history_add *add) {
  FILE *f = gtlua_fopen(path);
  char *text = f ? malloc((size_t)SH_TAIL + 1) : NULL;
  if (text) {
    off_t size = fseeko(f, 0, SEEK_END) == 0 ? ftello(f) : 0;
    bool whole = size <= SH_TAIL;
    fseeko(f, whole ? 0 : size - SH_TAIL, SEEK_SET);
    size_t n = fread(text, 1, (size_t)SH_TAIL, f), kept = 0;
    for (size_t i = 0; i < n; i++)
      if (text[i]) text[kept++] = text[i]; /* no NUL bytes */
    text[kept] = 0;
    char *first = whole ? text : strstr(text, "\n#"); /* the first entry that is there whole */
    if (first) add_entries(whole ? first : first + 1, add);
  }
  free(text);
  if (f) fclose(f);
}
