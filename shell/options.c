/* options.c: reads the command line. */
#include "shell/options.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char sh_help[] =
    "usage: gptsh [options] [file.lua [args]]\n"
    "\n"
    "  file.lua             run a script, or the cells of a notebook (lines \"-- %% title\")\n"
    "  -                    run what comes from stdin\n"
    "  (none)               prompt on a terminal, else run stdin\n"
    "  nb run FILE          the same as FILE\n"
    "\n"
    "  -e CODE              run CODE, show the value of an expression; may be repeated\n"
    "  -i                   go to the prompt afterwards\n"
    "  --threads N          CPU threads (default: all cores)\n"
    "  --cuda-library PATH  the CUDA plug-in to open when a cuda device is asked for\n"
    "  -v, --version        show the version\n"
    "  -h, --help           show this\n"
    "\n"
    "exit codes: 0 ok, 1 error, 2 usage, 3 output lost\n"
    "\n"
    "  gptsh -e '1 + 1'\n"
    "  gptsh notebooks/quickstart.lua\n"
    "  echo 'print(torch.ones(2))' | gptsh\n";

__attribute__((__format__(__printf__, 1, 2))) static bool usage(const char *format, ...) {
  va_list values;
  va_start(values, format);
  fputs("gptsh: ", stderr);
  vfprintf(stderr, format, values);
  fputs("\ntry 'gptsh --help'\n", stderr);
  va_end(values);
  return false;
}

static bool read_threads(const char *text, int *out) {
  char *end;
  long n = strtol(text, &end, 10);
  if (end == text || *end || n < 1 || n > 256) return false;
  *out = (int)n;
  return true;
}

/* The value of an option: "--name=value", or the next argument. */
static const char *value_of(int argc, char **argv, int *i, size_t name) {
  if (argv[*i][name] == '=') return argv[*i] + name + 1;
  return *i + 1 < argc ? argv[++*i] : NULL;
}

static bool is_option(const char *argument, const char *name) {
  size_t n = strlen(name);
  return strncmp(argument, name, n) == 0 && (argument[n] == 0 || argument[n] == '=');
}

static bool read_option(int argc, char **argv, int *i, sh_options *o) {
  const char *name = argv[*i];
  if (strcmp(name, "-h") == 0 || strcmp(name, "--help") == 0) {
    o->help = true;
  } else if (strcmp(name, "-v") == 0 || strcmp(name, "--version") == 0) {
    o->version = true;
  } else if (strcmp(name, "-i") == 0) {
    o->interactive = true;
  } else if (strncmp(name, "-e", 2) == 0) {
    const char *code = name[2] ? name + 2 : *i + 1 < argc ? argv[++*i] : NULL;
    if (!code) return usage("-e needs code");
    o->code[o->code_count++] = code;
  } else if (is_option(name, "--threads")) {
    const char *value = value_of(argc, argv, i, strlen("--threads"));
    if (!value || !read_threads(value, &o->threads))
      return usage("--threads expects a number from 1 to 256, got %s", value ? value : "nothing");
  } else if (is_option(name, "--cuda-library")) {
    o->cuda_library = value_of(argc, argv, i, strlen("--cuda-library"));
    if (!o->cuda_library) return usage("--cuda-library needs a path");
  } else {
    return usage("unknown option '%s'", name);
  }
  return true;
}

bool sh_options_read(int argc, char **argv, sh_options *out) {
  *out = (sh_options){.script = argc};
  out->code = calloc((size_t)argc + 1, sizeof *out->code);
  if (!out->code) return usage("not enough memory");
  int i = 1;
  for (; i < argc && argv[i][0] == '-' && argv[i][1]; i++) {
    if (strcmp(argv[i], "--") == 0) {
      i++;
      break;
    }
    if (!read_option(argc, argv, &i, out)) return false;
  }
  if (i < argc && strcmp(argv[i], "nb") == 0) { /* the notebook commands */
    if (i + 1 >= argc || strcmp(argv[i + 1], "run") != 0)
      return usage("nb %s: not in this version (nb run FILE is)", i + 1 < argc ? argv[i + 1] : "");
    i += 2;
    if (i >= argc) return usage("nb run needs a file");
  }
  if (i < argc && strcmp(argv[i], "-") == 0) out->stdin_script = true;
  if (i < argc) out->script = i;
  return true;
}
