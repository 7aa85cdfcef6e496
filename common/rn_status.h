/*
 * The outcomes that cross a border: library to stage, child to supervisor,
 * worker to SQL.  The wire names are stable; the numbers are not.
 */

#ifndef RN_STATUS_H
#define RN_STATUS_H


typedef enum {
    RN_OK = 0,
    RN_E_INTERNAL,              /* a fault of ours, or of the machine: retry */
    RN_E_NOMEM,                 /* retry */
    RN_E_IO,                    /* retry */
    RN_E_INPUT,                 /* an input cannot be read: final */
    RN_E_INVALID,               /* the document cannot be rendered: final */
    RN_E_LIMIT,                 /* over a limit of the operator: final */
    RN_E_UNSUPPORTED,           /* not rendered by this version: final */
    RN_E_CANCELLED,             /* final */
    RN_E_MAX
} rn_status;


/* The stable wire name, e.g. "input".  Never NULL. */
const char *rn_status_name(rn_status st);

/* The status of a wire name; RN_E_INTERNAL when the name is not known. */
rn_status rn_status_parse(const char *name);

/* Whether another attempt could end otherwise. */
int rn_status_retryable(rn_status st);


#endif /* RN_STATUS_H */
