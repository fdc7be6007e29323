/* options.h: the command line. */
#ifndef SH_OPTIONS_H
#define SH_OPTIONS_H

#include <stdbool.h>

typedef struct sh_options {
  bool help, version, interactive; /* -h, -v, -i */
  bool stdin_script;               /* "-" */
  int threads;                     /* 0: not given */
  const char *cuda_library;        /* NULL: not given */
  const char **code;               /* (code_count) texts of -e, in order */
  int code_count;
  int script; /* argv[script] is the file; argc when there is none */
} sh_options;

/* Reads argv; false after a usage error, which is on stderr. */
bool sh_options_read(int argc, char **argv, sh_options *out);

extern const char sh_help[];

#endif
