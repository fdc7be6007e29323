/* signature_text.c: reading signatures. */
#include "lua/bind/signature_text.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const struct {
  const char *word, *expected;
} words[WORDS] = {{"any", "a value"},
                  {"tensor", "a tensor"},
                  {"number", "a number"},
                  {"integer", "an integer"},
                  {"boolean", "true or false"},
                  {"string", "a string"},
                  {"table", "a table"},
                  {"list", "a list"},
                  {"function", "a function"},
                  {"module", "a module"},
                  {"dtype", "a dtype"},
                  {"device", "a device"},
                  {"sizes", "a shape"},
                  {"true", "true"},
                  {"false", "false"}};

const char *gtlua_signature_expected(unsigned type) { return words[__builtin_ctz(type)].expected; }

static char *skip_blanks(char *p) {
  while (*p == ' ' || *p == '\n') p++;
  return p;
}

static char *trimmed(char *from, char *end) {
  while (end > from && (end[-1] == ' ' || end[-1] == '\n')) end--;
  *end = '\0';
  return skip_blanks(from);
}

/* The first of the characters `stops` in p outside "strings" and [intervals), or its end. */
static const char *find_stop(const char *p, const char *stops) {
  int depth = 0;
  for (bool quoted = false; *p && (quoted || depth > 0 || !strchr(stops, *p)); p++) {
    if (*p == '"') quoted = !quoted;
    if (!quoted) depth += (strchr("[(", *p) != NULL) - (strchr("])", *p) != NULL);
  }
  return p;
}

size_t gtlua_signature_length(const char *text) {
  const char *open = text + strcspn(text, "("), *end = *open ? find_stop(open + 1, ")") : open;
  return (size_t)(end - text) + (*end == ')');
}

word gtlua_signature_word(const char *at) {
  word w = {.at = at, .type = *at == '"' ? CHOICE : CLASS};
  w.length = *at == '"' ? strcspn(at, "|") : strcspn(at, "|[(");
  for (int i = 0; i < WORDS; i++)
    if (strlen(words[i].word) == w.length && memcmp(words[i].word, at, w.length) == 0)
      w.type = 1u << i;
  w.next = at + strcspn(at, "|");
  if (*w.next) w.next++;
  return w;
}

/* Reads "[low,high)"; a side left empty has no bound. */
static interval read_interval(const char *text) {
  char *end;
  interval in = {.text = text, .low = -INFINITY, .high = INFINITY};
  if (text[1] != ',') in.low = strtod(text + 1, &end);
  const char *comma = strchr(text, ',');
  if (comma && !strchr("])", comma[1])) in.high = strtod(comma + 1, &end);
  return in;
}

static void read_types(parameter *p) {
  for (const char *at = p->type; *at;) {
    word w = gtlua_signature_word(at);
    p->types |= w.type;
    if (w.type & (NUMBER | INTEGER) && strchr("[(", at[w.length]) && at[w.length])
      p->bounds = read_interval(at + w.length);
    at = w.next;
  }
}

/* Reads "name: type = value", ending it with NULs. */
static void read_parameter(parameter *out, char *from, char *end) {
  char *text = trimmed(from, end);
  char *colon = text + strcspn(text, ":="), *equals = (char *)find_stop(text, "=");
  if (*equals) out->value = skip_blanks(equals + 1);
  if (*colon == ':') {
    out->typed = true;
    out->type = trimmed(colon + 1, equals);
    read_types(out);
  } else {
    out->type = "any";
    out->types = ANY;
  }
  char *dots = strstr(text, "...");
  out->gathers = dots && dots < colon;
  out->name = trimmed(text, out->gathers ? dots : colon);
}

/* Reads one parameter; "{" before it opens the options. */
static void add_parameter(signature *s, char *from, char *end) {
  if (*from == '{') {
    s->positional = s->options = s->count;
    from++;
  }
  read_parameter(&s->at[s->count++], from, end);
}

const char *gtlua_signature_parse(signature *s, const char *text) {
  *s = (signature){.name = s->text, .positional = -1, .options = -1};
  strcpy(s->text, text);
  char *open = strchr(s->text, '('), *close = strrchr(s->text, ')');
  if (!open || !close || close < open) return "signature without brackets";
  *close = *open = '\0';
  char *brace = strrchr(open + 1, '}');
  if (brace) *brace = '\0';
  for (char *p = skip_blanks(open + 1); *p;) {
    char *end = (char *)find_stop(p, ",");
    bool last = *end == '\0';
    if (strncmp(p, "...", 3) == 0)
      s->more = true;
    else if (*p == '*')
      s->positional = s->count;
    else if (s->count == MOST)
      return "signature with too many parameters";
    else
      add_parameter(s, p, end);
    p = last ? end : skip_blanks(end + 1);
  }
  if (s->positional < 0) s->positional = s->count;
  if (s->options < 0) s->options = s->count;
  s->method = s->count > 0 && strcmp(s->at[0].name, "self") == 0;
  return NULL;
}
