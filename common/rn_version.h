/*
 * The version of all that is built here: module, worker and command.
 */

#ifndef RN_VERSION_H
#define RN_VERSION_H

#define RN_VERSION  "0.1.0"

#endif /* RN_VERSION_H */
