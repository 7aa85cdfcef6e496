/* What the files that place captions share; for rn_cues*.c alone. */

#ifndef RN_CUES_PARTS_H
#define RN_CUES_PARTS_H

#include "rn_cues.h"


typedef struct {
    const rn_doc    *doc;
    rn_timeline     *tl;
    rn_problems     *problems;
    rn_place        *out;               /* the places to be */
    size_t           n, room;
    size_t           clips_room, lines_room;
    bool             nomem;
} rn_cues_placer;


/* Room for one more; NULL: no memory, which p->nomem says then. */
void *rn_cues_grow(rn_cues_placer *p, void *list, size_t n, size_t *room,
    size_t size);

int64_t rn_cues_tick(const rn_cues_placer *p, int64_t ms);
int64_t rn_cues_ms(const rn_cues_placer *p, int64_t tick);

/* With a number and ms, as seconds, for the format. */
void rn_cues_problem(rn_cues_placer *p, const rn_clip *c, const char *fmt,
    size_t n, int64_t ms);

/* Takes the text: what is said in these ms; false after a problem. */
bool rn_cues_line(rn_cues_placer *p, const rn_place *c, int64_t from,
    int64_t to, char *text, int place);

/* Takes the text, and makes a place of it in these ticks. */
bool rn_cues_text(rn_cues_placer *p, const rn_place *c, int64_t from,
    int64_t to, char *text, int place);

/* The part of the film, in ms, that a cue is seen in; false: none. */
bool rn_cues_visible(rn_cues_placer *p, const rn_place *c, int64_t *from,
    int64_t *to);

/*
 * Lines of words, and with a highlight a text for each word, which stays until
 * the next one is heard.
 */
bool rn_cues_words(rn_cues_placer *p, const rn_place *c);


#endif /* RN_CUES_PARTS_H */
