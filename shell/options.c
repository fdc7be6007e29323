/* options.c: reads the command line by the table of commands and options. */
#include "shell/options.h"

#include "lua/bind/bind.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

const sh_command_row sh_command_rows[] = {
    {"run", "FILE", 1, 1, "run all cells from a clean state, keep their outputs in FILE.out/"},
    {"check", "FILE...", 1, 1 << 20, "look for mistakes without running anything"},
    {"status", "FILE", 1, 1, "each cell: ok, error, stale or never run; time; outputs"},
    {"fmt", "FILE...", 1, 1 << 20, "rewrite in the canonical form"},
    {"export", "FILE [TARGET]", 1, 2, "write .ipynb, .md or .html with the kept outputs"},
    {"import", "FILE.ipynb [TARGET]", 1, 2, "make a .lua notebook of a Jupyter notebook"},
    {"view", "FILE", 1, 1, "show source and outputs of a .lua or .ipynb notebook; runs nothing"},
    {"diff", "FILE [OTHER]", 1, 2, "compare outputs with the imported ones, or with OTHER's"},
    {"clean", "FILE...", 1, 1 << 20, "remove the kept outputs"},
    {0},
};

const sh_option_row sh_option_rows[] = {
    {NULL, 'e', NULL, "CODE", "run CODE, show the value of its last expression; may be repeated"},
    {NULL, 'i', NULL, NULL, "go to the prompt afterwards"},
    {NULL, 0, "resume", NULL, "offer to run the last session again, or to load its variables"},
    {NULL, 0, "no-init", NULL, "leave the init file of the prompt alone"},
    {NULL, 'E', NULL, NULL, "the same, and ignore the variable GPTSH_HISTORY"},
    {NULL, 0, "color", "WHEN", "colours: auto (on terminals), always or never"},
    {NULL, 0, "threads", "N", "CPU threads (default: all cores)"},
    {NULL, 0, "cuda-library", "PATH", "the CUDA plug-in to open when a cuda device is asked for"},
    {NULL, 'v', "version", NULL, "show the version; twice: also the CPU levels"},
    {NULL, 'h', "help", NULL, "show this"},
    {" run ", 0, "to", "CELL", "stop after CELL: a number, title, id or @line"},
    {" run ", 0, "from", "CELL", "run CELL and those after it"},
    {" run ", 0, "only", "CELL,...", "run these cells"},
    {" run ", 0, "changed", NULL, "cells marked cache that did not change give their kept results"},
    {" run ", 'p', NULL, "NAME=VALUE",
     "set a parameter (cell tagged \"parameters\"); may be repeated"},
    {" run ", 0, "check", NULL, "fail when a line \"-- expect: TEXT\" is not met; writes no file"},
    {" run ", 0, "allow-errors", NULL, "continue after an error"},
    {" run ", 0, "timeout", "S", "seconds a cell may take"},
    {" run ", 0, "seed", "N", "restart the random numbers from N first"},
    {" run status export view diff clean ", 0, "out", "DIR",
     "outputs are in DIR, not in FILE.out/"},
    {" run ", 0, "no-save", NULL, "keep no outputs"},
    {" check fmt ", 0, "portable", NULL, "would plain Lua run it? (fmt: make it so)"},
    {" export ", 0, "format", "NAME", "ipynb, md or html, for a target next to the file"},
    {" export ", 0, "mathjax", "SCRIPT", "put this copy of MathJax into the HTML"},
    {" diff ", 0, "tolerance", "X",
     "numbers may differ by this part of themselves (1e-6, whole ones by 0)"},
    {0},
};

__attribute__((__format__(__printf__, 1, 2))) static bool usage(const char *format, ...) {
  char text[4096];
  va_list values;
  va_start(values, format);
  vsnprintf(text, sizeof text, format, values);
  va_end(values);
  fputs("gptsh: ", stderr);
  gtlua_write_visible(stderr, text, strlen(text));
  fputs("\ntry 'gptsh --help'\n", stderr);
  return false;
}

/* ---- help ---- */

/* "  -e CODE", "  --threads N" in a column of its own. */
static void show_option(const sh_option_row *row, FILE *out) {
  char letter[] = {'-', row->letter, 0}, left[64];
  const char *name = row->name ? row->name : "", *dashes = row->name ? "--" : "";
  int n = snprintf(left, sizeof left, "%s%s%s%s", row->letter ? letter : "",
                   row->letter && row->name ? ", " : "", dashes, name);
  if (row->value) snprintf(left + n, sizeof left - (size_t)n, " %s", row->value);
  fprintf(out, "  %-20s %s\n", left, row->text);
}

