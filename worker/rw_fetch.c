/* The guarded fetch; see rw_fetch.h. */

#include "rw_fetch.h"
#include "rn_id.h"
#include "rn_log.h"
#include "rw_setting.h"

#include <curl/curl.h>
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <openssl/evp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>


#define FIRST_FD   3
#define SPEC       FIRST_FD
#define RESULT     (FIRST_FD + 1)
#define STATUS     (FIRST_FD + 2)
#define OUTPUT     (FIRST_FD + 3)
#define SPEC_MAX   65536
#define TELL_GAP   0.25                 /* s */
#define ENV_MAX    64


typedef struct {
    EVP_MD_CTX  *digest;
    int64_t      bytes;
    double       told_at;
} sink;


static bool
read_ports(rw_http_guard *g, const char *text)
{
    long         n;
    char        *end;

    for (text += strspn(text, " ,"); *text != '\0';
         text = end + strspn(end, " ,"))
    {
        n = strtol(text, &end, 10);

        if (end == text || n < 1 || n > 65535 || g->n_ports == RW_HTTP_PORTS
            || strchr(" ,", *end) == NULL)
        {
            return false;
        }

        g->ports[g->n_ports++] = (int) n;
    }

    return true;
}


static bool
read_list(const char *name, rn_guard_list *list)
{
    char         err[200];
    const char  *s;

    s = rw_setting(name);

    if (s != NULL && !rn_guard_list_read(list, s, err, sizeof(err))) {
        rn_log(RN_LOG_ERROR, "%s: %s", name, err);
        return false;
    }

    return true;
}


bool
rw_fetch_configure(rw_fetch_settings *s)
{
    const char  *v;

    memset(s, 0, sizeof(*s));
    s->mb = 500;
    s->seconds = 300;
    s->slots = 8;

    v = rw_setting("RENDER_FETCH");
    if (v == NULL || v[0] == '\0') {
        v = "https";
    }

    s->on = strcmp(v, "off") != 0;
    s->guard.http = strcmp(v, "all") == 0;

    if (s->on && !s->guard.http && strcmp(v, "https") != 0) {
        rn_log(RN_LOG_ERROR, "RENDER_FETCH must be off, https or all, not "
               "\"%s\"", v);
        return false;
    }

    v = rw_setting("RENDER_FETCH_PORTS");
    if (v != NULL && !read_ports(&s->guard, v)) {
        rn_log(RN_LOG_ERROR, "RENDER_FETCH_PORTS must be up to %d ports, not "
               "\"%s\"", RW_HTTP_PORTS, v);
        return false;
    }

    v = rw_setting("RENDER_FETCH_CA");
    if (v != NULL && v[0] != '\0') {
        if (access(v, R_OK) != 0) {
            rn_log(RN_LOG_ERROR, "RENDER_FETCH_CA: %s: %s", v,
                   strerror(errno));
            return false;
        }
        s->guard.ca = v;
    }

    return read_list("RENDER_FETCH_ALLOW", &s->guard.allow)
           && read_list("RENDER_FETCH_DENY", &s->guard.deny)
           && rw_setting_number("RENDER_FETCH_MB", 1, 1000000, &s->mb)
           && rw_setting_number("RENDER_FETCH_SECONDS", 1, 86400, &s->seconds)
           && rw_setting_number("RENDER_FETCH_SLOTS", 1, 512, &s->slots);
}


/* Of the environment it gets its settings, and what tells us of faults. */

static void
few(char *env[ENV_MAX])
{
    size_t   i, k, n;

    static const char *const names[] = {
        "RENDER_FETCH", "LOG_", "LD_LIBRARY_PATH=", "ASAN_OPTIONS=",
        "UBSAN_OPTIONS="
    };

    n = 0;

    for (i = 0; environ != NULL && environ[i] != NULL; i++) {
        for (k = 0; k < sizeof(names) / sizeof(names[0]); k++) {
            if (n + 1 < ENV_MAX
                && strncmp(environ[i], names[k], strlen(names[k])) == 0)
            {
                env[n++] = environ[i];
                break;
            }
        }
    }

    env[n] = NULL;
}


pid_t
rw_fetch_start(const int fds[RW_FETCH_FDS])
{
    int       i, high[RW_FETCH_FDS];
    char     *env[ENV_MAX];
    pid_t     pid, parent;
    sigset_t  none;

    static char *const args[] = {
        "render-worker", RW_FETCH_ARGUMENT, NULL
    };

    parent = getpid();
    pid = fork();

    if (pid != 0) {
        return pid;
    }

    (void) prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent) {
        _exit(127);
    }

    /* first out of the way of one another, then to their numbers */

    for (i = 0; i < RW_FETCH_FDS; i++) {
        high[i] = fcntl(fds[i], F_DUPFD_CLOEXEC, 100);
    }

    for (i = 0; i < RW_FETCH_FDS; i++) {
        if (high[i] < 0 || dup2(high[i], FIRST_FD + i) < 0) {
            _exit(127);
        }
    }

    (void) close_range(FIRST_FD + RW_FETCH_FDS, ~0U, 0);
    (void) sigemptyset(&none);
    (void) sigprocmask(SIG_SETMASK, &none, NULL);

    few(env);
    (void) execve("/proc/self/exe", args, env);
    _exit(127);
}


