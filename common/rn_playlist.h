/*
 * Playlists of HTTP Live Streaming (RFC 8216) as text.  A track's fragments lie
 * one behind the other in files, after a head that all these files share, and
 * are named by their bytes.
 */

#ifndef RN_PLAYLIST_H
#define RN_PLAYLIST_H

#include <jansson.h>


/*
 * The playlist of all sizes: {"renditions": [{"uri", "bandwidth", "canvas": [w,
 * h, fps num, fps den], "codec"}], "sound": {"uri", "codec"} or absent,
 * "captions": [{"uri", "language"}] or absent}.
 * Freed with free(); NULL: what is given does not make one, or no memory.
 */
char *rn_playlist_master(json_t *o);

/* That of a file of captions which lasts for so many seconds. */
char *rn_playlist_captions(const char *uri, double seconds);

/*
 * One track's: {"target": s, "growing": bool, "ended": bool, "files": [{"uri",
 * "init": bytes of the head, "fragments": [{"bytes", "duration"}]}]}.  What is
 * growing is only added to later.  Freed with free(); NULL as above.
 */
char *rn_playlist_media(json_t *o);


#endif /* RN_PLAYLIST_H */
