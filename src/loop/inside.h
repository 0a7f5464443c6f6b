/*
 * inside.h - what the files of this area share about a loop.
 */
#ifndef TDC_LOOP_INSIDE_H
#define TDC_LOOP_INSIDE_H

#include "loop/blocks.h"
#include "tdc/loop/loop.h"

#include <event2/event.h>
#include <pthread.h>

enum {
	LOOP_BLOCK_SMALL = 16 * 1024, /* queued output */
	LOOP_BLOCK_LARGE = 68 * 1024, /* input, and four TLS records with their frames */
};

/* Read when first asked for in a turn, then kept until its end. */
struct loop_time {
	int64_t mono, wall;
	bool is_fresh;
};

/* Something to free after the turn. */
struct loop_grave {
	void *p;
	void (*free_fn)(void *);
};

/* Something that lives on without an owner (a stream that lingers); the loop ends it
 * at the latest. */
struct loop_orphan {
	struct list_node node;
	void (*end)(struct loop_orphan *o);
};

/* Timers by time: a binary heap with the earliest first. A timer's `place` is its
 * index + 1. */
struct timer_heap {
	struct timer **at;
	size_t n, cap;
	size_t initialised; /* timers that may be set; cap is never less */
};

/* Jobs from other threads. */
struct loop_inbox {
	pthread_mutex_t lock;
	struct loop_job *first, **end;
	int wake_fd;
	struct event *wake;
};

struct loop {
	const struct clock *clock;
	struct loop_time now, *time; /* time = &now, so that a const loop can look */
	struct event_base *base;
	struct event *tick; /* ends a wait when the first timer is due */
	int64_t tick_at;    /* 0 = not armed */
	bool is_in_turn, is_stopped;
	struct timer_heap timers;
	struct list tasks[LOOP_RANKS];
	struct list orphans;
	struct loop_grave *graves;
	size_t n_graves, graves_cap;
	struct loop_inbox inbox;
	struct blocks small, large;
};

void timers_run(struct loop *l); /* those that are due */
void timers_done(struct loop *l);

#endif