/* ---- in the process itself ---- */

static bool
take(void *opaque, const void *data, size_t n)
{
    sink             *k = opaque;
    double            at;
    size_t            done;
    int64_t           units;
    ssize_t           put;
    struct timespec   ts;

    if (EVP_DigestUpdate(k->digest, data, n) != 1) {
        return false;
    }

    for (done = 0; done < n; done += (size_t) put) {
        put = write(OUTPUT, (const char *) data + done, n - done);

        if (put < 0 && errno == EINTR) {
            put = 0;
        } else if (put <= 0) {
            rn_log(RN_LOG_ERROR, "fetch: write: %s", strerror(errno));
            return false;
        }
    }

    k->bytes += (int64_t) n;

    (void) clock_gettime(CLOCK_MONOTONIC, &ts);
    at = (double) ts.tv_sec + (double) ts.tv_nsec / 1e9;

    if (at - k->told_at >= TELL_GAP) {      /* that it lives */
        units = 1;
        k->told_at = at;
        (void) !write(STATUS, &units, sizeof(units));
    }

    return true;
}


static json_t *
read_spec(void)
{
    char         text[SPEC_MAX];
    ssize_t      n;

    n = pread(SPEC, text, sizeof(text), 0);

    return n > 0 ? json_loadb(text, (size_t) n, 0, NULL) : NULL;
}


static int
answer(json_t *j)
{
    char    *text;
    size_t   n;
    bool     fine;

    text = json_dumps(j, JSON_COMPACT);
    n = text != NULL ? strlen(text) : 0;
    fine = text != NULL && pwrite(RESULT, text, n, 0) == (ssize_t) n;
    free(text);
    json_decref(j);

    return fine ? 0 : 1;
}


static json_t *
result_of(const rw_http_answer *a, const rw_http_request *req, sink *k)
{
    char           hex[65];
    unsigned char  digest[EVP_MAX_MD_SIZE];

    if (a->code == 304) {
        return json_pack("{s:s, s:{s:b, s:s}}", "status", "ok", "result",
                         "stored", 0, "etag", req->etag);
    }

    (void) EVP_DigestFinal_ex(k->digest, digest, NULL);
    rn_hex(digest, 32, hex);

    return json_pack("{s:s, s:{s:b, s:I, s:s, s:s*}}", "status", "ok",
                     "result", "stored", 1, "bytes", (json_int_t) k->bytes,
                     "sha256", hex, "etag", a->etag[0] ? a->etag : NULL);
}


/* No core, no more privileges, no more memory for the file than it may have. */

static void
limit(int64_t max_bytes)
{
    struct rlimit  r;

    (void) prctl(PR_SET_DUMPABLE, 0);
    (void) prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    (void) signal(SIGPIPE, SIG_IGN);
    (void) signal(SIGXFSZ, SIG_IGN);

    r.rlim_cur = r.rlim_max = 0;
    (void) setrlimit(RLIMIT_CORE, &r);
    r.rlim_cur = r.rlim_max = (rlim_t) max_bytes + 65536;
    (void) setrlimit(RLIMIT_FSIZE, &r);
    r.rlim_cur = r.rlim_max = 64;
    (void) setrlimit(RLIMIT_NOFILE, &r);
}


int
rw_fetch_main(void)
{
    sink               k;
    char               most[32];
    json_t            *spec, *left;
    struct stat        sb;
    rw_http_answer     a;
    rw_http_request    req;
    rw_fetch_settings  s;

    rn_log_init("render-worker");

    if (fstat(OUTPUT, &sb) != 0 || !rw_fetch_configure(&s)) {
        return 2;                           /* somebody calls it by hand */
    }

    spec = read_spec();
    memset(&k, 0, sizeof(k));
    memset(&req, 0, sizeof(req));

    req.url = json_string_value(json_object_get(spec, "url"));
    req.etag = json_string_value(json_object_get(spec, "etag"));
    req.seconds = (double) s.seconds;
    req.max_bytes = (int64_t) s.mb * 1000000;
    req.max_told = most;
    (void) snprintf(most, sizeof(most), "%ld MB", s.mb);
    req.take = take;
    req.opaque = &k;

    left = json_object_get(spec, "left");
    if (json_is_integer(left) && json_integer_value(left) < req.max_bytes) {
        req.max_bytes = json_integer_value(left);
        req.max_told = "what the account may still store";
    }

    if (!s.on) {
        return answer(json_pack("{s:s, s:s}", "status", "unsupported", "text",
                                "this server fetches nothing from other hosts; "
                                "upload the file and name it \"asset:<id>\""));
    }

    if (req.max_bytes <= 0) {
        return answer(json_pack("{s:s, s:s}", "status", "limit", "text",
                                "the account has no room left for what has to "
                                "be fetched"));
    }

    k.digest = EVP_MD_CTX_new();

    if (req.url == NULL || k.digest == NULL
        || EVP_DigestInit_ex(k.digest, EVP_sha256(), NULL) != 1
        || curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
    {
        return 1;
    }

    limit(req.max_bytes);
    rw_http_get(&s.guard, &req, &a);

    spec = a.status == RN_OK ? result_of(&a, &req, &k)
           : json_pack("{s:s, s:s}", "status", rn_status_name(a.status),
                       "text", a.text);

    return answer(spec);
}
