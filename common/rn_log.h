/*
 * Log lines of the worker and the command: one line an event on standard
 * error, as text or as JSON (LOG_FORMAT=json).  nginx has its own log.
 */

#ifndef RN_LOG_H
#define RN_LOG_H


typedef enum { RN_LOG_ERROR, RN_LOG_WARN, RN_LOG_INFO, RN_LOG_DEBUG } rn_level;


/* Reads LOG_LEVEL and LOG_FORMAT; `service` is kept, not copied. */
void rn_log_init(const char *service);

/* Names what following lines are about, e.g. a task; "" for nothing. */
void rn_log_about(const char *about);

/* Writes one line; fmt without a newline. */
void rn_log(rn_level level, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));


#endif /* RN_LOG_H */
