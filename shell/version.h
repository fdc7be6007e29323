/* version.h: the version, in one place. */
#ifndef SH_VERSION_H
#define SH_VERSION_H

#define SH_VERSION "gptsh 0.1.0"

#endif
