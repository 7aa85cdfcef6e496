/* Small files; see rn_bytes.h. */

#include "rn_bytes.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>


bool
rn_bytes_head(int fd, char *out, size_t max, size_t *n)
{
    ssize_t  k;

    for (*n = 0; *n < max; *n += (size_t) k) {
        k = pread(fd, out + *n, max - *n, (off_t) *n);

        if (k < 0 && errno == EINTR) {
            k = 0;
            continue;
        }

        if (k < 0) {
            return false;
        }

        if (k == 0) {
            break;
        }
    }

    return true;
}


rn_status
rn_bytes_read(int fd, size_t max, rn_bytes *out, rn_fault *fault)
{
    struct stat  st;

    memset(out, 0, sizeof(*out));

    if (fstat(fd, &st) != 0) {
        return rn_fail(fault, RN_E_INPUT, "the file cannot be read: %s",
                       strerror(errno));
    }

    if (st.st_size < 0 || (uintmax_t) st.st_size > max) {
        return rn_fail(fault, RN_E_LIMIT, "the file is of %lld bytes; of its "
                       "kind at most %zu are read", (long long) st.st_size,
                       max);
    }

    out->p = malloc((size_t) st.st_size + 1);
    if (out->p == NULL) {
        return rn_fail(fault, RN_E_NOMEM, "out of memory");
    }

    if (!rn_bytes_head(fd, out->p, (size_t) st.st_size, &out->n)) {
        rn_bytes_free(out);
        return rn_fail(fault, RN_E_INPUT, "the file cannot be read: %s",
                       strerror(errno));
    }

    out->p[out->n] = '\0';

    return RN_OK;
}


void
rn_bytes_free(rn_bytes *b)
{
    free(b->p);
    b->p = NULL;
    b->n = 0;
}
