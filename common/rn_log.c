/* Log lines to standard error; each leaves in one write. */

#include "rn_log.h"

#include <jansson.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>
#include <unistd.h>


static const char *const names[] = { "error", "warn", "info", "debug" };

static const char  *log_service = "render";
static rn_level     log_level = RN_LOG_INFO;
static int          log_json;
static char         log_about[96];


void
rn_log_init(const char *service)
{
    int          i;
    const char  *s;

    log_service = service;

    s = getenv("LOG_LEVEL");
    for (i = 0; s != NULL && i < 4; i++) {
        if (strcasecmp(s, names[i]) == 0) {
            log_level = (rn_level) i;
        }
    }

    s = getenv("LOG_FORMAT");
    log_json = s != NULL && strcasecmp(s, "json") == 0;
}


void
rn_log_about(const char *about)
{
    (void) snprintf(log_about, sizeof(log_about), "%s", about);
}


void
rn_log(rn_level level, const char *fmt, ...)
{
    int              n;
    char             msg[1024], line[1400], ts[40], *dump;
    json_t          *j;
    va_list          ap;
    struct tm        tm;
    struct timespec  now;

    if (level > log_level) {
        return;
    }

    va_start(ap, fmt);
    (void) vsnprintf(msg, sizeof(msg), fmt, ap);
    va_end(ap);

    (void) clock_gettime(CLOCK_REALTIME, &now);
    (void) gmtime_r(&now.tv_sec, &tm);
    n = (int) strftime(ts, sizeof(ts), "%Y-%m-%dT%H:%M:%S", &tm);
    (void) snprintf(ts + n, sizeof(ts) - n, ".%03ldZ", now.tv_nsec / 1000000);

    if (log_json) {
        j = json_pack("{s:s, s:s, s:s, s:i, s:s, s:s}", "ts", ts, "level",
                      names[level], "service", log_service, "pid",
                      (int) getpid(), "about", log_about, "msg", msg);
        dump = j != NULL ? json_dumps(j, JSON_COMPACT) : NULL;
        json_decref(j);

        if (dump != NULL) {
            n = snprintf(line, sizeof(line), "%s\n", dump);
            free(dump);
            goto out;
        }
    }

    n = snprintf(line, sizeof(line), "%s %s[%d] %s: %s%s%s\n", ts, log_service,
                 (int) getpid(), names[level], log_about,
                 log_about[0] ? ": " : "", msg);

out:

    if (n >= (int) sizeof(line)) {
        n = (int) sizeof(line) - 1;
        line[n - 1] = '\n';
    }

    (void) !write(STDERR_FILENO, line, (size_t) n);
}
