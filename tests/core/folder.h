/* folder.h: a folder of a test program's own, and the path of the file under test in it. */
#ifndef TEST_FOLDER_H
#define TEST_FOLDER_H

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define TEST_FILE "file"

static char folder[] = "/tmp/gptsh-core-XXXXXX";
static char path[128];

static int make_folder(void **state) {
  (void)state;
  if (!mkdtemp(folder)) return -1;
  snprintf(path, sizeof path, "%s/%s", folder, TEST_FILE);
  return 0;
}

static int remove_folder(void **state) {
  (void)state;
  unlink(path);
  return rmdir(folder);
}

/* Number of entries of a folder. */
static inline int entries_of(const char *name) {
  DIR *d = opendir(name);
  int n = -2; /* "." and ".." */
  while (readdir(d)) n++;
  closedir(d);
  return n;
}

#endif
