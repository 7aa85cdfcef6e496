/* Packets with descriptors; see rw_proto.h. */

#include "rw_proto.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>


#define PACKET_MAX  (128 * 1024)


bool
rw_pair(int fds[2])
{
    int  i, size;

    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds) != 0) {
        return false;
    }

    size = 4 * PACKET_MAX;
    for (i = 0; i < 2; i++) {
        (void) setsockopt(fds[i], SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
    }

    return true;
}


bool
rw_send(int sock, json_t *msg, const int *fds, size_t n)
{
    char            *text, control[CMSG_SPACE(sizeof(int) * RW_FDS_MAX)];
    ssize_t          sent;
    struct iovec     iov;
    struct msghdr    h;
    struct cmsghdr  *c;

    text = msg != NULL ? json_dumps(msg, JSON_COMPACT) : NULL;
    json_decref(msg);

    if (text == NULL || n > RW_FDS_MAX) {
        free(text);
        errno = EINVAL;
        return false;
    }

    memset(&h, 0, sizeof(h));
    iov.iov_base = text;
    iov.iov_len = strlen(text);
    h.msg_iov = &iov;
    h.msg_iovlen = 1;

    if (n > 0) {
        memset(control, 0, sizeof(control));
        h.msg_control = control;
        h.msg_controllen = CMSG_SPACE(sizeof(int) * n);
        c = CMSG_FIRSTHDR(&h);
        c->cmsg_level = SOL_SOCKET;
        c->cmsg_type = SCM_RIGHTS;
        c->cmsg_len = CMSG_LEN(sizeof(int) * n);
        memcpy(CMSG_DATA(c), fds, sizeof(int) * n);
    }

    do {
        sent = sendmsg(sock, &h, MSG_NOSIGNAL);
    } while (sent < 0 && errno == EINTR);

    free(text);

    return sent >= 0;
}


json_t *
rw_recv(int sock, int fds[RW_FDS_MAX], size_t *n)
{
    char            *text, control[CMSG_SPACE(sizeof(int) * RW_FDS_MAX)];
    json_t          *msg;
    ssize_t          got;
    struct iovec     iov;
    struct msghdr    h;
    struct cmsghdr  *c;

    *n = 0;

    text = malloc(PACKET_MAX);
    if (text == NULL) {
        return NULL;
    }

    memset(&h, 0, sizeof(h));
    iov.iov_base = text;
    iov.iov_len = PACKET_MAX;
    h.msg_iov = &iov;
    h.msg_iovlen = 1;
    h.msg_control = control;
    h.msg_controllen = sizeof(control);

    do {
        got = recvmsg(sock, &h, MSG_CMSG_CLOEXEC);
    } while (got < 0 && errno == EINTR);

    if (got <= 0) {
        free(text);
        return NULL;
    }

    for (c = CMSG_FIRSTHDR(&h); c != NULL; c = CMSG_NXTHDR(&h, c)) {
        if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_RIGHTS) {
            *n = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
            memcpy(fds, CMSG_DATA(c), *n * sizeof(int));
        }
    }

    msg = json_loadb(text, (size_t) got, 0, NULL);
    free(text);

    if (msg != NULL && (h.msg_flags & MSG_CTRUNC)) {    /* no room for them */
        (void) json_object_set_new(msg, "errno", json_integer(EMFILE));
    }

    if (msg == NULL) {
        while (*n > 0) {
            (void) close(fds[--*n]);
        }
        errno = EPROTO;
    }

    return msg;
}


const char *
rw_str(json_t *o, const char *name)
{
    const char  *s;

    s = json_string_value(json_object_get(o, name));

    return s != NULL ? s : "";
}
