/* engine.h: what a plug-in for ranks gives to shell/ranks.c: texts between the processes that one
 * mpirun has started.  Failures are fatal there: the launcher ends all ranks with a message. */
#ifndef SH_ENGINE_H
#define SH_ENGINE_H

#include <stdbool.h>
#include <stddef.h>

#define SH_ENGINE_VERSION 1
#define SH_ENGINE_SYMBOL "sh_engine_mpi"

typedef struct sh_engine {
  int version;
  void (*open)(int *rank, int *ranks);
  void (*send)(int to, const char *text, size_t size);
  bool (*probe)(int *from, size_t *size); /* is a text there, from whom, how long */
  void (*receive)(int from, char *text, size_t size);
  void (*close)(int code); /* 0: all ranks come to their ends; else all of them end now */
} sh_engine;

#endif
