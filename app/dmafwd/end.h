/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The ioat-pmd authors
 */

#ifndef DMAFWD_END_H
#define DMAFWD_END_H

/**
 * @file
 * The end of the program: signals that ask for it, and a watch for lcores that do not come to it,
 * because a driver they called never returns. Main thread only.
 */

#include <stdatomic.h>
#include <stdint.h>

struct end_watch {
	const atomic_bool *stop;
	unsigned int limit_ms;      /* from the moment *stop is set */
	void (*give_up)(void *ctx); /* runs in a thread of EAL; not to return */
	void *ctx;
	unsigned int waited_ms; /* the watch's own */
};

/**
 * The first SIGINT or SIGTERM sets *@p stop; the second, of either kind, ends the process at once.
 */
void end_catch_signals(atomic_bool *stop);

/**
 * Call w->give_up() when end_watch_stop() has not been called w->limit_ms after *w->stop was set.
 * @return 0; a negative errno: there is no watch.
 */
int end_watch_start(struct end_watch *w);

/** End the watch. When it returns, give_up() neither runs nor will. */
void end_watch_stop(struct end_watch *w);

#endif /* DMAFWD_END_H */
