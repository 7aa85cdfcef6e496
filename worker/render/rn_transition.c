/*
 * The table of transitions.  A new one is a function, a row here, and its name
 * without the minus in common/rn_doc.c.
 */

#include "rn_transition.h"
#include "rn_blend.h"

#include <string.h>


static const struct {
    const char        *name;
    rn_transition_pt   draw;
} transitions[] = {
    { "fade", rn_mix },
};


rn_transition_pt
rn_transition(const char *name)
{
    size_t  i;

    for (i = 0; name != NULL
         && i < sizeof(transitions) / sizeof(transitions[0]); i++)
    {
        if (strcmp(transitions[i].name, name) == 0) {
            return transitions[i].draw;
        }
    }

    return NULL;
}
