/*
 * control.h - commands at run time over a unix socket; options_help() lists them.
 */
#ifndef TDC_SINK_CONTROL_H
#define TDC_SINK_CONTROL_H

#include "sink.h"

struct control;

int control_new(struct sink *k, const char *path, struct control **ret, struct err *e);
void control_free(struct control *c); /* NULL is fine */

#endif
