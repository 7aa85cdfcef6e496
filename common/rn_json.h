/* Text into JSON strings, for what is written by hand; nothing reads here. */

#ifndef RN_JSON_H
#define RN_JSON_H

#include <stddef.h>


#define RN_JSON_BAD  ((size_t) -1)

/*
 * Bytes that rn_json_escape() writes for n bytes at s, the quotes not counted;
 * RN_JSON_BAD where they are not UTF-8.
 */
size_t rn_json_length(const char *s, size_t n);

/* Writes them, of which rn_json_length() has said that they can be; the end. */
char *rn_json_escape(char *out, const char *s, size_t n);


#endif /* RN_JSON_H */
