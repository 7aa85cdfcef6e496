/*
 * What the tests of the engine on real media share: documents, and sources that
 * the ffmpeg command makes.
 */

#ifndef ENGINE_H
#define ENGINE_H

#include "helpers.h"


#define FF    "ffmpeg -hide_banner -v error -y "
#define X264  "-c:v libx264 -preset ultrafast -crf 4 "
#define BT    "-colorspace bt709 -color_primaries bt709 -color_trc bt709 "

#define COLOR(c, members)                                                     \
    "{\"asset\":{\"type\":\"color\",\"color\":\"" c "\"}" members "}"
#define ASSET(type, src, members)                                             \
    "{\"asset\":{\"type\":\"" type "\",\"src\":\"" src "\"}" members "}"
#define VIDEO(src, members)  ASSET("video", src, members)
#define IMAGE(src, members)  ASSET("image", src, members)
#define AUDIO(src, members)  ASSET("audio", src, members)
#define TEXT(t, font, members)                                                \
    "{\"asset\":{\"type\":\"text\",\"text\":\"" t "\"" font "}" members "}"
#define FADE(t)                                                               \
    "{\"type\":\"transition\",\"transition_type\":\"fade\",\"duration\":" t "}"

#define DOC(w, h, fps, tracks)                                                \
    "{\"timeline\":{\"width\":" w ",\"height\":" h ",\"fps\":" fps            \
    ",\"tracks\":[" tracks "]}}"
#define TRACK(clips)    "{\"clips\":[" clips "]}"
#define SOUND(clips)    "{\"kind\":\"audio\",\"clips\":[" clips "]}"
#define SMALL(clips)    DOC("64", "64", "30", TRACK(clips))

/* luma of frame n of the films below that count their frames */
#define NUMBERED(n)  (16 + 1.5 * (double) (n))
#define NUMBERS      "geq=lum='16+T*45':cb=128:cr=128,format=yuv420p"

/* Sources of more than one of these programs */

#define MEDIA_NUMBERED                                                        \
    FF "-f lavfi -i \"color=black:s=64x64:r=30:d=4," NUMBERS "\" -g 15 "      \
        X264 BT "num.mp4"
#define MEDIA_TURNED                                                          \
    FF "-f lavfi -i testsrc2=s=128x96:r=30:d=0.5 " X264 BT "r0.mp4 && "       \
        "for r in 90 180 270; do "                                            \
        FF "-i r0.mp4 -c copy -metadata:s:v rotate=$r r$r.mp4; done"
#define MEDIA_HALF                                                            \
    FF "-f lavfi -i color=red:s=100x100 -f lavfi -i color=blue:s=100x100 "    \
        "-filter_complex hstack,format=rgb24 -frames:v 1 half.png"
#define MEDIA_SYNC                                                            \
    FF "-f lavfi -i \"color=black:s=64x64:r=30:d=5,geq=lum='if(lt(mod("       \
        "N,30),1),235,16)':cb=128:cr=128\" -f lavfi -i \"aevalsrc='"          \
        "if(lt(mod(t,1),0.04),0.8*cos(2*PI*1000*t),0)':s=48000:d=5\" " X264 BT\
        "-c:a pcm_s16le sync.mov && "                                         \
        FF "-i sync.mov -c:v copy -af apad=pad_dur=1 -c:a aac sync.mp4"


#endif /* ENGINE_H */
