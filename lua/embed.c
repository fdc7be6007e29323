/* embed.c: build tool: writes the files of lua/lib as C arrays, so that gptsh has no search path to
 * lose.
 *   embed ROOT FILE…  >gtlua_libs.c
 * ROOT/torch/tensor.lua becomes the module "torch.tensor"; ROOT/torch/init.lua becomes "torch". */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int write_bytes(int index, const char *path) {
  FILE *f = fopen(path, "rb");
  if (!f) {
    perror(path);
    return 0;
  }
  printf("static const unsigned char data_%d[] = {", index);
  int n = 0;
  for (int c; (c = getc(f)) != EOF; n++) printf(n % 24 ? "%d," : "\n%d,", c);
  printf("0};\n");
  fclose(f);
  return 1;
}

static void write_name(const char *root, const char *path) {
  const char *name = path + strlen(root) + 1;
  size_t n = strlen(name) - strlen(".lua");
  const char *init = "/init.lua";
  if (n > 5 && strcmp(path + strlen(path) - strlen(init), init) == 0) n -= strlen("/init");
  for (size_t i = 0; i < n; i++) putchar(name[i] == '/' ? '.' : name[i]);
}

int main(int argc, char **argv) {
  if (argc < 2) return 2;
  printf("#include \"lua/bind/bind.h\"\n");
  for (int i = 2; i < argc; i++)
    if (!write_bytes(i, argv[i])) return 1;
  printf("const gtlua_lib gtlua_libs[] = {\n");
  for (int i = 2; i < argc; i++) {
    printf("  {\"");
    write_name(argv[1], argv[i]);
    printf("\", (const char *)data_%d, sizeof data_%d - 1},\n", i, i);
  }
  printf("  {0}};\n");
  return fflush(stdout) == 0 && !ferror(stdout) ? 0 : 1;
}
