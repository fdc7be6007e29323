/* output.h: stdout and stderr that write everything. */
#ifndef SH_OUTPUT_H
#define SH_OUTPUT_H

#include <stdio.h>

/* Puts streams in the place of stdout and stderr whose writes a signal does not cut short, before
 * anything is written. */
void sh_output_open(void);

/* The stream of the C library that stdout, or else stderr, was: for who needs one with a file
 * descriptor.  What goes through it is not mixed with what waits in the other one. */
FILE *sh_output_plain(int fd);

#endif