static bool belongs(const sh_option_row *row, const sh_command_row *command) {
  char word[32];
  if (!row->commands || !command) return row->commands == NULL && command == NULL;
  snprintf(word, sizeof word, " %s ", command->name);
  return strstr(row->commands, word) != NULL;
}

static void show_options(const sh_command_row *command, FILE *out) {
  for (const sh_option_row *row = sh_option_rows; row->text; row++)
    if (belongs(row, command)) show_option(row, out);
}

/* "gptsh why", which is not a command of nb. */
static const sh_command_row why_command = {"why", "FIGURE", 1, 1,
                                           "tell where an .svg, .png or .pdf of gptsh comes from"};
static const sh_command_row any_command = {"", "", 0, 1 << 20, ""}; /* "gptsh nb" alone */

/* The words before the name of a command. */
static const char *space_of(const sh_command_row *command) {
  return command == &why_command ? "" : "nb ";
}

void sh_options_help(const sh_options *o, FILE *out) {
  if (o->command && o->command != &any_command) {
    fprintf(out, "usage: gptsh %s%s [options] %s\n\n%s\n", space_of(o->command), o->command->name,
            o->command->operands, o->command->text);
    show_options(o->command, out);
    return;
  }
  if (o->command) {
    fputs("usage: gptsh nb COMMAND [options] FILE\n\n", out);
    for (const sh_command_row *row = sh_command_rows; row->text; row++)
      fprintf(out, "  %-7s %-20s %s\n", row->name, row->operands, row->text);
    fputs("\ngptsh nb COMMAND --help shows its options\n", out);
    return;
  }
  fputs("usage: gptsh [options] [file.lua [args]]\n"
        "\n"
        "  file.lua             run a script, or the cells of a notebook (lines \"-- %% title\")\n"
        "  -                    run stdin: a script, or inputs whose values are shown\n"
        "  (none)               prompt on a terminal, else run stdin\n"
        "  nb COMMAND FILE      notebooks: run, check, export, …; see gptsh nb --help\n"
        "  why FIGURE           tell where a figure comes from\n"
        "\n",
        out);
  show_options(NULL, out);
  fputs("\n"
        "exit codes: 0 ok, 1 error, 2 usage, 3 output lost\n"
        "\n"
        "  gptsh -e '1 + 1'\n"
        "  gptsh notebooks/quickstart.lua\n"
        "  echo 'torch.ones(2):sum()' | gptsh\n",
        out);
}

/* ---- reading ---- */

static bool read_threads(const char *text, int *out) {
  char *end;
  long n = strtol(text, &end, 10);
  if (end == text || *end || n < 1 || n > 256) return false;
  *out = (int)n;
  return true;
}

static bool read_colour(const char *text, sh_colour *out) {
  static const char *const names[] = {"auto", "always", "never"};
  for (int i = 0; i < 3; i++)
    if (strcmp(text, names[i]) == 0) {
      *out = (sh_colour)i;
      return true;
    }
  return false;
}

#define MOST_NAMES 63

static void unknown_option(const char *argument, const sh_command_row *command) {
  const char *names[MOST_NAMES + 1] = {NULL};
  char hint[96];
  int count = 0;
  for (const sh_option_row *row = sh_option_rows; row->text && count < MOST_NAMES; row++)
    if (row->name && belongs(row, command)) names[count++] = row->name;
  const char *name = argument + strspn(argument, "-");
  char wrong[64];
  snprintf(wrong, sizeof wrong, "%.*s", (int)strcspn(name, "="), name);
  usage("unknown option '%s'%s", argument, gtlua_suggest(wrong, names, hint));
}

static bool unknown_command(const char *name) {
  const char *names[MOST_NAMES + 1] = {NULL};
  char hint[96];
  for (int i = 0; sh_command_rows[i].text && i < MOST_NAMES; i++)
    names[i] = sh_command_rows[i].name;
  return usage("nb has no command '%s'%s; see gptsh nb --help", name,
               gtlua_suggest(name, names, hint));
}

/* Finds the row of argv[*i] and its value: "--name=value", "-eCODE" or the next argument. */
static const sh_option_row *find_option(int argc, char **argv, int *i,
                                        const sh_command_row *command, const char **value) {
  const char *argument = argv[*i];
  for (const sh_option_row *row = sh_option_rows; row->text; row++) {
    bool common = command && row->letter == 'h';
    if (!common && !belongs(row, command)) continue;
    size_t n = row->name ? strlen(row->name) : 0;
    const char *rest = NULL; /* what follows the name in the argument */
    if (row->name && strncmp(argument, "--", 2) == 0 && strncmp(argument + 2, row->name, n) == 0)
      rest = argument + 2 + n;
    else if (row->letter && argument[1] == row->letter)
      rest = argument + 2;
    bool joined = rest && *rest && row->value && (*rest == '=' || argument[1] != '-');
    if (!rest || (*rest && !joined)) continue;
    *value = joined ? rest + (argument[1] == '-') : NULL;
    if (row->value && !joined && *i + 1 < argc) *value = argv[++*i];
    return row;
  }
  unknown_option(argument, command);
  return NULL;
}

