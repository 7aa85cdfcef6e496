/* What is said of an upload, in a small file beside it; see rn_spool.h. */

#include "rn_spool_parts.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>


#define INFO_MAX  32768                 /* bytes of a small file */


static const char *const  states[] = { "open", "sealed", "sent", "done" };

#define N_STATES  (sizeof(states) / sizeof(states[0]))


void
rn_spool_name(char name[RN_SPOOL_NAME], const char *id, const char *suffix)
{
    (void) snprintf(name, RN_SPOOL_NAME, "%.36s%s", id, suffix);
}


/* Whether the machine was switched off since the small file was written. */

static bool
was_off(const rn_spool *s, const char *boot)
{
    size_t  n;

    n = strcspn(s->boot, "/") + 1;

    return s->boot[0] != '\0' && boot != NULL && boot[0] != '\0'
           && strncmp(s->boot, boot, n) == 0 && strcmp(s->boot, boot) != 0;
}


static void
copy_string(char *out, size_t size, json_t *o, const char *name)
{
    (void) snprintf(out, size, "%s",
                    json_string_value(json_object_get(o, name)) ?: "");
}


/* The state of the hash, as it lies in memory, in hex. */

static void
read_hash(rn_upload *u, json_t *o)
{
    size_t       i;
    const char  *hex;
    uint8_t      bytes[sizeof(SHA256_CTX)];

    u->hashed = 0;
    (void) SHA256_Init(&u->hash);

    hex = json_string_value(json_object_get(o, "hash"));

    if (hex == NULL || strlen(hex) != 2 * sizeof(bytes)) {
        return;
    }

    for (i = 0; i < sizeof(bytes); i++) {
        int  high = rn_hex_value(hex[2 * i]);
        int  low = rn_hex_value(hex[2 * i + 1]);

        if (high < 0 || low < 0) {
            return;
        }
        bytes[i] = (uint8_t) (high << 4 | low);
    }

    memcpy(&u->hash, bytes, sizeof(bytes));
    u->hashed = json_integer_value(json_object_get(o, "hashed"));

    /* it counts the bits itself */

    if (u->hash.num >= sizeof(u->hash.data) || u->hashed < 0
        || (uint64_t) u->hashed
           != ((uint64_t) u->hash.Nh << 32 | u->hash.Nl) / 8)
    {
        u->hashed = 0;
        (void) SHA256_Init(&u->hash);
    }
}


static int64_t
number_of(json_t *o, const char *name, int64_t otherwise)
{
    json_t  *n = json_object_get(o, name);

    return json_is_integer(n) ? json_integer_value(n) : otherwise;
}


int
rn_spool_read_info(rn_spool *s, const char *id, rn_upload *u, bool *off)
{
    int          fd;
    char         name[RN_SPOOL_NAME], text[INFO_MAX];
    size_t       i;
    json_t      *o;
    ssize_t      n;
    const char  *state;

    rn_spool_name(name, id, ".info");
    fd = openat(s->dir, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);

    if (fd < 0) {
        return errno;
    }

    n = read(fd, text, sizeof(text));
    (void) close(fd);

    o = n > 0 ? json_loadb(text, (size_t) n, 0, NULL) : NULL;
    state = json_string_value(json_object_get(o, "state"));

    for (i = 0; state != NULL && i < N_STATES; i++) {
        if (strcmp(state, states[i]) == 0) {
            break;
        }
    }

    if (state == NULL || i == N_STATES) {
        json_decref(o);
        return EBADMSG;
    }

    memset(u, 0, sizeof(*u));
    u->fd = -1;
    u->state = (rn_upload_state) i;
    (void) snprintf(u->id, sizeof(u->id), "%s", id);
    copy_string(u->account, sizeof(u->account), o, "account");
    copy_string(u->concat, sizeof(u->concat), o, "concat");
    copy_string(u->metadata, sizeof(u->metadata), o, "metadata");
    copy_string(u->key, sizeof(u->key), o, "key");
    copy_string(u->type, sizeof(u->type), o, "type");
    copy_string(u->sha256, sizeof(u->sha256), o, "sha256");
    u->length = number_of(o, "length", -1);
    u->limit = number_of(o, "limit", -1);
    u->expires = number_of(o, "expires", 0);
    u->until = number_of(o, "until", u->expires);
    u->partial = json_is_true(json_object_get(o, "partial"));
    u->unsure = number_of(o, "unsure", -1);
    u->synced = number_of(o, "synced", 0);
    read_hash(u, o);
    *off = was_off(s, json_string_value(json_object_get(o, "boot")));
    json_decref(o);

    return 0;
}


int
rn_upload_keep(rn_spool *s, rn_upload *u)
{
    int      fd, rc;
    char     new[RN_SPOOL_NAME], name[RN_SPOOL_NAME], *text;
    char     hash[2 * sizeof(SHA256_CTX) + 1];
    size_t   len;
    json_t  *o;

    if (u->unsure < 0 && u->hashed > u->offset) {

        /* not all of that could be written: it is hashed anew */

        u->hashed = 0;
        (void) SHA256_Init(&u->hash);
    }

    rn_hex(u->unsure < 0 ? &u->hash : &u->sure, sizeof(u->hash), hash);

    o = json_pack("{s:s, s:s, s:I, s:I, s:I, s:b, s:s, s:s, s:s, s:s, s:s, s:I,"
                  " s:I, s:s, s:I, s:s, s:I}",
                  "state", states[u->state], "account", u->account,
                  "length", (json_int_t) u->length,
                  "limit", (json_int_t) u->limit,
                  "expires", (json_int_t) u->expires, "partial", u->partial,
                  "concat", u->concat, "metadata", u->metadata, "key", u->key,
                  "type", u->type, "sha256", u->sha256,
                  "unsure", (json_int_t) u->unsure,
                  "synced", (json_int_t) u->synced, "boot", s->boot,
                  "hashed",
                  (json_int_t) (u->unsure < 0 ? u->hashed : u->unsure),
                  "hash", hash, "until", (json_int_t) u->until);
    text = json_dumps(o, JSON_COMPACT);
    json_decref(o);

    if (text == NULL) {
        return ENOMEM;
    }

    len = strlen(text);
    rn_spool_name(new, u->id, ".new");
    rn_spool_name(name, u->id, ".info");

    fd = openat(s->dir, new, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0640);
    rc = fd < 0 ? errno : 0;

    if (rc == 0) {
        ssize_t  n = write(fd, text, len);

        rc = n < 0 ? errno : n != (ssize_t) len ? ENOSPC : 0;

        if (rc == 0 && u->state == RN_UPLOAD_SENT && fsync(fd) != 0) {
            rc = errno;
        }
        (void) close(fd);
    }

    if (rc == 0 && renameat(s->dir, new, s->dir, name) != 0) {
        rc = errno;
    }

    if (rc != 0 && fd >= 0) {
        (void) unlinkat(s->dir, new, 0);
    }

    if (rc == 0 && u->state == RN_UPLOAD_SENT && fsync(s->dir) != 0) {
        rc = errno;
    }

    if (u->state == RN_UPLOAD_DONE) {   /* nobody has to let go any more */
        rn_spool_unask(s, u->id);
    }

    free(text);

    return rc;
}
