/* sha256.h: SHA-256 (FIPS 180-4). */
#ifndef SH_SHA256_H
#define SH_SHA256_H

#include <stddef.h>

#define SH_SHA256_TEXT 65 /* 64 hexadecimal digits and the end */

/* The digest of data[0, size) as text. */
const char *sh_sha256(const void *data, size_t size, char text[SH_SHA256_TEXT]);

#endif
