/*
 * Sound that is taken as it is: what of a file can be, which is found out when
 * it is probed, and the taking.  A packet of AAC-LC is 1024 samples, and needs
 * none but the one before it (ISO/IEC 14496-3, 4.6.11: windows overlap by a
 * half).
 */

#ifndef RN_COPY_SOUND_H
#define RN_COPY_SOUND_H

#include "rn_input.h"
#include "rn_segment.h"


/*
 * What can be copied of the sound:
 *
 *   {"rate", "channels", "from": where the first packet begins, in samples of
 *    that rate from the file's time 0, "end": where the sound does}
 *
 * New; NULL where nothing can be: another container or codec than AAC-LC in
 * MP4, more than two channels, a rate that players may not take, packets that
 * do not follow each other without a gap.
 */
json_t *rn_copy_sound_facts(rn_input *in);

/*
 * Copies spec.packets packets of the file that spec.copy names, {"input",
 * "rate", "from": of the first, in samples}, to a piece as rn_mix_render writes
 * it.  RN_E_INPUT: the file does not hold what its probe has told.
 */
rn_status rn_copy_sound(json_t *spec, const rn_env *env, int out_fd,
    int64_t *bytes, rn_fault *fault);


#endif /* RN_COPY_SOUND_H */
