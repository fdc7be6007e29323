/* options.h: the command line, and the one table of all commands and options: help, man pages and
 * shell completions are made from it. */
#ifndef SH_OPTIONS_H
#define SH_OPTIONS_H

#include "shell/terminal.h"

#include <stdbool.h>
#include <stdio.h>

/* A command of "gptsh nb". */
typedef struct sh_command_row {
  const char *name, *operands; /* "run", "FILE" */
  int least, most;             /* how many operands it takes */
  const char *text;            /* what it does */
} sh_command_row;

typedef struct sh_option_row {
  const char *commands; /* the nb commands that take it, each between blanks; NULL: the program */
  char letter;          /* 'e' for -e; 0: none */
  const char *name;     /* "threads" for --threads; NULL: none */
  const char *value;    /* what its value is called; NULL: it takes none */
  const char *text;
} sh_option_row;

extern const sh_command_row sh_command_rows[]; /* both end with a row whose text is NULL */
extern const sh_option_row sh_option_rows[];

/* An option of an nb command as it was given; value is NULL for one that takes none. */
typedef struct sh_given {
  const sh_option_row *row;
  const char *value;
} sh_given;

typedef struct sh_options {
  bool help, interactive;   /* -h, -i */
  int version;              /* -v: how often */
  bool resume;              /* --resume */
  bool no_init;             /* --no-init, -E */
  bool no_environment;      /* -E */
  bool stdin_script;        /* "-" */
  sh_colour colour;         /* --color */
  int threads;              /* 0: not given */
  const char *cuda_library; /* NULL: not given */
  const char **code;        /* (code_count) texts of -e, in order */
  int code_count;
  int script; /* argv[script] is the file; argc when there is none */

  const sh_command_row *command; /* of "gptsh nb"; NULL: none */
  const char **operands;         /* (operand_count) its file names */
  int operand_count;
  sh_given *given; /* (given_count) its options, in order */
  int given_count;
} sh_options;

/* Reads argv; false after a usage error, which is on stderr.  sh_options_free() in either case. */
bool sh_options_read(int argc, char **argv, sh_options *out);
void sh_options_free(sh_options *options);

/* What --help shows: of the program, or of "gptsh nb" when a command of it was given. */
void sh_options_help(const sh_options *options, FILE *out);

#endif
