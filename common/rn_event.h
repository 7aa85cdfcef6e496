/*
 * Events of jobs as Redis carries them, JSON objects on one line, and the ids
 * by which clients resume.  Members are found without a copy or an allocation,
 * since every listener of every event would pay for one.
 */

#ifndef RN_EVENT_H
#define RN_EVENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>


/* An id of a Redis stream: milliseconds, and a number within them. */

typedef struct {
    uint64_t  ms, seq;
} rn_event_id;

typedef enum {
    RN_EVENT_RESUME_NONE,               /* nothing, or nothing of ours */
    RN_EVENT_RESUME_AFTER,              /* *id is the last that was seen */
    RN_EVENT_RESUME_END                 /* the client has seen the end */
} rn_event_resume_e;


/*
 * Exactly "ms" or "ms-seq", each of 1 to 18 digits; without a number within
 * the millisecond it is 0.
 */
bool rn_event_id_read(const char *text, size_t len, rn_event_id *id);

/* What a Last-Event-ID says: an id, or "end-" and whatever follows. */
rn_event_resume_e rn_event_resume(const char *text, size_t len,
    rn_event_id *id);

/* Below 0, 0 or above 0, as a comes before b, is b, or comes after it. */
int rn_event_id_compare(const rn_event_id *a, const rn_event_id *b);

/*
 * A member of the document itself, not of what is inside it: a span of doc,
 * the value as it is written, a string with its quotes.  The first, if there
 * are two.  False: there is none, or the text before it is no JSON.  Names are
 * compared as written, so that one with escapes is never found; `name` needs
 * none.
 */
bool rn_event_member(const char *doc, size_t len, const char *name,
    const char **value, size_t *value_len);

/* The same, of a string without escapes, and the span lacks its quotes. */
bool rn_event_string(const char *doc, size_t len, const char *name,
    const char **value, size_t *value_len);

/* Whether this member is this string; it needs no escapes. */
bool rn_event_is(const char *doc, size_t len, const char *name,
    const char *text);

/*
 * A member that is a number from 0 to 100,000,000, times ten and cut off
 * there; -1: it is something else, or not there.
 */
long rn_event_tenths(const char *doc, size_t len, const char *name);


#endif /* RN_EVENT_H */
