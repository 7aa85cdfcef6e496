/*
 * Fields of application/x-www-form-urlencoded (the URL Standard, section 5.1),
 * as the password form of OAuth 2 (RFC 6749, section 4.3.2) is sent.  Stricter
 * than a browser's reader: what is not clearly one value is an error.
 */

#ifndef RN_FORM_H
#define RN_FORM_H

#include <stdbool.h>
#include <stddef.h>


/*
 * Decodes the value of the field `name` into out (`size` bytes with its NUL):
 * "+" is a space, %XX a byte; names are decoded before they are compared.
 *
 * False: out is all zero, and *why is NULL when there is no such field, or
 * else a sentence for a person: a "%" without two hex digits, a NUL or an
 * unescaped control character anywhere in the body; the field twice; its value
 * not UTF-8 or longer than size - 1 bytes.
 */
bool rn_form_get(const char *body, size_t len, const char *name, char *out,
    size_t size, const char **why);


#endif /* RN_FORM_H */
