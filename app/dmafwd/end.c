/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The ioat-pmd authors
 */

#include "end.h"

#include <signal.h>
#include <stdbool.h>

#include <rte_alarm.h>

#define WATCH_MS 50

static atomic_bool *signal_stop;

static void
end_on_signal(int sig)
{
	(void)sig;
	atomic_store_explicit(signal_stop, true, memory_order_relaxed);
	/* SA_RESETHAND would reset one of the two only. */
	signal(SIGINT, SIG_DFL);
	signal(SIGTERM, SIG_DFL);
}

void
end_catch_signals(atomic_bool *stop)
{
	struct sigaction sa = {.sa_handler = end_on_signal};

	signal_stop = stop;
	sigaction(SIGINT, &sa, NULL);
	sigaction(SIGTERM, &sa, NULL);
}

/* Counts its own calls, not the clock: a process that was stopped gets its time all the same. */
static void
end_watch_tick(void *arg)
{
	struct end_watch *w = arg;

	if (atomic_load_explicit(w->stop, memory_order_relaxed)) {
		if (w->waited_ms >= w->limit_ms)
			w->give_up(w->ctx);
		w->waited_ms += WATCH_MS;
	}
	/* Armed before, with the same memory to spare: what fails here ends the watch only. */
	rte_eal_alarm_set(WATCH_MS * 1000, end_watch_tick, w);
}

int
end_watch_start(struct end_watch *w)
{
	w->waited_ms = 0;
	return rte_eal_alarm_set(WATCH_MS * 1000, end_watch_tick, w);
}

void
end_watch_stop(struct end_watch *w)
{
	rte_eal_alarm_cancel(end_watch_tick, w);
}
