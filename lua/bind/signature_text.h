/* signature_text.h: a signature as it is written, and what it says.
 *
 *   dropout(x: tensor, p: number = 0.5, training: boolean = true)
 *
 * Arguments come by position, or by name in a trailing table; the function below sees all of them,
 * in this order, with the defaults filled in.  Whatever does not fit raises one line that names
 * what is expected.  A parameter is NAME[: TYPE[|TYPE…]][ = DEFAULT]; without a default it must be
 * given, "= nil" says that it may be left out.  A DEFAULT is nil, true, false, a number or a
 * "string", a TYPE one of the words below, a "string" (one of a choice) or the __name of a class.
 * A number may have bounds: integer[1,] number[0,1) number(0,].  Those after "*" come by name only;
 * so do those in braces at the end, which the function receives as one table of what is not nil:
 *
 *   hist(values: any, {bins: integer[1,] = 40, title: string = nil})
 *
 * "..." at the end takes any number of further arguments, without names.  "size...: sizes" takes
 * numbers in a row, a table of them or a Size, and hands on a Size. */
#ifndef GTLUA_SIGNATURE_TEXT_H
#define GTLUA_SIGNATURE_TEXT_H

#include <stdbool.h>
#include <stddef.h>

enum {
  ANY = 1,
  TENSOR = 2,
  NUMBER = 4,
  INTEGER = 8,
  BOOLEAN = 16,
  STRING = 32,
  TABLE = 64,
  LIST = 128,
  FUNCTION = 256,
  MODULE = 512,
  DTYPE = 1024,
  DEVICE = 2048,
  SIZES = 4096,
  TRUE = 8192,
  FALSE = 16384,
  WORDS = 15 /* bits above; further ones are choices and classes */
};
#define ITEMS (LIST | SIZES) /* tables without names of their own */
#define CHOICE (1u << WORDS)
#define CLASS (1u << (WORDS + 1))

#define MOST 40 /* parameters */

/* What a number must lie in: "[0,1)"; `text` is NULL where any will do. */
typedef struct interval {
  const char *text;
  double low, high;
} interval;

typedef struct parameter {
  const char *name;
  unsigned types;
  const char *type;  /* text: `"mean"|"sum"`, `tensor|number` */
  bool typed;        /* false: no type is written, which means any */
  const char *value; /* default as text; NULL: must be given */
  bool gathers;      /* "size...": numbers in a row make one Size */
  interval bounds;
} parameter;

typedef struct signature {
  const char *name;
  bool method; /* the first parameter is self */
  bool more;   /* ends with "..." */
  int count;
  int positional; /* parameters before "*" or "{" */
  int options;    /* the first of those in braces; `count` when there are none */
  parameter at[MOST];
  char text[]; /* what the strings above point into */
} signature;

/* One of the words "a|b[0,1)|c" that a type consists of. */
typedef struct word {
  const char *at;
  size_t length;    /* without an interval */
  unsigned type;    /* a bit */
  const char *next; /* the word after it, or the end */
} word;

/* The word at `at`. */
word gtlua_signature_word(const char *at);
/* What a word that is neither a class nor a choice expects: "a tensor". */
const char *gtlua_signature_expected(unsigned type);
/* How many bytes the signature at the begin of `text` has, which others may follow. */
size_t gtlua_signature_length(const char *text);
/* Reads `text`, whose copy follows *s, into *s; NULL, or what is wrong with it. */
const char *gtlua_signature_parse(signature *s, const char *text);

#endif