static bool need_value(const sh_option_row *row, const char *value) {
  if (value || !row->value) return true;
  return row->name ? usage("--%s needs a value: %s", row->name, row->value)
                   : usage("-%c needs %s", row->letter, row->letter == 'e' ? "code" : row->value);
}

/* An option of the program itself. */
static bool read_option(int argc, char **argv, int *i, sh_options *o) {
  const char *value = NULL;
  const sh_option_row *row = find_option(argc, argv, i, NULL, &value);
  if (!row || !need_value(row, value)) return false;
  if (row->name && strcmp(row->name, "color") == 0)
    return read_colour(value, &o->colour) ||
           usage("--color expects auto, always or never, got %s", value);
  switch (row->letter ? row->letter : *row->name) {
  case 'e':
    o->code[o->code_count++] = value;
    return true;
  case 'E':
    return o->no_init = o->no_environment = true;
  case 'n':
    return o->no_init = true;
  case 'i':
    return o->interactive = true;
  case 'r':
    return o->resume = true;
  case 'v':
    return ++o->version;
  case 'h':
    return o->help = true;
  case 't':
    return read_threads(value, &o->threads) ||
           usage("--threads expects a number from 1 to 256, got %s", value);
  default:
    o->cuda_library = value;
    return true;
  }
}

/* Options and operands of "gptsh nb COMMAND"; options may come last. */
static bool read_operands(int argc, char **argv, int i, sh_options *o) {
  for (bool only_names = false; i < argc; i++) {
    const char *value = NULL;
    if (!only_names && strcmp(argv[i], "--") == 0) {
      only_names = true;
    } else if (only_names || argv[i][0] != '-' || !argv[i][1]) {
      o->operands[o->operand_count++] = argv[i];
    } else {
      const sh_option_row *row = find_option(argc, argv, &i, o->command, &value);
      if (!row || !need_value(row, value)) return false;
      if (row->letter == 'h') return o->help = true;
      o->given[o->given_count++] = (sh_given){row, value};
    }
  }
  if (o->operand_count < o->command->least)
    return usage("%s%s needs a file: %s%s %s", space_of(o->command), o->command->name,
                 space_of(o->command), o->command->name, o->command->operands);
  if (o->operand_count > o->command->most)
    return usage("%s%s: '%s' is one too many", space_of(o->command), o->command->name,
                 o->operands[o->command->most]);
  return true;
}

static bool read_command(int argc, char **argv, int i, sh_options *o) {
  o->command = &any_command;
  if (i < argc && (strcmp(argv[i], "-h") == 0 || strcmp(argv[i], "--help") == 0))
    return o->help = true;
  for (const sh_command_row *row = sh_command_rows; i < argc && row->text; row++)
    if (strcmp(row->name, argv[i]) == 0) {
      o->command = row;
      return read_operands(argc, argv, i + 1, o);
    }
  if (i < argc) return unknown_command(argv[i]);
  return usage("nb needs a command; see gptsh nb --help");
}

bool sh_options_read(int argc, char **argv, sh_options *out) {
  *out = (sh_options){.script = argc};
  out->code = calloc((size_t)argc + 1, sizeof *out->code);
  out->operands = calloc((size_t)argc + 1, sizeof *out->operands);
  out->given = calloc((size_t)argc + 1, sizeof *out->given);
  if (!out->code || !out->operands || !out->given) return usage("not enough memory");
  int i = 1;
  for (; i < argc && argv[i][0] == '-' && argv[i][1]; i++) {
    if (strcmp(argv[i], "--") == 0) {
      i++;
      break;
    }
    if (!read_option(argc, argv, &i, out)) return false;
  }
  if (i < argc && strcmp(argv[i], "nb") == 0) return read_command(argc, argv, i + 1, out);
  if (i < argc && strcmp(argv[i], "why") == 0) {
    out->command = &why_command;
    return read_operands(argc, argv, i + 1, out);
  }
  if (i < argc && strcmp(argv[i], "-") == 0) out->stdin_script = true;
  if (i < argc) out->script = i;
  return true;
}

void sh_options_free(sh_options *o) {
  free(o->code);
  free(o->operands);
  free(o->given);
}
