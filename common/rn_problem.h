/*
 * A list of what is wrong with a document: JSON pointer (RFC 6901) and a
 * sentence for a person.  A parser adds to it and goes on, so that all errors
 * are reported at once.
 */

#ifndef RN_PROBLEM_H
#define RN_PROBLEM_H

#include <jansson.h>
#include <stddef.h>


#define RN_PROBLEMS_MAX  100        /* past that, one line counts the rest */


typedef struct {
    char       *pointer;
    char       *detail;
} rn_problem;

typedef struct {
    rn_problem *items;
    size_t      n;                  /* kept */
    size_t      total;              /* reported */
} rn_problems;


/* Adds one; detail is a printf format.  Out of memory is counted, not kept. */
void rn_problem_add(rn_problems *ps, const char *pointer, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* [{pointer, detail}]: a new reference, NULL when out of memory. */
json_t *rn_problems_json(const rn_problems *ps);

/* Frees what the list holds; the list is empty and usable again. */
void rn_problems_free(rn_problems *ps);

/*
 * The name of `known` (NULL-terminated) nearest to `name` by edit distance,
 * or NULL when none is near enough to be worth a suggestion.
 */
const char *rn_nearest(const char *name, const char *const *known);


#endif /* RN_PROBLEM_H */
