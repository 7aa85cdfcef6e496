/* The setting RENDER_ENCODER; see rw_encoder.h. */

#include "rw_encoder.h"
#include "rn_log.h"
#include "rw_setting.h"

#include <stdio.h>


bool
rw_encoder_setting(bool confined, hardware_choice *out)
{
    const char  *word;

    word = rw_setting("RENDER_ENCODER");

    if (!hardware_known(word)) {
        rn_log(RN_LOG_ERROR, "RENDER_ENCODER must be " HARDWARE_WORDS ", not "
               "\"%s\"", word);
        return false;
    }

    hardware_choose(word, confined, out);

    if (out->found.name[0] != '\0') {
        rn_log(RN_LOG_INFO, "H.264 is coded by %s (%s)", out->found.name,
               out->found.driver);
    } else if (out->why[0] != '\0') {
        rn_log(RN_LOG_WARN, "RENDER_ENCODER=%s: %s", word, out->why);
    }

    return true;
}


void
rw_encoder_test(const hardware_choice *c)
{
    if (c->found.name[0] != '\0') {
        printf("%-12s %s (%s)\n", "encoder", c->found.name, c->found.driver);
    } else {
        printf("%-12s %s\n", "encoder", c->why[0] != '\0' ? c->why : "libx264");
    }
}
